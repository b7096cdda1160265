// SPDX-License-Identifier: Apache-2.0
#include "tools/edit.h"

#include <doctest/doctest.h>

TEST_CASE("content_hash: is what git hash-object prints") {
  CHECK(tools::content_hash("") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(tools::content_hash("hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST_CASE("safe_path: gives the normal form of a path inside the tree") {
  CHECK(*tools::safe_path("a/b.c") == "a/b.c");
  CHECK(*tools::safe_path("./a//b/./c") == "a/b/c");
  CHECK(*tools::safe_path("a b/\xc3\xa4.txt") == "a b/\xc3\xa4.txt");
  CHECK(*tools::safe_path(".gitignore") == ".gitignore");
  CHECK(*tools::safe_path(".github/workflows/x.yml") == ".github/workflows/x.yml");
  CHECK(*tools::safe_path("...") == "...");
}

TEST_CASE("safe_path: refuses what leaves the tree or could be .git somewhere") {
  const std::string bad[] = {"",
                             "/etc/passwd",
                             "..",
                             "a/../b",
                             "../x",
                             "a/",
                             ".",
                             "./",
                             "~/x",
                             ".git/config",
                             "a/.git/hooks/x",
                             ".GIT/config",
                             ".Git",
                             ".git./x",
                             ".git /x",
                             "git~1/x",
                             ".git::$INDEX_ALLOCATION/x",
                             ".g\xe2\x80\x8cit/x",
                             "a\\b",
                             "a\nb",
                             std::string("a\0b", 3),
                             "a\x7f"
                             "b",
                             std::string(5000, 'a'),
                             std::string(300, 'a') + "/b"};
  for (const std::string& path : bad) {
    CAPTURE(path);
    const auto refused = tools::safe_path(path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == base::ErrorCode::kDenied);
  }
}

namespace {
tools::FileEdit modify(const std::string& text, std::vector<tools::Replacement> replacements) {
  return {tools::FileAction::kModify, "a.txt", "", tools::content_hash(text), std::move(replacements), std::nullopt};
}
}  // namespace

TEST_CASE("new_text: applies the replacements and keeps every other byte") {
  const std::string text("one\r\ntwo\0\xff\r\nthree", 17);
  CHECK(*tools::new_text(modify(text, {{0, 3, "1"}, {5, 8, ""}, {17, 17, "!"}}), text) ==
        std::string("1\r\n\0\xff\r\nthree!", 13));
  CHECK(*tools::new_text(modify(text, {}), text) == text);
}

TEST_CASE("new_text: a text that is not the one the edit was made for is refused") {
  const auto refused = tools::new_text(modify("old", {{0, 3, "new"}}), "odd");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("a.txt has changed") != std::string::npos);
  CHECK_FALSE(tools::new_text(modify("old", {{0, 4, "new"}}), "old"));
}

TEST_CASE("check_edit: finds what would make an edit ambiguous or unsafe") {
  using tools::FileAction;
  const std::string hash = tools::content_hash("x");
  const auto status = [](std::vector<tools::FileEdit> files) { return bool(tools::check_edit({std::move(files)})); };
  CHECK(status({{FileAction::kModify, "a", "", hash, {{0, 1, "y"}, {1, 1, "z"}}, {}}}));
  CHECK(
      status({{FileAction::kCreate, "a/b", "", "", {{0, 0, "y"}}, {}}, {FileAction::kDelete, "c", "", hash, {}, {}}}));
  CHECK(status({{FileAction::kMove, "a", "b", hash, {{0, 1, ""}}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "../a", "", hash, {}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "./a", "", hash, {}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "a", "", "short", {}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "a", "", hash, {{0, 4, ""}, {3, 5, ""}}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "a", "", hash, {{3, 3, "a"}, {3, 3, "b"}}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "a", "", hash, {{3, 2, ""}}, {}}}));
  CHECK_FALSE(status({{FileAction::kCreate, "a", "", "", {}, {}}}));
  CHECK_FALSE(status({{FileAction::kCreate, "a", "", hash, {{0, 0, ""}}, {}}}));
  CHECK_FALSE(status({{FileAction::kDelete, "a", "", hash, {{0, 0, "x"}}, {}}}));
  CHECK_FALSE(status({{FileAction::kMove, "a", "a", hash, {}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "a", "b", hash, {}, {}}}));
  CHECK_FALSE(status({{FileAction::kModify, "a", "", hash, {}, {}}, {FileAction::kDelete, "a", "", hash, {}, {}}}));
  CHECK_FALSE(status(
      {{FileAction::kCreate, "a", "", "", {{0, 0, ""}}, {}}, {FileAction::kCreate, "a/b", "", "", {{0, 0, ""}}, {}}}));
}
