// SPDX-License-Identifier: Apache-2.0
// Commands that do not want to end, and commands that want too much.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/sandbox/box.h"
#include "tests/sandbox/process_lookup.h"

namespace {

namespace fs = std::filesystem;
using sandbox::Ending;
using test::Box;
using namespace std::chrono_literals;

sandbox::WorkspaceOptions watched() {
  sandbox::WorkspaceOptions options;
  options.use_cgroup = false;
  return options;
}

int open_descriptors() {
  return static_cast<int>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{}));
}

TEST_CASE("a command that ignores every signal ends with its time, with all it started") {
  REQUIRE_ISOLATION();
  Box box;
  sandbox::Policy policy = test::short_policy();
  policy.limits.wall = 300ms;
  const auto outcome = box.sh("trap '' TERM INT HUP QUIT; (setsid sleep " + test::nap(1) + " &) ; sleep " +
                                  test::nap(1) + " & sleep " + test::nap(1),
                              policy);
  CHECK(outcome.ending == Ending::kTimedOut);
  CHECK(sandbox::describe(outcome).rfind("timed out after", 0) == 0);
  CHECK(test::count_processes(test::nap(1)) == 0);
}

TEST_CASE("the time that all processes of a run kept a core busy is told, and the memory of the largest") {
  REQUIRE_ISOLATION();
  Box box;
  const std::string count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
  const auto one = box.sh(count), two = box.sh("(" + count + ") & (" + count + ") & wait"), none = box.sh("sleep 0.3");
  CHECK(none.cpu_seconds < one.cpu_seconds);
  CHECK(one.cpu_seconds < two.cpu_seconds);
  CHECK(none.cpu_seconds < none.seconds);
  const auto large = box.sh("head -c 60000000 /dev/zero | tail -c 60000000 >/dev/null");  // tail holds all of it
  CHECK(large.largest_process_bytes > none.largest_process_bytes + 40'000'000);
  CHECK(large.largest_process_bytes < 200'000'000);
}

TEST_CASE("a stop request ends the tree, whenever it comes") {
  REQUIRE_ISOLATION();
  Box box;
  std::stop_source stop;
  auto outcome =
      box.workspace().run(sandbox::shell_command("trap '' TERM; echo started; sleep " + test::nap(2)),
                          test::short_policy(), stop.get_token(), [&](std::string_view) { stop.request_stop(); });
  REQUIRE(outcome);
  CHECK(outcome->ending == Ending::kCancelled);
  CHECK(test::count_processes(test::nap(2)) == 0);

  auto before =
      box.workspace().run(sandbox::shell_command("sleep " + test::nap(2)), test::short_policy(), stop.get_token());
  REQUIRE(before);
  CHECK(before->ending == Ending::kCancelled);

  for (int i = 0; i < 20; ++i) {  // races with every phase of the start
    std::stop_source soon;
    std::thread canceller([&soon, i] {
      for (int turn = 0; turn < i * 50; ++turn) std::this_thread::yield();
      soon.request_stop();
    });
    auto raced =
        box.workspace().run(sandbox::shell_command("sleep " + test::nap(2)), test::short_policy(), soon.get_token());
    canceller.join();
    REQUIRE(raced);
    CHECK(raced->ending == Ending::kCancelled);
  }
  CHECK(test::count_processes(test::nap(2)) == 0);
}

TEST_CASE("a run ends with its main process, whoever still holds its output") {
  REQUIRE_ISOLATION();
  Box box;
  const auto outcome = box.sh("(setsid sh -c 'trap \"\" TERM HUP; sleep " + test::nap(3) + "' &) ; sleep " +
                              test::nap(3) + " & echo done");
  CHECK(outcome.passed());
  CHECK(outcome.output == "done\n");
  CHECK(test::count_processes(test::nap(3)) == 0);
}

TEST_CASE("a fork bomb meets the process limit") {
  REQUIRE_ISOLATION();
  for (const auto& options : {sandbox::WorkspaceOptions{}, watched()}) {
    CAPTURE(options.use_cgroup);
    Box box(options);
    sandbox::Policy policy = test::short_policy();
    policy.limits.n_processes = 40;
    policy.limits.wall = 1s;
    const auto outcome =
        box.sh("n=0; while [ $n -lt 200 ]; do sleep " + test::nap(4) + " & n=$((n+1)); done; wait", policy);
    CHECK_FALSE(outcome.passed());
    // Root is exempt from the kernel's own count, and is watched.
    if (!options.use_cgroup && ::geteuid() == 0) CHECK(outcome.ending == Ending::kTooManyProcesses);
    // One that doubles, where the kernel holds it: watched alone it could take every process of a busy machine before it is seen.
    if (options.use_cgroup ? sandbox::probe_isolation().memory_of_tree : ::geteuid() != 0)
      box.sh("b() { b | b & }; b; wait; sleep " + test::nap(4), policy);
    CHECK(test::count_processes(test::nap(4)) == 0);
    CHECK(box.sh("true", policy).passed());  // the workspace is good for the next run
  }
}

