// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/forced_tokens.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <string_view>

#include "engine/constrain/vocabulary.h"

namespace engine {
namespace {

constexpr size_t kTokensBefore = 16;  // that decide how the text is cut: words and runs of blanks are shorter
constexpr size_t kBytesPerToken = 16;  // of forced text that is asked for, up to
constexpr size_t kMaxBytes = 256;      // which are tokenized whole at each place where they might be cut

// The text of the last tokens of `before`, back to one that is no text.
std::string text_before(const Vocabulary& vocabulary, std::span<const Token> before) {
  size_t from = before.size();
  while (from > 0 && before.size() - from < kTokensBefore && !vocabulary.bytes_of(before[from - 1]).empty()) --from;
  std::string text;
  for (const Token token : before.subspan(from)) text += vocabulary.bytes_of(token);
  return text;
}

bool allows_longer(const Vocabulary& vocabulary, std::span<const uint32_t> bits, size_t n_bytes) {
  for (size_t word = 0; word < bits.size(); ++word)
    for (uint32_t left = bits[word]; left != 0; left &= left - 1)
      if (vocabulary.bytes_of(static_cast<Token>(word * 32 + static_cast<size_t>(std::countr_zero(left)))).size() > n_bytes) return true;
  return false;
}

// How the tokenizer cuts what stands behind `front`; nothing where a token goes across that place.
std::optional<std::vector<Token>> cut_behind(const Engine& engine, const Vocabulary& vocabulary, const std::string& front, std::string_view text) {
  std::vector<Token> cut = engine.tokenize(front + std::string(text));
  size_t n_bytes = 0, i = 0;
  for (; i < cut.size() && n_bytes < front.size(); ++i) n_bytes += vocabulary.bytes_of(cut[i]).size();
  if (n_bytes != front.size()) return std::nullopt;
  cut.erase(cut.begin(), cut.begin() + static_cast<std::ptrdiff_t>(i));
  return cut;
}

}  // namespace

std::vector<Token> forced_tokens(const Engine& engine, const ConstraintState& state, std::span<const Token> before, size_t most) {
  const Vocabulary& vocabulary = state.constraint().vocabulary();
  if (most == 0 || vocabulary.n_tokens() != engine.info().n_vocab) return {};
  const auto forced = state.forced(std::min(most * kBytesPerToken, kMaxBytes));
  if (!forced || forced->empty()) return {};
  const std::string_view text = *forced;
  const std::string front = text_before(vocabulary, before);
  auto tokens = cut_behind(engine, vocabulary, front, text);
  if (!tokens) return {};
  // Places in the text where an allowed token begins that goes on past it: the tokenizer may cut there too.
  std::vector<uint32_t> bits(vocabulary.mask_words());
  ConstraintState ahead = state;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.size() - at < vocabulary.max_bytes()) {
      if (!ahead.mask(bits)) return {};
      if (allows_longer(vocabulary, bits, text.size() - at)) {
        const auto other = cut_behind(engine, vocabulary, front, text.substr(0, at));
        if (!other) return {};
        const auto differ = std::mismatch(tokens->begin(), tokens->end(), other->begin(), other->end());
        tokens->erase(differ.first, tokens->end());
        if (tokens->empty()) return {};
      }
    }
    if (!ahead.accept_text(text.substr(at, 1))) return {};
  }
  // Special tokens write no text: what is left is text that the constraint allows.
  ahead = state;
  for (size_t i = 0; i < tokens->size(); ++i)
    if (i == most || !ahead.accept((*tokens)[i])) {
      tokens->resize(i);
      break;
    }
  return std::move(*tokens);
}

}  // namespace engine
