// SPDX-License-Identifier: Apache-2.0
// look_at_host(): the one part of planning that reads the machine.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"
#include "sandbox/run_plan.h"
#include "sandbox/secrets.h"

extern char** environ;

namespace sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> kSystemFolders = {"/usr",   "/bin",    "/sbin", "/lib", "/lib32", "/lib64",
                                                             "/libx32", "/etc",   "/opt",  "/nix", "/gnu",   "/var/lib/gems"};
// Read-only facts about the machine that run times ask for.
constexpr std::array<std::string_view, 2> kMachineFolders = {"/sys/devices/system/cpu", "/run/systemd/resolve"};

// Where version managers and package managers keep toolchains and downloaded packages, below the home folder. Folders
// that mix these with credentials (.cargo, .m2, .config) are not shown as a whole.
constexpr std::array<std::string_view, 27> kHomeToolchains = {
    ".pyenv",       ".rustup",          ".cargo/bin",   ".cargo/registry", ".cargo/git",    ".nvm",           ".fnm",
    ".volta",       ".asdf",            ".rbenv",       ".sdkman",         ".goenv",        "go/bin",         "go/pkg",
    ".local/bin",   ".local/lib",       ".local/share/uv", ".local/share/mise", ".local/share/fnm", ".local/share/pnpm",
    ".local/share/pipx", ".bun/bin",    ".deno/bin",    ".m2/repository",  "miniconda3",    "anaconda3",      ".ghcup/bin"};

// /proc shows more than one's own processes, and lets the user root, even without any capability, write the kernel's
// settings: for root these are sealed, and what root could read of foreign things is masked.
constexpr std::array<std::string_view, 8> kSealedInProc = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq",    "/proc/bus",
                                                           "/proc/fs",  "/proc/mtrr",          "/proc/driver", "/proc/scsi"};
constexpr std::array<std::string_view, 9> kMaskedInProc = {
    "/proc/keys",       "/proc/key-users",  "/proc/kcore", "/proc/kmsg",         "/proc/timer_list",
    "/proc/sched_debug", "/proc/acpi",      "/proc/asound", "/proc/latency_stats"};

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code) && ::access(path.c_str(), R_OK | X_OK) == 0;
}

std::map<std::string, std::string> read_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (const size_t equals = text.find('='); equals != std::string_view::npos && equals > 0)
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

// Commands get a private folder at the caller's HOME, so that paths in tools' settings stay true.
fs::path choose_home(const std::map<std::string, std::string>& environment) {
  fs::path home;
  if (const auto it = environment.find("HOME"); it != environment.end()) home = it->second;
  if (!home.is_absolute()) home = "/home/sandbox";
  std::error_code code;
  if (const fs::path real = fs::canonical(home, code); !code) home = real;
  home = home.lexically_normal();
  for (const char* taken : {"/", "/nonexistent", "/usr", "/etc", "/tmp", "/var", "/dev", "/proc", "/home"})
    if (home == taken) return "/home/sandbox";
  return home;
}

}  // namespace

HostFacts look_at_host() {
  HostFacts host;
  host.uid = ::geteuid();
  host.environment = read_environment();
  host.home = choose_home(host.environment);

  std::error_code code;
  const auto covered = [&](const fs::path& path) {
    const auto holds = [&](const fs::path& folder) {
      const fs::path rest = path.lexically_relative(folder);
      return !rest.empty() && *rest.begin() != "..";
    };
    return std::any_of(host.system_folders.begin(), host.system_folders.end(), holds) ||
           std::any_of(host.toolchains.begin(), host.toolchains.end(), holds);
  };

  for (const std::string_view name : kSystemFolders) {
    const fs::path path = name;
    if (fs::is_symlink(path, code)) host.system_links[path] = fs::read_symlink(path, code).string();
    else if (is_folder(path)) host.system_folders.push_back(path);
  }
  for (const std::string_view name : kMachineFolders)
    if (is_folder(name)) host.system_folders.emplace_back(name);

  const bool real_home = is_folder(host.home);
  for (const std::string_view name : kHomeToolchains)
    if (real_home && is_folder(host.home / name)) host.toolchains.push_back(host.home / name);
  // Folders of PATH elsewhere: shown as they are; a Conda or virtual environment as a whole.
  const std::string path_text = host.environment.count("PATH") > 0 ? host.environment["PATH"] : "";
  for (size_t begin = 0; begin <= path_text.size();) {
    const size_t end = std::min(path_text.find(':', begin), path_text.size());
    fs::path folder = fs::path(path_text.substr(begin, end - begin)).lexically_normal();
    begin = end + 1;
    if (folder.has_relative_path() && !folder.has_filename()) folder = folder.parent_path();
    // By its real path: /sbin is a link into /usr on most systems.
    if (!folder.is_absolute() || !is_folder(folder) || covered(fs::canonical(folder, code)) || covered(folder)) continue;
    const fs::path parent = folder.parent_path();
    if (fs::exists(parent / "pyvenv.cfg", code) || fs::exists(parent / "conda-meta", code)) folder = parent;
    const fs::path rest = host.home.lexically_relative(folder);
    const bool holds_home = !rest.empty() && *rest.begin() != "..";
    const bool shadows = folder == "/" || folder == "/tmp" || folder == "/run" || folder == "/dev" || folder == "/proc";
    if (!holds_home && !shadows) host.toolchains.push_back(folder);
  }

  for (const std::string_view path : kSealedInProc)
    if (host.uid == 0 && fs::exists(path, code)) host.sealed_in_proc.emplace_back(path);
  for (const std::string_view path : kMaskedInProc)
    if (::access(fs::path(path).c_str(), R_OK) == 0) (fs::is_directory(path, code) ? host.masked_folders : host.masked_files).emplace_back(path);
  for (const fs::path& path : system_secrets()) {
    if (::access(path.c_str(), R_OK) != 0) continue;
    (fs::is_directory(path, code) ? host.masked_folders : host.masked_files).push_back(path);
  }
  return host;
}

}  // namespace sandbox
