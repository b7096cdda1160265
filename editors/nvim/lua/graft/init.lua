-- SPDX-License-Identifier: Apache-2.0
--- Graft for Neovim: starts `graft lsp`, shows its suggestions, runs its repairs. See :help graft.
local M = {}

--- Reads the options, then attaches to every buffer of a known file type, open ones included.
---@param options? table see :help graft-options
function M.setup(options)
  if vim.fn.has('nvim-0.10') == 0 then
    vim.api.nvim_err_writeln('graft: Neovim 0.10 or newer is needed')
    return
  end
  local config = require('graft.config')
  local ok, problem = config.set(options or {})
  if not ok then
    vim.notify('graft: ' .. problem, vim.log.levels.ERROR)
    return
  end
  local client = require('graft.client')
  local group = vim.api.nvim_create_augroup('graft', { clear = true })
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    pattern = config.get().filetypes,
    desc = 'Graft: attach the language server',
    callback = function(event) client.attach(event.buf) end,
  })
  require('graft.suggest').enable(group)
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.tbl_contains(config.get().filetypes, vim.bo[buffer].filetype) then
      client.attach(buffer)
    end
  end
end

return M
