// SPDX-License-Identifier: Apache-2.0
// sandbox/sandbox.h: runs commands that we do not trust, in a copy-on-write view of a work tree, without network.
//
// Promise  A command reads the system and the workspace, writes only its own copy of the workspace and a private /tmp,
//          sees no other process, no network and no secrets, and is gone with all its descendants when run() returns.
//          What is not promised stands in docs/sandbox.md.
// Errors   No isolation on this machine: kDenied with the one-line fix; a command is never run without it.
//          A command that fails is not an Error: it is an Outcome.
// Threads  A Workspace belongs to one thread at a time; several workspaces run side by side.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandbox {

struct Limits {
  std::chrono::milliseconds wall{60'000};
  uint64_t memory_bytes = 4ull << 30;      // of the whole process tree where cgroups allow, else per process
  int n_processes = 512;
  uint64_t file_size_bytes = 2ull << 30;   // largest single file written
  uint64_t output_bytes = 1u << 20;        // kept of stdout+stderr: the head and the tail; the rest is read and dropped
  uint64_t disk_bytes = 16ull << 30;       // all files that the workspace holds beyond its source
};

struct Policy {
  Limits limits;
  bool network = false;
  std::vector<std::filesystem::path> writable;         // host folders beyond the workspace copy that are written for real
  std::vector<std::filesystem::path> readable;         // host folders beyond the system and toolchains that are shown
  std::map<std::string, std::string> environment;      // added to the small allowed set (PATH, HOME in the copy, LANG, TERM)
};

struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH; for shell text use shell_command()
  std::filesystem::path cwd;      // relative to the workspace; empty: its root
};
// {"/bin/sh", "-c", text}
Command shell_command(std::string text);

enum class Ending { kExited, kSignalled, kTimedOut, kOutOfMemory, kCancelled, kOutOfDisk, kTooManyProcesses };

struct Outcome {
  Ending ending = Ending::kExited;
  int exit_code = -1;           // of kExited
  int signal = 0;               // of kSignalled
  std::string output;           // stdout and stderr as they came, bounded by Limits::output_bytes, with a line where cut
  uint64_t output_dropped_bytes = 0;
  std::chrono::duration<double> seconds{0};
  std::chrono::duration<double> cpu_seconds{0};  // of all its processes that came to an end
  uint64_t largest_process_bytes = 0;           // of these, the most that one of them held in memory
  bool passed() const { return ending == Ending::kExited && exit_code == 0; }
};
std::string describe(const Outcome& outcome);  // "exit 1", "timed out after 10.0 s", "killed by signal 11"

// What isolation this machine gives, for `graft doctor` and error texts.
struct Isolation {
  bool available = false;
  std::string kind;                  // "bubblewrap 0.8.0, user namespaces, overlayfs, cgroup v1"
  std::string fix;                   // one line, where not available
  bool overlay = false;              // copy-on-write by overlayfs; else the work tree is copied
  bool memory_of_tree = false;       // a cgroup bounds the whole tree
};
const Isolation& probe_isolation();  // probed once per process

// A private, copy-on-write view of `source` that commands see at the very same path. Build outputs of earlier runs stay
// in the view until reset(), so that builds are incremental. The source is never written. Removed at the end of its life.
class Workspace {
 public:
  // Files that look like secrets (.env, private keys ...) are empty in the view, but for those in `reveal` (relative).
  static base::Result<std::unique_ptr<Workspace>> create(const std::filesystem::path& source,
                                                         const std::vector<std::filesystem::path>& reveal = {});
  virtual ~Workspace() = default;

  virtual const std::filesystem::path& source() const = 0;

  // Changes the view between runs. Paths are relative to the root, may not leave it, and follow no symlink. The file's time
  // moves forward at each write, also when old bytes come back, so that build tools see every change.
  virtual base::Status write_file(const std::filesystem::path& relative, std::string_view bytes,
                                  std::optional<unsigned> mode = std::nullopt) = 0;
  virtual base::Status remove_file(const std::filesystem::path& relative) = 0;
  virtual base::Result<std::string> read_file(const std::filesystem::path& relative, uint64_t max_bytes) = 0;

  // Runs and waits. A stop request kills the whole tree at once; the Outcome then says kCancelled.
  // `on_output` (may be empty) gets output as it comes, on the calling thread.
  virtual base::Result<Outcome> run(const Command& command, const Policy& policy, std::stop_token stop,
                                    const std::function<void(std::string_view)>& on_output = {}) = 0;

  // Paths that the commands so far created, changed or removed, relative and sorted.
  virtual base::Result<std::vector<std::filesystem::path>> changed_paths() = 0;

  // Back to the source as it is now; build outputs of earlier runs are dropped.
  virtual base::Status reset() = 0;
};

}  // namespace sandbox
