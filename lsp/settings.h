// SPDX-License-Identifier: Apache-2.0
// lsp/settings.h: what the user set, under the names of editors/settings.schema.json (which is the same for all
// editors).
//
// Trust    Settings come from the editor alone, which asks its user before it takes any from a workspace; no file of a
//          repository is read for settings here. `graft.check.command` is run, in the sandbox, only when the user asks
//          for a fix.
// Errors   A value of the wrong type or out of range keeps its default and is named in `problems`.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace lsp {

struct Settings {
  std::string check_command;             // graft.check.command
  int check_budget = 60;                 // graft.check.budget: runs of the check
  int check_timeout_seconds = 60;        // graft.check.timeoutSeconds: of one run
  int check_total_seconds = 600;         // graft.check.totalSeconds
  int check_jobs = 0;                    // graft.check.jobs: runs at once; 0: what the machine bears
  bool completion_enabled = true;        // graft.completion.enabled
  int completion_max_tokens = 48;        // graft.completion.maxTokens
  bool completion_multiline = true;      // graft.completion.multiline
  double completion_min_confidence = 0;  // graft.completion.minConfidence; 0: the default of agent/complete.h
  bool next_edit_enabled = true;         // graft.nextEdit.enabled
  double next_edit_min_probability = 0;  // graft.nextEdit.minProbability; 0: the default of agent/next_edit.h
  std::string model_path;                // graft.model.path; empty: the shipped model
};

// `section` is the value of "graft", as a tree ({"check": {"command": ...}}), or any object with dotted names
// ({"graft.check.command": ...}). Names it does not have keep the values of `base`.
Settings read_settings(const base::Json& section, const Settings& base, std::vector<std::string>& problems);

// Names and defaults, for the test that holds them against the schema file.
struct SettingInfo {
  std::string name, type, default_json;
};
std::vector<SettingInfo> all_settings();

}  // namespace lsp
