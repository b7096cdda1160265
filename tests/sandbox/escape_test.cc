// SPDX-License-Identifier: Apache-2.0
// Known ways out of agents' sandboxes, tried from inside; each must fail closed. The cases follow the published attacks
// on agents and on containers; direct system calls are made by escape_probe.cc.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/unique_fd.h"
#include "tests/sandbox/box.h"
#include "tests/sandbox/process_lookup.h"

namespace {

namespace fs = std::filesystem;
using test::Box;

constexpr const char* kSecret = "s3cr3t-that-must-stay-outside";

// A home folder with secrets, and secrets in the environment, before anything looks at either.
struct FakeHome {
  FakeHome() {
    for (const char* file : {".ssh/id_ed25519", ".ssh/config", ".aws/credentials", ".gnupg/private-keys-v1.d/k.key",
                             ".config/gh/hosts.yml", ".netrc", ".npmrc", ".git-credentials", ".gitconfig", ".pypirc",
                             ".docker/config.json", ".kube/config", ".bash_history", ".cargo/credentials.toml",
                             ".m2/settings.xml", "other-project/source.py", ".local/share/keyrings/login.keyring"})
      home.write(file, kSecret);
    home.write(".local/bin/from-home", "#!/bin/sh\necho a tool of the home folder\n");
    ::chmod((home.path() / ".local/bin/from-home").c_str(), 0755);
    ::setenv("HOME", home.path().c_str(), 1);
    ::setenv("PATH", ((home.path() / ".local/bin").string() + ":/usr/local/bin:/usr/bin:/bin").c_str(), 1);
    ::unsetenv("XDG_CACHE_HOME");
    for (const char* name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "NPM_TOKEN",
                             "SSH_AUTH_SOCK", "DATABASE_URL", "MY_PASSWORD", "BASH_ENV", "ENV", "PYTHONSTARTUP",
                             "GIT_SSH_COMMAND", "GIT_CONFIG_PARAMETERS", "NODE_OPTIONS", "PERL5OPT", "DBUS_SESSION_BUS_ADDRESS",
                             "DISPLAY", "XDG_RUNTIME_DIR", "PROMPT_COMMAND", "LD_AUDIT_X"})
      ::setenv(name, kSecret, 1);
  }
  test::TempDir home;
};
const FakeHome fake_home;

// One box for the cases that leave it as it is; made at the first use.
Box& shared_box() {
  static Box box;
  return box;
}

fs::path probe_path() { return fs::path(GRAFT_BINARY_DIR) / "tests/sandbox/escape_probe"; }

struct ProbeBox : Box {
  ProbeBox() {
    const char* given = std::getenv("GRAFT_ESCAPE_PROBE");
    fs::copy_file(given != nullptr ? fs::path(given) : probe_path(), source.path() / "probe");
  }
  sandbox::Outcome probe(const std::string& way, const std::string& argument = "0",
                         const sandbox::Policy& policy = test::short_policy()) {
    return run({{"./probe", way, argument}, {}}, policy);
  }
  void must_fail(const std::string& way, const std::string& argument = "0",
                 const sandbox::Policy& policy = test::short_policy()) {
    CAPTURE(way);
    const auto outcome = probe(way, argument, policy);
    CAPTURE(outcome.output);
    CHECK(outcome.output.rfind("refused:", 0) == 0);
    CHECK(outcome.exit_code == 1);
  }
};

void must_fail(Box& box, const std::string& text) {
  CAPTURE(text);
  const auto outcome = box.sh(text);
  CAPTURE(outcome.output);
  CHECK_FALSE(outcome.passed());
}

void must_not_show(Box& box, const std::string& text, const std::string& secret = kSecret) {
  CAPTURE(text);
  const auto outcome = box.sh(text);
  CAPTURE(outcome.output);
  CHECK(outcome.ending == sandbox::Ending::kExited);
  CHECK(outcome.output.find(secret) == std::string::npos);
}

