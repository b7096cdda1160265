// SPDX-License-Identifier: Apache-2.0
// What each rule for a message offers, what it leaves alone, and how the messages stand to each other.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "agent/fix/diagnostic_repairs.h"
#include "agent/fix/ranking.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

struct Project {
  explicit Project(const Files& files) {
    for (const auto& [path, text] : files) {
      folder.write(path, text);
      paths.push_back(path);
    }
    tree.emplace(*tools::WorkTree::open(folder.path()));
    code.emplace(*agent::CodeBase::load(*tree, "make check", {}, {}));
  }
  std::vector<agent::Candidate> repairs(std::string_view output) const {
    return agent::diagnostic_repairs(*code, agent::read_check_output(output, agent::PathResolver(tree->root(), paths)),
                                     {});
  }
  // The score of the best candidate that makes `path` read `wanted`; 0 without one.
  double score(const std::vector<agent::Candidate>& found, const std::string& path, const std::string& wanted) const {
    double best = 0;
    for (const agent::Candidate& candidate : found)
      if (candidate.path == path && agent::apply(code->file(path)->text(), candidate.replacements) == wanted)
        best = std::max(best, candidate.score);
    return best;
  }
  test::TempDir folder;
  std::vector<std::string> paths;
  std::optional<tools::WorkTree> tree;
  std::optional<agent::CodeBase> code;
};

double score(const Files& files, std::string_view output, const std::string& wanted) {
  const Project project(files);
  return project.score(project.repairs(output), files[0].first, wanted);
}

std::string imported(const std::string& path, const std::string& text, const std::string& line) {
  const Project project(Files{{path, text}});
  return agent::apply(text, {agent::import_line(*project.code->file(path), line)});
}

}  // namespace

TEST_CASE("repairs of compile errors: the name that the compiler proposes, though no file has it") {
  CHECK(score({{"a.cc", "int f() { return lenght(1); }\n"}},
              "a.cc:1:18: error: 'lenght' was not declared in this scope; did you mean 'len_total'?\n",
              "int f() { return len_total(1); }\n") > .9);
}

TEST_CASE("repairs of compile errors: a header of the tree is included the way others include it") {
  const Files files = {{"src/a.cc", "#include \"lib/b.h\"\n\nShelf f();\n"},
                       {"lib/b.h", "#pragma once\n"},
                       {"lib/shelf.h", "#pragma once\nclass Shelf {\n  int x;\n};\n"},
                       {"src/c.cc", "#include \"lib/shelf.h\"\nShelf g();\n"}};
  CHECK(score(files, "src/a.cc:3:1: error: 'Shelf' does not name a type\n",
              "#include \"lib/b.h\"\n#include \"lib/shelf.h\"\n\nShelf f();\n") > .5);
}

TEST_CASE("repairs of compile errors: the header that the compiler names is included, whatever the name") {
  CHECK(score({{"a.cc", "#include <vector>\n\nint f() { return frobnicate(); }\n"}},
              "a.cc:3:18: error: 'frobnicate' was not declared in this scope\n"
              "a.cc:1:1: note: 'frobnicate' is defined in header '<frob>'; did you forget to '#include <frob>'?\n",
              "#include <frob>\n#include <vector>\n\nint f() { return frobnicate(); }\n") > .9);
}

TEST_CASE("repairs of compile errors: a mark is put at the end of a line before, over empty ones, three lines at most") {
  const auto lines_of_marks = [](const char* text, const char* output) {
    std::set<int> lines;
    for (const agent::Candidate& candidate : Project(Files{{"a.cc", text}}).repairs(output))
      if (candidate.proposer == "diagnostic: missing mark") lines.insert(candidate.line);
    return lines;
  };
  const char *fourth = "a.cc:4:1: error: expected ',' or ';' before 'int'\n", *fifth = "a.cc:5:1: error: expected ';' before 'int'\n";
  CHECK(lines_of_marks("int a = 1\n\n\nint b = 2;\n", fourth) == std::set<int>{1, 4});
  CHECK(lines_of_marks("int a = 1\nint b\n\nint c;\n", fourth) == std::set<int>{2, 4});
  CHECK(lines_of_marks("int a = 1\n\n\n\nint b = 2;\n", fifth) == std::set<int>{5});
}

