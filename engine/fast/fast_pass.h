// SPDX-License-Identifier: Apache-2.0
// engine/fast/fast_pass.h: what the fast passes of all families share: the team, the hidden state, products with panels.
//
// All workers run the same layer code and meet at barriers; each computes its own output rows. With one token the small
// steps (norms, rounding, routing) are done by every worker for itself, in private memory: that costs less than a
// barrier. With more tokens they are split by token.
//
// Results  A token's hidden state goes through the same additions in the same order whatever the chunk, the number of
//          threads, whether weights are packed, and what other timelines share a batch: decoding equals prefill bit for bit. A family's own steps keep that.
#pragma once
#include <atomic>
#include <vector>

#include "engine/fast/activation_buffer.h"
#include "engine/fast/low_rank_step.h"
#include "engine/fast/panel_store.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

struct PassShape {
  int n_layers = 0, hidden_size = 0, n_vocab = 0;
  float rms_eps = 1e-6f;
  int64_t widest_input = 0;   // of any product with one token
  int64_t widest_output = 0;  // of any product whose results go through a tile: hidden size, feed-forward width
};

class FastPass : public Model {
 public:
  // Large enough that each expert of a 64-expert model sees some 24 tokens per read of its weights; small enough that a
  // small model's chunk takes a few tens of milliseconds, the longest that a completion waits behind a prefill.
  static constexpr int kChunk = 256;
  static constexpr int64_t kTilePanels = 4;  // panels of a many-token product that go through a tile at once

  int max_tokens() const final { return kChunk; }
  int max_batch() const final { return kChunk; }
  bool forward(const ForwardRequest& request) final;
  bool draft(const DraftRequest& request) final;

  // The steps below are for the family's own code and its parts (FeedForward). All workers call them alike.

  const FastKernels& kernels() const { return kernels_; }
  int64_t n_tokens() const { return n_; }  // in this pass
  // To be asked once a layer, between its first barrier and its second: all workers then see the same.
  bool stopped() const { return stopped_; }
  float* hidden(int64_t token) { return hidden_.row(token); }

  // Tokens [first, first + n) of the hidden state, normed, as the next matrices read them. Ends with a barrier unless n is 1.
  Activations normed_hidden(const Worker& worker, const std::vector<float>& gain, int64_t first_token, int64_t n, bool quantized);
  // Rows [0, n_rows) of `buffer`, rounded where wanted. In a pass over one token every worker rounds a copy, rows
  // [own_row, ..) of `own`; else ends with a barrier.
  Activations rounded(const Worker& worker, ActivationBuffer& buffer, int64_t n_rows, int64_t width, bool quantized,
                      ActivationBuffer& own, int64_t own_row);
  // Adds what the pass's adapters change. `token`: of each row; null: what x.row_ids says, or row i is token i.
  void multiply(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel, const Activations& x,
                int64_t n_tokens, float* y, int64_t y_stride, const int32_t* token = nullptr);
  // This worker's share of all panels.
  void multiply_share(const Worker& worker, const PackedMatrix& w, const Activations& x, int64_t n_tokens, float* y,
                      int64_t y_stride);
  // Makes the hidden state of all tokens 0 in the columns of panels [first, last).
  void clear_hidden(int64_t first_panel, int64_t last_panel);
  // hidden[token[i]] += weight[i] * (x_i . W^T + bias) for panels [first, last); null: token i, weight 1, no bias.
  void add_product(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel, const Activations& x,
                   int64_t n_rows, const int32_t* token, const float* weight, const float* bias = nullptr);

  // One worker's own rows and tiles.
  struct Private {
    ActivationBuffer input;      // one token
    Buffer<uint8_t> panel;       // a panel made on the fly
    Buffer<float> tile, tile_up; // outputs of a product, and of a second one beside it
  };
  Private& mine(const Worker& worker) { return private_[static_cast<size_t>(worker.index)]; }

 protected:
  // `pool` is borrowed. finish_weights() must follow once all matrices are known.
  FastPass(const PassShape& shape, const FastKernels& kernels, ThreadPool& pool);

  // Takes the ends of the model, packs everything of `matrices` and the head where wanted, and makes the work buffers.
  void finish_weights(const TensorView& embedding, const TensorView& norm, const TensorView& head,
                      std::vector<PackedMatrix*> matrices, const PanelPlan& panels);
  PanelStore& store() { return store_; }
  ThreadPool& pool() { return pool_; }

  // Before the team starts: per-pass tables.
  virtual void begin(const ForwardRequest& request) = 0;
  // Adds layer `l` to the hidden state; ends with a barrier. False where stopped() after the layer's first barrier: asked
  // later, some workers could see it already set for the next layer and leave the others waiting.
  virtual bool layer(const Worker& worker, int l, const ForwardRequest& request) = 0;
  // A draft layer: puts its result in the hidden state's place; ends with a barrier. False as layer(). `step`: tokens, places and
  // cache of the request.
  virtual bool draft_layer(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) {
    static_cast<void>(worker), static_cast<void>(request), static_cast<void>(step);
    return false;
  }
  // Writes ForwardRequest::states of all tokens, each worker its share: here the hidden state behind the model's last norm.
  virtual void keep_states(const Worker& worker, const ForwardRequest& request);
  // Behind draft_layer(): writes DraftRequest::state, here the hidden state. Called by one worker.
  virtual void keep_draft_state(float* state);
  // A model with draft_block(): before the team starts, per-pass tables; the tokens of the block, behind the request's last one.
  virtual std::vector<int32_t> begin_block(const DraftRequest& request) { return static_cast<void>(request), std::vector<int32_t>(); }
  // The block's hidden states, from their embeddings, as they go into norm and head. Ends with a barrier.
  virtual void block_layers(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) {
    static_cast<void>(worker), static_cast<void>(request), static_cast<void>(step);
  }
  // Behind the head: chooses the tokens.
  virtual void choose_block(const Worker& worker, const DraftRequest& request) { static_cast<void>(worker), static_cast<void>(request); }
  // Gain of the norm between a draft layer and the head.
  virtual const std::vector<float>& draft_norm() const { return norm_; }

 private:
  void draft_block_behind(const DraftRequest& request);
  void embed(const Worker& worker, const ForwardRequest& request);
  void logits(const Worker& worker, const std::vector<float>& gain, int64_t n, float* to);

  const PassShape shape_;
  const FastKernels& kernels_;
  ThreadPool& pool_;
  PanelStore store_;
  TensorView embedding_;
  std::vector<float> norm_;
  PackedMatrix head_;

  LowRankStep low_rank_;
  TeamChoice choice_[4];  // for one token, a few, a line or two, many: seconds per token
  TeamChoice draft_choice_;
  int64_t n_ = 0;
  std::atomic<bool> stopped_ = false;
  ActivationBuffer hidden_, input_;  // [kChunk, D]; written by all workers, each its own part, between barriers
  std::vector<Private> private_;
};

}  // namespace engine
