// SPDX-License-Identifier: Apache-2.0
#include "tools/writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "tools/beneath.h"
#include "tools/task_store.h"
#include "tools/tree_changer.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

FileSystem& real_file_system() {
  static FileSystem system;
  return system;
}

base::Result<fs::path> state_home_or_default(const fs::path& given) {
  if (!given.empty()) return given;
  const char* state = std::getenv("XDG_STATE_HOME");  // the XDG base directories: must be absolute to count
  if (state != nullptr && state[0] == '/') return fs::path(state);
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return fs::path(home) / ".local/state";
  return base::Error{base::ErrorCode::kDenied, "there is no place for the undo log: set HOME or XDG_STATE_HOME"};
}

base::Result<fs::path> state_folder(const fs::path& state_home, const fs::path& root) {
  auto home = state_home_or_default(state_home);
  if (!home) return home;
  std::error_code error;
  const fs::path real = fs::weakly_canonical(*home, error);
  const fs::path inside = error ? fs::path("..") : real.lexically_relative(root);
  if (!inside.empty() && *inside.begin() != "..")
    return base::Error{base::ErrorCode::kDenied,
                       base::cat("the undo log would lie inside the work tree (", real.string(),
                                 "): set XDG_STATE_HOME to a folder outside of ", root.string())};
  return *home / "graft/trees" / content_hash(root.string()).substr(0, 16);
}

unsigned mode_of_new_file(bool executable) {
  unsigned mask = 022;
  if (const auto status =
          base::read_file("/proc/self/status", 1 << 16)) {  // umask() itself would change it for all threads
    const size_t at = status->find("\nUmask:");
    if (at != std::string::npos)
      mask = static_cast<unsigned>(std::strtoul(status->c_str() + at + 7, nullptr, 8)) & 0777u;
  }
  return (executable ? 0777u : 0666u) & ~mask;
}

// Execute permission for those who may read, as git sets it.
unsigned with_execute(unsigned mode, std::optional<bool> executable) {
  if (!executable || *executable == ((mode & 0100) != 0)) return mode;
  return *executable ? mode | ((mode & 0444) >> 2) : mode & ~0111u;
}

std::string random_prefix() {
  std::random_device random;
  constexpr char kLetters[] = "0123456789abcdefghijklmnopqrstuv";
  std::string prefix = ".graft-tmp-";
  for (int i = 0; i < 12; ++i) prefix += kLetters[random() % 32];
  return prefix + "-";
}

std::string list_of(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return out;
}

class DiskWriter final : public Writer {
 public:
  DiskWriter(base::UniqueFd root, TaskStore store, FileSystem& system)
      : root_(std::move(root)),
        store_(std::move(store)),
        changer_(root_.get(), system, [this](const ContentHash& hash) { return store_.content(hash); }) {}

  const std::string& recovered() const override { return recovered_; }

  base::Status recover() {
    auto journal = store_.read_journal();
    if (!journal) return std::move(journal).error();
    if (!*journal) return base::ok();
    auto done = changer_.recover(**journal);
    if (!done) return std::move(done).error();
    const bool completed = *done == TreeChanger::Recovery::kCompleted;
    if (completed)
      if (base::Status bad = store_.write_task((*journal)->task); !bad) return bad;
    recovered_ = base::cat("a change that was interrupted (task ", (*journal)->task.id, ", ", (*journal)->task.name,
                           ") was ", completed ? "completed" : "taken back; the files are as before it");
    return store_.drop_journal();
  }

  base::Result<std::vector<FileChange>> check(const Edit& edit) override {
    auto plan = plan_of(edit);
    if (!plan) return std::move(plan).error();
    std::vector<FileChange> changes;
    for (Planned& planned : *plan) changes.push_back(std::move(planned.change));
    return changes;
  }

  base::Result<Task> apply(const Edit& edit, std::string_view name) override {
    auto plan = plan_of(edit);
    if (!plan) return std::move(plan).error();
    if (plan->empty()) return base::invalid("the edit changes nothing");
    std::vector<FileChange> changes;
    for (Planned& planned : *plan) {
      if (planned.change.before)
        if (base::Status bad = store_.keep_content(planned.change.before->hash, planned.old_bytes); !bad)
          return std::move(bad).error();
      if (planned.change.after)
        if (base::Status bad = store_.keep_content(planned.change.after->hash, planned.new_bytes); !bad)
          return std::move(bad).error();
      changes.push_back(std::move(planned.change));
    }
    Task task{store_.next_id(), std::string(name), static_cast<int64_t>(std::time(nullptr)), false, 0, changes};
    return carry_out(std::move(task), std::move(changes));
  }

