// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step.h: one token through the model as a program that a single kernel runs.
//
// A step has hundreds of operators of a few microseconds each; as kernels of their own, more time would go by between
// them than in them. So one kernel with a block on every multiprocessor runs them all, with a barrier of the whole
// device after each.
//
// Shapes   D hidden, F expert width, S width of the shared expert (or of a dense layer), k experts of the token.
//          Vectors are f32.
// Cache    float, or bfloat16 where the model is not computed in f32 (pass.h). A row holds the keys of all key heads
//          at key_offset + g * dk and their values at value_offset + g * dv. Latent attention: one key head,
//          dk = C + R, values the first C of the row.
// Results  The same bits every time: no sum depends on which block comes first.
// Source   Persistent kernels: Gupta et al., "A Study of Persistent Threads Style GPU Programming", 2012; pieces of
//          the cache: FlashAttention-2's online softmax, arXiv:2307.08691, section 3.1
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/cuda/device.h"
#include "engine/cuda/matrix.h"
#include "engine/cuda/operands.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/silu_gate.h"

namespace engine::cuda {

inline constexpr int kMaxPieces = 64;     // that a cache is cut into
inline constexpr int kMaxKeyWidth = 576;  // values

// What changes from step to step.
struct StepState {
  int32_t token = 0;
  int32_t position = 0;
  void* cache = nullptr;
  int64_t layer_stride = 0;  // values of the cache from layer to layer
  float* scores = nullptr;   // room for one of each row of an index
};

// x = the table's row of the step's token, `copies` times; turns of its position, and others where there are some.
struct BeginOp {
  Matrix table;
  Turns turns;
  float* x = nullptr;
  Turn* out = nullptr;
  Turns more_turns = {};
  Turn* more_out = nullptr;
  int copies = 1;
};

// y[m] = W[m] . norm(x) (+ bias[m]) for up to three layers with one input; with `add`, y += .
struct ProjectOp {
  Matrix w[3];
  float* y[3] = {};
  const float* bias[3] = {};
  int n = 0;
  bool add = false;
  const float* x = nullptr;
  Norm norm;
  // Made by StepProgram::add(): rows of all layers, how many of them a warp takes at a time, whether numbers are whole.
  int rows = 0, at_once = 1;
  bool whole = false;
};

// kv [C + R] becomes the cache's row (normed, rotated), q [H, nope + R] becomes queries [H, C + R]: the first part
// folded through k_absorb [H, C, nope], the second rotated; both times `scale`.
struct LatentQueryOp {
  const float* q = nullptr;
  const float* kv = nullptr;
  Norm norm;
  Matrix k_absorb;
  const Turn* turns = nullptr;  // [R / 2]
  float scale = 1.0f;
  int n_heads = 0, nope = 0, rope = 0, latent = 0;
  int64_t row_width = 0;
  int layer = 0;
  bool float_cache = false;
  float* queries = nullptr;
};

// q [H, d] and k [K, d] are normed (where there are gains) and rotated, q times `scale` in place; k and v [K, d] go to
// the row.
struct GroupedQueryOp {
  float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  const float* q_gain = nullptr;  // [d]; null: none
  const float* k_gain = nullptr;
  float eps = 0.0f;
  const Turn* turns = nullptr;  // [rotated / 2]
  float scale = 1.0f;
  bool interleaved = false;
  int n_heads = 0, n_kv_heads = 0, d = 0, rotated = 0;
  int64_t row_width = 0;
  int layer = 0;
  bool float_cache = false;
};

// The rows that a token attends to: those of the last `window` positions (0: all, below: none), and one for every
// `ratio` positions that are over (0: none), of which at most `most` are chosen (0: all).
struct SeenRows {
  int window = 0, ratio = 0, most = 0;
};

// partial [pieces, H, dv + 2]: unnormalised sums of a piece of the rows, then its maximum and its sum of exponentials.
struct AttentionOp {
  const float* q = nullptr;  // [H, dk], scaled
  int n_heads = 0, n_kv_heads = 0, dk = 0, dv = 0;
  int64_t row_width = 0, key_offset = 0, value_offset = 0;  // values
  int layer = 0;
  SeenRows seen;
  const int32_t* chosen = nullptr;  // of the rows by ratio, ascending; null: all
  bool placed = false;              // rows lie where the cache's table says (step_sparse.h)
  bool float_cache = false;
  float* partial = nullptr;
  int group = 1, blocks = 1;  // made by StepProgram::add(): heads of a key head, and blocks that they take
};

// out [H, n] = W_h . merged_h for latent attention (W [H, n, dv]), or merged_h itself where `w` is empty, its last
// channels turned back where there are turns.
struct MergeOp {
  const float* partial = nullptr;
  int n_heads = 0, dv = 0;
  SeenRows seen;
  const float* sinks = nullptr;  // [H]; null: none
  const Turn* turned = nullptr;  // [n_turns]
  int n_turns = 0;
  Matrix w;
  float* out = nullptr;
};

// h [k, F | S]: gated(gate . norm(x), up . norm(x)) of the chosen experts, then of the shared one. Experts are chosen
// from the router's logits by every block for itself; ids and weights [k] are left for DownOp. Each up follows its gate
// in memory.
struct GateUpOp {
  Matrix gate, shared_gate;          // either may be empty
  const float* gate_bias = nullptr;  // [E, F]
  const float* up_bias = nullptr;
  GateForm form;
  RouterSettings router;
  const float* logits = nullptr;
  const float* selection_bias = nullptr;
  const int32_t* experts_of = nullptr;  // [V, k]: chosen by the token's id; null: by the logits
  int32_t* ids = nullptr;
  float* weights = nullptr;
  float* h = nullptr;
  const float* x = nullptr;
  Norm norm;
};

// hidden += sum_i weights[i] * (down[ids[i]] . h_i + bias[ids[i]]) + shared_down . h_shared; with `alone`, hidden = .
struct DownOp {
  Matrix down, shared_down;     // either may be empty
  const float* bias = nullptr;  // [E, D]
  const int32_t* ids = nullptr;
  const float* weights = nullptr;
  int k = 0;
  const float* h = nullptr;
  float* hidden = nullptr;
  bool alone = false;
};

// Where caches are bfloat16, so are some of the products.
inline constexpr unsigned kBFloat16Caches = 2;

enum class OpKind : int32_t {
  kBegin,
  kProject,
  kLatentQuery,
  kGroupedQuery,
  kAttention,
  kMerge,
  kGateUp,
  kDown,
  // step_sparse.h
  kIndexKeys,
  kIndexScores,
  kChoose,
  kGather,
  kSpread,
  kPlace,
  kGroupedOut,
};
constexpr bool is_sparse(OpKind kind) {
  return kind >= OpKind::kIndexKeys;
}
const char* name_of(OpKind kind);

inline constexpr size_t kOpBytes = 384;
struct Op {
  OpKind kind;
  alignas(16) std::byte what[kOpBytes];  // of the kind's struct
};
static_assert(sizeof(Op) % 16 == 0);

// What runs a program: its operators, how many, the step's state, the barrier's counter (zero), and where clocks of the
// first block go (one more than there are operators), or null.
using StepKernel = void (*)(const Op* ops, int n_ops, const StepState* step, unsigned* arrived, long long* clocks);

class StepProgram {
 public:
  // What every block would otherwise work out anew: divisions are slow there. add() does it.
  template <typename What>
  static void plan(What&) {}
  static void plan(ProjectOp& op);
  static void plan(AttentionOp& op);

