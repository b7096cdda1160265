-- SPDX-License-Identifier: Apache-2.0
-- Drives a second, real Neovim over its RPC: keys go in as typed, answers come from its API.
-- Run by tests/editors/nvim/run: nvim -l driver.lua NVIM PLUGIN GRAFT PROJECT
local nvim, plugin, graft, project = unpack(arg)

local passed, failed = 0, 0
local child

--- Nothing that the plugin does may stop at a "Press ENTER" prompt; a request would wait behind it for ever.
local function lua(code, ...)
  vim.wait(2000, function() return not vim.rpcrequest(child, 'nvim_get_mode').blocking end, 20)
  if vim.rpcrequest(child, 'nvim_get_mode').blocking then error('Neovim waits for a key', 0) end
  return vim.rpcrequest(child, 'nvim_exec_lua', code, { ... })
end
local function type_keys(keys) vim.rpcrequest(child, 'nvim_input', keys) end

--- Waits until `code` (Lua in the child) gives something true; returns it. Deadlines are generous: machines are busy.
local function eventually(what, code, seconds)
  local value
  vim.wait((seconds or 30) * 1000, function()
    value = lua(code)
    return value ~= nil and value ~= vim.NIL and value ~= false
  end, 50)
  if value == nil or value == vim.NIL or value == false then error('did not happen: ' .. what, 2) end
  return value
end

local function equal(actual, expected, what)
  if not vim.deep_equal(actual, expected) then
    error(('%s: expected %s, got %s'):format(what, vim.inspect(expected), vim.inspect(actual)), 2)
  end
end

--- Gives the child a screen, so that prompts are real. What it draws is read and dropped.
local function attach_screen(server)
  local pipe, connected = assert(vim.uv.new_pipe()), false
  pipe:connect(server, function(problem) connected = not problem end)
  assert(vim.wait(10000, function() return connected end), 'no connection to ' .. server)
  pipe:read_start(function() end)
  pipe:write(vim.mpack.encode({ 0, 1, 'nvim_ui_attach', { 80, 24, { ext_linegrid = true } } }))
  assert(vim.wait(10000, function() return #vim.rpcrequest(child, 'nvim_list_uis') > 0 end), 'no screen')
end

local function start(options)
  child = vim.fn.jobstart({ nvim, '--embed', '--headless', '-u', 'NONE', '-i', 'NONE', '-n' }, { rpc = true })
  assert(child > 0, 'Neovim did not start')
  attach_screen(lua('return vim.v.servername'))
  lua([[
    local plugin, graft, options = ...
    vim.opt.runtimepath:prepend(plugin)
    messages = {}
    local notify = vim.notify
    vim.notify = function(text, ...)
      table.insert(messages, text)
      return notify(text, ...)
    end
    vim.cmd('filetype plugin on | runtime plugin/graft.lua')
    options.cmd = options.cmd or { graft, 'lsp' }
    options.model = vim.env.GRAFT_TEST_MODEL and { path = vim.env.GRAFT_TEST_MODEL } or nil
    require('graft').setup(options)
    vim.keymap.set('i', '<M-l>', '<Plug>(graft-accept)')
    vim.o.autoindent = false -- keys arrive as they are written here
    vim.o.shortmess = vim.o.shortmess .. 'F'
    function line() return vim.api.nvim_get_current_line() end
    function progress()
      for _, window in ipairs(vim.api.nvim_list_wins()) do
        if vim.api.nvim_win_get_config(window).relative ~= '' then
          return table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), ' ')
        end
      end
    end
  ]], plugin, graft, options)
end

local function stop()
  pcall(vim.rpcnotify, child, 'nvim_command', 'qall!')
  vim.fn.jobwait({ child }, 5000)
  vim.fn.jobstop(child)
end

--- GRAFT_TEST_ONLY: run the tests whose names hold this text.
local function test(name, options, body)
  if not name:find(vim.env.GRAFT_TEST_ONLY or '', 1, true) then return end
  start(options)
  local ok, problem = pcall(body)
  if ok then
    passed = passed + 1
    print('ok   ' .. name .. '\n')
  else
    failed = failed + 1
    print('FAIL ' .. name .. ': ' .. tostring(problem) .. '\n')
    local ok_messages, messages = pcall(lua, 'return { messages, vim.fn.execute("messages") }')
    print('     messages: ' .. vim.inspect(ok_messages and messages) .. '\n')
  end
  stop()
end

