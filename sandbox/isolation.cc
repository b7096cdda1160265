// SPDX-License-Identifier: Apache-2.0
#include "sandbox/isolation.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "sandbox/cgroup.h"
#include "sandbox/launch.h"
#include "sandbox/scratch.h"
#include "sandbox/supervise.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;

constexpr std::chrono::seconds kProbeTime{10};

// The system's own first: a program of the same name in a folder of PATH that a project put there is not trusted.
std::string find_bubblewrap() {
  for (const char* path : {"/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/run/current-system/sw/bin/bwrap"})
    if (::access(path, X_OK) == 0) return path;
  return "";
}

std::string setting(const char* path) {
  auto text = base::read_file(path, 64);
  return text ? std::string(base::trim(*text)) : std::string();
}

NamespaceSettings read_settings() {
  NamespaceSettings settings;
  settings.unprivileged_userns_clone = setting("/proc/sys/kernel/unprivileged_userns_clone");
  settings.apparmor_restrict_unprivileged_userns = setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  settings.max_user_namespaces = setting("/proc/sys/user/max_user_namespaces");
  std::error_code code;
  settings.in_container = fs::exists("/.dockerenv", code) || fs::exists("/run/.containerenv", code);
  return settings;
}

base::Result<Outcome> run_in(const std::string& bubblewrap, const Scratch& scratch, std::vector<std::string> argv) {
  for (const char* name : {"view", "copy"})
    if (auto made = scratch.renew(name); !made) return std::move(made).error();
  if (auto made = scratch.renew("home"); !made) return std::move(made).error();
  if (auto made = scratch.renew_empty(); !made) return std::move(made).error();
  const fs::path root = scratch.path();
  const WorkspacePlaces places{"/graft-probe", root / "copy", root / "home", root / "empty/file", root / "empty/folder"};
  Policy policy;
  policy.limits.wall = kProbeTime;
  auto plan = make_run_plan(look_at_host(), places, {std::move(argv), {}}, policy);
  if (!plan) return std::move(plan).error();
  auto launched = launch(*plan, {bubblewrap, root / "view", std::nullopt, {}, policy.limits, false});
  if (!launched) return std::move(launched).error();
  return supervise(std::move(*launched), policy.limits, Watch({}, policy.limits, false), {}, {});
}

bool overlay_works(const Scratch& scratch) {
  for (const char* name : {"source", "upper", "work", "view"})
    if (!scratch.renew(name)) return false;
  return bool(try_overlay({scratch.path() / "source", scratch.path()}));
}

std::string version_of(const std::string& bubblewrap) {
  FILE* pipe = ::popen(cat(bubblewrap, " --version 2>/dev/null").c_str(), "re");
  if (pipe == nullptr) return "bubblewrap";
  char line[128] = {};
  const bool got = std::fgets(line, sizeof line, pipe) != nullptr;
  ::pclose(pipe);
  return got ? std::string(base::trim(line)) : "bubblewrap";
}

Machine look() {
  Machine found;
  Isolation& isolation = found.isolation;
  found.bubblewrap = find_bubblewrap();
  if (found.bubblewrap.empty()) {
    isolation.kind = "none: bubblewrap is not installed";
    isolation.fix = choose_fix(false, read_settings(), "");
    return found;
  }
  std::string why = "no private scratch folder could be made";
  for (const fs::path& base : scratch_bases()) {
    auto scratch = Scratch::create(base);
    if (!scratch) {
      why = scratch.error().message;
      continue;
    }
    const auto outcome = run_in(found.bubblewrap, *scratch, {"/bin/true"});
    isolation.available = outcome && outcome->passed();
    if (!outcome) why = outcome.error().message;
    else if (!outcome->passed()) why = cat(describe(*outcome), ": ", base::trim(outcome->output));
    isolation.overlay = isolation.available && overlay_works(*scratch);
    if (isolation.overlay) break;
  }
  if (!isolation.available) {
    isolation.kind = cat("none: ", why);
    isolation.fix = choose_fix(true, read_settings(), why);
    return found;
  }
  const CgroupSite& site = cgroup_site();
  isolation.memory_of_tree = site.version != 0 && Cgroup::create(site).has_value();
  isolation.kind = cat(version_of(found.bubblewrap), ", user namespaces, seccomp, ",
                       isolation.overlay ? "overlayfs" : "copied workspace", ", ",
                       isolation.memory_of_tree ? cat("cgroup v", site.version) : "limits per process");
  return found;
}

}  // namespace

std::string choose_fix(bool bubblewrap_found, const NamespaceSettings& settings, std::string_view what_bubblewrap_said) {
  if (!bubblewrap_found) return "apt-get install bubblewrap";
  if (settings.unprivileged_userns_clone == "0") return "sysctl kernel.unprivileged_userns_clone=1";
  if (settings.max_user_namespaces == "0") return "sysctl user.max_user_namespaces=10000";
  if (settings.apparmor_restrict_unprivileged_userns == "1") return "sysctl kernel.apparmor_restrict_unprivileged_userns=0";
  if (settings.in_container) return "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined";
  return cat("allow user namespaces to this user (bubblewrap says: ", what_bubblewrap_said, ")");
}

const Machine& machine() {
  static const Machine kMachine = look();
  return kMachine;
}

const Isolation& probe_isolation() { return machine().isolation; }

}  // namespace sandbox
