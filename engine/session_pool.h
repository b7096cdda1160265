// SPDX-License-Identifier: Apache-2.0
// engine/session_pool.h: many timelines of one engine within a bound of memory: a prompt finds the timeline that
// already holds most of it, and what is worth least is forgotten first.
//
// Owns     The pool owns its sessions, and a Lease borrows one: leases end before their pool.
// Threads  Any thread may take; a lease belongs to one thread at a time.
// Errors   As Engine::open_session().
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace engine {

struct SessionPoolLimits {
  int n_ctx = 4096;                          // of each session
  uint64_t max_bytes = uint64_t{256} << 20;  // of all that is idle; what is on lease comes on top while it is
  size_t max_sessions = 64;                  // the same
};

class SessionPool {
  struct Entry;

 public:
  // A session that nobody else has until the lease ends.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Session& operator*() const;
    Session* operator->() const { return &**this; }
    // A pinned timeline is never forgotten; one that goes on from it starts as a fork where that is possible.
    void pin(bool pinned = true);

   private:
    friend class SessionPool;
    Lease(SessionPool& pool, Entry& entry) : pool_(&pool), entry_(&entry) {}
    SessionPool* pool_;
    Entry* entry_;
  };

  SessionPool(std::shared_ptr<const Engine> engine, const SessionPoolLimits& limits);
  ~SessionPool();

  // A session to be synced to `prompt`: the idle one that shares the longest front with it, itself where most of it is
  // shared, else a fork of it that leaves it as it is (where there is memory for one); a new one where no front is worth
  // it.
  // Timelines under other adapters share nothing with it.
  base::Result<Lease> take(std::span<const Token> prompt, const std::shared_ptr<const Adapter>& adapter = nullptr);

  size_t n_sessions() const;
  // Of idle sessions, shared memory counted once. Above the bound only for pinned sessions and the one that was taken
  // last.
  uint64_t memory_bytes() const;

 private:
  struct Entry {
    std::unique_ptr<Session> session;
    uint64_t used = 0;  // the turn in which it was taken last
    bool leased = false, pinned = false;
  };

  Entry* best_for(std::span<const Token> prompt, const Adapter* adapter, size_t& shared) const;
  double value(const Entry& entry) const;
  uint64_t idle_bytes() const;
  void give_back(Entry& entry);
  bool forget_one(const Entry* kept = nullptr);
  bool too_much() const;

  const std::shared_ptr<const Engine> engine_;
  const SessionPoolLimits limits_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>>
      entries_;  // guarded by mutex_, as what follows; sessions on lease are their lease's
  uint64_t turn_ = 0;
};

}  // namespace engine
