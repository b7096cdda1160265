// SPDX-License-Identifier: Apache-2.0
#include "engine/generation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/utf8.h"
#include "engine/constrain.h"
#include "engine/constrain/forced_tokens.h"
#include "engine/constrain/vocabulary.h"
#include "engine/kernels/softmax.h"
#include "engine/room.h"

namespace engine {

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

namespace {

constexpr size_t kMostForced = 32;   // evaluated at once; their logits stay small
constexpr size_t kKeptTokens = 64;   // of prompt and answer, for the tokenizer

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

}  // namespace

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

Generation::Generation(const Engine& engine, std::span<const Token> prompt, const GenerateOptions& options)
    : engine_(engine),
      options_(options),
      max_tokens_(static_cast<size_t>(std::max(0, options.max_tokens))),
      sampler_(options.sampling),
      growing_(std::make_unique<GrowingText>()),
      done_(max_tokens_ == 0) {
  result_.tokens.reserve(max_tokens_);
  sampler_.read_prompt(prompt);
  if (options.constraint == nullptr) return;
  allowed_ = std::make_unique<AllowedLogits>(*options.constraint);
  const std::span<const Token> end = prompt.last(std::min(prompt.size(), kKeptTokens));
  recent_.assign(end.begin(), end.end());
  if (!done_) find_forced();
}

Generation::~Generation() = default;

base::Status Generation::check(const Session& session, std::span<const Token> prompt, const GenerateOptions& options) {
  if (prompt.empty()) return base::invalid("generate: the prompt needs at least one token.");
  if (base::Status bad = check_sampling(options.sampling, session.engine().info().n_vocab); !bad) return bad;
  // The last token is sampled but never evaluated.
  return check_room(session, prompt.size(), static_cast<size_t>(std::max(1, options.max_tokens)) - 1);
}

// The forced token, or a sampled one; nothing where no token may follow.
base::Result<std::optional<Token>> Generation::next_token(std::span<const float> logits) {
  if (n_taken_ < forced_.size()) {
    const Token token = forced_[n_taken_++];
    sampler_.take(token);
    return std::optional<Token>(token);
  }
  if (!allowed_) return std::optional<Token>(sampler_.sample(logits));
  const auto masked = allowed_->of(logits);
  if (!masked) return masked.error();
  return masked->empty() ? std::optional<Token>() : std::optional<Token>(sampler_.sample(*masked));
}

base::Status Generation::choose(std::span<const float> logits) {
  if (options_.adjust) {
    adjusted_.assign(logits.begin(), logits.end());
    options_.adjust(result_.tokens, adjusted_);
    logits = adjusted_;
  }
  const double total = log_sum_exp(logits.data(), static_cast<int64_t>(logits.size()));
  if (!std::isfinite(total)) return not_numbers();
  const auto chosen = next_token(logits);
  if (!chosen) return chosen.error();
  if (!*chosen) {
    auto whole = options_.constraint->can_end();
    if (!whole) return std::move(whole).error();
    if (!*whole) return base::invalid("generate: no token of this model goes on with a text of the constraint.");
    end(StopReason::kEndOfText);
    return base::ok();
  }
  const Token token = **chosen;
  if (allowed_)
    if (base::Status taken = options_.constraint->accept(token); !taken) return std::move(taken).error().in("generate");
  result_.tokens.push_back(token);
  result_.token_logprobs.push_back(static_cast<double>(logits[static_cast<size_t>(token)]) - total);
  result_.logprob += result_.token_logprobs.back();
  if (options_.n_top_logprobs > 0) result_.top_logprobs.push_back(top_logprobs(logits, total, options_.n_top_logprobs));
  if (engine_.ends_generation(token)) {
    end(StopReason::kEndOfText);
    return base::ok();
  }
  const size_t searched = growing_->text().size();
  growing_->add(engine_.detokenize({&token, 1}));
  if (const size_t at = find_stop(growing_->text(), options_.stop, searched); at != std::string::npos) {
    growing_->text().resize(at);
    end(StopReason::kStopString);
  } else if (options_.keep_going && !options_.keep_going(growing_->text())) {
    end(StopReason::kCaller);
  } else if (n_left() == 0) {
    end(StopReason::kMaxTokens);
  } else if (allowed_ && n_taken_ == forced_.size()) {
    find_forced();
  }
  return base::ok();
}

// What the constraint forces behind prompt and answer.
void Generation::find_forced() {
  forced_.clear();
  n_taken_ = 0;
  if (!options_.jump_forward) return;
  const size_t kept = std::min(result_.tokens.size(), kKeptTokens);
  std::vector<Token> before = recent_;
  before.insert(before.end(), result_.tokens.end() - static_cast<std::ptrdiff_t>(kept), result_.tokens.end());
  if (kept == kKeptTokens) recent_.clear();  // the answer says enough
  forced_ = forced_tokens(engine_, *options_.constraint, before, std::min(n_left(), kMostForced));
  // A token that the caller has ruled out is left to the sampler, which says so.
  const auto ruled_out = [&](Token token) {
    return std::any_of(options_.sampling.logit_bias.begin(), options_.sampling.logit_bias.end(),
                       [&](const auto& bias) { return bias.first == token; });
  };
  forced_.erase(std::find_if(forced_.begin(), forced_.end(), ruled_out), forced_.end());
  result_.n_forced += static_cast<int64_t>(forced_.size());
}

void Generation::end(StopReason reason) {
  result_.reason = reason;
  done_ = true;
}

void Generation::count_drafts(int64_t n_drafted, int64_t n_accepted) {
  result_.n_drafted = n_drafted;
  result_.n_accepted = n_accepted;
}

Generated Generation::take() {
  result_.n_forced -= static_cast<int64_t>(forced_.size() - n_taken_);
  // A character that the budget cut in two is left out.
  if (result_.reason == StopReason::kEndOfText) growing_->finish();
  result_.text = std::move(growing_->text());
  return std::move(result_);
}

}  // namespace engine
