// SPDX-License-Identifier: Apache-2.0
// agent/memory/expert_mixture.h: a model's distribution of the next token, mixed with those of experts that each know a few
// tokens.
//
//     p(w) = sum over e of g_e * q_e(w),   g = softmax over the experts that are there of  W_e . x + V_e . y_e +
//     net_e(x, y)
// The model is expert 0. x is what is known of the place (how unsure the model is, how long the longest match), y_e
// what is known of expert e (how often it saw the context, how much it agrees with itself and with the model); the net
// has one hidden layer and sees all of them at once. They rest on the context alone, so p sums to one.
//
// Weights  gate_weights.inc, fitted by models/train/fit_mixture.py; models/train/mixture.py is the same in Python.
// Threads  Any.
// Source   Jacobs, Jordan, Nowlan, Hinton 1991 (a gate that chooses between experts).
#pragma once
#include <cstddef>
#include <iterator>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace agent {

// Beside the model: one for each least number of tokens that is matched in a TextMemory.
inline constexpr size_t kMemoryMatches[] = {1, 2, 3, 4, 6, 8, 12, 16};
inline constexpr size_t kMemoryExperts = std::size(kMemoryMatches);
// And behind those, one for each of these lengths of context in an NgramTable.
inline constexpr size_t kTableContexts[] = {2, 3, 4, 5};
inline constexpr size_t kTableExperts = std::size(kTableContexts);
// And behind those, the tokens that a TextMemory had
enum PlaceExpert : size_t {
  kRecent = 1 + kMemoryExperts + kTableExperts,  // most recently, in any order
  kInLine,                                       // in lines that begin with the same token after the same line end
  kBehindInLine,  // in those, behind the same token; at a line's start, after such a line
  kSkipped,       // behind the last token but one, whatever came between
  kLatest,        // behind the last token, most recently: one token alone
  kExperts
};

struct Share {
  engine::Token token = 0;
  double share = 0;
};

struct Expert {
  size_t number = 0;          // 1 to kExperts - 1
  double n_seen = 0;          // times that the context was seen, as the expert counts
  std::vector<Share> shares;  // by rising token, each once, positive, their sum 1; never empty
};

// `logits`, [n_vocab]: in, the model's, of any scale; out, natural logs of the mixture. Unchanged without experts and
// where the logits are no distribution. Every token of `experts` lies in the vocabulary. `longest_match`: tokens.
void mix_experts(std::span<const Expert> experts, size_t longest_match, std::span<float> logits);

}  // namespace agent
