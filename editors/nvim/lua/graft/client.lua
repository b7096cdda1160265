-- SPDX-License-Identifier: Apache-2.0
--- The connection to `graft lsp`: one client per project root. Hides what differs between Neovim releases.
local config = require('graft.config')

local M = {}

--- 0.11 made client functions methods; the dot form is deprecated there and the only one in 0.10.
local has_methods = vim.fn.has('nvim-0.11') == 1

---@return integer? request_id
function M.request(server, method, params, handler, bufnr)
  local wrapped = function(failure, result, context) handler(failure, result, context) end
  local sent, id
  if has_methods then
    sent, id = server:request(method, params, wrapped, bufnr)
  else
    sent, id = server.request(method, params, wrapped, bufnr)
  end
  return sent and id or nil
end

function M.cancel(server, id)
  if has_methods then server:cancel_request(id) else server.cancel_request(id) end
end

--- Byte offset of LSP column `character` in `line`; past the end gives the end.
function M.byte_index(line, character, encoding)
  if encoding == 'utf-8' then return math.min(character, #line) end
  if has_methods then return vim.str_byteindex(line, encoding, character, false) end
  local ok, index = pcall(vim.str_byteindex, line, character, encoding == 'utf-16')
  return ok and index or #line
end

---@return vim.lsp.Client?
function M.of_buffer(bufnr)
  return vim.lsp.get_clients({ name = 'graft', bufnr = bufnr })[1]
end

--- Starts the server for the buffer's project, or joins the one that runs.
function M.attach(bufnr)
  if vim.bo[bufnr].buftype ~= '' or vim.api.nvim_buf_get_name(bufnr) == '' then return end
  local options = config.get()
  if vim.fn.executable(options.cmd[1]) == 0 then
    if not M.warned then
      vim.notify('graft: ' .. options.cmd[1] .. ' is not executable; see :checkhealth graft', vim.log.levels.WARN)
      M.warned = true
    end
    return
  end
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  capabilities.general = capabilities.general or {}
  capabilities.general.positionEncodings = { 'utf-8', 'utf-16', 'utf-32' }
  capabilities.workspace.workspaceEdit = capabilities.workspace.workspaceEdit or {}
  capabilities.workspace.workspaceEdit.documentChanges = true
  local settings = config.server_settings()
  vim.lsp.start({
    name = 'graft',
    cmd = options.cmd,
    root_dir = vim.fs.root(bufnr, options.root_markers) or vim.fs.dirname(vim.api.nvim_buf_get_name(bufnr)),
    capabilities = capabilities,
    settings = { graft = settings },
    -- The plugin shows a repair before it is applied, so the server hands the edit over instead of applying it.
    init_options = vim.tbl_extend('force', { fixResult = 'return' }, settings),
    handlers = {
      ['graft/status'] = function(_, params) M.status = params end,
    },
  }, { bufnr = bufnr })
end

--- Stops every server and attaches anew to the buffers that they served.
function M.restart()
  local buffers = {}
  for _, server in ipairs(vim.lsp.get_clients({ name = 'graft' })) do
    for bufnr in pairs(server.attached_buffers) do buffers[#buffers + 1] = bufnr end
    if has_methods then server:stop() else server.stop() end
  end
  vim.wait(2000, function() return #vim.lsp.get_clients({ name = 'graft' }) == 0 end, 20)
  for _, bufnr in ipairs(buffers) do
    if vim.api.nvim_buf_is_valid(bufnr) then M.attach(bufnr) end
  end
end

return M
