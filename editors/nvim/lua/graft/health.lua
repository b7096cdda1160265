-- SPDX-License-Identifier: Apache-2.0
--- :checkhealth graft
local M = {}

function M.check()
  local health, config = vim.health, require('graft.config').get()
  health.start('graft')
  if vim.fn.has('nvim-0.10') == 0 then
    return health.error('Neovim 0.10 or newer is needed')
  end
  health.ok('Neovim ' .. tostring(vim.version()))
  local binary = config.cmd[1]
  if vim.fn.executable(binary) == 0 then
    return health.error(binary .. ' was not found', {
      'build it (./scripts/build), then put build/release on PATH',
      'or name it: require("graft").setup({ cmd = { "/path/to/graft", "lsp" } })',
    })
  end
  health.ok(binary .. ': ' .. vim.fn.exepath(binary))
  local doctor = vim.system({ binary, 'doctor' }, { text = true }):wait(20000)
  for line in vim.gsplit(vim.trim((doctor.stdout or '') .. (doctor.stderr or '')), '\n', { plain = true }) do
    if line ~= '' then health.info(line) end
  end
  if doctor.code ~= 0 then health.warn('graft doctor ended with ' .. tostring(doctor.code)) end
  local servers = vim.lsp.get_clients({ name = 'graft' })
  if #servers == 0 then
    health.info('no server is running: open a file of a known type after require("graft").setup()')
  end
  for _, server in ipairs(servers) do
    health.ok(('server %d at %s, positions in %s'):format(server.id, server.config.root_dir or '?', server.offset_encoding))
  end
  if config.check.command then
    health.ok('check: ' .. config.check.command)
  else
    health.warn('no check.command: :Graft fix needs one', { 'require("graft").setup({ check = { command = "make test" } })' })
  end
end

return M
