// SPDX-License-Identifier: Apache-2.0
#include "agent/diagnostic_repairs.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/known_symbols.h"
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
};

}  // namespace

TEST_CASE("diagnostic_repairs: a message that names the fault leads to its repair among the first five") {
  for (const Case& c : kCases) {
    CAPTURE(c.name);
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

TEST_CASE("known symbols: tables answer with the home of a name and nothing else") {
  CHECK(agent::cpp_header_of("sort") == "algorithm");
  CHECK(agent::cpp_header_of("accumulate") == "numeric");
  CHECK(agent::c_header_of("strlen") == "string.h");
  CHECK(agent::python_module_of("Counter") == "collections");
  CHECK(agent::is_python_module("heapq"));
  CHECK_FALSE(agent::is_python_module("numpy"));
  CHECK_FALSE(agent::cpp_header_of("shelf"));
}
