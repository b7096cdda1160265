// SPDX-License-Identifier: Apache-2.0
// What a workspace shows, keeps and gives back. Every case runs over an overlay and over a copy.
#include <sys/stat.h>

#include <fstream>

#include "tests/sandbox/box.h"

namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;
using test::Box;

std::vector<sandbox::WorkspaceOptions> both_kinds() {
  std::vector<sandbox::WorkspaceOptions> kinds(1);
  kinds[0].use_overlay = false;
  if (sandbox::probe_isolation().overlay) kinds.insert(kinds.begin(), sandbox::WorkspaceOptions{});
  else test::say_skipped("no overlayfs here, only copied workspaces are tested");
  return kinds;
}

// Runs `body` with a box of each kind.
template <typename Body>
void for_both(const Body& body) {
  for (const auto& options : both_kinds()) {
    CAPTURE(options.use_overlay);
    Box box(options);
    body(box);
  }
}

TEST_CASE("a command sees the view at the source's path and writes only its copy") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    box.source.write("sub/a.txt", "old");
    const std::string output = box.out("pwd; cat sub/a.txt; echo new > sub/a.txt; cat sub/a.txt");
    CHECK(output == box.source.path().string() + "\noldnew\n");
    CHECK(box.source.read("sub/a.txt") == "old");
  });
}

TEST_CASE("what commands wrote stays for the next run, and is gone after a reset") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    box.source.write("a", "1");
    box.out("echo built > out.o; echo kept > ~/cache");
    CHECK(box.out("cat out.o ~/cache") == "built\nkept\n");
    box.source.write("a", "2");
    REQUIRE(box.workspace().reset());
    CHECK(box.out("cat a; ls; test ! -e ~/cache") == "2a\n");  // toolchains may stand in ~ as well
    CHECK_FALSE(fs::exists(box.source.path() / "out.o"));
  });
}

TEST_CASE("write_file, remove_file and read_file act on the view and never on the source") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    box.source.write("dir/a", "old");
    box.source.write("dir/gone", "x");
    sandbox::Workspace& workspace = box.workspace();
    REQUIRE(workspace.write_file("dir/a", "new"));
    REQUIRE(workspace.write_file("new/deep/b", "b", 0755));
    REQUIRE(workspace.remove_file("dir/gone"));
    CHECK(*workspace.read_file("dir/a", 100) == "new");
    CHECK(workspace.read_file("dir/gone", 100).error().code == base::ErrorCode::kNotFound);
    CHECK(workspace.remove_file("dir/gone").error().code == base::ErrorCode::kNotFound);
    CHECK(workspace.read_file("dir/a", 2).error().code == base::ErrorCode::kExhausted);
    CHECK(box.out("cat dir/a; ls dir; test -x new/deep/b && cat new/deep/b") == "newa\nb");
    CHECK(box.source.read("dir/a") == "old");
    CHECK(box.source.read("dir/gone") == "x");
    CHECK_FALSE(fs::exists(box.source.path() / "new"));

    REQUIRE(workspace.write_file("dir/gone", "back"));
    CHECK(box.out("cat dir/gone") == "back");
  });
}

TEST_CASE("a file in a folder that a command removed does not bring back its old neighbours") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    box.source.write("dir/old", "old");
    box.out("rm -r dir");
    REQUIRE(box.workspace().write_file("dir/new", "new"));
    CHECK(box.out("ls dir") == "new\n");
    CHECK(box.workspace().read_file("dir/old", 10).error().code == base::ErrorCode::kNotFound);
  });
}

