// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_emulator/block.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "The emulator switches stacks on x86-64 and on 64-bit ARM only."
#endif

// Keeps what a called function must keep on the stack, leaves the stack at *from and goes on with the one at `to`.
extern "C" void graft_switch_stack(void** from, void* to);
#if defined(__x86_64__)
asm(R"(
.text
.globl graft_switch_stack
.type graft_switch_stack, @function
graft_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size graft_switch_stack, .-graft_switch_stack
)");
#else
asm(R"(
.text
.globl graft_switch_stack
.type graft_switch_stack, %function
graft_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size graft_switch_stack, .-graft_switch_stack
)");
#endif

namespace cuda_emulator {
namespace {

constexpr size_t kStackBytes = 64 << 10, kGuardBytes = 4096;
constexpr uint64_t kMostIdleTurns = uint64_t{1} << 32;  // minutes: what waits that long waits for ever

[[noreturn]] void give_up(const char* why, const uint3& block) {
  std::fprintf(stderr, "cuda_emulator: block %u, %u, %u: %s\n", block.x, block.y, block.z, why);
  std::abort();
}

// A stack that graft_switch_stack() goes on with as a call of `function`.
void* new_stack(std::byte* end, void (*function)()) {
  auto** top = reinterpret_cast<void**>(end);
#if defined(__x86_64__)
  *--top = nullptr;  // a called function finds its stack 8 bytes off a multiple of 16
  *--top = reinterpret_cast<void*>(function);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
#else
  top -= 20;
  for (int i = 0; i < 20; ++i) top[i] = nullptr;
  top[11] = reinterpret_cast<void*>(function);
#endif
  return top;
}

}  // namespace

Block::Block() : lanes_(kMostThreads), warps_(kMostThreads / kWarp), shared_memory_(new char[kMostShared + 1024]) {
  void* stacks = mmap(nullptr, kStackBytes * kMostThreads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stacks == MAP_FAILED) throw std::bad_alloc();
  stacks_ = static_cast<std::byte*>(stacks);
  for (size_t i = 0; i < kMostThreads; ++i) mprotect(stacks_ + i * kStackBytes, kGuardBytes, PROT_NONE);
  shared_ = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(shared_memory_.get()) + 1023) & ~uintptr_t{1023});
}

Block::~Block() {
  munmap(stacks_, kStackBytes * kMostThreads);
}

void Block::run(const std::function<void()>& kernel, const dim3& grid, const dim3& block, const uint3& at,
                size_t shared_bytes) {
  running = this;
  kernel_ = &kernel;
  grid_ = grid, shape_ = block, place_ = at;
  std::memset(shared_, 0xff, shared_bytes);
  for (Barrier& b : barriers_) b = {};
  const unsigned n = block.x * block.y * block.z;
  for (unsigned w = 0; w * kWarp < n; ++w) {
    warps_[w].barrier = {};
    warps_[w].alive = static_cast<int>(n - w * kWarp < kWarp ? n - w * kWarp : kWarp);
  }
  ready_ = {};
  for (unsigned i = 0; i < n; ++i) {
    Lane& lane = lanes_[i];
    lane.stack_pointer = new_stack(stacks_ + (i + 1) * kStackBytes, start_of_lane);
    lane.thread = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    lane.index = static_cast<int>(i);
    lane.turn = 0;
    append(ready_, &lane);
  }
  alive_ = static_cast<int>(n);
  idle_turns_ = 0;
  lane_ = next_lane();
  graft_switch_stack(&caller_, lane_->stack_pointer);
}

void Block::start_of_lane() {
  (*current().kernel_)();
  current().end_lane();
}

void Block::end_lane() {
  Lane& ended = *lane_;
  bool under_way = !ended.open_copies.empty();
  for (const auto& group : ended.groups) under_way = under_way || !group.empty();
  if (under_way) give_up("a thread ended with copies under way", place_);
  ended.groups.clear();
  --alive_;
  Warp& warp = warps_[static_cast<size_t>(ended.index / kWarp)];
  --warp.alive;
  // Who waits for all that are left may now go on.
  if (alive_ > 0 && barriers_[0].arrived == alive_) release(barriers_[0]);
  if (warp.alive > 0 && warp.barrier.arrived == warp.alive) release(warp.barrier);
  void* nowhere = nullptr;
  if (alive_ == 0) graft_switch_stack(&nowhere, caller_);
  lane_ = next_lane();
  graft_switch_stack(&nowhere, lane_->stack_pointer);
}

void Block::append(Queue& queue, Lane* lane) {
  lane->next = nullptr;
  (queue.last ? queue.last->next : queue.first) = lane;
  queue.last = lane;
}

Lane* Block::next_lane() {
  Lane* lane = ready_.first;
  if (!lane) give_up("every thread waits for another", place_);
  ready_.first = lane->next;
  if (!ready_.first) ready_.last = nullptr;
  return lane;
}

void Block::go_on() {
  Lane* from = lane_;
  lane_ = next_lane();
  if (lane_ != from) graft_switch_stack(&from->stack_pointer, lane_->stack_pointer);
}

void Block::yield() {
  if (++idle_turns_ > kMostIdleTurns) give_up("a thread waits for ever", place_);
  if (idle_turns_ % 256 == 0) std::this_thread::yield();  // another block may have to go on first
  append(ready_, lane_);
  go_on();
}

// Those that have met go on before others: what they work on is at hand.
void Block::release(Barrier& barrier) {
  barrier.arrived = 0;
  idle_turns_ = 0;
  if (!barrier.waiting.first) return;
  barrier.waiting.last->next = ready_.first;
  if (!ready_.last) ready_.last = barrier.waiting.last;
  ready_.first = barrier.waiting.first;
  barrier.waiting = {};
}

bool Block::arrive(Barrier& barrier, int n) {
  if (++barrier.arrived < n) return false;
  release(barrier);
  return true;
}

void Block::wait(Barrier& barrier, int n) {
  if (arrive(barrier, n)) return;
  append(barrier.waiting, lane_);
  go_on();
}

void Block::wait_at(int barrier, int n) {
  wait(barriers_[barrier], n == 0 ? alive_ : n);
}

void Block::arrive_at(int barrier, int n) {
  arrive(barriers_[barrier], n);
}

void Block::wait_for_warp() {
  Warp& warp = warps_[static_cast<size_t>(lane_->index / kWarp)];
  wait(warp.barrier, warp.alive);
}

}  // namespace cuda_emulator
