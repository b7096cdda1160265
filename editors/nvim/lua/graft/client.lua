-- SPDX-License-Identifier: Apache-2.0
--- The connection to `graft lsp`: one client per project root. Hides what differs between Neovim releases.
local config = require('graft.config')

local M = {}

--- 0.11 made client functions methods; the dot form is deprecated there and the only one in 0.10.
local has_methods = vim.fn.has('nvim-0.11') == 1

---@type table<integer, { phase: string, detail: string }> by client
local phases = {}

--- What the server of `bufnr` does, by its last graft/status; nil without a server.
---@return string? phase, string? detail
function M.phase(bufnr)
  local server = M.of_buffer(bufnr)
  if not server then return nil end
  local known = phases[server.id] or { phase = 'idle', detail = '' }
  return known.phase, known.detail
end

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
      vim.notify(("graft: '%s' was not found; see :checkhealth graft"):format(options.cmd[1]), vim.log.levels.WARN)
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
      ['graft/status'] = function(_, params, context)
        phases[context.client_id] = params
        vim.cmd.redrawstatus()
      end,
    },
    -- The code action's command: with progress and review, not as a bare request.
    commands = {
      ['graft.fix'] = function(command) require('graft.fix').start(nil, (command.arguments or {})[1]) end,
    },
    on_exit = function(_, _, id)
      phases[id] = nil
      vim.schedule(function() require('graft.fix').server_ended(id) end)
    end,
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
