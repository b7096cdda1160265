// SPDX-License-Identifier: Apache-2.0
// The search over a model whose next token is a function of the text so far, held against all lines counted one by one.
#include "agent/likely_lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

namespace {

using engine::Token;

const std::vector<std::string> kWords = {"a", "b", "ab", "\n", "b\n  ", "<end>", "<mark>", " "};
constexpr Token kNewline = 3, kEnd = 5, kMark = 6;

// Log-probabilities, up to a constant, of the next token.
using Table = std::function<std::vector<float>(const std::string& text)>;

class TableModel final : public engine::Engine {
 public:
  explicit TableModel(Table odds, bool can_fork = true) : table(std::move(odds)), forks(can_fork) { info_.n_vocab = static_cast<int>(kWords.size()); }
  const engine::ModelInfo& info() const override { return info_; }
  const engine::SpecialTokens& special_tokens() const override { return special_; }
  bool has_capability(std::string_view) const override { return false; }
  bool ends_generation(Token token) const override { return token == kEnd; }
  bool is_special(Token token) const override { return token == kEnd || token == kMark; }
  std::vector<Token> tokenize(std::string_view, bool) const override { return {}; }
  std::string detokenize(std::span<const Token> tokens) const override {
    std::string text;
    for (const Token token : tokens) text += kWords[static_cast<size_t>(token)];
    return text;
  }
  base::Result<std::vector<Token>> fim_prompt(const engine::FimRequest&) const override { return base::invalid("no fim"); }
  uint64_t session_bytes(int) const override { return 0; }
  base::Result<std::unique_ptr<engine::Session>> open_session(int) const override;
  base::Status step(std::span<engine::Session* const> sessions, std::span<const Token> tokens, std::stop_token stop) const override;

  const Table table;
  const bool forks;
  mutable size_t most_at_once = 0;

 private:
  engine::ModelInfo info_;
  engine::SpecialTokens special_;
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
    logits_ = model_.table(model_.detokenize(tokens_));
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

base::Status TableModel::step(std::span<engine::Session* const> sessions, std::span<const Token> tokens, std::stop_token stop) const {
  most_at_once = std::max(most_at_once, sessions.size());
  for (size_t i = 0; i < sessions.size(); ++i)
    if (auto done = sessions[i]->append(tokens.subspan(i, 1), {}, stop); !done) return done;
  return base::ok();
}

// Any text has its own odds; `seed` another set.
Table odds(uint64_t seed) {
  return [seed](const std::string& text) {
    std::vector<float> logits;
    uint64_t h = std::hash<std::string>()(text) ^ (seed * 0x9e3779b97f4a7c15U);
    for (size_t i = 0; i < kWords.size(); ++i) {
      h = (h ^ (h >> 31)) * 0xbf58476d1ce4e5b9U + i;
      logits.push_back(static_cast<float>(h >> 40) / static_cast<float>(1u << 24) * 4.0f);
    }
    return logits;
  };
}

std::vector<agent::LikelyLine> search(const TableModel& model, agent::LineSearch what) {
  auto session = std::move(*model.open_session(1000));
  const agent::TokenBytes bytes(model);
  const std::array<Token, 1> prompt = {kMark};
  auto lines = agent::likely_lines(*session, prompt, bytes, what, {});
  REQUIRE(lines);
  return *lines;
}

// All lines of up to `left` tokens more.
void count_all(const TableModel& model, const std::string& text, double p, int left, std::map<std::string, double>& found) {
  if (left == 0) return;
  const std::vector<float> logits = model.table("<mark>" + text);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit);
  for (size_t i = 0; i < kWords.size(); ++i) {
    const double q = p * std::exp(logits[i]) / sum;
    if (static_cast<Token>(i) == kMark) continue;
    if (static_cast<Token>(i) == kEnd || kWords[i].find('\n') != std::string::npos) {
      const std::string line = text + (static_cast<Token>(i) == kEnd ? "" : kWords[i].substr(0, kWords[i].find('\n')));
      if (line.find_first_not_of(' ') != std::string::npos) found[line] += q;
    } else {
      count_all(model, text + kWords[i], q, left - 1, found);
    }
  }
}

}  // namespace

