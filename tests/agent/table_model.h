// SPDX-License-Identifier: Apache-2.0
// A model whose next token is a function of the text so far. Its words are given; those in <> are marks.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace table_model {

using engine::Token;
// Logits of the next token, one a word.
using Table = std::function<std::vector<float>(const std::string& text)>;

// "<end>" ends a text; with "<suffix>", "<prefix>" and "<middle>" among its words it fills in, in that order unless `prefix_first`.
class TableModel final : public engine::Engine {
 public:
  TableModel(std::vector<std::string> words, Table odds, bool can_fork = true)
      : words_(std::move(words)), table(std::move(odds)), forks(can_fork) {
    info_.n_vocab = static_cast<int>(words_.size());
    info_.n_ctx_train = 1000;
    info_.n_active_parameters = 1000;
    special_.eos = of("<end>"), special_.fim_suffix = of("<suffix>"), special_.fim_prefix = of("<prefix>"), special_.fim_middle = of("<middle>");
  }
  const engine::ModelInfo& info() const override { return info_; }
  const engine::SpecialTokens& special_tokens() const override { return special_; }
  bool has_capability(std::string_view name) const override { return name == "fim" && special_.fim_middle; }
  bool ends_generation(Token token) const override { return special_.eos == token; }
  bool is_special(Token token) const override { return word(token).starts_with('<'); }
  // The longest word that fits, again and again; bytes that no word begins with are left out.
  std::vector<Token> tokenize(std::string_view text, bool) const override {
    std::vector<Token> tokens;
    while (!text.empty()) {
      size_t n = 1;
      Token best = -1;
      for (Token t = 0; t < info_.n_vocab; ++t)
        if (!is_special(t) && text.starts_with(word(t)) && word(t).size() >= n) n = word(t).size(), best = t;
      if (best >= 0) tokens.push_back(best);
      text.remove_prefix(n);
    }
    return tokens;
  }
  std::string detokenize(std::span<const Token> tokens) const override {
    std::string text;
    for (const Token token : tokens) text += word(token);
    return text;
  }
  base::Result<std::vector<Token>> fim_prompt(const engine::FimRequest& request) const override {
    if (!special_.fim_middle) return base::invalid("no fim");
    std::vector<Token> prompt;
    const auto put = [&](Token mark, std::string_view text) {
      const std::vector<Token> tokens = tokenize(text, false);
      prompt.push_back(mark);
      prompt.insert(prompt.end(), tokens.begin(), tokens.end());
    };
    if (!prefix_first) put(*special_.fim_suffix, request.suffix);
    put(*special_.fim_prefix, request.prefix);
    if (prefix_first) put(*special_.fim_suffix, request.suffix);
    prompt.push_back(*special_.fim_middle);
    return prompt;
  }
  uint64_t session_bytes(int) const override { return 0; }
  inline base::Result<std::unique_ptr<engine::Session>> open_session(int n_ctx) const override;
  base::Status step(std::span<engine::Session* const> sessions, std::span<const Token> tokens, std::stop_token stop) const override {
    most_at_once = std::max(most_at_once, sessions.size());
    for (size_t i = 0; i < sessions.size(); ++i)
      if (auto done = sessions[i]->append(tokens.subspan(i, 1), {}, stop); !done) return done;
    return base::ok();
  }

  const std::string& word(Token token) const { return words_[static_cast<size_t>(token)]; }
  std::optional<Token> of(std::string_view text) const {
    const auto found = std::find(words_.begin(), words_.end(), text);
    return found == words_.end() ? std::nullopt : std::optional(static_cast<Token>(found - words_.begin()));
  }

 private:
  std::vector<std::string> words_;
  engine::ModelInfo info_;
  engine::SpecialTokens special_;

 public:
  const Table table;
  const bool forks;
  bool prefix_first = false;
  mutable size_t most_at_once = 0;
  mutable std::vector<std::string> seen;  // texts that were evaluated, in order
};

class TableSession final : public engine::Session {
 public:
  explicit TableSession(const TableModel& model) : model_(model) {}
  const engine::Engine& engine() const override { return model_; }
  int n_ctx() const override { return 1000; }
  std::span<const Token> tokens() const override { return tokens_; }
  base::Status sync(std::span<const Token> tokens, std::stop_token stop) override {
    tokens_.clear();
    return append(tokens, {}, stop);
  }
  base::Status append(std::span<const Token> tokens, std::span<float>, std::stop_token stop) override {
    if (stop.stop_requested()) return base::cancelled();
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    model_.seen.push_back(model_.detokenize(tokens_));
    logits_ = model_.table(model_.seen.back());
    return base::ok();
  }
  void rewind(int n) override { tokens_.resize(static_cast<size_t>(n)); }
  base::Result<std::unique_ptr<engine::Session>> fork() const override {
    if (!model_.forks) return base::invalid("no forks");
    return std::unique_ptr<engine::Session>(std::make_unique<TableSession>(*this));
  }
  std::span<const float> logits() const override { return logits_; }

 private:
  const TableModel& model_;
  std::vector<Token> tokens_;
  std::vector<float> logits_;
};

base::Result<std::unique_ptr<engine::Session>> TableModel::open_session(int) const {
  return std::unique_ptr<engine::Session>(std::make_unique<TableSession>(*this));
}

}  // namespace table_model
