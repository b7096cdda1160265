// SPDX-License-Identifier: Apache-2.0
#include "sandbox/scratch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

size_t n_entries(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

TEST_CASE("a scratch folder is private and goes with its owner") {
  test::TempDir dir;
  fs::path made;
  {
    auto scratch = sandbox::Scratch::create(dir.path() / "base");
    REQUIRE(scratch);
    made = scratch->path();
    CHECK((fs::status(made).permissions() & fs::perms::mask) == fs::perms::owner_all);
    CHECK((fs::status(dir.path() / "base").permissions() & fs::perms::mask) == fs::perms::owner_all);
    REQUIRE(scratch->renew("x"));
    CHECK(fs::is_directory(made / "x"));
  }
  CHECK_FALSE(fs::exists(made));
}

TEST_CASE("what a killed process left is removed at the next start, what a living one has is not") {
  test::TempDir dir;
  const fs::path base = dir.path() / "base";
  int ready[2], hold[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(hold) == 0);
  const auto child = [&](bool stays) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto scratch = sandbox::Scratch::create(base);
      const bool good = scratch && scratch->renew("full");
      (void)!::write(ready[1], good ? "y" : "n", 1);
      char byte = 0;
      ::close(hold[1]);
      if (stays) (void)!::read(hold[0], &byte, 1);
      ::_exit(0);  // without destructors, like a crash
    }
    char byte = 0;
    CHECK(::read(ready[0], &byte, 1) == 1);
    return pid;
  };
  const pid_t dead = child(false);
  ::waitpid(dead, nullptr, 0);
  const pid_t alive = child(true);  // sweeps what the first left, as any process does at its first use
  CHECK(n_entries(base) == 2);      // its folder and the lock
  {
    auto scratch = sandbox::Scratch::create(base);
    REQUIRE(scratch);
    CHECK(n_entries(base) == 3);
  }
  ::close(hold[0]);
  ::close(hold[1]);
  ::waitpid(alive, nullptr, 0);
}

TEST_CASE("a base folder that is a link or another user's is refused") {
  test::TempDir dir;
  fs::create_directory(dir.path() / "real");
  fs::create_directory_symlink("real", dir.path() / "link");
  CHECK_FALSE(sandbox::Scratch::create(dir.path() / "link"));
  if (::geteuid() == 0) {
    REQUIRE(::chown((dir.path() / "real").c_str(), 65534, 65534) == 0);
    CHECK(sandbox::Scratch::create(dir.path() / "real").error().code == base::ErrorCode::kDenied);
  }
}

TEST_CASE("a tree is removed however deep, closed or linked it is") {
  test::TempDir dir;
  dir.write("outside/kept", "x");
  const int root = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY);
  REQUIRE(::mkdirat(root, "tree", 0700) == 0);
  int at = ::openat(root, "tree", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 3000; ++i) {  // deeper than a path can name, and than descriptors would last
    REQUIRE(::mkdirat(at, "d", 0700) == 0);
    const int next = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
    if (i % 50 == 0) ::symlinkat("/", at, "slash");
    if (i % 7 == 0) ::fchmod(at, 0);
    ::close(at);
    at = next;
  }
  ::close(at);
  fs::create_directory_symlink(dir.path() / "outside", dir.path() / "tree-link");
  CHECK(sandbox::remove_tree(root, "tree"));
  CHECK(sandbox::remove_tree(root, "tree-link"));
  CHECK(sandbox::remove_tree(root, "never-there"));
  CHECK_FALSE(fs::exists(dir.path() / "tree"));
  CHECK(dir.read("outside/kept") == "x");
  ::close(root);
}

}  // namespace
