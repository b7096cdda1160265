// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/diagnostic_repairs.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/code/known_symbols.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

struct Case {
  const char* name;
  std::vector<std::pair<std::string, std::string>> files;  // the first one is repaired
  const char* output;
  const char* repaired;
};

const Case kCases[] = {
    {"missing include",
     {{"a.cc", "#include <vector>\n\nvoid f(std::vector<int>& v) { std::sort(v.begin(), v.end()); }\n"}},
     "a.cc:3:36: error: 'sort' is not a member of 'std'\n",
     "#include <algorithm>\n#include <vector>\n\nvoid f(std::vector<int>& v) { std::sort(v.begin(), v.end()); }\n"},
    {"lost std::",
     {{"a.cc", "#include <string>\nstring f();\n"}},
     "a.cc:2:1: error: 'string' does not name a type\n",
     "#include <string>\nstd::string f();\n"},
    {"missing semicolon",
     {{"a.cc", "int f() {\n  return 1\n}\n"}},
     "a.cc:2:11: error: expected \xe2\x80\x98;\xe2\x80\x99 before \xe2\x80\x98}\xe2\x80\x99 token\n",
     "int f() {\n  return 1;\n}\n"},
    {"dot for arrow",
     {{"a.cc", "int f(P* p) { return p.x; }\n"}},
     "a.cc:1:24: error: request for member 'x' in 'p', which is of pointer type 'P*' (maybe you meant to use '->' ?)\n",
     "int f(P* p) { return p->x; }\n"},
    {"misspelt member",
     {{"a.cc", "int f(P p) { return p.lenght; }\n"}},
     "a.cc:1:23: error: 'struct P' has no member named 'lenght'; did you mean 'length'?\n",
     "int f(P p) { return p.length; }\n"},
    {"own header",
     {{"a.cc", "#include \"b.h\"\n\nShelf f();\n"},
      {"shelf.h", "#pragma once\nclass Shelf {\n  int x;\n};\n"},
      {"b.h", "#pragma once\n"}},
     "a.cc:3:1: error: 'Shelf' does not name a type\n",
     "#include \"b.h\"\n#include \"shelf.h\"\n\nShelf f();\n"},
    {"missing import",
     {{"a.py", "import os\n\n\ndef f(x):\n    return math.sqrt(x)\n"}},
     "Traceback (most recent call last):\n  File \"a.py\", line 5, in f\nNameError: name 'math' is not defined\n",
     "import math\nimport os\n\n\ndef f(x):\n    return math.sqrt(x)\n"},
    {"from-import",
     {{"a.py", "import os\n\n\ndef f(x):\n    return Counter(x)\n"}},
     "  File \"a.py\", line 5, in f\nNameError: name 'Counter' is not defined\n",
     "import os\nfrom collections import Counter\n\n\ndef f(x):\n    return Counter(x)\n"},
    {"misspelt name",
     {{"a.py", "def f(total):\n    return totla\n"}},
     "  File \"a.py\", line 2, in f\nNameError: name 'totla' is not defined\n",
     "def f(total):\n    return total\n"},
    {"missing attribute",
     {{"a.py",
       "class A:\n    def __init__(self, size):\n        self.n = 0\n\n    def f(self):\n        return self.size\n"}},
     "  File \"a.py\", line 6, in f\nAttributeError: 'A' object has no attribute 'size'\n",
     "class A:\n    def __init__(self, size):\n        self.n = 0\n        self.size = size\n\n    def f(self):\n      "
     "  return self.size\n"},
    {"missing colon",
     {{"a.py", "def f(x)\n    return x\n"}},
     "  File \"a.py\", line 1\n    def f(x)\nSyntaxError: expected ':'\n",
     "def f(x):\n    return x\n"},
    {"unclosed bracket",
     {{"a.py", "def f(x):\n    return g(x\n"}},
     "  File \"a.py\", line 2\nSyntaxError: '(' was never closed\n",
     "def f(x):\n    return g(x)\n"},
    {"missing await",
     {{"a.py", "async def g():\n    return 1\n\n\nasync def f():\n    x = g()\n    return x\n"}},
     "a.py:7: RuntimeWarning: coroutine 'g' was never awaited\n",
     "async def g():\n    return 1\n\n\nasync def f():\n    x = await g()\n    return x\n"},
    {"lost self",
     {{"a.py", "class A:\n    def put(x):\n        return x\n\n\nA().put(1)\n"}},
     "  File \"a.py\", line 6, in <module>\nTypeError: A.put() takes 1 positional argument but 2 were given\n",
     "class A:\n    def put(self, x):\n        return x\n\n\nA().put(1)\n"},
    {"lost const, of the method that is called",
     {{"a.cc", "struct A {\n  int size() { return n; }\n  int n;\n};\nint f(const A& a) { return a.size(); }\n"}},
     "a.cc:5:34: error: passing 'const A' as 'this' argument discards qualifiers [-fpermissive]\n",
     "struct A {\n  int size() const { return n; }\n  int n;\n};\nint f(const A& a) { return a.size(); }\n"},
    {"lost const, of a definition",
     {{"a.cc", "#include \"a.h\"\n\nint A::size() { return n; }\n"}, {"a.h", "struct A {\n  int size() const;\n  int n;\n};\n"}},
     "a.cc:3:5: error: no declaration matches 'int A::size()'\n",
     "#include \"a.h\"\n\nint A::size() const { return n; }\n"},
    {"const too many, in the parameter that is written; its reference stays",
     {{"a.cc", "void f(int const& x) { x = 1; }\n"}},
     "a.cc:1:26: error: assignment of read-only reference 'x'\n",
     "void f(int & x) { x = 1; }\n"},
    {"const too many, behind the parameters",
     {{"a.cc", "struct A {\n  int n;\n  void set(int x) const { n = x; }\n};\n"}},
     "a.cc:3:29: error: assignment of member 'A::n' in read-only object\n",
     "struct A {\n  int n;\n  void set(int x) { n = x; }\n};\n"},
    {"const too many, at the very beginning",
     {{"a.cc", " const int& f(int& x) {\n  return x = 1;\n}\n"}},
     "a.cc:2:12: error: binding reference of type 'int&' to 'const int' discards qualifiers\n",
     " int& f(int& x) {\n  return x = 1;\n}\n"},
    {"own header, of a type that is only declared",
     {{"a.cc", "#include \"b.h\"\n\nstruct Box {\n  Shelf s;\n};\n"},
      {"shelf.h", "#pragma once\nclass Shelf {\n  int x;\n};\n"},
      {"b.h", "#pragma once\nclass Shelf;\n"}},
     "a.cc:4:9: error: field 's' has incomplete type 'Shelf'\n",
     "#include \"b.h\"\n#include \"shelf.h\"\n\nstruct Box {\n  Shelf s;\n};\n"},
    {"import of a module in a folder",
     {{"shop/a.py", "import os\n\n\ndef f():\n    return Shelf()\n"}, {"shop/shelves.py", "class Shelf:\n    pass\n"}},
     "  File \"shop/a.py\", line 5, in f\nNameError: name 'Shelf' is not defined\n",
     "import os\nfrom shop.shelves import Shelf\n\n\ndef f():\n    return Shelf()\n"},
    {"wrong include",
     {{"a.cc", "#include \"shelv.h\"\n\nShelf f();\n"}, {"shelf.h", "#pragma once\nclass Shelf {};\n"}},
     "a.cc:1:10: fatal error: shelv.h: No such file or directory\n",
     "#include \"shelf.h\"\n\nShelf f();\n"},
    {"a text where a C string is meant",
     {{"a.cc", "#include <string>\nint g(const char*);\nint f(std::string s) { return g(s); }\n"}},
     "a.cc:3:33: error: cannot convert 'std::string' to 'const char*'\n",
     "#include <string>\nint g(const char*);\nint f(std::string s) { return g(s.c_str()); }\n"},
    {"override too many",
     {{"a.cc", "struct A {\n  int f() override;\n};\n"}},
     "a.cc:2:7: error: 'int A::f()' marked 'override', but does not override\n",
     "struct A {\n  int f();\n};\n"},
    {"a definition under another name",
     {{"a.cc", "int totl(int a) { return a; }\n\nint main() { return total(1); }\n"}, {"a.h", "int total(int a);\n"}},
     "a.cc:3: undefined reference to `total(int)'\n",
     "int total(int a) { return a; }\n\nint main() { return total(1); }\n"},
    {"misspelt keyword argument",
     {{"a.py", "def g(width=1):\n    return width\n\n\ndef f():\n    return g(widht=2)\n"}},
     "  File \"a.py\", line 6, in f\nTypeError: g() got an unexpected keyword argument 'widht'\n",
     "def g(width=1):\n    return width\n\n\ndef f():\n    return g(width=2)\n"},
    {"missing argument",
     {{"a.py", "def g(a, size):\n    return a\n\n\ndef f(a, size):\n    return g(a)\n"}},
     "  File \"a.py\", line 6, in f\nTypeError: g() missing 1 required positional argument: 'size'\n",
     "def g(a, size):\n    return a\n\n\ndef f(a, size):\n    return g(a, size)\n"},
    {"lost call",
     {{"a.py", "def f(d):\n    for k in d.keys:\n        print(k)\n"}},
     "  File \"a.py\", line 2, in f\nTypeError: 'builtin_function_or_method' object is not iterable\n",
     "def f(d):\n    for k in d.keys():\n        print(k)\n"},
    {"misspelt module",
     {{"a.py", "from shelvs import Shelf\n\n\nShelf()\n"}, {"shelves.py", "class Shelf:\n    pass\n"}},
     "  File \"a.py\", line 1, in <module>\nModuleNotFoundError: No module named 'shelvs'\n",
     "from shelves import Shelf\n\n\nShelf()\n"},
    {"a local without a first value",
     {{"a.py", "def f(xs):\n    for x in xs:\n        n = n + x\n    return n\n"}},
     "  File \"a.py\", line 3, in f\nUnboundLocalError: local variable 'n' referenced before assignment\n",
     "def f(xs):\n    n = 0\n    for x in xs:\n        n = n + x\n    return n\n"},
    {"lost receiver",
     {{"a.js", "class A {\n  constructor() {\n    this.size = 1;\n  }\n  f() {\n    return size;\n  }\n}\nnew A().f();\n"}},
     "/w/a.js:6\n    return size;\n    ^\n\nReferenceError: size is not defined\n    at A.f (a.js:6:5)\n",
     "class A {\n  constructor() {\n    this.size = 1;\n  }\n  f() {\n    return this.size;\n  }\n}\nnew A().f();\n"},
};

}  // namespace

