// SPDX-License-Identifier: Apache-2.0
// generate() and continuation_logprob() of engine/engine.h, over any Session.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "base/utf8.h"
#include "engine/constrain.h"
#include "engine/constrain/vocabulary.h"
#include "engine/engine.h"
#include "engine/kernels/softmax.h"
#include "engine/lookahead.h"
#include "engine/sampling.h"

namespace engine {
namespace {

// Tokens scored at once: enough to read each weight once for many of them, few enough that their logits stay small.
constexpr size_t kScoredAtOnce = 32;

// The text of the tokens so far, in whole characters: bytes of a character still to be completed are held back, bytes that
// can never become one turn into U+FFFD.
class GrowingText {
 public:
  void add(std::string_view bytes) {
    held_ += bytes;
    std::string_view rest = held_;
    while (!rest.empty()) {
      const base::CodePoint c = base::decode_utf8(rest);
      if (!c.valid && may_be_completed(rest)) break;
      if (c.valid)
        text_.append(rest.substr(0, static_cast<size_t>(c.n_bytes)));
      else
        base::append_utf8(text_, 0xfffd);
      rest.remove_prefix(static_cast<size_t>(c.n_bytes));
    }
    held_.erase(0, held_.size() - rest.size());
  }
  // No more bytes will come.
  void finish() {
    text_ += base::to_valid_utf8(held_);
    held_.clear();
  }
  std::string& text() { return text_; }

 private:
  // Whether `bytes`, which is no character yet, is the front of one. (At most three bytes are.)
  static bool may_be_completed(std::string_view bytes) {
    if (bytes.size() > 3) return false;
    const auto lead = static_cast<unsigned char>(bytes[0]);
    const size_t wanted = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (lead > 0xf4 || bytes.size() >= wanted) return false;
    // Both ends of what may follow are tried: together they find every front that can still become valid.
    for (const char fill : {'\x80', '\xbf'}) {
      std::string whole(bytes);
      whole.resize(wanted, fill);
      if (base::decode_utf8(whole).valid) return true;
    }
    return false;
  }

  std::string text_, held_;
};

// Where the first stop string begins; npos where there is none. `searched`: bytes seen by earlier calls.
size_t find_stop(std::string_view text, const std::vector<std::string>& stops, size_t searched) {
  size_t first = std::string_view::npos;
  for (const std::string& stop : stops) {
    if (stop.empty()) continue;
    const size_t from = searched >= stop.size() ? searched - stop.size() + 1 : 0;
    first = std::min(first, text.find(stop, from));
  }
  return first;
}

base::Error not_numbers() {
  return {base::ErrorCode::kInternal,
          "The model's output is not a number. Its weights may be damaged: run `graft model info` on it."};
}

// Logits of what the constraint allows, NaN for the rest, which no way of sampling takes.
class AllowedLogits {
 public:
  explicit AllowedLogits(const ConstraintState& state) : state_(state), bits_(state.constraint().vocabulary().mask_words()) {}
  // Nothing where no token may follow.
  base::Result<std::span<const float>> of(std::span<const float> logits) {
    if (logits.size() != static_cast<size_t>(state_.constraint().vocabulary().n_tokens()))
      return base::invalid("generate: the constraint was made for another vocabulary than this model's.");
    if (base::Status made = state_.mask(bits_); !made) return std::move(made).error();
    allowed_.assign(logits.begin(), logits.end());
    bool some = false;
    for (size_t i = 0; i < allowed_.size(); ++i) {
      const bool allowed = bits_[i / 32] >> (i % 32) & 1;
      some |= allowed;
      if (!allowed) allowed_[i] = std::numeric_limits<float>::quiet_NaN();
    }
    return some ? std::span<const float>(allowed_) : std::span<const float>();
  }

