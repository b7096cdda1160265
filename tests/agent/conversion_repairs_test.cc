// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/conversion_repairs.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/fix/conversions.h"
#include "base/strings.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

using agent::ComparedValues;
using agent::TypedPart;
using tools::Language;

std::vector<std::string> forms_of(TypedPart part, std::string_view error) {
  std::vector<std::string> forms;
  for (const agent::TypeClash& clash : agent::read_type_error(error))
    if (clash.part == part)
      for (const agent::Conversion& one : clash.conversions) forms.push_back(one.form);
  return forms;
}

std::vector<std::string> forms_of(Language language, const ComparedValues& compared) {
  std::vector<std::string> forms;
  for (const agent::Conversion& one : agent::conversions_of_values(language, compared)) forms.push_back(one.form);
  return forms;
}

bool has(const std::vector<std::string>& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// The file's text under each repair, best first. `lines`: suspect.
std::vector<std::string> repairs(const std::string& path, const std::string& text, const std::string& output,
                                 const std::vector<int>& lines = {}) {
  const test::TempDir folder;
  folder.write(path, text);
  const auto tree = tools::WorkTree::open(folder.path());
  const auto code = agent::CodeBase::load(*tree, "check", {}, {});
  const agent::PathResolver resolver(tree->root(), {path});
  agent::Suspects suspects;
  for (const int line : lines) suspects.lines[path][line] = 1;
  std::vector<std::string> texts;
  double score = 0;
  for (const agent::Candidate& one :
       agent::conversion_repairs(*code, suspects, agent::read_check_output(output, resolver))) {
    CHECK(one.path == path);
    texts.push_back(agent::apply(text, one.replacements));
    score += one.score;
  }
  CHECK(score <= doctest::Approx(agent::kConversionShare));
  return texts;
}

// A backtrace that ends in `line` of a.py, with what CPython 3.11 draws below it.
std::string raised(int number, const std::string& line, const std::string& marks, const std::string& error) {
  return base::cat("Traceback (most recent call last):\n  File \"a.py\", line ", number, ", in f\n    ", line, "\n",
                   marks.empty() ? "" : "    " + marks + "\n", error, "\n");
}

}  // namespace

TEST_CASE("type errors: Python's messages say which part lacks which conversion") {
  struct Said {
    const char* error;
    TypedPart part;
    const char* first;
  };
  for (const Said& said : {
           Said{"TypeError: unsupported operand type(s) for -: 'int' and 'list'", TypedPart::kRight, "len(@)"},
           Said{"TypeError: unsupported operand type(s) for +: 'int' and 'str'", TypedPart::kLeft, "str(@)"},
           Said{"TypeError: unsupported operand type(s) for +: 'int' and 'str'", TypedPart::kRight, "int(@)"},
           Said{"TypeError: unsupported operand type(s) for +=: 'int' and 'generator'", TypedPart::kRight, "sum(@)"},
           Said{"TypeError: unsupported operand type(s) for //: 'list' and 'int'", TypedPart::kOperator, "*"},
           Said{"TypeError: unsupported operand type(s) for -=: 'str' and 'str'", TypedPart::kOperator, "+="},
           Said{"TypeError: unsupported operand type(s) for <<: 'float' and 'int'", TypedPart::kOperator, "*"},
           Said{"TypeError: '<' not supported between instances of 'list' and 'int'", TypedPart::kLeft, "len(@)"},
           Said{"TypeError: '<' not supported between instances of 'method' and 'int'", TypedPart::kLeft, "@()"},
           Said{"TypeError: can only concatenate str (not \"int\") to str", TypedPart::kRight, "str(@)"},
           Said{"TypeError: can only concatenate list (not \"tuple\") to list", TypedPart::kRight, "list(@)"},
           Said{"TypeError: can't multiply sequence by non-int of type 'float'", TypedPart::kRight, "int(@)"},
           Said{"TypeError: list indices must be integers or slices, not float", TypedPart::kIndex, "int(@)"},
           Said{"TypeError: string indices must be integers, not 'str'", TypedPart::kIndex, "int(@)"},
           Said{"TypeError: 'float' object cannot be interpreted as an integer", TypedPart::kArgument, "int(@)"},
           Said{"TypeError: 'list' object cannot be interpreted as an integer", TypedPart::kArgument, "len(@)"},
           Said{"TypeError: 'int' object is not iterable", TypedPart::kIterated, "range(@)"},
           Said{"TypeError: argument of type 'int' is not iterable", TypedPart::kRight, "range(@)"},
           Said{"TypeError: 'map' object is not subscriptable", TypedPart::kHolder, "list(@)"},
           Said{"TypeError: object of type 'generator' has no len()", TypedPart::kArgument, "list(@)"},
           Said{"TypeError: unhashable type: 'list'", TypedPart::kArgument, "tuple(@)"},
           Said{"TypeError: 'list' object is not an iterator", TypedPart::kArgument, "iter(@)"},
           Said{"TypeError: sequence item 0: expected str instance, int found", TypedPart::kArgument, "map(str, @)"},
           Said{"TypeError: must be real number, not str", TypedPart::kArgument, "int(@)"},
           Said{"TypeError: 'str' object does not support item assignment", TypedPart::kHolder, "list(@)"},
           Said{"AttributeError: 'tuple' object has no attribute 'append'", TypedPart::kHolder, "list(@)"},
           Said{"AttributeError: 'int' object has no attribute 'zfill'", TypedPart::kHolder, "str(@)"},
           Said{"AttributeError: 'list' object has no attribute 'union'", TypedPart::kHolder, "set(@)"},
       }) {
    CAPTURE(std::string(said.error));
    const auto forms = forms_of(said.part, said.error);
    REQUIRE(!forms.empty());
    CHECK(forms.front() == said.first);
  }
  CHECK(forms_of(TypedPart::kLeft, "TypeError: unsupported operand type(s) for -: 'int' and 'list'")
            .empty());  // no `[n] - list`
  for (const char* other :
       {"TypeError: f() takes 1 positional argument but 2 were given", "ValueError: 'int' and 'list'",
        "TypeError: ", "TypeError: '", "TypeError: unsupported operand type(s) for ",
        "AttributeError: 'A' object has no attribute 'b'",
        "TypeError: unsupported operand type(s) for +: 'NoneType' and 'A'"})
    CHECK_MESSAGE(agent::read_type_error(other).empty(), other);
}