TEST_CASE("system calls that lead out are refused") {
  REQUIRE_ISOLATION();
  ProbeBox box;
  for (const char* way :
       {"user-namespace", "mount-namespace", "all-namespaces", "time-namespace", "clone-user-namespace", "clone-pid-namespace",
        "clone3-user-namespace", "setns", "setns-user", "mount", "bind-mount", "remount-writable", "umount", "new-mount-call",
        "open-tree", "pivot-root", "chroot", "mknod-disk", "mknod-mem", "mknod-null", "whiteout", "keyctl", "add-key", "bpf",
        "perf", "userfaultfd", "io-uring", "open-by-handle", "set-clock", "reboot", "kernel-log", "x32", "terminal", "root",
        "capability", "descriptors", "raise-limits", "trace-init"})
    box.must_fail(way);
}

TEST_CASE("the network ends at the sandbox's own loopback") {
  REQUIRE_ISOLATION();
  ProbeBox box;
  // A listener on this machine's loopback, and an abstract and a path socket, as agents and desktops have them.
  const base::UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(tcp.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(tcp.get(), 8) == 0);
  REQUIRE(::getsockname(tcp.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string port = std::to_string(ntohs(address.sin_port));

  const std::string name = "graft-escape-" + std::to_string(::getpid());
  const base::UniqueFd abstract(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), local.sun_path + 1);
  REQUIRE(::bind(abstract.get(), reinterpret_cast<sockaddr*>(&local),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())) == 0);
  REQUIRE(::listen(abstract.get(), 8) == 0);

  test::TempDir outside;
  const std::string path = (outside.path() / "socket").string();
  const base::UniqueFd named(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un file{};
  file.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), file.sun_path);
  REQUIRE(::bind(named.get(), reinterpret_cast<sockaddr*>(&file), sizeof file) == 0);
  REQUIRE(::listen(named.get(), 8) == 0);

  box.must_fail("tcp", port);
  box.must_fail("tcp6", port);
  box.must_fail("tcp-outside", "80");
  box.must_fail("udp", "53");
  box.must_fail("icmp");
  box.must_fail("abstract", name);
  box.must_fail("unix", path);
  for (const char* way : {"vsock", "packet", "alg", "bluetooth", "change-network"}) box.must_fail(way);
  for (const char* socket : {"/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/tmp/.X11-unix/X0"})
    box.must_fail("unix", socket);
  must_fail(box, "getent hosts example.com");
  CHECK(box.sh("(echo > /dev/tcp/127.0.0.1/" + port + ") 2>/dev/null && echo ESCAPED").output.find("ESCAPED") == std::string::npos);

  // With --net the machine's loopback is shared, on request; sockets by path and abstract ones still are not.
  sandbox::Policy network = test::short_policy();
  network.network = true;
  CHECK(box.probe("tcp", port, network).output == "ESCAPED\n");
  box.must_fail("unix", path, network);
  box.must_fail("vsock", "0", network);
  box.must_fail("change-network", "0", network);
  box.must_fail("abstract", name, network);
}

TEST_CASE("other processes can be neither seen nor touched") {
  REQUIRE_ISOLATION();
  ProbeBox box;
  const pid_t victim = ::fork();
  if (victim == 0) {
    for (;;) ::pause();
  }
  const std::string pid = std::to_string(victim);
  box.must_fail("trace-outside", pid);
  box.must_fail("kill-outside", pid);
  box.sh("kill -9 -1");
  must_fail(box, "kill -9 " + pid);
  int status = 0;
  CHECK(::waitpid(victim, &status, WNOHANG) == 0);  // lives
  ::kill(victim, SIGKILL);
  ::waitpid(victim, &status, 0);
  CHECK(std::stoi(box.out("ls -d /proc/[0-9]* | wc -l")) <= 6);
  must_fail(box, "test -e /proc/" + std::to_string(::getpid()) + "/exe");
  CHECK(box.out("grep -E '^(CapEff|CapPrm|CapInh|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t\\n'") ==
        "CapInh:0000000000000000CapPrm:0000000000000000CapEff:0000000000000000CapBnd:0000000000000000"
        "CapAmb:0000000000000000NoNewPrivs:1Seccomp:2");
  // Process 1 is bubblewrap, in a user namespace above: it can be seen and no more.
  for (const char* file : {"environ", "mem", "maps", "root/etc/passwd", "fd/0", "fd/1", "fdinfo/0", "exe", "ns/mnt"})
    must_fail(box, std::string("cat /proc/1/") + file);
  must_fail(box, "ls /proc/1/root/ || ls /proc/1/cwd/");
  must_fail(box, "readlink /proc/1/root /proc/1/cwd /proc/1/exe /proc/1/fd/* | grep .");
  box.sh("kill -9 1; kill -STOP 1; kill -TERM 1; true");
  must_fail(box, "ls /proc/1/root/work /proc/1/root/home/* /proc/1/cwd/../work 2>/dev/null");
}

