-- SPDX-License-Identifier: Apache-2.0
--- Inline suggestions: when to ask, what to keep while the user types on, and how to accept.
local config = require('graft.config')
local client = require('graft.client')
local ghost = require('graft.ghost')

local M = {}

--- The suggestion on screen: `text` goes to byte (row, col) of `bufnr` as it is at changedtick `tick`.
---@type { bufnr: integer, row: integer, col: integer, text: string, tick: integer }?
local current
---@type { bufnr: integer, id: integer, client: table }?
local pending
local timer = assert(vim.uv.new_timer())
--- The core's own inline completion, where it is wanted and there.
local core
local core_namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')

local function cursor()
  local position = vim.api.nvim_win_get_cursor(0)
  return position[1] - 1, position[2]
end

local function cancel_pending()
  if pending then client.cancel(pending.client, pending.id) end
  pending = nil
end

--- Switches the core's inline completion in every buffer that Graft serves.
local function switch_core(on)
  for _, server in ipairs(vim.lsp.get_clients({ name = 'graft' })) do
    for bufnr in pairs(server.attached_buffers) do core.enable(on, { bufnr = bufnr }) end
  end
end

function M.dismiss()
  if core then
    switch_core(false)
    return switch_core(config.get().completion.enabled)
  end
  timer:stop()
  cancel_pending()
  if current then ghost.clear(current.bufnr) end
  current = nil
end

--- Byte column of the LSP position in `bufnr`, clamped to the line.
local function byte_column(bufnr, position, encoding)
  local line = vim.api.nvim_buf_get_lines(bufnr, position.line, position.line + 1, false)[1] or ''
  return vim.str_byteindex and client.byte_index(line, position.character, encoding) or position.character
end

