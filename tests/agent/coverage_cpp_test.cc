// SPDX-License-Identifier: Apache-2.0
// Traced checks of real programs in C and C++; skipped, with a word, where there is no isolation or no gcc.
#include <doctest/doctest.h>

#include <cstdlib>
#include <set>

#include "agent/fix.h"
#include "agent/trace/coverage.h"
#include "agent/trace/tracers.h"
#include "sandbox/sandbox.h"
#include "tests/support/temp_dir.h"

namespace {

bool runs(const std::string& tool) {
  if (!sandbox::probe_isolation().available) {
    MESSAGE("skipped: no isolation here. " << sandbox::probe_isolation().fix);
    return false;
  }
  if (std::system((tool + " >/dev/null 2>&1").c_str()) == 0) return true;
  MESSAGE("skipped: no " << tool);
  return false;
}

bool runs_gcc() {
  return runs("gcc --version") && runs("g++ --version");
}

agent::Coverage trace(const test::TempDir& folder, const std::vector<std::string>& files, const std::string& check,
                      const std::vector<std::string>& failing = {}) {
  const agent::PathResolver resolver(folder.path(), files);
  return agent::trace_check(folder.path(), check, std::chrono::seconds(60), false, resolver, {}, failing, files);
}

// Failed and passed; {-1, -1}: nothing is known of the line.
std::pair<int, int> tests_of(const agent::Coverage& found, const std::string& path, int line) {
  const auto file = found.lines.find(path);
  if (file == found.lines.end()) return {-1, -1};
  const auto count = file->second.find(line);
  return count == file->second.end() ? std::pair{-1, -1} : std::pair{count->second.failed, count->second.passed};
}

constexpr std::string_view kPick =
    "int pick(int n) {\n  int from = n + 1;\n  int twice = 2 * from;\n  if (n > 3) {\n    twice += 1;\n"
    "    return twice;\n  }\n  return from;\n}\n";

}  // namespace

TEST_CASE("trace_check: what a program in C ran is known line by line, also where assert ends it") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.c", kPick);
  folder.write("small.c",
               "#include <assert.h>\nint pick(int n);\nint main(void) {\n  assert(pick(1) == 2);\n  return 0;\n}\n");
  folder.write("large.c",
               "#include <assert.h>\nint pick(int n);\nint main(void) {\n  assert(pick(7) == 8);\n  return 0;\n}\n");
  const agent::Coverage found = trace(folder, {"pick.c", "small.c", "large.c"},
                                      "gcc -Wall -Werror pick.c small.c -o small && gcc pick.c large.c -o large && "
                                      "./small && ./large; echo ended with $?");
  CHECK(found.has_tests);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(tests_of(found, "pick.c", 1) == std::pair{1, 1});
  CHECK(tests_of(found, "pick.c", 3) == std::pair{1, 1});  // inside of a block
  CHECK(tests_of(found, "pick.c", 5) == std::pair{1, 0});
  CHECK(tests_of(found, "pick.c", 6) == std::pair{1, 0});
  CHECK(tests_of(found, "pick.c", 8) == std::pair{0, 1});
  CHECK(tests_of(found, "large.c", 5) == std::pair{0, 0});
  CHECK(found.output.find("Assertion `pick(7) == 8' failed") != std::string::npos);
  CHECK(found.output.find("ended with 134\n") != std::string::npos);
}

TEST_CASE("trace_check: a killed program, one that ends by _exit, and what a program starts or forks") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write(
      "ends.c",
      "#include <signal.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/wait.h>\n#include <unistd.h>\n"
      "int in_child(void) {\n  return 3;\n}\n"
      "int main(int argc, char** argv) {\n  (void)argc;\n"
      "  if (strcmp(argv[1], \"kill\") == 0)\n    kill(fork() == 0 ? (_exit(0), 0) : (wait(NULL), getpid()), "
      "SIGKILL);\n"
      "  if (strcmp(argv[1], \"quick\") == 0)\n    _exit(0);\n"
      "  if (strcmp(argv[1], \"start\") == 0)\n    return system(\"./ends fail\") == 0;\n"
      "  if (strcmp(argv[1], \"fork\") == 0) {\n    if (fork() == 0)\n      _exit(in_child());\n    wait(NULL);\n    "
      "return 0;\n  }\n"
      "  return 1;\n}\n");
  folder.write("Makefile",
               "ends: ends.c\n\tgcc ends.c -o ends\ncheck: ends\n\t./ends start && ./ends fork && ./ends quick && "
               "./ends kill\n");
  const agent::Coverage found = trace(folder, {"ends.c", "Makefile"}, "make check");
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 3);
  CHECK(tests_of(found, "ends.c", 12) == std::pair{1, 0});
  CHECK(tests_of(found, "ends.c", 7) == std::pair{0, 1});
  CHECK(tests_of(found, "ends.c", 23) == std::pair{0, 1});  // of the program that the first test started
}

