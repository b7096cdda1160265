// SPDX-License-Identifier: Apache-2.0
#include "tools/writer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/strings.h"
#include "tests/support/temp_dir.h"
#include "tools/file_system.h"

namespace {

namespace fs = std::filesystem;
using tools::FileAction;
using tools::FileEdit;

// Fails, or ends the process, at one system call of the writer.
class FaultySystem : public tools::FileSystem {
 public:
  int fail_at = -1;  // index of the call
  int error = EIO;   // 0: end the process as a crash would
  int n_calls = 0;

  int create(int folder, const std::string& name) override { return hit() ? -1 : FileSystem::create(folder, name); }
  ssize_t write(int fd, const void* bytes, size_t n) override {
    // Half of it is written before the fault.
    if (!due()) return ++n_calls, FileSystem::write(fd, bytes, n);
    if (FileSystem::write(fd, bytes, n / 2) < 0) return -1;
    return hit(), -1;
  }
  int change_mode(int fd, unsigned mode) override { return hit() ? -1 : FileSystem::change_mode(fd, mode); }
  int sync(int) override { return hit() ? -1 : 0; }  // what fsync adds only a power cut would show, and it takes long
  int exchange(int folder, const std::string& a, const std::string& b) override {
    if (no_exchange) return errno = EINVAL, -1;
    return hit() ? -1 : FileSystem::exchange(folder, a, b);
  }
  int rename_new(int folder, const std::string& from, const std::string& to) override {
    return hit() ? -1 : FileSystem::rename_new(folder, from, to);
  }
  int rename_over(int folder, const std::string& from, const std::string& to) override {
    return hit() ? -1 : FileSystem::rename_over(folder, from, to);
  }
  int remove(int folder, const std::string& name) override { return hit() ? -1 : FileSystem::remove(folder, name); }
  int make_folder(int folder, const std::string& name) override {
    return hit() ? -1 : FileSystem::make_folder(folder, name);
  }
  int remove_folder(int folder, const std::string& name) override {
    return hit() ? -1 : FileSystem::remove_folder(folder, name);
  }
  bool no_exchange = false;  // as on a file system that can't swap two names

 private:
  bool due() const { return n_calls == fail_at; }
  bool hit() {
    if (n_calls++ != fail_at) return false;
    if (error == 0) ::_exit(9);
    errno = error;
    return true;
  }
};

// Thousands of small files are made and renamed here: in memory where there is such a place.
fs::path fast_folder() {
  return ::access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
}

struct Desk {
  explicit Desk(const fs::path& parent = fast_folder()) : tree(parent), state(parent) {}
  test::TempDir tree, state;
  FaultySystem system;

  base::Result<std::unique_ptr<tools::Writer>> open() {
    return tools::Writer::open(*tools::WorkTree::open(tree.path()), {state.path(), &system});
  }
  // Every entry below the tree, folders too, with mode and bytes: temporary files would show.
  std::string snapshot() const {
    std::vector<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator(tree.path())) {
      const std::string path = entry.path().lexically_relative(tree.path()).string();
      const auto mode = static_cast<unsigned>(fs::symlink_status(entry.path()).permissions()) & 07777u;
      lines.push_back(
          base::cat(path, " ", std::oct, mode, " ", entry.is_regular_file() ? tree.read(path) : std::string("/")));
    }
    std::sort(lines.begin(), lines.end());
    std::string out;
    for (const auto& line : lines) out += line + "\n";
    return out;
  }
};

FileEdit replace(const std::string& path, const std::string& old_text, std::vector<tools::Replacement> replacements) {
  return {FileAction::kModify, path, "", tools::content_hash(old_text), std::move(replacements), std::nullopt};
}
FileEdit create(const std::string& path, const std::string& text) {
  return {FileAction::kCreate, path, "", "", {{0, 0, text}}, std::nullopt};
}

// A work tree, and an edit that does everything an edit can do.
void lay_out(const Desk& desk) {
  desk.tree.write("a.txt", "one\ntwo\n");
  desk.tree.write("deep/er/b.txt", "b");
  desk.tree.write("alone/c.txt", "c");
  desk.tree.write("move_me", "m");
  desk.tree.write("untouched", "u");
  ::chmod((desk.tree.path() / "deep/er/b.txt").c_str(), 0751);
}
tools::Edit big_edit() {
  return {{replace("a.txt", "one\ntwo\n", {{0, 3, "1"}}),
           replace("deep/er/b.txt", "b", {{0, 0, "a"}}),
           {FileAction::kDelete, "alone/c.txt", "", tools::content_hash("c"), {}, {}},
           {FileAction::kMove, "move_me", "moved/here/it is", tools::content_hash("m"), {{1, 1, "!"}}, {}},
           create("new/folder/d.txt", "d"),
           create("new/e.txt", "")}};
}

}  // namespace

