// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/kernels/hyper_connection.h"
#include "engine/load/checked_sizes.h"
#include "engine/load/limits.h"

namespace engine {

// So that few thousand primes are looked for.
constexpr int kMaxNgram = 16, kMaxNgramRows = 128;
constexpr size_t kMaxEngramLayers = 64;

std::string set_kinds(const std::vector<int>& ratios, DeepseekV4Config& c) {
  constexpr int kSparseRatio = 4;  // the number alone says which kind a layer is
  c.kinds.clear();
  int heavy = 0;
  for (const int tokens : ratios) {
    c.kinds.push_back(tokens == 0              ? V4LayerKind::kSliding
                      : tokens == kSparseRatio ? V4LayerKind::kSparse
                                               : V4LayerKind::kHeavy);
    if (c.kinds.back() != V4LayerKind::kHeavy) continue;
    if (heavy != 0 && heavy != tokens)
      return base::cat("holds ", heavy, " and ", tokens, "; one number beside 0 and 4 is supported");
    heavy = tokens;
  }
  c.sparse_ratio = kSparseRatio;
  if (heavy != 0) c.heavy_ratio = heavy;
  return {};
}

void set_sharing(const std::vector<int>& ratios, const std::vector<int>& sources, const std::vector<int>& choosers,
                 DeepseekV4Config& c) {
  const auto last_to = [](const std::vector<int>& ids, int layer) {  // -1 for none
    const auto after = std::upper_bound(ids.begin(), ids.end(), layer);
    return after == ids.begin() ? -1 : *std::prev(after);
  };
  for (int l = 0; l < static_cast<int>(ratios.size()); ++l) {
    const int ratio = ratios[static_cast<size_t>(l)];
    c.kinds.push_back(ratio == 0 ? V4LayerKind::kSliding : V4LayerKind::kShared);
    c.sharing.push_back({ratio, last_to(sources, l), last_to(choosers, l)});
  }
}

namespace {

// What V4.1's layers share, and what they ask.
base::Status check_sharing(const DeepseekV4Config& c) {
  const auto bad = [](auto... parts) { return base::corrupt(base::cat("configuration: ", parts...)); };
  if (c.sharing.size() != static_cast<size_t>(c.n_layers)) return bad("what layers share is not given for all");
  for (int l = 0; l < c.n_layers; ++l) {
    if (!c.shared(l)) continue;
    const V4Sharing& s = c.sharing[static_cast<size_t>(l)];
    if (s.ratio < 1 || s.ratio > 1 << 16) return bad("layer ", l, " has entries of ", s.ratio, " tokens");
    if (s.entries_from < 0 || s.entries_from > l || !c.makes_entries(s.entries_from))
      return bad("layer ", l, " sees entries, but no layer before it makes some");
    if (s.choice_from < s.entries_from || s.choice_from > l || !c.chooses(s.choice_from) ||
        c.entries_from(s.choice_from) != s.entries_from)
      return bad("layer ", l, " sees entries of layer ", s.entries_from, ", but no layer chooses among them before it");
    if (c.ratio(s.entries_from) != s.ratio)
      return bad("layer ", l, " has entries of ", s.ratio, " tokens, those of its source sum up ",
                 c.ratio(s.entries_from));
    if (c.filtered(l) && s.entries_from != c.entries_from(c.candidate_layer))
      return bad("layer ", l, " chooses among other entries than candidate layer ", c.candidate_layer);
  }
  if (c.candidate_layer < 0) return base::ok();
  if (c.candidate_layer >= c.n_layers || !c.shared(c.candidate_layer) || !c.chooses(c.candidate_layer))
    return bad("candidate layer ", c.candidate_layer, " chooses no entries");
  base::Status sizes = check_ints({{"number of candidate blocks", c.candidate_blocks, 1, kMaxContext},
                                   {"candidate block size", c.candidate_block_size, 1, kMaxContext}});
  if (!sizes) return sizes;
  if ((int64_t{c.candidate_blocks} - 1) * c.candidate_block_size + 1 < c.index_topk)
    return bad(c.candidate_blocks, " candidate blocks of ", c.candidate_block_size, " may hold fewer than ",
               c.index_topk, " entries");
  return base::ok();
}

base::Status check_engram(const DeepseekV4Config& c) {
  const EngramConfig& e = c.engram;
  if (e.layers.size() > kMaxEngramLayers || e.ngram < 2 || e.ngram > kMaxNgram)
    return base::corrupt(base::cat("configuration: ", e.layers.size(), " layers ask Engram for n-grams of ", e.ngram,
                                   " tokens; at most ", kMaxEngramLayers, " and 2..", kMaxNgram, " are supported"));
  for (size_t i = 0; i < e.layers.size(); ++i)
    if (e.layers[i] < 0 || e.layers[i] >= c.n_layers || (i > 0 && e.layers[i] <= e.layers[i - 1]))
      return base::corrupt("configuration: the layers that ask Engram must be layers, in rising order");
  return check_ints({{"Engram heads", e.n_heads, 1, kMaxNgramRows / (e.ngram - 1)},
                     {"Engram row width", e.head_dim, 1, kMaxHeadDim},
                     {"Engram bucket", e.bucket, 1, 1 << 28},
                     {"Engram padding token", e.pad_token, 0, c.n_vocab - 1},
                     {"number of folded ids", e.n_ids, 1, c.n_vocab}});
}

}  // namespace

base::Status check_config(const DeepseekV4Config& c) {
  const auto bad = [](auto... parts) { return base::corrupt(base::cat("configuration: ", parts...)); };
  base::Status sizes = check_ints({
      {"number of layers", c.n_layers, 1, kMaxLayers},
      {"hidden size", c.hidden_size, 1, kMaxWidth},
      {"number of attention heads", c.n_heads, 1, kMaxHeads},
      {"head dimension", c.head_dim, 2, kMaxHeadDim},
      {"vocabulary size", c.n_vocab, 1, kMaxVocab},
      {"training context", c.n_ctx_train, 1, kMaxContext},
      {"rope dimension", c.rope_dim, 2, c.head_dim},
      {"q_lora_rank", c.q_lora_rank, 1, kMaxWidth},
      {"number of output groups", c.o_groups, 1, c.n_heads},
      {"o_lora_rank", c.o_lora_rank, 1, kMaxWidth},
      {"sliding window", c.window, 1, kMaxContext},
      {"tokens to an entry of a sparse layer", c.sparse_ratio, 1, 1 << 16},
      {"tokens to an entry of a heavy layer", c.heavy_ratio, 1, 1 << 16},
      {"number of experts", c.n_experts, 1, kMaxExperts},
      {"experts used per token", c.n_experts_used, 1, c.n_experts},
      {"number of shared experts", c.n_shared_experts, 0, kMaxSharedExperts},
      {"expert feed-forward width", c.expert_intermediate, 1, kMaxWidth},
      {"number of residual streams", c.n_streams, 1, kMaxStreams},
      {"Sinkhorn rounds", c.sinkhorn_rounds, 1, 1000},
      {"YaRN original context", c.yarn.original_context, 1, kMaxContext},
  });
  if (!sizes) return sizes;
  if (c.rope_dim % 2 != 0) return bad("rope dimension is ", c.rope_dim, ", must be even");
  if (c.n_heads % c.o_groups != 0) return bad(c.n_heads, " heads cannot form ", c.o_groups, " equal groups");
  const auto layers = static_cast<size_t>(c.n_layers);
  if (c.kinds.size() != layers || c.by_token.size() != layers)
    return bad("the kinds of ", c.n_layers, " layers are not all given");
  bool any_shared = false, any_index = false;
  for (int l = 0; l < c.n_layers; ++l) any_shared |= c.shared(l), any_index |= c.shared(l) || c.sparse(l);
  if (any_index) {
    sizes = check_ints({{"number of index heads", c.index_heads, 1, kMaxHeads},
                        {"index head dimension", c.index_head_dim, c.rope_dim, kMaxHeadDim},
                        {"index_topk", c.index_topk, 1, kMaxContext}});
    if (!sizes) return sizes;
  }
  if (any_shared)
    if (base::Status shared = check_sharing(c); !shared) return shared;
  if (!c.engram.layers.empty())
    if (base::Status engram = check_engram(c); !engram) return engram;
  return check_floats({
      {"RMS norm epsilon", c.rms_eps, 0.0f, 1.0f},
      {"epsilon of the hyper-connections", c.stream_eps, 0.0f, 1.0f},
      {"rope base", c.rope_theta, 1.0f, 1e12f},
      {"rope base of layers with entries", c.compress_rope_theta, 1.0f, 1e12f},
      {"expert weight scale", c.expert_weight_scale, 0.0f, 1e6f},
      {"YaRN factor", c.yarn.factor, 0.999999f, 1e6f},
      {"YaRN beta_fast", c.yarn.beta_fast, 0.0f, 1e6f},
      {"YaRN beta_slow", c.yarn.beta_slow, 0.0f, 1e6f},
  });
}

}  // namespace engine