--- The text that remains to be inserted at the cursor, or nil if the answer does not fit there.
local function remaining(bufnr, item, encoding, row, col)
  local text = type(item.insertText) == 'table' and item.insertText.value or item.insertText
  if type(text) ~= 'string' or text == '' then return nil end
  if not item.range then return text end
  if item.range.start.line ~= row or item.range['end'].line ~= row then return nil end
  -- An item that also changes what is behind the cursor is a next edit, which has its own hint (next_edit.lua).
  if byte_column(bufnr, item.range['end'], encoding) ~= col then return nil end
  local start_col = byte_column(bufnr, item.range.start, encoding)
  local typed = vim.api.nvim_buf_get_text(bufnr, row, start_col, row, col, {})[1]
  if text:sub(1, #typed) ~= typed then return nil end
  return text:sub(#typed + 1)
end

--- Asks the server for a suggestion now and shows its first answer if the cursor is still there.
function M.request()
  local bufnr = vim.api.nvim_get_current_buf()
  local server = client.of_buffer(bufnr)
  if not server then return end
  cancel_pending()
  local row, col = cursor()
  local tick = vim.api.nvim_buf_get_changedtick(bufnr)
  local params = vim.lsp.util.make_position_params(0, server.offset_encoding)
  params.context = { triggerKind = 2 } -- automatic
  local id
  id = client.request(server, 'textDocument/inlineCompletion', params, function(failure, result)
    if pending and pending.id == id then pending = nil end
    if failure or not result then return end
    local items = result.items or result
    local now_row, now_col = cursor()
    if vim.api.nvim_get_current_buf() ~= bufnr or vim.api.nvim_get_mode().mode:sub(1, 1) ~= 'i'
      or now_row ~= row or now_col ~= col or vim.api.nvim_buf_get_changedtick(bufnr) ~= tick then
      return
    end
    local text = items[1] and remaining(bufnr, items[1], server.offset_encoding, row, col)
    if not text or text == '' then return end
    current = { bufnr = bufnr, row = row, col = col, text = text, tick = tick }
    ghost.show(bufnr, current)
  end, bufnr)
  if id then pending = { bufnr = bufnr, id = id, client = server } end
end

--- After a keystroke: what the user typed of the suggestion is taken off its front; anything else dismisses it.
local function follow_typing()
  if not current then return false end
  local row, col = cursor()
  if current.bufnr ~= vim.api.nvim_get_current_buf() or row ~= current.row or col <= current.col then return false end
  local typed = vim.api.nvim_buf_get_text(current.bufnr, row, current.col, row, col, {})[1]
  if current.text:sub(1, #typed) ~= typed or #typed == #current.text then return false end
  current.text, current.col = current.text:sub(#typed + 1), col
  current.tick = vim.api.nvim_buf_get_changedtick(current.bufnr)
  ghost.show(current.bufnr, current)
  return true
end

local function on_typing()
  if not config.get().completion.enabled then return end
  if current and current.tick == vim.api.nvim_buf_get_changedtick(current.bufnr) then return end -- an accepted piece
  if follow_typing() then return end
  M.dismiss()
  timer:start(config.get().completion.debounce_ms, 0, vim.schedule_wrap(function()
    if vim.api.nvim_get_mode().mode:sub(1, 1) == 'i' then M.request() end
  end))
end

local pieces = {
  all = function(text) return text end,
  line = function(text) return text:match('^\n*[^\n]*') end,
  word = function(text) return text:match('^%s*[%w_]+') or text:match('^%s*[^%w_%s]+') or text end,
}

--- For the core: cuts an item to a piece of what it would insert.
local function cut_to(how)
  return function(item)
    if type(item.insert_text) ~= 'string' or not item.range then return item end
    local row, col, end_row, end_col = item.range:to_extmark()
    local typed = table.concat(vim.api.nvim_buf_get_text(0, row, col, end_row, end_col, {}), '\n')
    if vim.startswith(item.insert_text, typed) then
      item.insert_text = typed .. pieces[how](item.insert_text:sub(#typed + 1))
    end
    return item
  end
end

--- Inserts the suggestion, or its first line or word. Without one, does nothing and returns false.
---@param how 'all'|'line'|'word'
---@return boolean
function M.accept(how)
  if core then return core.get({ on_accept = cut_to(how) }) end
  if not current or current.bufnr ~= vim.api.nvim_get_current_buf() then return false end
  local taken = current
  local piece = pieces[how](taken.text)
  M.dismiss()
  local lines = vim.split(piece, '\n', { plain = true })
  vim.o.undolevels = vim.o.undolevels -- closes the undo step: `u` takes back the suggestion, not what was typed before it
  vim.api.nvim_buf_set_text(taken.bufnr, taken.row, taken.col, taken.row, taken.col, lines)
  local row = taken.row + #lines - 1
  local col = #lines == 1 and taken.col + #lines[1] or #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row + 1, col })
  local rest = taken.text:sub(#piece + 1)
  if rest ~= '' then
    current = { bufnr = taken.bufnr, row = row, col = col, text = rest, tick = vim.api.nvim_buf_get_changedtick(taken.bufnr) }
    ghost.show(taken.bufnr, current)
  end
  return true
end

function M.visible()
  if core then return #vim.api.nvim_buf_get_extmarks(0, core_namespace, 0, -1, { limit = 1 }) > 0 end
  return current ~= nil
end

--- Installs the autocommands; the core's own inline completion instead where it is wanted and there.
function M.enable(group)
  core = config.get().completion.use_core and vim.lsp.inline_completion or nil
  if core then
    vim.api.nvim_create_autocmd('LspAttach', {
      group = group,
      callback = function(event)
        local attached = vim.lsp.get_client_by_id(event.data.client_id)
        if attached and attached.name == 'graft' then core.enable(config.get().completion.enabled, { bufnr = event.buf }) end
      end,
    })
    return
  end
  -- TextChangedP stands in for TextChangedI while a completion menu is open.
  vim.api.nvim_create_autocmd({ 'TextChangedI', 'TextChangedP', 'CursorMovedI' }, {
    group = group,
    desc = 'Graft: keep the suggestion in step with typing',
    callback = function(event)
      if not client.of_buffer(event.buf) then return end
      if event.event ~= 'CursorMovedI' then
        on_typing()
      elseif current then
        local row, col = cursor()
        if row ~= current.row or col ~= current.col then
          if not follow_typing() then M.dismiss() end
        end
      end
    end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, { group = group, callback = M.dismiss })
end

return M
