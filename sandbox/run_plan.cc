// SPDX-License-Identifier: Apache-2.0
#include "sandbox/run_plan.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/strings.h"
#include "sandbox/secrets.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;

// Taken over from the caller's environment where set: names that tools need and that hold no secrets.
constexpr std::array<std::string_view, 22> kPassedOn = {
    "PATH",       "LANG",        "LANGUAGE",   "LC_ALL",     "LC_CTYPE", "LC_MESSAGES", "LC_COLLATE", "LC_NUMERIC",
    "LC_TIME",    "TERM",        "TZ",         "USER",       "LOGNAME",  "PYENV_ROOT",  "PYENV_VERSION", "NVM_DIR",
    "RUSTUP_HOME", "GOROOT",     "JAVA_HOME",  "VIRTUAL_ENV", "CONDA_PREFIX", "SOURCE_DATE_EPOCH"};
constexpr std::array<std::string_view, 6> kPassedOnWithNetwork = {"http_proxy",  "https_proxy", "no_proxy",
                                                                  "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"};

// tmpfs sizes as shares of the memory limit, which they count towards
constexpr uint64_t kTmpShare = 2, kShmShare = 4;
constexpr uint64_t kDevBytes = 64 << 10;  // of /dev itself, which is sealed

// Whether `path` is `folder` or lies in it; both absolute and normal.
bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path rest = path.lexically_relative(folder);
  return !rest.empty() && *rest.begin() != "..";
}

bool lies_in_system(const HostFacts& host, const fs::path& path) {
  const auto holds = [&](const fs::path& folder) { return lies_in(path, folder); };
  return std::any_of(host.system_folders.begin(), host.system_folders.end(), holds) || path == "/proc" || path == "/sys" ||
         lies_in(path, "/proc") || lies_in(path, "/sys") || lies_in(path, "/dev") || lies_in(path, "/boot");
}

// A folder of the policy must be there, and must not be one that the sandbox exists to protect.
base::Result<fs::path> policy_folder(const HostFacts& host, const fs::path& folder, bool writable) {
  std::error_code code;
  const fs::path path = fs::canonical(folder, code);
  if (code || !fs::is_directory(path, code))
    return base::invalid(cat("the policy names ", folder.string(), ", which is not a folder"));
  const bool too_wide = lies_in(host.home, path) || path == "/" || path == "/tmp" || path == "/run" || path == "/var";
  bool secret = false;
  for (const fs::path& step : path) secret |= is_secret_folder_name(step.string());
  if (too_wide || secret || (writable && lies_in_system(host, path)) || lies_in(path, "/proc") || lies_in(path, "/sys"))
    return base::Error{base::ErrorCode::kDenied, cat("the policy may not open ", path.string(), " to commands")};
  return path;
}

