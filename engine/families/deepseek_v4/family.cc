// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/family.h"

#include <iterator>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "engine/accelerator.h"
#include "engine/families/deepseek_v4/bind_weights.h"
#include "engine/families/deepseek_v4/cache.h"
#include "engine/families/deepseek_v4/linear_modules.h"
#include "engine/families/deepseek_v4/make_models.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/families/deepseek_v4/write_gguf.h"
#include "engine/families/describe_shape.h"
#include "engine/fast/activation_width.h"
#include "engine/kernels/matmul.h"
#include "engine/load/weight_sizes.h"
#include "engine/tokenizer/fold_tokens.h"

namespace engine {
namespace {

// What deepseek_v4.h says of V4.1.
constexpr const char* kNotes[] = {
    "DeepSeek-V4.1 is computed as its description says: released weights were never run, nor compared with another "
    "program",
    "uncertain in the description: where config.json says how weights are quantised; the folded ids of tokens that the "
    "tokenizer lacks; whether the newest entry's block counts among the candidates",
    "prompts and answers are those of its makers' library; no released tokenizer was tried; text alone: images are not "
    "read"};

std::vector<const TensorView*> attention_matrices(const DeepseekV4Layer& l) {
  return {&l.q_a,
          &l.q_b,
          &l.kv,
          &l.o_a,
          &l.o_b,
          &l.entries.values,
          &l.entries.gate,
          &l.index_entries.values,
          &l.index_entries.gate,
          &l.index_q,
          &l.index_weights,
          &l.index_k,
          &l.engram_projection,
          &l.attn_connection.mix,
          &l.ff_connection.mix};
}

void count_layer(const DeepseekV4Layer& l, int n_experts_used, WeightSizes& sizes) {
  for (const TensorView* view : attention_matrices(l)) sizes.always(*view);
  for (const TensorView* view :
       {&l.attn_norm, &l.q_a_norm, &l.kv_norm, &l.sinks, &l.attn_connection.base, &l.attn_connection.scale,
        &l.ff_connection.base, &l.ff_connection.scale, &l.entries.place, &l.entries.norm, &l.index_entries.place,
        &l.index_entries.norm, &l.index_k_norm, &l.engram_q, &l.engram_k})
    sizes.always(*view);
  sizes.experts({l.engram_rows}, 0);  // a token reads a few rows
  l.ff.count(n_experts_used, sizes);
}

class DeepseekV4Family : public Family {
 public:
  // `notes`: of its file.
  DeepseekV4Family(DeepseekV4Config config, DeepseekV4Weights weights, std::vector<std::string> notes = {})
      : config_(std::move(config)), weights_(std::move(weights)), notes_(std::move(notes)) {}

  void describe(ModelInfo& info) const override {
    info.family = config_.delayed ? "deepseek_v41" : "deepseek_v4";
    if (config_.delayed) info.notes.assign(std::begin(kNotes), std::end(kNotes));
    info.notes.insert(info.notes.end(), notes_.begin(), notes_.end());
    describe_shape(config_, info);
    info.has_draft_layer = weights_.n_draft_layers() > 0;
    if (!weights_.no_drafts.empty()) info.notes.push_back(weights_.no_drafts);
    uint64_t values = 0;  // of entries, m tokens each; the windows do not grow
    for (int l = 0; l < config_.n_layers; ++l)
      if (config_.makes_entries(l))
        values += static_cast<uint64_t>(
            (config_.head_dim + (config_.makes_index_keys(l) ? config_.index_head_dim : 0)) / config_.ratio(l));
    WeightSizes sizes;
    for (const DeepseekV4Layer& layer : weights_.layers) count_layer(layer, config_.n_experts_used, sizes);
    for (const TensorView* view : {&weights_.norm, &weights_.head_connection.mix, &weights_.head_connection.base,
                                   &weights_.head_connection.scale})
      sizes.always(*view);
    sizes.ends(weights_.embedding, weights_.head);
    if (const auto& draft = weights_.draft) {
      sizes.for_drafts();
      for (const TensorView* view : {&draft->token_norm, &draft->state_norm, &draft->token_join, &draft->state_join})
        sizes.always(*view);
      if (draft->norm.data != weights_.norm.data) sizes.always(draft->norm);  // else the model's own, counted already
      if (const V4Connection& c = draft->head_connection; c.mix.data != weights_.head_connection.mix.data)
        for (const TensorView* view : {&c.mix, &c.base, &c.scale}) sizes.always(*view);
      count_layer(draft->layer, config_.n_experts_used, sizes);
    }
    if (const auto& spark = weights_.spark) {
      sizes.for_drafts();
      for (const TensorView* view :
           {&spark->join, &spark->join_norm, &spark->norm, &spark->markov_from, &spark->markov_to, &spark->confidence,
            &spark->head_connection.mix, &spark->head_connection.base, &spark->head_connection.scale})
        sizes.always(*view);
      for (const DeepseekV4Layer& stage : spark->stages)
        count_layer(stage, config_.draft_layer().n_experts_used, sizes);
    }
    sizes.report(info);
    const CacheType asked =
        cache_type_beside(takes_wide_activations(ActivationType::kAuto, info.weight_bytes), CacheType::kAuto);
    info.kv_bytes_per_token =
        values * static_cast<uint64_t>(value_bytes(deepseek_v4_cache_type(config_, weights_, asked))) +
        (config_.engram.layers.empty() ? 0 : sizeof(int32_t));  // a folded id
  }