TEST_CASE("repairs of compile errors: no decimal point and no ellipsis becomes an arrow") {
  const Project project(Files{{"a.cc", "int f(P* p, ...) { return p.x + 1.5 + .5; }\n"}});
  int n = 0;
  for (const agent::Candidate& candidate :
       project.repairs("a.cc:1:28: error: request for member 'x' in 'p', which is of pointer type 'P*'\n"))
    if (candidate.proposer == "diagnostic: dot for arrow") ++n;
  CHECK(n == 1);
}

TEST_CASE("repairs of compile errors: an include becomes a header of a like name and no other") {
  const Project project(
      Files{{"a.cc", "#include \"shelv.h\"\n"}, {"lib/shelf.h", "#pragma once\n"}, {"unrelated.h", "#pragma once\n"}});
  const auto found = project.repairs("a.cc:1:10: fatal error: shelv.h: No such file or directory\n");
  CHECK(project.score(found, "a.cc", "#include \"lib/shelf.h\"\n") > 0);
  CHECK(project.score(found, "a.cc", "#include \"shelf.h\"\n") > 0);
  CHECK(project.score(found, "a.cc", "#include \"unrelated.h\"\n") == 0);
}

TEST_CASE("repairs of compile errors: too few arguments get another, too many get none") {
  const char* text = "int g(int a, int b);\nint f(int size) { return g(size); }\nint h(int size) { return g(); }\n";
  const Project project(Files{{"a.cc", text}});
  CHECK(project.score(
            project.repairs("a.cc:2:27: error: too few arguments to function 'int g(int, int)'\n"), "a.cc",
            "int g(int a, int b);\nint f(int size) { return g(size, size); }\nint h(int size) { return g(); }\n") > 0);
  CHECK(project.score(
            project.repairs("a.cc:3:27: error: too few arguments to function 'int g(int, int)'\n"), "a.cc",
            "int g(int a, int b);\nint f(int size) { return g(size); }\nint h(int size) { return g(size); }\n") > 0);
  for (const agent::Candidate& candidate :
       project.repairs("a.cc:2:27: error: too many arguments to function 'int g(int, int)'\n"))
    CHECK(candidate.description.find("is added") == std::string::npos);
}

TEST_CASE("repairs of compile errors: a name that is given its first value gets a type, one that is used does not") {
  const Project project(Files{{"a.cc", "int f() {\n  total = 1;\n  return 1 + total;\n}\n"}});
  const char* kWanted = "int f() {\n  auto total = 1;\n  return 1 + total;\n}\n";
  CHECK(project.score(project.repairs("a.cc:2:3: error: 'total' was not declared in this scope\n"), "a.cc", kWanted) >
        0);
  for (const agent::Candidate& candidate :
       project.repairs("a.cc:3:14: error: 'total' was not declared in this scope\n"))
    CHECK(candidate.proposer != "diagnostic: lost type");
}

TEST_CASE("repairs of compile errors: the type that is incomplete is found behind its kind and before its parameters") {
  const Files files = {{"a.cc", "#include \"b.h\"\n\nint f(Shelf<int>& s) { return s.x; }\n"},
                       {"shelf.h", "#pragma once\ntemplate <typename T>\nstruct Shelf {\n  T x;\n};\n"},
                       {"b.h", "#pragma once\n"}};
  CHECK(score(files, "a.cc:3:31: error: invalid use of incomplete type 'struct Shelf<int>'\n",
              "#include \"b.h\"\n#include \"shelf.h\"\n\nint f(Shelf<int>& s) { return s.x; }\n") > .5);
}

TEST_CASE("repairs of scripts: a name is imported as another file imports it") {
  const Files files = {{"a.py", "import os\n\n\ndef f():\n    return Thing()\n"},
                       {"b.py", "from things import Other, Thing\nfrom stuff import Stuff\n"}};
  const Project project(files);
  const auto found = project.repairs("  File \"a.py\", line 5, in f\nNameError: name 'Thing' is not defined\n");
  CHECK(project.score(found, "a.py", "import os\nfrom things import Thing\n\n\ndef f():\n    return Thing()\n") > .8);
  for (const agent::Candidate& candidate : found) CHECK(candidate.description.find("stuff") == std::string::npos);
}

