// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/text_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <span>

namespace {

using agent::TextMemory;
using engine::Token;
constexpr size_t kVocab = 12;

std::vector<float> uniform() {
  return std::vector<float>(kVocab, 0.0f);
}

double sum_of(const std::vector<float>& logs) {
  double sum = 0;
  for (const float l : logs) sum += std::exp(static_cast<double>(l));
  return sum;
}

// Every place of every text by brute force: what followed matches of at least `n` tokens, and how often.
std::map<Token, double> counts_by_definition(const std::vector<std::vector<Token>>& texts,
                                             const std::vector<Token>& context, size_t n) {
  std::map<Token, double> counts;
  if (n > context.size()) return counts;
  for (const auto& text : texts)
    for (size_t at = n; at < text.size(); ++at)
      if (std::equal(context.end() - static_cast<std::ptrdiff_t>(n), context.end(),
                     text.begin() + static_cast<std::ptrdiff_t>(at - n)))
        ++counts[text[at]];
  return counts;
}

// Where a token stands in its line, told by looking back from it.
struct Place {
  Token ended_by = -1, first = -2, before = -2;
  bool operator==(const Place&) const = default;
};

Place place_by_definition(std::span<const Token> before, const std::vector<bool>& breaks) {
  const auto ends = [&](Token t) { return breaks[static_cast<size_t>(t)]; };
  size_t begin = before.size();
  while (begin > 0 && !ends(before[begin - 1])) --begin;
  Place place;
  if (begin < before.size()) place.first = before[begin];
  if (begin == 0) return place;
  place.ended_by = before[begin - 1];
  size_t last = begin - 1;
  while (last > 0 && !ends(before[last - 1])) --last;
  if (last < begin - 1) place.before = before[last];
  return place;
}

using Counts = std::map<Token, double>;

// What each of the experts that know places must say.
std::map<size_t, Counts> places_by_definition(const std::vector<std::vector<Token>>& texts,
                                              std::span<const Token> context, const std::vector<bool>& breaks) {
  const Place here = place_by_definition(context, breaks);
  const Token last = context.back();
  std::map<size_t, Counts> said;
  for (const auto& text : texts)
    for (size_t i = 0; i < text.size(); ++i) {
      const auto before = std::span(text).first(i);
      const Place there = place_by_definition(before, breaks);
      const bool same_line = there.ended_by == here.ended_by && there.first == here.first;
      ++said[agent::kRecent][text[i]];
      if (same_line && here.first != -2) ++said[agent::kInLine][text[i]];
      if (same_line && (here.first == -2 ? there.before == here.before : before.back() == last))
        ++said[agent::kBehindInLine][text[i]];
      if (i >= 2 && context.size() >= 2 && text[i - 2] == context[context.size() - 2]) ++said[agent::kSkipped][text[i]];
      if (i >= 1 && text[i - 1] == last) said[agent::kLatest] = {{text[i], 1}};
    }
  return said;
}

void check_says(const agent::Expert& got, const Counts& want) {
  REQUIRE(got.shares.size() == want.size());
  size_t i = 0;
  for (const auto& [token, count] : want) {
    CHECK(got.shares[i].token == token);
    CHECK(got.shares[i++].share * (got.number == agent::kLatest ? 1 : got.n_seen) == doctest::Approx(count));
  }
}

}  // namespace

TEST_CASE("text memory: what followed a longer match weighs more") {
  TextMemory memory;
  memory.add(std::vector<Token>{1, 2, 3, 6, 7, 4});
  memory.add(std::vector<Token>{9, 3, 6, 7, 5, 3, 6, 7, 5});
  auto logs = uniform();
  memory.mix(std::vector<Token>{1, 2, 3, 6, 7}, logs);
  CHECK(logs[4] > logs[5]);  // 1 2 3 6 7 came before 4; 3 6 7 twice before 5
  CHECK(logs[5] > logs[0]);
  CHECK(sum_of(logs) == doctest::Approx(1));
}

