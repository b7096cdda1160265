// SPDX-License-Identifier: Apache-2.0
#include "engine/fim.h"

#include <algorithm>

#include "base/strings.h"

namespace engine {
namespace {

enum class Keep { kFront, kBack };

// Tokens of the end of `text` next to the cursor, at least `n` of them or all: a prompt needs a few thousand tokens of a
// file of any size, so only as much text is tokenised as those can take.
std::vector<Token> tokens_near_cursor(const Tokenizer& tokenizer, std::string_view text, size_t n, Keep keep) {
  for (size_t n_bytes = n * 6 + 64;; n_bytes *= 2) {
    size_t taken = std::min(n_bytes, text.size());
    const bool all = taken == text.size();
    std::string_view part = keep == Keep::kFront ? text.substr(0, taken) : text.substr(text.size() - taken);
    if (!all) {  // start and end at a line, where pieces are cut in any case; the cut line itself may be cut differently
      const size_t line_end = keep == Keep::kFront ? part.rfind('\n') : part.find('\n');
      if (line_end != std::string_view::npos)
        part = keep == Keep::kFront ? part.substr(0, line_end + 1) : part.substr(line_end + 1);
    }
    std::vector<Token> tokens = tokenizer.encode(part, false);
    if (all || tokens.size() >= n) return tokens;
  }
}

}  // namespace

base::Result<std::vector<Token>> make_fim_prompt(const Tokenizer& tokenizer, const FimFormat& format,
                                                 const FimRequest& request, int max_tokens) {
  const int n_marks = format.bos ? 4 : 3;
  if (max_tokens < n_marks)
    return base::Error{base::ErrorCode::kExhausted, base::cat("a fill-in-the-middle prompt of at most ", max_tokens,
                                                              " tokens cannot hold its ", n_marks, " marks")};
  const auto room = static_cast<size_t>(max_tokens - n_marks);
  std::vector<Token> before = tokens_near_cursor(tokenizer, request.prefix, room, Keep::kBack);
  std::vector<Token> after = tokens_near_cursor(tokenizer, request.suffix, room, Keep::kFront);
  const size_t after_share = std::max(room / 3, room - std::min(room, before.size()));
  after.resize(std::min(after.size(), after_share));
  const size_t n_before = std::min(before.size(), room - after.size());
  before.erase(before.begin(), before.end() - static_cast<std::ptrdiff_t>(n_before));

  std::vector<Token> prompt;
  const auto put = [&](Token mark, const std::vector<Token>& tokens) {
    prompt.push_back(mark);
    prompt.insert(prompt.end(), tokens.begin(), tokens.end());
  };
  if (format.bos) prompt.push_back(*format.bos);
  if (format.order == FimOrder::kSpm) put(format.suffix, after);
  put(format.prefix, before);
  if (format.order == FimOrder::kPsm) put(format.suffix, after);
  prompt.push_back(format.middle);
  return prompt;
}

}  // namespace engine
