// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launch.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "base/file.h"
#include "base/strings.h"
#include "sandbox/seccomp_filter.h"

namespace sandbox {
namespace {

using base::cat;
using base::system_error;
using base::UniqueFd;

// Debian 12's <linux/landlock.h> ends at ABI 2; this is the attribute of ABI 6 (kernel documentation, "Landlock").
struct LandlockAttributes {
  uint64_t handled_access_fs, handled_access_net, scoped;
};
constexpr uint64_t kScopeAbstractUnixSocket = 1, kScopeSignal = 2;
constexpr long kLandlockScopesAbi = 6;

constexpr size_t kChildStackBytes = 256 << 10;     // a multiple of 16; the child's frames are small

constexpr unsigned kCloseRangeCloexec = 1u << 2;  // linux/close_range.h

// All that the child needs, laid out before the fork: the child may not allocate.
struct ChildPlan {
  // the namespaces
  const char* uid_map = nullptr;
  const char* gid_map = nullptr;
  const PreparedMounts* mounts = nullptr;
  // limits
  const int* cgroup_fds = nullptr;
  size_t n_cgroup_fds = 0;
  rlim_t file_size = RLIM_INFINITY, data = RLIM_INFINITY, n_processes = RLIM_INFINITY;
  // the program; nullptr: end with success once all is mounted
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  int null_fd = -1, output_fd = -1;
  int kept_fds[3] = {-1, -1, -1};
};

// Written by the child, read by the parent: they share memory until the exec.
using ChildReport = MountFailure;

bool write_text(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = ::write(fd, text, std::strlen(text));
  ::close(fd);
  return n == static_cast<ssize_t>(std::strlen(text));
}

[[noreturn]] void fail(ChildReport& report, const char* step) {
  report = {step, "", errno};
  ::_exit(127);
}

// We are process 1 of a PID namespace, with all rights in a user namespace of our own and none outside. Bubblewrap makes a
// second user namespace inside, from which what is mounted here cannot be changed.
void set_up_namespaces(const ChildPlan& plan, ChildReport& report) {
  if (!write_text("/proc/self/setgroups", "deny")) fail(report, "write setgroups");  // required before gid_map
  if (!write_text("/proc/self/uid_map", plan.uid_map)) fail(report, "write uid_map");
  if (!write_text("/proc/self/gid_map", plan.gid_map)) fail(report, "write gid_map");
  // Bubblewrap looks its child up by number: /proc must count as this namespace does.
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) fail(report, "mount /proc");
  if (!carry_out(*plan.mounts, report)) ::_exit(127);
}

// No connection to abstract sockets and no signal to processes outside, also where the network is shared. Rules on files
// are not set here: a process under them may not mount, and bubblewrap has yet to.
void scope_by_landlock() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < kLandlockScopesAbi) return;  // an additional layer: the namespaces hold without it
  const LandlockAttributes attributes{0, 0, kScopeAbstractUnixSocket | kScopeSignal};
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) return;
  ::syscall(SYS_landlock_restrict_self, ruleset, 0);
  ::close(ruleset);
}

void set_limit(ChildReport& report, __rlimit_resource_t what, rlim_t value, const char* step) {
  rlimit limit{};
  if (::getrlimit(what, &limit) != 0) fail(report, step);
  if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max) limit.rlim_max = value;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(what, &limit) != 0) fail(report, step);
}

// Runs between clone and exec: async-signal-safe calls only, and no write to memory but the report and its own stack.
[[noreturn]] void child_main(const ChildPlan& plan, ChildReport& report) {
  // Phase 1, still the caller in all respects. The parent blocked all signals around the fork; handlers go back to default
  // first, so that none of the parent's runs here.
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  // Phase 2: descriptors that another thread opened without O_CLOEXEC must not reach the command.
  if (::syscall(SYS_close_range, 3u, ~0u, kCloseRangeCloexec) != 0) fail(report, "close foreign descriptors");
  for (const int fd : plan.kept_fds)
    if (fd >= 0) ::fcntl(fd, F_SETFD, 0);
  if (plan.program != nullptr &&
      (::dup2(plan.null_fd, 0) < 0 || ::dup2(plan.output_fd, 1) < 0 || ::dup2(plan.output_fd, 2) < 0))
    fail(report, "set the standard streams");

  // Phase 3: limits, while we can still write cgroup files. All are inherited.
  for (size_t i = 0; i < plan.n_cgroup_fds; ++i)
    if (::write(plan.cgroup_fds[i], "0", 1) != 1) fail(report, "enter the control group");
  write_text("/proc/self/oom_score_adj", "500");  // if memory runs out, this goes before the user's editor
  set_limit(report, RLIMIT_CORE, 0, "limit core files");
  set_limit(report, RLIMIT_FSIZE, plan.file_size, "limit file sizes");
  // Counted in our new user namespace alone, not with the user's other processes. Root is exempt; sandbox/watch.h counts.
  set_limit(report, RLIMIT_NPROC, plan.n_processes, "limit processes");
  if (plan.data != RLIM_INFINITY) set_limit(report, RLIMIT_DATA, plan.data, "limit memory");

  // Phase 4: if the parent ends, so does this process, and as process 1 takes its whole namespace along. From here on no
  // privilege can be gained, not by setuid programs either. Then the mounts that only this run sees.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != 0) fail(report, "follow the parent's end");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(report, "give up new privileges");
  set_up_namespaces(plan, report);
  if (plan.program == nullptr) ::_exit(0);
  scope_by_landlock();

  // Phase 5: bubblewrap makes the other namespaces, drops all capabilities and loads the system-call filter.
  ::execve(plan.program, plan.argv, plan.envp);
  fail(report, "start bubblewrap");
}