TEST_CASE("diagnostic_repairs: a message that names the fault leads to its repair among the first five") {
  for (const Case& c : kCases) {
    CAPTURE(std::string(c.name));
    const test::TempDir folder;
    std::vector<std::string> paths;
    for (const auto& [path, text] : c.files) {
      folder.write(path, text);
      paths.push_back(path);
    }
    const auto tree = tools::WorkTree::open(folder.path());
    REQUIRE(tree);
    const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
    REQUIRE(code);
    const agent::PathResolver resolver(tree->root(), paths);
    std::vector<agent::Candidate> found =
        agent::diagnostic_repairs(*code, agent::read_check_output(c.output, resolver), {});
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    int rank = 0;
    for (size_t i = 0; i < std::min<size_t>(5, found.size()); ++i)
      if (found[i].path == c.files[0].first && agent::apply(c.files[0].second, found[i].replacements) == c.repaired &&
          rank == 0)
        rank = static_cast<int>(i) + 1;
    CHECK(rank > 0);
  }
}

TEST_CASE("diagnostic_repairs: what is there already is not offered") {
  struct Unwanted {
    const char* path;
    const char* text;
    const char* output;
    const char* proposer;
  };
  const Unwanted unwanted[] = {
      {"a.cc", "#include <algorithm>\nvoid f() { std::sort(); }\n", "a.cc:2:17: error: 'sort' is not a member of 'std'\n", "diagnostic: missing include"},
      {"a.cc", "int f(A& a) {\n  size(a);\n  return a.size();\n}\n", "a.cc:3:12: error: passing 'const A' as 'this' argument discards qualifiers\n",
       "diagnostic: lost const"},
      {"a.cc", "struct A {\n  int size() const;\n};\nint f(const A& a) {\n  return a.size();\n}\n",
       "a.cc:5:12: error: passing 'const A' as 'this' argument discards qualifiers\n", "diagnostic: lost const"},
      {"a.py", "class A:\n    def put(self):\n        return 1\n\n\nA().put(1)\n",
       "  File \"a.py\", line 6, in <module>\nTypeError: A.put() takes 1 positional argument but 2 were given\n", "diagnostic: lost self"},
      {"a.py", "async def g():\n    return 1\n\n\nasync def f():\n    return await g()\n", "a.py:6: RuntimeWarning: coroutine 'g' was never awaited\n",
       "diagnostic: missing await"},
  };
  for (const Unwanted& each : unwanted) {
    CAPTURE(std::string(each.text));
    const test::TempDir folder;
    folder.write(each.path, each.text);
    const auto tree = tools::WorkTree::open(folder.path());
    REQUIRE(tree);
    const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
    REQUIRE(code);
    const agent::PathResolver resolver(tree->root(), {each.path});
    for (const agent::Candidate& candidate : agent::diagnostic_repairs(*code, agent::read_check_output(each.output, resolver), {}))
      CHECK(candidate.proposer != each.proposer);
  }
}