TEST_CASE("trace_check: ctest's programs are its tests, with a shared library, and what was built before counts") {
  if (!runs_gcc() || !runs("cmake --version")) return;
  const test::TempDir folder;
  // Optimised, `four` would have no branch.
  folder.write("pick.c", std::string(kPick) +
                             "static int kind(int n, int m) {\n  int r = m;\n  if (n > 3)\n    r = m + 2;\n  return "
                             "r;\n}\nint four(int n) { return kind(n, 4); }\n");
  folder.write("low.c", "int pick(int n);\nint four(int n);\nint main(void) { return pick(1) + four(1) != 6; }\n");
  folder.write("high.c", "int pick(int n);\nint four(int n);\nint main(void) { return pick(9) + four(9) != 10; }\n");
  folder.write(
      "CMakeLists.txt",
      "cmake_minimum_required(VERSION 3.10)\nproject(pick C)\nenable_testing()\nset(CMAKE_BUILD_TYPE Release)\n"
      "set(CMAKE_SHARED_LINKER_FLAGS \"-Wl,--no-undefined -s\")\nset(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)\n"
      "add_library(pick SHARED pick.c)\nforeach(name low high)\n  add_executable(${name} ${name}.c)\n"
      "  target_link_libraries(${name} pick)\n  add_test(NAME ${name} COMMAND ${name})\nendforeach()\n");
  const std::string check = "cmake -S . -B build && cmake --build build && ctest --test-dir build";
  const std::string here = "cd '" + folder.path().string() + "' && " + check + " >/dev/null 2>&1";
  const std::vector<std::string> files = {"pick.c", "low.c", "high.c", "CMakeLists.txt"};
  for (int built = 0; built < 2; ++built) {
    const agent::Coverage found = trace(folder, files, check);
    CHECK(found.has_tests);
    CHECK(found.n_failed == 1);
    CHECK(found.n_passed == 1);
    CHECK(tests_of(found, "pick.c", 2) == std::pair{1, 1});
    CHECK(tests_of(found, "pick.c", 5) == std::pair{1, 0});
    CHECK(tests_of(found, "pick.c", 13) == std::pair{1, 0});
    CHECK(found.output.find("1 tests failed out of 2") != std::string::npos);
    CHECK(std::system(here.c_str()) != 0);
  }
}

TEST_CASE("trace_check: a program that was built before without leaving objects is built again") {
  if (!runs_gcc() || !runs("make --version")) return;
  const test::TempDir folder;
  folder.write("pick.c", kPick);
  folder.write("small.c", "int pick(int n);\nint main(void) { return pick(1) != 3; }\n");
  folder.write("Makefile", "small: pick.c small.c\n\tgcc pick.c small.c -o small\n");
  REQUIRE(std::system(("make -s -C '" + folder.path().string() + "'").c_str()) == 0);
  const agent::Coverage found = trace(folder, {"pick.c", "small.c", "Makefile"}, "make -s small && ./small");
  CHECK(found.n_failed == 1);
  CHECK(tests_of(found, "pick.c", 2) == std::pair{1, 0});
  CHECK(tests_of(found, "pick.c", 5) == std::pair{0, 0});
}

TEST_CASE("trace_check: each case of a doctest program is a test, and the program runs as it was meant") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.cc", kPick);
  folder.write(
      "test.cc",
      "#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN\n#include <doctest/doctest.h>\n#include <cstdlib>\nint pick(int n);\n"
      "TEST_CASE(\"small, and so on\") { CHECK(pick(1) == 2); }\n"
      "TEST_CASE(\"large\") { CHECK(pick(5) == 6); }\n"
      "TEST_CASE(\"zero\") { CHECK(pick(0) == 1); }\n"
      "TEST_CASE(\"none\" * doctest::skip()) { CHECK(pick(5) == 0); }\n"
      "TEST_CASE(\"last\") { if (pick(9) != 10) std::abort(); }\n");
  const agent::Coverage found =
      trace(folder, {"pick.cc", "test.cc"},
            "g++ pick.cc test.cc -o all && ./all -tce=none --no-colors=1; echo ended with $?", {"large"});
  CHECK(found.has_tests);
  CHECK_FALSE(found.cut);
  CHECK(found.n_failed == 2);
  CHECK(found.n_passed == 2);
  CHECK(tests_of(found, "pick.cc", 2) == std::pair{2, 2});
  CHECK(tests_of(found, "pick.cc", 5) == std::pair{2, 0});
  CHECK(tests_of(found, "pick.cc", 8) == std::pair{0, 2});
  CHECK(found.output.find("TEST CASE:  large") != std::string::npos);
}