TEST_CASE("repairs of scripts: a name of a package is imported from the package") {
  CHECK(score({{"a.py", "import os\n\n\ndef f():\n    return Shelf()\n"},
               {"shop/__init__.py", "class Shelf:\n    pass\n"}},
              "  File \"a.py\", line 5, in f\nNameError: name 'Shelf' is not defined\n",
              "import os\nfrom shop import Shelf\n\n\ndef f():\n    return Shelf()\n") > .5);
}

TEST_CASE("repairs of scripts: what the interpreter proposes comes first, though no file has it") {
  CHECK(score({{"a.py", "x = 1\nprint(totl)\n"}},
              "  File \"a.py\", line 2, in <module>\nNameError: name 'totl' is not defined. Did you mean: 'sum_all'?\n",
              "x = 1\nprint(sum_all)\n") > .9);
  CHECK(score({{"a.py", "x = ''\nprint(x.uper())\n"}},
              "  File \"a.py\", line 2, in <module>\nAttributeError: 'str' object has no attribute 'uper'. Did you "
              "mean: 'upper'?\n",
              "x = ''\nprint(x.upper())\n") > .9);
}

TEST_CASE("repairs of scripts: what is not a function is looked for by its last name") {
  CHECK(score({{"a.js", "class A {\n  total() { return 1; }\n}\nnew A().totl();\n"}},
              "a.js:4\n\nTypeError: (intermediate value).totl is not a function\n    at a.js:4:9\n",
              "class A {\n  total() { return 1; }\n}\nnew A().total();\n") > 0);
}

TEST_CASE("repairs of scripts: a name that cannot be imported is misspelt in the import or in its module") {
  const Project project(Files{{"a.py", "from shelves import Shelf\nprint(Shelf)\n"},
                              {"shelves.py", "class Shelff:\n    pass\n\n\ndef f():\n    pass\n"}});
  const auto found = project.repairs(
      "  File \"a.py\", line 1, in <module>\nImportError: cannot import name 'Shelf' from 'shelves' (/w/shelves.py)\n");
  CHECK(project.score(found, "a.py", "from shelves import Shelff\nprint(Shelf)\n") > 0);
  CHECK(project.score(found, "a.py", "from shelves import Shelf\nprint(Shelff)\n") == 0);
  CHECK(project.score(found, "shelves.py", "class Shelf:\n    pass\n\n\ndef f():\n    pass\n") > 0);
}

TEST_CASE("repairs of scripts: a method that is read like a value becomes a property, once") {
  const std::string text =
      "class A:\n    @property\n    def done(self):\n        return 1\n\n    def size(self):\n        return 1\n";
  const Project project(Files{{"b.py", "def f(a):\n    return a.size + a.done\n"}, {"a.py", text}});
  const auto found = project.repairs(
      "  File \"b.py\", line 2, in f\nTypeError: unsupported operand type(s) for +: 'method' and 'int'\n");
  std::string wanted = text;
  wanted.insert(wanted.find("    def size"), "    @property\n");
  CHECK(project.score(found, "a.py", wanted) > 0);
  int n = 0;
  for (const agent::Candidate& candidate : found)
    if (candidate.proposer == "diagnostic: missing decorator") ++n;
  CHECK(n == 1);
}

TEST_CASE("repairs of scripts: arguments of calls") {
  CHECK(score({{"a.py", "class A:\n    def put():\n        return 1\n\n\nA().put()\n"}},
              "  File \"a.py\", line 6, in <module>\nTypeError: A.put() takes 0 positional arguments but 1 was given\n",
              "class A:\n    def put(self):\n        return 1\n\n\nA().put()\n") > .8);
  CHECK(score({{"a.py", "n = 3\nprint(n())\n"}},
              "  File \"a.py\", line 2, in <module>\nTypeError: 'int' object is not callable\n",
              "n = 3\nprint(n)\n") > .5);
}

TEST_CASE("repairs of scripts: await is for functions that are async, elsewhere it is unlikely") {
  const Project project(Files{
      {"a.py", "async def g():\n    return 1\n\n\nasync def f():\n    return g()\n\n\ndef h():\n    return g()\n"}});
  const auto found = project.repairs("a.py:6: RuntimeWarning: coroutine 'g' was never awaited\n");
  const double inside = project.score(
      found, "a.py",
      "async def g():\n    return 1\n\n\nasync def f():\n    return await g()\n\n\ndef h():\n    return g()\n");
  const double outside = project.score(
      found, "a.py",
      "async def g():\n    return 1\n\n\nasync def f():\n    return g()\n\n\ndef h():\n    return await g()\n");
  CHECK(outside > 0);
  CHECK(inside > 3 * outside);
}

