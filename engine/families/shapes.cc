// SPDX-License-Identifier: Apache-2.0
#include "engine/families/shapes.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"
#include "engine/families/deepseek_v2/family.h"
#include "engine/families/deepseek_v4/family.h"
#include "engine/families/grouped/family.h"

namespace engine {
namespace {

// What views of no data point at: different places, so that a head is not taken for the embedding.
const std::byte kNoData[2] = {};

TensorView view(DType type, std::vector<int64_t> shape, int place = 0) {
  TensorView v;
  v.type = type;
  v.n_dims = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), v.shape.begin());
  v.data = kNoData + place;
  return v;
}
TensorView vector_view(int64_t n) {
  return view(DType::kF32, {n});
}

struct Experts {
  int64_t n = 0, width = 0, shared_width = 0;
  bool selection_bias = false, biases = false;
};

FeedForwardViews dense(DType type, int64_t d, int64_t width) {
  FeedForwardViews ff;
  ff.norm = vector_view(d);
  ff.gate = ff.up = view(type, {width, d});
  ff.down = view(type, {d, width});
  return ff;
}

FeedForwardViews mixture(DType type, int64_t d, const Experts& e) {
  FeedForwardViews ff;
  const auto n = static_cast<size_t>(e.n);
  ff.norm = vector_view(d);
  ff.router = view(DType::kF32, {e.n, d});
  if (e.selection_bias) ff.selection_bias = vector_view(e.n);
  ff.expert_gate.assign(n, view(type, {e.width, d}));
  ff.expert_up = ff.expert_gate;
  ff.expert_down.assign(n, view(type, {d, e.width}));
  if (e.biases) {
    ff.router_bias = vector_view(e.n);
    ff.expert_gate_bias.assign(n, vector_view(e.width));
    ff.expert_up_bias = ff.expert_gate_bias;
    ff.expert_down_bias.assign(n, vector_view(d));
  }
  if (e.shared_width > 0) {
    ff.shared_gate = ff.shared_up = view(type, {e.shared_width, d});
    ff.shared_down = view(type, {d, e.shared_width});
  }
  return ff;
}

DeepseekV2Config v2_lite() {
  DeepseekV2Config c;
  c.n_layers = 27, c.hidden_size = 2048, c.n_heads = 16, c.n_vocab = 102400, c.n_ctx_train = 163840;
  c.kv_lora_rank = 512, c.qk_nope_dim = 128, c.qk_rope_dim = 64, c.v_head_dim = 128;
  c.dense_intermediate = 10944, c.n_dense_layers = 1;
  c.n_experts = 64, c.n_experts_used = 6, c.n_shared_experts = 2, c.expert_intermediate = 1408;
  c.yarn.factor = 40.0f, c.yarn.mscale = c.yarn.mscale_all_dim = 0.707f;
  return c;
}

DeepseekV2Config v3(int n_layers) {
  DeepseekV2Config c;
  c.n_layers = n_layers, c.hidden_size = 7168, c.n_heads = 128, c.n_vocab = 129280, c.n_ctx_train = 163840;
  c.q_lora_rank = 1536, c.kv_lora_rank = 512, c.qk_nope_dim = 128, c.qk_rope_dim = 64, c.v_head_dim = 128;
  c.dense_intermediate = 18432, c.n_dense_layers = std::min(3, n_layers);
  c.n_experts = 256, c.n_experts_used = 8, c.n_shared_experts = 1, c.expert_intermediate = 2048;
  c.scoring = Scoring::kSigmoid, c.selection = ExpertSelection::kGroupLimitedTopTwo;
  c.n_groups = 8, c.n_groups_used = 4, c.normalize_expert_weights = true, c.expert_weight_scale = 2.5f,
  c.selection_bias = true;
  c.yarn.factor = 40.0f, c.yarn.mscale = c.yarn.mscale_all_dim = 1.0f;
  return c;
}

DeepseekV2Config v32(int n_layers) {
  DeepseekV2Config c = v3(n_layers);
  c.index_heads = 64, c.index_head_dim = 128, c.index_topk = 2048;
  return c;
}

