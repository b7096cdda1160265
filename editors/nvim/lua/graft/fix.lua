-- SPDX-License-Identifier: Apache-2.0
--- :Graft fix — asks the server to repair the project until the check passes, shows progress, then the review.
local client = require('graft.client')
local config = require('graft.config')
local window = require('graft.progress')

local M = {}

---@type { id: integer, client: table, token: string, message: string }?
local running
--- The last verified result that was not reviewed yet.
---@type { result: table, client: table }?
local ready
local group = vim.api.nvim_create_augroup('graft.fix', { clear = true })
local serial = 0

local function tell(text, level) vim.notify('graft: ' .. text, level or vim.log.levels.INFO) end
local warn, err = vim.log.levels.WARN, vim.log.levels.ERROR

local function save_modified()
  local names = {}
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.bo[bufnr].modified and client.of_buffer(bufnr) then names[#names + 1] = vim.fn.bufname(bufnr) end
  end
  return names
end

local function finish(failure, result)
  local was = running
  if not was then return end
  running = nil
  vim.api.nvim_clear_autocmds({ group = group })
  window.close()
  if failure then
    local cancelled = failure.code == -32800 or failure.code == -32802
    return tell(cancelled and 'cancelled' or failure.message, cancelled and warn or err)
  end
  if type(result) ~= 'table' then return tell('the server gave no result', err) end
  if result.held_back then
    tell('a repair was found and is held back: ' .. result.held_back, warn)
  elseif result.status == 'verified' then
    ready = { result = result, client = was.client }
    -- No window opens under the hands of somebody who types.
    if vim.api.nvim_get_mode().mode == 'n' then M.review() else tell('a verified fix is ready: :Graft review') end
  elseif result.status == 'already_passes' then
    tell('the check passes already')
  else
    tell(result.summary or 'no verified fix found', warn)
  end
  M.last_result = result
end

--- Starts a repair for the current buffer's project. The check is config check.command, or `check` if given.
---@param check? string
---@param argument? { uri: string, check?: string, focus?: boolean } from a code action; nil means the current buffer
function M.start(check, argument)
  if running then return tell('a repair is running; :Graft cancel ends it', warn) end
  local bufnr = vim.api.nvim_get_current_buf()
  local server = client.of_buffer(bufnr)
  if not server then return tell('no server is attached to this buffer (see :checkhealth graft)', err) end
  check = check or (argument and argument.check) or config.get().check.command
  if not check or check == '' then
    -- Kept for this session; check.command in setup() keeps it for good.
    return vim.ui.input({ prompt = 'Graft: which command should pass? ', completion = 'shellcmd' }, function(given)
      given = vim.trim(given or '')
      if given == '' then return end
      config.get().check.command = given
      M.start(given, argument)
    end)
  end
  local unsaved = save_modified()
  if #unsaved > 0 then
    return tell('the check runs on saved files; write these first: ' .. table.concat(unsaved, ', '), warn)
  end
  serial = serial + 1
  local token = 'graft-fix-' .. serial
  vim.api.nvim_create_autocmd('LspProgress', {
    group = group,
    callback = function(event)
      local params = event.data.params or event.data.result
      if not running or not params or params.token ~= token then return end
      local value = params.value
      running.message = value.message or value.title or ''
      if value.kind ~= 'end' then window.show(running.message) end
    end,
  })
  local id = client.request(server, 'workspace/executeCommand', {
    command = 'graft.fix',
    arguments = { vim.tbl_extend('force', { uri = vim.uri_from_bufnr(bufnr), check = check }, argument or {}) },
    workDoneToken = token,
  }, finish, bufnr)
  if not id then
    vim.api.nvim_clear_autocmds({ group = group })
    return tell('the request could not be sent', err)
  end
  running = { id = id, client = server, token = token, message = 'started' }
  window.show('running ' .. check)
end

--- Opens the review of a result that came while the user was typing.
function M.review()
  if not ready then return tell('nothing to review; :Graft fix looks for a repair', warn) end
  local found = ready
  ready = nil
  require('graft.review').open(found.result, found.client)
end

--- A server that ends answers no more: its repair ends with it.
function M.server_ended(id)
  if running and running.client.id == id then finish({ code = 0, message = 'the server ended; :Graft log says why' }) end
end

function M.cancel()
  if not running then return tell('nothing to cancel') end
  client.cancel(running.client, running.id)
  -- Neovim drops the server's answer to a cancelled request, so the end is told here.
  finish({ code = -32800 })
end

---@return string? what the running repair does
function M.progress() return running and running.message end

return M
