// SPDX-License-Identifier: Apache-2.0
// agent/fix/rebuild.h: how long the check takes where a file has changed.
//
// Why      Tools that compile build what changed. Where the work tree is built already, the check on the unchanged code
//          builds nothing and ends at once, and a limit learnt from that ends every candidate while it is compiled.
// Threads  The caller's.
#pragma once
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "agent/check/check_runner.h"
#include "agent/fix/localise.h"

namespace agent {

// Whether a file of that name is compiled before it runs, as a rule.
bool is_compiled(std::string_view path);

// The compiled file with the most suspect line; "" where none is.
std::string most_suspect_compiled(const Suspects& suspects);

// A run of at most `wall` on the unchanged code with `path` written anew, a blank line longer. Nothing where it cannot
// be read.
base::Result<std::optional<CheckResult>> run_rebuilt(Checker& checker, const tools::FileSource& base,
                                                     std::string_view path, std::chrono::milliseconds wall,
                                                     std::stop_token stop);

}  // namespace agent
