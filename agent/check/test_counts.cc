// SPDX-License-Identifier: Apache-2.0
#include "agent/check/test_counts.h"

#include <algorithm>
#include <array>

#include "base/colours.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostDigits = 7;  // no suite has more tests; sums stay far from overflow
constexpr int kMost = 1'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::optional<int> number_at(std::string_view text) {
  size_t digits = 0;
  int number = 0;
  while (digits < text.size() && is_digit(text[digits]))
    if (++digits > kMostDigits) return std::nullopt;
  for (const char digit : text.substr(0, digits)) number = number * 10 + (digit - '0');
  return digits == 0 ? std::nullopt : std::optional(number);
}

// 12 of "1 failed, 12 passed": the number right before a word.
std::optional<int> before_word(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    if (at < 2 || line[at - 1] != ' ' || (end < line.size() && is_letter(line[end]))) continue;
    size_t begin = at - 1;
    while (begin > 0 && is_digit(line[begin - 1])) --begin;
    if (const auto number = number_at(line.substr(begin, at - 1 - begin))) return number;
  }
  return std::nullopt;
}

// 12 of "# pass 12": the number behind what a line holds.
std::optional<int> behind(std::string_view line, std::string_view words) {
  const size_t at = line.find(words);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(at + words.size());
  return number_at(rest.substr(std::min(rest.size(), rest.find_first_not_of(" \t"))));
}

class Reader {
 public:
  TestCounts read(std::string_view output) {
    for (const std::string_view raw : base::split_lines(output)) {
      const std::string plain = base::without_colours(raw);
      const std::string_view line = base::trim(plain);
      if (line.empty()) continue;
      verbose_go_ |= line.starts_with("=== RUN ");
      pytest(line) || unittest(line) || cpp(line) || ctest(line) || automake(line) || rust(line) || go(plain) ||
          node(line) || java(line);
    }
    if (!verbose_go_) counts_.erase(TestTool::kGoTests);  // only those that failed are named then
    for (auto& [tool, count] : counts_) count.passed = std::max(0, count.passed);
    return std::move(counts_);
  }

 private:
  bool add(TestTool tool, int passed, int failed, int skipped) {
    TestCount& count = counts_[tool];
    count.passed = std::min(kMost, count.passed + passed);
    count.failed = std::min(kMost, count.failed + failed);
    count.skipped = std::min(kMost, count.skipped + skipped);
    return true;
  }
  // "2 failed, 10 passed" with any marks between.
  bool add_words(TestTool tool, std::string_view line, std::string_view skipped) {
    return add(tool, before_word(line, "passed").value_or(0), before_word(line, "failed").value_or(0),
               before_word(line, skipped).value_or(0));
  }

  // "=== 1 failed, 12 passed, 1 skipped in 0.05s ===", without the marks under -q.
  bool pytest(std::string_view line) {
    const size_t begin = line.find_first_not_of("= "), end = line.find_last_not_of("= ");
    if (begin == std::string_view::npos) return false;
    line = line.substr(begin, end + 1 - begin);
    const size_t in = line.rfind(" in ");
    if (in == std::string_view::npos || !number_at(line.substr(in + 4)) ||
        line.find('s', in + 4) == std::string_view::npos)
      return false;
    if (line.starts_with("no tests ran in ")) return add(TestTool::kPytest, 0, 0, 0);
    constexpr std::array kWords = {std::string_view("passed"),  std::string_view("failed"),
                                   std::string_view("skipped"), std::string_view("deselected"),
                                   std::string_view("error"),   std::string_view("errors"),
                                   std::string_view("xfailed"), std::string_view("xpassed")};
    if (!is_digit(line[0]) || std::none_of(kWords.begin(), kWords.end(),
                                           [&](std::string_view word) { return before_word(line, word).has_value(); }))
      return false;
    return add_words(TestTool::kPytest, line.substr(0, in), "skipped");
  }

  // "Ran 13 tests in 0.001s", then "OK (skipped=2)" or "FAILED (failures=1, errors=1, skipped=2)".
  bool unittest(std::string_view line) {
    if (line.starts_with("Ran ") && line.find(" in ") != std::string_view::npos &&
        line.find(" test") != std::string_view::npos) {
      const auto ran = number_at(line.substr(4));
      return ran && add(TestTool::kUnittest, *ran, 0, 0);
    }
    if (!line.starts_with("OK (") && !line.starts_with("FAILED (")) return false;
    const int failed = behind(line, "(failures=").value_or(0) + behind(line, "errors=").value_or(0);
    const int skipped = behind(line, "skipped=").value_or(0);
    return counts_.contains(TestTool::kUnittest) && add(TestTool::kUnittest, -failed - skipped, failed, skipped);
  }