TEST_CASE("trace_check: a test of Unity's is told apart within its program") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.c", kPick);
  // As Unity 2.5 has it: counters behind the place of the test, and a jump out of a test that fails.
  folder.write("unity.c",
               "#include <setjmp.h>\nstruct { const char* file; const char* test; COUNTER line, n, failures, "
               "ignores; jmp_buf out; } Unity;\n"
               "void UnityDefaultTestRun(void (*test)(void), const char* name, const int line) {\n"
               "  Unity.test = name;\n  Unity.line = line;\n  Unity.n++;\n  if (setjmp(Unity.out) == 0) test();\n  "
               "else Unity.failures++;\n}\n"
               "void check(int holds) {\n  if (!holds) longjmp(Unity.out, 1);\n}\n");
  folder.write(
      "test.c",
      "void UnityDefaultTestRun(void (*test)(void), const char* name, const int line);\nvoid check(int "
      "holds);\nint pick(int n);\n"
      "void one(void) { check(pick(1) == 2); }\nvoid two(void) { check(pick(7) == 8); }\nvoid three(void) { "
      "check(pick(2) == 3); }\n"
      "int main(void) {\n  pick(7);\n  UnityDefaultTestRun(one, \"one\", 8);\n  UnityDefaultTestRun(two, \"two\", 9);\n"
      "  UnityDefaultTestRun(three, \"three\", 10);\n  return 1;\n}\n");
  for (const std::string counter : {"int", "long"}) {
    CAPTURE(counter);
    const agent::Coverage found = trace(folder, {"pick.c", "unity.c", "test.c"},
                                        "gcc -DCOUNTER=" + counter + " pick.c unity.c test.c -o all && ./all");
    CHECK(found.has_tests);
    CHECK(found.n_failed == 1);
    CHECK(found.n_passed == 2);
    CHECK(tests_of(found, "pick.c", 2) == std::pair{1, 2});
    CHECK(tests_of(found, "pick.c", 5) == std::pair{1, 0});
    CHECK(tests_of(found, "pick.c", 8) == std::pair{0, 2});
  }
}

TEST_CASE("trace_check: what does not compile is not known, and one program alone says where to look, no more") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.c", std::string(kPick) + "int main(void) {\n  return pick(4) != 5;\n}\n");
  folder.write("broken.c", "int broken(void) { return 1 }\n");
  const std::vector<std::string> files = {"pick.c", "broken.c"};
  const agent::Coverage broken = trace(folder, files, "gcc pick.c broken.c -o all && ./all");
  CHECK(broken.empty());
  CHECK(broken.output.find("error: expected") != std::string::npos);
  const agent::Coverage alone = trace(folder, files, "gcc pick.c -o /tmp/all && /tmp/all");
  CHECK_FALSE(alone.has_tests);
  CHECK(alone.n_failed == 1);
  CHECK(tests_of(alone, "pick.c", 5) == std::pair{1, 0});
  CHECK(tests_of(alone, "pick.c", 8) == std::pair{0, 0});
  folder.write("say.c",
               "#include <stdio.h>\nint pick(int n);\nint main(void) {\n  return printf(\"%d\\n\", pick(4)) < 0;\n}\n");
  folder.write("pick.c", kPick);
  const agent::Coverage judged = trace(folder, {"pick.c", "say.c"}, "gcc pick.c say.c -o all && ./all | grep -x 5");
  CHECK_FALSE(judged.has_tests);
  CHECK(judged.n_failed == 1);
  CHECK(judged.n_passed == 0);
  CHECK(tests_of(judged, "pick.c", 5) == std::pair{1, 0});
  CHECK(tests_of(judged, "pick.c", 8) == std::pair{0, 0});
}

