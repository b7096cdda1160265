// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/rebuild.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "tools/syntax.h"

namespace agent {

bool is_compiled(std::string_view path) {
  using tools::Language;
  const auto language = tools::language_of_path(path);
  if (!language) return false;
  switch (*language) {
    case Language::kC:
    case Language::kCpp:
    case Language::kCuda:
    case Language::kRust:
    case Language::kGo:
    case Language::kJava: return true;
    default: return false;
  }
}

std::string most_suspect_compiled(const Suspects& suspects) {
  std::string most_suspect;
  double most = 0;
  for (const auto& [path, lines] : suspects.lines)
    for (const auto& [line, weight] : lines)
      if (weight > most && is_compiled(path)) most = weight, most_suspect = path;
  return most_suspect;
}

base::Result<std::optional<CheckResult>> run_rebuilt(Checker& checker, const tools::FileSource& base,
                                                     std::string_view path, std::chrono::milliseconds wall,
                                                     std::stop_token stop) {
  auto text = base.read(path);
  if (!text) return std::optional<CheckResult>();
  text->append(text->find("\r\n") == std::string::npos ? "\n" : "\r\n");
  checker.set_bounds({wall});
  auto result = checker.run({{std::string(path), std::move(*text)}}, std::move(stop));
  if (!result) return std::move(result).error();
  base::log(base::LogLevel::kDebug,
            base::cat("check with ", path, " built again: ", result->ending, " in ", result->seconds, " s"));
  return std::optional(std::move(*result));
}

}  // namespace agent