  bool cpp(std::string_view line) {
    if (line.starts_with("[doctest] test cases:")) return add_words(TestTool::kDoctest, line, "skipped");
    if (line.starts_with("test cases:")) return add_words(TestTool::kCatch2, line, "skipped");
    if (line.starts_with("All tests passed (") && line.find(" assertion") != std::string_view::npos)
      return add(TestTool::kCatch2,
                 before_word(line, "test case").value_or(before_word(line, "test cases").value_or(0)), 0, 0);
    if (line == "No tests ran") return add(TestTool::kCatch2, 0, 0, 0);
    if (line.starts_with("[  PASSED  ] ")) return add(TestTool::kGoogleTest, behind(line, "]").value_or(0), 0, 0);
    if (!line.ends_with(", listed below:")) return false;
    if (line.starts_with("[  FAILED  ] ")) return add(TestTool::kGoogleTest, 0, behind(line, "]").value_or(0), 0);
    return line.starts_with("[  SKIPPED ] ") && add(TestTool::kGoogleTest, 0, 0, behind(line, "]").value_or(0));
  }

  // "93% tests passed, 1 tests failed out of 13"; of those that passed, "3 - name (Skipped)" did not run.
  bool ctest(std::string_view line) {
    if (line.starts_with("No tests were found!!!")) return add(TestTool::kCtest, 0, 0, 0);
    if (line.ends_with(" (Skipped)") && line.find(" - ") != std::string_view::npos && number_at(line))
      return add(TestTool::kCtest, -1, 0, 1);
    if (line.find("% tests passed") == std::string_view::npos) return false;
    const auto all = behind(line, " out of ");
    const int failed = before_word(line, "tests failed").value_or(before_word(line, "test failed").value_or(0));
    return all && add(TestTool::kCtest, *all - failed, failed, 0);
  }

  bool automake(std::string_view line) {
    if (line.starts_with("# PASS:")) return add(TestTool::kAutomake, behind(line, "PASS:").value_or(0), 0, 0);
    if (line.starts_with("# FAIL:")) return add(TestTool::kAutomake, 0, behind(line, "FAIL:").value_or(0), 0);
    return line.starts_with("# SKIP:") && add(TestTool::kAutomake, 0, 0, behind(line, "SKIP:").value_or(0));
  }

  bool rust(std::string_view line) {
    if (line.starts_with("test result: ")) return add_words(TestTool::kCargo, line, "ignored");
    const size_t run = line.find(" run: ");
    return line.starts_with("Summary [") && run != std::string_view::npos &&
           add_words(TestTool::kNextest, line.substr(run), "skipped");
  }

  // A package: "ok  	path	0.01s", "FAIL	path	0.01s", "?   	path	[no test files]". A test, under -v: "---
  // PASS: TestX (0.00s)".
  bool go(std::string_view line) {
    if (line.starts_with("--- PASS: ")) return add(TestTool::kGoTests, 1, 0, 0);
    if (line.starts_with("--- FAIL: ")) return add(TestTool::kGoTests, 0, 1, 0);
    if (line.starts_with("--- SKIP: ")) return add(TestTool::kGoTests, 0, 0, 1);
    if (line.starts_with("ok  \t")) {
      const bool none = line.find("[no tests to run]") != std::string_view::npos;
      return add(TestTool::kGoPackages, none ? 0 : 1, 0, none ? 1 : 0);
    }
    if (line.starts_with("FAIL\t")) return add(TestTool::kGoPackages, 0, 1, 0);
    return line.starts_with("?   \t") && add(TestTool::kGoPackages, 0, 0, 1);
  }

  bool node(std::string_view line) {
    if (line.starts_with("# ") || line.starts_with("ℹ ")) {
      const std::string_view rest = line.substr(line.find(' ') + 1);
      const auto number = [&](std::string_view word) {
        return rest.starts_with(word) ? behind(rest, word) : std::nullopt;
      };
      if (const auto n = number("pass ")) return add(TestTool::kNodeTest, *n, 0, 0);
      if (const auto n = number("fail ")) return add(TestTool::kNodeTest, 0, *n, 0);
      if (const auto n = number("skipped ")) return add(TestTool::kNodeTest, 0, 0, *n);
      return false;
    }
    if (line.starts_with("Tests:") && line.ends_with(" total")) return add_words(TestTool::kJest, line, "skipped");
    if (line.starts_with("Tests  ") && line.ends_with(")")) return add_words(TestTool::kVitest, line, "skipped");
    // Mocha's alone on their lines: "12 passing (5ms)", "1 failing", "2 pending".
    const auto alone = [&](std::string_view word) {
      const auto n = number_at(line);
      const size_t space = line.find(' ');
      if (!n || space == std::string_view::npos || !line.substr(space + 1).starts_with(word))
        return std::optional<int>();
      const std::string_view rest = line.substr(space + 1 + word.size());
      return rest.empty() || rest.starts_with(" (") ? n : std::nullopt;
    };
    if (const auto n = alone("passing")) return add(TestTool::kMocha, *n, 0, 0);
    if (const auto n = alone("failing")) return add(TestTool::kMocha, 0, *n, 0);
    if (const auto n = alone("pending")) return add(TestTool::kMocha, 0, 0, *n);
    return false;
  }

