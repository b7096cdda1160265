// SPDX-License-Identifier: Apache-2.0
// engine/cuda/instructions.cuh in plain C++: what each instruction does, by the same names.
#pragma once
#include "cuda_bf16.h"
#include "cuda_runtime.h"

#define GRAFT_LAUNCHED_SHARED(type, name, alignment) \
  type* const name = reinterpret_cast<type*>(::cuda_emulator::current().shared())

namespace engine::cuda {

// ---- memory

inline uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(static_cast<const char*>(p) - cuda_emulator::current().shared());
}
inline char* at_shared(uint32_t address) {
  return cuda_emulator::current().shared() + address;
}

inline uint4 load_once(const void* at) {
  return *static_cast<const uint4*>(at);
}

inline void copy_async(uint32_t to, const void* from, bool there) {
  cuda_emulator::current().lane().open_copies.push_back({at_shared(to), static_cast<const char*>(from), 16, there});
}
inline void commit_copies() {
  cuda_emulator::Lane& lane = cuda_emulator::current().lane();
  lane.groups.push_back(std::move(lane.open_copies));
  lane.open_copies.clear();
}
// Copies happen here: what reads them before has not waited.
template <int N>
inline void wait_copies() {
  cuda_emulator::Lane& lane = cuda_emulator::current().lane();
  for (; lane.groups.size() > N; lane.groups.pop_front())
    for (const cuda_emulator::Copy& copy : lane.groups.front()) {
      if (copy.there)
        std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
      else
        std::memset(copy.to, 0, static_cast<size_t>(copy.bytes));
    }
}

// ---- barriers

template <int kBarrier>
inline void barrier_of(int threads) {
  cuda_emulator::current().wait_at(kBarrier, threads);
}
template <int kBarrier>
inline void arrive_at_barrier_of(int threads) {
  cuda_emulator::current().arrive_at(kBarrier, threads);
}
inline void release_count(unsigned* count) {
  std::atomic_ref<unsigned>(*count).fetch_add(1, std::memory_order_release);
}
inline void await_count(const unsigned* count, unsigned all) {
  while (std::atomic_ref<unsigned>(*const_cast<unsigned*>(count)).load(std::memory_order_acquire) < all)
    cuda_emulator::current().yield();
}
inline void await_value(const volatile int& at, int value) {
  while (at != value) cuda_emulator::current().yield();
}

// ---- tensor cores

namespace emulated {

// Of tile `tile`: this lane's two values, as a word.
inline uint32_t fragment(const uint32_t* row_addresses, int tile, bool turned) {
  const int lane = cuda_emulator::current().lane().index % 32;
  const auto value = [&](int row, int column) {
    uint16_t bits;
    std::memcpy(&bits, at_shared(row_addresses[tile * 8 + row]) + column * 2, 2);
    return uint32_t{bits};
  };
  const int a = lane / 4, b = lane % 4 * 2;
  return turned ? value(b, a) | value(b + 1, a) << 16 : value(a, b) | value(a, b + 1) << 16;
}
template <int N>
inline void load_tiles(uint32_t (&f)[N], uint32_t address, bool turned) {
  if (address % 16 != 0) throw "ldmatrix: a row that is not aligned";
  const uint32_t* rows = cuda_emulator::current().exchange(address);
  for (int i = 0; i < N; ++i) f[i] = fragment(rows, i, turned);
  cuda_emulator::current().wait_for_warp();
}

}  // namespace emulated

inline void load_fragments(uint32_t (&f)[4], uint32_t address) {
  emulated::load_tiles(f, address, false);
}
inline void load_fragments_turned(uint32_t (&f)[4], uint32_t address) {
  emulated::load_tiles(f, address, true);
}
inline void load_two(uint32_t (&f)[2], uint32_t address) {
  emulated::load_tiles(f, address, false);
}
inline void load_two_turned(uint32_t (&f)[2], uint32_t address) {
  emulated::load_tiles(f, address, true);
}

inline void multiply_16_8_16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  struct Operands {
    uint32_t a[4], b[2];
  };
  const Operands* all = cuda_emulator::current().exchange(Operands{{a[0], a[1], a[2], a[3]}, {b0, b1}});
  const int lane = cuda_emulator::current().lane().index % 32;
  const auto low = [](uint32_t w) { return std::bit_cast<float>(w << 16); };
  const auto high = [](uint32_t w) { return std::bit_cast<float>(w & 0xffff0000U); };
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4, column = lane % 4 * 2 + i % 2, lower = i / 2;
    for (int quad = 0; quad < 4; ++quad)
      for (int half = 0; half < 2; ++half) {
        const uint32_t x = all[row * 4 + quad].a[lower + half * 2], y = all[column * 4 + quad].b[half];
        c[i] += low(x) * low(y) + high(x) * high(y);
      }
  }
}

}  // namespace engine::cuda
