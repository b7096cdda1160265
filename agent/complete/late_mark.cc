// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/late_mark.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace agent {
namespace {

using engine::Token;

// What is generated behind the mark, told as if `opened` and it were one text.
engine::GenerateOptions behind(const engine::Generated& opened, const TokenBytes& bytes, const engine::GenerateOptions& whole) {
  engine::GenerateOptions rest = whole;
  rest.max_tokens = std::max(1, whole.max_tokens - static_cast<int>(opened.tokens.size()));
  rest.adjust = [&](std::span<const Token> so_far, std::span<float> logits) {
    std::vector<Token> all = opened.tokens;
    all.insert(all.end(), so_far.begin(), so_far.end());
    if (whole.adjust) whole.adjust(all, logits);
    // A run of blanks leaves its last one to the word behind it, as GPT-2's pre-tokenizer cuts: that one has still to come.
    const std::string_view last = std::string_view(opened.text).substr(opened.text.size() - 1);
    if (last == " " || last == "\t") bytes.keep_start(last, so_far, logits);
  };
  if (whole.keep_going) rest.keep_going = [&](std::string_view text) { return whole.keep_going(opened.text + std::string(text)); };
  return rest;
}

}  // namespace

std::optional<Token> take_mark(const engine::SpecialTokens& special, std::vector<Token>& prompt) {
  if (!special.fim_prefix || !special.fim_suffix || !special.fim_middle || prompt.empty() || prompt.back() != *special.fim_middle) return {};
  const auto prefix = std::find(prompt.begin(), prompt.end(), *special.fim_prefix);
  if (prefix == prompt.end() || std::find(prefix, prompt.end(), *special.fim_suffix) != prompt.end()) return {};
  prompt.pop_back();
  return special.fim_middle;
}

base::Result<engine::Generated> generate_with(const LateMark& mark, const TokenBytes& bytes, engine::Session& session,
                                              std::span<const Token> prompt, const engine::GenerateOptions& options,
                                              std::stop_token stop) {
  if (!mark.token) return engine::generate(session, prompt, options, stop);
  engine::GenerateOptions opening = options;
  opening.stop.clear();
  opening.keep_going = [&](std::string_view text) { return text.size() < mark.after; };
  auto opened = engine::generate(session, prompt, opening, stop);
  if (!opened || opened->text.size() < std::max<size_t>(mark.after, 1)) return opened;

  std::vector<Token> marked(prompt.begin(), prompt.end());
  marked.insert(marked.end(), opened->tokens.begin(), opened->tokens.end());
  marked.push_back(*mark.token);
  auto said = engine::generate(session, marked, behind(*opened, bytes, options), stop);
  if (!said) return said;
  said->text.insert(0, opened->text);
  said->tokens.insert(said->tokens.begin(), opened->tokens.begin(), opened->tokens.end());
  said->token_logprobs.insert(said->token_logprobs.begin(), opened->token_logprobs.begin(), opened->token_logprobs.end());
  said->logprob += opened->logprob;
  return said;
}

}  // namespace agent
