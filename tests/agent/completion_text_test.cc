// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/completion_text.h"

#include <doctest/doctest.h>

#include "base/utf8.h"

using agent::block_end, agent::context_window, agent::fit_between, agent::with_expected_end;

TEST_CASE("context_window: within the budget, on whole lines, and the front stays while the user types") {
  std::string file;
  for (int i = 0; i < 2000; ++i) file += "line number " + std::to_string(i) + "\n";
  const std::string suffix(file);
  size_t n_moves = 0;
  std::string last_front;
  for (size_t typed = 0; typed < 1000; ++typed) {
    const std::string prefix = file + std::string(typed, 'x');
    const auto seen = context_window(prefix, suffix, 1024, 256);
    REQUIRE(seen.prefix.size() <= 1024);
    REQUIRE(seen.prefix.size() >= 512);
    REQUIRE(seen.suffix.size() <= 256);
    REQUIRE(std::string_view(prefix).ends_with(seen.prefix));
    const std::string front(seen.prefix.substr(0, 20));
    n_moves += front != last_front ? 1 : 0;
    last_front = front;
  }
  CHECK(n_moves <= 5);  // 1,000 keys at a step of 256 bytes
  const auto seen = context_window(file, suffix, 1024, 256);
  CHECK(seen.prefix.starts_with("line number "));
  CHECK(seen.suffix.ends_with("\n"));
}

TEST_CASE("context_window: short texts are whole, and a cut never splits a character") {
  CHECK(context_window("abc", "def", 100, 100).prefix == "abc");
  CHECK(context_window("", "", 100, 100).suffix.empty());
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\xC3\xA9";
  for (size_t budget = 40; budget < 60; ++budget) {
    const auto seen = context_window(text, text, budget, budget);
    CHECK(base::is_utf8(seen.prefix));
    CHECK(base::is_utf8(seen.suffix));
  }
}

TEST_CASE("block_end: a block ends where the indentation does") {
  struct Case {
    const char *prefix, *text, *kept;
  };
  for (const Case& c : {
           Case{"def f(a):\n    ", "b = a\n    return b\n\ndef g():", "b = a\n    return b\n"},
           Case{"if (a) {", "\n  b();\n}\nelse {", "\n  b();\n}"},
           Case{"  for x in y:", "\n    z\n  w = 1", "\n    z"},
           Case{"x = ", "1", "1"},
           Case{"    ", "a\n\n\n    b", "a\n"},
           Case{"    ", "a\n\n    b\n    c", "a\n\n    b\n    c"},
       }) {
    CAPTURE(c.text);
    CHECK(std::string(c.text).substr(0, block_end(c.prefix, c.text)) == c.kept);
  }
}

TEST_CASE("fit_between: what stands around the cursor is not said again") {
  struct Case {
    const char *prefix, *text, *suffix, *fitted;
  };
  for (const Case& c : {
           Case{"f(", "a)", ")\n", "a"},                  // the editor has closed the bracket
           Case{"f(", "a, g(b)) + c", ")\n", "a, g(b)"},  // more than the rest of the line can take
           Case{"f(a, ", "b)", "\n", "b)"},               // nothing to repeat
           Case{"  Hosts ", "   []string", "\n", "   []string"},  // aligned
           Case{"x = \"", "text\"", "\"\n", "text"},
           Case{"    ", "return a  ", "\nb = 1\n", "return a"},
           Case{"    ", "return a", "\n    return a\n", ""},  // the next line says it
           Case{"a = 1\n", "a = 1", "\n", ""},                // the line before said it
           Case{"x", "  \n ", "\n", ""},
           Case{"g(f(", "a)", "))\n", "a"},
           Case{"if (a) {\n  ", "b();\n}", "\n}\n", "b();"},
           Case{"print(", "'it'", ")\n", "'it'"},
           Case{"a[", "i]", "\n", "i]"},
           Case{"x = [", "\"b\", \"b\", \"b\", \"b\", \"b", "]\n", ""},  // lost in a loop
           Case{"import ", "google/google/google/google", "\n", ""},
           Case{"f(", "a, a", ")\n", "a, a"},
           Case{"# ", "--------------------", "\n", "--------------------"},
           Case{"x = ", "foo(a, b)", "b)\n", "foo(a,"},
           // What merely begins the next line is not said again,
           Case{"    @", "classmethod", "\n    def f():\n", "classmethod"},
           Case{"import (\n\t\"by", "tes\"", "\n\t\"fmt\"\n)\n", "tes\""},
           Case{"x = ", "y", "\ny = 1\n", "y"},
           Case{"f(", "a)", "\n)\n", "a)"},
           // what fills whole lines is.
           Case{"", "a = 1\nb = 2", "\n\nb = 2\nc = 3\n", "a = 1"},
           Case{"    ", "if a:\n        b()\n    else:", "\n    else:\n        c()\n", "if a:\n        b()"},
           Case{"  ", "a();\n  b();", "\n  a();\n  b();\n", ""},
       }) {
    CAPTURE(c.prefix);
    CAPTURE(c.text);
    CHECK(fit_between(c.prefix, c.text, c.suffix) == c.fitted);
  }
}

TEST_CASE("with_expected_end: open brackets and bodies are completed as the user would") {
  CHECK(with_expected_end("", "if (a) {") == "if (a) {\n}");
  CHECK(with_expected_end("  ", "f(a, [b") == "f(a, [b])");
  CHECK(with_expected_end("  ", "if a:") == "if a:\n      pass");
  CHECK(with_expected_end("", "a = 1") == "a = 1");
}

TEST_CASE("closing_rest: closing signs and blanks up to the end of the line, and nothing where code follows") {
  using agent::closing_rest;
  CHECK(closing_rest("").value() == 0);
  CHECK(closing_rest("\nx = 1").value() == 0);
  CHECK(closing_rest("\r\nx").value() == 0);
  CHECK(closing_rest(")\nx").value() == 1);
  CHECK(closing_rest("\"]):  \nx").value() == 6);
  CHECK_FALSE(closing_rest(") + 1\n"));
  CHECK_FALSE(closing_rest(" {\n"));
}
