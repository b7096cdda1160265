// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/expert_mixture.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace agent {
namespace {

using engine::Token;

constexpr size_t kPlaceFeatures = 6, kExpertFeatures = 6;
// Of the net: the place's features, then of each expert but the model its own and whether it is there.
constexpr size_t kInputs = kPlaceFeatures + (kExperts - 1) * (kExpertFeatures + 1), kHidden = 16;
constexpr double kPlaceScale = 2, kExpertScale[kExpertFeatures] = {3, 2, 1, 1, 1, 5};
#include "agent/memory/gate_weights.inc"

using PlaceFeatures = std::array<double, kPlaceFeatures>;
using OwnFeatures = std::array<double, kExpertFeatures>;

// A model's certainty that a token does not come is worth no more than this.
constexpr double kLeastLog = -12;

// The model's distribution, from logits.
struct ModelView {
  explicit ModelView(std::span<const float> raw) : logits(raw) {
    double most = -INFINITY, sum = 0, weighted = 0;
    for (const float logit : logits) most = std::max(most, static_cast<double>(logit));
    if (!std::isfinite(most)) return;
    for (const float logit : logits) {
      const double above = static_cast<double>(logit) - most, e = std::exp(above);
      sum += e;
      if (e > 0) weighted += e * above;
    }
    log_total = most + std::log(sum);
    surest = -std::log(sum);
    entropy = std::log(sum) - weighted / sum;
    usable = std::isfinite(entropy);
  }
  double log_p(Token token) const { return static_cast<double>(logits[static_cast<size_t>(token)]) - log_total; }

  std::span<const float> logits;
  double log_total = 0, surest = 0, entropy = 0;  // natural logs
  bool usable = false;
};

PlaceFeatures place_features(const ModelView& model, size_t longest_match) {
  const double unsure = model.entropy, matched = std::log1p(static_cast<double>(longest_match));
  return {1, unsure, unsure * unsure / 4, -model.surest, matched, unsure * matched};
}

OwnFeatures expert_features(const ModelView& model, const Expert& expert) {
  const Share& top = *std::max_element(expert.shares.begin(), expert.shares.end(),
                                       [](const Share& a, const Share& b) { return a.share < b.share; });
  const auto kinds = static_cast<double>(expert.shares.size());
  return {std::log1p(expert.n_seen),
          std::log1p(kinds),
          kinds / expert.n_seen,
          expert.shares.size() == 1 ? 1.0 : 0.0,
          top.share,
          std::max(kLeastLog, model.log_p(top.token))};
}

// What the net adds to each expert's score.
std::array<double, kExperts> net_scores(const PlaceFeatures& place, std::span<const Expert> experts,
                                        std::span<const OwnFeatures> own) {
  std::array<double, kInputs> input{};
  for (size_t k = 0; k < kPlaceFeatures; ++k) input[k] = place[k] / kPlaceScale;
  for (size_t i = 0; i < experts.size(); ++i) {
    double* const to = input.data() + kPlaceFeatures + (experts[i].number - 1) * (kExpertFeatures + 1);
    for (size_t k = 0; k < kExpertFeatures; ++k) to[k] = own[i][k] / kExpertScale[k];
    to[kExpertFeatures] = 1;
  }
  std::array<double, kExperts> scores;
  std::copy(std::begin(kOutBias), std::end(kOutBias), scores.begin());
  for (size_t h = 0; h < kHidden; ++h) {
    double x = static_cast<double>(kHiddenBias[h]);
    for (size_t k = 0; k < kInputs; ++k) x += static_cast<double>(kHiddenWeights[h][k]) * input[k];
    x /= 1 + std::exp(-x);
    for (size_t e = 0; e < kExperts; ++e) scores[e] += static_cast<double>(kOutWeights[e][h]) * x;
  }
  return scores;
}

// Softmax over the model, first, and the experts.
std::vector<double> gate(const ModelView& model, std::span<const Expert> experts, size_t longest_match) {
  const PlaceFeatures place = place_features(model, longest_match);
  std::vector<OwnFeatures> own;
  for (const Expert& expert : experts) own.push_back(expert_features(model, expert));
  const auto of_net = net_scores(place, experts, own);
  std::vector<double> weights(1 + experts.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const size_t number = i == 0 ? 0 : experts[i - 1].number;
    weights[i] = of_net[number];
    for (size_t k = 0; k < kPlaceFeatures; ++k) weights[i] += static_cast<double>(kPlaceWeights[number][k]) * place[k];
    if (i == 0) continue;
    for (size_t k = 0; k < kExpertFeatures; ++k)
      weights[i] += static_cast<double>(kExpertWeights[number][k]) * own[i - 1][k];
  }
  const double most = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - most);
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace

void mix_experts(std::span<const Expert> experts, size_t longest_match, std::span<float> logits) {
  if (experts.empty()) return;
  const ModelView model(logits);
  if (!model.usable) return;
  const std::vector<double> weights = gate(model, experts, longest_match);
  std::vector<Share> said;  // by all experts together
  for (size_t i = 0; i < experts.size(); ++i)
    for (const Share& share : experts[i].shares) said.push_back({share.token, weights[i + 1] * share.share});
  std::stable_sort(said.begin(), said.end(), [](const Share& a, const Share& b) { return a.token < b.token; });

  const double shift = std::log(weights[0]) - model.log_total;
  size_t next = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double own = static_cast<double>(logits[i]) + shift;
    double others = 0;
    for (; next < said.size() && static_cast<size_t>(said[next].token) == i; ++next) others += said[next].share;
    logits[i] = static_cast<float>(others > 0 ? std::log(std::exp(own) + others) : own);
  }
}

}  // namespace agent
