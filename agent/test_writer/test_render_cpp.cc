// SPDX-License-Identifier: Apache-2.0
// Recorded behaviour of a C++ function as doctest cases, and their place in a file.
#include <algorithm>

#include "agent/test_writer/test_probe_cpp.h"
#include "base/strings.h"

namespace agent {
namespace {

using Texts = std::vector<std::string>;

std::string group_name(const Behaviour& seen) {
  if (seen.kind == Behaviour::Kind::kRaised) return "throws " + seen.text;
  if (seen.form == "truth") return seen.text == "true" ? "says yes" : "says no";
  return seen.form == "empty" ? "finds nothing" : "results";
}

// One line, or two with the expected value on the second.
std::string check_line(std::string_view macro, const std::string& left, const std::string& right, size_t columns) {
  const std::string line = base::cat("  ", macro, "(", left, right.empty() ? "" : " == ", right, ");\n");
  if (right.empty() || line.size() <= columns + 1) return line;
  return base::cat("  ", macro, "(", left, " ==\n        ", right, ");\n");
}

std::string check_of(const TestTarget& target, const TestCase& one, const Behaviour& seen, size_t columns) {
  const std::string call = cpp_call(target, one);
  // In parentheses: the commas between braces would part the arguments of the macro.
  if (seen.kind == Behaviour::Kind::kRaised) return base::cat("  CHECK_THROWS_AS((", call, "), ", seen.text, ");\n");
  if (seen.form == "truth") return check_line(seen.text == "true" ? "CHECK" : "CHECK_FALSE", call, "", columns);
  if (seen.form == "empty") return check_line("CHECK_FALSE", call + ".has_value()", "", columns);
  if (seen.form == "approx") return check_line("CHECK", call, "doctest::Approx(" + seen.text + ")", columns);
  return check_line("CHECK", call, seen.text, columns);
}

}  // namespace

RenderedTests render_cpp_tests(const TestTarget& target, const std::string& include, const std::vector<TestCase>& cases,
                               const std::vector<Behaviour>& seen, const CppTestStyle& style,
                               std::vector<std::string>& taken) {
  RenderedTests out;
  out.imports.push_back(include);
  Texts groups;
  for (const Behaviour& one : seen) add_unique(groups, group_name(one));
  const std::string last_scope = target.scope.substr(target.scope.rfind(':') == std::string::npos ? 0 : target.scope.rfind(':') + 1);
  const bool method = target.call != TestTarget::Call::kFunction;
  for (const std::string& group : groups) {
    const std::string plain = base::cat(method ? last_scope + "::" : "", target.name, ": ", group);
    std::string name = plain;
    for (int n = 2; std::find(taken.begin(), taken.end(), name) != taken.end(); ++n) name = base::cat(plain, " (", n, ")");
    taken.push_back(name);
    out.names.push_back(name);
    out.text += base::cat("\nTEST_CASE(\"", name, "\") {\n");
    for (size_t i = 0; i < cases.size(); ++i)
      if (group_name(seen[i]) == group) out.text += check_of(target, cases[i], seen[i], style.columns);
    out.text += "}\n";
  }
  const auto uses = [&out](std::string_view word) { return out.text.find(word) != std::string::npos; };
  if (uses("std::vector")) out.imports.emplace_back("#include <vector>");
  if (uses("std::optional")) out.imports.emplace_back("#include <optional>");
  if (uses("std::string")) out.imports.emplace_back("#include <string>");
  if (uses("std::pair")) out.imports.emplace_back("#include <utility>");
  if (uses("CHECK_THROWS_AS")) out.imports.emplace_back("#include <stdexcept>");
  return out;
}

std::string place_cpp_tests(std::string_view existing, const RenderedTests& tests, const CppTestStyle& style) {
  Texts project, standard;
  for (const std::string& line : tests.imports) (line.find('<') == std::string::npos ? project : standard).push_back(line);
  std::sort(standard.begin(), standard.end());
  if (base::trim(existing).empty()) {
    std::string text = style.first_line.empty() ? "" : style.first_line + "\n";
    for (const std::string& line : project) text += line + "\n";
    text += "\n#include " + style.doctest + "\n";
    if (!standard.empty()) text += "\n";
    for (const std::string& line : standard) text += line + "\n";
    return text + tests.text;
  }
  std::string text(existing);
  if (text.back() != '\n') text += '\n';
  std::string added;
  for (const Texts* lines : {&project, &standard})
    for (const std::string& line : *lines)
      if (text.find(line) == std::string::npos) added += line + "\n";
  if (!added.empty()) {  // behind the last include
    size_t at = text.rfind("\n#include ");
    at = at == std::string::npos ? 0 : text.find('\n', at + 1) + 1;
    text.insert(at, added);
  }
  return text + tests.text;
}

}  // namespace agent
