// SPDX-License-Identifier: Apache-2.0
// sandbox_bench [ROUNDS]: what isolation costs. One round runs each of these once, in turn, so that the machine's other
// work falls on all alike; the table gives median, least and 90th percentile of the wall time in milliseconds.
//   bare          /bin/true by posix_spawn
//   bubblewrap    /bin/true in bubblewrap with the same namespaces, the whole root bound read-only: the measure of the goal
//   workspace     Workspace::run of /bin/true: overlay, limits, seccomp, masks, output collected
//   write+run     the same after write_file, as the search driver does for each candidate
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "sandbox/sandbox.h"

namespace {

double milliseconds(const std::function<bool()>& work) {
  // The kernel takes network namespaces down in the background and holds up the next one meanwhile: that is not to be
  // counted to whoever comes next.
  ::usleep(20'000);
  const auto begin = std::chrono::steady_clock::now();
  if (!work()) {
    std::fprintf(stderr, "a measured command failed\n");
    std::exit(1);
  }
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

bool spawn(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  int status = 0;
  return ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) == 0 && ::waitpid(pid, &status, 0) == pid &&
         status == 0;
}

struct Series {
  const char* name;
  std::function<bool()> work;
  std::vector<double> times;
};

}  // namespace

int main(int argc, char** argv) {
  const int n_rounds = argc > 1 ? std::atoi(argv[1]) : 100;
  if (!sandbox::probe_isolation().available) {
    std::fprintf(stderr, "no isolation here; to fix it: %s\n", sandbox::probe_isolation().fix.c_str());
    return 2;
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "graft-bench-XXXXXX").string();
  const std::filesystem::path source = ::mkdtemp(pattern.data());
  std::ofstream(source / "file") << "x\n";
  {
    auto workspace = sandbox::Workspace::create(source);
    if (!workspace) {
      std::fprintf(stderr, "%s\n", workspace.error().message.c_str());
      return 2;
    }
    const auto run = [&] {
      auto outcome = (*workspace)->run({{"/bin/true"}, {}}, {}, {});
      return outcome && outcome->passed();
    };
    std::vector<Series> all = {
        {"bare", [] { return spawn({"/bin/true"}); }, {}},
        {"bubblewrap",
         [] {
           return spawn({"bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net",
                         "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--ro-bind", "/", "/", "--dev", "/dev",
                         "--proc", "/proc", "--tmpfs", "/tmp", "/bin/true"});
         },
         {}},
        {"workspace", run, {}},
        {"write+run", [&] { return bool((*workspace)->write_file("file", "y\n")) && run(); }, {}}};
    for (int round = -2; round < n_rounds; ++round)  // two rounds to warm up
      for (Series& series : all)
        if (const double time = milliseconds(series.work); round >= 0) series.times.push_back(time);

    std::printf("# %s; %d rounds\nname,median_ms,min_ms,p90_ms,of_bubblewrap\n", sandbox::probe_isolation().kind.c_str(), n_rounds);
    const auto at = [](std::vector<double> times, double share) {
      std::sort(times.begin(), times.end());
      return times.empty() ? 0.0 : times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
    };
    const double reference = at(all[1].times, 0.5);
    for (const Series& series : all)
      std::printf("%s,%.2f,%.2f,%.2f,%.2f\n", series.name, at(series.times, 0.5), at(series.times, 0.0), at(series.times, 0.9),
                  at(series.times, 0.5) / reference);
  }
  std::filesystem::remove_all(source);
  return 0;
}