TEST_CASE("Writer: applies, undoes, brings back, and undoes again, each as one step") {
  Desk desk;
  lay_out(desk);
  const std::string before = desk.snapshot();
  auto writer = desk.open();
  REQUIRE(writer);
  CHECK((*writer)->recovered().empty());
  const auto task = (*writer)->apply(big_edit(), "try it");
  REQUIRE(task);
  const std::string after = desk.snapshot();
  CHECK(desk.tree.read("a.txt") == "1\ntwo\n");
  CHECK(desk.tree.read("deep/er/b.txt") == "ab");
  CHECK(desk.tree.read("moved/here/it is") == "m!");
  CHECK(desk.tree.read("new/folder/d.txt") == "d");
  CHECK_FALSE(fs::exists(desk.tree.path() / "alone"));  // git keeps no empty folders
  CHECK_FALSE(fs::exists(desk.tree.path() / "move_me"));
  CHECK(after.find("deep/er/b.txt 751") != std::string::npos);
  CHECK(after.find(".graft") == std::string::npos);

  for (int round = 0; round < 2; ++round) {
    REQUIRE((*writer)->undo(""));
    CHECK(desk.snapshot() == before);
    CHECK((*writer)->log()->back().undone);
    REQUIRE((*writer)->redo(task->id));
    CHECK(desk.snapshot() == after);
  }
  CHECK((*writer)->redo("").error().message == "there is nothing to bring back");
  CHECK((*writer)->undo("77").error().message.find("no task 77") != std::string::npos);
}

TEST_CASE("Writer: the log survives the process and undo goes back task by task") {
  Desk desk;
  desk.tree.write("a", "0");
  for (const std::string next : {"1", "2", "3"}) {
    auto writer = desk.open();
    REQUIRE((*writer)->apply({{replace("a", desk.tree.read("a"), {{0, 1, next}})}}, "to " + next));
  }
  auto writer = desk.open();
  REQUIRE((*writer)->log()->size() == 3);
  CHECK((*writer)->log()->at(1).name == "to 2");
  CHECK((*writer)->undo("1").error().message.find("a was changed") != std::string::npos);
  CHECK((*writer)->undo("")->name == "to 3");
  CHECK((*writer)->undo("")->name == "to 2");
  CHECK(desk.tree.read("a") == "1");
  CHECK((*writer)->redo("")->name == "to 2");
  CHECK((*writer)->redo("")->name == "to 3");
  CHECK(desk.tree.read("a") == "3");
}

TEST_CASE("Writer: undo refuses when files changed since, names them, and changes nothing") {
  Desk desk;
  lay_out(desk);
  auto writer = desk.open();
  REQUIRE((*writer)->apply(big_edit(), "x"));
  desk.tree.write("a.txt", "mine");
  fs::remove(desk.tree.path() / "new/e.txt");
  desk.tree.write("alone/c.txt", "again");
  const std::string now = desk.snapshot();
  const auto refused = (*writer)->undo("");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
  for (const char* part : {"a.txt was changed", "new/e.txt is gone", "alone/c.txt exists now"})
    CHECK(refused.error().message.find(part) != std::string::npos);
  CHECK(desk.snapshot() == now);
}

