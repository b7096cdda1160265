// SPDX-License-Identifier: Apache-2.0
#include "agent/mutations.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "tests/agent/mutation_cases.h"

namespace {

std::string apply(std::string text, const agent::Mutation& mutation) {
  return text.replace(mutation.replacement.begin, mutation.replacement.end - mutation.replacement.begin,
                      mutation.replacement.text);
}

std::vector<agent::Mutation> mutations_of(std::string_view path, const std::string& text) {
  const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(path), text);
  REQUIRE(tree);
  return agent::enumerate_mutations(*tree, {0, text.size()});
}

using mutation_cases::kRepairs;
using mutation_cases::Repair;

}  // namespace

TEST_CASE("mutations: the usual mistakes of each language are one mutation away from their repair") {
  for (const Repair& repair : kRepairs) {
    const std::string before(repair.broken);
    CAPTURE(before);
    CAPTURE(repair.whole);
    bool found = false;
    for (const agent::Mutation& mutation : mutations_of(repair.path, before))
      if (apply(before, mutation) == repair.whole) {
        found = true;
        CHECK(agent::mutation_kind_name(mutation.kind) == agent::mutation_kind_name(repair.kind));
        CHECK(mutation.weight > 0);
        CHECK(mutation.weight <= 1);
        CHECK_FALSE(mutation.description.empty());
      }
    CHECK(found);
  }
}

TEST_CASE("mutations: each differs from the old text, none is listed twice, nearly all still parse") {
  for (const Repair& repair : kRepairs) {
    const std::string before(repair.whole);
    CAPTURE(before);
    std::set<std::pair<size_t, std::string>> seen;
    int parsed = 0, all = 0;
    for (const agent::Mutation& mutation : mutations_of(repair.path, before)) {
      const std::string after = apply(before, mutation);
      CHECK(after != before);
      CHECK(seen.emplace(mutation.replacement.begin * 100000 + mutation.replacement.end, mutation.replacement.text)
                .second);
      parsed += tools::parse_gate(repair.path, before, after).passed ? 1 : 0;
      ++all;
    }
    CHECK(parsed * 10 >= all * 9);
  }
}

TEST_CASE("mutations: what says nothing, or was done already, is not offered") {
  struct Unwanted {
    const char* path;
    const char* text;
    const char* after;
  };
  const Unwanted unwanted[] = {
      {"a.js", "function f(a, b) {\n  return h(a) === b;\n}\n", "function f(a, b) {\n  return h(a.sort()) === b.sort();\n}\n"},
      {"a.js", "function f(a, b) {\n  if (a || b) g();\n}\n", "function f(a, b) {\n  if (a ?\? b) g();\n}\n"},
      {"a.py", "def f(n):\n    return n * 2 + 1\n", "def f(n):\n    return 1 + n * 2\n"},
      {"a.py", "def f(a, b):\n    return len(a) == len(b)\n", "def f(a, b):\n    return len(len(a)) == len(len(b))\n"},
      {"a.py", "class A:\n    def __init__(self):\n        self.n = 0\n\n    def f(self):\n        self.n += 2\n\n    def g(self):\n        h()\n",
       "class A:\n    def __init__(self):\n        self.n = 0\n\n    def f(self):\n        self.n += 2\n\n    def g(self):\n        h()\n        self.n += 1\n"},
      {"a.py", "class A:\n    def f(self):\n        if self.next == 1:\n            return 2\n", "class A:\n    def f(self):\n        if self is None or self.next == 1:\n            return 2\n"},
      {"a.py", "def f(n):\n    if n < 0:\n        return 2\n", "def f(n):\n    if n < 0 or not n:\n        return 2\n"},
      // Many places that read alike are a table, and named fields have no order.
      {"a.go", "package a\nfunc f() {\n\tp(1)\n\tp(2)\n\tp(3)\n\tp(4)\n}\n", "package a\nfunc f() {\n\tp(3)\n\tp(2)\n\tp(1)\n\tp(4)\n}\n"},
      {"a.js", "function f() {\n  p('a');\n  q('b');\n}\n", "function f() {\n  p('b');\n  q('a');\n}\n"},
      {"a.go", "package a\nfunc f(x, y int) P { return P{a: x, b: y} }\n", "package a\nfunc f(x, y int) P { return P{b: y, a: x} }\n"},
      {"a.rs", "fn f(a: i32, n: usize) -> Vec<i32> { vec![a; n] }\n", "fn f(a: i32, n: usize) -> Vec<i32> { vec![n; a] }\n"},
      // What gives nothing back says nothing, and a function that never gives up has no way to.
      {"a.py", "def f(a, n):\n    if n:\n        return False\n    a.append(n)\n    return True\n",
       "def f(a, n):\n    if n:\n        return False\n    if not a.append(n):\n        return False\n    return True\n"},
      {"a.cc", "bool f(A& a, int n) {\n  a.take(n);\n  return n > 1;\n}\n", "bool f(A& a, int n) {\n  if (!a.take(n)) return false;\n  return n > 1;\n}\n"},
      // Nobody adds nothing.
      {"a.py", "def f(n):\n    return n - 1\n", "def f(n):\n    return n - 0\n"},
      {"a.go", "package a\nfunc f(n int) int { return n*(2+n) }\n", "package a\nfunc f(n int) int { return n*(0+n) }\n"},
      {"a.py", "def f(a):\n    return g(a and b)\n", "def f(a):\n    return g(a && b)\n"},
  };
  for (const Unwanted& each : unwanted) {
    const std::string text = each.text;
    CAPTURE(text);
    const auto found = mutations_of(each.path, text);
    CHECK_FALSE(found.empty());
    for (const agent::Mutation& mutation : found) CHECK(apply(text, mutation) != each.after);
  }
}

