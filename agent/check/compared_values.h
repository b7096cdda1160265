// SPDX-License-Identifier: Apache-2.0
// agent/check/compared_values.h: the two values that a failed assertion held against each other, as test tools print them.
//
// Reads    pytest, unittest, doctest of Python; node:assert, Chai, Jest, Vitest, Mocha, tape; doctest, Catch2, GoogleTest,
//          Unity; Rust's assert_eq!; `got` and `want` of Go, testify; JUnit, TestNG.
// Errors   None: what is not understood gives no pair.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct ComparedValues {
  std::string actual, expected;  // texts without their quotes, escapes resolved; other values as they were printed
  bool sure = true;              // which of the two is which; false where the tool does not say
  bool part = false;             // `expected` need only be found in what comes out
  friend bool operator==(const ComparedValues&, const ComparedValues&) = default;
};

// Line by line. Pairs come in the order of the output, each once, at most kMost; the two differ, and neither is longer
// than kMaxValue bytes.
class ComparedValuesReader {
 public:
  static constexpr size_t kMost = 24, kMaxValue = 600;

  void read(std::string_view line);  // without its end mark and colours
  std::vector<ComparedValues> take();

 private:
  enum class Role { kNone, kActual, kExpected, kLeft, kRight };

  bool read_on_one_line(std::string_view text);
  bool read_claim(std::string_view text);
  bool read_label(std::string_view line);
  void read_operand(std::string_view text);
  void end_operands();
  bool read_marked(std::string_view line, bool of_pytest);
  bool read_block(std::string_view line);
  void one_side(Role role, std::string_view text, bool part = false);
  void add(std::string_view actual, std::string_view expected, bool sure, bool part = false);

  std::vector<ComparedValues> pairs_;
  Role role_ = Role::kNone;  // of what was read last and waits for the other side
  std::string waiting_;
  bool waits_for_part_ = false;
  int since_waiting_ = 0;    // lines
  Role open_ = Role::kNone;  // a label whose value stands on the next lines, further in than it
  size_t open_indent_ = 0;
  std::string block_;
  // Lines with + and - below a header that says which is which.
  Role plus_ = Role::kNone;
  int since_header_ = 0;
  std::optional<std::vector<std::string>> operands_;  // of GoogleTest's two, while they are told
};

}  // namespace agent
