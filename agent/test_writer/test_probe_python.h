// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_probe_python.h: calls a Python function in the sandbox and reads what happened. Used inside agent/.
//
// Contract  `python3 PROBE SPEC OUT`, in the work tree's root: SPEC is python_probe_spec(), OUT is then a JSON array with
//           one object for each case: kind, form, text, imports, reason (see Behaviour).
// Note      A TypeError and its like count only where project code raises them by a `raise` statement: elsewhere they say
//           that a proposed argument was of the wrong type.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_corpus_python.h"
#include "agent/test_writer/test_target.h"
#include "base/result.h"

namespace agent {

struct PythonProbe {
  const TestTarget* target = nullptr;
  PythonModule module;
  std::vector<std::string> hints;  // import lines that may bring names of the arguments
  std::vector<TestCase> cases;
};

std::string_view python_probe();
std::string python_probe_spec(const PythonProbe& probe, bool reverse);
base::Result<std::vector<Behaviour>> read_python_probe(std::string_view json, size_t n_cases);

}  // namespace agent