std::unique_ptr<const Family> latent(const DeepseekV2Config& c, DType type) {
  DeepseekV2Weights w;
  const int64_t d = c.hidden_size, h = c.n_heads, dk = c.qk_nope_dim + c.qk_rope_dim;
  w.embedding = view(type, {c.n_vocab, d});
  w.head = view(type, {c.n_vocab, d}, 1);
  w.norm = vector_view(d);
  for (int l = 0; l < c.n_layers; ++l) {
    DeepseekV2Layer layer;
    layer.attn_norm = vector_view(d);
    if (c.q_lora_rank == 0) {
      layer.q = view(type, {h * dk, d});
    } else {
      layer.q_a = view(type, {c.q_lora_rank, d});
      layer.q_a_norm = vector_view(c.q_lora_rank);
      layer.q_b = view(type, {h * dk, c.q_lora_rank});
    }
    layer.kv_a = view(type, {c.kv_lora_rank + c.qk_rope_dim, d});
    layer.kv_a_norm = vector_view(c.kv_lora_rank);
    layer.kv_b = view(type, {h * (c.qk_nope_dim + c.v_head_dim), c.kv_lora_rank});
    layer.o = view(type, {d, h * c.v_head_dim});
    if (c.index_topk != 0) {
      layer.index_q = view(type, {int64_t{c.index_heads} * c.index_head_dim, c.q_lora_rank});
      layer.index_k = view(type, {c.index_head_dim, d});
      layer.index_weights = view(type, {c.index_heads, d});
      layer.index_k_gain = layer.index_k_bias = vector_view(c.index_head_dim);
    }
    layer.ff = l < c.n_dense_layers
                   ? dense(type, d, c.dense_intermediate)
                   : mixture(type, d,
                             {c.n_experts, c.expert_intermediate, int64_t{c.n_shared_experts} * c.expert_intermediate,
                              c.selection_bias, false});
    w.layers.push_back(std::move(layer));
  }
  return deepseek_v2_family(c, std::move(w));
}

DeepseekV4Config v4_flash(int n_layers) {
  DeepseekV4Config c;
  c.n_layers = n_layers, c.hidden_size = 4096, c.n_heads = 64, c.head_dim = 512, c.n_vocab = 129280,
  c.n_ctx_train = 1048576;
  c.rope_dim = 64, c.q_lora_rank = 1024, c.o_groups = 8, c.o_lora_rank = 1024, c.window = 128;
  c.index_heads = 64, c.index_head_dim = 128, c.index_topk = 512;
  c.n_experts = 256, c.n_experts_used = 6, c.n_shared_experts = 1, c.expert_intermediate = 2048;
  c.expert_weight_scale = 1.5f;
  c.gate.limit = 10.0f;
  c.n_streams = 4, c.sinkhorn_rounds = 20;
  c.yarn.factor = 16.0f, c.yarn.original_context = 65536;
  for (int l = 0; l < n_layers; ++l) {
    c.kinds.push_back(l < 2 ? V4LayerKind::kSliding : l % 2 == 0 ? V4LayerKind::kSparse : V4LayerKind::kHeavy);
    c.by_token.push_back(l < 3);
  }
  return c;
}

V4Connection connection(const DeepseekV4Config& c, int64_t rows, int64_t scales) {
  return {view(DType::kF32, {rows, int64_t{c.n_streams} * c.hidden_size}), vector_view(rows), vector_view(scales)};
}

V4Compressor compressor(DType type, const DeepseekV4Config& c, int ratio, int64_t series, int64_t width) {
  return {view(type, {series * width, c.hidden_size}), view(type, {series * width, c.hidden_size}),
          view(DType::kF32, {ratio, series * width}), vector_view(width)};
}

std::unique_ptr<const Family> streamed(const DeepseekV4Config& c, DType type) {
  DeepseekV4Weights w;
  const int64_t d = c.hidden_size, width = int64_t{c.n_heads} * c.head_dim,
                mixes = int64_t{2 + c.n_streams} * c.n_streams;
  w.embedding = view(type, {c.n_vocab, d});
  w.head = view(type, {c.n_vocab, d}, 1);
  w.norm = vector_view(d);
  w.head_connection = connection(c, c.n_streams, 1);
  for (int l = 0; l < c.n_layers; ++l) {
    DeepseekV4Layer layer;
    layer.attn_connection = layer.ff_connection = connection(c, mixes, 3);
    layer.attn_norm = vector_view(d);
    layer.q_a = view(type, {c.q_lora_rank, d});
    layer.q_a_norm = vector_view(c.q_lora_rank);
    layer.q_b = view(type, {width, c.q_lora_rank});
    layer.kv = view(type, {c.head_dim, d});
    layer.kv_norm = vector_view(c.head_dim);
    layer.sinks = vector_view(c.n_heads);
    layer.o_a = view(type, {int64_t{c.o_groups} * c.o_lora_rank, c.group_width()});
    layer.o_b = view(type, {d, int64_t{c.o_groups} * c.o_lora_rank});
    if (c.ratio(l) > 0) layer.entries = compressor(type, c, c.ratio(l), c.sparse(l) ? 2 : 1, c.head_dim);
    if (c.sparse(l)) {
      layer.index_entries = compressor(type, c, c.ratio(l), 2, c.index_head_dim);
      layer.index_q = view(type, {int64_t{c.index_heads} * c.index_head_dim, c.q_lora_rank});
      layer.index_weights = view(type, {c.index_heads, d});
    }
    const bool by_token = c.by_token[static_cast<size_t>(l)];
    layer.ff = mixture(
        type, d,
        {c.n_experts, c.expert_intermediate, int64_t{c.n_shared_experts} * c.expert_intermediate, !by_token, false});
    for (int64_t i = 0; by_token && i < int64_t{c.n_vocab} * c.n_experts_used; ++i)  // neighbours are different experts
      layer.ff.experts_of.push_back(static_cast<int32_t>(i * 37 % c.n_experts));
    w.layers.push_back(std::move(layer));
  }
  return deepseek_v4_family(c, std::move(w));
}

