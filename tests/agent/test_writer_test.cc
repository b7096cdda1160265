// SPDX-License-Identifier: Apache-2.0
// The whole way, in a real sandbox with a real pytest and a real compiler; skipped, and said so, where one is missing.
#include "agent/test_writer.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "sandbox/sandbox.h"
#include "tests/support/temp_dir.h"

#define REQUIRE_TOOLS(probe)                                                                                \
  if (!sandbox::probe_isolation().available) {                                                              \
    MESSAGE("skipped: no isolation here. To fix it: ", sandbox::probe_isolation().fix);                     \
    return;                                                                                                 \
  }                                                                                                         \
  if (std::system(probe " >/dev/null 2>&1") != 0) {                                                         \
    MESSAGE("skipped: this machine cannot do `" probe "`");                                                 \
    return;                                                                                                 \
  }
#define PYTEST "python3 -c 'import pytest'"
#define DOCTEST "echo '#include <doctest/doctest.h>' | c++ -x c++ -fsyntax-only -"

namespace {

agent::TestReport write(const test::TempDir& folder, const std::string& file, const std::string& symbol, int mutants = 6) {
  agent::TestRequest request;
  request.root = folder.path();
  request.file = file;
  request.symbol = symbol;
  request.max_mutants = mutants;
  auto report = agent::write_tests(request, {}, {});
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  return std::move(*report);
}

bool verified(const agent::TestReport& report) { return report.status == agent::TestReport::Status::kVerified; }

}  // namespace

TEST_CASE("test_writer: a Python function gets tests that pass and kill mutants; the work tree stays as it was") {
  REQUIRE_TOOLS(PYTEST);
  const test::TempDir folder;
  folder.write("shop/__init__.py", "");
  const std::string source =
      "def clip(value: int, low: int, high: int) -> int:\n"
      "    if low > high:\n"
      "        raise ValueError('upside down')\n"
      "    return max(low, min(value, high))\n";
  folder.write("shop/numbers.py", source);
  const agent::TestReport report = write(folder, "shop/numbers.py", "clip", 8);
  REQUIRE(verified(report));
  CHECK(report.test_file == "tests/test_numbers.py");
  CHECK(report.passing_runs == 5);
  REQUIRE(report.functions.size() == 1);
  CHECK(report.functions[0].mutants_killed >= 1);
  CHECK(report.functions[0].mutants_killed <= report.functions[0].mutants_tried);
  CHECK(report.patch.find("+from shop.numbers import clip\n") != std::string::npos);
  CHECK(folder.read("shop/numbers.py") == source);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "tests"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / ".graft-test"));
}

TEST_CASE("test_writer: what differs from run to run, depends on order or is a wrong guess becomes no test") {
  REQUIRE_TOOLS(PYTEST);
  const test::TempDir folder;
  folder.write("odd.py",
               "import os, random\n"
               "seen = []\n"
               "def dice(sides: int):\n"
               "    return random.random() * sides + os.getpid()\n"
               "def history(word: str):\n"
               "    seen.append(word)\n"
               "    return len(seen)\n"
               "def only_wrong(value: int):\n"
               "    return value.missing + value\n"
               "def age(born: int):\n"
               "    import datetime\n"
               "    return datetime.date.today().year - born\n"
               "def stuck(value: int):\n"
               "    while value > -100:\n"
               "        pass\n"
               "    return 1\n");
  for (const std::string name : {"dice", "history", "only_wrong", "age", "stuck"}) {
    CAPTURE(name);
    const agent::TestReport report = write(folder, "odd.py", name, 2);
    CHECK_FALSE(verified(report));
    CHECK(report.patch.empty());
    REQUIRE(report.functions.size() == 1);
    CHECK_FALSE(report.functions[0].reason.empty());
  }
}