local check = { command = (vim.env.GRAFT_TEST_PYTHON or 'python3') .. ' -m unittest -q tests/test_stock.py', budget = 40 }
local function open(file)
  vim.rpcrequest(child, 'nvim_command', 'edit ' .. project .. '/' .. file)
  eventually('the server attached', "return #vim.lsp.get_clients({ name = 'graft', bufnr = 0 }) > 0 and vim.lsp.get_clients({ name = 'graft' })[1].initialized")
end

--- Waits for a notification that contains `text`.
local function notified(text)
  return eventually('the message "' .. text .. '"', ('for _, one in ipairs(messages) do if one:find(%q, 1, true) then return one end end'):format(text))
end
local ghost = "return require('graft.ghost').shown(0)"
local before_opening_ends = '    def __repr__'

-- The start of a file, up to a place where the shipped model is sure of how the line goes on.
local opening = 'iclass Node:<CR>    def __init__(self, value):<CR>        self.value = value<CR><CR>    def __repr__'

test('the server attaches and gives document symbols', {}, function()
  open('stock.py')
  local names = eventually('document symbols', [[
    local answers = vim.lsp.buf_request_sync(0, 'textDocument/documentSymbol', { textDocument = vim.lsp.util.make_text_document_params() }, 5000)
    for _, answer in pairs(answers or {}) do
      if answer.result and #answer.result > 0 then
        local names = { answer.result[1].name }
        for _, inner in ipairs(answer.result[1].children or {}) do names[#names + 1] = inner.name end
        return names
      end
    end]])
  equal(names, { 'Stock', '__init__', 'add', 'take', 'total' }, 'symbols')
end)

test('a new file shows a suggestion while typing, typing follows it, and a key accepts it', {}, function()
  open('fresh.py')
  type_keys(opening)
  local shown = eventually('a suggestion', "return require('graft.ghost').shown(0)", 60)
  local before = lua('return vim.api.nvim_get_current_line()')
  type_keys('<M-l>')
  eventually('the text inserted', ("return vim.api.nvim_get_current_line() ~= %q"):format(before))
  local after = lua('return vim.api.nvim_get_current_line()')
  equal(after, before .. vim.split(shown, '\n')[1], 'line after accepting')
  equal(lua("return require('graft.ghost').shown(0)"), vim.NIL, 'ghost text after accepting')
  type_keys('<Esc>')
end)

test('leaving Insert mode dismisses the suggestion', {}, function()
  open('other.py')
  type_keys(opening)
  eventually('a suggestion', ghost, 60)
  type_keys('<Esc>')
  eventually('the suggestion gone', "return require('graft.ghost').shown(0) == nil")
end)

test('undo takes an accepted suggestion back and leaves what was typed', {}, function()
  open('undone.py')
  type_keys(opening)
  eventually('a suggestion', ghost, 60)
  type_keys('<M-l>')
  eventually('the text inserted', ('return line() ~= %q'):format(before_opening_ends))
  type_keys('<Esc>u')
  eventually('the suggestion taken back', ('return line() == %q'):format(before_opening_ends))
end)

test('keys: a word, then the line, then the key does what it did before', {
  keys = { accept = '<Tab>', accept_word = '<M-w>', accept_line = '<M-j>' },
}, function()
  open('keys.py')
  type_keys(opening)
  local shown = vim.split(eventually('a suggestion', ghost, 60), '\n')[1]
  local word = shown:match('^%s*[%w_]+') or shown:match('^%s*[^%w_%s]+')
  type_keys('<M-w>')
  eventually('a word', ('return line() == %q'):format(before_opening_ends .. word))
  equal(vim.split(lua(ghost), '\n')[1], shown:sub(#word + 1), 'the rest of the suggestion')
  type_keys('<M-j>')
  eventually('the line', ('return line() == %q'):format(before_opening_ends .. shown))
  type_keys('<Esc>u')
  eventually('only the line taken back', ('return line() == %q'):format(before_opening_ends .. word))
  type_keys('S')
  lua([[vim.bo.expandtab = false]])
  type_keys('x<Tab>y')
  eventually('a plain tab', [[return line() == 'x\ty']])
  type_keys('<Esc>')
end)

test('keys: Tab accepts a suggestion; a mapping that Tab had is kept for all other times', {}, function()
  lua([[
    vim.keymap.set('i', '<Tab>', function() return 'former' end, { expr = true })
    local options = { cmd = { (...), 'lsp' }, keys = { accept = '<Tab>' } }
    require('graft').setup(options)
    require('graft').setup(options) -- a configuration that is read again
  ]], graft)
  open('former.py')
  type_keys('i<Tab><Esc>')
  eventually('the former mapping', "return line() == 'former'")
  type_keys('0D')
  type_keys(opening)
  local shown = vim.split(eventually('a suggestion', ghost, 60), '\n')[1]
  type_keys('<Tab>')
  eventually('the suggestion', ('return line() == %q'):format(before_opening_ends .. shown))
  type_keys('<Esc>')
end)

test('moving the cursor dismisses the suggestion', {}, function()
  open('moved.py')
  type_keys(opening)
  eventually('a suggestion', ghost, 60)
  type_keys('<Left>')
  eventually('the suggestion gone', "return require('graft.ghost').shown(0) == nil")
  type_keys('<Esc>')
end)

test('with the completion menu open, typing dismisses a suggestion that it contradicts', {}, function()
  open('menu.py')
  type_keys(opening)
  eventually('a suggestion', ghost, 60)
  lua([[vim.o.completeopt = 'menuone,noselect' vim.fn.complete(vim.fn.col('.'), { 'zebra', 'zeppelin' })]])
  eventually('the menu', 'return vim.fn.pumvisible() == 1')
  type_keys('z')
  eventually('the typed letter', ('return line() == %q'):format(before_opening_ends .. 'z'))
  local stale = lua([[return { before = require('graft.suggest').visible(), shown = require('graft.ghost').shown(0) }]])
  assert(stale.shown == nil or not stale.before, 'a stale suggestion is shown: ' .. vim.inspect(stale))
  type_keys('<Esc>')
end)

test("the core's inline completion serves the same keys, where it exists", {
  completion = { use_core = true }, keys = { accept = '<Tab>', accept_word = '<M-w>' },
}, function()
  if lua('return vim.lsp.inline_completion == nil') then return print('     (not in this release)\n') end
  open('core.py')
  type_keys(opening)
  eventually('a suggestion', "return require('graft.suggest').visible()", 60)
  type_keys('<M-w>')
  eventually('a word', ('return line() ~= %q'):format(before_opening_ends))
  local word = lua('return line()')
  assert(vim.startswith(word, before_opening_ends), word)
  eventually('a suggestion for the rest', "return require('graft.suggest').visible()", 60)
  type_keys('<Tab>')
  eventually('the rest', ('return line() ~= %q'):format(word))
  assert(vim.startswith(lua('return line()'), word), lua('return line()'))
  type_keys('<Esc>')
end)

local function lines() return lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)') end
local hint = "return require('graft.next_edit').shown()"
-- `total` is a method of the project's file: calls of it, typed below.
local calls = 'itotal = s.get(1)<CR>first = s.get(2)<CR>rest = 3<CR>last = s.get(4)<Esc>'

test('after an edit a hint shows the next place; a key goes there, then applies; then the next; undo takes one back', {
  keys = { next_edit = '<Tab>', next_edit_dismiss = '<Esc>' },
}, function()
  open('next.py')
  type_keys(calls)
  eventually('the lines', 'return vim.api.nvim_buf_line_count(0) == 4')
  equal(lua(hint), vim.NIL, 'a hint while new code is written')
  type_keys('gg0/get<CR>cwfetch<Esc>')
  local shown = eventually('a hint', hint)
  equal(shown, { row = 1, text = 'fetch (and 1 more)' }, 'the hint')
  equal(lua('return vim.fn.line(".")'), 1, 'the cursor')
  type_keys('<Tab>')
  eventually('the cursor there', 'return vim.fn.line(".") == 2')
  equal(lines()[2], 'first = s.get(2)', 'the line after the jump')
  type_keys('<Tab>')
  eventually('the change', "return line() == 'first = s.fetch(2)'")
  shown = eventually('the next hint', hint)
  equal(shown.row, 3, 'its line')
  type_keys('<Tab><Tab>')
  eventually('the last change', "return line() == 'last = s.fetch(4)'")
  type_keys('u')
  eventually('the last change taken back', "return vim.fn.getline(4) == 'last = s.get(4)' and vim.fn.getline(2) == 'first = s.fetch(2)'")
end)

test('the next edit: all places at once are one undo step; a dismissed hint leaves the key as it was', {
  keys = { next_edit = '<Tab>', next_edit_all = '<M-a>', next_edit_dismiss = '<Esc>' },
}, function()
  open('all.py')
  type_keys(calls)
  type_keys('gg0/get<CR>cwfetch<Esc>')
  eventually('a hint', hint)
  type_keys('<Esc>')
  eventually('no hint', "return require('graft.next_edit').shown() == nil")
  lua([[vim.keymap.set('n', '<Tab>', '<Cmd>let g:tabbed = 1<CR>')
    require('graft').setup(vim.tbl_extend('force', require('graft.config').get(), {}))]])
  type_keys('<Tab>')
  eventually('the former mapping', 'return vim.g.tabbed == 1')
  type_keys('Go# more<Esc>u')
  type_keys('gg0/fetch<CR>cwload<Esc>')
  eventually('a hint', hint)
  type_keys('<M-a>')
  eventually('all places', "return vim.fn.search('get', 'nw') == 0")
  equal(lines(), { 'total = s.load(1)', 'first = s.load(2)', 'rest = 3', 'last = s.load(4)' }, 'the text')
  notified('changed 2 places')
  type_keys('u')
  eventually('one step back', "return vim.fn.getline(2) == 'first = s.get(2)' and vim.fn.getline(4) == 'last = s.get(4)'")
end)

test('the next edit as a code action; switched off there is none', { next_edit = { enabled = false } }, function()
  open('off.py')
  type_keys(calls)
  type_keys('gg0/get<CR>cwfetch<Esc>')
  local titles = [[
    local params = vim.lsp.util.make_range_params(0, 'utf-8')
    params.context = { diagnostics = {} }
    local titles = {}
    for _, answer in pairs(vim.lsp.buf_request_sync(0, 'textDocument/codeAction', params, 10000) or {}) do
      for _, action in ipairs(answer.result or {}) do titles[#titles + 1] = action.title end
    end
    return titles]]
  local function offered() return vim.tbl_filter(function(title) return title:find('same change', 1, true) ~= nil end, lua(titles)) end
  equal(offered(), {}, 'actions')
  equal(lua(hint), vim.NIL, 'a hint')
  lua([[local server = vim.lsp.get_clients({ name = 'graft' })[1]
    local params = { settings = { graft = { nextEdit = { enabled = true } } } }
    if vim.fn.has('nvim-0.11') == 1 then server:notify('workspace/didChangeConfiguration', params)
    else server.notify('workspace/didChangeConfiguration', params) end]])
  equal(offered(), { 'Make the same change at the other 2 places' }, 'actions')
end)

test(':Graft fix finds a verified patch, the review applies it, undo takes it back', { check = check }, function()
  open('stock.py')
  local before = lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)')
  type_keys(':Graft fix<CR>')
  eventually('the review', "return vim.bo.filetype == 'diff' and vim.fn.search('^diff --git', 'nw') > 0", 240)
  local review = table.concat(lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)'), '\n')
  assert(review:find('\n-        if amount >= self', 1, true), 'the patch is not in the review:\n' .. review)
  assert(review:find('# check on the patched files: ', 1, true), 'no evidence in the review:\n' .. review)
  assert(review:find('\n# evidence: %a+: '), 'nothing says how strong the evidence is:\n' .. review)
  equal(lua("return require('graft.fix').last_result.status"), 'verified', 'status')
  assert(lua([[return vim.fn.getline('.'):find('^[-+] ') and vim.fn.line('.') <= vim.fn.line('w$')]]), 'the change is not in view')
  type_keys('a')
  eventually('the edit applied', "return vim.fn.bufname():match('stock.py$') and vim.bo.modified")
  local text = table.concat(lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)'), '\n')
  assert(not text:find('amount >= self', 1, true), 'the fault is still there')
  type_keys('u')
  eventually('undone', 'return not vim.bo.modified')
  equal(lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)'), before, 'text after undo')
end)

test('the code action leads to the same review, with progress on the way; q changes nothing', { check = check }, function()
  open('stock.py')
  local before = lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)')
  lua([[vim.schedule(function()
    vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title == 'Fix with Graft' end })
  end)]])
  eventually('progress', "return progress() and progress():find('checks', 1, true)", 240)
  equal(lua("return require('graft').status()"), 'graft: fixing', 'status')
  eventually('the review', "return vim.bo.filetype == 'diff'", 240)
  equal(lua('return progress()'), vim.NIL, 'the progress window after the repair')
  type_keys('q')
  eventually('the file again', "return vim.fn.bufname():match('stock.py$')")
  equal(lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)'), before, 'text after rejecting')
  equal(lua('return #vim.api.nvim_list_wins()'), 1, 'windows')
