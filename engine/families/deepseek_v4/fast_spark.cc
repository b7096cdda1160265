// SPDX-License-Identifier: Apache-2.0
// DSpark on the fast paths: deepseek_v4.h, V4Spark.
#include <algorithm>
#include <cmath>

#include "engine/families/deepseek_v4/fast.h"
#include "engine/formats/dequantize.h"
#include "engine/load/tensor_binder.h"
#include "engine/sampling.h"

namespace engine {

void DeepseekV4Fast::pack_spark(const V4Spark& from, std::vector<PackedMatrix*>& matrices) {
  Spark& to = spark_.emplace();
  to.join = store().matrix(from.join);
  to.join_norm = decoded(from.join_norm);
  to.norm = decoded(from.norm);
  to.markov_from = from.markov_from;
  to.markov_to = store().matrix(from.markov_to);
  to.confidence = decoded(rows_of(from.confidence, 0, 1));
  if (!config_.delayed) to.head_connection = connection(from.head_connection);
  if (config_.spark.n_experts > 0)
    stage_feed_forward_ = std::make_unique<FeedForward>(*this, config_.draft_layer().router(), config_.gate, config_.hidden_size,
                                                        shared_width(config_), config_.expert_intermediate,
                                                        static_cast<int>(own_.size()));
  for (const DeepseekV4Layer& stage : from.stages) to.stages.push_back(packed_layer(stage));
  matrices.insert(matrices.end(), {&to.join, &to.markov_to, &to.head_connection.mix});
  for (Layer& stage : to.stages) list(stage, matrices);
  joined_ = ActivationBuffer(kChunk, draft_width());
  targets_ = ActivationBuffer(kChunk, config_.hidden_size);
  token_part_ = Buffer<float>(static_cast<size_t>(kChunk * int64_t{config_.hidden_size}));
  block_keys_ = V4Cache::Rows(cache_type_, config_.spark.block, key_width_);
  markov_ = Buffer<float>(static_cast<size_t>(config_.n_vocab));
}

// The mean of the streams, of a target layer.
void DeepseekV4Fast::keep_target(const Worker& worker, int layer, const ForwardRequest& request) {
  const std::vector<int>& targets = config_.spark.targets;
  const auto found = std::find(targets.begin(), targets.end(), layer);
  if (found == targets.end()) return;
  const int64_t d = config_.hidden_size, s = config_.n_streams;
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t) {
    float* to = request.states + t * draft_width() + (found - targets.begin()) * d;
    for (int64_t i = 0; i < d; ++i) {
      float sum = 0.0f;
      for (int64_t j = 0; j < s; ++j) sum += streams_.row(t)[j * d + i];
      to[i] = sum / static_cast<float>(s);
    }
  }
}

// Each stage's keys of what the targets made of the request's tokens. Ends with a barrier.
bool DeepseekV4Fast::see_targets(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) {
  const int64_t d = config_.hidden_size, n = n_tokens(), width = draft_width();
  const bool quantized = std::any_of(spark_->stages.begin(), spark_->stages.end(),
                                     [](const Layer& stage) { return is_quantized(stage.kv.type); });
  const auto [first, last] = worker.split(n);
  for (int64_t t = first; t < last; ++t) {
    std::copy_n(request.states + t * width, width, joined_.row(t));
    if (is_quantized(spark_->join.type)) joined_.quantize(kernels(), t, 0, joined_.stride());
  }
  worker.barrier();
  if (stopped()) return false;
  multiply_share(worker, spark_->join, joined_.from(0), n, token_part_.data(), d);
  worker.barrier();
  for (int64_t t = first; t < last; ++t) {
    kernels().rms_norm(token_part_.data() + t * d, spark_->join_norm.data(), d, config_.rms_eps, targets_.row(t));
    if (quantized) targets_.quantize(kernels(), t, 0, targets_.stride());
  }
  worker.barrier();
  for (size_t stage = 0; stage < spark_->stages.size(); ++stage) {
    const Layer& layer = spark_->stages[stage];
    const int64_t l = config_.n_layers + static_cast<int64_t>(stage);
    const Place place{step, l, config_.n_layers};
    multiply_share(worker, layer.kv, targets_.from(0), n, kv_.data(), layer.kv.n_out);
    worker.barrier();
    for (int64_t t = first; t < last; ++t)
      place.past_keys(t).store(place.position(t), finish_key(layer, l, t), config_.head_dim);
    worker.barrier();
  }
  return true;
}

std::vector<int32_t> DeepseekV4Fast::begin_block(const DraftRequest& request) {
  std::vector<int32_t> tokens(static_cast<size_t>(config_.spark.block), config_.spark.noise);
  tokens[0] = request.tokens.back();
  const int64_t first = request.position + static_cast<int64_t>(request.tokens.size());
  for (int64_t t = 0; t < config_.spark.block; ++t)
    window_rope_.angles(first + t, window_turns_.data() + t * window_rope_.n_pairs());
  return tokens;
}

void DeepseekV4Fast::block_layers(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) {
  start_streams(worker);
  for (size_t stage = 0; stage < spark_->stages.size(); ++stage)
    through(worker, spark_->stages[stage],
            {step, config_.n_layers + static_cast<int64_t>(stage), config_.n_layers, request.first, &block_keys_});
  config_.delayed ? gather_last(worker) : gather(worker, spark_->head_connection, true);
}

// One after the other: a token's logits depend on the one before it. All workers choose alike.
void DeepseekV4Fast::choose_block(const Worker& worker, const DraftRequest& request) {
  const int64_t n_vocab = config_.n_vocab, rank = config_.spark.rank, d = config_.hidden_size;
  const auto [first, last] = worker.split(spark_->markov_to.n_panels());
  const int64_t first_row = first * kPanelRows, last_row = std::min(last * kPanelRows, n_vocab);
  ActivationBuffer& input = mine(worker).input;
  int32_t before = request.tokens.back();
  for (int64_t i = 0; i < config_.spark.block; ++i) {
    float* logits = request.block->logits.data() + i * n_vocab;
    dequantize_row(spark_->markov_from, before, {input.row(0), static_cast<size_t>(rank)});
    std::fill(input.row(0) + rank, input.row(0) + round_up(rank, kBlockValues), 0.0f);
    if (is_quantized(spark_->markov_to.type)) input.quantize(kernels(), 0, 0, round_up(rank, kBlockValues));
    multiply(worker, spark_->markov_to, first, last, input.from(0), 1, markov_.data() + first_row, n_vocab);
    for (int64_t row = first_row; row < last_row; ++row) logits[row] += markov_.data()[row];
    worker.barrier();
    before = argmax({logits, static_cast<size_t>(n_vocab)});
    if (worker.index != 0) continue;
    float score = 0.0f;
    for (int64_t k = 0; k < d; ++k) score += spark_->confidence[static_cast<size_t>(k)] * hidden(i)[k];
    for (int64_t k = 0; k < rank; ++k) score += spark_->confidence[static_cast<size_t>(d + k)] * input.row(0)[k];
    request.block->tokens[static_cast<size_t>(i)] = before;
    request.block->confidence[static_cast<size_t>(i)] = 1.0f / (1.0f + std::exp(-score));
  }
}

}  // namespace engine
