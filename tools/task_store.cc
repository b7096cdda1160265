// SPDX-License-Identifier: Apache-2.0
#include "tools/task_store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "tools/beneath.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr uint64_t kMaxRecordBytes = 64u << 20;

Json to_json(const std::optional<FileState>& state) {
  if (!state) return nullptr;
  return {{"hash", state->hash}, {"mode", state->mode}};
}

std::optional<FileState> state_from(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return std::nullopt;
  return FileState{base::json_string(*found, "hash"), static_cast<unsigned>(base::json_int(*found, "mode")) & 07777u};
}

Json to_json(const std::vector<FileChange>& changes) {
  Json list = Json::array();
  // Paths may hold any bytes, JSON only UTF-8: they are kept as a list of byte values where they must be.
  for (const FileChange& change : changes) {
    Json path = Json::array();
    for (const char c : change.path) path.push_back(static_cast<unsigned char>(c));
    list.push_back({{"path", change.path},
                    {"path_bytes", std::move(path)},
                    {"before", to_json(change.before)},
                    {"after", to_json(change.after)}});
  }
  return list;
}

base::Result<std::vector<FileChange>> changes_from(const Json& object) {
  std::vector<FileChange> changes;
  const auto list = object.find("changes");
  if (list == object.end() || !list->is_array()) return base::corrupt("a record without changes");
  for (const Json& item : *list) {
    FileChange change;
    if (const auto bytes = item.find("path_bytes"); bytes != item.end() && bytes->is_array())
      for (const Json& byte : *bytes)
        change.path += byte.is_number_integer() ? static_cast<char>(byte.get<int>()) : '?';
    auto path = safe_path(change.path);  // the state folder is ours, but a wrong record must not lead out of the tree
    if (!path || *path != change.path) return base::corrupt("a record with a path that leaves the work tree");
    change.before = state_from(item, "before");
    change.after = state_from(item, "after");
    changes.push_back(std::move(change));
  }
  return changes;
}

Json to_json(const Task& task) {
  return {{"id", task.id},         {"name", task.name},           {"time", task.unix_seconds},
          {"undone", task.undone}, {"undo_step", task.undo_step}, {"changes", to_json(task.changes)}};
}

base::Result<Task> task_from(const Json& object) {
  const std::string id = base::json_string(object, "id");
  if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos)
    return base::corrupt("a record without a number");
  auto changes = changes_from(object);
  if (!changes) return std::move(changes).error();
  return Task{id,
              base::json_string(object, "name"),
              base::json_int(object, "time"),
              base::json_bool(object, "undone"),
              base::json_int(object, "undo_step"),
              std::move(*changes)};
}

base::Status sync_folder(FileSystem& system, int folder) {
  // Some file systems refuse it on folders; they then order the rename themselves.
  if (system.sync(folder) != 0 && errno != EINVAL && errno != ENOTSUP)
    return base::system_error(errno, "fsync a folder");
  return base::ok();
}

}  // namespace

