// SPDX-License-Identifier: Apache-2.0
#include "engine/families/grouped/family.h"

#include <nlohmann/json.hpp>

#include "engine/block_cache.h"
#include "engine/families/grouped/bind_weights.h"
#include "engine/families/grouped/linear_modules.h"
#include "engine/families/grouped/make_models.h"
#include "engine/families/grouped/read_config.h"
#include "engine/families/grouped/write_gguf.h"
#include "engine/families/describe_shape.h"
#include "engine/fast/activation_width.h"
#include "engine/formats/dequantize.h"
#include "engine/kernels/matmul.h"
#include "engine/load/weight_sizes.h"

namespace engine {
namespace {

class GroupedFamily : public Family {
 public:
  GroupedFamily(GroupedConfig config, GroupedWeights weights) : config_(std::move(config)), weights_(std::move(weights)) {}

  void describe(ModelInfo& info) const override {
    info.family = config_.family;
    describe_shape(config_, info);
    WeightSizes sizes;
    for (const GroupedLayer& l : weights_.layers) {
      for (const TensorView* view :
           {&l.attn_norm, &l.q, &l.k, &l.v, &l.q_bias, &l.k_bias, &l.v_bias, &l.q_norm, &l.k_norm, &l.sinks, &l.o, &l.o_bias})
        sizes.always(*view);
      l.ff.count(config_.n_experts_used, sizes);
    }
    sizes.always(weights_.norm);
    sizes.ends(weights_.embedding, weights_.head);
    sizes.report(info);
    const CacheType asked = cache_type_beside(takes_wide_activations(ActivationType::kAuto, info.weight_bytes), CacheType::kAuto);
    info.kv_bytes_per_token = BlockCache::bytes(config_.n_layers, int64_t{2} * config_.n_kv_heads * config_.head_dim, 1,
                                                chosen_cache_type(asked, weights_.layers[0].k.type, config_.head_dim));
  }

  std::unique_ptr<Model> make_reference() const override { return make_grouped_reference(config_, weights_); }
  std::unique_ptr<Model> make_fast(const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels, CacheType cache) const override {
    return make_grouped_fast(config_, weights_, kernels, pool, panels, cache);
  }
  uint64_t packed_bytes() const override {
    uint64_t total = engine::packed_bytes(weights_.head);
    for (const GroupedLayer& l : weights_.layers) {
      for (const TensorView* view : {&l.q, &l.k, &l.v, &l.o}) total += engine::packed_bytes(*view);
      total += l.ff.matrix_bytes();
    }
    return total;
  }
  std::vector<LinearModule> linear_modules() const override { return grouped_linear_modules(config_, weights_); }
  base::Result<GgufContent> to_gguf() const override { return grouped_to_gguf(config_, weights_); }
  base::Result<std::unique_ptr<Model>> make_accelerated(Accelerator& accelerator, const UploadOptions& options) const override {
    if (config_.dense_biases) return base::invalid("biases of dense feed-forwards are not computed on the GPU");
    return accelerator.make_grouped(config_, weights_, options);
  }

 private:
  const GroupedConfig config_;
  const GroupedWeights weights_;  // views, but for what was made anew
};

}  // namespace

RopeTable rope_table(const GroupedConfig& config, const TensorView& factors) {
  RopeTable table = config.llama3.factor != 1.0f ? RopeTable(config.head_dim, config.rope_theta, config.llama3)
                                                 : RopeTable(config.head_dim, config.rope_theta, config.yarn);
  if (config.rope_slowdown != 1.0f) {
    const std::vector<float> same(static_cast<size_t>(table.n_pairs()), config.rope_slowdown);
    table.slow_down(same.data());
  }
  if (factors) {
    std::vector<float> values(static_cast<size_t>(factors.n_in()));
    dequantize_row(factors, 0, values);
    table.slow_down(values.data());
  }
  return table;
}

std::unique_ptr<const Family> grouped_family(const GroupedConfig& config, GroupedWeights weights) {
  return std::make_unique<GroupedFamily>(config, std::move(weights));
}

base::Result<std::unique_ptr<const Family>> grouped_family_from_hf(const nlohmann::json& config, const TensorTable& tensors) {
  auto description = grouped_from_json(config);
  if (!description) return std::move(description).error();
  auto weights = grouped_weights_from_hf(*description, tensors);
  if (!weights) return std::move(weights).error();
  return grouped_family(description->config, std::move(*weights));
}

base::Result<std::unique_ptr<const Family>> grouped_family_from_gguf(const GgufFile& gguf) {
  auto description = grouped_from_gguf(gguf);
  if (!description) return std::move(description).error();
  auto weights = grouped_weights_from_gguf(*description, gguf.tensors);
  if (!weights) return std::move(weights).error();
  return grouped_family(description->config, std::move(*weights));
}

}  // namespace engine