  base::Result<Task> undo(std::string_view id) override { return turn(id, false); }
  base::Result<Task> redo(std::string_view id) override { return turn(id, true); }
  base::Result<std::vector<Task>> log() const override { return store_.tasks(); }

 private:
  struct Planned {
    FileChange change;
    std::string old_bytes, new_bytes;
  };

  base::Result<std::vector<Planned>> plan_of(const Edit& edit) const {
    if (base::Status bad = check_edit(edit); !bad) return std::move(bad).error();
    std::vector<Planned> plan;
    for (const FileEdit& file : edit.files)
      if (base::Status bad = plan_file(file, plan); !bad) return std::move(bad).error();
    return plan;
  }

  base::Status plan_file(const FileEdit& file, std::vector<Planned>& plan) const {
    if (file.action == FileAction::kCreate || file.action == FileAction::kMove) {
      const std::string& target = file.action == FileAction::kMove ? file.new_path : file.path;
      if (base::Status bad = check_absent(target); !bad) return bad;
    }
    if (file.action == FileAction::kCreate) {
      const std::string& text = file.replacements.front().text;
      plan.push_back(
          {{file.path, std::nullopt, FileState{content_hash(text), mode_of_new_file(file.executable.value_or(false))}},
           "",
           text});
      return base::ok();
    }
    auto old = read_beneath(root_.get(), file.path, WorkTree::kMaxFileBytes);
    if (!old && old.error().code == base::ErrorCode::kNotFound)
      return base::invalid(base::cat(file.path, " does not exist (any more)"));
    if (!old) return std::move(old).error();
    const FileState before{content_hash(old->bytes), old->info.st_mode & 07777u};
    if (before.hash != file.base)
      return base::invalid(
          base::cat(file.path, " has changed since the edit was made; make the edit again from the file as it is now"));
    if (file.action == FileAction::kDelete) {
      plan.push_back({{file.path, before, std::nullopt}, std::move(old->bytes), ""});
      return base::ok();
    }
    auto text = new_text(file, old->bytes);
    if (!text) return std::move(text).error();
    const FileState after{content_hash(*text), with_execute(before.mode, file.executable)};
    if (file.action == FileAction::kMove) {
      plan.push_back({{file.path, before, std::nullopt}, std::move(old->bytes), ""});
      plan.push_back({{file.new_path, std::nullopt, after}, "", std::move(*text)});
    } else if (after.hash != before.hash || after.mode != before.mode) {
      plan.push_back({{file.path, before, after}, std::move(old->bytes), std::move(*text)});
    }
    return base::ok();
  }

