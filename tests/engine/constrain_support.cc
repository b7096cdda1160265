// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/constrain_support.h"

#include <doctest/doctest.h>

namespace engine::test {

std::shared_ptr<const Vocabulary> vocabulary_of(std::vector<std::string> tokens) {
  tokens.push_back("");
  const auto end = static_cast<Token>(tokens.size() - 1);
  return Vocabulary::make(std::move(tokens), {end});
}

std::shared_ptr<const Vocabulary> byte_vocabulary(std::vector<std::string> more) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  tokens.insert(tokens.end(), more.begin(), more.end());
  return vocabulary_of(std::move(tokens));
}

std::set<std::string> allowed(const ConstraintState& state) {
  const Vocabulary& vocabulary = state.constraint().vocabulary();
  std::vector<uint32_t> bits(vocabulary.mask_words(), 0xffffffff);
  const base::Status made = state.mask(bits);
  if (!made) FAIL(made.error().message);
  std::set<std::string> texts;
  for (Token t = 0; t < vocabulary.n_tokens(); ++t)
    if (bits[static_cast<size_t>(t) / 32] >> (t % 32) & 1)
      texts.insert(vocabulary.is_end(t) ? std::string(kEnd) : std::string(vocabulary.bytes_of(t)));
  return texts;
}

bool accepts(const std::shared_ptr<const Constraint>& constraint, std::string_view text) {
  ConstraintState state(constraint);
  if (!state.accept_text(text)) return false;
  const auto end = state.can_end();
  if (!end) FAIL(end.error().message);
  return *end;
}

void check_masks(const std::shared_ptr<const Constraint>& constraint, const std::set<std::string>& language,
                 int depth) {
  const Vocabulary& vocabulary = constraint->vocabulary();
  const auto can_begin = [&](const std::string& front) {
    const auto at = language.lower_bound(front);
    return at != language.end() && at->compare(0, front.size(), front) == 0;
  };
  std::set<std::string> seen;
  const auto check = [&](auto&& self, const ConstraintState& state, const std::string& text, int left) -> void {
    std::set<std::string> expected;
    for (Token t = 0; t < vocabulary.n_tokens(); ++t)
      if (!vocabulary.bytes_of(t).empty() && can_begin(text + std::string(vocabulary.bytes_of(t))))
        expected.insert(std::string(vocabulary.bytes_of(t)));
    if (language.count(text)) expected.insert(std::string(kEnd));
    CAPTURE(text);
    REQUIRE(allowed(state) == expected);
    if (left == 0) return;
    for (Token t = 0; t < vocabulary.n_tokens(); ++t) {
      const std::string bytes(vocabulary.bytes_of(t));
      ConstraintState next = state;
      CAPTURE(bytes);
      const bool taken = bool(next.accept(t));
      REQUIRE(taken == (expected.count(vocabulary.is_end(t) ? std::string(kEnd) : bytes) > 0));
      if (taken && !bytes.empty() && seen.insert(text + bytes).second) self(self, next, text + bytes, left - 1);
    }
  };
  check(check, ConstraintState(constraint), "", depth);
}

std::set<std::string> language_of(std::string_view alphabet, size_t length,
                                  const std::function<bool(const std::string&)>& holds) {
  std::set<std::string> all;
  std::string text;
  const auto extend = [&](auto&& self) -> void {
    if (holds(text)) all.insert(text);
    if (text.size() == length) return;
    for (const char c : alphabet) {
      text.push_back(c);
      self(self);
      text.pop_back();
    }
  };
  extend(extend);
  return all;
}

}  // namespace engine::test
