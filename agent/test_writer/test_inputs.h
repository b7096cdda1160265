// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_inputs.h: which calls are worth recording. Used inside agent/.
//
// Calls seen in the repository come first, then one parameter at a time through the values of its type, then changes of
// the seen calls, then combinations. The order is fixed: the same work tree gives the same cases.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_corpus_python.h"
#include "agent/test_writer/test_target.h"

namespace agent {

// The classes of the project that the signature names; read_python_corpus() looks for ways to make them.
std::vector<std::string> python_classes_of(const TestTarget& target);

std::vector<TestCase> propose_python_cases(const TestTarget& target, const PythonCorpus& corpus, size_t at_most);

// Neighbours of a literal's value: 8 gives 7, 9, -8, 0; "a b" gives "", "a", "a bb", "A B", ...
std::vector<std::string> number_neighbours(std::string_view number);
std::vector<std::string> string_neighbours(std::string_view value);

// Fills cases from one pool of argument texts for each parameter. `n_required` parameters must be given.
struct ArgumentPool {
  std::vector<std::string> values;  // the first one is the usual value
  std::string prefix;               // "name=" for keyword arguments
};
void combine(const std::vector<ArgumentPool>& pools, size_t n_required, size_t at_most, std::vector<TestCase>& cases);

}  // namespace agent
