// SPDX-License-Identifier: Apache-2.0
#include "engine/session_pool.h"

#include <algorithm>
#include <utility>

namespace engine {
namespace {

constexpr size_t kWorthSharing = 16;  // tokens; a shorter front costs less than a place in the pool
constexpr size_t kCheapTail = 64;     // tokens after the shared front that may be lost: the length of an answer
// Evaluating a token costs as much again for so many tokens before it: attention beside the weights, in small models
// early.
constexpr double kAttentionTokens = 4096.0;

size_t shared_front(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

SessionPool::Lease::Lease(Lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), entry_(other.entry_) {}

SessionPool::Lease::~Lease() {
  if (pool_) pool_->give_back(*entry_);
}

Session& SessionPool::Lease::operator*() const {
  return *entry_->session;
}

void SessionPool::Lease::pin(bool pinned) {
  const std::lock_guard guard(pool_->mutex_);
  entry_->pinned = pinned;
}

SessionPool::SessionPool(std::shared_ptr<const Engine> engine, const SessionPoolLimits& limits)
    : engine_(std::move(engine)), limits_(limits) {}

SessionPool::~SessionPool() = default;

// The idle timeline with the longest shared front; of equal ones the shortest, which loses least.
SessionPool::Entry* SessionPool::best_for(std::span<const Token> prompt, const Adapter* adapter, size_t& shared) const {
  Entry* best = nullptr;
  shared = 0;
  for (const auto& entry : entries_) {
    if (entry->leased || entry->session->adapter().get() != adapter) continue;
    const std::span<const Token> held = entry->session->tokens();
    const size_t front = shared_front(prompt, held);
    if (best && (front < shared || (front == shared && held.size() >= best->session->tokens().size()))) continue;
    best = entry.get();
    shared = front;
  }
  return best;
}

base::Result<SessionPool::Lease> SessionPool::take(std::span<const Token> prompt, const std::shared_ptr<const Adapter>& adapter) {
  const std::lock_guard guard(mutex_);
  size_t shared = 0;
  Entry* entry = best_for(prompt, adapter.get(), shared);
  const bool worth = entry != nullptr && shared >= std::min(kWorthSharing, prompt.size());
  std::unique_ptr<Session> made;
  if (worth) {
    const size_t tail = entry->session->tokens().size() - shared;
    // A text that is being typed changes in the middle of its prompt: that goes on where it was.
    const bool goes_on = !entry->pinned && (tail <= kCheapTail || 2 * shared >= entry->session->tokens().size());
    if (!goes_on) {
      auto fork = entry->session->fork();
      const auto exhausted = [&] { return !fork && fork.error().code == base::ErrorCode::kExhausted; };
      while (exhausted() && forget_one(entry)) fork = entry->session->fork();
      if (fork) {
        made = std::move(*fork);
        made->rewind(static_cast<int>(shared));
      } else if (!exhausted()) {
        entry = nullptr;  // no forks here
      } else if (entry->pinned) {
        return std::move(fork).error();
      }  // else it goes on in this one
    }
  }
  if (!worth) entry = nullptr;
  if (!entry && !made) {
    auto opened = engine_->open_session_with(limits_.n_ctx, {adapter});
    while (!opened && opened.error().code == base::ErrorCode::kExhausted && forget_one())
      opened = engine_->open_session_with(limits_.n_ctx, {adapter});
    if (!opened) return std::move(opened).error();
    made = std::move(*opened);
  }
  if (made) {
    entries_.push_back(std::make_unique<Entry>());
    entry = entries_.back().get();
    entry->session = std::move(made);
  }
  entry->leased = true;
  entry->used = ++turn_;
  return Lease(*this, *entry);
}

// What forgetting it costs, weighed by how soon it may be missed: the time to evaluate it anew, falling with the turns
// since.
double SessionPool::value(const Entry& entry) const {
  const auto n = static_cast<double>(entry.session->tokens().size());
  return n * (1.0 + n / kAttentionTokens) / static_cast<double>(1 + turn_ - entry.used);
}

uint64_t SessionPool::idle_bytes() const {
  uint64_t bytes = 0;
  for (const auto& entry : entries_)
    if (!entry->leased) bytes += entry->session->memory_bytes();
  return bytes;
}

void SessionPool::give_back(Entry& entry) {
  const std::lock_guard guard(mutex_);
  entry.leased = false;
  while (too_much() && forget_one()) {
  }
}

bool SessionPool::too_much() const {
  const auto n_idle = std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) { return !entry->leased; });
  return static_cast<size_t>(n_idle) > limits_.max_sessions || idle_bytes() > limits_.max_bytes;
}

// False where nothing may be forgotten. The latest stays, however large: the next prompt most likely goes on from it.
bool SessionPool::forget_one(const Entry* kept) {
  auto least = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it)
    if (it->get() != kept && !(*it)->leased && !(*it)->pinned && (*it)->used != turn_ &&
        (least == entries_.end() || value(**it) < value(**least)))
      least = it;
  if (least == entries_.end()) return false;
  entries_.erase(least);
  return true;
}

size_t SessionPool::n_sessions() const {
  const std::lock_guard guard(mutex_);
  return entries_.size();
}

uint64_t SessionPool::memory_bytes() const {
  const std::lock_guard guard(mutex_);
  return idle_bytes();
}

}  // namespace engine
