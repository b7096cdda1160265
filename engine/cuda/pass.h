// SPDX-License-Identifier: Apache-2.0
// engine/cuda/pass.h: what the families' passes on a CUDA device have in common: the ends of the model, the
// feed-forward half of a layer, the cache, and two ways through the layers.
//
// A single token takes the step: a program of operators that read each weight once (step.h), captured as a graph when
// the first token comes. More tokens take the chunk: products of many rows on tensor cores; so do tokens of several
// timelines, whose attention each goes through its own cache (token_ops.h).
//
// Numbers  A model whose matrices are all f32, and any where UploadOptions ask for it, is computed in f32 with an f32
// cache (`exact`). Any other has bfloat16 caches and
//          chunk activations; whole-number weights meet activations of 8 bits in a step, bfloat16 in a chunk.
// Owns     Weights, work buffers, graph. One forward() at a time.
// Errors   Failure out of forward(). Nothing is allocated by it.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "engine/cuda/device_cache.h"
#include "engine/cuda/gemm.h"
#include "engine/cuda/prefill_ops.h"
#include "engine/cuda/step.h"
#include "engine/cuda/token_ops.h"
#include "engine/cuda/upload.h"
#include "engine/feed_forward_views.h"
#include "engine/kernels/rope.h"
#include "engine/model.h"

namespace engine::cuda {

inline constexpr int kChunk = 4096;  // tokens of a chunk
inline constexpr int kMaxBatch = kTokensAtOnce;
inline constexpr int kLogitRows = 64;     // logits of a chunk are made and copied so many rows at a time
inline constexpr int kKeySegment = 8192;  // expanded keys of latent attention that lie in memory at a time

struct PassShape {
  int n_layers = 0;
  int64_t hidden_size = 0, n_vocab = 0;
  float rms_eps = 0.0f;
  int64_t cache_width = 0;  // values of a cache row
  bool indexed = false;     // whether rows are chosen by their scores
  StoredRows stored;
  int64_t widest_layer = 0;  // dense or shared width of the feed-forward half
  int64_t expert_width = 0;
  RouterSettings router;
  GateForm gate;
  int64_t chunk = kChunk;  // tokens that work buffers are made for
};

struct DeviceFeedForward {
  const float* norm = nullptr;
  Matrix gate, up, down;  // dense
  Matrix router;          // f32; empty in a dense layer
  const float* router_bias = nullptr;
  const float* selection_bias = nullptr;
  const int32_t* experts_of = nullptr;  // [V, k]
  Matrix expert_gate, expert_up, expert_down;
  const float* expert_gate_bias = nullptr;
  const float* expert_up_bias = nullptr;
  const float* expert_down_bias = nullptr;
  Matrix shared_gate, shared_up, shared_down;  // may be empty
};

class Pass : public Model {
 public:
  ~Pass() override;
  int max_tokens() const override { return static_cast<int>(shape_.chunk); }
  int max_batch() const override { return kMaxBatch; }
  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override;
  uint64_t cache_bytes(int64_t n_ctx) const override;
  bool forward(const ForwardRequest& request) override;
  std::string profile(Cache& cache, int64_t position);

 protected:
  struct Chunk {
    int n = 0;
    int64_t position = 0;
    Cache* cache = nullptr;             // null: each token has its own
    const StepState* states = nullptr;  // [n], on the device; null: not needed
  };

  // `exact` as above. finish() must follow once the layers are uploaded, and build_step() once all buffers are there.
  Pass(const PassShape& shape, bool exact, const UploadOptions& options, uint64_t stored_bytes);
  void finish(const TensorView& embedding, const TensorView& norm, const TensorView& head, const RopeTable& rope);
  DeviceFeedForward upload_feed_forward(const FeedForwardViews& views);
  void build_step();
  template <typename What>
  void add(OpKind kind, const What& what, double bytes = 0.0) {
    step_.add(kind, what);
    step_.reads(bytes);
    shared_bytes_ = std::max(shared_bytes_, shared_bytes_of(what));
    formats_ |= formats_of(what);
  }

