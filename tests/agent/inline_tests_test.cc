// SPDX-License-Identifier: Apache-2.0
#include "agent/code/inline_tests.h"

#include <doctest/doctest.h>

#include <string>

namespace {

// The tests of a text, each with a bar around it.
std::string marked(std::string_view path, const std::string& text) {
  const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(path), text);
  REQUIRE(tree);
  std::string out;
  size_t at = 0;
  for (const tools::Range& test : agent::inline_tests(*tree)) {
    REQUIRE(test.begin >= at);
    out += text.substr(at, test.begin - at) + "|" + text.substr(test.begin, test.end - test.begin) + "|";
    at = test.end;
  }
  return out + text.substr(at);
}

}  // namespace

TEST_CASE("inline tests: each language's own way to put them beside the code") {
  CHECK(marked("a.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn g() {}\n}\nfn h() {}\n") ==
        "fn f() {}\n\n|#[cfg(test)]\nmod tests {\n    #[test]\n    fn g() {}\n}|\nfn h() {}\n");
  CHECK(marked("a.rs", "#[tokio::test]\n#[ignore]\nasync fn f() {}\n") ==
        "|#[tokio::test]\n#[ignore]\nasync fn f() {}|\n");
  CHECK(marked("a.cc", "int f();\nTEST_CASE(\"f: one\") {\n  CHECK(f() == 1);\n}\nint g() { return 1; }\n") ==
        "int f();\n|TEST_CASE(\"f: one\") {\n  CHECK(f() == 1);\n}|\nint g() { return 1; }\n");
  CHECK(marked("a.cc", "namespace a {\nTEST(F, Adds) {\n  EXPECT_EQ(f(), 1);\n}\nint g() { return 1; }\n}\n") ==
        "namespace a {\n|TEST(F, Adds) {\n  EXPECT_EQ(f(), 1);\n}|\nint g() { return 1; }\n}\n");
  CHECK(marked("a.py", "def f():\n    return 1\n\n\ndef test_f():\n    assert f() == 1\n") ==
        "def f():\n    return 1\n\n\n|def test_f():\n    assert f() == 1|\n");
  CHECK(marked("a.py", "class FTest(unittest.TestCase):\n    def test_f(self):\n        self.assertTrue(f())\n") ==
        "|class FTest(unittest.TestCase):\n    def test_f(self):\n        self.assertTrue(f())|\n");
  CHECK(marked("a.js", "function f() {}\ntest('f', () => {\n  f();\n});\n") ==
        "function f() {}\n|test('f', () => {\n  f();\n});|\n");
  CHECK(marked("a.ts", "export const f = 1;\nif (import.meta.vitest) {\n  it('f', () => {});\n}\n") ==
        "export const f = 1;\n|if (import.meta.vitest) {\n  it('f', () => {});\n}|\n");
  CHECK(marked("A.java", "class A {\n  int f() { return 1; }\n  @Test\n  void g() { f(); }\n}\n") ==
        "class A {\n  int f() { return 1; }\n  |@Test\n  void g() { f(); }|\n}\n");
}

TEST_CASE("inline tests: examples in docstrings, and the names that tie them to what they judge") {
  CHECK(marked("a.py",
               "def f(x):\n    \"\"\"\n    >>> f(1)\n    2\n    \"\"\"\n    return x\n\ndef g(x=1):\n    return x\n") ==
        "def |f|(x):\n    |\"\"\"\n    >>> f(1)\n    2\n    \"\"\"|\n    return x\n\ndef |g|(x=1):\n    return x\n");
  CHECK(marked("a.py", "# a module\n'''Doubles.\n\n>>> f(1)\n2\n'''\nX = 2\n") ==
        "# a module\n|'''Doubles.\n\n>>> f(1)\n2\n'''|\nX = 2\n");
  CHECK(marked("a.py", "@once\nclass C:\n    '''>>> C().f()'''\n    def f(self):\n        return 1\n") ==
        "@once\nclass |C|:\n    |'''>>> C().f()'''|\n    def |f|(self):\n        return 1\n");
  // A docstring without examples says nothing; a string that is no docstring is data.
  CHECK(marked("a.py", "def f():\n    '''One.'''\n    x = 1\n    '>>> f()'\n    return x\n") ==
        "def |f|():\n    '''One.'''\n    x = 1\n    '>>> f()'\n    return x\n");
  CHECK(marked("a.py", "def f():\n    '''One.'''\n    return '>>>'\n") ==
        "def f():\n    '''One.'''\n    return '>>>'\n");
}

TEST_CASE("inline tests: an assertion judges wherever it stands") {
  CHECK(marked(
            "a.py",
            "def f(x):\n    assert x > 0\n    return x\n\nif __name__ == '__main__':\n    assert f(1) == 1, 'one'\n") ==
        "def f(x):\n    |assert x > 0|\n    return x\n\nif __name__ == '__main__':\n    |assert f(1) == 1, 'one'|\n");
  CHECK(marked("a.c", "int main(void) {\n  assert(f(1) == 1);\n  return f(2);\n}\n") ==
        "int main(void) {\n  |assert(f(1) == 1);|\n  return f(2);\n}\n");
  CHECK(marked("a.cc", "int main() {\n  EXPECT_EQ(f(1), 1);\n}\n") == "int main() {\n  |EXPECT_EQ(f(1), 1);|\n}\n");
  CHECK(marked("a.rs", "fn main() {\n    assert_eq!(f(1), 1);\n    g();\n}\n") ==
        "fn main() {\n    |assert_eq!(f(1), 1);|\n    g();\n}\n");
  CHECK(marked("a.js", "assert.equal(f(1), 1);\nconsole.assert(f(2) === 2);\nf(assert);\n") ==
        "|assert.equal(f(1), 1);|\n|console.assert(f(2) === 2);|\nf(assert);\n");
  CHECK(marked("A.java", "class A {\n  int f(int x) {\n    assert x > 0;\n    return x;\n  }\n}\n") ==
        "class A {\n  int f(int x) {\n    |assert x > 0;|\n    return x;\n  }\n}\n");
}

TEST_CASE("inline tests: what only speaks of tests is code") {
  for (const auto& [path, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"a.rs", "#[cfg(not(test))]\nfn f() {}\nfn test(x: i32) -> i32 { x }\n"},
           {"a.rs", "fn latest() {}\n#[derive(Debug)]\nstruct Test;\n"},
           {"a.cc", "int TEST(int x);\nint f() { return TEST_ALL(1); }\n"},
           {"a.py", "def test_connection(host):\n    return ping(host)\n\n\nclass Testament:\n    pass\n"},
           {"a.js", "test(1);\nconst it = describe;\nit.next();\nfunction test(x) { return x; }\n"},
           {"A.java", "class A {\n  /** @Test */\n  int test() { return 1; }\n}\n"},
           {"a.go", "package a\n\nfunc TestX(n int) {}\n"}}) {
    CAPTURE(text);
    CHECK(marked(path, text) == text);
  }
}
