// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/deepseek_v4.h: configuration and weights of DeepSeek-V4-Flash, V4-Pro and V4.1-Flash.
//
// Shapes   D hidden, H heads of width d (one key head, whose rows are keys and values), S residual streams, G output
//          groups of rank R, m tokens to an entry, c series of a compressor (2 where entries overlap, else 1), Hi and
//          Di heads and width of the indexer, E experts of width F. Linear layers are [n_out, n_in].
// Layers   Every token sees the last `window` tokens. A sparse layer also sees index_topk of the entries that sum up m
//          tokens each and the m before; a heavy layer sees all entries of m tokens.
// V4.1     A shared layer sees index_topk of its source layer's entries, which sum up 1 or 2 tokens each, chosen by
//          itself or by the layer that chose last; behind the candidate layer, among the blocks that this one found
//          best. Half a layer reads the streams as the half before it said. Two layers ask Engram (kernels/engram.h).
//          No other program computes it where we could call it: it is held against one of our own
//          (tests/data/engine/make_deepseek_v41.py) that follows the model's description. Released weights were never
//          run. Uncertain there: which part of config.json says how weights are quantised; the folded ids of tokens
//          that the tokenizer lacks; that the newest entry's block counts among the candidates. All layers run over
//          the whole prompt. No images: the vision tower and the routers' second bias are skipped.
// Drafts   V4's first checkpoints have a serial block for drafts, later ones and V4.1 DSpark (docs/drafts.md): V4Draft, V4Spark.
// Left out DeepSeek's own program rounds keys and entries to FP8 (V4.1: entries to FP4), index queries and keys (V4: after
//          a Hadamard turn) to FP4, and activations to FP8, because the models were trained to bear it; here they stay as
//          they are, as in transformers, which V4 is held against.
// Errors   The readers return only configurations and weights that passed every check: shapes agree with the
//          configuration, all sizes are in range, every tensor lies in its file, tables name experts there are. Later code
//          relies on that.
// Source   DeepSeek-V4, arXiv:2606.19348; Hugging Face transformers `deepseek_v4`; GGUF architectures "deepseek4" and "deepseek41"
//          (read_gguf_v41.h)
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/feed_forward_views.h"
#include "engine/kernels/engram.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/silu_gate.h"
#include "engine/tensor.h"

namespace engine {

enum class V4LayerKind : uint8_t { kSliding, kSparse, kHeavy, kShared };

// Of a shared layer: tokens to an entry, and the layers that make its entries and choose among them; maybe itself.
struct V4Sharing {
  int ratio = 0, entries_from = 0, choice_from = 0;
};

// DSpark, which guesses a block of tokens at once.
struct V4SparkConfig {
  int block = 0;             // tokens; 0: config.json says nothing of it
  int noise = 0;             // token that stands where guesses will
  int rank = 0;              // of the head that looks at the token before
  std::vector<int> targets;  // layers whose streams' mean it reads, rising: behind them, in V4.1 in front
  int n_experts = 0, n_experts_used = 0;  // of the stages, V4.1; 0: the model's
};

struct DeepseekV4Config {
  int n_layers = 0, hidden_size = 0, n_heads = 0, head_dim = 0, n_vocab = 0, n_ctx_train = 0;
  int rope_dim = 0;  // the last ones of a head, and of an index head
  int q_lora_rank = 0, o_groups = 0, o_lora_rank = 0;
  int window = 0;                                                            // tokens
  std::vector<V4LayerKind> kinds;                                            // [n_layers]; with_draft_layers() adds more
  int sparse_ratio = 4, heavy_ratio = 128;                                   // tokens to an entry
  std::vector<V4Sharing> sharing;                                            // [n_layers] in V4.1, else empty
  int candidate_layer = -1, candidate_blocks = 0, candidate_block_size = 0;  // -1: all entries may be chosen
  bool delayed = false;      // V4.1: streams are read as the half layer before said, first the first alone
  bool norm_queries = true;  // each head, without a gain
  EngramConfig engram;
  V4SparkConfig spark;
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

