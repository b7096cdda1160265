// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/moe_router.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/softmax.h"

namespace engine {
namespace {

constexpr float kDropped = -std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();

void score(const RouterSettings& settings, const float* logits, float* scores) {
  const int n = settings.n_experts;
  std::copy_n(logits, n, scores);
  switch (settings.scoring) {
    case Scoring::kSoftmax: softmax_cpu_reference(scores, n); break;
    case Scoring::kSigmoid:
      for (int e = 0; e < n; ++e) scores[e] = 1.0f / (1.0f + std::exp(-scores[e]));
      break;
    case Scoring::kSqrtSoftplus:  // above 20 the logarithm is x itself in f32
      for (int e = 0; e < n; ++e) scores[e] = std::sqrt(scores[e] > 20.0f ? scores[e] : std::log1p(std::exp(scores[e])));
      break;
    case Scoring::kSoftmaxOfChosen: break;
  }
  // NaN compares false with everything and would leave a slot unfilled; it ranks last instead.
  for (int e = 0; e < n; ++e)
    if (std::isnan(scores[e])) scores[e] = settings.scoring == Scoring::kSoftmaxOfChosen ? kLowest : 0.0f;
}

float group_score(const RouterSettings& settings, const float* first, const float* last) {
  const float* best = std::max_element(first, last);
  if (settings.selection != ExpertSelection::kGroupLimitedTopTwo || last - first < 2) return *best;
  float second = kDropped;
  for (const float* e = first; e < last; ++e)
    if (e != best) second = std::max(second, *e);
  return *best + second;
}

// Keeps the n_groups_used groups of the best scores; scores of the others become kDropped. Scores are above kDropped.
void drop_groups(const RouterSettings& settings, float* scores) {
  const int size = settings.n_experts / settings.n_groups;
  for (int dropped = 0; dropped < settings.n_groups - settings.n_groups_used; ++dropped) {
    // The worst kept group goes; of equal ones the higher index.
    int worst = -1;
    float worst_score = 0.0f;
    for (int group = 0; group < settings.n_groups; ++group) {
      const float score = group_score(settings, scores + group * size, scores + (group + 1) * size);
      if (score != kDropped && (worst < 0 || score <= worst_score)) worst = group, worst_score = score;
    }
    if (worst >= 0) std::fill_n(scores + worst * size, size, kDropped);
  }
}

// Chosen scores to weights.
void finish(const RouterSettings& settings, float* weights) {
  const int k = settings.n_experts_used;
  if (settings.scoring == Scoring::kSoftmaxOfChosen) softmax_cpu_reference(weights, k);
  float sum = 0.0f;
  for (int i = 0; i < k; ++i) sum += weights[i];
  const float scale = settings.scale / (settings.normalize ? sum + 1e-20f : 1.0f);
  for (int i = 0; i < k; ++i) weights[i] *= scale;
}

}  // namespace

void moe_router(const RouterSettings& settings, const float* logits, const float* bias, float* scratch, int32_t* ids,
                float* weights) {
  const int n = settings.n_experts;
  float *scores = scratch, *choice = scratch + n;
  score(settings, logits, scores);
  for (int e = 0; e < n; ++e) {
    choice[e] = bias ? scores[e] + bias[e] : scores[e];
    if (!(choice[e] >= kLowest)) choice[e] = kLowest;  // a bias that is no number
  }
  if (settings.selection != ExpertSelection::kGreedy && settings.n_groups > 1) drop_groups(settings, choice);
  for (int i = 0; i < settings.n_experts_used; ++i) {
    const int best = static_cast<int>(std::max_element(choice, choice + n) - choice);  // the first of equal ones
    ids[i] = best;
    weights[i] = scores[best];
    choice[best] = kDropped;
  }
  finish(settings, weights);
}

void moe_weights(const RouterSettings& settings, const float* logits, float* scratch, const int32_t* ids, float* weights) {
  score(settings, logits, scratch);
  for (int i = 0; i < settings.n_experts_used; ++i) weights[i] = scratch[ids[i]];
  finish(settings, weights);
}

void ExpertGroups::reserve(int n_experts, int64_t max_slots) {
  first_slot.resize(static_cast<size_t>(n_experts) + 1);
  used.resize(static_cast<size_t>(n_experts));
  token.resize(static_cast<size_t>(max_slots));
  weight.resize(static_cast<size_t>(max_slots));
}

void ExpertGroups::assign(int n_experts, int64_t n_tokens, int k, const int32_t* ids, const float* weights) {
  std::fill(first_slot.begin(), first_slot.end(), 0);
  for (int64_t i = 0; i < n_tokens * k; ++i) ++first_slot[static_cast<size_t>(ids[i]) + 1];
  n_used = 0;
  for (int e = 0; e < n_experts; ++e) {
    const auto at = static_cast<size_t>(e);
    if (first_slot[at + 1] > 0) used[static_cast<size_t>(n_used++)] = e;
    first_slot[at + 1] += first_slot[at];
  }
  // Filling moves first_slot[e] to the end of its group, which is where the next one starts: shifted back afterwards.
  for (int64_t i = 0; i < n_tokens * k; ++i) {
    const auto slot = static_cast<size_t>(first_slot[static_cast<size_t>(ids[i])]++);
    token[slot] = static_cast<int32_t>(i / k);
    weight[slot] = weights[i];
  }
  for (int e = n_experts; e > 0; --e) first_slot[static_cast<size_t>(e)] = first_slot[static_cast<size_t>(e) - 1];
  first_slot[0] = 0;
}

}  // namespace engine