  // The attention half of layer l, which adds to hidden(): as operators of the step, and of a chunk at once. hidden()
  // is the state of the token, or of the chunk's tokens.
  virtual void add_attention(int l) = 0;
  virtual void chunk_attention(int l, const Chunk& chunk) = 0;
  virtual const DeviceFeedForward& feed_forward(int l) const = 0;
  virtual const float* attention_norm(int l) const = 0;
  // A layer of a chunk, and what comes between the last one and the head; the state of the tokens is hidden().
  virtual void chunk_layer(int l, const Chunk& chunk);
  virtual void chunk_end(const Chunk&) {}
  // What a step is made of, in this order; the middle one once for each layer.
  virtual void add_begin();
  virtual void add_layer(int l);
  virtual void add_end();
  // The state of a step at `position`, for the operators to find the cache; `token`: of those side by side.
  virtual void place_state(StepState& state, int64_t position, Cache& cache, int64_t token) const;
  // Whether chunks of one timeline need the states of their tokens.
  virtual bool has_states() const { return false; }
  virtual BeginOp begin_op() const;
  // The states of a request's tokens, and their ids, to the device.
  void upload_states(const ForwardRequest& request);
  // Runs an operator for tokens [first, first + n) of those whose states are there.
  template <typename What>
  void over(const What& op, int first, int n) const {
    over_tokens(op, states_.data() + first, n, exact_, stream_);
  }

  float* hidden() const { return hidden_.data(); }
  void* normed() const { return normed_.data(); }  // T [n, D], after norm_chunk()
  void norm_chunk(const float* gain, int n, float* also_f32 = nullptr) const;
  // gemm() of this pass's numbers; weights of long products are rounded to bfloat16 beforehand.
  void multiply(const Gemm& product) const;
  // to [n, D] += the feed-forward half of hidden().
  void chunk_feed_forward(const DeviceFeedForward& ff, int n, float* to);
  // y = x . W^T of all tokens of a chunk; x T at its own width.
  void product(const Matrix& w, const void* x, int64_t n, Store store, void* y, const float* bias = nullptr) const;
  std::byte* cache_at(const Chunk& chunk, int l, int64_t position) const {
    return static_cast<DeviceCache*>(chunk.cache)->layer(l) + position * shape_.cache_width * value_bytes();
  }

  // Operators of the feed-forward half: hidden() += what it makes of hidden(), or `to` = what it makes of `from`.
  void add_feed_forward(const DeviceFeedForward& ff) { add_feed_forward(ff, hidden(), hidden()); }
  void add_feed_forward(const DeviceFeedForward& ff, const float* from, float* to);
  void add_head(const float* from);
  // A token of the request as a step; its logits to `logits`, where they are wanted.
  void run_step(int32_t token, int64_t position, Cache& cache, float* logits);
  bool run_chunk(const ForwardRequest& request);

  CacheShape cache_shape() const {
    return {shape_.n_layers, shape_.cache_width, exact_ ? CacheType::kF32 : CacheType::kBf16, shape_.indexed,
            shape_.stored};
  }
  int64_t value_bytes() const { return exact_ ? 4 : 2; }
  DeviceBuffer<std::byte> values(int64_t n) const {
    return DeviceBuffer<std::byte>(static_cast<size_t>(n * value_bytes()));
  }  // T
  const PassShape shape_;
  const bool exact_;
  UploadOptions options_;
  WeightStore store_;
  cudaStream_t stream_ = nullptr;
  DeviceBuffer<StepState> state_, states_;  // of a step, of a chunk [chunk]
  DeviceBuffer<Turn> turns_;                // [chunk, pairs]
  Matrix embedding_;
  Turns rope_;

 private:
  void chunk_logits(const ForwardRequest& request, int n);
  void set_state(int32_t token, int64_t position, Cache& cache);

  Matrix head_;
  const float* norm_ = nullptr;
  DeviceBuffer<float> hidden_, normed_f32_, logits_;
  DeviceBuffer<std::byte> normed_, h_, slots_;
  DeviceBuffer<__nv_bfloat16> rounded_;  // matrices of long products
  DeviceBuffer<int32_t> tokens_, ids_, slot_of_, token_of_, counters_;
  DeviceBuffer<float> weights_, router_logits_, step_h_;
  DeviceBuffer<ExpertTile> tiles_;
  StepState* pinned_state_ = nullptr;
  StepState* pinned_states_ = nullptr;
  float* pinned_logits_ = nullptr;
  int32_t* pinned_tokens_ = nullptr;
  StepProgram step_;
  size_t shared_bytes_ = 0;
  unsigned formats_ = 0;
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace engine::cuda
