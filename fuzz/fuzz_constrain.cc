// SPDX-License-Identifier: Apache-2.0
// Constraints: the first byte says what the rest is (s: JSON Schema, g: grammar, e and l: a file to edit, else a regular expression). One that
// is taken is followed by a walk: masks and accept() must agree, and a text that is not whole must go on.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/constrain.h"
#include "engine/constrain/vocabulary.h"

namespace {

std::shared_ptr<const engine::Vocabulary> vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* more :
       {"{\"", "\":", "\",\"", "abc", "aaaa", "\xc3\xa9", "a\xc3", "]}", "true", "  \n", "12.5", "\\u00"})
    tokens.push_back(more);
  tokens.push_back("");
  const auto end = static_cast<engine::Token>(tokens.size() - 1);
  return engine::Vocabulary::make(std::move(tokens), {end});
}

bool has(const std::vector<uint32_t>& bits, engine::Token token) {
  return bits[static_cast<size_t>(token) / 32] >> (token % 32) & 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto tokens = vocabulary();
  if (size == 0 || size > 4000) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const engine::EditableFile file[] = {{"a.c", text, "0123456"}};
  const auto made = data[0] == 's'   ? engine::Constraint::from_json_schema(text, tokens)
                    : data[0] == 'g' ? engine::Constraint::from_grammar(text, tokens)
                    : data[0] == 'e' ? engine::Constraint::from_edits(engine::EditSyntax::kSearchReplace, file, 3, tokens)
                    : data[0] == 'l' ? engine::Constraint::from_edits(engine::EditSyntax::kLineOps, file, 3, tokens)
                                     : engine::Constraint::from_regex(text, tokens);
  if (!made) return 0;
  engine::ConstraintState state(*made);
  std::vector<uint32_t> bits(tokens->mask_words());
  uint32_t random = static_cast<uint32_t>(size);
  for (int step = 0; step < 12; ++step) {
    if (!state.mask(bits)) return 0;  // out of its bounds
    std::vector<engine::Token> allowed;
    for (engine::Token t = 0; t < tokens->n_tokens(); ++t)
      if (has(bits, t)) allowed.push_back(t);
    const auto whole = state.can_end();
    if (!whole || (allowed.empty() && !*whole)) std::abort();  // every byte is a token: something can follow
    random = random * 1664525u + 1013904223u + data[static_cast<size_t>(step) % size];
    const auto other = static_cast<engine::Token>(random >> 8) % tokens->n_tokens();
    engine::ConstraintState copy = state;
    const auto taken = copy.accept(other);
    if (!taken && taken.error().code == base::ErrorCode::kExhausted) return 0;
    if (bool(taken) != has(bits, other)) std::abort();
    const engine::Token token = allowed[(random >> 4) % allowed.size()];
    if (const auto accepted = state.accept(token); !accepted) {
      if (accepted.error().code == base::ErrorCode::kExhausted) return 0;
      std::abort();
    }
    if (tokens->is_end(token)) return 0;
    if (const auto forced = state.forced(16); forced && !forced->empty())
      if (engine::ConstraintState next = state; !next.accept_text(*forced)) std::abort();
  }
  return 0;
}