// In the place of GoogleTest and Catch2: the symbol that their programs are known by, their options, and their words.
TEST_CASE("trace_check: the tests of GoogleTest and Catch2 are listed and run one by one") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.cc", kPick);
  const std::string tests =
      "#include <cstdio>\n#include <cstring>\n#include <string>\nint pick(int n);\n"
      "struct { const char *suite, *name; int in, out; } all[] = {\n"
      "    {\"Low\", \"one, two\", 1, 2}, {\"Low\", \"zero\", 0, 1}, {\"High\", \"seven\", 7, 8}};\n"
      "int run(const std::string& only, bool suites) {\n  int failed = 0;\n  for (auto& t : all) {\n"
      "    const std::string name = suites ? std::string(t.suite) + '.' + t.name : t.name;\n"
      "    if (only.empty() || name == only) failed += pick(t.in) != t.out;\n  }\n  return failed;\n}\n";
  folder.write(
      "g.cc",
      tests +
          "namespace testing { struct UnitTest { int Run(); std::string only; }; int UnitTest::Run() { "
          "return run(only, true); } }\n"
          "int main(int n, char** args) {\n  all[0].name = \"one\";\n  testing::UnitTest test;\n"
          "  for (int i = 1; i < n; ++i) {\n    if (!strcmp(args[i], \"--gtest_list_tests\")) {\n"
          "      puts(\"Running main() of g.cc\\nLow.\\n  one  # of two\\n  zero\\nHigh.\\n  seven\");\n"
          "      return 0;\n    }\n    if (!strncmp(args[i], \"--gtest_filter=\", 15)) test.only = args[i] + 15;\n"
          "  }\n  return test.Run();\n}\n");
  folder.write("c.cc",
               tests +
                   "namespace Catch { struct Session { int run(); std::string only; }; int Session::run() { "
                   "return ::run(only, false); } }\n"
                   "int main(int n, char** args) {\n  Catch::Session test;\n"
                   "  for (int i = 1; i < n; ++i) {\n    if (!strcmp(args[i], \"--list-test-names-only\")) {\n"
                   "      if (OLD) puts(\"one, two\\nzero\\nseven\");\n      return OLD ? 3 : 255;\n    }\n"
                   "    if (!strcmp(args[i], \"--list-tests\") && !OLD) return puts(\"one, two\\nzero\\nseven\") < 0;\n"
                   "    if (args[i][0] != '-')\n      for (const char* c = args[i]; *c; ++c)\n"
                   "        test.only += *c == '\\\\' ? *++c : *c == ',' ? '|' : *c;  // a comma is an or\n  }\n  "
                   "return test.run();\n}\n");
  const std::vector<std::string> files = {"pick.cc", "g.cc", "c.cc"};
  for (const char* check : {"g++ pick.cc g.cc -o all && ./all", "g++ pick.cc -DOLD=1 c.cc -o all && ./all",
                            "g++ pick.cc -DOLD=0 c.cc -o all && ./all"}) {
    CAPTURE(check);
    const agent::Coverage found = trace(folder, files, check, {"High.seven"});
    CHECK(found.has_tests);
    CHECK(found.n_failed == 1);
    CHECK(found.n_passed == 2);
    CHECK(tests_of(found, "pick.cc", 5) == std::pair{1, 0});
    CHECK(tests_of(found, "pick.cc", 8) == std::pair{0, 2});
  }
  const agent::Coverage named = trace(folder, files, "g++ pick.cc -DOLD=1 c.cc -o all && ./all zero; ./all seven");
  CHECK(named.n_failed == 1);
  CHECK(named.n_passed == 1);
}

TEST_CASE(
    "fix: of many branches of C the one that only the failing run takes is repaired, and the patch says who ran it") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  std::string program = "int price(int kind, int n) {\n  switch (kind) {\n", kinds;
  for (int i = 0; i < 16; ++i) {
    const std::string kind = std::to_string(i);
    program +=
        "    case " + kind + ":\n      return n " + (i == 11 ? "-" : "+") + " " + std::to_string(100 + i) + ";\n";
    kinds += " " + kind;
  }
  folder.write("price.c", program + "  }\n  return 0;\n}\n");
  folder.write(
      "test.c",
      "#include <assert.h>\n#include <stdlib.h>\nint price(int kind, int n);\nint main(int argc, char** argv) {\n"
      "  const int kind = atoi(argv[argc - 1]);\n  assert(price(kind, 7) == 107 + kind);\n  return 0;\n}\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "gcc price.c test.c -o all && for kind in" + kinds + "; do ./all $kind || exit 1; done";
  request.budget_checks = 6;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  REQUIRE(report->status == agent::FixReport::Status::kVerified);
  CHECK(report->patch.find("+      return n + 111") != std::string::npos);
  CHECK(report->lines.known);
  CHECK(report->lines.failed == 1);
  CHECK(report->lines.passed == 0);
}

