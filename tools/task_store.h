// SPDX-License-Identifier: Apache-2.0
// tools/task_store.h: the writer's memory outside the work tree: journal, tasks, file contents. Layout: docs/writer.md.
//
// Errors   Each write is durable when it returns (fsync of the file and its folder) and is all or nothing.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "tools/file_system.h"
#include "tools/writer.h"

namespace tools {

// What is going on between the first and the last step of a change.
struct Journal {
  enum class Phase { kPrepare, kCommit };
  Phase phase = Phase::kPrepare;
  Task task;  // as the log will show it when the change is done
  std::vector<FileChange> changes;
  std::vector<std::string> folders;  // that the change makes, parents first
  std::string temp_prefix;           // temporary files are named temp_prefix + index of the change

  std::string temp_name(size_t change) const { return temp_prefix + std::to_string(change); }
};

class TaskStore {
 public:
  // Makes the folder where needed and takes its lock; kDenied while another process holds it.
  static base::Result<TaskStore> open(const std::filesystem::path& folder, const std::filesystem::path& root,
                                      FileSystem& system);

  base::Status keep_content(const ContentHash& hash, std::string_view bytes);
  base::Result<std::string> content(const ContentHash& hash) const;

  base::Status write_journal(const Journal& journal);
  base::Result<std::optional<Journal>> read_journal() const;
  base::Status drop_journal();

  base::Status write_task(const Task& task);
  base::Result<std::vector<Task>> tasks() const;  // oldest first
  std::string next_id() const;
  // Keeps the newest tasks, and the contents that they name.
  void prune(size_t max_tasks);

 private:
  TaskStore(std::filesystem::path folder, FileSystem& system) : folder_(std::move(folder)), system_(&system) {}
  base::Status write(const std::filesystem::path& sub_folder, const std::string& name, std::string_view bytes);

  std::filesystem::path folder_;
  FileSystem* system_;
  base::UniqueFd lock_;
};

// Writes all of `bytes` to a new file, with its mode, durably. Removes it on failure.
base::Status write_new_file(FileSystem& system, int folder, const std::string& name, std::string_view bytes,
                            unsigned mode);

}  // namespace tools
