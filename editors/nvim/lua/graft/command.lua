-- SPDX-License-Identifier: Apache-2.0
--- The :Graft command.
local M = {}

local function status()
  local client = require('graft.client')
  local server = client.of_buffer(vim.api.nvim_get_current_buf())
  local lines = { server and ('attached (client %d, %s)'):format(server.id, server.offset_encoding) or 'not attached to this buffer' }
  local phase, detail = client.phase(vim.api.nvim_get_current_buf())
  if phase then lines[#lines + 1] = detail ~= '' and phase .. ': ' .. detail or phase end
  if not require('graft.config').get().completion.enabled then lines[#lines + 1] = 'suggestions are off' end
  vim.notify('graft: ' .. table.concat(lines, '; '), vim.log.levels.INFO)
end

local actions = {
  fix = function(rest) require('graft.fix').start(rest ~= '' and rest or nil) end,
  cancel = function() require('graft.fix').cancel() end,
  toggle = function()
    local completion = require('graft.config').get().completion
    completion.enabled = not completion.enabled
    require('graft.suggest').dismiss()
    vim.notify('graft: suggestions ' .. (completion.enabled and 'on' or 'off'))
  end,
  review = function() require('graft.fix').review() end,
  status = status,
  restart = function() require('graft.client').restart() end,
  log = function() vim.cmd.edit(vim.lsp.get_log_path()) end,
}

function M.run(args)
  local name = args.fargs[1] or 'status'
  local action = actions[name]
  if not action then
    return vim.notify('graft: unknown action ' .. name .. '; known: ' .. table.concat(M.complete(''), ', '), vim.log.levels.ERROR)
  end
  action(vim.trim(args.args:sub(#name + 1)))
end

function M.complete(lead)
  local names = vim.tbl_filter(function(name) return vim.startswith(name, lead) end, vim.tbl_keys(actions))
  table.sort(names)
  return names
end

return M