TEST_CASE("paths that leave the workspace or pass a link are refused") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    test::TempDir outside;
    outside.write("file", "outside");
    box.source.write("real/file", "inside");
    fs::create_directory_symlink(outside.path(), box.source.path() / "link");
    fs::create_symlink(outside.path() / "file", box.source.path() / "filelink");
    fs::create_directory_symlink("real", box.source.path() / "inner");
    sandbox::Workspace& workspace = box.workspace();
    for (const char* path : {"../x", "/etc/passwd", "a/../../x", "", ".", "real/.."}) {
      CAPTURE(path);
      CHECK(workspace.write_file(path, "x").error().code == base::ErrorCode::kInvalidArgument);
      CHECK(workspace.read_file(path, 10).error().code == base::ErrorCode::kInvalidArgument);
      CHECK(workspace.remove_file(path).error().code == base::ErrorCode::kInvalidArgument);
    }
    CHECK_FALSE(workspace.write_file(fs::path(std::string("a\0b", 3)), "x"));
    for (const char* path : {"link/file", "link/new", "filelink", "inner/file"}) {
      CAPTURE(path);
      CHECK(workspace.write_file(path, "x").error().code == base::ErrorCode::kDenied);
      CHECK(workspace.read_file(path, 10).error().code == base::ErrorCode::kDenied);
    }
    CHECK(outside.read("file") == "outside");
    CHECK(workspace.write_file("real", "x").error().code == base::ErrorCode::kInvalidArgument);
    CHECK(workspace.write_file("real/file/x", "x").error().code == base::ErrorCode::kInvalidArgument);

    // A link that a command puts into the view is no way out either.
    box.out("rm -r real; ln -s " + outside.path().string() + " real");
    CHECK(workspace.write_file("real/file", "x").error().code == base::ErrorCode::kDenied);
    CHECK(workspace.read_file("real/file", 10).error().code == base::ErrorCode::kDenied);
    CHECK(outside.read("file") == "outside");
  });
}

TEST_CASE("each write moves the file's time to a new second, also for old bytes") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    box.source.write("a.py", "x = 1\n");
    const auto last = fs::last_write_time(box.source.path() / "a.py");
    std::string before = box.out("stat -c %Y a.py");
    for (const char* text : {"x = 2\n", "x = 1\n", "x = 3\n"}) {
      REQUIRE(box.workspace().write_file("a.py", text));
      const std::string after = box.out("stat -c %Y a.py");
      CHECK(std::stoll(after) > std::stoll(before));
      before = after;
    }
    REQUIRE(box.workspace().remove_file("a.py"));
    REQUIRE(box.workspace().write_file("a.py", "x = 1\n"));
    CHECK(std::stoll(box.out("stat -c %Y a.py")) > std::stoll(before));
    CHECK(fs::last_write_time(box.source.path() / "a.py") == last);
  });
}

TEST_CASE("Python sees an edit of equal size within one second, with its byte code cache on") {
  REQUIRE_ISOLATION();
  Box box;
  box.source.write("m.py", "value = 1\n");
  if (!box.sh("python3 -c 'import sys'").passed()) {
    test::say_skipped("no python3 here");
    return;
  }
  CHECK(box.out("python3 -c 'import m; print(m.value)'") == "1\n");
  for (const char* value : {"2", "3", "1"}) {
    REQUIRE(box.workspace().write_file("m.py", std::string("value = ") + value + "\n"));
    CHECK(box.out("python3 -c 'import m; print(m.value)'") == std::string(value) + "\n");
  }
}

TEST_CASE("changed_paths lists what commands made, changed and removed, and not what was put there") {
  REQUIRE_ISOLATION();
  for_both([](Box& box) {
    for (const char* file : {"keep", "edit", "touch", "gone", "dir/one", "dir/sub/two", "own", "own-then-edited", "moved/x"})
      box.source.write(file, "text");
    fs::create_symlink("keep", box.source.path() / "link");
    REQUIRE(box.workspace().write_file("own", "put there"));
    REQUIRE(box.workspace().write_file("own-then-edited", "put there"));
    REQUIRE(box.workspace().remove_file("keep"));
    CHECK(*box.workspace().changed_paths() == Paths{});
    box.out("echo more >> edit; rm gone; rm -r dir; mkdir -p new/deep; echo x > new/deep/f; ln -sfn edit link;"
            "echo y >> own-then-edited; mkdir dir2; chmod u+x touch; mv moved renamed; : > 'a b'");
    CHECK(*box.workspace().changed_paths() == Paths{"a b", "dir/one", "dir/sub/two", "edit", "gone", "link", "moved/x",
                                                    "new/deep/f", "own-then-edited", "renamed/x", "touch"});
  });
}

