// SPDX-License-Identifier: Apache-2.0
#include "agent/check/first_tests.h"

#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostFirst = 20, kLongestName = 500;  // where more fail the first of them refuse as well

}  // namespace

bool runs_pytest(std::string_view check) {
  return check.find("pytest") != std::string_view::npos || check.find("py.test") != std::string_view::npos;
}

std::string first_tests_value(const std::vector<std::string>& failing) {
  std::string value;
  size_t n = 0;
  for (const std::string& name : failing) {
    if (name.find(".py::") == std::string::npos || name.size() > kLongestName || name.find('\n') != std::string::npos)
      continue;
    if (++n > kMostFirst) break;
    value += (value.empty() ? "" : "\n") + name;
  }
  return value;
}

std::string with_python_path(std::string check, const std::string& folder) {
  constexpr std::string_view kName = "PYTHONPATH=";
  for (size_t at = check.find(kName); at != std::string::npos; at = check.find(kName, at)) {
    at += kName.size();
    if (at < check.size() && (check[at] == '"' || check[at] == '\'')) ++at;
    check.insert(at, folder + ":");
  }
  return check;
}

}  // namespace agent
