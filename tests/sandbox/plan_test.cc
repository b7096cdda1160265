// SPDX-License-Identifier: Apache-2.0
// Plans, sites, names and texts: what the sandbox decides before it touches the machine.
#include <doctest/doctest.h>

#include <algorithm>

#include "sandbox/cgroup.h"
#include "sandbox/isolation.h"
#include "sandbox/output_buffer.h"
#include "sandbox/run_plan.h"
#include "sandbox/secrets.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using sandbox::Mount;

sandbox::HostFacts some_host() {
  sandbox::HostFacts host;
  host.home = "/home/someone";
  host.environment = {{"PATH", "/usr/bin"}, {"API_KEY", "secret"}, {"LD_PRELOAD", "/x.so"}, {"http_proxy", "http://proxy"}};
  host.system_folders = {"/usr", "/etc"};
  host.system_links = {{"/bin", "usr/bin"}};
  host.toolchains = {"/home/someone/.rustup"};
  host.masked_files = {"/etc/shadow"};
  host.sealed_in_proc = {"/proc/sys"};
  return host;
}

const sandbox::WorkspacePlaces kPlaces{"/home/someone/project", "/scratch/view", "/scratch/home", "/scratch/file", "/scratch/folder"};

sandbox::RunPlan plan_for(const sandbox::Policy& policy, const sandbox::HostFacts& host = some_host()) {
  auto plan = sandbox::make_run_plan(host, kPlaces, sandbox::shell_command("true"), policy);
  REQUIRE_MESSAGE(plan, plan.error().message);
  return std::move(*plan);
}

size_t position(const sandbox::RunPlan& plan, const fs::path& target) {
  const auto at = std::find_if(plan.mounts.begin(), plan.mounts.end(), [&](const Mount& m) { return m.target == target; });
  REQUIRE_MESSAGE(at != plan.mounts.end(), target.string());
  return static_cast<size_t>(at - plan.mounts.begin());
}

TEST_CASE("a plan mounts parents before what lies in them, and seals the root last") {
  const auto plan = plan_for({});
  for (size_t i = 0; i < plan.mounts.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const fs::path rest = plan.mounts[j].target.lexically_relative(plan.mounts[i].target);
      const bool covers = plan.mounts[i].kind != Mount::Kind::kSealed && !rest.empty() && *rest.begin() != "..";
      CHECK_FALSE_MESSAGE(covers, plan.mounts[i].target.string(), " covers ", plan.mounts[j].target.string());
    }
  CHECK(plan.mounts.back().kind == Mount::Kind::kSealed);
  CHECK(plan.mounts.back().target == "/");
  CHECK(position(plan, "/home/someone") < position(plan, "/home/someone/project"));
  CHECK(position(plan, "/etc") < position(plan, "/etc/shadow"));
}

TEST_CASE("a plan writes to the view, the private home and what the policy names, and to nothing else") {
  test::TempDir open;
  sandbox::Policy policy;
  policy.writable = {open.path()};
  std::vector<std::string> writable;
  for (const Mount& mount : plan_for(policy).mounts)
    if (mount.kind == Mount::Kind::kWritable) writable.push_back(mount.source + " at " + mount.target.string());
  std::sort(writable.begin(), writable.end());
  const std::string real = fs::canonical(open.path()).string();
  std::vector<std::string> expected = {"/scratch/home at /home/someone", "/scratch/view at /home/someone/project",
                                       real + " at " + real};
  std::sort(expected.begin(), expected.end());
  CHECK(writable == expected);
}

TEST_CASE("the environment holds what is allowed, and proxies only with a network") {
  auto environment = plan_for({}).environment;
  CHECK(environment.count("API_KEY") == 0);
  CHECK(environment.count("LD_PRELOAD") == 0);
  CHECK(environment.count("http_proxy") == 0);
  CHECK(environment["HOME"] == "/home/someone");
  CHECK(environment["PATH"] == "/usr/bin");
  sandbox::Policy policy;
  policy.network = true;
  policy.environment = {{"MODE", "test"}, {"HOME", "/elsewhere"}};
  environment = plan_for(policy).environment;
  CHECK(environment["http_proxy"] == "http://proxy");
  CHECK(environment["MODE"] == "test");
  CHECK(environment["HOME"] == "/home/someone");  // the private folder stays
}