TEST_CASE("system files and kernel settings cannot be written") {
  REQUIRE_ISOLATION();
  Box& box = shared_box();
  for (const char* path : {"/etc/graft-escape", "/etc/passwd", "/usr/graft-escape", "/usr/bin/env", "/bin/graft-escape",
                           "/lib/graft-escape", "/graft-escape", "/dev/graft-escape", "/sys/kernel/uevent_helper",
                           "/sys/fs/cgroup/x", "/proc/sys/fs/binfmt_misc/register", "/var/spool/cron/root", "/dev/mem",
                           "/dev/sda", "/dev/vda", "/dev/kmsg"})
    must_fail(box, std::string("echo x >> ") + path);
  // Written with the value that they have: should the sandbox leak, the test changes nothing.
  for (const char* path : {"kernel/hostname", "kernel/core_pattern", "vm/overcommit_memory", "fs/file-max", "kernel/panic"})
    must_fail(box, std::string("cd /proc/sys && value=$(cat ") + path + ") && echo \"$value\" > " + path);
  must_fail(box, "test -w /proc/sysrq-trigger");
  must_fail(box, "for f in /proc/irq/*/smp_affinity /proc/bus/pci/*/*; do test -w $f && exit 0; done; exit 1");
  must_fail(box, "mkdir /new");
  must_fail(box, "rm /etc/hostname");
  must_fail(box, "chmod u+s /usr/bin/env");
  must_fail(box, "mount -o remount,rw /usr");
  must_fail(box, "mount -t tmpfs none /mnt");
  must_fail(box, "chroot / true");
  must_fail(box, "unshare -Ur true");
  must_fail(box, "unshare -m true");
  must_fail(box, "nsenter -t 1 -a true");
  must_fail(box, "su -c true");
  must_fail(box, "dmesg");
  must_fail(box, "hostname graft-escape");
  must_fail(box, "cp /bin/sh suid && chmod 4755 suid && ./suid -p -c 'mount -t tmpfs none /tmp'");
}

TEST_CASE("links lead to nothing outside") {
  REQUIRE_ISOLATION();
  test::TempDir outside;
  outside.write("target", kSecret);
  outside.write("folder/inner", kSecret);
  const std::string root = outside.path().string();
  Box box;
  fs::create_symlink(outside.path() / "target", box.source.path() / "committed-link");
  fs::create_directory_symlink(outside.path() / "folder", box.source.path() / "committed-folder");
  must_fail(box, "cat committed-link");
  must_fail(box, "cat committed-folder/inner");
  must_fail(box, "echo x > committed-folder/new");
  must_fail(box, "ln -s " + root + "/target made && cat made");
  must_fail(box, "ln -s " + root + "/folder made-folder && echo x > made-folder/new");
  must_fail(box, "ln " + root + "/target hard");
  must_fail(box, "ln /etc/passwd hard && echo x >> hard");
  must_fail(box, "cat /proc/self/root" + root + "/target");
  must_fail(box, "cat /proc/1/root" + root + "/target");
  must_fail(box, "cat /proc/self/cwd/../../../../../.." + root + "/target");
  must_fail(box, "cat ../" + outside.path().filename().string() + "/target");
  must_fail(box, "cd / && cat ." + root + "/target");
  must_fail(box, "ls -d ../" + outside.path().filename().string());
  must_fail(box, "mv \"$PWD\" /tmp/moved");
  must_fail(box, "rmdir \"$PWD\"/../*/ 2>/dev/null; cat " + root + "/target");
  CHECK(outside.read("target") == kSecret);
  CHECK_FALSE(fs::exists(outside.path() / "folder/new"));
}