TEST_CASE("test_writer: past its time no further mutant is tried, and what was not tried is not counted") {
  REQUIRE_TOOLS(PYTEST);
  const test::TempDir folder;
  folder.write("clip.py",
               "def clip(value: int, low: int, high: int) -> int:\n"
               "    if value < low:\n"
               "        return low\n"
               "    return min(value, high)\n");
  agent::TestRequest request;
  request.root = folder.path();
  request.file = "clip.py";
  request.symbol = "clip";
  request.max_mutants = 6;
  request.budget_time = std::chrono::seconds(30);
  const auto past_it = std::chrono::steady_clock::now() + request.budget_time + std::chrono::seconds(2);
  int n_after = 0, n_found = 0;
  const auto wait_there = [&](const agent::TestProgress& at) {
    if (at.phase != "running the new tests on mutants") return;
    n_found = at.total;
    if (++n_after == 1) std::this_thread::sleep_until(past_it);
  };
  const auto report = agent::write_tests(request, wait_there, {});
  REQUIRE(report);
  REQUIRE(n_found >= 2);
  CHECK(n_after == 1);
  CHECK(verified(*report));
  CHECK(report->functions[0].mutants_killed == 1);
  CHECK(report->functions[0].mutants_tried <= 6 - (n_found - 1));

  request.budget_time = std::chrono::seconds(0);
  const auto none = agent::write_tests(request, {}, {});
  REQUIRE(none);
  CHECK_FALSE(verified(*none));
  CHECK(none->functions[0].reason == "the time was used up before a mutant of it was tried");
}

TEST_CASE("test_writer: functions that a test names already are left alone, unknown names are refused with a list") {
  REQUIRE_TOOLS(PYTEST);
  const test::TempDir folder;
  folder.write("calc.py", "def double(x: int):\n    return x * 2\n\n\ndef triple(x: int):\n    return x * 3\n");
  folder.write("test_calc.py", "from calc import double\n\n\ndef test_double():\n    assert double(2) == 4\n");
  const agent::TestReport report = write(folder, "calc.py", "", 3);
  REQUIRE(verified(report));
  REQUIRE(report.functions.size() == 1);
  CHECK(report.functions[0].name == "triple");
  CHECK(report.test_file == "test_calc.py");
  CHECK(report.patch.find("+from calc import double, triple\n") != std::string::npos);

  agent::TestRequest request;
  request.root = folder.path();
  request.file = "calc.py";
  request.symbol = "quadruple";
  const auto refused = agent::write_tests(request, {}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("double, triple") != std::string::npos);
}

TEST_CASE("test_writer: a C++ function gets doctest cases; one that a test cannot call gets a reason") {
  REQUIRE_TOOLS(DOCTEST);
  const test::TempDir folder;
  folder.write("lib/include/shop/price.h",
               "#pragma once\n#include <optional>\n#include <string_view>\n#include <vector>\nnamespace shop {\n"
               "struct Price { int cents = 0; bool operator==(const Price&) const = default; };\n"
               "std::optional<Price> add_tax(Price price, int percent);\nvoid sort(std::vector<int>& values);\n}\n");
  folder.write("lib/src/price.cc",
               "#include \"shop/price.h\"\n#include <algorithm>\nnamespace shop {\n"
               "std::optional<Price> add_tax(Price price, int percent) {\n"
               "  if (percent < 0) return std::nullopt;\n"
               "  return Price{price.cents * (100 + percent) / 100};\n}\n"
               "void sort(std::vector<int>& values) { std::sort(values.begin(), values.end()); }\n}\n");
  const agent::TestReport report = write(folder, "lib/src/price.cc", "shop::add_tax", 3);
  REQUIRE(verified(report));
  CHECK(report.test_file == "tests/price_test.cc");
  CHECK(report.functions[0].mutants_killed >= 1);
  CHECK(report.patch.find("shop::add_tax(shop::Price{") != std::string::npos);

  const agent::TestReport refused = write(folder, "lib/src/price.cc", "sort", 1);
  CHECK_FALSE(verified(refused));
  CHECK(refused.functions[0].reason == "parameter `values` has a parameter that the function may change");
}

TEST_CASE("test_writer: a cancelled request ends at once with kCancelled") {
  REQUIRE_TOOLS(PYTEST);
  const test::TempDir folder;
  folder.write("calc.py", "def double(x: int):\n    return x * 2\n");
  agent::TestRequest request;
  request.root = folder.path();
  request.file = "calc.py";
  std::stop_source stop;
  const auto report = agent::write_tests(request, [&](const agent::TestProgress&) { stop.request_stop(); }, stop.get_token());
  REQUIRE_FALSE(report);
  CHECK(report.error().code == base::ErrorCode::kCancelled);
}
