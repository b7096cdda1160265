-- SPDX-License-Identifier: Apache-2.0
-- Neovim's configuration for the pictures: the plugin as a user would set it up, and a plain look.
local here = vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2))
vim.opt.runtimepath:prepend(vim.fs.normalize(here .. '/../../../editors/nvim'))
vim.cmd('filetype plugin on | syntax on')
vim.o.termguicolors, vim.o.number, vim.o.signcolumn, vim.o.laststatus = true, true, 'no', 3
vim.o.shortmess = vim.o.shortmess .. 'IF'
vim.o.autoindent, vim.o.swapfile, vim.o.showmode, vim.o.ruler = false, false, false, false
vim.cmd('filetype indent off') -- keys arrive as they are written
vim.o.statusline = " %f %m%=%{v:lua.require'graft'.status()}   %l:%c "
require('graft').setup({
  check = { command = 'python3 -m unittest -q tests/test_stock.py', budget = 40 },
  keys = { accept = '<Tab>' },
})
