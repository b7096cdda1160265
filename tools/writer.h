// SPDX-License-Identifier: Apache-2.0
// tools/writer.h: brings edits to the user's disk, all files or none, and takes them back.
//
// Promise  Each file is checked against the content hash that the edit was made for: once before anything is done, and
//          once more with the very file that was swapped out, so what a person saved meanwhile is never lost. No
//          symlink is followed. Bytes, modes, owners and extended attributes are kept; hard links are broken, as git
//          does. After a crash at any point the next open() makes the change whole or takes it back.
//          What is written where, and in which order, stands in docs/writer.md.
// State    $XDG_STATE_HOME/graft/trees/<key of the root>/, never inside the work tree: journal, tasks, and the old and
//          new contents of their files.
// Threads  One writer per work tree at a time, over all processes (a lock file in the state folder).
// Errors   kInvalidArgument: the edit does not fit the files as they are (nothing was changed). kDenied, kExhausted,
//          kIo: the system said no (nothing was changed, or the message says what to do).
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tools/edit.h"
#include "tools/work_tree.h"

namespace tools {

class FileSystem;

struct FileState {
  ContentHash hash;
  unsigned mode = 0644;  // st_mode & 07777
};

struct FileChange {
  std::string path;
  std::optional<FileState> before, after;  // nothing: there is no such file
};

struct Task {
  std::string id;  // "1", "2", ... within a work tree
  std::string name;
  int64_t unix_seconds = 0;
  bool undone = false;
  int64_t undo_step = 0;  // of undone tasks: counts up, the one undone last has the highest
  std::vector<FileChange> changes;
};

struct WriterOptions {
  std::filesystem::path state_home;   // empty: $XDG_STATE_HOME, else ~/.local/state
  FileSystem* file_system = nullptr;  // borrowed for the writer's life; null: the real one
};

class Writer {
 public:
  // Finishes or takes back what a crash left behind; recovered() then says so.
  static base::Result<std::unique_ptr<Writer>> open(const WorkTree& tree, const WriterOptions& options = {});
  virtual ~Writer() = default;

  // A sentence for a person; empty where there was nothing to recover.
  virtual const std::string& recovered() const = 0;

  // What apply() would do, or why not. Reads only.
  virtual base::Result<std::vector<FileChange>> check(const Edit& edit) = 0;
  // `name`: a line for the log, such as the check that was repaired.
  virtual base::Result<Task> apply(const Edit& edit, std::string_view name) = 0;

  // Takes back a task as one step; an empty id means the last one that is not undone. Refuses, naming the files, where
  // one of them is not as the task left it.
  virtual base::Result<Task> undo(std::string_view id) = 0;
  // Brings an undone task back; an empty id means the one that was undone last.
  virtual base::Result<Task> redo(std::string_view id) = 0;

  virtual base::Result<std::vector<Task>> log() const = 0;  // oldest first; the last kMaxTasks

  static constexpr size_t kMaxTasks = 200;
};

}  // namespace tools
