// SPDX-License-Identifier: Apache-2.0
// The serial block for drafts on the fast paths: deepseek_v4.h, V4Draft.
#include <algorithm>

#include "engine/families/deepseek_v4/fast.h"
#include "engine/formats/dequantize.h"

namespace engine {

void DeepseekV4Fast::pack_draft(const V4Draft& from, std::vector<PackedMatrix*>& matrices) {
  Draft& to = draft_.emplace();
  to.token_norm = decoded(from.token_norm);
  to.state_norm = decoded(from.state_norm);
  to.norm = decoded(from.norm);
  to.token_join = store().matrix(from.token_join);
  to.state_join = store().matrix(from.state_join);
  to.layer = packed_layer(from.layer);
  to.head_connection = connection(from.head_connection);
  matrices.insert(matrices.end(), {&to.token_join, &to.state_join, &to.head_connection.mix});
  list(to.layer, matrices);
  const int64_t rows = int64_t{kChunk} * config_.n_streams;
  joined_ = ActivationBuffer(rows, config_.hidden_size);
  token_part_ = Buffer<float>(static_cast<size_t>(kChunk * int64_t{config_.hidden_size}));
  state_part_ = Buffer<float>(static_cast<size_t>(rows * config_.hidden_size));
}

void DeepseekV4Fast::keep_states(const Worker& worker, const ForwardRequest& request) {
  if (spark_) return;  // keep_target() has
  const int64_t width = draft_width();
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t) std::copy_n(streams_.row(t), width, request.states + t * width);
}

void DeepseekV4Fast::keep_draft_state(float* state) {
  std::copy_n(streams_.row(n_tokens() - 1), draft_width(), state);
}

bool DeepseekV4Fast::draft_layer(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) {
  if (spark_) return see_targets(worker, request, step);
  join(worker, request);
  if (!through(worker, draft_->layer, {step, config_.n_layers, config_.n_layers, request.first})) return false;
  gather(worker, draft_->head_connection, true);
  return true;
}

// The tokens' embeddings are in the hidden state; they and the states become streams. Ends with a barrier.
void DeepseekV4Fast::join(const Worker& worker, const DraftRequest& request) {
  const int64_t d = config_.hidden_size, s = config_.n_streams, n = n_tokens();
  const bool quantized = is_quantized(draft_->state_join.type);
  const auto [first_row, last_row] = worker.split(n * s);
  for (int64_t r = first_row; r < last_row; ++r) {
    kernels().rms_norm(request.states + r * d, draft_->state_norm.data(), d, config_.rms_eps, joined_.row(r));
    if (quantized) joined_.quantize(kernels(), r, 0, d);
  }
  const Activations tokens = normed_hidden(worker, draft_->token_norm, 0, n, is_quantized(draft_->token_join.type));
  worker.barrier();
  multiply_share(worker, draft_->token_join, tokens, n, token_part_.data(), d);
  multiply_share(worker, draft_->state_join, joined_.from(0), n * s, state_part_.data(), d);
  worker.barrier();
  const auto [first, last] = worker.split(n);
  for (int64_t t = first; t < last; ++t)
    for (int64_t i = 0; i < s * d; ++i)
      streams_.row(t)[i] = token_part_.data()[t * d + i % d] + state_part_.data()[t * s * d + i];
  worker.barrier();
}

}  // namespace engine