TEST_CASE("text memory: counts every place, whatever the texts, added at once or bit by bit") {
  std::mt19937 random(3);
  std::map<size_t, int> n_said;
  for (int round = 0; round < 120; ++round) {
    std::vector<std::vector<Token>> texts(1 + random() % 4);
    std::vector<bool> breaks(kVocab);
    for (size_t t = 0; t < 4; ++t) breaks[t] = random() % 4 == 0;
    TextMemory memory(std::make_shared<const std::vector<bool>>(breaks));
    for (auto& text : texts) {
      text.resize(random() % 120);
      for (Token& t : text) t = static_cast<Token>(random() % 5);
      const size_t cut = text.empty() ? 0 : random() % text.size();
      memory.add(std::span(text).first(cut));
      memory.extend(std::span(text).subspan(cut));
    }
    std::vector<Token> context(random() % 30);
    for (Token& t : context) t = static_cast<Token>(random() % 6);
    const TextMemory::Knowledge known = memory.knowledge(context, kVocab);
    size_t n_experts = 0;
    for (size_t k = 0; k < agent::kMemoryExperts; ++k) {
      const auto want = counts_by_definition(texts, context, agent::kMemoryMatches[k]);
      if (want.empty()) break;
      REQUIRE(known.experts.size() > n_experts);
      const agent::Expert& got = known.experts[n_experts++];
      CHECK(got.number == k + 1);
      CHECK(known.longest_match >= agent::kMemoryMatches[k]);
      check_says(got, want);
    }
    if (context.empty()) {
      CHECK(known.experts.empty());
      continue;
    }
    for (const auto& [number, want] : places_by_definition(texts, context, breaks)) {
      REQUIRE(known.experts.size() > n_experts);
      CHECK(known.experts[n_experts].number == number);
      ++n_said[number];
      check_says(known.experts[n_experts++], want);
    }
    CHECK(known.experts.size() == n_experts);
    auto logs = uniform();
    memory.mix(context, logs);
    if (n_experts > 0) CHECK(sum_of(logs) == doctest::Approx(1).epsilon(1e-4));
  }
  for (size_t number = agent::kRecent; number < agent::kExperts; ++number) CHECK(n_said[number] > 50);
}

TEST_CASE(
    "text memory: the recent are the last 4,096 tokens; of a line, and behind a token, the latest 256 places count") {
  TextMemory memory(std::make_shared<const std::vector<bool>>(std::vector<bool>{true}));
  std::vector<Token> text{9};
  for (int i = 0; i < 2100; ++i) text.insert(text.end(), {5, i < 1000 ? 6 : 7});
  memory.add(text);
  const auto known = memory.knowledge(std::vector<Token>{0, 8, 5}, kVocab);
  const auto expert = [&](size_t number) {
    return std::find_if(known.experts.begin(), known.experts.end(), [&](const auto& e) { return e.number == number; });
  };
  REQUIRE(expert(agent::kRecent) != known.experts.end());
  CHECK(expert(agent::kRecent)->n_seen == 4096);
  CHECK(expert(agent::kRecent)->shares.size() == 3);  // the 9 is too far away
  CHECK(expert(agent::kRecent)->shares[1].share * 4096 == doctest::Approx(948));
  CHECK(expert(1)->n_seen == 256);
  CHECK(expert(1)->shares.size() == 1);
  CHECK(expert(agent::kLatest)->n_seen == 64);
  CHECK(expert(agent::kInLine) == known.experts.end());
}

TEST_CASE(
    "text memory: nothing known changes nothing; logits need not be normalised; tokens beyond the vocabulary are left "
    "out") {
  TextMemory memory;
  auto logs = uniform();
  memory.mix(std::vector<Token>{1}, logs);
  CHECK(logs == uniform());
  memory.add(std::vector<Token>{1, 2, 1, 50, 1, kVocab, 1, 2});
  memory.mix({}, logs);
  CHECK(logs == uniform());
  std::vector<float> shifted(kVocab, 40.0f);
  memory.mix(std::vector<Token>{1}, shifted);
  memory.mix(std::vector<Token>{1}, logs);
  for (size_t w = 0; w < kVocab; ++w) CHECK(shifted[w] == doctest::Approx(logs[w]).epsilon(1e-5));
  CHECK(sum_of(logs) == doctest::Approx(1));
  memory.clear();
  CHECK(memory.n_tokens() == 0);
  auto cleared = uniform();
  memory.mix(std::vector<Token>{1}, cleared);
  CHECK(cleared == uniform());
}