 private:
  const ConstraintState& state_;
  std::vector<uint32_t> bits_;
  std::vector<float> allowed_;
};

base::Status check_room(const Session& session, size_t prompt, size_t more) {
  if (prompt + more <= static_cast<size_t>(session.n_ctx())) return base::ok();
  return base::Error{base::ErrorCode::kExhausted,
                     "The context holds " + std::to_string(session.n_ctx()) + " tokens; the prompt has " + std::to_string(prompt) +
                         " and " + std::to_string(more) + " more are needed. Shorten the prompt or open a larger session."};
}

}  // namespace

base::Result<Generated> generate(Session& session, std::span<const Token> prompt, const GenerateOptions& options,
                                 std::stop_token stop) {
  if (prompt.empty()) return base::invalid("generate: the prompt needs at least one token.");
  if (base::Status bad = check_sampling(options.sampling, session.engine().info().n_vocab); !bad) return std::move(bad).error();
  // The last token is sampled but never evaluated.
  const auto max_tokens = static_cast<size_t>(std::max(0, options.max_tokens));
  if (base::Status full = check_room(session, prompt.size(), max_tokens > 0 ? max_tokens - 1 : 0); !full) return std::move(full).error();
  if (base::Status synced = session.sync(prompt, stop); !synced) return std::move(synced).error();

  const Engine& engine = session.engine();
  Generated result;
  result.tokens.reserve(max_tokens);
  Sampler sampler(options.sampling);
  sampler.read_prompt(prompt);
  Lookahead ahead(session, prompt, static_cast<size_t>(std::max(0, options.max_draft_tokens)),
                  static_cast<size_t>(std::max(0, options.max_layer_draft_tokens)));
  GrowingText growing;
  std::vector<float> adjusted;
  std::optional<AllowedLogits> allowed;
  if (options.constraint != nullptr) allowed.emplace(*options.constraint);
  std::span<const float> logits = ahead.first();
  for (size_t i = 0; i < max_tokens; ++i) {
    if (stop.stop_requested()) return base::cancelled();
    if (i > 0) {
      auto evaluated = ahead.next(result.tokens.back(), max_tokens - i, stop);
      if (!evaluated) return std::move(evaluated).error();
      logits = *evaluated;
    }
    if (options.adjust) {
      adjusted.assign(logits.begin(), logits.end());
      options.adjust(result.tokens, adjusted);
      logits = adjusted;
    }
    const double total = log_sum_exp(logits.data(), static_cast<int64_t>(logits.size()));
    if (!std::isfinite(total)) return not_numbers();
    std::span<const float> choices = logits;
    if (allowed) {
      auto masked = allowed->of(logits);
      if (!masked) return std::move(masked).error();
      choices = *masked;
      if (choices.empty()) {
        auto whole = options.constraint->can_end();
        if (!whole) return std::move(whole).error();
        if (!*whole) return base::invalid("generate: no token of this model goes on with a text of the constraint.");
        result.reason = StopReason::kEndOfText;
        break;
      }
    }
    const Token token = sampler.sample(choices);
    if (allowed)
      if (base::Status taken = options.constraint->accept(token); !taken) return std::move(taken).error().in("generate");
    result.tokens.push_back(token);
    result.token_logprobs.push_back(static_cast<double>(logits[static_cast<size_t>(token)]) - total);
    result.logprob += result.token_logprobs.back();
    result.n_drafted = ahead.n_drafted();
    result.n_accepted = ahead.n_accepted();
    if (options.n_top_logprobs > 0) result.top_logprobs.push_back(top_logprobs(logits, total, options.n_top_logprobs));
    if (engine.ends_generation(token)) {
      result.reason = StopReason::kEndOfText;
      break;
    }
    const size_t searched = growing.text().size();
    growing.add(engine.detokenize({&token, 1}));
    if (const size_t at = find_stop(growing.text(), options.stop, searched); at != std::string::npos) {
      growing.text().resize(at);
      result.text = std::move(growing.text());
      result.reason = StopReason::kStopString;
      return result;
    }
    if (options.keep_going && !options.keep_going(growing.text())) {
      result.reason = StopReason::kCaller;
      break;
    }
  }
  // A character that the budget cut in two is left out.
  if (result.reason == StopReason::kEndOfText) growing.finish();
  result.text = std::move(growing.text());
  return result;
}

base::Result<double> continuation_logprob(Session& session, std::span<const Token> prompt, std::span<const Token> continuation,
                                          std::stop_token stop) {
  if (prompt.empty()) return base::invalid("continuation_logprob: the prompt needs at least one token.");
  if (continuation.empty()) {
    if (base::Status synced = session.sync(prompt, stop); !synced) return std::move(synced).error();
    return 0.0;
  }
  if (base::Status full = check_room(session, prompt.size(), continuation.size() - 1); !full) return std::move(full).error();
  const auto n_vocab = static_cast<size_t>(session.engine().info().n_vocab);
  for (const std::span<const Token> part : {prompt, continuation})
    for (const Token token : part)
      if (token < 0 || static_cast<size_t>(token) >= n_vocab)
        return base::invalid("Token id " + std::to_string(token) + " is not in the vocabulary of " + std::to_string(n_vocab) + " tokens.");

  // Evaluated in one run: the prompt's last token, then the continuation without its last. So the prompt's own last logits,
  // which no session keeps after a rewind, come with the continuation's.
  const std::span<const Token> held = session.tokens();
  const size_t before = prompt.size() - 1;
  const auto shared = static_cast<size_t>(std::mismatch(prompt.begin(), prompt.end() - 1, held.begin(), held.end()).first - prompt.begin());
  session.rewind(static_cast<int>(shared));
  if (base::Status ready = session.append(prompt.subspan(shared, before - shared), {}, stop); !ready) return std::move(ready).error();

  thread_local std::vector<float> logits;  // kept: hundreds of candidates follow each other
  double logprob = 0.0;
  std::vector<Token> input(1, prompt.back());
  input.insert(input.end(), continuation.begin(), continuation.end() - 1);
  for (size_t done = 0; done < input.size();) {
    const size_t n = std::min(kScoredAtOnce, input.size() - done);
    logits.resize(std::max(logits.size(), n * n_vocab));
    const std::span<float> room(logits.data(), n * n_vocab);
    if (base::Status scored = session.append({input.data() + done, n}, room, stop); !scored) return std::move(scored).error();
    for (size_t i = 0; i < n; ++i) {
      const float* row = room.data() + i * n_vocab;
      logprob += static_cast<double>(row[static_cast<size_t>(continuation[done + i])]) - log_sum_exp(row, static_cast<int64_t>(n_vocab));
    }
    done += n;
  }
  session.rewind(static_cast<int>(prompt.size()));
  if (std::isnan(logprob)) return not_numbers();
  return logprob;
}

}  // namespace engine
