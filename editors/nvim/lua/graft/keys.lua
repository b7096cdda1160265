-- SPDX-License-Identifier: Apache-2.0
--- The keys of option `keys`: each acts on a suggestion, and does what it did before where there is none.
local M = {}

local actions = { accept = 'accept', accept_line = 'accept-line', accept_word = 'accept-word', dismiss = 'dismiss' }

--- Maps `key` in Insert mode. Its former mapping moves to a <Plug> name, so that it stays whole: expression, callback, remapping.
local function map(key, name)
  local plug, fallback = '<Plug>(graft-' .. name .. ')', '<Plug>(graft-otherwise-' .. name .. ')'
  local former = vim.fn.maparg(key, 'i', false, true)
  if vim.tbl_isempty(former) then
    vim.keymap.set('i', fallback, key)
  elseif former.desc ~= 'Graft: ' .. name then -- a second setup() must not take Graft's own for the former one
    former.lhs, former.lhsraw = fallback, vim.api.nvim_replace_termcodes(fallback, true, true, true)
    former.lhsrawalt, former.buffer = nil, 0
    vim.fn.mapset('i', false, former)
  end
  vim.keymap.set('i', key, function()
    return require('graft.suggest').visible() and plug or fallback
  end, { expr = true, remap = true, desc = 'Graft: ' .. name })
end

---@param keys table<string, string>
function M.set(keys)
  for action, name in pairs(actions) do
    if keys[action] then map(keys[action], name) end
  end
end

return M
