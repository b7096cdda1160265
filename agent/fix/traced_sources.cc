// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/traced_sources.h"

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace agent {
namespace {

// Of one file, on a machine that does other things as well.
constexpr double kCSeconds = .4, kCppSeconds = 2;

double compile_seconds(std::string_view path) {
  if (path.ends_with(".c")) return kCSeconds;
  for (const std::string_view end : {".cc", ".cpp", ".cxx", ".c++", ".C"})
    if (path.ends_with(end)) return kCppSeconds;
  return 0;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// The names of files that a file includes, without their folders.
std::vector<std::string_view> included(std::string_view text) {
  std::vector<std::string_view> names;
  for (const std::string_view line : base::split_lines(text)) {
    std::string_view rest = base::trim(line);
    if (!rest.starts_with('#')) continue;
    rest = base::trim(rest.substr(1));
    if (!rest.starts_with("include")) continue;
    const size_t begin = rest.find_first_of("\"<"), end = rest.find_last_of("\">");
    if (begin != std::string_view::npos && end > begin)
      names.push_back(last_part(rest.substr(begin + 1, end - begin - 1)));
  }
  return names;
}

}  // namespace

std::vector<std::string> traced_sources(const CodeBase& code, const Suspects& suspects, double seconds) {
  std::map<std::string_view, double> of_includers;
  for (const auto& [path, file] : code.files()) {
    const double each = compile_seconds(path);
    if (each == 0) continue;
    for (const std::string_view name : included(file.text())) of_includers[name] += each;
  }
  std::vector<std::pair<double, std::string_view>> files;
  for (const auto& [path, lines] : suspects.lines) {
    double weight = 0;
    for (const auto& [line, each] : lines) weight += each;
    files.emplace_back(weight, path);
  }
  std::sort(files.begin(), files.end(), std::greater<>());
  std::vector<std::string> chosen;
  for (const auto& [weight, path] : files) {
    const auto includers = of_includers.find(last_part(path));
    const double cost = compile_seconds(path) + (includers == of_includers.end() ? 0 : includers->second);
    if (cost == 0 || cost > seconds) continue;
    seconds -= cost;
    chosen.emplace_back(path);
  }
  return chosen;
}

}  // namespace agent