end)

test('a repair that ends while the user types opens no window; :Graft review does', { check = check }, function()
  open('stock.py')
  type_keys(':Graft fix<CR>')
  eventually('running', "return require('graft.fix').progress()")
  open('elsewhere.py')
  type_keys('i# typing on')
  notified(':Graft review')
  equal(lua('return #vim.api.nvim_list_wins()'), 1, 'windows')
  type_keys('<Esc>:write<CR>:Graft review<CR>')
  eventually('the review', "return vim.bo.filetype == 'diff'")
end)

test(':Graft cancel ends a repair', { check = { command = 'sleep 300' } }, function()
  open('stock.py')
  type_keys(':Graft fix<CR>')
  eventually('running', "return require('graft.fix').progress() and progress()")
  type_keys(':Graft cancel<CR>')
  eventually('cancelled', "return require('graft.fix').progress() == nil and progress() == nil", 60)
  notified('cancelled')
  eventually('the server at rest', "return require('graft').status() == 'graft'")
end)

test('a server that dies ends the repair and says so', { check = { command = 'sleep 300' } }, function()
  open('stock.py')
  type_keys(':Graft fix<CR>')
  eventually('running', "return require('graft.fix').progress() and progress()")
  lua([[vim.lsp.get_clients({ name = 'graft' })[1].rpc.terminate()]])
  -- Neovim's own message about the end of a client waits for a key.
  vim.wait(10000, function() return vim.rpcrequest(child, 'nvim_get_mode').blocking end, 20)
  type_keys('<CR>')
  notified('the server ended')
  equal(lua('return progress()'), vim.NIL, 'the progress window')
end)