TEST_CASE(
    "repairs of scripts: a local that is read before it is written may be meant global; one that is unknown not") {
  const char *text = "n = 0\n\n\ndef f():\n    n = n + 1\n    return n\n",
             *wanted = "n = 0\n\n\ndef f():\n    global n\n    n = n + 1\n    return n\n";
  CHECK(score({{"a.py", text}},
              "  File \"a.py\", line 5, in f\nUnboundLocalError: local variable 'n' referenced before assignment\n",
              wanted) > 0);
  CHECK(score({{"a.py", text}}, "  File \"a.py\", line 5, in f\nNameError: name 'n' is not defined\n", wanted) == 0);
}

TEST_CASE("repairs of scripts: a first value stands below the function's own description") {
  CHECK(score({{"a.py", "def f(xs):\n    \"\"\"Adds.\"\"\"\n    for x in xs:\n        n = n + x\n    return n\n"}},
              "  File \"a.py\", line 4, in f\nUnboundLocalError: local variable 'n' referenced before assignment\n",
              "def f(xs):\n    \"\"\"Adds.\"\"\"\n    n = 0\n    for x in xs:\n        n = n + x\n    return n\n") >
        .4);
}

TEST_CASE("repairs of scripts: an attribute with a mark in front takes the parameter without it") {
  CHECK(score({{"a.py",
                "class A:\n    def __init__(self, size):\n        self.n = 0\n\n    def f(self):\n        return "
                "self._size\n"}},
              "  File \"a.py\", line 6, in f\nAttributeError: 'A' object has no attribute '_size'\n",
              "class A:\n    def __init__(self, size):\n        self.n = 0\n        self._size = size\n\n    def "
              "f(self):\n        return self._size\n") > .9);
}

TEST_CASE("diagnostic_repairs: the first message weighs most, but no message is worth nothing") {
  std::string text, output;
  for (int i = 1; i <= 20; ++i) {
    text += "string f" + std::to_string(i) + "();\n";
    output += "a.cc:" + std::to_string(i) + ":1: error: 'string' does not name a type\n";
  }
  const Project project(Files{{"a.cc", text}});
  std::map<int, double> scores;
  for (const agent::Candidate& candidate : project.repairs(output))
    if (candidate.proposer == "diagnostic: lost std::")
      scores[candidate.line] = std::max(scores[candidate.line], candidate.score);
  REQUIRE(scores.size() == 20);
  CHECK(scores[1] == doctest::Approx(.8));
  CHECK(scores[2] < scores[1]);
  CHECK(scores[20] == doctest::Approx(scores[19]));
  CHECK(scores[20] > .1);
}

TEST_CASE("diagnostic_repairs: a message said twice is one, and sixty are enough") {
  const Project project(Files{{"a.cc", "string f();\n"}});
  const std::string message = "a.cc:1:1: error: 'string' does not name a type\n";
  CHECK(project.repairs(message + message).size() == project.repairs(message).size());
  std::string text, output;
  for (int i = 1; i <= 100; ++i) {
    text += "string f" + std::to_string(i) + "();\n";
    output += "a.cc:" + std::to_string(i) + ":1: error: 'string' does not name a type\n";
  }
  const Project many(Files{{"a.cc", text}});
  std::set<int> lines;
  for (const agent::Candidate& candidate : many.repairs(output))
    if (candidate.proposer == "diagnostic: lost std::") lines.insert(candidate.line);
  CHECK(lines.size() == 60);
}

TEST_CASE("diagnostic_repairs: of a traceback the three innermost frames are searched") {
  std::string text, output = "Traceback (most recent call last):\n";
  for (int i = 1; i <= 6; ++i) {
    text += "f" + std::to_string(i) + " = lambda: (totla, f" + std::to_string(i + 1) + "(), total)\n";
    output += "  File \"a.py\", line " + std::to_string(i) + ", in f\n";
  }
  const Project project(Files{{"a.py", text}});
  std::set<int> lines;
  for (const agent::Candidate& candidate : project.repairs(output + "NameError: name 'totla' is not defined\n"))
    if (candidate.proposer == "diagnostic: misspelt name") lines.insert(candidate.line);
  CHECK(lines == std::set<int>{4, 5, 6});
}