  std::unique_ptr<Model> make_reference() const override { return make_deepseek_v4_reference(config_, weights_); }
  std::unique_ptr<Model> make_fast(const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels,
                                   CacheType cache) const override {
    return make_deepseek_v4_fast(config_, weights_, kernels, pool, panels, cache);
  }
  uint64_t packed_bytes() const override {
    uint64_t total = engine::packed_bytes(weights_.head);
    if (weights_.head_connection.mix) total += engine::packed_bytes(weights_.head_connection.mix);
    const auto add = [&](const DeepseekV4Layer& layer) {
      for (const TensorView* view : attention_matrices(layer))
        if (*view) total += engine::packed_bytes(*view);
      total += layer.ff.matrix_bytes();
    };
    for (const DeepseekV4Layer& layer : weights_.layers) add(layer);
    if (const auto& draft = weights_.draft) {
      add(draft->layer);
      for (const TensorView* view : {&draft->token_join, &draft->state_join, &draft->head_connection.mix})
        total += engine::packed_bytes(*view);
    }
    if (const auto& spark = weights_.spark) {
      for (const DeepseekV4Layer& stage : spark->stages) add(stage);
      for (const TensorView* view : {&spark->join, &spark->markov_to, &spark->head_connection.mix})
        if (*view) total += engine::packed_bytes(*view);
    }
    return total;
  }
  std::vector<LinearModule> linear_modules() const override { return deepseek_v4_linear_modules(config_, weights_); }
  base::Result<GgufContent> to_gguf() const override { return deepseek_v4_to_gguf(config_, weights_); }
  base::Result<std::unique_ptr<Model>> make_accelerated(Accelerator& accelerator, const UploadOptions& options) const override {
    return accelerator.make_deepseek_v4(config_, weights_, options);
  }

 private:
  const DeepseekV4Config config_;
  const DeepseekV4Weights weights_;  // views
  const std::vector<std::string> notes_;
};

// The folded ids of all tokens, and the rows that they lead to.
base::Result<EngramHashes> engram_hashes(const DeepseekV4Config& c, const Tokenizer* tokenizer) {
  if (c.engram.layers.empty()) return EngramHashes();
  if (tokenizer == nullptr)
    return base::invalid(
        "DeepSeek-V4.1's Engram hashes the texts of tokens: tokenizer.json must lie beside config.json");
  FoldedTokens folded = fold_tokens(*tokenizer);
  if (folded.n_ids != c.engram.n_ids)
    return base::corrupt(base::cat("tokenizer.json: its tokens fold to ", folded.n_ids,
                                   " ids, but \"engram_compressed_vocab_size\" is ", c.engram.n_ids));
  folded.ids.resize(static_cast<size_t>(c.n_vocab), -1);
  const int32_t padding = folded.ids[static_cast<size_t>(c.engram.pad_token)];
  if (padding < 0)
    return base::corrupt(base::cat("tokenizer.json: there is no token ", c.engram.pad_token, ", Engram's padding"));
  for (int32_t& id : folded.ids) id = id < 0 ? padding : id;
  return EngramHashes(c.engram, std::move(folded.ids));
}

}  // namespace

std::unique_ptr<const Family> deepseek_v4_family(const DeepseekV4Config& config, DeepseekV4Weights weights) {
  return std::make_unique<DeepseekV4Family>(config, std::move(weights));
}

base::Result<std::unique_ptr<const Family>> deepseek_v4_family_from_hf(const nlohmann::json& config_json,
                                                                       const TensorTable& tensors) {
  auto config = deepseek_v4_from_json(config_json);
  if (!config) return std::move(config).error();
  auto weights = deepseek_v4_weights_from_hf(*config, tensors);
  if (!weights) return std::move(weights).error();
  return std::unique_ptr<const Family>(std::make_unique<DeepseekV4Family>(*std::move(config), *std::move(weights)));
}

base::Result<std::unique_ptr<const Family>> deepseek_v41_family_from_hf(const nlohmann::json& config_json,
                                                                        const TensorTable& tensors,
                                                                        const Tokenizer* tokenizer) {
  auto config = deepseek_v41_from_json(config_json);
  if (!config) return std::move(config).error();
  auto hashes = engram_hashes(*config, tokenizer);
  if (!hashes) return std::move(hashes).error();
  auto weights = deepseek_v41_weights_from_hf(*config, tensors, *std::move(hashes));
  if (!weights) return std::move(weights).error();
  return std::unique_ptr<const Family>(std::make_unique<DeepseekV4Family>(*std::move(config), *std::move(weights)));
}

base::Result<std::unique_ptr<const Family>> deepseek_v4_family_from_gguf(const GgufFile& gguf) {
  auto model = deepseek_v4_from_gguf(gguf);
  if (!model) return std::move(model).error();
  auto weights = deepseek_v4_weights_from_gguf(*model, gguf.tensors);
  if (!weights) return std::move(weights).error();
  return std::unique_ptr<const Family>(
      std::make_unique<DeepseekV4Family>(std::move(model->config), *std::move(weights), std::move(model->notes)));
}

}  // namespace engine
