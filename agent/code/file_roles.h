// SPDX-License-Identifier: Apache-2.0
// agent/code/file_roles.h: which files of a work tree a repair may change: code that a person wrote, and never what judges
// it.
#pragma once
#include <string_view>

namespace agent {

// A test, by the customs of the languages' test tools (folder or file name).
bool is_test_path(std::string_view path);
// Another project's code, build output or generated code.
bool is_foreign_path(std::string_view path);
// A script that the check command names and that looks like a judge ("check.py", "verify.js").
bool is_judge_path(std::string_view path, std::string_view check);
// Source code in a language that the driver can change, and none of the above.
bool is_editable_path(std::string_view path, std::string_view check);

}  // namespace agent
