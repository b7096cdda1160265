// SPDX-License-Identifier: Apache-2.0
// tests/cuda_emulator/block.h: a block of CUDA threads on one thread of the CPU, so that kernels are tested where there
// is no GPU. What it emulates is the language's promise and nothing of the hardware: threads run in turn until they
// wait for each other, memory starts as NaN, and copies that are not waited for have not happened.
//
// Not seen here: races that the turns hide, the arithmetic of tensor cores beyond exact products and f32 sums, time.
//
// Threads  A Block belongs to one thread of the CPU, whose current one current() is while a kernel runs.
// Source   CUDA C++ Programming Guide 13.0, "Thread Hierarchy", "Memory Hierarchy"; PTX ISA 9.0 as instructions.cuh
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
};

namespace cuda_emulator {

inline constexpr int kWarp = 32, kMostThreads = 1024;
inline constexpr size_t kMostShared = 227 << 10;  // bytes of a block, as the newest devices have it

struct Copy {
  char* to;
  const char* from;
  int bytes;
  bool there;
};

// One CUDA thread.
struct Lane {
  void* stack_pointer = nullptr;
  Lane* next = nullptr;  // in the queue or at the barrier where it waits
  uint3 thread{};
  int index = 0;      // in the block
  unsigned turn = 0;  // exchanges so far
  std::vector<Copy> open_copies;
  std::deque<std::vector<Copy>> groups;  // committed, not yet there
};

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs a block to its end.
  void run(const std::function<void()>& kernel, const dim3& grid, const dim3& block, const uint3& at,
           size_t shared_bytes);

  Lane& lane() { return *lane_; }
  const uint3& thread() const { return lane_->thread; }
  const uint3& place() const { return place_; }
  const dim3& shape() const { return shape_; }
  const dim3& grid() const { return grid_; }
  char* shared() { return shared_; }

  // The other threads' turn.
  void yield();
  // Of `n` threads; n = 0: of all that have not ended.
  void wait_at(int barrier, int n);
  void arrive_at(int barrier, int n);
  void wait_for_warp();
  // What each lane of the warp has put in, [32]; there until the exchange after the next.
  template <typename T>
  const T* exchange(const T& mine) {
    static_assert(sizeof(T) <= kSlotBytes);
    Warp& warp = warps_[static_cast<size_t>(lane_->index / kWarp)];
    std::byte* slots = warp.slots[lane_->turn++ % 2];
    std::memcpy(slots + static_cast<size_t>(lane_->index % kWarp) * sizeof(T), &mine, sizeof(T));
    wait_for_warp();
    return reinterpret_cast<const T*>(slots);
  }

 private:
  static constexpr size_t kSlotBytes = 32;
  struct Queue {
    Lane *first = nullptr, *last = nullptr;
  };
  struct Barrier {
    int arrived = 0;
    Queue waiting;
  };
  struct Warp {
    alignas(16) std::byte slots[2][kSlotBytes * kWarp];
    Barrier barrier;
    int alive = 0;
  };

  static void start_of_lane();
  void end_lane();
  static void append(Queue& queue, Lane* lane);
  void release(Barrier& barrier);
  bool arrive(Barrier& barrier, int n);  // whether it was the last one
  void wait(Barrier& barrier, int n);
  Lane* next_lane();
  void go_on();  // with the next one that can

  std::byte* stacks_ = nullptr;
  std::vector<Lane> lanes_;
  std::vector<Warp> warps_;
  Barrier barriers_[16];
  Lane* lane_ = nullptr;
  void* caller_ = nullptr;  // stack pointer of run()
  Queue ready_;
  int alive_ = 0;
  uint64_t idle_turns_ = 0;  // given away since somebody last met others
  const std::function<void()>* kernel_ = nullptr;
  uint3 place_{};
  dim3 shape_, grid_;
  std::unique_ptr<char[]> shared_memory_;
  char* shared_ = nullptr;
};

// Of this thread of the CPU, once it runs blocks.
inline constinit thread_local Block* running = nullptr;
inline Block& current() {
  return *running;
}

}  // namespace cuda_emulator