TEST_CASE("mutations: of two edits the likelier weighs more") {
  const auto weight = [](const std::string& text, const std::string& after, const char* path = "a.py") {
    double most = 0;
    for (const agent::Mutation& mutation : mutations_of(path, text))
      if (apply(text, mutation) == after) most = std::max(most, mutation.weight);
    CAPTURE(after);
    CHECK(most > 0);
    return most;
  };
  // `a < b + 1` is `a <= b`, which is tried as such; a step of the left side is one of the right.
  const std::string less = "def f(a, b):\n    return a < b\n";
  CHECK(weight(less, "def f(a, b):\n    return a < b - 1\n") > weight(less, "def f(a, b):\n    return a < b + 1\n"));
  CHECK(weight(less, "def f(a, b):\n    return a < b - 1\n") > weight(less, "def f(a, b):\n    return a + 1 < b\n"));
  const std::string most = "def f(a, b):\n    return a <= b\n";
  CHECK(weight(most, "def f(a, b):\n    return a <= b + 1\n") > weight(most, "def f(a, b):\n    return a <= b - 1\n"));
  // Names change places sooner than literals do.
  CHECK(weight("def f(a, b):\n    return [a, b]\n", "def f(a, b):\n    return [b, a]\n") > weight("def f():\n    return ['a', 'b']\n", "def f():\n    return ['b', 'a']\n"));
  // A variable that nothing uses was meant sooner than one in use.
  CHECK(weight("def f(ns):\n    d = 3\n    return h(ns)\n", "def f(ns):\n    d = 3\n    return d\n") >= .6);
  const std::string used = "def f(ns, d):\n    g(d)\n    return h(ns)\n";
  for (const agent::Mutation& mutation : mutations_of("a.py", used))
    if (mutation.replacement.begin == used.find("h(ns)") && mutation.replacement.text == "d") CHECK(mutation.weight < .6);
  // The rest was collected: once more is just another line of the function.
  const std::string collected = "def f(text):\n    lines = []\n    while len(text) > 9:\n        line, text = text[:9], text[9:]\n        lines.append(line)\n    lines.append(text)\n";
  CHECK(weight(collected + "    return lines\n", collected + "    lines.append(text)\n    return lines\n") < .5);
  // A default is made once: that matters where it is changed.
  const std::string anew = "    if b is None:\n        b = []\n";
  for (const char* use : {"    b.append(a)\n", "    b[0] = a\n", "    b[0] += a\n", "    del b[0]\n", "    b += [a]\n"})
    CHECK(weight(base::cat("def f(a, b=[]):\n", use), base::cat("def f(a, b=None):\n", anew, use)) == 1);
  for (const char* use : {"    return a in b\n", "    b = b + a\n    return b\n", "    return a[b]\n", "    return b.index(a)\n", "    a.append(b)\n", "    a[b[0]] = 1\n"})
    CHECK(weight(base::cat("def f(a, b=[]):\n", use), base::cat("def f(a, b=None):\n", anew, use)) < .5);
  // What the mark does already is done twice.
  CHECK(weight("function f(p, y) {\n  p *= y * p;\n  return p;\n}\n", "function f(p, y) {\n  p *= y;\n  return p;\n}\n", "a.js") == 1);
}

