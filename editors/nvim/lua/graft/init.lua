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
  require('graft.next_edit').enable(group)
  require('graft.keys').set(config.get().keys)
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) and vim.tbl_contains(config.get().filetypes, vim.bo[buffer].filetype) then
      client.attach(buffer)
    end
  end
end

--- For 'statusline': '' where no server is attached, else 'graft', or 'graft: fixing' and the like while it works.
---@return string
function M.status()
  local phase = require('graft.client').phase(vim.api.nvim_get_current_buf())
  if not phase then return '' end
  -- A suggestion takes some 50 ms: a word that comes and goes at every key would only flicker.
  if phase == 'idle' or phase == 'generating' then return 'graft' end
  return 'graft: ' .. phase
end

return M
