// SPDX-License-Identifier: Apache-2.0
// Shared memory in large pages, as the kernel's own account of this process's mappings (/proc/self/smaps) shows them.
#include "base/huge_pages.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/shared_block.h"
#include "base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace {

using base::kHugePage;

// What smaps says of the mapping that begins at `data`, in bytes; -1 without such a mapping.
int64_t mapped_huge(const std::byte* data) {
  std::ifstream file("/proc/self/smaps");
  char begin[32];
  std::snprintf(begin, sizeof begin, "%lx-", reinterpret_cast<unsigned long>(data));
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(begin, 0) == 0) inside = true;
    if (!inside) continue;
    int64_t kib = -1;
    if (std::sscanf(line.c_str(), "ShmemPmdMapped: %ld kB", &kib) == 1) return kib * 1024;
  }
  return -1;
}

// Whether this system can have large shared pages at all, asked of it without base: Linux from 6.1 on, unless an administrator forbids it.
bool system_can() {
  utsname name{};
  int major = 0, minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2 || major < 6 || (major == 6 && minor < 1)) return false;
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  std::string setting;
  return std::getline(file, setting) && setting.find("[deny]") == std::string::npos && kHugePage == 2u << 20;
}

struct Memory {
  base::UniqueFd file{::memfd_create("test", MFD_CLOEXEC)};
  std::byte* data = nullptr;
  size_t n_bytes;
  explicit Memory(size_t size) : n_bytes(size) {
    REQUIRE(file);
    REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
    data = base::map_shared(file.get(), size, PROT_READ | PROT_WRITE);
    REQUIRE(data != nullptr);
  }
  ~Memory() { ::munmap(data, n_bytes); }
};

}  // namespace

TEST_CASE("huge pages: shared memory is mapped where they can lie, and nothing else of the room is kept") {
  for (const size_t n_bytes : {size_t{1}, size_t{4096}, kHugePage - 1, kHugePage, 3 * kHugePage + 5000}) {
    CAPTURE(n_bytes);
    const Memory memory(n_bytes);
    CHECK(reinterpret_cast<uintptr_t>(memory.data) % kHugePage == 0);
    memory.data[0] = std::byte{7};
    memory.data[n_bytes - 1] = std::byte{7};
    std::byte there{};
    CHECK(::pread(memory.file.get(), &there, 1, static_cast<off_t>(n_bytes - 1)) == 1);
    CHECK(there == std::byte{7});
    // The pages before and after are free: msync of what is not mapped says so.
    const size_t end = (n_bytes + 4095) / 4096 * 4096;
    CHECK((::msync(memory.data + end, 4096, MS_ASYNC) != 0 && errno == ENOMEM));
  }
}

TEST_CASE("huge pages: what cannot be mapped is null, with the reason") {
  CHECK(base::map_shared(-1, 4096, PROT_READ) == nullptr);
  CHECK(errno == EBADF);
  CHECK(base::map_shared(-1, SIZE_MAX - 5, PROT_READ) == nullptr);
  CHECK(errno == ENOMEM);
}

TEST_CASE("huge pages: asked for, they are there before anything is written, and hold zeros") {
  const Memory memory(5 * kHugePage + 12'345);
  base::make_huge({memory.data, memory.n_bytes});
  CHECK(std::all_of(memory.data, memory.data + memory.n_bytes, [](std::byte b) { return b == std::byte{0}; }));
  if (system_can()) CHECK(mapped_huge(memory.data) >= static_cast<int64_t>(3 * kHugePage));  // another may hold on to a page for a moment
  base::make_huge({});
}

TEST_CASE("huge pages: a block that processes share lies in them for whoever maps it") {
  const ::test::TempDir dir;
  const base::SharedBlockPlace place{"huge-1", dir.path() / "shared", std::chrono::seconds(5)};
  constexpr size_t kBytes = 4 * kHugePage + 777;
  const auto fill = [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{9}); };
  const auto made = base::SharedBlock::find_or_make(place, kBytes, fill);
  const auto found = base::SharedBlock::find_or_make(place, kBytes, fill);
  REQUIRE(made);
  REQUIRE(found);
  CHECK(found->found());
  for (const base::SharedBlock* block : {&*made, &*found}) {
    CHECK(std::all_of(block->bytes().begin(), block->bytes().end(), [](std::byte b) { return b == std::byte{9}; }));  // and has mapped all of it
    if (system_can()) CHECK(mapped_huge(block->bytes().data()) >= static_cast<int64_t>(2 * kHugePage));
  }
}
