// SPDX-License-Identifier: Apache-2.0
#include "tools/work_tree.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "base/strings.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_git.h"
#include "tools/ignore_rules.h"

namespace {

std::string listed(const std::filesystem::path& root) {
  const auto files = tools::WorkTree::open(root)->list({});
  REQUIRE(files);
  std::string out;
  for (const auto& file : *files) out += file.path + "\n";
  return out;
}

}  // namespace

TEST_CASE("WorkTree: reads bytes as they are, and says what can't be read") {
  test::TempDir dir;
  dir.write("sub/a.txt", std::string("x\r\n\0\xff", 5));
  const auto tree = tools::WorkTree::open(dir.path());
  REQUIRE(tree);
  CHECK(*tree->read("sub/a.txt") == std::string("x\r\n\0\xff", 5));
  CHECK(*tree->read("./sub//a.txt") == std::string("x\r\n\0\xff", 5));
  CHECK(tree->read("sub/b.txt").error().code == base::ErrorCode::kNotFound);
  CHECK(tree->read("sub").error().code == base::ErrorCode::kInvalidArgument);
  CHECK(tree->read("../x").error().code == base::ErrorCode::kDenied);
  CHECK(tree->read(".git/config").error().code == base::ErrorCode::kDenied);
  REQUIRE(::mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  CHECK(tree->read("pipe").error().code == base::ErrorCode::kInvalidArgument);
  CHECK_FALSE(tools::WorkTree::open(dir.path() / "nothing"));
  CHECK_FALSE(tools::WorkTree::open(dir.path() / "sub/a.txt"));
}

TEST_CASE("WorkTree: no symlink is followed, as a file or as a folder, in or out of the tree") {
  test::TempDir outside, dir;
  outside.write("secret", "s");
  dir.write("real/a", "a");
  std::filesystem::create_symlink(outside.path() / "secret", dir.path() / "link");
  std::filesystem::create_directory_symlink(outside.path(), dir.path() / "folder");
  std::filesystem::create_directory_symlink(dir.path() / "real", dir.path() / "inside");
  const auto tree = tools::WorkTree::open(dir.path());
  for (const std::string path : {"link", "folder/secret", "inside/a"}) {
    const auto refused = tree->read(path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == base::ErrorCode::kDenied);
    CHECK(refused.error().message.find("symbolic link") != std::string::npos);
  }
  CHECK(listed(dir.path()) == "real/a\n");
}

TEST_CASE("WorkTree: a file over the limit is refused, one of 50 MB is read") {
  test::TempDir dir;
  dir.write("big", std::string(50u << 20, 'x'));
  dir.write("huge", "");
  std::filesystem::resize_file(dir.path() / "huge", tools::WorkTree::kMaxFileBytes + 1);
  const auto tree = tools::WorkTree::open(dir.path());
  CHECK(tree->read("big")->size() == 50u << 20);
  CHECK(tree->read("huge").error().code == base::ErrorCode::kExhausted);
}

TEST_CASE("list: honours .gitignore files without any repository") {
  test::TempDir dir;
  dir.write(".gitignore", "*.o\nbuild/\n!keep.o\n/top.txt\n# note\n\\#odd\n");
  for (const char* file : {"a.c", "a.o", "keep.o", "build/x", "top.txt", "sub/top.txt", "sub/b.o", "sub/deep/c.log",
                           "sub/.gitignore", "#odd", ".git/config"})
    dir.write(file, "");
  dir.write("sub/.gitignore", "*.log\n!b.o\n");
  CHECK(listed(dir.path()) == ".gitignore\na.c\nkeep.o\nsub/.gitignore\nsub/b.o\nsub/top.txt\n");
}

TEST_CASE("list: leaves out nested repositories and worktrees, FIFOs and unreadable folders") {
  test::TempDir dir;
  for (const char* file : {"a", "module/.git/config", "module/b", "worktree/c", "locked/d"}) dir.write(file, "");
  dir.write("worktree/.git", "gitdir: ../.git/worktrees/x\n");
  REQUIRE(::mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  std::filesystem::permissions(dir.path() / "locked", std::filesystem::perms::none);
  const std::string files = listed(dir.path());
  std::filesystem::permissions(dir.path() / "locked", std::filesystem::perms::owner_all);
  CHECK((files == "a\n" || (::geteuid() == 0 && files == "a\nlocked/d\n")));  // root reads what it likes
}

TEST_CASE("list: a stop request ends it") {
  test::TempDir dir;
  dir.write("a", "");
  std::stop_source stop;
  stop.request_stop();
  CHECK(tools::WorkTree::open(dir.path())->list(stop.get_token()).error().code == base::ErrorCode::kCancelled);
}

TEST_CASE("list: agrees with git ls-files on random trees and patterns") {
  if (!test::have_git()) {
    MESSAGE("skipped: git is not installed");
    return;
  }
  constexpr const char* kNames[] = {"a", "b", "ab", "a.o", "b.c", "build", "x y", "[z]"};
  constexpr const char* kPatterns[] = {"*.o",    "a",        "/a",        "build/", "**/b",          "a/**",
                                       "a/**/b", "!a",       "!*.o",      "[ab]",   "[!a]b",         "?b",
                                       "a/b",    "/build/*", "!/build/a", "*",      "!*/",           "\\[z\\]",
                                       "x\\ y",  "x y ",     "**",        "b/*.c",  "[[:alpha:]].o", "a*b"};
  std::mt19937 random(5);
  const auto pick = [&](const auto& list) { return list[random() % std::size(list)]; };
  for (int round = 0; round < 60; ++round) {
    test::TempDir dir;
    REQUIRE(test::run_git(dir.path(), "init -q").status == 0);
    for (int i = 0; i < 25; ++i) {
      std::string path;
      for (size_t depth = random() % 4; depth > 0; --depth) path += std::string(pick(kNames)) + "/";
      path += pick(kNames);
      std::error_code busy;
      std::filesystem::create_directories((dir.path() / path).parent_path(), busy);
      if (!busy && !std::filesystem::is_directory(dir.path() / path)) dir.write(path, "x");
    }
    std::string patterns, more;
    for (size_t n = 1 + random() % 4; n > 0; --n) patterns += std::string(pick(kPatterns)) + "\n";
    for (size_t n = random() % 3; n > 0; --n) more += std::string(pick(kPatterns)) + "\n";
    dir.write(".gitignore", patterns);
    if (std::filesystem::is_directory(dir.path() / "a")) dir.write("a/.gitignore", more);
    if (round % 3 == 0) dir.write(".git/info/exclude", "b\n");
    if (round % 4 == 0) test::run_git(dir.path(), "add -f a build");  // tracked although ignored
    std::string wanted = test::run_git(dir.path(), "ls-files -z --cached --others --exclude-standard").output;
    std::replace(wanted.begin(), wanted.end(), '\0', '\n');
    std::vector<std::string_view> lines = base::split_lines(wanted);
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
    std::string sorted;
    for (const auto line : lines) sorted += std::string(line) + "\n";
    CAPTURE(patterns);
    CAPTURE(more);
    CHECK(listed(dir.path()) == sorted);
    if (std::filesystem::is_directory(dir.path() / "a")) {  // a work tree inside the repository's
      std::string below;
      for (const auto line : lines)
        if (line.substr(0, 2) == "a/") below += std::string(line.substr(2)) + "\n";
      if (!below.empty()) CHECK(listed(dir.path() / "a") == below);  // empty: "a" itself is ignored, yet asked for
    }
  }
}

TEST_CASE("changed_files: what differs from HEAD or is new, newest first, and .git is not touched") {
  if (!test::have_git()) {
    MESSAGE("skipped: git is not installed");
    return;
  }
  test::TempDir dir;
  CHECK(tools::WorkTree::open(dir.path())->changed_files().empty());
  REQUIRE(test::run_git(dir.path(), "init -q").status == 0);
  dir.write(".gitignore", "*.o\n");
  for (const char* file : {"same", "changed", "staged", "sub/deep"}) dir.write(file, "1");
  test::run_git(dir.path(), "add -A");
  REQUIRE(test::run_git(dir.path(), "commit -q -m x").status == 0);
  dir.write("changed", "22");
  dir.write("sub/deep", "22");
  dir.write("sub/new", "1");
  dir.write("a.o", "1");
  dir.write("staged", "22");
  test::run_git(dir.path(), "add staged");
  const auto set_time = [&](const char* file, long seconds) {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (dir.path() / file).c_str(), times, 0) == 0);
  };
  set_time("changed", 1000), set_time("sub/deep", 3000), set_time("sub/new", 2000), set_time("staged", 500);
  dir.write(".git/index.lock", "held by another");
  const auto before = std::filesystem::last_write_time(dir.path() / ".git/index");
  CHECK(tools::WorkTree::open(dir.path())->changed_files() ==
        std::vector<std::string>{"sub/deep", "sub/new", "changed", "staged"});
  CHECK(tools::WorkTree::open(dir.path() / "sub")->changed_files() == std::vector<std::string>{"deep", "new"});
  CHECK(std::filesystem::last_write_time(dir.path() / ".git/index") == before);
  CHECK(dir.read(".git/index.lock") == "held by another");
}
