// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/packed_weights.h"

#include <cstring>

#include "engine/families/deepseek_v2/linear_modules.h"
#include "engine/formats/dequantize.h"
#include "engine/load/tensor_binder.h"

namespace engine {
namespace {

void key_and_value_heads(const DeepseekV2Config& config, const DeepseekV2Layer& from, PanelStore& store, PackedLayer& to) {
  const int64_t c = config.kv_lora_rank, nope = config.qk_nope_dim, dv = config.v_head_dim;
  for (int64_t h = 0; h < config.n_heads; ++h) {
    if (!from.kv_b) {
      to.k_b.push_back(store.matrix(from.k_b.slice(h)));
      to.v_b.push_back(store.matrix(from.v_b.slice(h)));
      continue;
    }
    const std::byte* rows = from.kv_b.data + h * (nope + dv) * from.kv_b.row_bytes();
    to.v_b.push_back(store.matrix(rows_of(from.kv_b, h * (nope + dv) + nope, dv)));
    // Transposed: [nope, C] to [C, nope]. Blocks of rows that share a scale cannot be turned; those become f32, which is exact.
    const bool decode = is_quantized(from.kv_b.type) || from.kv_b.type == DType::kF8_E4M3;
    const DType type = decode ? DType::kF32 : from.kv_b.type;
    const size_t value_bytes = static_cast<size_t>(traits(type).block_bytes);
    Buffer<std::byte> turned(static_cast<size_t>(c * nope) * value_bytes);
    std::vector<float> row(static_cast<size_t>(c));
    for (int64_t j = 0; j < nope; ++j) {
      const std::byte* stored = rows + j * from.kv_b.row_bytes();
      if (decode) {
        dequantize_row(from.kv_b, h * (nope + dv) + j, row);
        stored = reinterpret_cast<const std::byte*>(row.data());
      }
      for (int64_t i = 0; i < c; ++i)
        std::memcpy(turned.data() + static_cast<size_t>(i * nope + j) * value_bytes, stored + static_cast<size_t>(i) * value_bytes,
                    value_bytes);
    }
    to.k_b.push_back(store.own_matrix(type, c, nope, std::move(turned)));
    to.k_b.back().key = head_keys(config, from, h).k;
  }
}

}  // namespace

void PackedLayer::list(std::vector<PackedMatrix*>& all) {
  all.insert(all.end(), {&q, &q_a, &q_b, &kv_a, &o, &index_q, &index_k, &index_weights});
  for (std::vector<PackedMatrix>* heads : {&k_b, &v_b})
    for (PackedMatrix& m : *heads) all.push_back(&m);
  ff.list(all);
}

PackedLayer packed_layer(const DeepseekV2Config& config, const DeepseekV2Layer& from, PanelStore& store) {
  PackedLayer to;
  to.attn_norm = decoded(from.attn_norm);
  to.q_a_norm = decoded(from.q_a_norm);
  to.kv_a_norm = decoded(from.kv_a_norm);
  to.q = store.matrix(from.q);
  to.q_a = store.matrix(from.q_a);
  to.q_b = store.matrix(from.q_b);
  to.kv_a = store.matrix(from.kv_a);
  key_and_value_heads(config, from, store, to);
  to.o = store.matrix(from.o);
  to.index_q = store.matrix(from.index_q);
  to.index_k = store.matrix(from.index_k);
  to.index_k_gain = decoded(from.index_k_gain);
  to.index_k_bias = decoded(from.index_k_bias);
  to.index_weights = store.matrix(from.index_weights);
  to.ff = packed_feed_forward(from.ff, store);
  return to;
}

uint64_t packed_bytes(const DeepseekV2Weights& weights) {
  uint64_t total = packed_bytes(weights.head);
  std::vector<const DeepseekV2Layer*> layers;
  for (const DeepseekV2Layer& l : weights.layers) layers.push_back(&l);
  if (weights.draft) {
    layers.push_back(&weights.draft->layer);
    total += packed_bytes(weights.draft->join);
  }
  for (const DeepseekV2Layer* layer : layers) {
    const DeepseekV2Layer& l = *layer;
    for (const TensorView* view :
         {&l.q, &l.q_a, &l.q_b, &l.kv_a, &l.kv_b, &l.k_b, &l.v_b, &l.o, &l.index_q, &l.index_k, &l.index_weights})
      if (*view) total += packed_bytes(*view);
    total += l.ff.matrix_bytes();
  }
  return total;
}

}  // namespace engine
