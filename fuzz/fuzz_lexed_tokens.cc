// SPDX-License-Identifier: Apache-2.0
// Texts in every language, whole or rubble: tokens, brackets, the edits of a line. Input: a byte for the language, one
// for the line, one unused, the text (the seeds are those of fuzz_syntax).
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/code/bracket_layout.h"
#include "agent/code/lexed_tokens.h"
#include "agent/code/token_ngrams.h"
#include "agent/fix/token_edits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 20'000;  // as fuzz_syntax: the parse costs most
  if (size < 3 || size > kMaxBytes) return 0;
  const auto language = static_cast<tools::Language>(data[0] % 12);
  const std::string text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::vector<agent::LexedToken> tokens = agent::lexed_tokens(text, language);
  size_t at = 0;
  for (const agent::LexedToken& token : tokens) {
    if (token.range.begin < at || token.range.end < token.range.begin || token.range.end > text.size()) std::abort();
    at = token.range.end;
  }
  const std::vector<agent::GramToken> grams = agent::gram_tokens(text, tokens);
  agent::TokenNgrams ngrams;
  ngrams.add(grams);
  for (size_t i = 0; i < grams.size(); ++i)
    if (!(ngrams.logprob(grams, i) <= 0)) std::abort();
  auto tree = tools::SyntaxTree::parse(language, text);
  if (!tree) return 0;
  agent::CodeFile file{"a", true, *tree, {}, {0}};
  for (size_t i = 0; i + 1 < text.size(); ++i)
    if (text[i] == '\n') file.line_starts.push_back(i + 1);
  const agent::BracketLayout layout = agent::bracket_layout(file, tokens);
  const int line = 1 + data[1] % file.n_lines();
  agent::KnownNames names;
  for (std::string_view name : agent::identifiers(text)) names.insert(name);
  std::vector<agent::TokenEdit> edits = agent::line_edits(file, line, file.line_range(line).begin, names);
  for (agent::TokenEdit& edit : agent::indent_edits(file, line)) edits.push_back(std::move(edit));
  for (agent::TokenEdit& edit : agent::closer_edits(file, layout)) edits.push_back(std::move(edit));
  for (const agent::TokenEdit& edit : edits)
    if (edit.replacement.begin > edit.replacement.end || edit.replacement.end > text.size()) std::abort();
  return 0;
}