TEST_CASE("quoted_after: what is quoted must follow the words at once") {
  CHECK(agent::quoted_after("error: no 'a' here; did you mean 'b'?", "did you mean ") == "b");
  CHECK(agent::quoted_after("did you mean something else than 'b'?", "did you mean ").empty());
  CHECK(agent::quoted_after("no such words before 'b'", "did you mean ").empty());
}

TEST_CASE("diagnostic_repairs: words at the ends of a file are taken out within it") {
  const test::TempDir folder;
  folder.write("a.cc", "override int g();\nint f(int x) { x = 1; } const");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.cc"});
  const auto found = agent::diagnostic_repairs(
      *code, agent::read_check_output("a.cc:1:1: error: 'int g()' does not override\na.cc:2:16: error: assignment of read-only parameter 'x'\n", resolver), {});
  const size_t size = code->file("a.cc")->text().size();
  bool first = false, last = false;
  for (const agent::Candidate& candidate : found)
    for (const tools::Replacement& edit : candidate.replacements) {
      CHECK(edit.begin <= edit.end);
      CHECK(edit.end <= size);
      first |= edit.begin == 0 && edit.end == 8 && edit.text.empty();
      last |= edit.begin == size - 5 && edit.end == size && edit.text.empty();
    }
  CHECK(first);
  CHECK(last);
}

TEST_CASE("known symbols: tables answer with the home of a name and nothing else") {
  CHECK(agent::cpp_header_of("sort") == "algorithm");
  CHECK(agent::cpp_header_of("accumulate") == "numeric");
  CHECK(agent::c_header_of("strlen") == "string.h");
  CHECK(agent::python_module_of("Counter") == "collections");
  CHECK(agent::is_python_module("heapq"));
  CHECK_FALSE(agent::is_python_module("numpy"));
  CHECK_FALSE(agent::cpp_header_of("shelf"));
}