TEST_CASE("a tree that takes too much memory is ended") {
  REQUIRE_ISOLATION();
  sandbox::Policy policy = test::short_policy();
  policy.limits.memory_bytes = 64u << 20;
  if (sandbox::probe_isolation().memory_of_tree) {
    Box box;
    const auto outcome = box.sh("head -c 300M /dev/zero | tail", policy);
    CHECK(outcome.ending == Ending::kOutOfMemory);
    CHECK(box.sh("for i in 1 2 3 4 5 6; do (head -c 30M /dev/zero; sleep 1) | tail & p=\"$p $!\"; done; "
                 "for i in $p; do wait $i || exit 1; done",
                 policy)
              .ending == Ending::kOutOfMemory);
  } else {
    test::say_skipped("no control group bounds a tree here");
  }
  Box box(watched());
  CHECK_FALSE(box.sh("head -c 300M /dev/zero | tail > /dev/null && test $? -eq 0 && exit 1; exit 1", policy).passed());
  CHECK_FALSE(box.sh("head -c 200M /dev/zero > /tmp/fill", policy).passed());
  CHECK_FALSE(box.sh("head -c 200M /dev/zero > /dev/shm/fill", policy).passed());
}

TEST_CASE("memory of a tree is watched from outside where no control group does it") {
  REQUIRE_ISOLATION();
  Box box(watched());
  sandbox::Policy policy = test::short_policy();
  policy.limits.memory_bytes = 64u << 20;  // four processes below it, together above
  const auto outcome =
      box.sh("for i in 1 2 3 4; do (head -c 35M /dev/zero; sleep " + test::nap(5) + ") | tail & done; wait", policy);
  CHECK(outcome.ending == Ending::kOutOfMemory);
  CHECK(test::count_processes(test::nap(5)) == 0);
}

TEST_CASE("one file, and all files together, have a size limit") {
  REQUIRE_ISOLATION();
  Box box;
  sandbox::Policy policy = test::short_policy();
  policy.limits.file_size_bytes = 1u << 20;
  CHECK_FALSE(box.sh("head -c 2M /dev/zero > big", policy).passed());
  CHECK(box.out("stat -c %s big", policy) == "1048576\n");

  policy.limits.disk_bytes = 8u << 20;
  const auto outcome = box.sh(
      "i=0; while [ $i -lt 32 ]; do head -c 1M /dev/zero > f$i; i=$((i+1)); done; sleep " + test::nap(6), policy);
  CHECK(outcome.ending == Ending::kOutOfDisk);
}

TEST_CASE("a flood of output keeps its head and tail, blocks nobody and stays small") {
  REQUIRE_ISOLATION();
  Box box;
  sandbox::Policy policy = test::short_policy();
  policy.limits.output_bytes = 64u << 10;
  const auto finished =
      box.sh("echo the first line; head -c 30M /dev/zero | tr '\\0' x; echo; echo the last line", policy);
  CHECK(finished.passed());
  CHECK(finished.output.size() < (64u << 10) + 200);
  CHECK(finished.output.rfind("the first line\n", 0) == 0);
  CHECK(finished.output.find("the last line\n") == finished.output.size() - 14);
  CHECK(finished.output.find("bytes of output dropped here") != std::string::npos);
  CHECK(finished.output_dropped_bytes > (29u << 20));

  policy.limits.wall = 500ms;
  const auto endless = box.sh("yes & yes", policy);
  CHECK(endless.ending == Ending::kTimedOut);
  CHECK(endless.output.size() < (64u << 10) + 200);
}

TEST_CASE("commands start with default signals, whatever this program blocks or ignores") {
  REQUIRE_ISOLATION();
  Box box;
  box.workspace();
  sigset_t blocked, before;
  sigemptyset(&blocked);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD}) sigaddset(&blocked, signal);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old_pipe = std::signal(SIGPIPE, SIG_IGN);
  const std::string status = box.out("grep -E '^Sig(Blk|Ign)' /proc/self/status");
  std::signal(SIGPIPE, old_pipe);
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, &before, &now);
  CHECK(status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  CHECK(sigismember(&now, SIGTERM) == 1);  // and the caller's mask is as it was
}

TEST_CASE("a run leaves no child, descriptor, mount or scratch folder behind") {
  REQUIRE_ISOLATION();
  Box box;
  box.out("true");
  const int before = open_descriptors();
  sandbox::Policy policy = test::short_policy();
  for (int i = 0; i < 5; ++i) {
    policy.limits.wall = i % 2 == 0 ? 60s : 50ms;
    box.sh(i % 2 == 0 ? "true" : "sleep " + test::nap(7), policy);
  }
  CHECK(open_descriptors() == before);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
  std::ostringstream mounts;
  mounts << std::ifstream("/proc/self/mounts").rdbuf();
  CHECK(mounts.str().find("graft") == std::string::npos);
  box.out("mkdir -p d; chmod 000 d; i=0; while [ $i -lt 300 ]; do mkdir e; cd e; i=$((i+1)); done");
  box.drop();
}

TEST_CASE("when this program is killed, so is what it was running") {
  REQUIRE_ISOLATION();
  const std::string nap = test::nap(8);  // of this process, before it forks
  test::TempDir dir;
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto workspace = sandbox::Workspace::create(dir.path());
    if (workspace)
      (void)(*workspace)
          ->run(sandbox::shell_command("setsid sleep " + nap + " & sleep " + nap), test::short_policy(), {});
    ::_exit(0);
  }
  CHECK(test::eventually([&] { return test::count_processes(nap) >= 3; }));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  CHECK(test::eventually([&] { return test::count_processes(nap) == 0; }));
}

}  // namespace