TEST_CASE("likely lines: wide enough, the lines and their probabilities are those of counting all") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const TableModel model(odds(seed));
    std::map<std::string, double> all;
    count_all(model, "", 1.0, 4, all);
    std::vector<std::pair<double, std::string>> best;
    for (const auto& [text, p] : all) best.emplace_back(p, text);
    std::sort(best.rbegin(), best.rend());
    agent::LineSearch what;
    what.width = 1000, what.n_lines = 1000, what.max_tokens = 4;
    const auto lines = search(model, what);
    REQUIRE(lines.size() == best.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      CHECK(lines[i].text == best[i].second);
      CHECK(std::exp(lines[i].logprob) == doctest::Approx(best[i].first).epsilon(1e-5));
    }
  }
}

TEST_CASE("likely lines: a likely line behind an unlikely first word is found, not by one beam alone") {
  // "a" is likelier than "b" and leads nowhere.
  const TableModel model([](const std::string& text) {
    std::vector<float> p(kWords.size(), 0.0f);
    if (text == "<mark>")
      p = {6.0f, 5.5f, 0, 0, 0, 0, 0, 0};
    else if (text == "<mark>b")
      p[kNewline] = 9.0f;
    return p;
  });
  agent::LineSearch what;
  what.width = 1, what.max_tokens = 6;
  CHECK(search(model, what)[0].text != "b");
  what.width = 2;
  const auto lines = search(model, what);
  CHECK(lines.size() == 1);
  CHECK(lines[0].text == "b");
  CHECK(lines[0].n_tokens == 2);
  CHECK(model.most_at_once == 2);
}

TEST_CASE("likely lines: begin with what they must, which is not repeated in them; logits are adjusted") {
  const TableModel model(odds(3));
  const agent::TokenBytes bytes(model);
  agent::LineSearch what;
  what.width = 50, what.n_lines = 50, what.max_tokens = 5, what.start = "ab";
  what.adjust = [&](std::span<const Token> so_far, std::span<float> logits) {
    bytes.keep_start("ab", so_far, logits);
    logits[7] = -INFINITY;
  };
  const auto lines = search(model, what);
  REQUIRE(lines.size() > 3);
  for (const auto& line : lines) {
    CHECK(line.text.find(' ') == std::string::npos);
    CHECK_FALSE(line.text.empty());
  }
  for (size_t i = 1; i < lines.size(); ++i) CHECK(lines[i - 1].logprob >= lines[i].logprob);
}

TEST_CASE("likely lines: what they must begin with may end the line before") {
  const TableModel model(odds(5));
  const agent::TokenBytes bytes(model);
  std::map<std::string, double> all;
  count_all(model, "\n", 1.0, 3, all);
  agent::LineSearch what;
  what.width = 1000, what.n_lines = 1000, what.max_tokens = 4, what.start = "\n";
  what.adjust = [&](std::span<const Token> so_far, std::span<float> logits) { bytes.keep_start("\n", so_far, logits); };
  const auto lines = search(model, what);
  REQUIRE(lines.size() > 10);
  for (const auto& line : lines) CHECK(std::exp(line.logprob) == doctest::Approx(all["\n" + line.text]).epsilon(1e-5));
}

TEST_CASE("likely lines: no forks, a stop, nothing that may follow") {
  const agent::LineSearch what;
  const std::array<Token, 1> prompt = {kMark};
  const TableModel alone(odds(1), false);
  auto session = std::move(*alone.open_session(0));
  const auto refused = agent::likely_lines(*session, prompt, agent::TokenBytes(alone), what, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);

  const TableModel model(odds(1));
  std::stop_source stop;
  stop.request_stop();
  session = std::move(*model.open_session(0));
  const auto cancelled = agent::likely_lines(*session, prompt, agent::TokenBytes(model), what, stop.get_token());
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == base::ErrorCode::kCancelled);

  const TableModel mute([](const std::string&) { return std::vector<float>(kWords.size(), -INFINITY); });
  CHECK(search(mute, what).empty());
}
