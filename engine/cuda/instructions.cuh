// SPDX-License-Identifier: Apache-2.0
// engine/cuda/instructions.cuh: what CUDA C++ has no words for, one instruction a function: those of every device from
// 8.0 on (gemm_hopper.cuh has Hopper's own). The emulator of the tests puts a file of its own in this one's place
// (tests/cuda_emulator), so nothing else of this folder but gemm_hopper.cuh is written in assembly.
//
// Source   PTX ISA 9.0, sections "mma", "ldmatrix", "cp.async", "bar", "ld", "red"
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

// Shared memory whose size the launch gives, as an array.
#define GRAFT_LAUNCHED_SHARED(type, name, alignment) \
  extern __shared__ __align__(alignment)             \
  type name[]

namespace engine::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// ---- memory

// 16 bytes that are read once.
__device__ __forceinline__ uint4 load_once(const void* at) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(at));
  return v;
}

// Sixteen bytes to shared memory, zeros where they are not there; `from` is a valid address all the same.
__device__ __forceinline__ void copy_async(uint32_t to, const void* from, bool there) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Until all but the last N groups that this thread has committed are there.
template <int N>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// ---- barriers

// Of `threads` threads of the block, by number.
template <int kBarrier>
__device__ __forceinline__ void barrier_of(int threads) {
  asm volatile("bar.sync %0, %1;" ::"n"(kBarrier), "r"(threads) : "memory");
}
// Arrives there and goes on.
template <int kBarrier>
__device__ __forceinline__ void arrive_at_barrier_of(int threads) {
  asm volatile("bar.arrive %0, %1;" ::"n"(kBarrier), "r"(threads) : "memory");
}
// Counts one up for all blocks, after all that this thread has seen written.
__device__ __forceinline__ void release_count(unsigned* count) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(count) : "memory");
}
__device__ __forceinline__ void await_count(const unsigned* count, unsigned all) {
  unsigned seen;
  do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(count) : "memory");
  while (seen < all);
}
// Until another thread of the block has written `value`.
__device__ __forceinline__ void await_value(const volatile int& at, int value) {
  while (at != value) {
  }
}

// ---- tensor cores

// Tiles of 8 x 8 values of two bytes, whose rows lie at the addresses of eight lanes each; `turned`: transposed.
__device__ __forceinline__ void load_fragments(uint32_t (&f)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f[0]), "=r"(f[1]), "=r"(f[2]), "=r"(f[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void load_fragments_turned(uint32_t (&f)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f[0]), "=r"(f[1]), "=r"(f[2]), "=r"(f[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void load_two(uint32_t (&f)[2], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(f[0]), "=r"(f[1])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void load_two_turned(uint32_t (&f)[2], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(f[0]), "=r"(f[1])
               : "r"(address)
               : "memory");
}
// c [16, 8] += a [16, 16] . b [16, 8], f32 and bfloat16.
__device__ __forceinline__ void multiply_16_8_16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace engine::cuda
