-- SPDX-License-Identifier: Apache-2.0
--- The next edit: after a small change, a hint where the same is likely to be done next. One key goes there, then applies.
--- Rows and columns are 0-based and in bytes.
local config = require('graft.config')
local client = require('graft.client')

local M = {}

local namespace = vim.api.nvim_create_namespace('graft.next_edit')
vim.api.nvim_set_hl(0, 'GraftNextEdit', { link = 'DiffAdd', default = true })
vim.api.nvim_set_hl(0, 'GraftNextEditOld', { link = 'DiffDelete', default = true })
vim.api.nvim_set_hl(0, 'GraftNextEditHint', { link = 'Comment', default = true })

--- So many cursor moves without a jump say that the user is after something else.
local most_moves = 20

---@class graft.NextEdit
---@field row integer
---@field col integer
---@field end_row integer
---@field end_col integer
---@field text string

--- What is offered for `bufnr` as it is at changedtick `tick`: the next one first.
---@type { bufnr: integer, tick: integer, edits: graft.NextEdit[], moves: integer }?
local current
---@type { id: integer, client: table }?
local pending
local timer = assert(vim.uv.new_timer())

local function cancel()
  timer:stop()
  if pending then client.cancel(pending.client, pending.id) end
  pending = nil
end

--- Takes the hint away; true where there was one.
function M.dismiss()
  cancel()
  local shown = current ~= nil
  if current and vim.api.nvim_buf_is_valid(current.bufnr) then
    vim.api.nvim_buf_clear_namespace(current.bufnr, namespace, 0, -1)
  end
  current = nil
  return shown
end

--- The offers, while they are about the text as it is.
local function fresh()
  if not current or current.bufnr ~= vim.api.nvim_get_current_buf() then return nil end
  if vim.api.nvim_buf_get_changedtick(current.bufnr) ~= current.tick then return nil end
  return current
end

function M.visible() return fresh() ~= nil end

--- For tests and :Graft status: the text of the hint, and its row.
function M.shown()
  local offer = fresh()
  if not offer then return nil end
  local mark = vim.api.nvim_buf_get_extmarks(offer.bufnr, namespace, 0, -1, { details = true })
  for _, one in ipairs(mark) do
    if one[4].virt_text then return { row = one[2], text = one[4].virt_text[1][1] .. (one[4].virt_text[2] or { '' })[1] } end
  end
end

local function show()
  local offer = assert(current)
  local edit = offer.edits[1]
  vim.api.nvim_buf_clear_namespace(offer.bufnr, namespace, 0, -1)
  if edit.end_row > edit.row or edit.end_col > edit.col then
    vim.api.nvim_buf_set_extmark(offer.bufnr, namespace, edit.row, edit.col, {
      end_row = edit.end_row, end_col = edit.end_col, hl_group = 'GraftNextEditOld',
    })
  end
  local new = vim.split(edit.text, '\n', { plain = true })
  local text = #new == 1 and new[1] or (new[1] .. ' ...')
  local others = #offer.edits > 1 and (' (and %d more)'):format(#offer.edits - 1) or ''
  vim.api.nvim_buf_set_extmark(offer.bufnr, namespace, edit.row, edit.col, {
    virt_text = { { text == '' and '(delete)' or text, 'GraftNextEdit' }, { others, 'GraftNextEditHint' } },
    virt_text_pos = 'eol',
  })
  -- Out of sight, the cursor's line says where.
  if edit.row < vim.fn.line('w0') - 1 or edit.row > vim.fn.line('w$') - 1 then
    vim.api.nvim_buf_set_extmark(offer.bufnr, namespace, vim.api.nvim_win_get_cursor(0)[1] - 1, 0, {
      virt_text = { { ('next edit: line %d'):format(edit.row + 1), 'GraftNextEditHint' } },
      virt_text_pos = 'eol',
    })
  end
end

