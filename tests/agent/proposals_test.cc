// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/proposals.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/fix/ranking.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

// What a.py becomes under each candidate, where its check wrote `output`.
std::vector<std::string> proposed(const std::string& text, const std::string& output) {
  test::TempDir folder;
  folder.write("a.py", text);
  const auto tree = tools::WorkTree::open(folder.path());
  auto code = agent::CodeBase::load(*tree, "python3 run.py", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.py"});
  const agent::Ground ground{{}, {}, agent::read_check_output(output, resolver), output};
  const agent::Coverage coverage;
  const std::vector<std::string> changed;
  const agent::FixRequest request;
  const auto proposals = agent::propose({*code, coverage, changed, request}, ground, {});
  REQUIRE(proposals);
  std::vector<std::string> texts;
  for (const agent::Candidate& candidate : proposals->candidates)
    texts.push_back(agent::apply(text, candidate.replacements));
  return texts;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("proposals: no candidate edits, moves or drops an assertion, however suspect the lines around it are") {
  const auto texts = proposed(
      "def f(x, out):\n    y = x + 1\n    out.add(y)\n    assert y > 0\n    out.add(x)\n    z = y * 2\n    return z\n",
      "Traceback (most recent call last):\n  File \"a.py\", line 5, in f\n    out.add(x)\n  File \"a.py\", line 3, in "
      "f\n    out.add(y)\nValueError: 1\n");
  CHECK(texts.size() > 20);
  for (const std::string& after : texts) {
    CAPTURE(after);
    CHECK(holds(after, "    assert y > 0\n"));
    CHECK(after.find("assert") == after.rfind("assert"));
  }
}

TEST_CASE("proposals: what holds an assertion does not go away with it") {
  const auto texts = proposed(
      "def f(x, out):\n    if x > 0:\n        out.add(x)\n        assert out\n    for y in out:\n        out.add(y)\n  "
      "      assert y\n    return out\n",
      "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    if x > 0:\nValueError: 1\n");
  CHECK_FALSE(texts.empty());
  for (const std::string& after : texts) {
    CAPTURE(after);
    CHECK(holds(after, "        assert out\n"));
    CHECK(holds(after, "        assert y\n"));
  }
}

TEST_CASE("proposals: what a test got and wanted puts a literal's change first, which a mutation makes as well, and once") {
  const std::string text = "MODE = 'right' if X else 'other'\n\n\ndef f(x, y):\n    z = x + y\n    return 'left' if z > 0 else 'middle'\n";
  const std::string frame = "Traceback (most recent call last):\n  File \"a.py\", line 6, in f\n    return\nAssertionError: x\n";
  const auto first = [&](const std::string& got, const std::string& wanted) {
    const auto texts = proposed(text, frame + "Expected: '" + wanted + "'\nReceived: '" + got + "'\n");
    CHECK(std::count(texts.begin(), texts.end(), texts.at(0)) == 1);
    return texts.at(0).substr(text.find("    return"));
  };
  CHECK(first("middle", "right") == "    return 'left' if z > 0 else 'right'\n");
  CHECK(first("left", "right") == "    return 'right' if z > 0 else 'middle'\n");
  // Where nothing was built, nothing was compared.
  const auto unbuilt = proposed(text, frame + "Expected: 'right'\nReceived: 'middle'\n  File \"a.py\", line 5\n    z = x + y\n        ^\nSyntaxError: invalid syntax\n");
  CHECK((unbuilt.empty() || !holds(unbuilt[0], "else 'right'")));
}