// The devices that programs expect and that lead nowhere.
void add_devices(std::vector<Mount>& mounts) {
  using Kind = Mount::Kind;
  mounts.push_back({Kind::kTmpfs, "", "/dev", kDevBytes});
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"})
    mounts.push_back({Kind::kDevice, device, device});
  for (const auto& [link, text] : {std::pair{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"},
                                   {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
                                   {"/dev/ptmx", "pts/ptmx"}})
    mounts.push_back({Kind::kLink, text, link});
  mounts.push_back({Kind::kPts, "", "/dev/pts"});
}

std::map<std::string, std::string> make_environment(const HostFacts& host, const Policy& policy) {
  std::map<std::string, std::string> out = {{"LANG", "C.UTF-8"}, {"TERM", "dumb"}};
  const auto pass_on = [&](std::string_view name) {
    if (const auto it = host.environment.find(std::string(name)); it != host.environment.end()) out[it->first] = it->second;
  };
  for (const std::string_view name : kPassedOn) pass_on(name);
  if (policy.network)
    for (const std::string_view name : kPassedOnWithNetwork) pass_on(name);
  if (out["PATH"].empty()) out["PATH"] = "/usr/local/bin:/usr/bin:/bin";
  for (const auto& [name, value] : policy.environment) out[name] = value;
  out["HOME"] = host.home.string();
  out["TMPDIR"] = "/tmp";
  out["SHELL"] = "/bin/sh";
  return out;
}

}  // namespace

base::Status check_source(const HostFacts& host, const fs::path& folder) {
  const bool too_wide = folder == "/" || folder == "/home" || folder == "/tmp" || folder == "/var" || folder == "/opt" ||
                        lies_in(host.home, folder);
  const bool system = std::find(host.system_folders.begin(), host.system_folders.end(), folder) != host.system_folders.end();
  if (too_wide || system || lies_in(folder, "/proc") || lies_in(folder, "/sys") || lies_in(folder, "/dev"))
    return base::Error{base::ErrorCode::kDenied,
                       cat(folder.string(), " is too wide for a workspace; choose the folder of one project")};
  return base::ok();
}

base::Result<RunPlan> make_run_plan(const HostFacts& host, const WorkspacePlaces& places, const Command& command,
                                    const Policy& policy) {
  using Kind = Mount::Kind;
  if (command.argv.empty() || command.argv[0].empty()) return base::invalid("the command is empty");
  for (const std::string& argument : command.argv)
    if (argument.find('\0') != std::string::npos) return base::invalid("a command's argument contains a NUL byte");
  for (const auto& [name, value] : policy.environment)
    if (name.empty() || name.find('=') != std::string::npos || (name + value).find('\0') != std::string::npos)
      return base::invalid(cat("'", name, "' is not a name for an environment variable"));
  const fs::path cwd = command.cwd.empty() ? places.source : (places.source / command.cwd).lexically_normal();
  if (command.cwd.is_absolute() || !lies_in(cwd, places.source))
    return base::invalid(cat("the folder '", command.cwd.string(), "' lies outside the workspace"));

  RunPlan plan;
  plan.argv = command.argv;
  plan.cwd = cwd;
  plan.network = policy.network;
  plan.environment = make_environment(host, policy);

  // The root starts as an empty tmpfs; what is not named here does not exist inside.
  std::vector<Mount>& mounts = plan.mounts;
  for (const fs::path& folder : host.system_folders) mounts.push_back({Kind::kReadOnly, folder, folder});
  for (const auto& [link, text] : host.system_links) mounts.push_back({Kind::kLink, text, link});
  for (const fs::path& file : host.masked_files) mounts.push_back({Kind::kReadOnly, places.empty_file, file});
  for (const fs::path& folder : host.masked_folders) mounts.push_back({Kind::kReadOnly, places.empty_folder, folder});
  mounts.push_back({Kind::kProc, "", "/proc"});
  for (const fs::path& path : host.sealed_in_proc) mounts.push_back({Kind::kReadOnly, path, path});
  add_devices(mounts);
  mounts.push_back({Kind::kTmpfs, "", "/dev/shm", policy.limits.memory_bytes / kShmShare});
  mounts.push_back({Kind::kTmpfs, "", "/tmp", policy.limits.memory_bytes / kTmpShare});
  mounts.push_back({Kind::kWritable, places.home, host.home});
  for (const fs::path& folder : host.toolchains)
    if (!lies_in(folder, places.source)) mounts.push_back({Kind::kReadOnly, folder, folder});
  for (const fs::path& folder : policy.readable) {
    auto path = policy_folder(host, folder, false);
    if (!path) return std::move(path).error();
    mounts.push_back({Kind::kReadOnly, *path, *path});
  }
  if (places.view.empty()) mounts.push_back({Kind::kOverlay, "", places.source});
  else mounts.push_back({Kind::kWritable, places.view, places.source});
  for (const fs::path& folder : policy.writable) {
    auto path = policy_folder(host, folder, true);
    if (!path) return std::move(path).error();
    mounts.push_back({Kind::kWritable, *path, *path});
  }

  // A mount covers what was mounted below its target before: parents go first. Of two on one target the later wins.
  const auto depth = [](const Mount& mount) { return std::distance(mount.target.begin(), mount.target.end()); };
  std::stable_sort(mounts.begin(), mounts.end(), [&](const Mount& a, const Mount& b) { return depth(a) < depth(b); });
  mounts.push_back({Kind::kSealed, "", "/dev"});
  mounts.push_back({Kind::kSealed, "", "/"});
  return plan;
}

std::vector<std::string> bubblewrap_options(const RunPlan& plan, const fs::path& root, int status_fd, int seccomp_fd) {
  std::vector<std::string> out = {"--unshare-user", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
                                  "--die-with-parent", "--new-session", "--cap-drop", "ALL"};
  if (!plan.network) out.push_back("--unshare-net");
  // The PID namespace is ours (sandbox/launch.h). --dev-bind: the devices among the mounts stay usable.
  for (std::string word : {std::string("--dev-bind"), root.string(), std::string("/"), std::string("--json-status-fd"),
                           std::to_string(status_fd), std::string("--seccomp"), std::to_string(seccomp_fd),
                           std::string("--chdir"), plan.cwd.string()})
    out.push_back(std::move(word));
  return out;
}

}  // namespace sandbox