base::Status write_new_file(FileSystem& system, int folder, const std::string& name, std::string_view bytes,
                            unsigned mode) {
  base::UniqueFd fd(system.create(folder, name));
  if (!fd) return base::system_error(errno, base::cat("create the temporary file ", name));
  const auto fill = [&]() -> base::Status {
    while (!bytes.empty()) {
      const ssize_t n = system.write(fd.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return base::system_error(errno, base::cat("write ", name));
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    if (system.change_mode(fd.get(), mode) != 0) return base::system_error(errno, base::cat("set the mode of ", name));
    if (system.sync(fd.get()) != 0) return base::system_error(errno, base::cat("fsync ", name));
    return base::ok();
  };
  base::Status filled = fill();
  if (!filled) system.remove(folder, name);
  return filled;
}

base::Result<TaskStore> TaskStore::open(const fs::path& folder, const fs::path& root, FileSystem& system) {
  TaskStore store(folder, system);
  std::error_code error;
  fs::create_directories(folder / "contents", error);
  if (!error) fs::create_directories(folder / "tasks", error);
  if (error) return base::system_error(error.value(), base::cat("make the state folder ", folder.string()));
  fs::permissions(folder, fs::perms::owner_all, error);  // contents of private files lie here
  store.lock_ = base::UniqueFd(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!store.lock_) return base::system_error(errno, base::cat("open ", (folder / "lock").string()));
  if (::flock(store.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return base::Error{base::ErrorCode::kDenied, "another graft is changing this work tree; wait until it is done"};
  if (!fs::exists(folder / "root", error)) {
    if (base::Status bad = store.write(".", "root", root.string() + "\n"); !bad) return std::move(bad).error();
  }
  return store;
}

base::Status TaskStore::write(const fs::path& sub_folder, const std::string& name, std::string_view bytes) {
  const fs::path folder = folder_ / sub_folder;
  auto fd = open_folder(folder);
  if (!fd) return std::move(fd).error();
  const std::string temp = name + ".tmp";
  system_->remove(fd->get(), temp);  // a crash may have left one; the lock is ours
  const auto doing = [&] { return base::cat("write to the state folder ", folder.string()); };
  if (base::Status bad = write_new_file(*system_, fd->get(), temp, bytes, 0600); !bad)
    return std::move(bad).error().in(doing());
  if (system_->rename_over(fd->get(), temp, name) != 0) {
    const int failed = errno;
    system_->remove(fd->get(), temp);
    return base::system_error(failed, doing());
  }
  return sync_folder(*system_, fd->get());
}

base::Status TaskStore::keep_content(const ContentHash& hash, std::string_view bytes) {
  if (content(hash)) return base::ok();
  return write("contents", hash, bytes);
}

base::Result<std::string> TaskStore::content(const ContentHash& hash) const {
  if (hash.find('/') != std::string::npos) return base::corrupt("a record with a content hash that is none");
  auto bytes = base::read_file(folder_ / "contents" / hash, WorkTree::kMaxFileBytes);
  if (!bytes) return std::move(bytes).error().in("read an earlier state of a file");
  if (content_hash(*bytes) != hash)
    return base::corrupt(base::cat("the saved state ", hash, " in ", folder_.string(), " is damaged"));
  return bytes;
}

base::Status TaskStore::write_journal(const Journal& journal) {
  Json folders = Json::array();
  for (const std::string& path : journal.folders) {
    Json bytes = Json::array();
    for (const char c : path) bytes.push_back(static_cast<unsigned char>(c));
    folders.push_back(std::move(bytes));
  }
  const Json object = {{"phase", journal.phase == Journal::Phase::kCommit ? "commit" : "prepare"},
                       {"task", to_json(journal.task)},
                       {"changes", to_json(journal.changes)},
                       {"folders", std::move(folders)},
                       {"temp_prefix", journal.temp_prefix}};
  return write(".", "journal.json", base::dump_json(object));
}

base::Result<std::optional<Journal>> TaskStore::read_journal() const {
  const auto text = base::read_file(folder_ / "journal.json", kMaxRecordBytes);
  if (!text && text.error().code == base::ErrorCode::kNotFound) return std::optional<Journal>();
  if (!text) return text.error();
  const auto damaged = [&](const std::string& why) {
    return base::corrupt(base::cat("the journal of an interrupted change, ", (folder_ / "journal.json").string(),
                                   ", can't be read (", why, "); look at the files it names, then remove it"));
  };
  const auto object = base::parse_json(*text);
  if (!object) return damaged(object.error().message);
  auto changes = changes_from(*object);
  if (!changes) return damaged(changes.error().message);
  Journal journal;
  journal.phase = base::json_string(*object, "phase") == "commit" ? Journal::Phase::kCommit : Journal::Phase::kPrepare;
  auto task = task_from(object->value("task", Json::object()));
  if (!task) return damaged(task.error().message);
  journal.task = std::move(*task);
  journal.changes = std::move(*changes);
  journal.temp_prefix = base::json_string(*object, "temp_prefix");
  if (journal.temp_prefix.empty() || journal.temp_prefix.find('/') != std::string::npos)
    return damaged("no name for temporary files");
  if (const auto folders = object->find("folders"); folders != object->end() && folders->is_array()) {
    for (const Json& bytes : *folders) {
      std::string path;
      for (const Json& byte : bytes) path += byte.is_number_integer() ? static_cast<char>(byte.get<int>()) : '?';
      const auto safe = safe_path(path);
      if (!safe || *safe != path) return damaged("a folder that leaves the work tree");
      journal.folders.push_back(std::move(path));
    }
  }
  return std::optional<Journal>(std::move(journal));
}

base::Status TaskStore::drop_journal() {
  auto fd = open_folder(folder_);
  if (!fd) return std::move(fd).error();
  if (system_->remove(fd->get(), "journal.json") != 0 && errno != ENOENT)
    return base::system_error(errno, "remove the journal");
  return sync_folder(*system_, fd->get());
}

base::Status TaskStore::write_task(const Task& task) {
  return write("tasks", task.id + ".json", base::dump_json(to_json(task)));
}

base::Result<std::vector<Task>> TaskStore::tasks() const {
  std::vector<Task> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder_ / "tasks", error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".json") continue;
    const auto text = base::read_file(entry->path(), kMaxRecordBytes);
    if (!text) return text.error();
    const auto object = base::parse_json(*text);
    auto task = object ? task_from(*object) : base::Result<Task>(object.error());
    if (!task) return std::move(task).error().in(base::cat("read the log entry ", entry->path().string()));
    if (task->id + ".json" == entry->path().filename()) found.push_back(std::move(*task));
  }
  if (error) return base::system_error(error.value(), base::cat("read ", (folder_ / "tasks").string()));
  std::sort(found.begin(), found.end(), [](const Task& a, const Task& b) {
    return std::strtoull(a.id.c_str(), nullptr, 10) < std::strtoull(b.id.c_str(), nullptr, 10);
  });
  return found;
}

std::string TaskStore::next_id() const {
  unsigned long long last = 0;
  std::error_code error;
  for (fs::directory_iterator entry(folder_ / "tasks", error), end; !error && entry != end; entry.increment(error))
    last = std::max(last, std::strtoull(entry->path().stem().c_str(), nullptr, 10));
  return std::to_string(last + 1);
}

void TaskStore::prune(size_t max_tasks) {
  auto all = tasks();
  if (!all || all->size() <= max_tasks) return;
  std::error_code ignored;
  const size_t n_old = all->size() - max_tasks;
  for (size_t i = 0; i < n_old; ++i) fs::remove(folder_ / "tasks" / ((*all)[i].id + ".json"), ignored);
  std::set<std::string> named;
  for (size_t i = n_old; i < all->size(); ++i) {
    for (const FileChange& change : (*all)[i].changes)
      for (const auto& state : {change.before, change.after})
        if (state) named.insert(state->hash);
  }
  for (fs::directory_iterator entry(folder_ / "contents", ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    std::error_code kept;
    if (named.count(entry->path().filename()) == 0) fs::remove(entry->path(), kept);
  }
}

}  // namespace tools
