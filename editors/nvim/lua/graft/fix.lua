-- SPDX-License-Identifier: Apache-2.0
--- :Graft fix — asks the server to repair the project until the check passes, shows progress, then the review.
local client = require('graft.client')
local config = require('graft.config')

local M = {}

---@type { id: integer, client: table, token: string, message: string }?
local running
local group = vim.api.nvim_create_augroup('graft.fix', { clear = true })
local serial = 0

local function show(text, highlight)
  vim.api.nvim_echo({ { 'graft: ' .. text, highlight } }, false, {})
  vim.cmd.redraw()
end

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
  if failure then
    local cancelled = failure.code == -32800 or failure.code == -32802
    return show(cancelled and 'cancelled' or failure.message, cancelled and 'WarningMsg' or 'ErrorMsg')
  end
  if type(result) ~= 'table' then return show('the server gave no result', 'ErrorMsg') end
  if result.held_back then
    show('a repair was found and is held back: ' .. result.held_back, 'WarningMsg')
  elseif result.status == 'verified' then
    show(result.summary or 'verified fix', 'MoreMsg')
    require('graft.review').open(result, was.client)
  elseif result.status == 'already_passes' then
    show('the check passes already', 'MoreMsg')
  else
    show(result.summary or 'no verified fix found', 'WarningMsg')
  end
  M.last_result = result
end

--- Starts a repair for the current buffer's project. The check is config check.command, or `check` if given.
---@param check? string
function M.start(check)
  if running then return show('a repair is running; :Graft cancel ends it', 'WarningMsg') end
  local bufnr = vim.api.nvim_get_current_buf()
  local server = client.of_buffer(bufnr)
  if not server then return show('no server is attached to this buffer (see :checkhealth graft)', 'ErrorMsg') end
  check = check or config.get().check.command
  if not check or check == '' then
    return show("set check.command, or give it: :Graft fix python3 -m pytest -q", 'ErrorMsg')
  end
  local unsaved = save_modified()
  if #unsaved > 0 then
    return show('the check runs on saved files; write these first: ' .. table.concat(unsaved, ', '), 'WarningMsg')
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
      if value.kind ~= 'end' then show(running.message) end
    end,
  })
  local id = client.request(server, 'workspace/executeCommand', {
    command = 'graft.fix',
    arguments = { { uri = vim.uri_from_bufnr(bufnr), check = check } },
    workDoneToken = token,
  }, finish, bufnr)
  if not id then
    vim.api.nvim_clear_autocmds({ group = group })
    return show('the request could not be sent', 'ErrorMsg')
  end
  running = { id = id, client = server, token = token, message = 'started' }
  show('running ' .. check)
end

function M.cancel()
  if not running then return show('nothing to cancel') end
  client.cancel(running.client, running.id)
  -- Neovim drops the server's answer to a cancelled request, so the end is told here.
  finish({ code = -32800 })
end

---@return string? what the running repair does
function M.progress() return running and running.message end

return M
