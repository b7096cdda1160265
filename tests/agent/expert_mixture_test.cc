// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/expert_mixture.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "agent/memory/text_memory.h"
#include "base/file.h"
#include "base/json.h"

namespace {

using agent::Expert;
using engine::Token;

double sum_of(const std::vector<float>& logs) {
  double sum = 0;
  for (const float l : logs) sum += std::exp(static_cast<double>(l));
  return sum;
}

}  // namespace

TEST_CASE("expert mixture: as the definition in Python has it") {
  const auto text = base::read_file(std::string(GRAFT_SOURCE_DIR) + "/tests/data/agent/mixture/cases.json", 1 << 20);
  REQUIRE(text);
  const auto cases = base::parse_json(*text);
  REQUIRE(cases);
  auto opened = agent::NgramTable::open(std::string(GRAFT_SOURCE_DIR) + "/tests/data/agent/ngrams/small.ngrams");
  REQUIRE(opened);
  const auto table = std::make_shared<const agent::NgramTable>(std::move(*opened));
  size_t changed = 0;
  for (const auto& each : *cases) {
    const auto breaks = std::make_shared<std::vector<bool>>(each["logits"].size());
    for (const auto& token : each["breaks"]) (*breaks)[token.get<size_t>()] = true;
    agent::TextMemory memory(breaks);
    if (each["table"].get<bool>()) memory.consult(table);
    for (const auto& tokens : each["texts"]) memory.add(tokens.get<std::vector<Token>>());
    auto logits = each["logits"].get<std::vector<float>>();
    const auto before = logits;
    memory.mix(each["context"].get<std::vector<Token>>(), logits);
    const auto want = each["mixed"].get<std::vector<double>>();
    REQUIRE(logits.size() == want.size());
    if (logits == before) {  // nothing known: not even normalised
      const double log_total = std::log(sum_of(before));
      for (size_t w = 0; w < want.size(); ++w)
        CHECK(static_cast<double>(before[w]) - log_total == doctest::Approx(want[w]).epsilon(1e-4));
      continue;
    }
    ++changed;
    for (size_t w = 0; w < want.size(); ++w)
      CHECK(static_cast<double>(logits[w]) == doctest::Approx(want[w]).epsilon(1e-4));
  }
  CHECK(changed > 15);
}

TEST_CASE("expert mixture: sums to one, and an expert makes its tokens likelier than the model alone had them") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> logits(50);
    for (float& l : logits) l = static_cast<float>(random() % 1000) / 100.0f;
    std::vector<Expert> experts;
    for (size_t number = 1; number < agent::kExperts; ++number) {
      if (random() % 2) continue;
      Expert expert{.number = number, .n_seen = 0, .shares = {}};
      for (Token token = 0; token < 50; ++token)
        if (random() % 9 == 0)
          expert.shares.push_back({token, static_cast<double>(1 + random() % 20)}),
              expert.n_seen += expert.shares.back().share;
      if (expert.shares.empty()) continue;
      for (auto& share : expert.shares) share.share /= expert.n_seen;
      experts.push_back(std::move(expert));
    }
    auto mixed = logits;
    agent::mix_experts(experts, random() % 17, mixed);
    if (experts.empty()) {
      CHECK(mixed == logits);
    } else {
      CHECK(sum_of(mixed) == doctest::Approx(1).epsilon(1e-4));
    }
  }
  std::vector<float> flat(50, 1.0f);
  agent::mix_experts(std::vector<Expert>{{.number = 3, .n_seen = 4, .shares = {{7, 1.0}}}}, 3, flat);
  CHECK(flat[7] > std::log(0.02f));
  CHECK(flat[8] < std::log(0.02f));
}

TEST_CASE("expert mixture: what is no distribution is left alone; what the model rules out an expert may bring back") {
  const std::vector<Expert> experts{{.number = 1, .n_seen = 2, .shares = {{1, 0.5}, {2, 0.5}}}};
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  std::vector<float> none(4, kNever);
  agent::mix_experts(experts, 1, none);
  CHECK(none == std::vector<float>(4, kNever));
  std::vector<float> broken{0, std::numeric_limits<float>::infinity(), 0, 0};
  const auto same = broken;
  agent::mix_experts(experts, 1, broken);
  CHECK(broken == same);
  std::vector<float> some{0, kNever, 0, kNever};
  agent::mix_experts(experts, 1, some);
  CHECK(some[3] == kNever);
  CHECK(some[1] > kNever);
  CHECK(sum_of(some) == doctest::Approx(1).epsilon(1e-5));
}