  base::Status check_absent(const std::string& path) const {
    auto place = nearest_folder(path);
    if (!place) return std::move(place).error();
    struct stat info {};
    if (::fstatat(place->folder.get(), place->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return base::ok();
    if (place->whole) return base::invalid(base::cat(path, " exists already; it is not overwritten"));
    return base::invalid(base::cat(path, ": `", place->name, "` is not a folder"));
  }

  // The deepest folder on the way to `path` that exists, and the next part.
  struct Nearest {
    base::UniqueFd folder;
    std::string name;
    bool whole;  // the folder is the file's own
    size_t n_parts;
  };
  base::Result<Nearest> nearest_folder(const std::string& path) const {
    for (std::string_view reach = path;;) {
      auto place = open_parent(root_.get(), reach);
      if (place)
        return Nearest{std::move(place->folder), std::move(place->name), reach.size() == path.size(), reach.size()};
      if (place.error().code != base::ErrorCode::kNotFound) return std::move(place).error();
      const size_t slash = reach.rfind('/');
      if (slash == std::string_view::npos) return std::move(place).error();
      reach = reach.substr(0, slash);
    }
  }

  // Folders that must be made for the new files, parents first.
  base::Result<std::vector<std::string>> missing_folders(const std::vector<FileChange>& changes) const {
    std::set<std::string> folders;  // sorted: a parent comes before what is in it
    for (const FileChange& change : changes) {
      if (!change.after || change.before) continue;
      auto nearest = nearest_folder(change.path);
      if (!nearest) return std::move(nearest).error();
      if (nearest->whole) continue;
      for (size_t end = nearest->n_parts; end != std::string::npos; end = change.path.find('/', end + 1))
        folders.insert(change.path.substr(0, end));
    }
    return std::vector<std::string>(folders.begin(), folders.end());
  }

  base::Result<Task> turn(std::string_view id, bool undone) {
    auto tasks = store_.tasks();
    if (!tasks) return std::move(tasks).error();
    const Task* found = nullptr;
    for (const Task& task : *tasks) {
      if (!id.empty() ? task.id == id
                      : task.undone == undone && (!undone || found == nullptr || task.undo_step > found->undo_step))
        found = &task;
    }
    if (found == nullptr && !id.empty())
      return base::invalid(base::cat("there is no task ", id, "; `graft log` lists them"));
    if (found == nullptr) return base::invalid(undone ? "there is nothing to bring back" : "there is nothing to undo");
    if (found->undone != undone)
      return base::invalid(base::cat("task ", found->id, undone ? " is not undone" : " is undone already"));
    std::vector<FileChange> changes = found->changes;
    if (!undone)
      for (FileChange& change : changes) std::swap(change.before, change.after);
    if (base::Status bad = check_unchanged(changes, found->id); !bad) return std::move(bad).error();
    Task task = *found;
    set_undone(task, !undone, *tasks);
    return carry_out(std::move(task), std::move(changes));
  }

  // Undone tasks are numbered, so that the one undone last is brought back first.
  static void set_undone(Task& task, bool undone, const std::vector<Task>& all) {
    task.undone = undone;
    task.undo_step = 0;
    if (undone)
      for (const Task& other : all) task.undo_step = std::max(task.undo_step, other.undo_step + 1);
  }

  // After a failure, with all files as they were: removes the traces. What can't be removed now, the next start
  // removes.
  base::Error take_back(Journal journal, base::Error cause) {
    journal.phase = Journal::Phase::kPrepare;
    base::Status cleaned = store_.write_journal(journal);  // else a crash from here on would complete the change
    const base::Status discarded = changer_.discard(journal);
    if (discarded) cleaned = store_.drop_journal();
    if (!discarded || !cleaned)
      cause.message += base::cat("; and then: ", (discarded ? cleaned : discarded).error().message,
                                 " (the next start of graft tries again)");
    return cause;
  }

  base::Status check_unchanged(const std::vector<FileChange>& changes, const std::string& id) const {
    std::vector<std::string> touched;
    for (const FileChange& change : changes) {
      auto now = state_of(root_.get(), change.path);
      if (!now)
        touched.push_back(now.error().message);
      else if (!*now && change.before)
        touched.push_back(change.path + " is gone");
      else if (*now && !change.before)
        touched.push_back(change.path + " exists now");
      else if (*now && (*now)->hash != change.before->hash)
        touched.push_back(change.path + " was changed");
    }
    if (touched.empty()) return base::ok();
    return base::invalid(base::cat("since task ", id, ": ", list_of(touched), "; nothing was changed"));
  }

  // `task` as it is when all is done.
  base::Result<Task> carry_out(Task task, std::vector<FileChange> changes) {
    auto folders = missing_folders(changes);
    if (!folders) return std::move(folders).error();
    Journal journal{Journal::Phase::kPrepare, task, std::move(changes), std::move(*folders), random_prefix()};
    if (base::Status bad = store_.write_journal(journal); !bad) return std::move(bad).error();
    base::Status done = changer_.prepare(journal);
    if (done) {
      journal.phase = Journal::Phase::kCommit;
      done = store_.write_journal(journal);
      if (done) done = changer_.commit(journal);
      if (!done && done.error().code == base::ErrorCode::kInternal)
        return std::move(done).error();  // the journal stays
    }
    if (!done) return take_back(std::move(journal), std::move(done).error());
    done = changer_.clean_up(journal);
    if (done) done = store_.write_task(task);
    if (done) done = store_.drop_journal();
    if (!done)
      return std::move(done).error().in("the files are in place, but the rest waits for the next start of graft");
    store_.prune(kMaxTasks);
    return task;
  }

  const base::UniqueFd root_;
  TaskStore store_;
  TreeChanger changer_;
  std::string recovered_;
};

}  // namespace

base::Result<std::unique_ptr<Writer>> Writer::open(const WorkTree& tree, const WriterOptions& options) {
  FileSystem& system = options.file_system == nullptr ? real_file_system() : *options.file_system;
  auto folder = state_folder(options.state_home, tree.root());
  if (!folder) return std::move(folder).error();
  auto root = open_folder(tree.root());
  if (!root) return std::move(root).error();
  auto store = TaskStore::open(*folder, tree.root(), system);
  if (!store) return std::move(store).error();
  auto writer = std::make_unique<DiskWriter>(std::move(*root), std::move(*store), system);
  if (base::Status bad = writer->recover(); !bad) return std::move(bad).error();
  return std::unique_ptr<Writer>(std::move(writer));
}

}  // namespace tools
