// SPDX-License-Identifier: Apache-2.0
#include "sandbox/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "sandbox/cgroup.h"
#include "sandbox/copy_tree.h"
#include "sandbox/isolation.h"
#include "sandbox/launch.h"
#include "sandbox/launcher.h"
#include "sandbox/layers.h"
#include "sandbox/run_plan.h"
#include "sandbox/scratch.h"
#include "sandbox/secrets.h"
#include "sandbox/supervise.h"
#include "sandbox/watch.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;

constexpr uint64_t kLeastFreeBytes = 64ull << 20;  // to start a run at all
constexpr std::chrono::milliseconds kLongestWall = std::chrono::hours(24 * 7);

const HostFacts& host() {
  static const HostFacts kHost = look_at_host();
  return kHost;
}

// Scratch layout: upper/ work/ of an overlay, or copy/; view/ where a run's mounts are put together; home/ of the commands;
// incoming/ for files being written; empty/ with an empty file and folder that stand for what is masked.
class ScratchWorkspace final : public Workspace {
 public:
  ScratchWorkspace(fs::path source, Scratch scratch, bool overlay, WorkspaceOptions options)
      : source_(std::move(source)), scratch_(std::move(scratch)), overlay_(overlay), options_(std::move(options)),
        cgroup_(options_.use_cgroup ? Cgroup::create(cgroup_site()) : std::nullopt) {
    if (cgroup_ && cgroup_->joined_by_thread()) launcher_.emplace(cgroup_->join_fds());
  }

  const fs::path& source() const override { return source_; }

  base::Status write_file(const fs::path& relative, std::string_view bytes, std::optional<unsigned> mode) override {
    return layers_->write_file(relative, bytes, mode);
  }
  base::Status remove_file(const fs::path& relative) override { return layers_->remove_file(relative); }
  base::Result<std::string> read_file(const fs::path& relative, uint64_t max_bytes) override {
    return layers_->read_file(relative, max_bytes);
  }
  base::Result<std::vector<fs::path>> changed_paths() override { return layers_->changed_paths(); }

  base::Result<Outcome> run(const Command& command, const Policy& policy, std::stop_token stop,
                            const std::function<void(std::string_view)>& on_output) override;
  base::Status reset() override;

 private:
  fs::path at(const char* name) const { return scratch_.path() / name; }
  WorkspacePlaces places() const {
    return {source_, overlay_ ? fs::path() : at("copy"), at("home"), at("empty") / "file", at("empty") / "folder"};
  }
  base::Status hide_secrets();

  const fs::path source_;
  const Scratch scratch_;
  const bool overlay_;
  const WorkspaceOptions options_;
  std::optional<Layers> layers_;  // nothing after a failed reset
  const std::optional<Cgroup> cgroup_;
  std::optional<Launcher> launcher_;  // after cgroup_: the thread leaves the group before it is removed
};

base::Status ScratchWorkspace::reset() {
  layers_.reset();
  for (const char* name : {"upper", "work", "view", "copy", "home", "incoming"})
    if (base::Status made = scratch_.renew(name); !made) return made;
  if (base::Status made = scratch_.renew_empty(); !made) return made;

  // The view's root gets the source's mode; in an overlay the upper folder's counts.
  struct stat info {};
  if (::stat(source_.c_str(), &info) != 0) return base::system_error(errno, cat("stat ", source_.string()));
  ::fchmodat(scratch_.fd(), overlay_ ? "upper" : "copy", (info.st_mode & 0777) | 0700, 0);

  if (!overlay_)
    if (base::Status copied = copy_tree(source_, at("copy"), kMaxCopiedBytes); !copied) return copied;
  auto layers = Layers::open(at(overlay_ ? "upper" : "copy"), overlay_ ? source_ : fs::path(), at("incoming"));
  if (!layers) return std::move(layers).error();
  layers_.emplace(std::move(*layers));
  if (base::Status hidden = hide_secrets(); !hidden) return hidden;
  return overlay_ ? base::ok() : layers_->remember_state();
}

base::Status ScratchWorkspace::hide_secrets() {
  auto secrets = find_secrets(source_);
  if (!secrets) return std::move(secrets).error();
  for (const Secret& secret : *secrets) {
    const auto shown = [&](const fs::path& path) { return path.lexically_normal() == secret.relative; };
    if (std::any_of(options_.reveal.begin(), options_.reveal.end(), shown)) continue;
    if (base::Status hidden = layers_->hide(secret.relative, secret.is_folder); !hidden) return hidden;
  }
  return base::ok();
}

