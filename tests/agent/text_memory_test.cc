// SPDX-License-Identifier: Apache-2.0
#include "agent/text_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

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
std::map<Token, double> counts_by_definition(const std::vector<std::vector<Token>>& texts, const std::vector<Token>& context, size_t n) {
  std::map<Token, double> counts;
  if (n > context.size()) return counts;
  for (const auto& text : texts)
    for (size_t at = n; at < text.size(); ++at)
      if (std::equal(context.end() - static_cast<std::ptrdiff_t>(n), context.end(), text.begin() + static_cast<std::ptrdiff_t>(at - n))) ++counts[text[at]];
  return counts;
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
  for (int round = 0; round < 60; ++round) {
    std::vector<std::vector<Token>> texts(1 + random() % 4);
    TextMemory memory;
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
      REQUIRE(got.shares.size() == want.size());
      size_t i = 0;
      for (const auto& [token, count] : want) {
        CHECK(got.shares[i].token == token);
        CHECK(got.shares[i++].share * got.n_seen == doctest::Approx(count));
      }
    }
    CHECK(known.experts.size() == n_experts);
    auto logs = uniform();
    memory.mix(context, logs);
    if (n_experts > 0) CHECK(sum_of(logs) == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE(
    "text memory: nothing known changes nothing; logits need not be normalised; tokens beyond the vocabulary are left "
    "out") {
  TextMemory memory;
  auto logs = uniform();
  memory.mix(std::vector<Token>{1}, logs);
  CHECK(logs == uniform());
  memory.add(std::vector<Token>{1, 2, 1, 50, 1, kVocab, 1, 2});
  memory.mix(std::vector<Token>{7}, logs);
  CHECK(logs == uniform());
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
