// SPDX-License-Identifier: Apache-2.0
#include "agent/check/failing_tests.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostNumbered = 10'000;
constexpr size_t kLongestHeading = 500;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view until(std::string_view text, std::string_view end) {
  return text.substr(0, std::min(text.size(), text.find(end)));
}

// The number at the front of `text` and what has to follow it are taken off; nothing where they are not there.
std::optional<std::string_view> behind_number(std::string_view text, std::string_view follows) {
  const size_t digits = std::min(text.size(), text.find_first_not_of("0123456789"));
  if (digits == 0 || !text.substr(digits).starts_with(follows)) return std::nullopt;
  return text.substr(digits + follows.size());
}

// "adds (1.3ms)", "adds (5 ms)", "TestAdds (0.00s)": without the time.
std::string_view without_time(std::string_view name) {
  const size_t open = name.rfind(" (");
  if (open == std::string_view::npos || !name.ends_with("s)") || open + 2 >= name.size() || !is_digit(name[open + 2]))
    return name;
  return name.substr(0, open);
}

// not ok 3 - adds two # time=1.2ms. What TAP expects to fail is no failure.
std::optional<std::string> tap_test(std::string_view text) {
  if (!text.starts_with("not ok ")) return std::nullopt;
  std::string_view name = text.substr(7);
  if (const size_t note = name.rfind(" # "); note != std::string_view::npos) {
    const std::string_view word = base::trim(name.substr(note + 3));
    if (word.starts_with("TODO") || word.starts_with("todo") || word.starts_with("SKIP")) return std::nullopt;
    name = name.substr(0, note);
  }
  const auto named = behind_number(name, " - ");
  return std::string(base::trim(named ? *named : name));
}

// [ERROR] CalcTest.adds -- Time elapsed: 0.008 s <<< FAILURE!   (Maven's surefire; before 3.0 with adds(CalcTest))
std::optional<std::string> surefire_test(std::string_view text) {
  if (!text.starts_with("[ERROR] ") || has(text, "Tests run:")) return std::nullopt;
  if (!text.ends_with("<<< FAILURE!") && !text.ends_with("<<< ERROR!")) return std::nullopt;
  std::string_view name = until(until(text.substr(8), "Time elapsed"), " -- ");
  return std::string(base::trim(name));
}