GroupedConfig llama_3_8b() {
  GroupedConfig c;
  c.family = "llama";
  c.n_layers = 32, c.hidden_size = 4096, c.n_heads = 32, c.n_kv_heads = 8, c.head_dim = 128, c.n_vocab = 128256,
  c.n_ctx_train = 131072;
  c.dense_intermediate = 14336;
  c.rope_theta = 500000.0f;
  return c;
}

GroupedConfig qwen3_30b_a3b() {
  GroupedConfig c;
  c.family = "qwen3_moe";
  c.n_layers = 48, c.hidden_size = 2048, c.n_heads = 32, c.n_kv_heads = 4, c.head_dim = 128, c.n_vocab = 151936,
  c.n_ctx_train = 262144;
  c.n_experts = 128, c.n_experts_used = 8, c.expert_intermediate = 768;
  c.normalize_expert_weights = c.qk_norm = true;
  c.rope_theta = 10000000.0f;
  return c;
}

GroupedConfig gpt_oss_20b() {
  GroupedConfig c;
  c.family = "gpt_oss";
  c.n_layers = 24, c.hidden_size = 2880, c.n_heads = 64, c.n_kv_heads = 8, c.head_dim = 64, c.n_vocab = 201088,
  c.n_ctx_train = 131072;
  c.n_experts = 32, c.n_experts_used = 4, c.expert_intermediate = 2880;
  c.scoring = Scoring::kSoftmaxOfChosen;
  c.gate = {7.0f, 1.702f, 1.0f};
  c.qkv_bias = c.output_bias = c.sinks = c.expert_biases = true;
  c.rope_theta = 150000.0f;
  c.yarn.factor = 32.0f;
  return c;
}

std::unique_ptr<const Family> grouped(GroupedConfig c, DType type) {
  const int64_t d = c.hidden_size, q = int64_t{c.n_heads} * c.head_dim, kv = int64_t{c.n_kv_heads} * c.head_dim;
  const bool mixed = c.n_experts > 0;
  c.sparse.assign(static_cast<size_t>(c.n_layers), mixed);
  c.window.assign(static_cast<size_t>(c.n_layers), 0);
  if (c.family == "gpt_oss")
    for (size_t l = 0; l < c.window.size(); l += 2) c.window[l] = 128;
  GroupedWeights w;
  w.embedding = view(type, {c.n_vocab, d});
  w.head = view(type, {c.n_vocab, d}, 1);
  w.norm = vector_view(d);
  for (int l = 0; l < c.n_layers; ++l) {
    GroupedLayer layer;
    layer.attn_norm = vector_view(d);
    layer.q = view(type, {q, d});
    layer.k = layer.v = view(type, {kv, d});
    layer.o = view(type, {d, q});
    if (c.qkv_bias) {
      layer.q_bias = vector_view(q);
      layer.k_bias = layer.v_bias = vector_view(kv);
    }
    if (c.output_bias) layer.o_bias = vector_view(d);
    if (c.qk_norm) layer.q_norm = layer.k_norm = vector_view(c.head_dim);
    if (c.sinks) layer.sinks = vector_view(c.n_heads);
    layer.ff = mixed ? mixture(type, d, {c.n_experts, c.expert_intermediate, 0, false, c.expert_biases})
                     : dense(type, d, c.dense_intermediate);
    w.layers.push_back(std::move(layer));
  }
  return grouped_family(c, std::move(w));
}

}  // namespace

base::Result<std::unique_ptr<const Family>> family_of_shape(const std::string& shape, const std::string& weight_type) {
  DType type = DType::kBF16;
  bool known = false;
  std::string types;
  for (int i = 0; i < kDTypes; ++i) {
    std::string name(traits(static_cast<DType>(i)).name);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    types += (types.empty() ? "" : ", ") + name;
    if (name == weight_type) type = static_cast<DType>(i), known = true;
  }
  if (!known) return base::invalid("There is no weight type \"" + weight_type + "\"; there are " + types + ".");
  if (shape == "v2-lite") return latent(v2_lite(), type);
  if (shape == "v3-slice") return latent(v3(6), type);
  if (shape == "v3.2-slice") return latent(v32(6), type);
  if (shape == "v4-flash") return streamed(v4_flash(43), type);
  if (shape == "v4-slice") return streamed(v4_flash(12), type);
  if (shape == "llama-3-8b") return grouped(llama_3_8b(), type);
  if (shape == "qwen3-30b-a3b") return grouped(qwen3_30b_a3b(), type);
  if (shape == "gpt-oss-20b") return grouped(gpt_oss_20b(), type);
  return base::invalid(
      "There is no shape \"" + shape +
      "\"; there are v2-lite, v3-slice, v3.2-slice, v4-flash, v4-slice, llama-3-8b, qwen3-30b-a3b and gpt-oss-20b.");
}

}  // namespace engine
