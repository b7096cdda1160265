// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_hopper.cuh: the instructions of Hopper that gemm_wgmma.cuh is made of, one a function.
//
// Source   PTX ISA 9.0, sections "mbarrier", "cp.async.bulk.tensor", "wgmma.mma_async" and its "matrix descriptor",
// "setmaxnreg"
#pragma once
#include <cuda.h>

#include "engine/cuda/gemm_mma.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
namespace engine::cuda {

// Barriers in shared memory. A phase ends when `arrivals` threads have arrived and the bytes that were announced are
// there.
__device__ __forceinline__ void barrier_init(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// Between barrier_init() and the block's __syncthreads(): the copy engine sees the barriers too.
__device__ __forceinline__ void barriers_made() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
__device__ __forceinline__ void barrier_arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void barrier_arrive_announcing(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ __forceinline__ bool barrier_passed(uint32_t barrier, uint32_t parity) {
  uint32_t passed;
  asm volatile(
      "{\n.reg .pred passed;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 passed, [%1], %2;\n"
      "selp.u32 %0, 1, 0, passed;\n}"
      : "=r"(passed)
      : "r"(barrier), "r"(parity)
      : "memory");
  return passed != 0;
}
// Waits for the end of the phase of this parity; of a new barrier the phase before the first one has ended, with
// parity 1.
__device__ __forceinline__ void barrier_wait(uint32_t barrier, uint32_t parity) {
  while (!barrier_passed(barrier, parity)) {
  }
}

// What this thread has written to shared memory is seen by wgmma after the next barrier.
__device__ __forceinline__ void show_to_wgmma() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// The box of `map` at column k, row `row`, zeros outside of the matrix; its bytes count at `barrier`.
__device__ __forceinline__ void copy_box(uint32_t to, const CUtensorMap& map, int k, int row, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::
          "r"(to),
      "l"(&map), "r"(k), "r"(row), "r"(barrier)
      : "memory");
}

template <int N>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

// Rows of 128 bytes from a multiple of 1,024 on, permuted as piece_at() does; + 2 is sixteen values further on in every
// row.
__device__ __forceinline__ uint64_t tile_descriptor(uint32_t address) {
  return static_cast<uint64_t>((address & 0x3ffffU) >> 4) | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 |
         uint64_t{1} << 62;
}
__device__ __forceinline__ void products_begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int N>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}
// Keeps the compiler from using sums before the products are there.
template <int N>
__device__ __forceinline__ void pin(float (&sum)[N][4]) {
#pragma unroll
  for (int i = 0; i < N; ++i)
    asm volatile("" : "+f"(sum[i][0]), "+f"(sum[i][1]), "+f"(sum[i][2]), "+f"(sum[i][3])::"memory");
}

// c = a . b^T (+ c): 64 rows of a, 16 of depth. A warp has 16 rows of c, laid out in tiles of 16 x 8 as mma's.
#define GRAFT_TILE(i) "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3])
__device__ __forceinline__ void multiply_warpgroup(float (&c)[16][4], uint64_t a, uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, add, 1, 1, 0, 0;\n}"
      : GRAFT_TILE(0), GRAFT_TILE(1), GRAFT_TILE(2), GRAFT_TILE(3), GRAFT_TILE(4), GRAFT_TILE(5), GRAFT_TILE(6),
        GRAFT_TILE(7), GRAFT_TILE(8), GRAFT_TILE(9), GRAFT_TILE(10), GRAFT_TILE(11), GRAFT_TILE(12), GRAFT_TILE(13),
        GRAFT_TILE(14), GRAFT_TILE(15)
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
__device__ __forceinline__ void multiply_warpgroup(float (&c)[32][4], uint64_t a, uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred add;\nsetp.ne.b32 add, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
      "%128, %129, add, 1, 1, 0, 0;\n}"
      : GRAFT_TILE(0), GRAFT_TILE(1), GRAFT_TILE(2), GRAFT_TILE(3), GRAFT_TILE(4), GRAFT_TILE(5), GRAFT_TILE(6),
        GRAFT_TILE(7), GRAFT_TILE(8), GRAFT_TILE(9), GRAFT_TILE(10), GRAFT_TILE(11), GRAFT_TILE(12), GRAFT_TILE(13),
        GRAFT_TILE(14), GRAFT_TILE(15), GRAFT_TILE(16), GRAFT_TILE(17), GRAFT_TILE(18), GRAFT_TILE(19), GRAFT_TILE(20),
        GRAFT_TILE(21), GRAFT_TILE(22), GRAFT_TILE(23), GRAFT_TILE(24), GRAFT_TILE(25), GRAFT_TILE(26), GRAFT_TILE(27),
        GRAFT_TILE(28), GRAFT_TILE(29), GRAFT_TILE(30), GRAFT_TILE(31)
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
#undef GRAFT_TILE

}  // namespace engine::cuda
#endif
