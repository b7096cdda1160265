// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace base {
namespace {

LogLevel level_from_environment() {
  const char* text = std::getenv("GRAFT_LOG");
  const std::string_view name = text != nullptr ? text : "";
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  return LogLevel::kWarning;
}

std::atomic<LogLevel>& threshold() {
  static std::atomic<LogLevel> level{level_from_environment()};
  return level;
}

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    default: return "error";
  }
}

}  // namespace

void set_log_level(LogLevel level) { threshold() = level; }
LogLevel log_level() { return threshold(); }

void log(LogLevel level, std::string_view message) {
  if (level < threshold() || level == LogLevel::kOff) return;
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char stamp[32];
  const size_t n = std::strftime(stamp, sizeof stamp, "%H:%M:%S", &local);
  std::snprintf(stamp + n, sizeof stamp - n, ".%03d", static_cast<int>(ms));
  std::string line = std::string(stamp) + " " + name_of(level) + " ";
  line.append(message).push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of two threads do not mix
}

}  // namespace base
