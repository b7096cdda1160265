// SPDX-License-Identifier: Apache-2.0
#include "base/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/threads.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25  // headers older than Linux 6.1
#endif

namespace base {
namespace {

constexpr size_t kStep = 64;  // large pages; where there are none, no more than a byte of so many is written in vain
constexpr size_t kBytesPerMillisecond = 1'000'000, kPatience = 1000;  // a second, and one for each gigabyte
constexpr size_t kMostThreads = 8;

// False: there are none to be had.
bool collapse(std::span<std::byte> memory) {
  for (size_t page = 0; page < memory.size(); page += kHugePage)
    *reinterpret_cast<volatile std::byte*>(memory.data() + page) = std::byte{0};  // there must be a page to be grown
  return ::madvise(memory.data(), memory.size(), MADV_COLLAPSE) == 0 || errno == EAGAIN || errno == EBUSY;
}

}  // namespace

std::byte* map_shared(int fd, size_t n_bytes, int protection) {
  if (n_bytes > static_cast<size_t>(PTRDIFF_MAX) - kHugePage) {
    errno = ENOMEM;
    return nullptr;
  }
  // Large pages lie at multiples of their size, in memory as in the file: room for one more holds such a place.
  void* const room = ::mmap(nullptr, n_bytes + kHugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(room);
  const uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
  void* const data = ::mmap(reinterpret_cast<void*>(aligned), n_bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0);
  if (data == MAP_FAILED) {
    const int why = errno;
    ::munmap(room, n_bytes + kHugePage);
    errno = why;
    return nullptr;
  }
  if (aligned > begin) ::munmap(room, aligned - begin);
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t end = begin + n_bytes + kHugePage;
  const uintptr_t rest = (aligned + n_bytes + page - 1) / page * page;
  if (rest < end) ::munmap(reinterpret_cast<void*>(rest), end - rest);
  ::madvise(data, n_bytes, MADV_HUGEPAGE);  // heeded where the system has large pages for shared memory
  return static_cast<std::byte*>(data);
}

void make_huge(std::span<std::byte> memory) {
  const size_t n_pages = memory.size() / kHugePage;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience + memory.size() / kBytesPerMillisecond);
  std::atomic<size_t> next = 0;
  const auto grow = [&] {
    for (size_t first; std::chrono::steady_clock::now() < give_up && (first = next.fetch_add(kStep)) < n_pages;)
      if (!collapse(memory.subspan(first * kHugePage, std::min(kStep, n_pages - first) * kHugePage))) next = n_pages;
  };
  // What takes time is the kernel's: clearing pages, and moving others' small ones aside. Threads share it.
  std::vector<std::jthread> helpers;
  for (size_t n = std::min<size_t>({std::thread::hardware_concurrency(), kMostThreads, n_pages / kStep}); n > 1; --n)
    if (!add_thread(helpers, grow)) break;
  grow();
}

}  // namespace base
