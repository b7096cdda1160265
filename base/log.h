// SPDX-License-Identifier: Apache-2.0
// base/log.h: one line per event on stderr (stdout belongs to results and protocols).
//
// Threads  Safe from any thread; a line is written whole.
// Privacy  Never log the text of user files or prompts above kDebug.
#pragma once
#include <string_view>

namespace base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Threshold; starts at GRAFT_LOG (debug, info, warning, error, off), else kWarning.
void set_log_level(LogLevel level);
LogLevel log_level();

void log(LogLevel level, std::string_view message);

}  // namespace base
