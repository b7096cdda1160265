-- SPDX-License-Identifier: Apache-2.0
--- What a running repair does, in a small window at the lower right. It takes no focus, and no text scrolls or waits for a key.
local M = {}

local width = 64
---@type integer?
local window

--- "trying: a.py:3 (4 of 60 checks, 9 candidates, 2 s)" as two lines: what, and how far.
local function lines_of(text)
  local what, counts = text:match('^(.*) %(([^()]*)%)$')
  return { what or text, counts or '' }
end

--- Shows `text` in place of what was shown before.
function M.show(text)
  local lines = lines_of(text:gsub('%c', ' '))
  if window and vim.api.nvim_win_is_valid(window) then
    vim.api.nvim_buf_set_lines(vim.api.nvim_win_get_buf(window), 0, -1, false, lines)
  else
    local bufnr = vim.api.nvim_create_buf(false, true)
    vim.bo[bufnr].bufhidden = 'wipe'
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
    window = vim.api.nvim_open_win(bufnr, false, {
      relative = 'editor', anchor = 'SE', row = vim.o.lines - vim.o.cmdheight - 1, col = vim.o.columns,
      width = math.max(1, math.min(width, vim.o.columns - 4)), height = 2,
      style = 'minimal', border = 'rounded', title = ' Graft: fixing ', footer = ' :Graft cancel ', footer_pos = 'right',
      focusable = false, noautocmd = true,
    })
    vim.wo[window].wrap = false
  end
  vim.cmd.redraw()
end

function M.close()
  if window and vim.api.nvim_win_is_valid(window) then vim.api.nvim_win_close(window, true) end
  window = nil
end

return M
