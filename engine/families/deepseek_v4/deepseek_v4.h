// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/deepseek_v4.h: configuration and weights of DeepSeek-V4-Flash and V4-Pro.
//
// Shapes   D hidden, H heads of width d (one key head, whose rows are keys and values), S residual streams, G output
// groups of
//          rank R, m tokens to an entry, c series of a compressor (2 where entries overlap, else 1), Hi and Di heads
//          and width of the indexer, E experts of width F. Linear layers are [n_out, n_in].
// Layers   Every token sees the last `window` tokens. A sparse layer also sees index_topk of the entries that sum up m
//          tokens each and the m before; a heavy layer sees all entries of m tokens.
// Left out The blocks for drafts (MTP, DSpark: tensors "mtp.*") are not read. DeepSeek's own program rounds keys and
// entries
//          to FP8, index queries and keys (after a Hadamard turn) to FP4, and activations to FP8, because the model was
//          trained to bear it; here they stay as they are, as in transformers, which this family is held against.
// Errors   The readers return only configurations and weights that passed every check: shapes agree with the
// configuration,
//          all sizes are in range, every tensor lies in its file, tables name experts there are. Later code relies on
//          that.
// Source   DeepSeek-V4, arXiv:2606.19348; Hugging Face transformers `deepseek_v4`
#pragma once
#include <cstdint>
#include <vector>

#include "engine/feed_forward_views.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/silu_gate.h"
#include "engine/tensor.h"

namespace engine {

enum class V4LayerKind : uint8_t { kSliding, kSparse, kHeavy };

struct DeepseekV4Config {
  int n_layers = 0, hidden_size = 0, n_heads = 0, head_dim = 0, n_vocab = 0, n_ctx_train = 0;
  int rope_dim = 0;  // the last ones of a head, and of an index head
  int q_lora_rank = 0, o_groups = 0, o_lora_rank = 0;
  int window = 0;                           // tokens
  std::vector<V4LayerKind> kinds;           // [n_layers]
  int sparse_ratio = 4, heavy_ratio = 128;  // tokens to an entry
  int index_heads = 0, index_head_dim = 0, index_topk = 0;
  int n_experts = 0, n_experts_used = 0, n_shared_experts = 0, expert_intermediate = 0;
  std::vector<bool> by_token;  // [n_layers]: experts are chosen by the token's id
  Scoring scoring = Scoring::kSqrtSoftplus;
  float expert_weight_scale = 1.0f;
  GateForm gate;
  int n_streams = 0, sinkhorn_rounds = 0;
  float stream_eps = 1e-6f;
  float rms_eps = 1e-6f;
  float rope_theta = 10000.0f, compress_rope_theta = 160000.0f;
  YarnScaling yarn;  // of layers with entries alone; without an amplitude

  RouterSettings router() const {
    return {n_experts, n_experts_used, scoring, ExpertSelection::kGreedy, 1, 1, true, expert_weight_scale};
  }
  int ratio(int layer) const {  // 0: no entries
    const V4LayerKind kind = kinds[static_cast<size_t>(layer)];
    return kind == V4LayerKind::kSparse ? sparse_ratio : kind == V4LayerKind::kHeavy ? heavy_ratio : 0;
  }
  bool sparse(int layer) const { return kinds[static_cast<size_t>(layer)] == V4LayerKind::kSparse; }
  RopeTable rope_table(bool entries) const {
    return entries ? RopeTable(rope_dim, compress_rope_theta, yarn) : RopeTable(rope_dim, rope_theta, YarnScaling{});
  }
  int64_t group_width() const { return int64_t{n_heads} * head_dim / o_groups; }
};

// How the streams are read and written around half a layer (kernels/hyper_connection.h).
struct V4Connection {
  TensorView mix;    // [(2 + S) S, S D], or [S, S D] of the head
  TensorView base;   // [(2 + S) S] or [S]
  TensorView scale;  // [3] or [1]
};

// Sums up m tokens in one entry of width w: d, or Di of the indexer (kernels/compressor.h).
struct V4Compressor {
  TensorView values, gate;  // [c w, D]
  TensorView place;         // [m, c w]
  TensorView norm;          // [w]
};

struct DeepseekV4Layer {
  V4Connection attn_connection, ff_connection;
  TensorView attn_norm;               // [D]
  TensorView q_a, q_a_norm, q_b;      // [q_lora, D], [q_lora], [H d, q_lora]
  TensorView kv, kv_norm;             // [d, D], [d]
  TensorView sinks;                   // [H]
  TensorView o_a, o_b;                // [G R, H d / G]: group g reads its own heads; [D, G R]
  V4Compressor entries;               // where the layer has some
  V4Compressor index_entries;         // sparse layers
  TensorView index_q, index_weights;  // [Hi Di, q_lora], [Hi, D]
  FeedForwardViews ff;
};

struct DeepseekV4Weights {
  TensorView embedding;  // [V, D]
  std::vector<DeepseekV4Layer> layers;
  V4Connection head_connection;
  TensorView norm;  // [D]
  TensorView head;  // [V, D]
};

}  // namespace engine
