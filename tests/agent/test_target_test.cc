// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_target.h"

#include <doctest/doctest.h>

#include "agent/test_writer/test_types_cpp.h"

using agent::TestTarget;

namespace {

std::vector<TestTarget> targets(tools::Language language, const std::string& text) {
  auto tree = tools::SyntaxTree::parse(language, text);
  REQUIRE(tree);
  const agent::SyntaxNodes nodes(*tree);
  return language == tools::Language::kPython ? agent::python_targets(nodes) : agent::cpp_targets(nodes);
}

agent::CppTypes types_of(const std::string& text) {
  auto tree = tools::SyntaxTree::parse(tools::Language::kCpp, text);
  REQUIRE(tree);
  agent::CppTypes types;
  types.read(agent::SyntaxNodes(*tree));
  return types;
}

}  // namespace

TEST_CASE("test_target: parameters of a Python function with annotations and defaults") {
  const auto found = targets(tools::Language::kPython,
                             "async def f(a, b: int, c='x', d: str = \"y\", *rest, e=1, **more) -> bool:\n"
                             "    \"\"\"Reads ``12 kg`` and `a`.\"\"\"\n"
                             "    return a == 'lit' and b > 41\n");
  REQUIRE(found.size() == 1);
  const TestTarget& f = found[0];
  CHECK(f.name == "f");
  CHECK(f.is_async);
  CHECK(f.result_type == "bool");
  REQUIRE(f.parameters.size() == 5);
  CHECK(f.parameters[0].name == "a");
  CHECK(f.parameters[1].type == "int");
  CHECK(f.parameters[2].default_value == "'x'");
  CHECK(f.parameters[3].type == "str");
  CHECK(f.parameters[3].default_value == "\"y\"");
  CHECK(f.parameters[4].name == "e");
  CHECK(f.parameters[4].keyword_only);
  CHECK(f.strings == std::vector<std::string>{"12 kg", "a", "lit"});
  CHECK(f.numbers == std::vector<std::string>{"41"});
}

TEST_CASE("test_target: methods of Python classes know how they are called") {
  const auto found = targets(tools::Language::kPython,
                             "class A:\n"
                             "    def plain(self, x): return x\n"
                             "    @classmethod\n"
                             "    def made(cls, text): return cls()\n"
                             "    @staticmethod\n"
                             "    def free(x): return x\n"
                             "    @property\n"
                             "    def size(self): return 1\n"
                             "    def _hidden(self): pass\n"
                             "    def __len__(self): return 0\n"
                             "def outer():\n"
                             "    def inner(): pass\n");
  REQUIRE(found.size() == 7);
  CHECK(found[0].qualified(".") == "A.plain");
  CHECK(found[0].call == TestTarget::Call::kMethod);
  CHECK(found[0].parameters.size() == 1);
  CHECK(found[1].call == TestTarget::Call::kClassMethod);
  CHECK(found[1].parameters.size() == 1);
  CHECK(found[2].call == TestTarget::Call::kClassMethod);
  CHECK(found[2].parameters.size() == 1);
  CHECK(found[3].call == TestTarget::Call::kProperty);
  CHECK(found[4].unsupported.find("private") != std::string::npos);
  CHECK(found[5].unsupported.find("operator") != std::string::npos);
  CHECK(found[6].name == "outer");
}

TEST_CASE("test_target: C++ functions with their namespaces, and those no test can call") {
  const auto found = targets(tools::Language::kCpp,
                             "namespace shop {\n"
                             "namespace { int hidden(int x) { return x; } }\n"
                             "static int local(int x) { return x; }\n"
                             "template <typename T> T twice(T x) { return x + x; }\n"
                             "std::optional<int> parse(std::string_view text, const std::vector<int>& known, int base = 10) {\n"
                             "  return text == \"none\" ? 7 : base;\n"
                             "}\n"
                             "int Cart::count() const { return 3; }\n"
                             "}\n"
                             "int main() { return 0; }\n");
  REQUIRE(found.size() == 6);
  CHECK(found[0].unsupported.find("unnamed") != std::string::npos);
  CHECK(found[1].unsupported.find("static") != std::string::npos);
  CHECK(found[2].unsupported.find("template") != std::string::npos);
  const TestTarget& parse = found[3];
  CHECK(parse.unsupported.empty());
  CHECK(parse.qualified("::") == "shop::parse");
  CHECK(parse.result_type == "std::optional<int>");
  REQUIRE(parse.parameters.size() == 3);
  CHECK(parse.parameters[0].type == "std::string_view");
  CHECK(parse.parameters[1].type == "const std::vector<int>&");
  CHECK(parse.parameters[1].name == "known");
  CHECK(parse.parameters[2].default_value == "10");
  CHECK(parse.strings == std::vector<std::string>{"none"});
  CHECK(found[4].qualified("::") == "shop::Cart::count");
  CHECK_FALSE(found[4].may_change_object);
  CHECK_FALSE(found[5].unsupported.empty());
}

TEST_CASE("test_types: what can be made and compared, and a reason for what cannot") {
  const auto types = types_of(
      "namespace shop {\n"
      "enum class Color { kRed, kGreen };\n"
      "struct Date { int year = 1; int month; auto operator<=>(const Date&) const = default; };\n"
      "struct Row { Date date; std::vector<Color> colors; };\n"
      "class Hidden { int x; };\n"
      "struct Made { explicit Made(int x); int x; };\n"
      "struct Loop { std::vector<Loop> inner; };\n"
      "}\n");
  const auto why_not_made = [&](const char* type) { return types.cannot_make(types.parse(type, "shop")); };
  const auto why_not_compared = [&](const char* type) { return types.cannot_compare(types.parse(type, "shop")); };
  for (const char* type : {"int", "const std::string&", "std::string_view", "unsigned long", "double", "bool", "char", "Date",
                           "const Row&", "std::optional<Date>", "std::span<const double>", "shop::Color",
                           "std::vector<std::pair<std::string, Date>>", "const char*"}) {
    CAPTURE(type);
    CHECK(why_not_made(type) == "");
  }
  for (const char* type : {"int&", "std::string*", "std::span<double>", "Hidden", "Made", "Loop", "Unknown", "std::map<int, int>",
                           "std::vector<Unknown>", "void"}) {
    CAPTURE(type);
    CHECK(why_not_made(type) != "");
  }
  CHECK(types.parse("const Row&", "shop").name == "shop::Row");
  CHECK(types.parse("std::span<const double>", "").name == "std::vector<double>");
  CHECK(why_not_compared("Date") == "");
  CHECK(why_not_compared("std::optional<Date>") == "");
  CHECK(why_not_compared("const std::string&") == "");
  CHECK(why_not_compared("Row").find("operator==") != std::string::npos);
  CHECK(why_not_compared("void") == "it returns nothing");
}

TEST_CASE("test_target: quotes and escapes of a literal are taken off") {
  CHECK(agent::unquote("\"a\\nb\\\"\"") == "a\nb\"");
  CHECK(agent::unquote("'x'") == "x");
  CHECK(agent::unquote("\"\"\"long\"\"\"") == "long");
  CHECK(agent::unquote("r'\\d'") == "\\d");
  CHECK(agent::unquote("\"") == "");
}
