// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tools/syntax.h"

namespace {
// Macros that the C++ grammar cannot know: the file has faults although it compiles.
const std::string kMacros = "BEGIN_TABLE(x)\n  ROW(a, <=>, @)\nEND_TABLE\n\nint twice(int a) {\n  return a * 2;\n}\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

bool passes(const std::string& path, const std::string& old_text, const std::string& new_text) {
  const bool whole = tools::parse_gate(path, old_text, new_text).passed;
  const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(path), old_text);
  CHECK(tools::parse_gate(path, *tree, new_text)->passed == whole);  // both doors agree
  return whole;
}
}  // namespace

TEST_CASE("parse_gate: a clean file may not get a fault, and the reason names path and line") {
  const std::string text = "def f(a):\n    return a\n";
  CHECK(passes("m.py", text, replaced(text, "return a", "return a + 1")));
  const auto refused = tools::parse_gate("src/m.py", text, replaced(text, "return a", "return a +"));
  CHECK_FALSE(refused.passed);
  CHECK(refused.reason.find("src/m.py:2: new syntax error") != std::string::npos);
  const auto missing = tools::parse_gate("a.c", "int f() { return 1; }", "int f() { return 1 }");
  CHECK_FALSE(missing.passed);
  CHECK(missing.reason == "a.c:1: new syntax error: `;` is missing");
}

TEST_CASE("parse_gate: a file that had faults before can still be edited, but gets no new one") {
  REQUIRE_FALSE(tools::SyntaxTree::parse(tools::Language::kCpp, kMacros)->errors().empty());
  CHECK(passes("a.cc", kMacros, replaced(kMacros, "a * 2", "a + a")));
  CHECK(passes("a.cc", kMacros, "// note\n\n" + kMacros));
  CHECK_FALSE(passes("a.cc", kMacros, replaced(kMacros, "a * 2;", "a * ;")));
  CHECK_FALSE(passes("a.cc", kMacros, replaced(kMacros, "a * 2;\n}", "a * 2;\n")));
}

TEST_CASE("parse_gate: a fix that removes a fault passes, a half of two fixes too") {
  const std::string broken = "int f() { return 1 }\nint g( { return 2; }\n";
  const std::string half = replaced(broken, "g( {", "g() {");
  CHECK(passes("a.c", broken, half));
  CHECK(passes("a.c", half, replaced(half, "return 1", "return 1;")));
  CHECK_FALSE(passes("a.c", half, broken));
}

TEST_CASE("parse_gate: an unknown kind of file passes and says that it was not parsed") {
  const auto result = tools::parse_gate("notes.txt", "a", "b (");
  CHECK(result.passed);
  CHECK(result.reason.find("not parsed") != std::string::npos);
}
