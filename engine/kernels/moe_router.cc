// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/moe_router.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/softmax.h"

namespace engine {
namespace {

constexpr float kDropped = -std::numeric_limits<float>::infinity();

// Keeps the n_groups_used groups with the best expert; scores of the others become kDropped. Scores are above kDropped.
void drop_groups(const RouterSettings& settings, float* scores) {
  const int size = settings.n_experts / settings.n_groups;
  const auto best_of = [&](int group) { return *std::max_element(scores + group * size, scores + (group + 1) * size); };
  for (int dropped = 0; dropped < settings.n_groups - settings.n_groups_used; ++dropped) {
    // The worst kept group goes; of equal ones the higher index.
    int worst = -1;
    float worst_score = 0.0f;
    for (int group = 0; group < settings.n_groups; ++group) {
      const float score = best_of(group);
      if (score != kDropped && (worst < 0 || score <= worst_score)) worst = group, worst_score = score;
    }
    if (worst >= 0) std::fill_n(scores + worst * size, size, kDropped);
  }
}

}  // namespace

void moe_router(const RouterSettings& settings, const float* logits, float* scratch, int32_t* ids, float* weights) {
  const int n = settings.n_experts, k = settings.n_experts_used;
  std::copy_n(logits, n, scratch);
  if (settings.scoring == Scoring::kSoftmax) {
    softmax_cpu_reference(scratch, n);
  } else {
    for (int e = 0; e < n; ++e) scratch[e] = 1.0f / (1.0f + std::exp(-scratch[e]));
  }
  // NaN compares false with everything and would leave a slot unfilled; it ranks last instead.
  for (int e = 0; e < n; ++e)
    if (std::isnan(scratch[e])) scratch[e] = 0.0f;
  if (settings.selection == ExpertSelection::kGroupLimitedGreedy && settings.n_groups > 1) drop_groups(settings, scratch);

  float sum = 0.0f;
  for (int i = 0; i < k; ++i) {
    const int best = static_cast<int>(std::max_element(scratch, scratch + n) - scratch);  // the first of equal ones
    ids[i] = best;
    weights[i] = scratch[best];
    sum += weights[i];
    scratch[best] = kDropped;
  }
  const float scale = settings.scale / (settings.normalize && k > 1 ? sum + 1e-20f : 1.0f);
  for (int i = 0; i < k; ++i) weights[i] *= scale;
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