  // The sum of a module: that of a class has its time behind it.
  bool java(std::string_view line) {
    const size_t at = line.find("Tests run: ");
    if (at == std::string_view::npos || line.find("Time elapsed", at) != std::string_view::npos) return false;
    const auto ran = behind(line, "Tests run:"), failures = behind(line, "Failures:"), errors = behind(line, "Errors:"),
               skipped = behind(line, "Skipped:");
    if (!ran || !failures || !errors || !skipped) return false;
    return add(TestTool::kSurefire, *ran - *failures - *errors - *skipped, *failures + *errors, *skipped);
  }

  TestCounts counts_;
  bool verbose_go_ = false;
};

// These show what a test program writes only where it fails.
bool hides_passes(TestTool tool) {
  return tool == TestTool::kCtest || tool == TestTool::kAutomake;
}

// Whether the check itself is this tool, whose closing line then stands in every output.
bool is_called_by(std::string_view check, TestTool tool) {
  if (check.find_first_of("|>`") != std::string_view::npos) return false;
  const auto names = [&](std::string_view words) {
    const size_t at = check.find(words);
    if (at == std::string_view::npos) return false;
    const size_t end = at + words.size();
    return (at == 0 || check[at - 1] == ' ' || check[at - 1] == '/') && (end == check.size() || check[end] == ' ');
  };
  switch (tool) {
    case TestTool::kPytest:
      return names("pytest");
    case TestTool::kUnittest:
      return names("unittest");
    case TestTool::kCtest:
      return names("ctest");
    case TestTool::kCargo:
      return names("cargo test");
    case TestTool::kGoPackages:
      return names("go test");
    case TestTool::kNodeTest:
      return names("node --test");
    case TestTool::kMocha:
      return names("mocha");
    case TestTool::kJest:
      return names("jest");
    case TestTool::kVitest:
      return names("vitest");
    default:
      return false;
  }
}

std::string tests_text(int n) {
  return base::cat(n, n == 1 ? " test" : " tests");
}

}  // namespace

TestCounts read_test_counts(std::string_view output) {
  return Reader().read(output);
}

std::string_view tool_name(TestTool tool) {
  switch (tool) {
    case TestTool::kPytest:
      return "pytest";
    case TestTool::kUnittest:
      return "unittest";
    case TestTool::kDoctest:
      return "doctest";
    case TestTool::kCatch2:
      return "Catch2";
    case TestTool::kGoogleTest:
      return "GoogleTest";
    case TestTool::kCtest:
      return "ctest";
    case TestTool::kAutomake:
      return "Automake";
    case TestTool::kCargo:
      return "cargo test";
    case TestTool::kNextest:
      return "nextest";
    case TestTool::kGoPackages:
      return "go test, packages";
    case TestTool::kGoTests:
      return "go test -v";
    case TestTool::kNodeTest:
      return "node --test";
    case TestTool::kMocha:
      return "Mocha";
    case TestTool::kJest:
      return "Jest";
    case TestTool::kVitest:
      return "Vitest";
    case TestTool::kSurefire:
      break;
  }
  return "Surefire";
}

std::string counts_words(const TestCounts& counts) {
  std::string words;
  for (const auto& [tool, count] : counts) {
    words += base::cat(words.empty() ? "" : "; ", tool_name(tool), ": ", count.passed, " passed");
    if (count.failed > 0) words += base::cat(", ", count.failed, " failed");
    if (count.skipped > 0) words += base::cat(", ", count.skipped, " skipped");
  }
  return words;
}

bool ran_no_test(const TestCounts& counts) {
  return !counts.empty() &&
         std::all_of(counts.begin(), counts.end(), [](const auto& entry) { return entry.second.ran() == 0; });
}

std::optional<std::string> hollow_pass(const TestCounts& before, const TestCounts& now, std::string_view check) {
  const bool hidden =
      std::any_of(before.begin(), before.end(), [](const auto& entry) { return hides_passes(entry.first); });
  for (const auto& [tool, then] : before) {
    if (then.ran() == 0 || (hidden && !hides_passes(tool))) continue;
    const auto found = now.find(tool);
    if (found == now.end()) {
      if (!is_called_by(check, tool)) continue;
      return base::cat("it no longer says that tests ran, and ", then.ran(), " did before");
    }
    const TestCount& after = found->second;
    if (after.passed < then.passed)
      return base::cat(tests_text(after.passed), " passed, and ", then.passed, " did before, when others failed");
    if (after.skipped > then.skipped && after.passed < then.ran())
      return base::cat(tests_text(after.skipped - then.skipped), " that ran before ",
                       after.skipped - then.skipped == 1 ? "is" : "are", " skipped");
  }
  return std::nullopt;
}

}  // namespace agent
