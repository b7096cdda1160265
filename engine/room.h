// SPDX-License-Identifier: Apache-2.0
// engine/room.h: what generate() and its kin ask of a session before they begin, and of logits.
#pragma once
#include <string>

#include "engine/engine.h"

namespace engine {

inline base::Error not_numbers() {
  return {base::ErrorCode::kInternal,
          "The model's output is not a number. Its weights may be damaged: run `graft model verify` on it."};
}

inline base::Status check_room(const Session& session, size_t prompt, size_t more) {
  if (prompt + more <= static_cast<size_t>(session.n_ctx())) return base::ok();
  return base::Error{base::ErrorCode::kExhausted,
                     "The context holds " + std::to_string(session.n_ctx()) + " tokens; the prompt has " + std::to_string(prompt) +
                         " and " + std::to_string(more) + " more are needed. Shorten the prompt, ask for fewer tokens or open a larger session."};
}

}  // namespace engine
