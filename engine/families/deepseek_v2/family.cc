// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/family.h"

#include <nlohmann/json.hpp>

#include "engine/block_cache.h"
#include "engine/families/deepseek_v2/bind_weights.h"
#include "engine/families/deepseek_v2/linear_modules.h"
#include "engine/families/deepseek_v2/make_models.h"
#include "engine/families/deepseek_v2/packed_weights.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/families/deepseek_v2/write_gguf.h"
#include "engine/families/describe_shape.h"
#include "engine/fast/activation_width.h"
#include "engine/load/weight_sizes.h"

namespace engine {
namespace {

void count_attention(const DeepseekV2Layer& l, WeightSizes& sizes) {
  for (const TensorView* view :
       {&l.attn_norm, &l.q, &l.q_a, &l.q_a_norm, &l.q_b, &l.kv_a, &l.kv_a_norm, &l.kv_b, &l.k_b, &l.v_b, &l.o,
        &l.index_q, &l.index_k, &l.index_k_gain, &l.index_k_bias, &l.index_weights})
    sizes.always(*view);
}

class DeepseekV2Family : public Family {
 public:
  DeepseekV2Family(const DeepseekV2Config& config, DeepseekV2Weights weights) : config_(config), weights_(std::move(weights)) {}

  void describe(ModelInfo& info) const override {
    info.family = config_.index_topk != 0 ? "deepseek_v32" : config_.selection_bias ? "deepseek_v3" : "deepseek_v2";
    describe_shape(config_, info);
    info.has_draft_layer = weights_.draft.has_value();
    WeightSizes sizes;
    for (const DeepseekV2Layer& layer : weights_.layers) {
      count_attention(layer, sizes);
      layer.ff.count(config_.n_experts_used, sizes);
    }
    sizes.always(weights_.norm);
    sizes.ends(weights_.embedding, weights_.head);
    if (const auto& draft = weights_.draft) {
      sizes.for_drafts();
      for (const TensorView* view : {&draft->token_norm, &draft->state_norm, &draft->join, &draft->norm}) sizes.always(*view);
      count_attention(draft->layer, sizes);
      draft->layer.ff.count(config_.n_experts_used, sizes);
    }
    sizes.report(info);
    const CacheType asked = cache_type_beside(takes_wide_activations(ActivationType::kAuto, info.weight_bytes), CacheType::kAuto);
    const int64_t row = config_.kv_lora_rank + config_.qk_rope_dim;
    info.kv_bytes_per_token = BlockCache::bytes(config_.n_layers, row + config_.index_width(), 1,
                                                deepseek_v2_cache_type(config_, weights_, asked));
  }

  std::unique_ptr<Model> make_reference() const override { return make_deepseek_v2_reference(config_, weights_); }
  std::unique_ptr<Model> make_fast(const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels, CacheType cache) const override {
    return make_deepseek_v2_fast(config_, weights_, kernels, pool, panels, cache);
  }
  uint64_t packed_bytes() const override { return engine::packed_bytes(config_, weights_); }
  std::vector<LinearModule> linear_modules() const override { return deepseek_v2_linear_modules(config_, weights_); }
  base::Result<GgufContent> to_gguf() const override { return deepseek_v2_to_gguf(config_, weights_); }
  base::Result<std::unique_ptr<Model>> make_accelerated(Accelerator& accelerator, const UploadOptions& options) const override {
    return accelerator.make_deepseek_v2(config_, weights_, options);
  }

 private:
  const DeepseekV2Config config_;
  const DeepseekV2Weights weights_;  // views
};

}  // namespace

std::unique_ptr<const Family> deepseek_v2_family(const DeepseekV2Config& config, DeepseekV2Weights weights) {
  return std::make_unique<DeepseekV2Family>(config, std::move(weights));
}

base::Result<std::unique_ptr<const Family>> deepseek_v2_family_from_hf(const nlohmann::json& config, const TensorTable& tensors) {
  auto description = deepseek_v2_from_json(config);
  if (!description) return std::move(description).error();
  auto weights = deepseek_v2_weights_from_hf(*description, tensors);
  if (!weights) return std::move(weights).error();
  return deepseek_v2_family(description->config, std::move(*weights));
}

base::Result<std::unique_ptr<const Family>> deepseek_v2_family_from_gguf(const GgufFile& gguf) {
  auto description = deepseek_v2_from_gguf(gguf);
  if (!description) return std::move(description).error();
  auto weights = deepseek_v2_weights_from_gguf(*description, gguf.tensors);
  if (!weights) return std::move(weights).error();
  return deepseek_v2_family(description->config, std::move(*weights));
}

}  // namespace engine
