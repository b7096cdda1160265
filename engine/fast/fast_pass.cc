// SPDX-License-Identifier: Apache-2.0
#include "engine/fast/fast_pass.h"

#include <algorithm>
#include <chrono>

#include "engine/formats/dequantize.h"

namespace engine {

FastPass::FastPass(const PassShape& shape, const FastKernels& kernels, ThreadPool& pool)
    : shape_(shape),
      kernels_(kernels),
      pool_(pool),
      low_rank_(kernels, pool.size(), kChunk),
      hidden_(kChunk, shape.hidden_size),
      input_(kChunk, shape.hidden_size),
      private_(static_cast<size_t>(pool.size())) {}

void FastPass::finish_weights(const TensorView& embedding, const TensorView& norm, const TensorView& head,
                              std::vector<PackedMatrix*> matrices, const PanelPlan& panels) {
  embedding_ = embedding;
  norm_ = decoded(norm);
  head_ = store_.matrix(head);
  matrices.push_back(&head_);
  if (panels.pack) store_.pack(pool_, matrices, panels);
  const int64_t widest = std::max<int64_t>(shape_.hidden_size, shape_.widest_input);
  const int64_t tile = std::max(round_up(std::max<int64_t>(shape_.hidden_size, shape_.widest_output), kPanelRows),
                                kChunk * kTilePanels * kPanelRows);
  for (Private& p : private_) {
    p.input = ActivationBuffer(1, widest);
    p.panel = Buffer<uint8_t>(static_cast<size_t>(store_.largest_panel_bytes()));
    p.tile = Buffer<float>(static_cast<size_t>(tile));
    p.tile_up = Buffer<float>(static_cast<size_t>(tile));
  }
}

bool FastPass::forward(const ForwardRequest& request) {
  n_ = static_cast<int64_t>(request.tokens.size());
  stopped_ = false;
  low_rank_.begin(request);
  begin(request);
  TeamChoice& choice = choice_[n_ == 1 ? 0 : n_ <= 16 ? 1 : n_ <= 96 ? 2 : 3];
  const auto start = std::chrono::steady_clock::now();
  auto pass = [&](const Worker& worker) {
    embed(worker, request);
    worker.barrier();
    for (int l = 0; l < shape_.n_layers; ++l) {
      // Set by one worker before the layer's first barrier, read by all after it, so all leave together.
      if (worker.index == 0 && request.stop.stop_requested()) stopped_ = true;
      if (!layer(worker, l, request)) return;
    }
    if (request.states) keep_states(worker, request);
    if (request.logits) logits(worker, norm_, request.all_logits ? n_ : 1, request.logits);
  };
  pool_.run(pass, choice.alone());
  if (stopped_) return false;
  choice.took(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), n_);
  return true;
}

bool FastPass::draft(const DraftRequest& request) {
  ForwardRequest step;
  step.tokens = request.tokens;
  step.position = request.position;
  step.cache = request.cache;
  n_ = static_cast<int64_t>(request.tokens.size());
  stopped_ = false;
  low_rank_.begin(step);
  begin(step);
  const auto start = std::chrono::steady_clock::now();
  auto pass = [&](const Worker& worker) {
    embed(worker, step);
    worker.barrier();
    if (worker.index == 0 && request.stop.stop_requested()) stopped_ = true;
    if (!draft_layer(worker, request, step)) return;
    if (request.state && worker.index == 0) keep_draft_state(request.state);
    if (request.logits) logits(worker, draft_norm(), 1, request.logits);
  };
  pool_.run(pass, draft_choice_.alone());
  if (stopped_) return false;
  if (request.block) draft_block_behind(request);
  draft_choice_.took(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), n_);
  return true;
}

void FastPass::draft_block_behind(const DraftRequest& request) {
  const std::vector<int32_t> tokens = begin_block(request);
  ForwardRequest step;
  step.tokens = tokens;
  step.position = request.position + n_;
  step.cache = request.cache;
  n_ = static_cast<int64_t>(tokens.size());
  request.block->tokens.assign(tokens.size(), 0);
  request.block->confidence.assign(tokens.size(), 0.0f);
  request.block->logits.resize(tokens.size() * static_cast<size_t>(shape_.n_vocab));
  auto pass = [&](const Worker& worker) {
    embed(worker, step);
    worker.barrier();
    block_layers(worker, request, step);
    logits(worker, draft_norm(), n_, request.block->logits.data());
    worker.barrier();
    choose_block(worker, request);
  };
  pool_.run(pass, draft_choice_.alone());
}

void FastPass::keep_states(const Worker& worker, const ForwardRequest& request) {
  const auto [first, last] = worker.split(n_);
  for (int64_t t = first; t < last; ++t)
    kernels_.rms_norm(hidden_.row(t), norm_.data(), shape_.hidden_size, shape_.rms_eps, request.states + t * shape_.hidden_size);
}

