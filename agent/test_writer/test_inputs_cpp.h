// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_inputs_cpp.h: calls of a C++ function that are worth recording. Used inside agent/.
#pragma once
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_target.h"
#include "agent/test_writer/test_types_cpp.h"
#include "base/result.h"
#include "tools/work_tree.h"

namespace agent {

// What the repository shows. Only expressions made of literals alone: a test must not lean on its neighbours' variables.
struct CppCorpus {
  std::vector<TestCase> calls;                           // of the target, every argument usable
  std::map<size_t, std::vector<std::string>> arguments;  // by position, also of calls that could not be used whole
  std::map<std::string, std::vector<std::string>> made;  // struct -> "larder::Date{2024, 2, 29}"
  std::vector<std::string> strings, numbers;             // literals of tests that call the target
};

base::Result<CppCorpus> read_cpp_corpus(const tools::WorkTree& tree, const TestTarget& target, const CppTypes& types,
                                        std::stop_token stop);

std::vector<TestCase> propose_cpp_cases(const TestTarget& target, const CppTypes& types, const CppCorpus& corpus,
                                        size_t at_most);

// A string literal with escapes; anything that is not printable ASCII is escaped in octal.
std::string cpp_string(std::string_view value);

}  // namespace agent
