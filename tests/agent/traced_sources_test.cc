// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/traced_sources.h"

#include <doctest/doctest.h>

#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

TEST_CASE("traced_sources: the most suspect files, as far as what includes them can be compiled in time") {
  const test::TempDir folder;
  folder.write("src/list.c", "#include \"list.h\"\nint length(void) { return 1; }\n");
  folder.write("src/list.h", "int length(void);\n");
  folder.write("src/heap.cc", "#include <vector>\nint top() { return 2; }\n");
  folder.write("src/deep.hpp", "inline int deep() { return 3; }\n");
  folder.write("src/one.cc", "  #  include \"../src/deep.hpp\"\nint one() { return deep(); }\n");
  folder.write("src/two.cc", "#include <src/deep.hpp>\nint two() { return deep(); }\n");
  folder.write("notes.py", "x = 1\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
  REQUIRE(code);
  agent::Suspects suspects;
  suspects.lines = {{"src/list.c", {{1, .1}, {2, .1}}},
                    {"src/heap.cc", {{2, .5}}},
                    {"src/deep.hpp", {{1, 1}}},
                    {"notes.py", {{1, .9}}}};
  const auto chosen = [&](double seconds) { return agent::traced_sources(*code, suspects, seconds); };
  CHECK(chosen(60) == std::vector<std::string>{"src/deep.hpp", "src/heap.cc", "src/list.c"});
  CHECK(chosen(3) == std::vector<std::string>{"src/heap.cc", "src/list.c"});  // two include the header
  CHECK(chosen(1) == std::vector<std::string>{"src/list.c"});
  CHECK(chosen(.1).empty());
}
