// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <tuple>

#include "engine/cuda/pass.h"

namespace engine::cuda {
namespace {

std::vector<TensorView> one(const TensorView& view) {
  return {view};
}

}  // namespace

Pass::Pass(const PassShape& shape, bool exact, const UploadOptions& options, uint64_t stored_bytes)
    : shape_(shape), exact_(exact), options_(options), store_(options_, exact, stored_bytes) {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Pass::~Pass() {
  if (graph_) cudaGraphExecDestroy(graph_);
  cudaFreeHost(pinned_state_);
  cudaFreeHost(pinned_states_);
  cudaFreeHost(pinned_logits_);
  cudaFreeHost(pinned_tokens_);
  if (stream_) cudaStreamDestroy(stream_);
}

DeviceFeedForward Pass::upload_feed_forward(const FeedForwardViews& v) {
  DeviceFeedForward ff;
  ff.norm = store_.floats(v.norm);
  if (!v.router) {
    std::tie(ff.gate, ff.up) = store_.pair(one(v.gate), one(v.up));
    ff.down = store_.matrix(v.down);
    return ff;
  }
  ff.router = store_.in_f32(v.router);
  ff.router_bias = store_.floats(v.router_bias);
  ff.selection_bias = store_.floats(v.selection_bias);
  if (!v.experts_of.empty()) ff.experts_of = store_.ints(v.experts_of);
  std::tie(ff.expert_gate, ff.expert_up) = store_.pair(v.expert_gate, v.expert_up);
  ff.expert_down = store_.stacked(v.expert_down);
  ff.expert_gate_bias = store_.floats(v.expert_gate_bias);
  ff.expert_up_bias = store_.floats(v.expert_up_bias);
  ff.expert_down_bias = store_.floats(v.expert_down_bias);
  if (v.shared_gate) {
    std::tie(ff.shared_gate, ff.shared_up) = store_.pair(one(v.shared_gate), one(v.shared_up));
    ff.shared_down = store_.matrix(v.shared_down);
  }
  return ff;
}

void Pass::finish(const TensorView& embedding, const TensorView& norm, const TensorView& head, const RopeTable& rope) {
  embedding_ = store_.matrix(embedding);
  head_ = head.data == embedding.data && !store_.synthetic() ? embedding_ : store_.matrix(head);
  norm_ = store_.floats(norm);
  rope_ = {store_.doubles(rope.frequencies()), rope.n_pairs(), rope.amplitude()};
  const int64_t d = shape_.hidden_size, k = std::max(1, shape_.router.n_experts_used), f = shape_.expert_width;
  const auto n = static_cast<size_t>(shape_.chunk), slots = n * static_cast<size_t>(k),
             experts = static_cast<size_t>(shape_.router.n_experts);
  if (shape_.router.n_experts > kMaxExperts) throw Unsupported("the CUDA backend routes between at most 1,024 experts");
  state_ = DeviceBuffer<StepState>(1);
  states_ = DeviceBuffer<StepState>(n);
  turns_ = DeviceBuffer<Turn>(n * static_cast<size_t>(rope_.n_pairs));
  hidden_ = DeviceBuffer<float>(n * static_cast<size_t>(d));
  normed_ = values(shape_.chunk * d);
  if (shape_.router.n_experts_used > 32) throw Unsupported("the CUDA backend sends a token to at most 32 experts");
  if (f % 8 != 0) throw Unsupported("the CUDA backend needs experts whose width is a multiple of 8");
  const auto wide = static_cast<int64_t>(slots) * f;
  h_ = values(std::max(wide, shape_.chunk * shape_.widest_layer));
  logits_ = DeviceBuffer<float>(static_cast<size_t>(kLogitRows) * static_cast<size_t>(shape_.n_vocab));
  tokens_ = DeviceBuffer<int32_t>(n);
  counters_ = DeviceBuffer<int32_t>(2);  // the step's router, the chunk's tiles
  check(cudaMemset(counters_.data(), 0, counters_.bytes()), "cudaMemset");
  step_h_ = DeviceBuffer<float>(static_cast<size_t>(k * f + shape_.widest_layer));
  if (experts > 0) {
    normed_f32_ = DeviceBuffer<float>(n * static_cast<size_t>(d));
    slots_ = values(static_cast<int64_t>(slots) * d);
    ids_ = DeviceBuffer<int32_t>(slots);
    slot_of_ = DeviceBuffer<int32_t>(slots);
    token_of_ = DeviceBuffer<int32_t>(slots);
    weights_ = DeviceBuffer<float>(slots);
    router_logits_ = DeviceBuffer<float>(n * experts);
    tiles_ = DeviceBuffer<ExpertTile>(
        static_cast<size_t>(tiles_bound(static_cast<int64_t>(slots), shape_.router.n_experts)));
  }
  if (!exact_) {
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    const auto most = static_cast<int64_t>(std::min<size_t>(size_t{2} << 30, total / 16) / sizeof(__nv_bfloat16));
    rounded_ = DeviceBuffer<__nv_bfloat16>(static_cast<size_t>(store_.largest_to_round(most)));
  }
  check(cudaMallocHost(&pinned_state_, sizeof(StepState)), "cudaMallocHost");
  check(cudaMallocHost(&pinned_states_, states_.bytes()), "cudaMallocHost");
  check(cudaMallocHost(&pinned_logits_, logits_.bytes()), "cudaMallocHost");
  check(cudaMallocHost(&pinned_tokens_, tokens_.bytes()), "cudaMallocHost");
  check(cudaDeviceSynchronize(), "uploading weights");
}

std::unique_ptr<Cache> Pass::make_cache(int64_t n_ctx) const {
  return std::make_unique<DeviceCache>(cache_shape(), n_ctx);
}

uint64_t Pass::cache_bytes(int64_t n_ctx) const {
  return (static_cast<uint64_t>(shape_.n_layers) * static_cast<uint64_t>(shape_.cache_width * value_bytes()) +
          (shape_.indexed ? kTokensAtOnce * sizeof(float) : 0)) *
         static_cast<uint64_t>(n_ctx);
}

bool Pass::forward(const ForwardRequest& request) {
  if (request.stop.stop_requested()) return false;
  if (request.tokens.size() > 1 || !request.batch.empty()) return run_chunk(request);
  run_step(request.tokens[0], request.position, *request.cache, request.logits);
  return true;
}

// ---- one token

void Pass::set_state(int32_t token, int64_t position, Cache& cache) {
  pinned_state_->token = token;
  pinned_state_->position = static_cast<int32_t>(position);
  place_state(*pinned_state_, position, cache, 0);
}

void Pass::place_state(StepState& state, int64_t, Cache& cache, int64_t token) const {
  state.cache = static_cast<DeviceCache&>(cache).layer(0);
  state.scores = static_cast<DeviceCache&>(cache).scores(token);
  state.layer_stride = shape_.cache_width * cache.n_ctx();
}

void Pass::add_feed_forward(const DeviceFeedForward& ff, const float* from, float* to) {
  const Norm norm{ff.norm, shape_.rms_eps};
  const bool routed = static_cast<bool>(ff.router);
  GateUpOp wide;
  DownOp narrow;
  wide.form = shape_.gate;
  wide.h = step_h_.data();
  wide.x = from;
  wide.norm = norm;
  wide.shared_gate = routed ? ff.shared_gate : ff.gate;
  narrow.shared_down = routed ? ff.shared_down : ff.down;
  narrow.h = step_h_.data();
  narrow.hidden = to;
  narrow.alone = from != to;
  if (routed) {
    ProjectOp router;
    router.w[0] = ff.router, router.y[0] = router_logits_.data(), router.bias[0] = ff.router_bias;
    router.n = 1;
    router.x = from;
    router.norm = norm;
    add(OpKind::kProject, router, ff.router.bytes(ff.router.n_out));
    wide.gate = ff.expert_gate;
    wide.gate_bias = ff.expert_gate_bias, wide.up_bias = ff.expert_up_bias;
    wide.router = shape_.router;
    wide.logits = router_logits_.data();
    wide.selection_bias = ff.selection_bias;
    wide.experts_of = ff.experts_of;
    wide.ids = ids_.data(), wide.weights = weights_.data();
    narrow.down = ff.expert_down;
    narrow.bias = ff.expert_down_bias;
    narrow.ids = ids_.data(), narrow.weights = weights_.data();
    narrow.k = shape_.router.n_experts_used;
  }
  const auto bytes_of_k = [&](const Matrix& w) { return w ? w.bytes(w.n_out * narrow.k) : 0.0; };
  const auto bytes_of = [](const Matrix& w) { return w ? w.bytes(w.n_out) : 0.0; };
  add(OpKind::kGateUp, wide, 2 * (bytes_of_k(wide.gate) + bytes_of(wide.shared_gate)));
  add(OpKind::kDown, narrow, bytes_of_k(narrow.down) + bytes_of(narrow.shared_down));
}

BeginOp Pass::begin_op() const {
  BeginOp begin;
  begin.table = embedding_;
  begin.turns = rope_, begin.out = turns_.data();
  begin.x = hidden();
  return begin;
}

void Pass::add_begin() {
  add(OpKind::kBegin, begin_op());
}

void Pass::add_layer(int l) {
  add_attention(l);
  add_feed_forward(feed_forward(l));
}

void Pass::add_end() {
  add_head(hidden());
}

void Pass::build_step() {
  add_begin();
  for (int l = 0; l < shape_.n_layers; ++l) add_layer(l);
  add_end();
  step_.finish(shared_bytes_, exact_ ? formats_ : formats_ | kBFloat16Caches);
}

void Pass::add_head(const float* from) {
  ProjectOp last;
  last.w[0] = head_, last.y[0] = logits_.data(), last.n = 1;
  last.x = from;
  last.norm = {norm_, shape_.rms_eps};
  add(OpKind::kProject, last, head_.bytes(head_.n_out));
}

void Pass::run_step(int32_t token, int64_t position, Cache& cache, float* logits) {
  set_state(token, position, cache);
  const size_t logit_bytes = static_cast<size_t>(shape_.n_vocab) * sizeof(float);
  if (!graph_) {
    cudaGraph_t graph = nullptr;
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    check(cudaMemcpyAsync(state_.data(), pinned_state_, sizeof(StepState), cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync");
    step_.launch(state_.data(), stream_);
    check(cudaMemcpyAsync(pinned_logits_, logits_.data(), logit_bytes, cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync");
    check(cudaStreamEndCapture(stream_, &graph), "cudaStreamEndCapture");
    const cudaError_t made = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check(made, "cudaGraphInstantiate");
  }
  check(cudaGraphLaunch(graph_, stream_), "cudaGraphLaunch");
  check(cudaStreamSynchronize(stream_), "decoding a token");
  if (logits) std::memcpy(logits, pinned_logits_, logit_bytes);
}

std::string Pass::profile(Cache& cache, int64_t position) {
  set_state(1, position, cache);
  check(cudaMemcpyAsync(state_.data(), pinned_state_, sizeof(StepState), cudaMemcpyHostToDevice, stream_),
        "cudaMemcpyAsync");
  return step_.profile(state_.data(), stream_);
}

// ---- many tokens

void Pass::norm_chunk(const float* gain, int n, float* also_f32) const {
  norm_rows(hidden(), shape_.hidden_size, n, shape_.hidden_size, {gain, shape_.rms_eps}, exact_, normed_.data(),
            also_f32, stream_);
}

void Pass::multiply(const Gemm& product) const {
  constexpr int64_t kLong = 512;  // rows
  const int64_t values = product.w.n_experts * product.w.n_out * product.w.n_in;
  const bool pair = product.store == Store::kGated;
  if (exact_ || product.n_rows < kLong || product.w.format == Format::kBF16 ||
      (pair ? 2 : 1) * values > static_cast<int64_t>(rounded_.size()))
    return gemm(product, exact_, stream_);
  Gemm rounded = product;
  const auto round = [&](Matrix& w, __nv_bfloat16* to) {
    round_matrix(w, to, stream_);
    w.format = Format::kBF16;
    w.quants = to;
    w.scales = w.offsets = nullptr;
  };
  round(rounded.w, rounded_.data());
  if (pair) round(rounded.w_up, rounded_.data() + values);
  gemm(rounded, false, stream_);
}

void Pass::product(const Matrix& w, const void* x, int64_t n, Store store, void* y, const float* bias) const {
  Gemm g;
  g.w = w;
  g.bias = bias;
  g.x = x;
  g.x_stride = w.n_in;
  g.n_rows = n;
  g.store = store;
  g.y = y;
  g.y_stride = w.n_out;
  multiply(g);
}

void Pass::chunk_feed_forward(const DeviceFeedForward& ff, int n, float* to) {
  norm_chunk(ff.norm, n, ff.router ? normed_f32_.data() : nullptr);
  Gemm wide;
  wide.store = Store::kGated;
  wide.form = shape_.gate;
  wide.x = normed_.data();
  wide.x_stride = shape_.hidden_size;
  wide.n_rows = n;
  wide.y = h_.data();
  const auto dense = [&](const Matrix& gate, const Matrix& up, const Matrix& narrow) {
    wide.w = gate, wide.w_up = up;
    wide.y_stride = gate.n_out;
    multiply(wide);
    product(narrow, h_.data(), n, Store::kAddF32, to);
  };
  if (!ff.router) return dense(ff.gate, ff.up, ff.down);
  if (ff.shared_gate) dense(ff.shared_gate, ff.shared_up, ff.shared_down);

  const RouterSettings& router = shape_.router;
  router_logits(normed_f32_.data(), ff.router, ff.router_bias, n, router_logits_.data(), stream_);
  route_tokens(router, router_logits_.data(), ff.selection_bias, ff.experts_of, tokens_.data(), n, ids_.data(),
               weights_.data(), stream_);
  const int k = router.n_experts_used;
  const int64_t slots = int64_t{n} * k;
  group_tokens(
      {ids_.data(), n, k, router.n_experts, slot_of_.data(), token_of_.data(), tiles_.data(), counters_.data() + 1},
      stream_);
  wide.w = ff.expert_gate, wide.w_up = ff.expert_up;
  wide.bias = ff.expert_gate_bias, wide.bias_up = ff.expert_up_bias;
  wide.n_rows = slots;
  wide.gather = token_of_.data();
  wide.tiles = tiles_.data();
  wide.n_tiles = counters_.data() + 1;
  wide.max_tiles = tiles_bound(slots, router.n_experts);
  wide.y_stride = ff.expert_gate.n_out;
  multiply(wide);
  Gemm narrow = wide;
  narrow.w = ff.expert_down, narrow.w_up = Matrix();
  narrow.bias = ff.expert_down_bias, narrow.bias_up = nullptr;
  narrow.x = h_.data();
  narrow.x_stride = ff.expert_down.n_in;
  narrow.gather = nullptr;
  narrow.store = Store::kActivation;
  narrow.y = slots_.data();
  narrow.y_stride = shape_.hidden_size;
  multiply(narrow);
  combine_slots(slots_.data(), slot_of_.data(), weights_.data(), n, k, shape_.hidden_size, exact_, to, stream_);
}

void Pass::upload_states(const ForwardRequest& request) {
  const size_t n = request.tokens.size();
  for (size_t t = 0; t < n; ++t) {
    const auto token = static_cast<int64_t>(t);
    StepState& state = pinned_states_[t];
    state.token = request.tokens[t];
    state.position = static_cast<int32_t>(request.position_of(token));
    place_state(state, state.position, *request.cache_of(token), request.batch.empty() ? token % kTokensAtOnce : 0);
  }
  check(cudaMemcpyAsync(states_.data(), pinned_states_, n * sizeof(StepState), cudaMemcpyHostToDevice, stream_),
        "cudaMemcpyAsync");
}

void Pass::chunk_layer(int l, const Chunk& chunk) {
  norm_chunk(attention_norm(l), chunk.n);
  chunk_attention(l, chunk);
  chunk_feed_forward(feed_forward(l), chunk.n, hidden());
}

bool Pass::run_chunk(const ForwardRequest& request) {
  const auto n = static_cast<int>(request.tokens.size());
  Chunk chunk{n, request.position, nullptr, nullptr};
  if (request.batch.empty()) chunk.cache = request.cache;
  if (!chunk.cache || has_states()) {
    upload_states(request);
    chunk.states = states_.data();
  }
  std::copy(request.tokens.begin(), request.tokens.end(), pinned_tokens_);
  check(cudaMemcpyAsync(tokens_.data(), pinned_tokens_, static_cast<size_t>(n) * sizeof(int32_t),
                        cudaMemcpyHostToDevice, stream_),
        "cudaMemcpyAsync");
  if (chunk.states)
    over(begin_op(), 0, n);
  else
    begin_tokens(embedding_, rope_, tokens_.data(), n, request.position, hidden(), turns_.data(), stream_);
  for (int l = 0; l < shape_.n_layers; ++l) {
    if (request.stop.stop_requested()) break;
    chunk_layer(l, chunk);
  }
  const bool stopped = request.stop.stop_requested();
  if (!stopped && request.logits) {
    chunk_end(chunk);
    chunk_logits(request, n);
  }
  check(cudaStreamSynchronize(stream_), "evaluating a chunk of tokens");
  return !stopped;
}

void Pass::chunk_logits(const ForwardRequest& request, int n) {
  const auto vocab = static_cast<size_t>(shape_.n_vocab);
  const int from = request.all_logits ? 0 : n - 1;
  norm_rows(hidden() + from * shape_.hidden_size, shape_.hidden_size, n - from, shape_.hidden_size,
            {norm_, shape_.rms_eps}, exact_, normed_.data(), nullptr, stream_);
  for (int first = 0; first < n - from; first += kLogitRows) {
    const int rows = std::min(kLogitRows, n - from - first);
    product(head_, static_cast<std::byte*>(normed_.data()) + first * shape_.hidden_size * value_bytes(), rows,
            Store::kF32, logits_.data());
    const size_t bytes = static_cast<size_t>(rows) * vocab * sizeof(float);
    check(cudaMemcpyAsync(pinned_logits_, logits_.data(), bytes, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
    check(cudaStreamSynchronize(stream_), "evaluating a chunk of tokens");
    std::memcpy(request.logits + static_cast<size_t>(first) * vocab, pinned_logits_, bytes);
  }
}

}  // namespace engine::cuda
