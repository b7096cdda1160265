-- SPDX-License-Identifier: Apache-2.0
-- Loaded at start: the :Graft command and <Plug> mappings only. No default mapping is overridden, nothing runs until
-- require('graft').setup() is called.
if vim.g.loaded_graft then
  return
end
vim.g.loaded_graft = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.api.nvim_create_user_command('Graft', function()
    vim.api.nvim_err_writeln('graft: Neovim 0.10 or newer is needed; this is ' .. vim.fn.matchstr(vim.fn.execute('version'), 'NVIM v\\S*'))
  end, { nargs = '*' })
  return
end

vim.api.nvim_create_user_command('Graft', function(args)
  require('graft.command').run(args)
end, {
  nargs = '*',
  desc = 'Graft: fix, review, cancel, toggle, status, restart, log',
  complete = function(lead)
    return require('graft.command').complete(lead)
  end,
})

local function plug(name, mode, rhs, desc)
  vim.keymap.set(mode, '<Plug>(graft-' .. name .. ')', rhs, { desc = 'Graft: ' .. desc })
end
plug('accept', 'i', function() require('graft.suggest').accept('all') end, 'accept the suggestion')
plug('accept-line', 'i', function() require('graft.suggest').accept('line') end, "accept the suggestion's first line")
plug('accept-word', 'i', function() require('graft.suggest').accept('word') end, "accept the suggestion's next word")
plug('dismiss', 'i', function() require('graft.suggest').dismiss() end, 'dismiss the suggestion')
plug('suggest', 'i', function() require('graft.suggest').request() end, 'ask for a suggestion now')
for _, mode in ipairs({ 'n', 'i' }) do
  plug('next-edit', mode, function() require('graft.next_edit').go_or_apply() end, 'go to the next edit, there apply it')
  plug('next-edit-all', mode, function() require('graft.next_edit').apply_all() end, 'apply the next edit and all like it')
  plug('next-edit-dismiss', mode, function() require('graft.next_edit').dismiss() end, 'dismiss the next edit')
end
plug('fix', 'n', function() require('graft.fix').start() end, 'repair until the check passes')