  template <typename What>
  void add(OpKind kind, What what) {
    static_assert(std::is_trivially_copyable_v<What> && sizeof(What) <= kOpBytes);
    plan(what);
    Op op{};
    op.kind = kind;
    std::memcpy(op.what, &what, sizeof what);
    ops_.push_back(op);
    sparse_ = sparse_ || is_sparse(kind);
    bytes_.push_back(0.0);
  }
  // Of the operator added last: bytes of weights that it reads, for the profile.
  void reads(double bytes) { bytes_.back() = bytes; }

  // `shared_bytes`: the most that an operator needs; `formats`: those of all matrices (row_dot.cuh), f32 alone where
  // the model is computed in f32 throughout. Once all operators are there.
  void finish(size_t shared_bytes, unsigned formats);
  // One step with the state at `state` (device); nothing is allocated.
  void launch(const StepState* state, cudaStream_t stream) const;
  // A table of the operators' times in one step; waits for it.
  std::string profile(const StepState* state, cudaStream_t stream);

 private:
  void start(const StepState* state, long long* clocks, cudaStream_t stream) const;
  std::vector<Op> ops_;
  std::vector<double> bytes_;
  DeviceBuffer<Op> device_ops_;
  DeviceBuffer<unsigned> barrier_;
  DeviceBuffer<long long> clocks_;
  size_t shared_bytes_ = 0;
  bool sparse_ = false;
  int blocks_ = 0;
  StepKernel kernel_ = nullptr;
};

// The formats of an operator's matrices, as bits of row_dot.cuh; the embedding's does not count.
inline unsigned formats_of(const BeginOp&) {
  return 0;
}
inline unsigned formats_of(const GroupedQueryOp&) {
  return 0;
}
inline unsigned formats_of(const AttentionOp&) {
  return 0;
}
unsigned formats_of(const ProjectOp& op);
unsigned formats_of(const LatentQueryOp& op);
unsigned formats_of(const MergeOp& op);
unsigned formats_of(const GateUpOp& op);
unsigned formats_of(const DownOp& op);

// Shared memory that the operators need.
inline size_t shared_bytes_of(const BeginOp&) {
  return 0;
}
size_t shared_bytes_of(const ProjectOp& op);
size_t shared_bytes_of(const LatentQueryOp& op);
size_t shared_bytes_of(const GroupedQueryOp& op);
size_t shared_bytes_of(const AttentionOp& op);
size_t shared_bytes_of(const MergeOp& op);
size_t shared_bytes_of(const GateUpOp& op);
size_t shared_bytes_of(const DownOp& op);

}  // namespace engine::cuda