TEST_CASE(
    "diagnostic_repairs: edits of a file that does not parse weigh more than those of one that the compiler refuses") {
  const auto sum = [](const char* text, const char* output) {
    double all = 0;
    for (const agent::Candidate& candidate : Project(Files{{"a.c", text}}).repairs(output))
      if (candidate.proposer == "diagnostic: syntax") all += candidate.score;
    return all;
  };
  CHECK(sum("int f(int x) {\n  return (x;\n}\n", "a.c:2:12: error: expected ')' before ';' token\n") > .6);
  const double meaning = sum("int f(int x) {\n  return x + y;\n}\n", "a.c:2:14: error: conflicting types\n");
  CHECK(meaning > 0);
  CHECK(meaning <= .3);
}

TEST_CASE("import_line: without imports, behind the heading comment, the pragma and the module's own description") {
  CHECK(imported("a.h", "// A shelf.\n#pragma once\n\nint f();\n", "#include <map>") ==
        "// A shelf.\n#pragma once\n\n#include <map>\nint f();\n");
  CHECK(imported("a.py", "\"\"\"A shelf.\n\nOf books.\n\"\"\"\n\nx = 1\n", "import os") ==
        "\"\"\"A shelf.\n\nOf books.\n\"\"\"\n\nimport os\nx = 1\n");
  CHECK(imported("a.py", "#!/usr/bin/python3\n\"\"\"A shelf.\"\"\"\nx = 1\n", "import os") ==
        "#!/usr/bin/python3\n\"\"\"A shelf.\"\"\"\nimport os\nx = 1\n");
}

TEST_CASE("near_names: short names may differ by one letter, longer ones by two") {
  const Project project(Files{{"a.py", "abxy = 1\nabcdefxy = 2\nabcy = 3\n"}});
  const agent::CodeFile& file = *project.code->file("a.py");
  CHECK(agent::near_names(*project.code, file, "abcd", 5) == std::vector<std::string>{"abcy"});
  CHECK(agent::near_names(*project.code, file, "abcdefgh", 5) == std::vector<std::string>{"abcdefxy"});
}

TEST_CASE("repairs of Go's compile errors: imports too many and too few") {
  const std::string head = "package a\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n)\n\n";
  CHECK(score({{"a.go", head + "func f() { fmt.Println() }\n"}}, "# a\n./a.go:5:2: imported and not used: \"strings\"\n",
              "package a\n\nimport (\n\t\"fmt\"\n)\n\nfunc f() { fmt.Println() }\n") > .9);
  CHECK(score({{"a.go", head + "func f() { fmt.Println() }\n"}}, "./a.go:5:2: \"strings\" imported and not used\n",
              "package a\n\nimport (\n\t\"fmt\"\n)\n\nfunc f() { fmt.Println() }\n") > .9);
  CHECK(score({{"a.go", "package a\n\nimport s \"strings\"\n\nfunc f() {}\n"}}, "./a.go:3:8: \"strings\" imported as s and not used\n",
              "package a\n\n\nfunc f() {}\n") > .9);
  const std::string body = "func f(xs []int) { sort.Ints(xs) }\n";
  CHECK(score({{"a.go", "package a\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n)\n\n" + body}}, "./a.go:8:20: undefined: sort\n",
              "package a\n\nimport (\n\t\"fmt\"\n\t\"sort\"\n\t\"strings\"\n)\n\n" + body) > .9);
  CHECK(score({{"a.go", "package a\n\nimport \"fmt\"\n\n" + body}}, "./a.go:5:20: undefined: sort\n",
              "package a\n\nimport \"sort\"\nimport \"fmt\"\n\n" + body) > .9);
  CHECK(score({{"a.go", "package a\n\n" + body}}, "./a.go:3:20: undefined: sort\n", "package a\n\nimport \"sort\"\n\n" + body) > .9);
  // A name that is no package, though one is called so.
  CHECK(score({{"a.go", "package a\n\nfunc f() int { return sort }\n"}}, "./a.go:3:23: undefined: sort\n",
              "package a\n\nimport \"sort\"\n\nfunc f() int { return sort }\n") == 0);
}