test('a program that is not there is named, once', { cmd = { 'no-such-graft', 'lsp' } }, function()
  vim.rpcrequest(child, 'nvim_command', 'edit ' .. project .. '/stock.py')
  notified("'no-such-graft' was not found")
  vim.rpcrequest(child, 'nvim_command', 'edit ' .. project .. '/tests/test_stock.py')
  equal(lua('return #messages'), 1, 'messages')
end)

test(':checkhealth graft reports the binary', {}, function()
  vim.rpcrequest(child, 'nvim_command', 'checkhealth graft')
  local report = table.concat(lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)'), '\n')
  assert(report:find(graft, 1, true), report)
  lua("require('graft.config').get().cmd = { 'no-such-graft', 'lsp' }")
  vim.rpcrequest(child, 'nvim_command', 'checkhealth graft')
  report = table.concat(lua('return vim.api.nvim_buf_get_lines(0, 0, -1, false)'), '\n')
  assert(report:find("no-such-graft was not found", 1, true) and report:find('./scripts/build', 1, true), report)
end)

test('without a check :Graft fix asks for one and keeps it for the session', {}, function()
  open('stock.py')
  type_keys(':Graft fix<CR>')
  type_keys('false<CR>')
  eventually('running', "return progress() and progress():find('false', 1, true)")
  type_keys(':Graft cancel<CR>')
  notified('cancelled')
  equal(lua("return require('graft.config').get().check.command"), 'false', 'the check')
end)

test('a killed editor takes its server along', {}, function()
  open('stock.py')
  local editor, server = lua('return vim.fn.getpid()'), nil
  for name in vim.fs.dir('/proc') do
    local file = name:match('^%d+$') and io.open('/proc/' .. name .. '/stat')
    if file then
      -- proc(5): pid (name) state parent
      if tonumber((file:read('a') or ''):match('%) %S (%d+)')) == editor then server = tonumber(name) end
      file:close()
    end
  end
  assert(server, 'no server process')
  vim.uv.kill(editor, 'sigkill')
  local gone = vim.wait(30000, function()
    local file = io.open('/proc/' .. server .. '/stat')
    if not file then return true end
    local state = (file:read('a') or ''):match('%) (%S)')
    file:close()
    return state == nil or state == 'Z'
  end, 50)
  assert(gone, 'the server runs on')
end)

test('wrong options are refused with the option named', {}, function()
  local problem = lua("local ok, problem = require('graft.config').set({ check = { comand = 'x' } }) return problem")
  assert(problem:find('check.comand', 1, true), problem)
end)

print(('%d passed, %d failed\n'):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
