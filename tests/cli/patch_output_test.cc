// SPDX-License-Identifier: Apache-2.0
// The colours of a patch on a terminal.
#include "cli/patch_output.h"

#include <doctest/doctest.h>

TEST_CASE("coloured_patch: headers, places, added and removed lines; a removed comment is no header") {
  CHECK(cli::coloured_patch("diff --git a/a.lua b/a.lua\n"
                            "--- a/a.lua\n"
                            "+++ b/a.lua\n"
                            "@@ -1,2 +1,2 @@\n"
                            " local a = 1\n"
                            "--- old\n"
                            "+++ new\n"
                            "diff --git a/b b/b\n"
                            "--- a/b\n") ==
        "\x1b[1mdiff --git a/a.lua b/a.lua\x1b[0m\n"
        "\x1b[1m--- a/a.lua\x1b[0m\n"
        "\x1b[1m+++ b/a.lua\x1b[0m\n"
        "\x1b[36m@@ -1,2 +1,2 @@\x1b[0m\n"
        " local a = 1\n"
        "\x1b[31m--- old\x1b[0m\n"
        "\x1b[32m+++ new\x1b[0m\n"
        "\x1b[1mdiff --git a/b b/b\x1b[0m\n"
        "\x1b[1m--- a/b\x1b[0m\n");
}

TEST_CASE("coloured_patch: the repository's text cannot steer the terminal") {
  CHECK(cli::coloured_patch("@@ -1 +1 @@\n \x1b[2Jgone\x07\ttab\x7f\r\n") ==
        "\x1b[36m@@ -1 +1 @@\x1b[0m\n ^[[2Jgone^G\ttab^?^M\n");
}

TEST_CASE("coloured_patch: nothing, and a last line without its line feed") {
  CHECK(cli::coloured_patch("").empty());
  CHECK(cli::coloured_patch("@@ -1 +1 @@\n+a") == "\x1b[36m@@ -1 +1 @@\x1b[0m\n\x1b[32m+a\x1b[0m");
}

TEST_CASE("short_diff: the changed lines alone, behind an indent; many are cut short and counted") {
  const std::string patch = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n a\n-b\x1b[2J\n+\tc\n d\n";
  CHECK(cli::short_diff(patch, "  ", false) == "  -b^[[2J\n  +\tc\n");
  CHECK(cli::short_diff(patch, "  ", true) == "  \x1b[31m-b^[[2J\x1b[0m\n  \x1b[32m+\tc\x1b[0m\n");
  std::string many = "@@ -1 +1,10 @@\n";
  for (int i = 0; i < 10; ++i) many += "+x\n";
  CHECK(cli::short_diff(many, " ", false).ends_with(" +x\n ... 2 more lines\n"));
  CHECK(cli::short_diff("", " ", false).empty());
}

TEST_CASE("printable: one line stays one line") { CHECK(cli::printable("a\nb\tc\x1b") == "a^Jb^Ic^["); }