TEST_CASE("Writer: an edit that does not fit the files is refused and nothing is changed") {
  Desk desk;
  lay_out(desk);
  test::TempDir outside;
  fs::create_directory_symlink(outside.path(), desk.tree.path() / "link");
  fs::create_symlink(outside.path() / "target", desk.tree.path() / "file_link");
  const std::string before = desk.snapshot();
  auto writer = desk.open();
  const FileEdit good = replace("a.txt", "one\ntwo\n", {{0, 1, "x"}});
  for (const FileEdit& wrong :
       {replace("deep/er/b.txt", "stale", {{0, 1, "x"}}), replace("missing", "", {}), create("untouched", "x"),
        create("untouched/x", "x"), create("deep", "x"), create("link/x", "x"), create("link", "x"),
        create("file_link", "x"), replace("file_link", "", {}), create(".git/hooks/pre-commit", "x"),
        create("../x", "x"), FileEdit{FileAction::kMove, "move_me", "untouched", tools::content_hash("m"), {}, {}},
        FileEdit{FileAction::kMove, "move_me", "link/x", tools::content_hash("m"), {}, {}},
        FileEdit{FileAction::kDelete, "deep", "", tools::content_hash(""), {}, {}}}) {
    CAPTURE(wrong.path);
    CHECK_FALSE((*writer)->check({{good, wrong}}));
    CHECK_FALSE((*writer)->apply({{good, wrong}}, "x"));
    CHECK(desk.snapshot() == before);
  }
  CHECK(fs::is_empty(outside.path()));
  CHECK((*writer)->check({{good}})->size() == 1);
  CHECK(desk.snapshot() == before);
  CHECK((*writer)->log()->empty());
}

TEST_CASE("Writer: a hard link elsewhere keeps the old text, attributes and read-only mode are kept") {
  Desk desk(fs::temp_directory_path());
  test::TempDir outside;
  desk.tree.write("a", "old");
  const std::string path = (desk.tree.path() / "a").string();
  std::error_code no_link;
  fs::create_hard_link(path, outside.path() / "b", no_link);
  ::chmod(path.c_str(), 0444);
  const bool has_attributes = ::setxattr(path.c_str(), "user.note", "kept", 4, 0) == 0;
  if (!has_attributes) MESSAGE("not checked: this file system has no extended attributes");
  auto writer = desk.open();
  REQUIRE((*writer)->apply({{replace("a", "old", {{0, 3, "new"}})}}, "x"));
  CHECK(desk.tree.read("a") == "new");
  if (!no_link) CHECK(outside.read("b") == "old");
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0444);
  char value[8] = {};
  if (has_attributes) CHECK(::getxattr(path.c_str(), "user.note", value, sizeof value) == 4);
}

TEST_CASE("Writer: the execute bit follows the edit and nothing else of the mode changes") {
  Desk desk;
  desk.tree.write("a", "x");
  ::chmod((desk.tree.path() / "a").c_str(), 0640);
  FileEdit edit = replace("a", "x", {});
  edit.executable = true;
  auto writer = desk.open();
  REQUIRE((*writer)->apply({{edit}}, "x"));
  CHECK(desk.snapshot() == "a 750 x\n");
  REQUIRE((*writer)->undo(""));
  CHECK(desk.snapshot() == "a 640 x\n");
}

TEST_CASE("Writer: the undo log never lies inside the work tree, and one process at a time writes") {
  Desk desk;
  const auto inside =
      tools::Writer::open(*tools::WorkTree::open(desk.tree.path()), {desk.tree.path() / "state", nullptr});
  REQUIRE_FALSE(inside);
  CHECK(inside.error().message.find("XDG_STATE_HOME") != std::string::npos);
  CHECK(desk.snapshot().empty());
  const auto first = desk.open();
  REQUIRE(first);
  const auto second = desk.open();
  REQUIRE_FALSE(second);
  CHECK(second.error().code == base::ErrorCode::kDenied);
}

TEST_CASE("Writer: any system call may fail, and the files are all old or all new with nothing lying about") {
  for (const int error : {EIO, ENOSPC, EACCES}) {
    for (const bool undo : {false, true}) {
      int n_failed = 0;
      for (int at = 0;; ++at) {
        Desk desk;
        lay_out(desk);
        if (undo) REQUIRE((*desk.open())->apply(big_edit(), "first"));
        const std::string before = desk.snapshot();
        bool failed = false, said_in_place = false;
        {
          auto writer = desk.open();
          REQUIRE(writer);
          desk.system.n_calls = 0, desk.system.error = error, desk.system.fail_at = at;
          const auto done = undo ? (*writer)->undo("") : (*writer)->apply(big_edit(), "x");
          failed = !done;
          said_in_place = failed && done.error().message.find("the files are in place") != std::string::npos;
        }
        const bool reached = desk.system.n_calls > at;
        desk.system.fail_at = -1;
        auto writer = desk.open();  // the next start
        REQUIRE(writer);
        const std::string now = desk.snapshot();
        CAPTURE(at);
        CAPTURE(now);
        const bool changed = now != before;
        if (failed && (*writer)->recovered().empty()) CHECK(changed == said_in_place);
        if (changed) {  // then it is all new: the other way leads exactly back
          const auto back = undo ? (*writer)->redo("") : (*writer)->undo("");
          REQUIRE(back);
          CHECK(desk.snapshot() == before);
        }
        n_failed += failed;
        if (!reached) {
          CHECK_FALSE(failed);
          break;
        }
      }
      CHECK(n_failed > 20);
    }
  }
}

