// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_render_python.h: recorded behaviour as pytest functions, in the style of the project. Used inside agent/.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_render.h"
#include "agent/test_writer/test_target.h"

namespace agent {

struct PythonTestStyle {
  bool double_quotes = true;
  std::string first_line;       // such as a licence comment; may be empty
  size_t columns = 88;
};

// One test for each group of calls that behave alike. `taken`: names that the file has already; those made are added.
RenderedTests render_python_tests(const TestTarget& target, std::string_view module, const std::vector<TestCase>& cases,
                                  const std::vector<Behaviour>& seen, const PythonTestStyle& style,
                                  std::vector<std::string>& taken);

// The whole file: `existing` with the imports and functions added, or a new file if it is empty. `package`: the project's
// own, whose imports come last.
std::string place_python_tests(std::string_view existing, const RenderedTests& tests, std::string_view package,
                               const PythonTestStyle& style);

// Names of the functions and classes at the top of a file.
std::vector<std::string> python_top_level_names(std::string_view text);

// String literals with the wanted quotes, where that needs no escapes.
std::string with_quotes(std::string_view expression, bool double_quotes);

std::string snake_case(std::string_view name);

}  // namespace agent
