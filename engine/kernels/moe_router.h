// SPDX-License-Identifier: Apache-2.0
// engine/kernels/moe_router.h: choose the experts of one token, and group tokens by expert.
//
// Shapes   logits, bias [E] f32; ids, weights [k], by falling score, a tie goes to the lower index
// Bounds   1 <= k <= E; groups divide E; k <= experts in the kept groups
// Note     Experts are chosen by score + bias; weights are the chosen scores alone, divided by their sum where `normalize`,
//          then times `scale`. Group-limited: experts of dropped groups are never chosen, whatever the scores.
// Source   DeepSeek-V2, arXiv:2405.04434, sections 2.2.1-2.2.2; DeepSeek-V3, arXiv:2412.19437, section 2.1.2; gpt-oss's model
//          card, arXiv:2508.10925, section 2; sqrt(softplus) and routing by token: transformers `deepseek_v4`
#pragma once
#include <cstdint>
#include <vector>

namespace engine {

enum class Scoring {
  kSoftmax,          // over all experts
  kSigmoid,
  kSqrtSoftplus,     // sqrt(log(1 + e^x))
  kSoftmaxOfChosen,  // chosen by logit, then softmax over those
};
enum class ExpertSelection {
  kGreedy,
  kGroupLimitedGreedy,  // V2; a group's score: its best expert
  kGroupLimitedTopTwo,  // V3; a group's score: the sum of its two best
};

struct RouterSettings {
  int n_experts = 0, n_experts_used = 0;
  Scoring scoring = Scoring::kSoftmax;
  ExpertSelection selection = ExpertSelection::kGreedy;
  int n_groups = 1, n_groups_used = 1;
  bool normalize = false;
  float scale = 1.0f;
};

// `bias`: null for none. `scratch`: room for 2 E values; logits are left alone. One path only: with at most a few hundred
// experts it is not hot.
void moe_router(const RouterSettings& settings, const float* logits, const float* bias, float* scratch, int32_t* ids, float* weights);

// The weights of experts that were chosen otherwise: by the token's id.
void moe_weights(const RouterSettings& settings, const float* logits, float* scratch, const int32_t* ids, float* weights);

// Tokens gathered per expert, so that an expert's weights are read once for all of them. A slot is one (token, expert)
// pair; slots are ordered by expert, then by token.
struct ExpertGroups {
  std::vector<int32_t> first_slot;  // [E + 1]
  std::vector<int32_t> token;       // [slots]
  std::vector<float> weight;        // [slots]
  std::vector<int32_t> used;        // experts with at least one slot, ascending
  int n_used = 0;

  void reserve(int n_experts, int64_t max_slots);
  // ids, weights [n_tokens, k]. Allocates nothing after reserve().
  void assign(int n_experts, int64_t n_tokens, int k, const int32_t* ids, const float* weights);
};

}  // namespace engine
