// SPDX-License-Identifier: Apache-2.0
// engine/session.h: a timeline over a Model. Front door: engine/engine.h.
#pragma once
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/lora/adapter.h"
#include "engine/model.h"
#include "engine/session_file.h"
#include "engine/thread_pool.h"
#include "engine/turn_lock.h"

namespace engine {

// What the sessions of one Engine share. The lock is held for one chunk of tokens at a time.
struct SharedModel {
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Model> model;
  TurnLock turn;
  int n_vocab = 0;
  bool accelerated = false;  // by the CUDA backend
  std::function<uint64_t()> fingerprint;  // of the model; for files
};

uint64_t session_bytes(const SharedModel& shared, int n_ctx);

// `shared` is kept alive by `engine`. `adapter`: of this model, or null. `drafts`: only where the model has a draft layer.
std::unique_ptr<Session> make_session(std::shared_ptr<const Engine> engine, SharedModel& shared, int n_ctx,
                                      std::shared_ptr<const LoraAdapter> adapter, bool drafts);

// Engine::step() over sessions that make_session() made for one engine.
base::Status step_sessions(SharedModel& shared, std::span<Session* const> sessions, std::span<const Token> tokens, std::stop_token stop);

// The session of an image of this model and vocabulary. kInvalidArgument where its cache is of another layout, kCorrupt where it is
// of another size.
base::Result<std::unique_ptr<Session>> make_session(std::shared_ptr<const Engine> engine, SharedModel& shared, int n_ctx,
                                                    std::shared_ptr<const LoraAdapter> adapter, SessionImage image);

}  // namespace engine