local function position_of(bufnr, position, encoding)
  local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ''
  return position.line, client.byte_index(line, position.character, encoding)
end

--- Asks the server now.
function M.request()
  local bufnr = vim.api.nvim_get_current_buf()
  local server = client.of_buffer(bufnr)
  if not server or not config.get().next_edit.enabled then return end
  cancel()
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  local params = vim.lsp.util.make_position_params(0, server.offset_encoding)
  local id
  id = client.request(server, 'graft/nextEdit', params, function(failure, result)
    if pending and pending.id == id then pending = nil end
    if failure or not result or not result.edits or #result.edits == 0 then return end
    if vim.api.nvim_get_current_buf() ~= bufnr or vim.api.nvim_buf_get_changedtick(bufnr) ~= tick then return end
    local edits = {}
    for _, edit in ipairs(result.edits) do
      local row, col = position_of(bufnr, edit.range.start, server.offset_encoding)
      local end_row, end_col = position_of(bufnr, edit.range['end'], server.offset_encoding)
      edits[#edits + 1] = { row = row, col = col, end_row = end_row, end_col = end_col, text = edit.newText }
    end
    current = { bufnr = bufnr, tick = tick, edits = edits, moves = 0 }
    show()
  end, bufnr)
  if id then pending = { id = id, client = server } end
end

--- Changes the buffer; later edits first, so that the earlier ones stay where they are.
local function apply(bufnr, edits)
  local sorted = vim.list_slice(edits)
  table.sort(sorted, function(a, b) return a.row > b.row or (a.row == b.row and a.col > b.col) end)
  vim.o.undolevels = vim.o.undolevels -- an undo step of its own
  for _, edit in ipairs(sorted) do
    vim.api.nvim_buf_set_text(bufnr, edit.row, edit.col, edit.end_row, edit.end_col, vim.split(edit.text, '\n', { plain = true }))
  end
end

--- Goes to the next edit; there already, applies it. Without one, does nothing and returns false.
---@return boolean
function M.go_or_apply()
  local offer = fresh()
  if not offer then return false end
  local edit = offer.edits[1]
  if vim.api.nvim_win_get_cursor(0)[1] - 1 ~= edit.row then
    vim.cmd("normal! m'") -- CTRL-O leads back
    offer.moves = -1 -- this jump is none
    vim.api.nvim_win_set_cursor(0, { edit.row + 1, edit.col })
    vim.cmd('normal! zv')
    show()
    return true
  end
  M.dismiss()
  apply(offer.bufnr, { edit })
  local lines = vim.split(edit.text, '\n', { plain = true })
  local col = #lines == 1 and edit.col + #lines[1] or #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { edit.row + #lines, col })
  return true
end

--- Applies the next edit and all others like it, as one undo step.
---@return boolean
function M.apply_all()
  local offer = fresh()
  if not offer then return false end
  M.dismiss()
  apply(offer.bufnr, offer.edits)
  vim.notify(('graft: changed %d places'):format(#offer.edits))
  return true
end

function M.enable(group)
  vim.api.nvim_create_autocmd({ 'TextChanged', 'TextChangedI', 'TextChangedP' }, {
    group = group,
    desc = 'Graft: look for the next edit',
    callback = function(event)
      if not client.of_buffer(event.buf) then return end
      M.dismiss()
      if not config.get().next_edit.enabled then return end
      timer:start(config.get().next_edit.debounce_ms, 0, vim.schedule_wrap(M.request))
    end,
  })
  vim.api.nvim_create_autocmd({ 'CursorMoved', 'CursorMovedI' }, {
    group = group,
    desc = 'Graft: the next edit goes when nobody goes to it',
    callback = function()
      if not current then return end
      current.moves = current.moves + 1
      if current.moves > most_moves then M.dismiss() end
    end,
  })
  vim.api.nvim_create_autocmd('BufLeave', { group = group, callback = function() M.dismiss() end })
end

return M