TEST_CASE("a path with odd characters is a workspace like any other") {
  REQUIRE_ISOLATION();
  test::TempDir dir;
  dir.write("a,b:c\\d 'e\"\n-o=upperdir/file", "text");
  for (const auto& options : both_kinds()) {
    auto workspace = sandbox::create_workspace(dir.path() / "a,b:c\\d 'e\"\n-o=upperdir", options);
    REQUIRE_MESSAGE(workspace, workspace.error().message);
    auto outcome = (*workspace)->run(sandbox::shell_command("cat file; echo new > file"), test::short_policy(), {});
    REQUIRE_MESSAGE(outcome, outcome.error().message);
    CHECK(outcome->output == "text");
  }
}

TEST_CASE("a command runs in a folder of the workspace and nowhere else") {
  REQUIRE_ISOLATION();
  Box box;
  box.source.write("sub/file", "x");
  CHECK(box.run({{"pwd"}, "sub"}).output == (box.source.path() / "sub").string() + "\n");
  for (const char* cwd : {"..", "/etc", "sub/../.."}) {
    auto outcome = box.workspace().run({{"pwd"}, cwd}, test::short_policy(), {});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == base::ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("exit codes, signals and missing programs come back as they are") {
  REQUIRE_ISOLATION();
  Box box;
  CHECK(box.sh("exit 7").exit_code == 7);
  CHECK(box.sh("exit 255").exit_code == 255);
  const auto crashed = box.sh("kill -SEGV $$");
  CHECK(crashed.ending == sandbox::Ending::kSignalled);
  CHECK(crashed.signal == 11);
  CHECK(sandbox::describe(crashed) == "killed by signal 11");
  CHECK_FALSE(box.run({{"no-such-program-here"}, {}}).passed());
  CHECK_FALSE(box.workspace().run({{}, {}}, test::short_policy(), {}));
  CHECK(box.sh("cat; echo end").output == "end\n");  // standard input is empty
}

TEST_CASE("output is handed on as it comes") {
  REQUIRE_ISOLATION();
  Box box;
  std::string streamed;
  auto outcome = box.workspace().run(sandbox::shell_command("echo one; echo two >&2"), test::short_policy(), {},
                                     [&](std::string_view text) { streamed += text; });
  REQUIRE(outcome);
  CHECK(streamed == "one\ntwo\n");
  CHECK(outcome->output == streamed);
}

TEST_CASE("a folder that is too wide, or none, is no workspace") {
  REQUIRE_ISOLATION();
  for (const char* path : {"/", "/usr", "/etc", "/tmp", "/proc", "/dev", "/home"}) {
    CAPTURE(path);
    if (fs::exists(path)) CHECK(sandbox::Workspace::create(path).error().code == base::ErrorCode::kDenied);
  }
  CHECK(sandbox::Workspace::create("/no/such/folder").error().code == base::ErrorCode::kNotFound);
}

TEST_CASE("a writable folder of the policy is written for real, a readable one is not") {
  REQUIRE_ISOLATION();
  Box box;
  test::TempDir open, shown;
  shown.write("file", "shown");
  sandbox::Policy policy = test::short_policy();
  policy.writable = {open.path()};
  policy.readable = {shown.path()};
  const std::string read = (shown.path() / "file").string();
  CHECK(box.out("echo yes > " + (open.path() / "out").string() + "; cat " + read, policy) == "shown");
  CHECK(open.read("out") == "yes\n");
  CHECK_FALSE(box.sh("echo no > " + read, policy).passed());
  CHECK(shown.read("file") == "shown");
  for (const char* path : {"/", "/etc", "/usr/bin", "/proc", "/no/such"}) {
    policy.writable = {path};
    CHECK_FALSE(box.workspace().run(sandbox::shell_command("true"), policy, {}));
  }
}

TEST_CASE("several workspaces over one source run side by side and do not see each other") {
  REQUIRE_ISOLATION();
  test::TempDir dir;
  dir.write("a", "0");
  auto first = sandbox::Workspace::create(dir.path()), second = sandbox::Workspace::create(dir.path());
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE((*first)->write_file("a", "1"));
  REQUIRE((*second)->write_file("a", "2"));
  auto one = (*first)->run(sandbox::shell_command("cat a"), test::short_policy(), {});
  auto two = (*second)->run(sandbox::shell_command("cat a"), test::short_policy(), {});
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->output == "1");
  CHECK(two->output == "2");
}

}  // namespace