TEST_CASE("repairs of Go's compile errors: names that nobody reads, names in another case, misspelt ones") {
  CHECK(score({{"a.go", "package a\n\nfunc f() {\n\tx := g()\n}\n"}}, "./a.go:4:2: x declared but not used\n",
              "package a\n\nfunc f() {\n\t_ = g()\n}\n") > .7);
  CHECK(score({{"a.go", "package a\n\nfunc f() int {\n\tx, err := g()\n\treturn x\n}\n"}}, "./a.go:4:5: declared and not used: err\n",
              "package a\n\nfunc f() int {\n\tx, _ := g()\n\treturn x\n}\n") > .7);
  CHECK(score({{"a.go", "package a\n\nfunc f() {\n\tvar n int = g()\n}\n"}}, "./a.go:4:6: declared and not used: n\n",
              "package a\n\nfunc f() {\n\tvar _ int = g()\n}\n") > .7);
  // What the line reads is not what it declares.
  const Project reads(Files{{"a.go", "package a\n\nfunc f() {\n\ty := z\n}\n"}});
  for (const agent::Candidate& candidate : reads.repairs("./a.go:4:7: declared and not used: z\n")) CHECK(candidate.proposer != "diagnostic: unread name");
  CHECK(score({{"a.go", "package a\n\nfunc f(t T) int { return t.total }\n"}},
              "./a.go:3:28: t.total undefined (type T has no field or method total, but does have Total)\n",
              "package a\n\nfunc f(t T) int { return t.Total }\n") > .9);
  CHECK(score({{"a.go", "package a\n\nfunc f(length int) int { return lenght }\n"}}, "./a.go:3:33: undefined: lenght\n",
              "package a\n\nfunc f(length int) int { return length }\n") > .5);
}

TEST_CASE("repairs of Rust's compile errors: a type's home, a lost mut, a misspelt name") {
  const std::string map = "fn f() -> usize {\n    let m: HashMap<i32, i32> = Default::default();\n    m.len()\n}\n";
  CHECK(score({{"a.rs", "// A map.\n" + map}}, "error[E0412]: cannot find type `HashMap` in this scope\n --> a.rs:3:12\n  |\n",
              "use std::collections::HashMap;\n// A map.\n" + map) > .9);
  CHECK(score({{"a.rs", "//! A map.\n" + map}}, "error[E0433]: failed to resolve: use of undeclared type `HashMap`\n --> a.rs:3:12\n  |\n",
              "//! A map.\nuse std::collections::HashMap;\n" + map) > .9);
  CHECK(score({{"a.rs", "fn f() -> i32 {\n    let n = 1;\n    n += 1;\n    n\n}\n"}},
              "error[E0384]: cannot assign twice to immutable variable `n`\n --> a.rs:3:5\n  |\n",
              "fn f() -> i32 {\n    let mut n = 1;\n    n += 1;\n    n\n}\n") > .9);
  CHECK(score({{"a.rs", "fn f(v: Vec<i32>) -> Vec<i32> {\n    v.push(1);\n    v\n}\n"}},
              "error[E0596]: cannot borrow `v` as mutable, as it is not declared as mutable\n --> a.rs:2:5\n  |\n",
              "fn f(mut v: Vec<i32>) -> Vec<i32> {\n    v.push(1);\n    v\n}\n") > .9);
  CHECK(score({{"a.rs", "fn f(length: i32) -> i32 {\n    lenght + 1\n}\n"}},
              "error[E0425]: cannot find value `lenght` in this scope\n --> a.rs:2:5\n  |\n",
              "fn f(length: i32) -> i32 {\n    length + 1\n}\n") > .5);
}