TEST_CASE("fix: of many loops of C the one that does not end is found") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  std::string program, test = "#include <assert.h>\n", body;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "total" + std::to_string(i), step = i == 7 ? "n += 1" : "n -= 1";
    program += "unsigned long " + name + "(unsigned long n) {\n  unsigned long done = 0;\n  while (n != 3) {\n    " +
               step + ";\n    done++;\n  }\n  return done;\n}\n\n";
    test += "unsigned long " + name + "(unsigned long);\n";
    body += "  assert(" + name + "(6) == 3);\n";
  }
  folder.write("count.c", program);
  folder.write("test.c", test + "int main(void) {\n" + body + "  return 0;\n}\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "gcc count.c test.c -o all && ./all";
  request.check_timeout = std::chrono::seconds(8);
  request.budget_checks = 12;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == agent::FixReport::Status::kVerified);
  CHECK(report->patch.find("-    n += 1;") != std::string::npos);
  CHECK(report->patch.find("total7") != std::string::npos);
}

TEST_CASE("trace_check: a loop that does not end is told from what ran before it, and what follows runs as well") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.c", std::string(kPick) +
                             "int main(int argc, char** argv) {\n  int n = pick(argc);\n  (void)argv;\n"
                             "  while (argc > 1) {\n    n ^= 1;\n  }\n  return n - 2;\n}\n");
  const agent::PathResolver resolver(folder.path(), {"pick.c"});
  const agent::Coverage found = agent::trace_check(folder.path(), "gcc pick.c -o all; ./all twice; ./all",
                                                   std::chrono::seconds(12), true, resolver, {}, {}, {{"pick.c"}});
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  REQUIRE(found.failures.size() == 1);
  CHECK(found.failures[0].hung);
  const std::set<std::pair<std::string, int>> loop(found.failures[0].loop.begin(), found.failures[0].loop.end());
  CHECK(loop == std::set<std::pair<std::string, int>>{{"pick.c", 13}, {"pick.c", 14}});
}

TEST_CASE("trace_check: a program in C that makes something for tests in Python is no test among them") {
  if (!runs_gcc() || !runs("python3 --version")) return;
  const test::TempDir folder;
  folder.write("make.c",
               "#include <stdio.h>\nint main(void) {\n  puts(\"def two():\\n    return 3\");\n  return 0;\n}\n");
  folder.write("test_all.py",
               "import unittest\nimport made\n\n\nclass T(unittest.TestCase):\n    def test_two(self):\n"
               "        self.assertEqual(made.two(), 2)\n\n    def test_one(self):\n        self.assertEqual(1, 1)\n");
  const agent::Coverage found = trace(folder, {"make.c", "test_all.py"},
                                      "gcc make.c -o make && ./make > made.py && python3 -m unittest test_all");
  CHECK(found.has_tests);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(found.lines.count("make.c") == 0);
}

TEST_CASE("trace_check: a library that a program loads and leaves again is known, and does no harm") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.c", kPick);
  folder.write(
      "main.c",
      "#include <dlfcn.h>\nint main(void) {\n  void* library = dlopen(\"./pick.so\", RTLD_NOW);\n  int (*pick)(int) = "
      "(int (*)(int))dlsym(library, \"pick\");\n  int n = pick(2);\n  dlclose(library);\n  return n != 4;\n}\n");
  const agent::Coverage found =
      trace(folder, {"pick.c", "main.c"},
            "gcc -shared -fPIC pick.c -o pick.so && gcc main.c -o all -ldl && ./all; echo ended with $?");
  CHECK(found.n_failed == 1);
  CHECK(tests_of(found, "pick.c", 8) == std::pair{1, 0});
  CHECK(tests_of(found, "pick.c", 5) == std::pair{0, 0});
  CHECK(found.output.find("ended with 1\n") != std::string::npos);
}

TEST_CASE(
    "trace_check: whatever way a program is linked, and with an older format of lines, it ends and tells as it does") {
  if (!runs_gcc()) return;
  const test::TempDir folder;
  folder.write("pick.c",
               std::string(kPick) + "int main(int n, char** args) {\n  (void)args;\n  return pick(4 * n) > 8;\n}\n");
  for (const std::string options :
       {"-static", "-fno-plt -O2", "-gdwarf-4 -gz", "-pie -fPIE -Wl,-z,now,--gc-sections"}) {
    CAPTURE(options);
    const agent::Coverage found = trace(
        folder, {"pick.c"}, "gcc " + options + " pick.c -o all; ./all; echo ended with $?; ./all twice; echo then $?");
    CHECK(tests_of(found, "pick.c", 5).first > 0);
    CHECK(tests_of(found, "pick.c", 8).first <= 0);
    CHECK(found.output.find("ended with 1\n") != std::string::npos);
    CHECK(found.output.find("then 1\n") != std::string::npos);
  }
}