TEST_CASE("a link left where the next run mounts something leads that mount nowhere outside") {
  REQUIRE_ISOLATION();
  test::TempDir outside;
  Box box;
  box.source.write("sub/out/file", "x");
  sandbox::Policy policy = test::short_policy();
  policy.writable = {box.source.path() / "sub/out"};
  const std::string target = outside.path().string();
  box.sh("mv sub moved; ln -s " + target + " sub; rm -rf ~/.local; ln -s " + target + " ~/.local; ln -s " + target + " ~/.cargo", policy);
  box.sh("mv ~/.local ~/.moved; ln -s " + target + " ~/.local", policy);
  (void)box.workspace().run(sandbox::shell_command("true"), policy, {});  // fails or not
  CHECK(fs::is_empty(outside.path()));
}

TEST_CASE("nothing that a command does to its workspace reaches the source") {
  REQUIRE_ISOLATION();
  for (const bool overlay : {true, false}) {
    sandbox::WorkspaceOptions options;
    options.use_overlay = overlay;
    Box box(options);
    const char* const kFiles[] = {".git/config", ".git/hooks/pre-commit.sample", ".git/HEAD", "src/a.c", "Makefile"};
    for (const char* file : kFiles) box.source.write(file, "as it was");
    box.out("echo 'hooksPath = x' >> .git/config; echo evil > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit;"
            "mkdir -p .vscode .idea .graft .devcontainer; echo '{}' > .vscode/settings.json; echo x > .envrc; echo x > .mcp.json;"
            "echo x > .gitmodules; echo '* filter=x' > .gitattributes; echo x > AGENTS.md; echo x > conftest.py;"
            "mkfifo fifo; ln -s / root; truncate -s 1G sparse");
    box.out("mv src away; rm -rf .git Makefile; chmod -R 777 .; touch -d 1999-01-01 .");
    for (const char* file : kFiles) CHECK(box.source.read(file) == "as it was");
    CHECK(std::distance(fs::recursive_directory_iterator(box.source.path()), fs::recursive_directory_iterator{}) == 8);
    CHECK((fs::status(box.source.path()).permissions() & fs::perms::others_write) == fs::perms::none);
  }
}

TEST_CASE("secrets of the home folder are not there") {
  REQUIRE_ISOLATION();
  Box& box = shared_box();
  must_not_show(box, "cd ~ && find . -type f -exec cat {} +; ls -laR ~ | grep -iE 'id_|cred|netrc|npmrc|keyring|other'", "id_");
  must_not_show(box, "grep -rs s3cr3t ~ ~/.ssh ~/.aws ~/.config ~/other-project /root /home 2>/dev/null; true");
  CHECK(box.out("from-home") == "a tool of the home folder\n");  // while tools of the home folder work
  must_fail(box, "echo evil > ~/.local/bin/from-home");
  must_fail(box, "echo evil > ~/.local/bin/new-tool");
  box.out("echo evil > ~/.bashrc; mkdir -p ~/.config; echo evil > ~/.config/x; echo evil > ~/.gitconfig");
  CHECK_FALSE(fs::exists(fake_home.home.path() / ".bashrc"));
  CHECK(fake_home.home.read(".gitconfig") == kSecret);
}

TEST_CASE("secrets of the environment are not passed on") {
  REQUIRE_ISOLATION();
  Box& box = shared_box();
  must_not_show(box, "env; set; export -p; cat /proc/*/environ | tr '\\0' '\\n'");
  must_not_show(box, "cat /proc/1/cmdline /proc/*/cmdline", "/home");
  CHECK(box.out("echo \"$HOME $TMPDIR\"") == fake_home.home.path().string() + " /tmp\n");
  // A setting made in one run does not reach the next.
  box.sh("export PATH=/evil LD_PRELOAD=/evil.so; echo LD_PRELOAD=/evil.so > /tmp/env; readonly IFS=x");
  must_not_show(box, "env; cat /tmp/env 2>/dev/null", "evil");
}