TEST_CASE("repairs of Java's compile errors: a class's package, a misspelt name") {
  const std::string use = "class A {\n  int f(List<Integer> xs) { return xs.size(); }\n}\n";
  const std::string said = "A.java:2: error: cannot find symbol\n  int f(List<Integer> xs)\n        ^\n  symbol:   class List\n  location: class A\n";
  CHECK(score({{"A.java", use}}, said, "import java.util.List;\n\n" + use) > .9);
  CHECK(score({{"A.java", "package p;\n" + use}}, "A.java:3: error: cannot find symbol\n", "package p;\n\nimport java.util.List;\n" + use) > .9);
  CHECK(score({{"A.java", "import java.util.Map;\n" + use}}, "A.java:3: error: cannot find symbol\n",
              "import java.util.List;\nimport java.util.Map;\n" + use) > .9);
  CHECK(score({{"A.java", "import java.util.*;\n" + use}}, "A.java:3: error: cannot find symbol\n",
              "import java.util.List;\nimport java.util.*;\n" + use) == 0);
  CHECK(score({{"A.java", "class A {\n  int f(int length) { return lenght; }\n}\n"}}, "A.java:2: error: cannot find symbol\n",
              "class A {\n  int f(int length) { return length; }\n}\n") > .4);
}

TEST_CASE("repair rules: a member that is misspelt, in Go and Rust") {
  const Project go(Files{{"a.go", "package a\n\ntype T struct{ args []int }\n\nfunc (t *T) Arg(i int) int { return t.args[i] }\n\nfunc f(t *T) {\n\tt.arg = nil\n}\n"}});
  std::string wanted = go.code->file("a.go")->text();
  wanted.replace(wanted.find("t.arg = "), 8, "t.args = ");
  CHECK(go.score(go.repairs("./a.go:8:4: t.arg undefined (type *T has no field or method arg)\n"), "a.go", wanted) > 0);

  const Project rust(Files{{"src/lib.rs", "pub struct T {\n    length: usize,\n}\n\npub fn f(t: &T) -> usize {\n    t.lenght\n}\n"}});
  wanted = rust.code->file("src/lib.rs")->text();
  wanted.replace(wanted.find("lenght"), 6, "length");
  CHECK(rust.score(rust.repairs("error[E0609]: no field `lenght` on type `&T`\n --> src/lib.rs:6:7\n"), "src/lib.rs", wanted) > 0);
}

TEST_CASE("repair rules: of a Java name that is part of other names the line below the message tells") {
  const Project java(Files{{"src/A.java", "class A {\n    void f(char[] c) { java.util.Arrays.fill(c, 'a'); }\n    void g(char[] c) {\n        java.util.Arrays.fil(c, 'b');\n    }\n}\n"}});
  std::string wanted = java.code->file("src/A.java")->text();
  wanted.replace(wanted.find("fil(c"), 3, "fill");
  for (const std::string_view output : {"src/A.java:4: error: cannot find symbol\n        java.util.Arrays.fil(c, 'b');\n                        ^\n  symbol:   method fil(char[],char)\n  location: class Arrays\n",
                                        "[ERROR] /build/src/A.java:[4,25] cannot find symbol\n  symbol:   method fil(char[],char)\n  location: class java.util.Arrays\n"}) {
    const auto found = java.repairs(output);
    CHECK(java.score(found, "src/A.java", wanted) > 0);
    for (const agent::Candidate& other : found) CHECK(other.replacements.front().text != "java");
  }
}

TEST_CASE("repair rules: where a definition alone bears a name near to one that is asked for twice, the definition is misspelt") {
  const Files files = {{"A.java", "class A {\n    boolean isEndOFile(int c) { return c < 0; }\n    int f(int c) { return isEndOfFile(c) ? 0 : 1; }\n    int g(int c) {\n        return isEndOfFile(c) ? 2 : 3;\n    }\n}\n"}};
  const Project java(files);
  std::string wanted = files[0].second;
  wanted.replace(wanted.find("isEndOFile"), 10, "isEndOfFile");
  const auto found = java.repairs("A.java:3: error: cannot find symbol\n  symbol:   method isEndOfFile(int)\n");
  const double definition = java.score(found, "A.java", wanted);
  CHECK(definition > 0);
  for (const agent::Candidate& other : found) CHECK(other.score <= definition);

  // Named elsewhere, the definition is right and the use is wrong.
  const Project used({{"A.java", files[0].second}, {"B.java", "class B {\n    int h(A a) { return a.isEndOFile(1) ? 1 : 0; }\n}\n"}});
  CHECK(used.score(used.repairs("A.java:3: error: cannot find symbol\n  symbol:   method isEndOfFile(int)\n"), "A.java", wanted) == 0);
}