  // With `n` sliding layers behind the last, which make drafts: layer n_layers and further.
  DeepseekV4Config with_draft_layers(int n) const {
    DeepseekV4Config c = *this;
    c.kinds.insert(c.kinds.end(), static_cast<size_t>(n), V4LayerKind::kSliding);
    return c;
  }
  // Of a cache for `n` such layers alone.
  DeepseekV4Config draft_layers(int n) const {
    DeepseekV4Config c = *this;
    c.n_layers = n;
    c.kinds.assign(static_cast<size_t>(n), V4LayerKind::kSliding);
    c.engram = {};
    return c;
  }

  RouterSettings router() const {
    return {n_experts, n_experts_used, scoring, ExpertSelection::kGreedy, 1, 1, true, expert_weight_scale};
  }
  // As with_draft_layers(1), with the experts of such a layer.
  DeepseekV4Config draft_layer() const {
    DeepseekV4Config c = with_draft_layers(1);
    if (spark.n_experts > 0) c.n_experts = spark.n_experts, c.n_experts_used = spark.n_experts_used;
    return c;
  }
  int ratio(int layer) const {  // 0: no entries
    const V4LayerKind kind = kinds[static_cast<size_t>(layer)];
    if (kind == V4LayerKind::kShared) return sharing[static_cast<size_t>(layer)].ratio;
    return kind == V4LayerKind::kSparse ? sparse_ratio : kind == V4LayerKind::kHeavy ? heavy_ratio : 0;
  }
  bool sparse(int layer) const { return kinds[static_cast<size_t>(layer)] == V4LayerKind::kSparse; }
  bool shared(int layer) const { return kinds[static_cast<size_t>(layer)] == V4LayerKind::kShared; }
  // The layer whose entries this one sees; only where there are some.
  int entries_from(int layer) const { return shared(layer) ? sharing[static_cast<size_t>(layer)].entries_from : layer; }
  bool makes_entries(int layer) const { return ratio(layer) != 0 && entries_from(layer) == layer; }
  bool makes_index_keys(int layer) const { return sparse(layer) || (shared(layer) && makes_entries(layer)); }
  // Whether an indexer chooses among the entries here; else all are seen, or those that another layer chose.
  bool chooses(int layer) const {
    return sparse(layer) || (shared(layer) && sharing[static_cast<size_t>(layer)].choice_from == layer);
  }
  bool filtered(int layer) const { return candidate_layer >= 0 && layer > candidate_layer && chooses(layer); }
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

// Sums up m tokens in one entry of width w: d, or Di of the indexer (kernels/compressor.h). V4.1 has no `place`, and no
// `gate` where m is 1.
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
  TensorView index_k, index_k_norm;   // V4.1, of layers with entries of their own: [Di, d], [Di]
  TensorView engram_rows;             // V4.1: [rows, w]; these four where the layer asks Engram
  TensorView engram_projection;       // [(S + 1) D, (N - 1) H w]
  TensorView engram_q, engram_k;      // [S, D]
  FeedForwardViews ff;
};

// Multi-token prediction: a sliding layer of its own behind the model's, for drafts. It takes over all streams; embedding and head
// are the model's.
struct V4Draft {
  TensorView token_norm, state_norm;  // [D]
  TensorView token_join, state_join;  // [D, D]
  std::shared_ptr<const std::vector<std::byte>> halves;  // what the two view where a file holds them as one matrix; else null
  DeepseekV4Layer layer;
  V4Connection head_connection;
  TensorView norm;  // [D]
};

// DSpark: sliding layers that see the model's last tokens through what the target layers made of them (T of these), and all of their
// own block.
struct V4Spark {
  TensorView join, join_norm;  // [D, T D], [D]: from the targets' means to what the layers see of the past
  std::vector<DeepseekV4Layer> stages;
  V4Connection head_connection;        // empty in V4.1
  TensorView norm;                     // [D]
  TensorView markov_from, markov_to;   // [V, rank]: of the token before; onto the logits
  TensorView confidence;               // [1, D + rank]
};

struct DeepseekV4Weights {
  TensorView embedding;  // [V, D]
  std::vector<DeepseekV4Layer> layers;
  V4Connection head_connection;  // empty in V4.1
  EngramHashes hashes;           // V4.1
  TensorView norm;               // [D]
  TensorView head;               // [V, D]
  std::optional<V4Draft> draft;
  std::optional<V4Spark> spark;
  std::string no_drafts;         // why a file's blocks for drafts are not read; else empty

  int n_draft_layers() const { return draft ? 1 : spark ? static_cast<int>(spark->stages.size()) : 0; }
};

}  // namespace engine
