// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_probe_cpp.h: a program that calls a C++ function in many ways and writes down what comes back, and the same
// calls as doctest cases. Used inside agent/.
//
// Contract  `PROBE OUT [reverse]`: every call in a child process of its own, so that a crash or a hang costs that call
//           alone. OUT gets a line for each call, in the order of the cases: kind, form and text, with tabs between.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_render.h"
#include "agent/test_writer/test_target.h"
#include "agent/test_writer/test_types_cpp.h"
#include "base/result.h"

namespace agent {

std::string cpp_probe(const TestTarget& target, const CppTypes& types, const std::string& include,
                      const std::vector<TestCase>& cases);
base::Result<std::vector<Behaviour>> read_cpp_probe(std::string_view text, size_t n_cases);

struct CppTestStyle {
  std::string first_line;                             // such as a licence comment; may be empty
  std::string doctest = "<doctest/doctest.h>";        // as it is included
  size_t columns = 100;
};

RenderedTests render_cpp_tests(const TestTarget& target, const std::string& include, const std::vector<TestCase>& cases,
                               const std::vector<Behaviour>& seen, const CppTestStyle& style,
                               std::vector<std::string>& taken);
std::string place_cpp_tests(std::string_view existing, const RenderedTests& tests, const CppTestStyle& style);

// The call as source text: "larder::format_amount(larder::Amount{5}, 2)".
std::string cpp_call(const TestTarget& target, const TestCase& one);

}  // namespace agent