base::Result<Outcome> ScratchWorkspace::run(const Command& command, const Policy& policy, std::stop_token stop,
                                            const std::function<void(std::string_view)>& on_output) {
  if (!layers_)
    return base::Error{base::ErrorCode::kInternal, "the workspace is broken since a failed reset; create a new one"};
  if (policy.limits.n_processes < 1 || policy.limits.memory_bytes < (1u << 20))
    return base::invalid("the limits leave no room for a command (at least 1 process and 1 MiB)");
  if (stop.stop_requested()) {
    Outcome cancelled;
    cancelled.ending = Ending::kCancelled;
    return cancelled;
  }
  if (free_disk_bytes(scratch_.path()) < kLeastFreeBytes)
    return base::Error{base::ErrorCode::kExhausted,
                       cat("the disk of ", scratch_.path().parent_path().string(), " is full; free some space")};

  auto plan = make_run_plan(host(), places(), command, policy);
  if (!plan) return std::move(plan).error();

  LaunchOptions options;
  options.bubblewrap = machine().bubblewrap;
  options.limits = policy.limits;
  options.root = at("view");
  if (overlay_) {
    if (base::Status made = scratch_.renew("work"); !made) return std::move(made).error();  // volatile: one mount each
    options.overlay = Overlay{source_, scratch_.path()};
  }
  const int n_extra = kOwnProcesses + (launcher_ ? 1 : 0);
  const bool bounded = cgroup_ && (!launcher_ || launcher_->joined()) &&
                       cgroup_->set_limits(policy.limits.memory_bytes, policy.limits.n_processes + n_extra);
  if (bounded && !launcher_) options.join_fds = cgroup_->join_fds();
  options.limit_memory_per_process = !bounded;
  const uint64_t oom_kills_before = bounded ? cgroup_->oom_kills() : 0;

  auto launched = launcher_ ? launcher_->launch(*plan, options) : launch(*plan, options);
  if (!launched) return std::move(launched).error();
  Limits limits = policy.limits;
  limits.wall = std::min(limits.wall, kLongestWall);
  std::vector<fs::path> watched = {at(overlay_ ? "upper" : "copy"), at("home")};
  auto outcome = supervise(std::move(*launched), limits, Watch(std::move(watched), limits, !bounded), std::move(stop), on_output);
  if (!outcome) return outcome;
  const bool failed = outcome->ending == Ending::kSignalled || (outcome->ending == Ending::kExited && outcome->exit_code != 0);
  if (bounded && failed && cgroup_->oom_kills() > oom_kills_before) outcome->ending = Ending::kOutOfMemory;
  return outcome;
}

// The first scratch base on which the view can be built for this source.
base::Result<Scratch> choose_scratch(const fs::path& source, bool& overlay) {
  base::Error why{base::ErrorCode::kDenied, "there is no folder for scratch files"};
  std::optional<Scratch> usable;
  for (const fs::path& base : scratch_bases()) {
    const fs::path rest = base.lexically_relative(source);
    if (!rest.empty() && *rest.begin() != "..") continue;  // inside the workspace
    auto scratch = Scratch::create(base);
    if (!scratch) {
      why = std::move(scratch).error();
      continue;
    }
    if (!overlay) return scratch;
    bool made = true;
    for (const char* name : {"upper", "work", "view"}) made &= bool(scratch->renew(name));
    if (made && try_overlay({source, scratch->path()})) return scratch;
    if (!usable) usable.emplace(std::move(*scratch));
  }
  if (!usable) return why;
  overlay = false;
  return std::move(*usable);
}

}  // namespace

base::Result<std::unique_ptr<Workspace>> create_workspace(const fs::path& source, const WorkspaceOptions& options) {
  const Isolation& isolation = probe_isolation();
  if (!isolation.available)
    return base::Error{base::ErrorCode::kDenied, cat("commands cannot be isolated here (", isolation.kind,
                                                     "), so none is run. To fix it: ", isolation.fix)};
  std::error_code code;
  const fs::path real = fs::canonical(source, code);
  struct stat info {};
  if (code || ::stat(real.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return base::Error{base::ErrorCode::kNotFound, cat(source.string(), " is not a folder")};
  if (base::Status good = check_source(host(), real); !good) return std::move(good).error();

  // Files of another user keep that owner in an overlay, and could not be changed there; in a copy they are ours.
  bool overlay = options.use_overlay && isolation.overlay && info.st_uid == ::geteuid();
  auto scratch = choose_scratch(real, overlay);
  if (!scratch) return std::move(scratch).error();
  auto workspace = std::make_unique<ScratchWorkspace>(real, std::move(*scratch), overlay, options);
  if (base::Status ready = workspace->reset(); !ready) return std::move(ready).error().in("prepare a workspace");
  return std::unique_ptr<Workspace>(std::move(workspace));
}

base::Result<std::unique_ptr<Workspace>> Workspace::create(const fs::path& source, const std::vector<fs::path>& reveal) {
  return create_workspace(source, {.reveal = reveal});
}

Command shell_command(std::string text) { return {{"/bin/sh", "-c", std::move(text)}, {}}; }

std::string describe(const Outcome& outcome) {
  switch (outcome.ending) {
    case Ending::kExited: return cat("exit ", outcome.exit_code);
    case Ending::kSignalled: return cat("killed by signal ", outcome.signal);
    case Ending::kTimedOut: {
      std::ostringstream text;
      text.precision(1);
      text << std::fixed << "timed out after " << outcome.seconds.count() << " s";
      return text.str();
    }
    case Ending::kOutOfMemory: return "ended for using too much memory";
    case Ending::kCancelled: return "cancelled";
    case Ending::kOutOfDisk: return "ended for filling the disk";
    case Ending::kTooManyProcesses: return "ended for starting too many processes";
  }
  return "ended";
}

}  // namespace sandbox
