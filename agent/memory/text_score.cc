// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/text_score.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "agent/memory/text_memory.h"
#include "base/strings.h"

namespace agent {
namespace {

using engine::Token;

constexpr size_t kMostLogitBytes = size_t{32} << 20;  // at once; of one token at least

double per_byte(double nats, uint64_t n_bytes) {
  return n_bytes == 0 ? 0 : nats / std::numbers::ln2 / static_cast<double>(n_bytes);
}

double minus_log_p(std::span<const float> logits, Token token) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return most + std::log(sum) - static_cast<double>(logits[static_cast<size_t>(token)]);
}

// The tokens of one text with what has been counted of it.
class Scorer {
 public:
  Scorer(engine::Session& session, std::vector<Token> tokens, std::stop_token stop)
      : session_(session),
        tokens_(std::move(tokens)),
        stop_(std::move(stop)),
        memory_(line_breaks_of(session.engine())) {
    memory_.consult(NgramTable::beside(session_.engine()));
  }

  base::Result<TextScore> run() {
    const auto bos = session_.engine().special_tokens().bos;
    const size_t room = static_cast<size_t>(session_.n_ctx()) - (bos ? 1 : 0), kept = room / 4;
    size_t scored = 0;
    if (!bos && !tokens_.empty()) remember(scored++);  // nothing stands before it that it could be predicted from
    while (scored < tokens_.size()) {
      const size_t begin = scored - std::min(scored, kept), end = std::min(tokens_.size(), begin + room);
      session_.rewind(0);
      if (bos) {
        const Token mark = *bos;
        if (base::Status ran = session_.append({&mark, 1}, {}, stop_); !ran) return std::move(ran).error();
        first_.assign(session_.logits().begin(), session_.logits().end());
      }
      if (base::Status ran = window(begin, scored, end); !ran) return std::move(ran).error();
      scored = end;
    }
    return score_;
  }

 private:
  // Evaluates tokens [begin, end) and counts those from `from` on.
  base::Status window(size_t begin, size_t from, size_t end) {
    const auto n_vocab = static_cast<size_t>(session_.engine().info().n_vocab);
    const size_t at_once = std::max<size_t>(1, kMostLogitBytes / (n_vocab * sizeof(float)));
    if (begin == from) count(from, first_);
    for (size_t at = begin; at + 1 < end;) {
      const size_t n = std::min(at_once, end - 1 - at);
      logits_.resize(n * n_vocab);
      if (base::Status ran = session_.append(std::span(tokens_).subspan(at, n), logits_, stop_); !ran) return ran;
      for (size_t i = 0; i < n; ++i)  // the logits after token at + i predict the next
        if (at + i + 1 >= from) count(at + i + 1, std::span(logits_).subspan(i * n_vocab, n_vocab));
      at += n;
    }
    return base::ok();
  }

  void count(size_t position, std::span<float> logits) {
    const Token token = tokens_[position];
    score_.nats += minus_log_p(logits, token);
    memory_.mix(std::span(tokens_).first(position), logits);
    score_.nats_with_memory += minus_log_p(logits, token);
    ++score_.n_tokens;
    remember(position);
  }

  void remember(size_t position) { memory_.extend(std::span(tokens_).subspan(position, 1)); }

  engine::Session& session_;
  const std::vector<Token> tokens_;
  const std::stop_token stop_;
  TextMemory memory_;
  TextScore score_;
  std::vector<float> first_, logits_;
};

}  // namespace

void TextScore::add(const TextScore& other) {
  n_bytes += other.n_bytes;
  n_tokens += other.n_tokens;
  nats += other.nats;
  nats_with_memory += other.nats_with_memory;
}

double TextScore::bits_per_byte() const {
  return per_byte(nats, n_bytes);
}
double TextScore::bits_per_byte_with_memory() const {
  return per_byte(nats_with_memory, n_bytes);
}

base::Result<TextScore> score_text(engine::Session& session, std::string_view text, std::stop_token stop) {
  const engine::Engine& engine = session.engine();
  if (!engine.info().has_tokenizer)
    return base::invalid("The model " + engine.info().name + " came without a tokenizer: it predicts no text.");
  if (session.n_ctx() < kLeastContext)
    return base::invalid(base::cat("A text is scored with a context of ", kLeastContext,
                                   " tokens or more; the session has ", session.n_ctx(), "."));
  std::vector<Token> tokens = engine.tokenize(text);
  uint64_t n_bytes = text.size();
  if (!engine.special_tokens().bos && !tokens.empty())
    n_bytes -= std::min<uint64_t>(n_bytes, engine.detokenize(std::span(tokens).first(1)).size());
  auto score = Scorer(session, std::move(tokens), std::move(stop)).run();
  if (score) score->n_bytes = n_bytes;
  return score;
}

}  // namespace agent
