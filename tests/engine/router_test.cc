// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "engine/kernels/moe_router.h"

namespace {

using namespace engine;

struct Routed {
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

Routed route(const RouterSettings& config, const std::vector<float>& logits, const std::vector<float>& bias = {}) {
  std::vector<float> scratch(2 * logits.size());
  Routed routed{std::vector<int32_t>(static_cast<size_t>(config.n_experts_used), -1), std::vector<float>(static_cast<size_t>(config.n_experts_used))};
  moe_router(config, logits.data(), bias.empty() ? nullptr : bias.data(), scratch.data(), routed.ids.data(), routed.weights.data());
  return routed;
}

RouterSettings experts(int n, int used) {
  RouterSettings config;
  config.n_experts = n;
  config.n_experts_used = used;
  return config;
}

}  // namespace

TEST_CASE("moe_router: a tie goes to the lower expert") {
  const Routed routed = route(experts(4, 2), {0.0f, 2.0f, 1.0f, 2.0f});
  CHECK(routed.ids == std::vector<int32_t>{1, 3});
  CHECK(routed.weights[0] == routed.weights[1]);
  CHECK(route(experts(5, 5), std::vector<float>(5, 1.0f)).ids == std::vector<int32_t>{0, 1, 2, 3, 4});
}

TEST_CASE("moe_router: weights are the softmax over all experts, scaled, and normalised only where asked") {
  RouterSettings config = experts(3, 2);
  const std::vector<float> logits = {std::log(1.0f), std::log(2.0f), std::log(5.0f)};
  CHECK(route(config, logits).weights[0] == doctest::Approx(5.0 / 8));
  CHECK(route(config, logits).weights[1] == doctest::Approx(2.0 / 8));
  config.scale = 4.0f;
  CHECK(route(config, logits).weights[0] == doctest::Approx(5.0 / 2));
  config.normalize = true;
  CHECK(route(config, logits).weights[0] == doctest::Approx(4.0 * 5 / 7));
}

TEST_CASE("moe_router: the weight of a single expert is normalised as those of several are") {
  RouterSettings config = experts(3, 1);
  config.normalize = true;
  config.scale = 2.5f;
  CHECK(route(config, {1.0f, -2.0f, 0.5f}).weights[0] == doctest::Approx(2.5));
  const int32_t id = 2;
  float weight = 0.0f;
  std::vector<float> scratch(6);
  const std::vector<float> logits = {1.0f, -2.0f, 0.5f};
  moe_weights(config, logits.data(), scratch.data(), &id, &weight);
  CHECK(weight == doctest::Approx(2.5));
}

TEST_CASE("moe_router: sigmoid scores are independent of each other") {
  RouterSettings config = experts(3, 1);
  config.scoring = Scoring::kSigmoid;
  CHECK(route(config, {-1.0f, 0.0f, -3.0f}).ids[0] == 1);
  CHECK(route(config, {-1.0f, 0.0f, -3.0f}).weights[0] == doctest::Approx(0.5));
}

TEST_CASE("moe_router: experts of a dropped group are never chosen") {
  RouterSettings config = experts(6, 2);
  config.selection = ExpertSelection::kGroupLimitedGreedy;
  config.n_groups = 3;
  config.n_groups_used = 1;
  // The best expert is 4; its group's other expert is the worst of all and still comes second.
  CHECK(route(config, {1.0f, 2.0f, 3.0f, 2.5f, 4.0f, -9.0f}).ids == std::vector<int32_t>{4, 5});
  // Equal groups: the lower index stays.
  CHECK(route(config, {1.0f, 2.0f, 2.0f, 1.0f, 0.0f, 2.0f}).ids == std::vector<int32_t>{1, 0});
}

TEST_CASE("moe_router: one expert, and logits that are not numbers, still fill every slot") {
  CHECK(route(experts(1, 1), {-50.0f}).ids == std::vector<int32_t>{0});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Routed routed = route(experts(4, 3), {nan, nan, nan, nan});
  CHECK(routed.ids == std::vector<int32_t>{0, 1, 2});
}

TEST_CASE("expert groups: slots are ordered by expert and then by token, with the token's weight") {
  ExpertGroups groups;
  groups.reserve(4, 6);
  const std::vector<int32_t> ids = {3, 1, 1, 0, 3, 1};  // three tokens, two experts each
  const std::vector<float> weights = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
  for (int repeat = 0; repeat < 2; ++repeat) {  // nothing is left over from the call before
    groups.assign(4, 3, 2, ids.data(), weights.data());
    CHECK(groups.first_slot == std::vector<int32_t>{0, 1, 4, 4, 6});
    CHECK(groups.token == std::vector<int32_t>{1, 0, 1, 2, 0, 2});
    CHECK(groups.weight == std::vector<float>{0.4f, 0.2f, 0.3f, 0.6f, 0.1f, 0.5f});
    REQUIRE(groups.n_used == 3);
    CHECK(std::vector<int32_t>(groups.used.begin(), groups.used.begin() + 3) == std::vector<int32_t>{0, 1, 3});
  }
}

TEST_CASE("moe_router: a selection bias steers the choice and leaves the weights alone") {
  RouterSettings config = experts(3, 1);
  config.scoring = Scoring::kSigmoid;
  CHECK(route(config, {0.0f, 1.0f, 2.0f}, {1.0f, 0.0f, 0.0f}).ids[0] == 0);
  CHECK(route(config, {0.0f, 1.0f, 2.0f}, {1.0f, 0.0f, 0.0f}).weights[0] == doctest::Approx(0.5));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(route(config, {0.0f, 1.0f, 2.0f}, {nan, 0.0f, nan}).ids[0] == 1);
}

TEST_CASE("moe_router: a group counts by its two best, or by its best alone") {
  RouterSettings config = experts(4, 1);
  config.scoring = Scoring::kSigmoid;
  config.n_groups = 2;
  config.n_groups_used = 1;
  const std::vector<float> logits = {3.0f, -9.0f, 2.0f, 2.0f};
  config.selection = ExpertSelection::kGroupLimitedGreedy;
  CHECK(route(config, logits).ids[0] == 0);
  config.selection = ExpertSelection::kGroupLimitedTopTwo;
  CHECK(route(config, logits).ids[0] == 2);
  // Negative biased scores stay above what was dropped.
  CHECK(route(config, logits, {-50.0f, -50.0f, -60.0f, -60.0f}).ids[0] == 0);
}

TEST_CASE("moe_router: softmax of the chosen, square root of softplus, and weights of given experts") {
  RouterSettings config = experts(3, 2);
  config.scoring = Scoring::kSoftmaxOfChosen;
  const Routed routed = route(config, {std::log(1.0f), std::log(3.0f), -9.0f});
  CHECK(routed.ids == std::vector<int32_t>{1, 0});
  CHECK(routed.weights[0] == doctest::Approx(0.75));
  config.scoring = Scoring::kSqrtSoftplus;
  CHECK(route(config, {0.0f, 40.0f, -3.0f}).weights[0] == doctest::Approx(std::sqrt(40.0)));
  CHECK(route(config, {0.0f, 40.0f, -3.0f}).weights[1] == doctest::Approx(std::sqrt(std::log(2.0))));
  config.normalize = true;
  config.scale = 2.0f;
  const std::vector<float> logits = {1.0f, 2.0f, 3.0f};
  const std::vector<int32_t> ids = {2, 0};
  std::vector<float> scratch(6), weights(2);
  moe_weights(config, logits.data(), scratch.data(), ids.data(), weights.data());
  CHECK(weights[0] + weights[1] == doctest::Approx(2.0));
  CHECK(weights[0] / weights[1] == doctest::Approx(std::sqrt(std::log1p(std::exp(3.0)) / std::log1p(std::exp(1.0)))));
}
