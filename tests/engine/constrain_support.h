// SPDX-License-Identifier: Apache-2.0
// tests/engine/constrain_support.h: vocabularies and questions for tests of constraints.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/constrain.h"
#include "engine/constrain/vocabulary.h"

namespace engine::test {

// Tokens 0.. are `tokens`; the last one ends generation.
std::shared_ptr<const Vocabulary> vocabulary_of(std::vector<std::string> tokens);
// All 256 bytes, then `more`, then the end.
std::shared_ptr<const Vocabulary> byte_vocabulary(std::vector<std::string> more = {});

inline constexpr std::string_view kEnd = "<end>";  // the end token in the answer of allowed()
// What may follow, as texts.
std::set<std::string> allowed(const ConstraintState& state);
// Whether `text` is whole under the constraint, read byte by byte.
bool accepts(const std::shared_ptr<const Constraint>& constraint, std::string_view text);

// Compares every mask after every text of at most `depth` tokens with what brute force finds: a token is allowed
// exactly where some string of `language` begins with text and token. `language` must hold every string that proves
// one.
void check_masks(const std::shared_ptr<const Constraint>& constraint, const std::set<std::string>& language, int depth);
// The strings over `alphabet` of at most `length` characters for which `holds`.
std::set<std::string> language_of(std::string_view alphabet, size_t length,
                                  const std::function<bool(const std::string&)>& holds);

}  // namespace engine::test