TEST_CASE("Writer: the process may end at any system call, and the next start brings all files to one side") {
  for (const bool no_exchange : {false, true}) {
    for (const bool undo : {false, true}) {
      int n_crashes = 0, n_new = 0;
      for (int at = 0;; ++at) {
        Desk desk;
        lay_out(desk);
        desk.system.no_exchange = no_exchange;
        if (undo) REQUIRE((*desk.open())->apply(big_edit(), "first"));
        const std::string before = desk.snapshot();
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
          auto writer = desk.open();
          desk.system.n_calls = 0, desk.system.error = 0, desk.system.fail_at = at;
          const bool done = undo ? bool((*writer)->undo("")) : bool((*writer)->apply(big_edit(), "x"));
          ::_exit(done ? 0 : 1);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFEXITED(status));
        CAPTURE(at);
        auto writer = desk.open();
        INFO((writer ? "" : writer.error().message));
        REQUIRE(writer);
        if (desk.snapshot() != before) {
          ++n_new;
          REQUIRE((undo ? (*writer)->redo("") : (*writer)->undo("")));
          CHECK(desk.snapshot() == before);
        }
        if (WEXITSTATUS(status) == 0) break;
        REQUIRE(WEXITSTATUS(status) == 9);
        ++n_crashes;
      }
      CHECK(n_crashes > 30);
      CHECK(n_new > 5);
    }
  }
}

TEST_CASE("Writer: what a person wrote after a crash is kept") {
  // Ends the process at each rename of the commit in turn; then someone edits the first file before the next start.
  for (int at = 0;; ++at) {
    Desk desk;
    lay_out(desk);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto writer = desk.open();
      desk.system.n_calls = 0, desk.system.error = 0, desk.system.fail_at = at;
      ::_exit((*writer)->apply(big_edit(), "x") ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    desk.tree.write("a.txt", desk.tree.read("a.txt") + "mine\n");
    desk.tree.write("deep/er/b.txt", desk.tree.read("deep/er/b.txt") + "mine\n");
    CAPTURE(at);
    REQUIRE(desk.open());
    const std::string a = desk.tree.read("a.txt"), b = desk.tree.read("deep/er/b.txt");
    CHECK((a == "one\ntwo\nmine\n" || a == "1\ntwo\nmine\n"));
    CHECK((b == "bmine\n" || b == "abmine\n"));
    CHECK(desk.snapshot().find(".graft") == std::string::npos);
    if (WEXITSTATUS(status) == 0) break;
  }
}

TEST_CASE("Writer: a file size limit of the system leaves everything as it was") {
  Desk desk;
  desk.tree.write("a", "small");
  desk.tree.write("b", "small");
  const std::string before = desk.snapshot();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = desk.open();
    const auto refused = (*writer)->apply(
        {{replace("a", "small", {{0, 1, "x"}}), replace("b", "small", {{0, 0, std::string(1 << 20, 'x')}})}}, "x");
    ::_exit(!refused && refused.error().message.find("File too large") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  REQUIRE(desk.open());
  CHECK(desk.snapshot() == before);
}

TEST_CASE("Writer: old tasks and their contents are forgotten in the end") {
  Desk desk;
  desk.tree.write("a", "0");
  auto writer = desk.open();
  for (size_t i = 1; i <= tools::Writer::kMaxTasks + 3; ++i)
    REQUIRE((*writer)->apply(
        {{replace("a", desk.tree.read("a"), {{0, desk.tree.read("a").size(), std::to_string(i)}})}}, "x"));
  CHECK((*writer)->log()->size() == tools::Writer::kMaxTasks);
  CHECK((*writer)->log()->front().id == "4");
  size_t n_contents = 0;
  for (const auto& entry : fs::recursive_directory_iterator(desk.state.path()))
    n_contents += entry.path().parent_path().filename() == "contents";
  CHECK(n_contents == tools::Writer::kMaxTasks + 1);
  for (size_t i = 0; i < tools::Writer::kMaxTasks; ++i) REQUIRE((*writer)->undo(""));
  CHECK(desk.tree.read("a") == "3");
}