// Blocks all signals while it lives: between clone and exec the child runs on our memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

struct ChildArguments {
  const ChildPlan& plan;
  ChildReport& report;
};

int child_entry(void* arguments) {
  auto* const given = static_cast<ChildArguments*>(arguments);
  child_main(given->plan, given->report);
}

// The child is process 1 of a new PID namespace: when it ends, the kernel ends all that it started, and we hear of its end
// only after theirs. It shares our memory until the exec, and we wait: copying the page tables of a program that holds a
// model would take longer than the whole start.
pid_t fork_child(const ChildPlan& plan, ChildReport& report) {
  const std::unique_ptr<std::byte[]> stack(new std::byte[kChildStackBytes]);
  ChildArguments arguments{plan, report};
  const AllSignalsBlocked blocked;
  return ::clone(child_entry, stack.get() + kChildStackBytes,
                 CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, &arguments);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Each id maps to itself: files keep their owner, and programs see the user that they know.
struct IdMaps {
  const std::string uid = cat(::geteuid(), " ", ::geteuid(), " 1\n");
  const std::string gid = cat(::getegid(), " ", ::getegid(), " 1\n");
};

base::Error set_up_error(const ChildReport& report) {
  return system_error(report.errno_value, cat("set up the sandbox: ", report.step, *report.path == '\0' ? "" : " ", report.path));
}

base::Result<UniqueFd> file_in_memory(const char* name, const std::string& bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd || ::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0)
    return system_error(errno, cat("make ", name));
  return fd;
}

struct Pipe {
  UniqueFd read, write;
};
base::Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return system_error(errno, "make a pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

base::Result<Launched> launch(const RunPlan& plan, const LaunchOptions& options) {
  const auto& filter = seccomp_program();
  if (!filter) return filter.error();
  auto filter_fd = file_in_memory("graft-seccomp", *filter);
  auto output = make_pipe();
  auto status = make_pipe();
  UniqueFd null_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!filter_fd) return std::move(filter_fd).error();
  if (!output) return std::move(output).error();
  if (!status) return std::move(status).error();
  if (!null_fd) return system_error(errno, "open /dev/null");

  // Options go by descriptor: the command line of process 1 inside can be read there.
  std::string option_text;
  for (const std::string& word : bubblewrap_options(plan, options.root, status->write.get(), filter_fd->get())) option_text += word + '\0';
  auto options_fd = file_in_memory("graft-bwrap-options", option_text);
  if (!options_fd) return std::move(options_fd).error();

  std::vector<std::string> words = {"bwrap", "--args", std::to_string(options_fd->get()), "--"};
  words.insert(words.end(), plan.argv.begin(), plan.argv.end());
  // The environment is bubblewrap's own: /proc/1/environ inside shows what it was started with.
  std::vector<std::string> variables;
  for (const auto& [name, value] : plan.environment) variables.push_back(cat(name, "=", value));
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(variables);

  auto mounts = prepare_mounts(plan.mounts, options.root, options.overlay);
  if (!mounts) return std::move(mounts).error();
  const IdMaps maps;
  ChildPlan child;
  child.uid_map = maps.uid.c_str();
  child.gid_map = maps.gid.c_str();
  child.mounts = &*mounts;
  child.cgroup_fds = options.join_fds.data();
  child.n_cgroup_fds = options.join_fds.size();
  child.n_processes = static_cast<rlim_t>(options.limits.n_processes) + kOwnProcesses;
  child.file_size = options.limits.file_size_bytes;
  if (options.limit_memory_per_process) child.data = options.limits.memory_bytes;
  child.program = options.bubblewrap.c_str();
  child.argv = argv.data();
  child.envp = envp.data();
  child.null_fd = null_fd.get();
  child.output_fd = output->write.get();
  child.kept_fds[0] = options_fd->get();
  child.kept_fds[1] = filter_fd->get();
  child.kept_fds[2] = status->write.get();

  ChildReport report;
  const pid_t pid = fork_child(child, report);
  if (pid < 0) return system_error(errno, "start a process");
  if (report.step != nullptr) {
    wait_for(pid);
    return set_up_error(report);
  }
  Launched launched;
  launched.pid = pid;
  launched.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!launched.pidfd) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    wait_for(pid);
    return system_error(reason, "watch the sandbox process");
  }
  launched.output = std::move(output->read);
  launched.status = std::move(status->read);
  return launched;
}

base::Status try_overlay(const Overlay& overlay) {
  auto mounts = prepare_mounts({{Mount::Kind::kOverlay, "", overlay.scratch / "view"}}, "", overlay);
  if (!mounts) return std::move(mounts).error();
  const IdMaps maps;
  ChildPlan child;
  child.uid_map = maps.uid.c_str();
  child.gid_map = maps.gid.c_str();
  child.mounts = &*mounts;
  ChildReport report;
  const pid_t pid = fork_child(child, report);
  if (pid < 0) return system_error(errno, "start a process");
  wait_for(pid);
  if (report.step != nullptr) return set_up_error(report);
  return base::ok();
}

}  // namespace sandbox
