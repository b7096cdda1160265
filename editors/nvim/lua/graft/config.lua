-- SPDX-License-Identifier: Apache-2.0
--- Options: defaults, a check of what the user wrote, and the form in which the server gets them.
local M = {}

local defaults = {
  --- Command that starts the server.
  cmd = { 'graft', 'lsp' },
  filetypes = {
    'c', 'cpp', 'cuda', 'python', 'javascript', 'javascriptreact', 'typescript', 'typescriptreact',
    'rust', 'go', 'java', 'json', 'sh', 'bash',
  },
  root_markers = { '.git', 'compile_commands.json', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod' },
  completion = {
    enabled = true,
    --- Milliseconds without typing before a suggestion is asked for.
    debounce_ms = 75,
    --- Longest suggestion, in tokens of the model.
    max_tokens = 48,
    --- Suggest several lines where a block begins.
    multiline = true,
    --- Least mean probability of a suggestion's tokens, 0 to 1; 0 takes the default of the model that comes with Graft.
    min_confidence = 0,
    --- Use the core's vim.lsp.inline_completion where it exists (Neovim 0.12).
    use_core = false,
  },
  next_edit = {
    --- After a small edit, show where the same is likely to be done next.
    enabled = true,
    --- Milliseconds without typing before it is looked for.
    debounce_ms = 300,
    --- Least probability of what is shown, 0 to 1; 0 takes the measured default.
    min_probability = 0,
  },
  --- Insert-mode keys for suggestions: accept, accept_line, accept_word, dismiss; Normal-mode keys: next_edit, next_edit_all,
  --- next_edit_dismiss. None is set by default.
  keys = {},
  check = {
    --- The command whose success is the goal of :Graft fix, for example 'python3 -m pytest -q'.
    command = nil,
    budget = 60,
    timeout_seconds = 60,
    total_seconds = 600,
    jobs = 0,
  },
  model = { path = nil },
}

--- Options that are a string or absent.
local optional = {
  ['check.command'] = true, ['model.path'] = true,
  ['keys.next_edit'] = true, ['keys.next_edit_all'] = true, ['keys.next_edit_dismiss'] = true,
  ['keys.accept'] = true, ['keys.accept_line'] = true, ['keys.accept_word'] = true, ['keys.dismiss'] = true,
}

local current = vim.deepcopy(defaults)

--- First difference in kind between `given` and `reference`, or nil. Lists may have any length.
local function mismatch(given, reference, path)
  for key, value in pairs(given) do
    local where = path == '' and tostring(key) or (path .. '.' .. tostring(key))
    local known = reference[key]
    if optional[where] then
      if type(value) ~= 'string' then return where .. ' must be a string' end
    elseif known == nil then
      return 'unknown option ' .. where .. ' (see :help graft-options)'
    elseif type(value) ~= type(known) then
      return where .. ' must be a ' .. type(known) .. ', not a ' .. type(value)
    elseif type(known) == 'table' and not (vim.islist(known) and #known > 0) then
      local inner = mismatch(value, known, where)
      if inner then return inner end
    end
  end
end

---@return boolean ok, string? problem
function M.set(options)
  local problem = mismatch(options, defaults, '')
  if problem then return false, problem end
  current = vim.tbl_deep_extend('force', vim.deepcopy(defaults), options)
  return true
end

function M.get() return current end

--- Settings under the names that all editors share (editors/settings.schema.json).
function M.server_settings()
  return {
    completion = {
      enabled = current.completion.enabled,
      maxTokens = current.completion.max_tokens,
      multiline = current.completion.multiline,
      minConfidence = current.completion.min_confidence,
    },
    check = {
      command = current.check.command,
      budget = current.check.budget,
      timeoutSeconds = current.check.timeout_seconds,
      totalSeconds = current.check.total_seconds,
      jobs = current.check.jobs,
    },
    nextEdit = { enabled = current.next_edit.enabled, minProbability = current.next_edit.min_probability },
    model = { path = current.model.path },
  }
end

return M