TEST_CASE("the network is unshared unless the policy asks for it") {
  const auto has = [](const sandbox::RunPlan& plan, const char* option) {
    const auto words = sandbox::bubblewrap_options(plan, "/root", 5, 6);
    return std::find(words.begin(), words.end(), option) != words.end();
  };
  sandbox::Policy network;
  network.network = true;
  CHECK(has(plan_for({}), "--unshare-net"));
  CHECK_FALSE(has(plan_for(network), "--unshare-net"));
  for (const char* option : {"--unshare-user", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"})
    CHECK(has(plan_for(network), option));
}

TEST_CASE("folders that the sandbox protects cannot be opened by a policy") {
  for (const char* path : {"/", "/etc", "/usr", "/proc", "/home/someone", "/home", "/tmp", "relative", "/no/such"}) {
    CAPTURE(path);
    sandbox::Policy policy;
    policy.writable = {path};
    CHECK_FALSE(sandbox::make_run_plan(some_host(), kPlaces, sandbox::shell_command("true"), policy));
  }
  test::TempDir dir;
  fs::create_directory(dir.path() / ".ssh");
  fs::create_directory_symlink(".ssh", dir.path() / "harmless");
  sandbox::Policy policy;
  policy.readable = {dir.path() / "harmless"};
  CHECK_FALSE(sandbox::make_run_plan(some_host(), kPlaces, sandbox::shell_command("true"), policy));
}

TEST_CASE("a workspace may not be the home folder, a folder above it or a system folder") {
  for (const char* path : {"/", "/home", "/home/someone", "/usr", "/etc", "/proc/self", "/dev/shm", "/tmp"})
    CHECK_FALSE(sandbox::check_source(some_host(), path));
  for (const char* path : {"/home/someone/project", "/tmp/x", "/usr/src/app", "/srv/app"})
    CHECK(sandbox::check_source(some_host(), path));
}

TEST_CASE("control groups: version 2 beside us, version 1 below us, or none") {
  const auto yes = [](const fs::path&, int) { return true; };
  const auto no = [](const fs::path&, int) { return false; };
  const auto parent_only = [](const fs::path& folder, int) { return folder.filename() == "app.slice"; };
  const char* v2_mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
  auto site = sandbox::choose_cgroup_site(v2_mounts, "0::/user.slice/app.slice/term.scope\n", parent_only);
  CHECK(site.version == 2);
  CHECK(site.memory == "/sys/fs/cgroup/user.slice/app.slice");
  CHECK(sandbox::choose_cgroup_site(v2_mounts, "0::/\n", no).version == 0);
  CHECK(sandbox::choose_cgroup_site("", "", yes).version == 0);
  CHECK(sandbox::choose_cgroup_site("garbage\n\n a b\n", "::\n:\nx\n0:\n", yes).version == 0);

  const char* v1_mounts = "cgroup /cg/memory cgroup rw,memory 0 0\ncgroup /cg/cpu,pids cgroup rw,cpu,pids 0 0\n";
  const char* v1_groups = "4:memory:/a/b\n8:cpu,pids:/\n0::/\n";
  site = sandbox::choose_cgroup_site(v1_mounts, v1_groups, yes);
  CHECK(site.version == 1);
  CHECK(site.memory == "/cg/memory/a/b");
  CHECK(site.pids.lexically_normal() == fs::path("/cg/cpu,pids/"));
  // In a container the path is the host's: the mount's root is ours.
  site = sandbox::choose_cgroup_site(v1_mounts, v1_groups, [](const fs::path& f, int) { return f != "/cg/memory/a/b"; });
  CHECK(site.memory == "/cg/memory");
}

TEST_CASE("the fix names what forbids namespaces") {
  sandbox::NamespaceSettings settings;
  CHECK(sandbox::choose_fix(false, settings, "") == "apt-get install bubblewrap");
  settings.apparmor_restrict_unprivileged_userns = "1";
  CHECK(sandbox::choose_fix(true, settings, "x") == "sysctl kernel.apparmor_restrict_unprivileged_userns=0");
  settings.unprivileged_userns_clone = "0";
  CHECK(sandbox::choose_fix(true, settings, "x") == "sysctl kernel.unprivileged_userns_clone=1");
  CHECK(sandbox::choose_fix(true, {}, "no luck").find("no luck") != std::string::npos);
}

TEST_CASE("output keeps its head and its tail, whatever the pieces") {
  const std::string text = [] {
    std::string out;
    for (int i = 0; i < 5000; ++i) out += std::to_string(i) + "\n";
    return out;
  }();
  for (const size_t piece : {1ul, 7ul, 100ul, 999ul, text.size()}) {
    for (const size_t limit : {0ul, 1ul, 10ul, 1000ul, text.size() - 1, text.size(), text.size() + 1}) {
      CAPTURE(piece);
      CAPTURE(limit);
      sandbox::OutputBuffer buffer(limit);
      for (size_t at = 0; at < text.size(); at += piece) buffer.add(std::string_view(text).substr(at, piece));
      const size_t dropped = text.size() - std::min(limit, text.size());
      CHECK(buffer.dropped_bytes() == dropped);
      const std::string kept = buffer.text();
      if (dropped == 0) {
        CHECK(kept == text);
      } else {
        const size_t head = limit - limit / 2, tail = limit / 2;
        CHECK(kept.substr(0, head) == text.substr(0, head));
        CHECK(kept.substr(kept.size() - tail) == text.substr(text.size() - tail));
        CHECK(kept.find(std::to_string(dropped) + " bytes of output dropped") != std::string::npos);
      }
    }
  }
}

TEST_CASE("names of secrets are known in any letter case, and examples are none") {
  for (const char* name : {".env", ".ENV", ".env.local", ".Env.Production", "id_rsa", "ID_ED25519", ".netrc", "x.p12", ".envrc"})
    CHECK_MESSAGE(sandbox::is_secret_file_name(name), name);
  for (const char* name : {"env", ".environment", ".env.example", ".env.sample", "id_rsa.pub", "environment.py", "a.c", "keys.md"})
    CHECK_FALSE_MESSAGE(sandbox::is_secret_file_name(name), name);
  CHECK(sandbox::is_secret_folder_name(".SSH"));
  CHECK_FALSE(sandbox::is_secret_folder_name("ssh"));
}

TEST_CASE("a path is a secret by its name, by a folder on its way, or by a private key in it") {
  for (const char* path : {".env", "a/b/.env.local", ".ssh/config", "a/.AWS/x/y.txt", "a/id_rsa"})
    CHECK_MESSAGE(sandbox::is_secret(path, ""), path);
  for (const char* path : {"a.py", ".env/a.py", "a/ssh/config", ".env.example", "server.key"})
    CHECK_FALSE_MESSAGE(sandbox::is_secret(path, "-----BEGIN CERTIFICATE-----"), path);
  CHECK(sandbox::is_secret("tls/server.key", "-----BEGIN EC PRIVATE KEY-----\n"));
  CHECK_FALSE(sandbox::is_secret("tls/server.txt", "-----BEGIN EC PRIVATE KEY-----\n"));
}

}  // namespace
