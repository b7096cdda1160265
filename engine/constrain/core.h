// SPDX-License-Identifier: Apache-2.0
// engine/constrain/core.h: the machine behind a Constraint, and how compilers fill it.
//
// Threads  `mutex` is held for every use after the Constraint is made.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/result.h"
#include "engine/constrain.h"
#include "engine/constrain/automaton.h"
#include "engine/constrain/expression.h"
#include "engine/constrain/mask.h"

namespace engine {

class ConstraintCore {
 public:
  explicit ConstraintCore(std::shared_ptr<const Vocabulary> vocabulary);

  // `compile` defines rules and answers the whole language. Errors come back with `what` in front.
  using Compile = std::function<base::Result<ExprId>(ExprStore&, Automaton&)>;
  static Constraint::Made make(std::shared_ptr<const Vocabulary> vocabulary, std::string_view what,
                               const Compile& compile);

  std::mutex mutex;
  ExprStore store;
  Automaton automaton;
  MaskMaker masks;
  StateId start = kDeadState;
};

}  // namespace engine
