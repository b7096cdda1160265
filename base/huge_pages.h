// SPDX-License-Identifier: Apache-2.0
// base/huge_pages.h: shared memory in large pages, so that reading much of it takes fewer address translations and filling it
// fewer page faults. A wish: where the system has no large pages to give, the memory is the same in small ones.
#pragma once
#include <cstddef>
#include <span>

namespace base {

inline constexpr size_t kHugePage = size_t{2} << 20;  // bytes; of x86-64, and of aarch64 with pages of 4 KiB

// The first `n_bytes` of the open file `fd`, mapped shared with `protection` (PROT_*) where large pages can lie. The caller unmaps.
// Null, with errno set, where it cannot be mapped.
std::byte* map_shared(int fd, size_t n_bytes, int protection);

// Gives all of `memory` that fills large pages its pages now, zeroed and large. For fresh, writable memory of map_shared(): a byte of
// each large page is written. Takes about a second for each gigabyte at most; what is not done then stays in small pages. Works without
// the setting shmem_enabled (MADV_COLLAPSE, Linux 6.1), but not against its `deny`.
void make_huge(std::span<std::byte> memory);

}  // namespace base
