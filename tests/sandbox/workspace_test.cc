// SPDX-License-Identifier: Apache-2.0
#include "sandbox/workspace.h"

#include <doctest/doctest.h>

#include "tests/sandbox/isolation_guard.h"
#include "tests/support/temp_dir.h"

namespace {

using sandbox::shell_command;

TEST_CASE("a command sees the view at the source's path and writes only its copy") {
  REQUIRE_ISOLATION();
  MESSAGE(sandbox::probe_isolation().kind);
  test::TempDir dir;
  dir.write("a.txt", "old");
  auto workspace = sandbox::Workspace::create(dir.path());
  REQUIRE_MESSAGE(workspace, workspace.error().message);
  auto outcome = (*workspace)->run(shell_command("pwd; cat a.txt; echo new > a.txt; cat a.txt; id -u; env"), {}, {});
  REQUIRE_MESSAGE(outcome, outcome.error().message);
  CHECK(outcome->passed());
  CHECK(dir.read("a.txt") == "old");
}

}  // namespace
