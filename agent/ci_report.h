// SPDX-License-Identifier: Apache-2.0
// agent/ci_report.h: a verified repair in the forms that review systems take.
//
// Units    Lines and columns are 1-based; a region's end column is exclusive, columns count UTF-16 units only where the
//          line has none but ASCII before them: replacements cover whole lines, so every column is 1.
// Errors   kInvalidArgument where a file is not as the edit's base hash says.
// Note     The message of every form but the patch says how strong the evidence is, and which other changes pass; the
//          fix is the proven one alone. SARIF has all of it as properties too.
// Source   SARIF 2.1.0 (OASIS), 3.55 "fix object"; reviewdog Diagnostic Format (rdjsonl); GitHub workflow commands;
//          GitLab code quality report.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "agent/fix.h"
#include "tools/edit.h"

namespace agent {

enum class CiFormat { kPatch, kSarif, kRdjsonl, kGithub, kGitlab };
std::optional<CiFormat> ci_format_of(std::string_view name);  // "patch", "sarif", ...

// `files` reads the work tree as it is; `check` and `version` are named in the report. Without a repair the report is
// empty in the way of its format.
base::Result<std::string> ci_report(CiFormat format, const FixReport& report, const tools::FileSource& files,
                                    const std::string& check, const std::string& version);

}  // namespace agent
