// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <doctest/doctest.h>

#include "tests/support/temp_dir.h"

namespace {

constexpr const char* kMemory =
    "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    800 kB\nBuffers:  5 kB\n";

}  // namespace

TEST_CASE("available memory: what the system says, and nothing where it does not") {
  const test::TempDir dir;
  CHECK(base::available_memory(dir.path()) == 0);
  dir.write("proc/meminfo", "MemTotal: 1000 kB\n");
  CHECK(base::available_memory(dir.path()) == 0);
  dir.write("proc/meminfo", kMemory);
  CHECK(base::available_memory(dir.path()) == 800 * 1024);
  dir.write("proc/meminfo", "MemAvailable: 99999999999999999999 kB\n");
  CHECK(base::available_memory(dir.path()) == 0);
  CHECK(base::available_memory() > 0);
}

TEST_CASE("available memory: the limit of each group above the process, less what cannot be dropped") {
  const test::TempDir dir;
  dir.write("proc/meminfo", kMemory);
  dir.write("proc/self/cgroup", "4:memory:/old\n0::/user/job\n");
  dir.write("sys/fs/cgroup/user/job/memory.max", "max\n");
  dir.write("sys/fs/cgroup/user/job/memory.current", "5000\n");
  CHECK(base::available_memory(dir.path()) == 800 * 1024);
  // 300,000 less 120,000 of which 40,000 - 10,000 are pages of files.
  dir.write("sys/fs/cgroup/user/memory.max", "300000\n");
  dir.write("sys/fs/cgroup/user/memory.current", "120000\n");
  dir.write("sys/fs/cgroup/user/memory.stat", "anon 80000\nfile 40000\nfile_mapped 7\nshmem 10000\n");
  CHECK(base::available_memory(dir.path()) == 210'000);
  dir.write("sys/fs/cgroup/memory.max", "100000\n");
  dir.write("sys/fs/cgroup/memory.current", "90000\n");
  CHECK(base::available_memory(dir.path()) == 10'000);
  dir.write("sys/fs/cgroup/memory.current", "100001\n");  // over its limit for a moment
  CHECK(base::available_memory(dir.path()) == 0);
}

TEST_CASE("bytes in words") {
  CHECK(base::in_units(0) == "0 B");
  CHECK(base::in_units(999) == "999 B");
  CHECK(base::in_units(1000) == "1.00 kB");
  CHECK(base::in_units(7'940'000) == "7.94 MB");
  CHECK(base::in_units(UINT64_MAX) == "18.45 EB");
}