// CalcTest > adds() FAILED (Gradle); +-- adds() [X] expected: <3> but was: <2> (JUnit's console).
std::optional<std::string> junit_test(std::string_view text) {
  if (text.ends_with(" FAILED") && has(text, " > ")) return std::string(text.substr(0, text.size() - 7));
  const size_t cross = text.find(" [X]");
  if (cross == std::string_view::npos) return std::nullopt;
  const std::string_view tree = text.substr(0, cross);
  const auto begin = std::find_if(tree.begin(), tree.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
  if (begin == tree.end()) return std::nullopt;
  return std::string(tree.substr(static_cast<size_t>(begin - tree.begin())));
}

// tests/a.c:12:test_adds:FAIL: Expected 3 Was 2 (Unity); a.cpp(5): error: in "suite/adds": check 1 == 2 (Boost.Test).
std::optional<std::string> test_behind_place(std::string_view text) {
  if (const size_t fail = text.find(":FAIL"); fail != std::string_view::npos && fail > 0) {
    const size_t colon = text.rfind(':', fail - 1);
    if (colon != std::string_view::npos && colon > 0 && is_digit(text[colon - 1]))
      return std::string(text.substr(colon + 1, fail - colon - 1));
  }
  constexpr std::string_view kBoost = "error: in \"";
  const size_t boost = text.find(kBoost);
  if (boost == std::string_view::npos) return std::nullopt;
  return std::string(until(text.substr(boost + kBoost.size()), "\""));
}

// 3 - calc_test (Failed), in ctest's list at the end; the labels of a test may follow.
std::optional<std::string> ctest_test(std::string_view text) {
  // Source: CMake's cmCTestTestHandler, GetTestStatus and the exceptions of its processes; none of (Disabled), (Not
  // Run).
  constexpr std::array kReasons = {
      std::string_view("Failed"),  std::string_view("SEGFAULT"),  std::string_view("Timeout"),
      std::string_view("ILLEGAL"), std::string_view("NUMERICAL"), std::string_view("INTERRUPT"),
      std::string_view("SIG"),     std::string_view("Bus error"), std::string_view("OTHER_FAULT"),
      std::string_view("Child "),  std::string_view("Exit code"), std::string_view("Subprocess ")};
  const auto rest = behind_number(text, " - ");
  const size_t open = rest ? rest->rfind(" (") : std::string_view::npos;
  if (open == std::string_view::npos || rest->find(')', open) == std::string_view::npos) return std::nullopt;
  const std::string_view reason = rest->substr(open + 2);
  const auto is_reason = [&](std::string_view known) { return reason.starts_with(known); };
  if (std::none_of(kReasons.begin(), kReasons.end(), is_reason)) return std::nullopt;
  return std::string(base::trim(rest->substr(0, open)));
}

// 1 of   2 in shop.total, in the sums of Python's doctest: a docstring, of which some examples failed.
std::optional<std::string> docstring_test(std::string_view text) {
  const auto behind_failed = behind_number(text, " of ");
  if (!behind_failed || text.starts_with("0")) return std::nullopt;
  const auto name = behind_number(base::trim(*behind_failed), " in ");
  if (!name || has(*name, " ")) return std::nullopt;
  return std::string(*name);
}

// What stands in front of a failing test's name.
constexpr std::array kFailMarks = {
    std::string_view("FAILED "),                // pytest: FAILED path::test - reason
    std::string_view("ERROR "),                 // pytest
    std::string_view("FAIL: "),                 // unittest
    std::string_view("ERROR: "),                // unittest
    std::string_view("[  FAILED  ] "),          // GoogleTest
    std::string_view("--- FAIL: "),             // go
    std::string_view("TEST CASE:  "),           // doctest, above the failures of a case
    std::string_view("FAIL "),                  // vitest: FAIL path > suite > test; jest: FAIL path
    std::string_view("\xe2\x9c\x98 [fail]: "),  // AVA
    std::string_view("\xe2\x9c\x95 "),          // jest
    std::string_view("\xe2\x9c\x96 "),          // node:test
    std::string_view("\xe2\x97\x8f "),          // jest summary
};

std::optional<std::string> marked_test(std::string_view text) {
  const auto mark = std::find_if(kFailMarks.begin(), kFailMarks.end(),
                                 [&](std::string_view known) { return text.starts_with(known); });
  if (mark == kFailMarks.end()) return std::nullopt;
  std::string_view name = text.substr(mark->size());
  if (*mark == "ERROR: " && !has(name, "(")) return std::nullopt;
  if (*mark == "ERROR " && !has(name, "::") && !has(name, ".py")) return std::nullopt;
  // Sums: unittest's FAILED (failures=2), GoogleTest's 2 tests, listed below, node:test's heading.
  if (name.starts_with("(") || has(name, " test(s)") || has(name, ", listed below") || name == "failing tests:")
    return std::nullopt;
  if (*mark == "FAILED " || *mark == "ERROR ") name = until(name, " - ");
  if (*mark == "[  FAILED  ] ") name = until(until(name, " ("), ", where");
  if (*mark != "FAIL: " && *mark != "ERROR: ") name = without_time(name);
  name = base::trim(name);
  if (name.empty()) return std::nullopt;
  return std::string(name);
}

std::optional<std::string> failing_test(std::string_view text) {
  for (const auto read : {tap_test, surefire_test, junit_test, test_behind_place, ctest_test, docstring_test, marked_test})
    if (auto name = read(text)) return name;
  if (text.starts_with("test ") && text.ends_with("... FAILED"))  // cargo
    return std::string(base::trim(text.substr(5, text.size() - 15)));
  return std::nullopt;
}

}  // namespace

// A heading of one line for the case and one, indented, for each section, between lines of dashes; failures name no
// test.
void FailingTests::read_catch2(std::string_view line) {
  constexpr size_t kDashes = 79;  // Catch2's width, CATCH_CONFIG_CONSOLE_WIDTH, less one
  const std::string_view text = base::trim(line);
  if (text.size() == kDashes && text.find_first_not_of('-') == std::string_view::npos) {
    if (!in_heading_) heading_.clear();
    in_heading_ = !in_heading_;
  } else if (in_heading_ && (text.empty() || heading_.size() > kLongestHeading)) {
    in_heading_ = false;  // the line of dashes was no heading's
    heading_.clear();
  } else if (in_heading_) {
    heading_ += base::cat(heading_.empty() ? "" : "/", text);
  } else if (!heading_.empty() && text.ends_with(": FAILED:")) {
    names_.insert(heading_);
  }
}

void FailingTests::read(std::string_view line) {
  const std::string_view text = base::trim(line);
  read_catch2(line);
  if (const auto rest = behind_number(text, " failing"); rest && rest->empty()) numbers_failures_ = true;
  if (const auto rest = behind_number(text, ") "); rest && !rest->empty()) {
    // JUnit 4's console: 1) adds(CalcTest).
    if (rest->ends_with(")") && has(*rest, "(") && !has(*rest, " "))
      names_.emplace(*rest);
    else if (numbered_.size() < kMostNumbered)
      numbered_.emplace(*rest);
    return;
  }
  if (auto name = failing_test(text); name && !name->empty()) names_.insert(std::move(*name));
}

std::vector<std::string> FailingTests::names() const {
  std::set<std::string> names = names_;
  if (numbers_failures_) names.insert(numbered_.begin(), numbered_.end());
  return {names.begin(), names.end()};
}

}  // namespace agent