TEST_CASE("mutations: characters of several bytes are taken whole, in the text and in what is said of it") {
  const std::string text = "def f(x):\n    \"\"\"Wählt 'ä' oder 'ö'.\"\"\"\n    if x == 'äöü€':\n        return '" + std::string(59, 'a') +
                           "\xf0\x9f\x98\x80\xf0\x9f\x98\x80'\n    return g('ü', \"日本\")\n";
  std::set<std::string> texts;
  for (const agent::Mutation& mutation : mutations_of("a.py", text)) {
    CAPTURE(mutation.description);
    CHECK(base::is_utf8(apply(text, mutation)));
    CHECK(base::is_utf8(mutation.description));
    texts.insert(mutation.replacement.text);
  }
  CHECK(texts.contains("'äöü'"));
  CHECK(texts.contains("'öü€'"));
  CHECK(texts.contains("''"));
}

TEST_CASE("mutations: only places inside the range are touched") {
  const std::string text = "def f(a):\n    return a + 1\n\ndef g(a):\n    return a + 1\n";
  const auto tree = tools::SyntaxTree::parse(tools::Language::kPython, text);
  REQUIRE(tree);
  const size_t second = text.find("def g");
  const auto found = agent::enumerate_mutations(*tree, {second, text.size()});
  REQUIRE_FALSE(found.empty());
  for (const agent::Mutation& mutation : found) CHECK(mutation.replacement.begin >= second);
}

TEST_CASE("mutations: data, comments and imports are left alone") {
  CHECK(mutations_of("a.json", "{\"a\": 1}").empty());
  CHECK(mutations_of("a.py", "import os\nfrom a import b\n# 1 + 2\n").empty());
}

TEST_CASE("edit_distance: counts inserted, dropped, changed and exchanged characters up to a bound") {
  CHECK(agent::edit_distance("total", "total", 2) == 0);
  CHECK(agent::edit_distance("total", "totl", 2) == 1);
  CHECK(agent::edit_distance("total", "toatl", 2) == 1);
  CHECK(agent::edit_distance("total", "sum", 2) == 3);
}

TEST_CASE("number_likelihood: types and uses tell numbers from texts, lists and records") {
  const auto likelihood = [](std::string_view path, const std::string& text, std::string_view of) {
    const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(path), text);
    REQUIRE(tree);
    agent::MutationContext context(*tree, *agent::language_traits(tree->language()));
    for (int i = context.nodes.size() - 1; i >= 0; --i)
      if (context.nodes[i].named && context.nodes.text(i) == of) return context.number_likelihood(i);
    FAIL("no such node");
    return 0.0;
  };
  CHECK(likelihood("a.py", "def f(n: int):\n    return g(n)\n", "n") == 1);
  CHECK(likelihood("a.py", "def f(n: str):\n    return g(n)\n", "n") < .1);
  CHECK(likelihood("a.py", "def f(n):\n    if n > 3:\n        return g(n)\n", "n") == 1);
  CHECK(likelihood("a.py", "def f(xs):\n    xs.clear()\n    return g(xs)\n", "xs") < .1);
  CHECK(likelihood("a.py", "def f(x):\n    return g(len(x))\n", "len(x)") == 1);
  CHECK(likelihood("a.py", "def f(x):\n    return g(x)\n", "x") == doctest::Approx(.45));
  CHECK(likelihood("a.cc", "int f(std::size_t n) { return g(n); }\n", "n") == 1);
  CHECK(likelihood("a.cc", "int f(std::string n) { return g(n); }\n", "n") < .1);
  CHECK(likelihood("a.cc", "int f(auto n) { return g(n); }\n", "n") == doctest::Approx(.45));
}
