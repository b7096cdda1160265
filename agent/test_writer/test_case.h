// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_case.h: one call of the function under test, and what was seen when it was made. Used inside agent/.
#pragma once
#include <string>
#include <vector>

namespace agent {

// All texts are source text in the language of the target.
struct TestCase {
  std::string receiver;                // the object of a method call; empty for functions
  std::vector<std::string> arguments;  // Python: may be "name=value"
  std::vector<std::string> hints;      // import lines of the file that it was seen in
  friend bool operator==(const TestCase& a, const TestCase& b) {
    return a.receiver == b.receiver && a.arguments == b.arguments;
  }
};

struct Behaviour {
  enum class Kind { kReturned, kRaised, kUnusable } kind = Kind::kUnusable;
  std::string form;                  // how to compare: "==", "is", "approx", "list", "repr"; empty if not returned
  std::string text;                  // the expected value, or the type that was raised
  std::vector<std::string> imports;  // import lines that the case and the text need
  std::string reason;                // of kUnusable: "hangs", "argument", "address", "internal TypeError"

  bool same_as(const Behaviour& other) const {
    return kind == other.kind && form == other.form && text == other.text && reason == other.reason;
  }
};

}  // namespace agent