TEST_CASE("secrets of the workspace are empty, at any depth and by any name") {
  REQUIRE_ISOLATION();
  for (const bool overlay : {true, false}) {
    sandbox::WorkspaceOptions options;
    options.use_overlay = overlay;
    options.reveal = {"test/fixtures/server.key"};
    Box box(options);
    const std::string key = std::string("-----BEGIN PRIVATE KEY-----\n") + kSecret + "\n-----END PRIVATE KEY-----\n";
    for (const char* file : {".env", ".env.production", "a/b/c/d/.env.local", ".ENV", "deploy/id_rsa", "x/.netrc", ".git-credentials",
                             ".ssh/id_ed25519", ".aws/credentials", "a/.kube/config", "prod.tfvars", "store.p12", "config/dev.conf"})
      box.source.write(file, kSecret);
    box.source.write("server.pem", key);
    box.source.write("tls/server.key", key);
    box.source.write("test/fixtures/server.key", "-----BEGIN PRIVATE KEY-----\nonly a test\n");
    box.source.write("public.pem", "-----BEGIN CERTIFICATE-----\npublic\n");
    box.source.write(".env.example", "NAME=example\n");
    box.source.write("notes.key", "not a key\n");
    fs::create_directories(box.source.path() / "linked");
    fs::create_symlink("../config/dev.conf", box.source.path() / "linked/.env");

    must_not_show(box, "grep -rs s3cr3t . ; cat .env a/b/c/d/.env.local linked/.env config/dev.conf .ssh/* .aws/*");
    must_not_show(box, "mv .env shown; mv deploy moved; ln x/.netrc hard; cp -rL a copied; cat shown moved/* hard copied/b/c/d/.env.local");
    must_not_show(box, "rm -f .env.production; cat .env.production; rm -rf .ssh; ls .ssh; cat .ssh/id_ed25519");
    must_not_show(box, "tar cf - . | grep -a s3cr3t; python3 -c 'import os; print(open(\".ENV\").read())'");
    CHECK(box.out("cat public.pem .env.example notes.key test/fixtures/server.key") ==
          "-----BEGIN CERTIFICATE-----\npublic\nNAME=example\nnot a key\n-----BEGIN PRIVATE KEY-----\nonly a test\n");
    CHECK(box.workspace().read_file("tls/server.key", 1000).value().empty());
    CHECK(box.source.read(".env") == kSecret);
    const auto changed = box.workspace().changed_paths();
    REQUIRE(changed);
    CHECK(std::find(changed->begin(), changed->end(), "tls/server.key") == changed->end());
  }
}

TEST_CASE("secrets of the system are not readable, not by root either") {
  REQUIRE_ISOLATION();
  Box& box = shared_box();
  for (const char* path : {"/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private/x"}) {
    CAPTURE(path);
    CHECK(box.sh(std::string("cat ") + path + " 2>/dev/null").output.empty());
  }
  must_fail(box, "ls /etc/ssl/private/* /etc/sudoers.d/*");
  must_fail(box, "ls /root/.ssh");
  must_fail(box, "ls /mnt /srv /media /boot /var/log");
  must_fail(box, "cat /proc/kcore > /dev/null");
  must_fail(box, "cat /proc/keys | grep .");
}

TEST_CASE("a bound on core files, and no device but the harmless ones") {
  REQUIRE_ISOLATION();
  Box& box = shared_box();
  CHECK(box.out("ulimit -c; ulimit -Hc") == "0\n0\n");
  CHECK(box.out("ls /dev | tr '\\n' ' '") ==
        "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
  must_fail(box, "echo x > /dev/tty");
  must_fail(box, "ps -o tty= -p $$ | grep -v '?'");
}

}  // namespace
