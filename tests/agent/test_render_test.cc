// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_render_python.h"

#include <doctest/doctest.h>

#include "agent/test_writer/test_inputs.h"
#include "agent/test_writer/test_probe_cpp.h"

using agent::Behaviour;
using agent::TestCase;
using agent::TestTarget;

namespace {

TestTarget halve() {
  TestTarget target;
  target.name = "halve";
  target.parameters = {{"number", "int", "", false}, {"digits", "int", "2", false}};
  return target;
}

Behaviour returned(std::string form, std::string text) { return {Behaviour::Kind::kReturned, form, text, {}, ""}; }
Behaviour raised(std::string type) { return {Behaviour::Kind::kRaised, "", type, {}, ""}; }

std::string whole_file(const std::string& existing) {
  std::vector<std::string> taken = agent::python_top_level_names(existing);
  const std::vector<TestCase> cases = {{"", {"4"}, {}}, {"", {"'x'"}, {}}, {"", {"6"}, {}}};
  const std::vector<Behaviour> seen = {returned("==", "'2'"), raised("ValueError"), returned("==", "'3'")};
  agent::PythonTestStyle style;
  const auto tests = agent::render_python_tests(halve(), "shop.math", cases, seen, style, taken);
  return agent::place_python_tests(existing, tests, "shop", style);
}

}  // namespace

TEST_CASE("test_render: calls that behave alike share one parametrized pytest function") {
  CHECK(whole_file("") ==
        "import pytest\n"
        "\n"
        "from shop.math import halve\n"
        "\n\n"
        "@pytest.mark.parametrize(\n"
        "    \"number, expected\",\n"
        "    [\n"
        "        (4, \"2\"),\n"
        "        (6, \"3\"),\n"
        "    ],\n"
        ")\n"
        "def test_halve_results(number, expected):\n"
        "    assert halve(number) == expected\n"
        "\n\n"
        "def test_halve_raises_value_error():\n"
        "    with pytest.raises(ValueError):\n"
        "        halve(\"x\")\n");
}

TEST_CASE("test_render: an existing file keeps every byte besides its imports") {
  const std::string text = whole_file(
      "# licence\n"
      "from shop.math import double\n"
      "\n"
      "\n"
      "def test_halve_results():  # by hand\n"
      "    assert double(1) == 2");
  CHECK(text.starts_with(
      "# licence\n"
      "from shop.math import double, halve\n"
      "import pytest\n"
      "\n"
      "\n"
      "def test_halve_results():  # by hand\n"
      "    assert double(1) == 2\n"));
  CHECK(text.find("def test_halve_results_2(number, expected):") != std::string::npos);
}

TEST_CASE("test_render: quotes follow the project where no escape is needed") {
  CHECK(agent::with_quotes("f('a', b='')", true) == "f(\"a\", b=\"\")");
  CHECK(agent::with_quotes("f(\"a\")", false) == "f('a')");
  CHECK(agent::with_quotes("'say \"hi\"'", true) == "'say \"hi\"'");
  CHECK(agent::with_quotes("'it\\'s'", true) == "'it\\'s'");
  CHECK(agent::with_quotes("f'{x}' + 'y'", true) == "f'{x}' + \"y\"");
}

TEST_CASE("test_render: names in camel case become snake case") {
  CHECK(agent::snake_case("QuoteDesk") == "quote_desk");
  CHECK(agent::snake_case("HTTPError") == "http_error");
  CHECK(agent::snake_case("ValueError") == "value_error");
  CHECK(agent::snake_case("plain") == "plain");
}

TEST_CASE("test_render: doctest cases by kind of outcome") {
  TestTarget target;
  target.name = "find";
  target.scope = "shop";
  std::vector<std::string> taken = {"find: results"};
  const std::vector<TestCase> cases = {{"", {"1", "\"a\""}, {}}, {"", {"2", "\"\""}, {}}, {"", {"3", "\"b\""}, {}}};
  const std::vector<Behaviour> seen = {returned("==", "5"), returned("empty", ""), raised("std::out_of_range")};
  agent::CppTestStyle style;
  const auto tests = agent::render_cpp_tests(target, "#include \"shop.h\"", cases, seen, style, taken);
  CHECK(agent::place_cpp_tests("", tests, style) ==
        "#include \"shop.h\"\n\n#include <doctest/doctest.h>\n\n#include <stdexcept>\n\n"
        "TEST_CASE(\"find: results (2)\") {\n  CHECK(shop::find(1, \"a\") == 5);\n}\n\n"
        "TEST_CASE(\"find: finds nothing\") {\n  CHECK_FALSE(shop::find(2, \"\").has_value());\n}\n\n"
        "TEST_CASE(\"find: throws std::out_of_range\") {\n"
        "  CHECK_THROWS_AS((shop::find(3, \"b\")), std::out_of_range);\n}\n");
}

TEST_CASE("test_inputs: the usual call comes first, then one parameter at a time") {
  std::vector<TestCase> cases;
  agent::combine({{{"1", "2"}, ""}, {{"a", "b", "c"}, ""}, {{"x"}, "key="}}, 2, 100, cases);
  REQUIRE(cases.size() >= 6);
  CHECK(cases[0].arguments == std::vector<std::string>{"1", "a"});
  CHECK(cases[1].arguments == std::vector<std::string>{"1", "a", "key=x"});
  CHECK(cases[2].arguments == std::vector<std::string>{"2", "a"});
  CHECK(cases[3].arguments == std::vector<std::string>{"1", "b"});
  std::vector<TestCase> few;
  agent::combine({{{"1", "2"}, ""}, {{"a", "b", "c"}, ""}}, 2, 3, few);
  CHECK(few.size() == 3);
  std::vector<TestCase> none;
  agent::combine({{{}, ""}}, 1, 10, none);
  CHECK(none.empty());
}

TEST_CASE("test_inputs: neighbours of a number stay numbers and those of a huge one are left alone") {
  CHECK(agent::number_neighbours("8") == std::vector<std::string>{"8", "9", "7", "-8", "16"});
  CHECK(agent::number_neighbours("99999999999999") == std::vector<std::string>{"99999999999999"});
  CHECK(agent::number_neighbours("1.5") == std::vector<std::string>{"1.5"});
  CHECK(agent::number_neighbours("99999999999999999999999") == std::vector<std::string>{"99999999999999999999999"});
}
