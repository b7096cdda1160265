// SPDX-License-Identifier: Apache-2.0
// Traced checks of real tests of Go; skipped, with a word, where there is no isolation or no Go.
#include <doctest/doctest.h>

#include <cstdlib>

#include "agent/fix.h"
#include "agent/trace/coverage.h"
#include "agent/trace/tracers.h"
#include "sandbox/sandbox.h"
#include "tests/support/temp_dir.h"

namespace {

bool runs_go() {
  if (!sandbox::probe_isolation().available) {
    MESSAGE("skipped: no isolation here. " << sandbox::probe_isolation().fix);
    return false;
  }
  if (std::system("go version >/dev/null 2>&1") == 0) return true;
  MESSAGE("skipped: no Go");
  return false;
}

const std::vector<std::string> kFiles = {"go.mod", "shop.go", "shop_test.go", "calc/calc.go", "calc/calc_test.go"};

void write_shop(const test::TempDir& folder) {
  folder.write("go.mod", "module example.org/shop\n\ngo 1.18\n");
  folder.write("calc/calc.go",
               "package calc\n\nfunc Sum(a, b int) int {\n\tif a > 10 {\n\t\treturn a - b\n\t}\n\treturn a + b\n}\n\n"
               "func At(xs []int, i int) int {\n\treturn xs[i]\n}\n");
  folder.write(
      "calc/calc_test.go",
      "package calc\n\nimport \"testing\"\n\n"
      "func TestSmall(t *testing.T) {\n\tif Sum(1, 2) != 3 {\n\t\tt.Fatal(\"small\")\n\t}\n}\n\n"
      "func TestLarge(t *testing.T) {\n\tif got := Sum(11, 2); got != 13 {\n\t\tt.Errorf(\"got %d\", got)\n\t}\n}\n\n"
      "func TestLeftOut(t *testing.T) {\n\tSum(12, 1)\n\tt.Skip(\"not here\")\n}\n");
  folder.write(
      "shop.go",
      "package shop\n\nimport \"example.org/shop/calc\"\n\nfunc Total(n int) int {\n\treturn calc.Sum(n, 1)\n}\n");
  folder.write("shop_test.go",
               "package shop\n\nimport \"testing\"\n\nfunc TestTotal(t *testing.T) {\n\tif Total(1) != 2 "
               "{\n\t\tt.Error(\"total\")\n\t}\n}\n");
}

agent::Coverage trace(const test::TempDir& folder, const std::string& check) {
  const agent::PathResolver resolver(folder.path(), kFiles);
  return agent::trace_check(folder.path(), check, std::chrono::seconds(60), false, resolver, {}, {"TestLarge"});
}

std::pair<int, int> tests_of(const agent::Coverage& found, const std::string& path, int line) {
  const auto file = found.lines.find(path);
  if (file == found.lines.end()) return {-1, -1};
  const auto count = file->second.find(line);
  return count == file->second.end() ? std::pair{0, 0} : std::pair{count->second.failed, count->second.passed};
}

}  // namespace

TEST_CASE("trace_check: go test tells which test ran which line, of all packages of the module") {
  if (!runs_go()) return;
  const test::TempDir folder;
  write_shop(folder);
  const agent::Coverage found = trace(folder, "go test ./...; echo ended with $?");
  CHECK(found.has_tests);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 2);
  CHECK(tests_of(found, "calc/calc.go", 4) == std::pair{1, 2});
  CHECK(tests_of(found, "calc/calc.go", 5) == std::pair{1, 0});
  CHECK(tests_of(found, "calc/calc.go", 7) == std::pair{0, 2});
  CHECK(tests_of(found, "calc/calc.go", 11) == std::pair{0, 0});
  CHECK(tests_of(found, "shop.go", 6) == std::pair{0, 1});
  CHECK(found.output.find("--- FAIL: TestLarge") != std::string::npos);
  CHECK(found.output.find("ended with 1\n") != std::string::npos);
}

TEST_CASE("trace_check: go test keeps the tests that the check names, and its own GOFLAGS") {
  if (!runs_go()) return;
  const test::TempDir folder;
  write_shop(folder);
  const agent::Coverage found = trace(folder, "GOFLAGS=-short go test -run 'TestLarge|TestTotal' ./...");
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(tests_of(found, "calc/calc.go", 7) == std::pair{0, 1});
}

TEST_CASE("trace_check: where the failing test of Go panics nothing is said of the lines that others ran") {
  if (!runs_go()) return;
  const test::TempDir folder;
  write_shop(folder);
  folder.write("calc/calc_test.go",
               "package calc\n\nimport \"testing\"\n\nfunc TestSmall(t *testing.T) {\n\tif Sum(1, 2) != 3 "
               "{\n\t\tt.Fatal(\"small\")\n\t}\n}\n\n"
               "func TestAt(t *testing.T) {\n\tif At([]int{1}, 1) != 1 {\n\t\tt.Error(\"at\")\n\t}\n}\n");
  const agent::Coverage found = trace(folder, "go test ./...");
  CHECK(found.empty());
  CHECK_FALSE(found.has_tests);
}

TEST_CASE("fix: of many branches of Go the one that the failing test runs is repaired, and the patch says who ran it") {
  if (!runs_go()) return;
  const test::TempDir folder;
  std::string program = "package shop\n\nfunc Price(kind, n int) int {\n\tswitch kind {\n";
  std::string test = "package shop\n\nimport \"testing\"\n";
  for (int i = 0; i < 16; ++i) {
    const std::string kind = std::to_string(i);
    program += "\tcase " + kind + ":\n\t\treturn n " + (i == 11 ? "-" : "+") + " " + std::to_string(100 + i) + "\n";
    test += "\nfunc TestKind" + kind + "(t *testing.T) {\n\tif Price(" + kind + ", 7) != " + std::to_string(107 + i) +
            " {\n\t\tt.Error(\"" + kind + "\")\n\t}\n}\n";
  }
  folder.write("go.mod", "module example.org/shop\n\ngo 1.18\n");
  folder.write("shop.go", program + "\t}\n\treturn 0\n}\n");
  folder.write("shop_test.go", test);
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "go test ./...";
  request.budget_checks = 6;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  REQUIRE(report->status == agent::FixReport::Status::kVerified);
  CHECK(report->patch.find("+\t\treturn n + 111") != std::string::npos);
  CHECK(report->lines.known);
  CHECK(report->lines.failed == 1);
  CHECK(report->lines.passed == 0);
}

TEST_CASE("fix: of many loops of Go the one that does not end is found") {
  if (!runs_go()) return;
  const test::TempDir folder;
  folder.write("go.mod", "module example.org/count\n\ngo 1.18\n");
  std::string program = "package count\n",
              test = "package count\n\nimport \"testing\"\n\nfunc TestAll(t *testing.T) {\n";
  for (int i = 0; i < 12; ++i) {
    const std::string name = "Total" + std::to_string(i), step = i == 7 ? "n += 1" : "n -= 1";
    program += "\nfunc " + name + "(n int) int {\n\tdone := 0\n\tfor n != 0 {\n\t\t" + step +
               "\n\t\tdone++\n\t}\n\treturn done\n}\n";
    test += "\tif " + name + "(3) != 3 {\n\t\tt.Error(" + std::to_string(i) + ")\n\t}\n";
  }
  folder.write("count.go", program);
  folder.write("count_test.go", test + "}\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "go test ./...";
  request.check_timeout = std::chrono::seconds(8);
  request.budget_checks = 12;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == agent::FixReport::Status::kVerified);
  CHECK(report->patch.find("Total7") != std::string::npos);
}
