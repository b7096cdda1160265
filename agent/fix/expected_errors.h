// SPDX-License-Identifier: Apache-2.0
// agent/fix/expected_errors.h: errors that tests wanted a call to raise, as the tests themselves say it.
//
// Reads    Where the output names a place whose line asks for an error: pytest.raises, assertRaises(Regex), a doctest's
//          Traceback; assert.throws, toThrow; the THROW assertions of doctest, Catch2 and GoogleTest; JUnit's assertThrows.
// Errors   None: what is not understood gives nothing. The text of tests is data.
#pragma once
#include <string>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"

namespace agent {

struct ExpectedError {
  std::string type;     // as written: "ValueError", "std::invalid_argument"; empty where the test does not say
  std::string message;  // empty likewise
  Definition callee;    // an editable function that the test calls there
  std::vector<std::string> arguments;  // their sources, in order
};

// At most kMostExpectedErrors, in the order of the output.
inline constexpr size_t kMostExpectedErrors = 12;
std::vector<ExpectedError> expected_errors(const CodeBase& code, const CheckReading& reading);

}  // namespace agent