TEST_CASE("value conversions: what makes the value that came out the one that was wanted") {
  struct Pair {
    const char *got, *wanted, *python, *script;
  };
  for (const Pair& pair : {
           Pair{"3.0", "3", "int(@)", ""},
           Pair{"3", "3.0", "float(@)", ""},
           Pair{"-5", "5", "abs(@)", "Math.abs(@)"},
           Pair{"3.14159", "3.14", "round(@, 2)", "Number((@).toFixed(2))"},
           Pair{"2.7", "2", "int(@)", "Math.floor(@)"},
           Pair{"2.7", "3", "round(@)", "Math.round(@)"},
           Pair{"<generator object f at 0x7f>", "[1]", "list(@)", ""},
           Pair{"<map object at 0x7f>", "12", "sum(@)", ""},
           Pair{"dict_keys([1])", "[1]", "list(@)", ""},
           Pair{"<filter object at 0x7f>", "True", "all(@)", ""},
           Pair{"<generator object f at 0x7f>", "abc", "''.join(@)", ""},
           Pair{"[1, 2]", "(1, 2)", "tuple(@)", ""},
           Pair{"{2, 1}", "[1, 2]", "sorted(@)", ""},
           Pair{"[3, 1, 2]", "[1, 2, 3]", "sorted(@)", "@.sort((a, b) => a - b)"},
           Pair{"[1, 3, 2]", "[2, 3, 1]", "@[::-1]", "@.reverse()"},
           Pair{"[1, 3, 2]", "[3, 2, 1]", "sorted(@, reverse=True)", "@.sort((a, b) => b - a)"},
           Pair{"[2, 1, 2]", "[2, 1]", "list(dict.fromkeys(@))", ""},
           Pair{"abc", "cba", "@[::-1]", "@.split('').reverse().join('')"},
           Pair{"abc", "ABC", "@.upper()", "@.toUpperCase()"},
           Pair{" abc", "abc", "@.strip()", "@.trim()"},
           Pair{"abc", "Abc", "@.capitalize()", ""},
       }) {
    CAPTURE(std::string(pair.got));
    CHECK(has(forms_of(Language::kPython, {pair.got, pair.wanted}), pair.python));
    if (*pair.script != 0) CHECK(has(forms_of(Language::kTypeScript, {pair.got, pair.wanted}), pair.script));
  }
  for (const ComparedValues& other :
       {ComparedValues{"4", "5"}, ComparedValues{"[1, 2]", "[1, 3]"}, ComparedValues{"abc", "abd"},
        ComparedValues{"", "x"}, ComparedValues{"[", "]"}, ComparedValues{"nan", "inf"}, ComparedValues{"1e999", "1"},
        ComparedValues{"[1, 'a", "[1]"}})
    CHECK(forms_of(Language::kPython, other).empty());
  CHECK(forms_of(Language::kRust, {"-5", "5"}).empty());
}

