// SPDX-License-Identifier: Apache-2.0
// The search over a model whose next token is a function of the text so far, held against all lines counted one by one.
#include "agent/complete/likely_lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "table_model.h"

namespace {

using engine::Token;

const std::vector<std::string> kWords = {"a", "b", "ab", "\n", "b\n  ", "<end>", "<mark>", " "};
constexpr Token kNewline = 3, kEnd = 5, kMark = 6;

using table_model::Table;

// Over these words.
table_model::TableModel over(Table odds, bool can_fork = true) { return {kWords, std::move(odds), can_fork}; }

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

std::vector<agent::LikelyLine> search(const table_model::TableModel& model, agent::LineSearch what) {
  auto session = std::move(*model.open_session(1000));
  const agent::TokenBytes bytes(model);
  const std::array<Token, 1> prompt = {kMark};
  auto lines = agent::likely_lines(*session, prompt, bytes, what, {});
  REQUIRE(lines);
  return *lines;
}

// All lines of up to `left` tokens more.
void count_all(const table_model::TableModel& model, const std::string& text, double p, int left, std::map<std::string, double>& found) {
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
    const auto model = over(odds(seed));
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
  const auto model = over([](const std::string& text) {
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
  const auto model = over(odds(3));
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
  const auto model = over(odds(5));
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

TEST_CASE("likely lines: nothing below the least is found or followed") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    agent::LineSearch what;
    what.width = 1000, what.n_lines = 1000, what.max_tokens = 4;
    const auto model = over(odds(seed));
    const auto all = search(model, what);
    const size_t n_all = model.seen.size();
    model.seen.clear();
    what.least = -4;
    const auto some = search(model, what);
    REQUIRE_FALSE(some.empty());
    CHECK(some.size() < all.size());
    CHECK(model.seen.size() < n_all / 2);
    CHECK(some[0].text == all[0].text);
    // A line that is that likely by one spelling is there.
    for (const auto& line : some) CHECK(std::any_of(all.begin(), all.end(), [&](const auto& a) { return a.text == line.text && a.logprob >= line.logprob - 1e-6; }));
    CHECK(some.back().logprob >= what.least);
  }
}

TEST_CASE("likely lines: no forks, a stop, nothing that may follow") {
  const agent::LineSearch what;
  const std::array<Token, 1> prompt = {kMark};
  const auto alone = over(odds(1), false);
  auto session = std::move(*alone.open_session(0));
  const auto refused = agent::likely_lines(*session, prompt, agent::TokenBytes(alone), what, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);

  const auto model = over(odds(1));
  std::stop_source stop;
  stop.request_stop();
  session = std::move(*model.open_session(0));
  const auto cancelled = agent::likely_lines(*session, prompt, agent::TokenBytes(model), what, stop.get_token());
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == base::ErrorCode::kCancelled);

  const auto mute = over([](const std::string&) { return std::vector<float>(kWords.size(), -INFINITY); });
  CHECK(search(mute, what).empty());
}
