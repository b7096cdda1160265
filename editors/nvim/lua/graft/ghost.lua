-- SPDX-License-Identifier: Apache-2.0
--- Ghost text: shows one inline suggestion, in a namespace of its own.
--- Rows and columns are 0-based and in bytes (extmark units), never LSP UTF-16 units.
local M = {}
local namespace = vim.api.nvim_create_namespace('graft.ghost')

--- Remove the suggestion of `bufnr`; without one, do nothing.
---@param bufnr integer
function M.clear(bufnr)
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

--- Show a suggestion in place of the one shown before.
---@param bufnr integer
---@param suggestion { row: integer, col: integer, text: string } text is never empty, may span lines
function M.show(bufnr, suggestion)
  M.clear(bufnr)
  local lines = vim.split(suggestion.text, '\n', { plain = true })
  local below = vim.tbl_map(function(line) return { { line, 'GraftGhost' } } end, vim.list_slice(lines, 2))
  vim.api.nvim_buf_set_extmark(bufnr, namespace, suggestion.row, suggestion.col, {
    virt_text = { { lines[1], 'GraftGhost' } },
    virt_text_pos = 'inline', -- moves the rest of the line, so that nothing is hidden
    virt_lines = #below > 0 and below or nil,
    hl_mode = 'replace', -- 'combine' would take on the bold of the word before it
  })
end

--- What is shown in `bufnr`, for tests and :Graft status.
---@return string?
function M.shown(bufnr)
  local marks = vim.api.nvim_buf_get_extmarks(bufnr, namespace, 0, -1, { details = true })
  if #marks == 0 then return nil end
  local details = marks[1][4]
  local lines = { details.virt_text[1][1] }
  for _, line in ipairs(details.virt_lines or {}) do lines[#lines + 1] = line[1][1] end
  return table.concat(lines, '\n')
end

vim.api.nvim_set_hl(0, 'GraftGhost', { link = 'Comment', default = true })

return M
