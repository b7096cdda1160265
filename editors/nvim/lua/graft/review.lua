-- SPDX-License-Identifier: Apache-2.0
--- Review of a verified edit: the patch and its evidence in a split. `a` applies all of it (one undo step per file), `q` rejects.
local M = {}

--- Lines that say what was run and how it ended: one for your files, one for the patched ones.
local function evidence_lines(result)
  local lines = { '# ' .. (result.summary or 'Verified fix') }
  if result.words then -- of the tests, and of the other changes: a line each
    local tests, others = result.words:match('^(.-); (.*)$')
    lines[#lines + 1] = ('# evidence: %s: %s'):format(result.strength or 'unclear', tests or result.words)
    if others then lines[#lines + 1] = '#   ' .. others end
  end
  local endings, order = {}, {}
  for _, run in ipairs(result.evidence or {}) do
    if type(run) == 'table' then
      local what = ('# check on %s: %s'):format(run.tree == 'base' and 'your files' or 'the patched files', tostring(run.words or run.ending))
      if not endings[what] then
        endings[what] = {}
        order[#order + 1] = what
      end
      table.insert(endings[what], ('%.1f s'):format(tonumber(run.seconds) or 0))
    end
  end
  for _, what in ipairs(order) do lines[#lines + 1] = what .. ' (' .. table.concat(endings[what], ', ') .. ')' end
  if result.proposer then lines[#lines + 1] = '# proposed by ' .. result.proposer end
  return lines
end

--- Lines below the patch: other changes with which the check passed too, as comments, so that nothing takes them for the patch.
local function alternative_lines(result)
  local lines = {}
  for _, other in ipairs(result.alternatives or {}) do
    if type(other) == 'table' then
      lines[#lines + 1] = ('# also passes: %s (%s)'):format(tostring(other.summary), tostring(other.checked))
      local in_hunk = false
      for _, line in ipairs(vim.split(tostring(other.patch or ''), '\n', { plain = true })) do
        in_hunk = (in_hunk or vim.startswith(line, '@@')) and not vim.startswith(line, 'diff --git ')
        if in_hunk and line:find('^[-+]') then lines[#lines + 1] = '#   ' .. line end
      end
    end
  end
  return lines
end

--- Opens the review of `result` (the server's answer to graft.fix; its `edit` is a WorkspaceEdit).
function M.open(result, server)
  vim.cmd('botright new')
  local bufnr = vim.api.nvim_get_current_buf()
  vim.bo[bufnr].buftype, vim.bo[bufnr].bufhidden, vim.bo[bufnr].swapfile = 'nofile', 'wipe', false
  pcall(vim.api.nvim_buf_set_name, bufnr, 'graft://review')
  local lines = evidence_lines(result)
  vim.list_extend(lines, vim.split(result.patch or '', '\n', { plain = true }))
  if lines[#lines] == '' then lines[#lines] = nil end
  for _, line in ipairs(alternative_lines(result)) do
    lines[#lines + 1] = line:gsub('\n', ' ')
  end
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].filetype, vim.bo[bufnr].modifiable = 'diff', false
  vim.wo.winbar = ' Graft: verified fix    %#Keyword#a%* apply   %#Keyword#q%* reject'
  vim.wo.number, vim.wo.relativenumber, vim.wo.signcolumn, vim.wo.wrap = false, false, 'no', false
  vim.api.nvim_win_set_height(0, math.min(#lines + 1, math.floor(vim.o.lines * 0.6)))
  vim.fn.search('^[-+]\\([-+]\\)\\@!') -- the first change is in view, however long the evidence

  local function close()
    if vim.api.nvim_buf_is_valid(bufnr) then vim.api.nvim_buf_delete(bufnr, { force = true }) end
  end
  local function map(key, action, desc) vim.keymap.set('n', key, action, { buffer = bufnr, nowait = true, desc = desc }) end
  map('q', close, 'Graft: reject')
  map('a', function()
    close()
    M.apply(result, server)
  end, 'Graft: apply')
end

--- The person has confirmed by accepting here: annotations would be shown once more, and wait for a key.
local function without_annotations(edit)
  local copy = vim.deepcopy(edit)
  copy.changeAnnotations = nil
  for _, change in ipairs(copy.documentChanges or {}) do
    change.annotationId = nil
    for _, one in ipairs(change.edits or {}) do one.annotationId = nil end
  end
  return copy
end

--- Applies the edit through the editor, so that undo is the editor's own; refuses if a file changed since.
function M.apply(result, server)
  local edit = without_annotations(result.edit or {})
  for _, change in ipairs(edit.documentChanges or {}) do
    local document = change.textDocument
    local bufnr = document and vim.uri_to_bufnr(document.uri)
    if bufnr and vim.api.nvim_buf_is_loaded(bufnr) and vim.bo[bufnr].modified then
      vim.notify('graft: not applied: ' .. vim.fn.bufname(bufnr) .. ' changed since the check ran', vim.log.levels.WARN)
      return false
    end
    -- The state was checked above; Neovim's own version test knows only the buffers that were open at the time.
    if document then document.version = 0 end
  end
  vim.lsp.util.apply_workspace_edit(edit, server and server.offset_encoding or 'utf-16')
  vim.notify('graft: applied; :wall keeps it, u takes it back', vim.log.levels.INFO)
  return true
end

return M
