// SPDX-License-Identifier: Apache-2.0
// agent/fix/traced_sources.h: of what was built before a traced run, which files in C and C++ are worth building again.
#pragma once
#include <string>
#include <vector>

#include "agent/code/code_base.h"
#include "agent/fix/localise.h"

namespace agent {

// Files that hold suspect lines, the most suspect first, as many as can be compiled in about `seconds`, with what
// includes them by name; where one takes longer than that, those behind it that do not.
std::vector<std::string> traced_sources(const CodeBase& code, const Suspects& suspects, double seconds);

}  // namespace agent
