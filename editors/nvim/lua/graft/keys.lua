-- SPDX-License-Identifier: Apache-2.0
--- The keys of option `keys`: each acts on a suggestion, and does what it did before where there is none.
local M = {}

--- Option, <Plug> name, mode, and whether there is something to act on.
local suggestion = function() return require('graft.suggest').visible() end
local next_edit = function() return require('graft.next_edit').visible() end
local actions = {
  accept = { 'accept', 'i', suggestion }, accept_line = { 'accept-line', 'i', suggestion },
  accept_word = { 'accept-word', 'i', suggestion }, dismiss = { 'dismiss', 'i', suggestion },
  next_edit = { 'next-edit', 'n', next_edit }, next_edit_all = { 'next-edit-all', 'n', next_edit },
  next_edit_dismiss = { 'next-edit-dismiss', 'n', next_edit },
}

--- Maps `key`. Its former mapping moves to a <Plug> name, so that it stays whole: expression, callback, remapping.
local function map(key, name, mode, visible)
  local plug, fallback = '<Plug>(graft-' .. name .. ')', '<Plug>(graft-otherwise-' .. name .. ')'
  local former = vim.fn.maparg(key, mode, false, true)
  if vim.tbl_isempty(former) then
    vim.keymap.set(mode, fallback, key)
  elseif former.desc ~= 'Graft: ' .. name then -- a second setup() must not take Graft's own for the former one
    former.lhs, former.lhsraw = fallback, vim.api.nvim_replace_termcodes(fallback, true, true, true)
    former.lhsrawalt, former.buffer = nil, 0
    vim.fn.mapset(mode, false, former)
  end
  vim.keymap.set(mode, key, function()
    return visible() and plug or fallback
  end, { expr = true, remap = true, desc = 'Graft: ' .. name })
end

---@param keys table<string, string>
function M.set(keys)
  for action, how in pairs(actions) do
    if keys[action] then map(keys[action], unpack(how)) end
  end
end

return M