TEST_CASE("conversions: a form takes an expression as it needs it") {
  CHECK(agent::converted("int(@)", "a / b", false) == "int(a / b)");
  CHECK(agent::converted("@()", "a.b", true) == "a.b()");
  CHECK(agent::converted("@[::-1]", "a + b", false) == "(a + b)[::-1]");
}

TEST_CASE("conversion repairs: by the error, where it was raised and where its values were made") {
  const std::string program =
      "def half(n):\n    return n / 2\n\n\ndef f(xs, n):\n    middle = half(n)\n    return n - xs + xs[middle:][0]\n";
  const auto by_marks = repairs("a.py", program,
                                raised(7, "return n - xs + xs[middle:][0]", "       ~~^~~~",
                                       "TypeError: unsupported operand type(s) for -: 'int' and 'list'"));
  REQUIRE(!by_marks.empty());
  CHECK(by_marks.front() ==
        "def half(n):\n    return n / 2\n\n\ndef f(xs, n):\n    middle = half(n)\n    return n - len(xs) + "
        "xs[middle:][0]\n");
  for (const std::string& text : by_marks) CHECK(text.find("[len(") == std::string::npos);  // what is not marked stays
  const auto by_line = repairs("a.py", program,
                               raised(7, "return n - xs + xs[middle:][0]", "",
                                      "TypeError: slice indices must be integers or None or have an __index__ method"));
  CHECK(by_line.empty());  // the type is not told
  const auto index = repairs("a.py", program,
                             raised(7, "return n - xs + xs[middle:][0]", "                ~~^^^^^^^^^",
                                    "TypeError: list indices must be integers or slices, not float"));
  CHECK(has(index,
            "def half(n):\n    return n / 2\n\n\ndef f(xs, n):\n    middle = half(n)\n    return n - xs + "
            "xs[int(middle):][0]\n"));
  CHECK(has(index,
            "def half(n):\n    return n / 2\n\n\ndef f(xs, n):\n    middle = int(half(n))\n    return n - xs + "
            "xs[middle:][0]\n"));
  CHECK(has(index,
            "def half(n):\n    return int(n / 2)\n\n\ndef f(xs, n):\n    middle = half(n)\n    return n - xs + "
            "xs[middle:][0]\n"));
  CHECK(has(index,
            "def half(n):\n    return n // 2\n\n\ndef f(xs, n):\n    middle = half(n)\n    return n - xs + "
            "xs[middle:][0]\n"));
  const auto sign = repairs("a.py", "def f(n):\n    return [0] // n\n",
                            raised(2, "return [0] // n", "       ~~~~^^~~",
                                   "TypeError: unsupported operand type(s) for //: 'list' and 'int'"));
  CHECK(has(sign, "def f(n):\n    return [0] * n\n"));
}

TEST_CASE("conversion repairs: pytest says the error before the place") {
  const auto texts = repairs("a.py", "def f(s, n):\n    return s + n\n",
                             "    def f(s, n):\n>       return s + n\nE       TypeError: can only concatenate str (not "
                             "\"int\") to str\n\na.py:2: TypeError\n");
  REQUIRE(!texts.empty());
  CHECK(texts.front() == "def f(s, n):\n    return s + str(n)\n");
}

TEST_CASE("conversion repairs: by what the test wanted, on what suspect lines return") {
  const std::string program = "def f(xs):\n    return (x * x for x in xs)\n\n\ndef g(x):\n    return x\n";
  const std::string output = "Expected:\n    [1, 4]\nGot:\n    <generator object f.<locals>.<genexpr> at 0x7f31>\n";
  const auto texts = repairs("a.py", program, output, {2});
  REQUIRE(!texts.empty());
  CHECK(has(texts, "def f(xs):\n    return list((x * x for x in xs))\n\n\ndef g(x):\n    return x\n"));
  for (const std::string& text : texts) CHECK(text.ends_with("    return x\n"));
  CHECK(repairs("a.py", program, output).empty());
  const auto script = repairs(
      "a.js", "function f(x) {\n  return x / 3;\n}\n",
      "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n\n2.6666666666666665 !== 2\n", {2});
  CHECK(has(script, "function f(x) {\n  return Math.floor(x / 3);\n}\n"));
}