void FastPass::keep_draft_state(float* state) {
  std::copy_n(hidden_.row(n_ - 1), shape_.hidden_size, state);
}

void FastPass::embed(const Worker& worker, const ForwardRequest& request) {
  const auto [first, last] = worker.split(n_);
  for (int64_t t = first; t < last; ++t)
    dequantize_row(embedding_, request.tokens[static_cast<size_t>(t)], {hidden_.row(t), static_cast<size_t>(shape_.hidden_size)});
}

// Of the last `n` tokens.
void FastPass::logits(const Worker& worker, const std::vector<float>& gain, int64_t n, float* to) {
  const Activations x = normed_hidden(worker, gain, n_ - n, n, is_quantized(head_.type));
  multiply_share(worker, head_, x, n, to, shape_.n_vocab);
}

Activations FastPass::normed_hidden(const Worker& worker, const std::vector<float>& gain, int64_t first_token, int64_t n,
                                          bool quantized) {
  const int64_t d = shape_.hidden_size;
  const auto norm_row = [&](int64_t t, ActivationBuffer& out, int64_t row) {
    kernels_.rms_norm(hidden_.row(t), gain.data(), d, shape_.rms_eps, out.row(row));
    if (quantized) out.quantize(kernels_, row, 0, d);
  };
  if (n == 1) {
    norm_row(first_token, mine(worker).input, 0);
    return mine(worker).input.from(0);
  }
  const auto [first, last] = worker.split(n);
  for (int64_t t = first; t < last; ++t) norm_row(first_token + t, input_, t);
  worker.barrier();
  return input_.from(0);
}

Activations FastPass::rounded(const Worker& worker, ActivationBuffer& buffer, int64_t n_rows, int64_t width,
                                    bool quantized, ActivationBuffer& own, int64_t own_row) {
  if (!quantized) return buffer.from(0);
  if (n_ == 1) {
    for (int64_t i = 0; i < n_rows; ++i) {
      std::copy_n(buffer.row(i), width, own.row(own_row + i));
      own.quantize(kernels_, own_row + i, 0, width);
    }
    return own.from(own_row);
  }
  const auto [first, last] = worker.split(n_rows);
  for (int64_t i = first; i < last; ++i) buffer.quantize(kernels_, i, 0, width);
  worker.barrier();
  return buffer.from(0);
}

void FastPass::multiply(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                              const Activations& x, int64_t n_tokens, float* y, int64_t y_stride, const int32_t* token) {
  if (first_panel >= last_panel) return;
  matmul_panels(kernels_, w, first_panel, last_panel, x, n_tokens, y, y_stride, mine(worker).panel.data());
  if (low_rank_.any()) low_rank_.add(worker.index, w, first_panel, last_panel, x, n_tokens, token, y, y_stride);
}

void FastPass::multiply_share(const Worker& worker, const PackedMatrix& w, const Activations& x, int64_t n_tokens,
                                    float* y, int64_t y_stride) {
  const auto [first, last] = worker.split(w.n_panels());
  multiply(worker, w, first, last, x, n_tokens, y + first * kPanelRows, y_stride);
}

void FastPass::clear_hidden(int64_t first_panel, int64_t last_panel) {
  const int64_t first = first_panel * kPanelRows, last = std::min<int64_t>(last_panel * kPanelRows, shape_.hidden_size);
  for (int64_t t = 0; t < n_ && first < last; ++t) std::fill(hidden_.row(t) + first, hidden_.row(t) + last, 0.0f);
}

void FastPass::add_product(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                                 const Activations& x, int64_t n_rows, const int32_t* token, const float* weight, const float* bias) {
  float* tile = mine(worker).tile.data();
  const int64_t step = n_rows == 1 ? last_panel - first_panel : kTilePanels;
  for (int64_t p = first_panel; p < last_panel; p += step) {
    const int64_t end = std::min(p + step, last_panel), stride = (end - p) * kPanelRows;
    const int64_t width = std::min(end * kPanelRows, w.n_out) - p * kPanelRows;
    multiply(worker, w, p, end, x, n_rows, tile, stride, token);
    for (int64_t i = 0; i < n_rows; ++i) {
      float* to = hidden_.row(token ? token[i] : i) + p * kPanelRows;
      const float* from = tile + i * stride;
      const float scale = weight ? weight[i] : 1.0f;
      if (bias)
        for (int64_t j = 0; j < width; ++j) to[j] += scale * (from[j] + bias[p * kPanelRows + j]);
      else
        for (int64_t j = 0; j < width; ++j) to[j] += scale * from[j];
    }
  }
}

}  // namespace engine
