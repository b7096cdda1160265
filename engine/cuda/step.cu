// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "engine/cuda/launch.h"
#include "engine/cuda/step.h"
#include "engine/cuda/step_kernel.cuh"
#include "engine/cuda/step_sparse.h"

namespace engine::cuda {
namespace {

static_assert(kBFloat16Caches == kHasBF16);

// The program's kernel with the least code that has all of `formats`.
StepKernel kernel_for(unsigned formats) {
  constexpr unsigned kFloats = kHasF32 | kHasBF16;
  const auto covers = [formats](unsigned has) { return (formats & ~has) == 0; };
  if (covers(kHasF32 | kHasF32Layers)) return step_kernel<kHasF32, false>;
  if (covers(kFloats)) return step_kernel<kFloats, false>;
  if (covers(kFloats | kHasInt4)) return step_kernel<kFloats | kHasInt4, false>;
  if (covers(kFloats | kHasInt8)) return step_kernel<kFloats | kHasInt8, false>;
  // One for two: experts in FP4 are often found beside FP8, and each kernel takes minutes to compile.
  if (covers(kFloats | kHasInt4Table | kHasFp8)) return step_kernel<kFloats | kHasInt4Table | kHasFp8, false>;
  return step_kernel<kHasAll, false>;
}

unsigned bits_of(const Matrix& w) {
  return w.quants ? format_bit(w) : 0U;
}
unsigned layer_bits_of(const Matrix& w) {
  return bits_of(w) | (bits_of(w) == kHasF32 ? kHasF32Layers : 0U);
}

}  // namespace

const char* name_of(OpKind kind) {
  switch (kind) {
    case OpKind::kBegin:
      return "embedding";
    case OpKind::kProject:
      return "projection";
    case OpKind::kLatentQuery:
      return "latent query";
    case OpKind::kGroupedQuery:
      return "grouped query";
    case OpKind::kAttention:
      return "attention";
    case OpKind::kMerge:
      return "merge of pieces";
    case OpKind::kGateUp:
      return "gate and up";
    case OpKind::kDown:
      return "down";
    case OpKind::kIndexKeys:
      return "index keys";
    case OpKind::kIndexScores:
      return "index scores";
    case OpKind::kChoose:
      return "choice of rows";
    case OpKind::kGather:
      return "streams read";
    case OpKind::kSpread:
      return "streams written";
    case OpKind::kPlace:
      return "keys and entries";
    case OpKind::kGroupedOut:
      return "grouped output";
  }
  return "?";
}

// More rows at a time have more reads under way and fewer rounds, but leave warps without work where there are few
// rows. A round takes about as long as four rows' share of it.
void StepProgram::plan(ProjectOp& op) {
  const int64_t warps = int64_t{multiprocessors()} * kStepWarps;
  int64_t common = 4;  // rows that a warp may take without reaching over the end of a layer
  bool floats = false, codes = false;
  for (int m = 0; m < op.n; ++m) {
    op.rows += static_cast<int>(op.w[m].n_out);
    op.whole = op.whole || is_whole(op.w[m]);
    floats = floats || op.w[m].format == Format::kF32;
    codes = codes || op.w[m].format == Format::kFp8;
    while (op.w[m].n_out % common != 0) common /= 2;
  }
  const auto cost = [&](int64_t rows) {
    return static_cast<double>(ceil_div(ceil_div(op.rows, rows), warps)) * (4.0 + static_cast<double>(rows));
  };
  const int many = op.whole || codes ? 4 : 2;
  if (!floats && common >= many && cost(many) < cost(1)) op.at_once = many;
}

void StepProgram::plan(AttentionOp& op) {
  op.group = op.n_heads / op.n_kv_heads;
  op.blocks = static_cast<int>(ceil_div(op.group, kHeadsAtOnce));
}

void StepProgram::finish(size_t shared_bytes, unsigned formats) {
  kernel_ = sparse_ ? sparse_kernel_for(formats) : kernel_for(formats);
  shared_bytes_ = shared_bytes;
  device_ops_ = DeviceBuffer<Op>(ops_.size());
  check(cudaMemcpy(device_ops_.data(), ops_.data(), device_ops_.bytes(), cudaMemcpyHostToDevice),
        "copying a step's operators");
  barrier_ = DeviceBuffer<unsigned>(1);
  clocks_ = DeviceBuffer<long long>(ops_.size() + 1);
  int device = 0, most = 0, per_processor = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cudaDeviceGetAttribute");
  if (shared_bytes > static_cast<size_t>(most))
    throw Failure("a step of this model needs more shared memory than the GPU has");
  check(cudaFuncSetAttribute(kernel_, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "cudaFuncSetAttribute");
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_processor, kernel_, kStepThreads, shared_bytes),
        "cudaOccupancy");
  if (per_processor < 1) throw Failure("a step of this model does not fit on one of the GPU's multiprocessors");
  blocks_ = multiprocessors();
}

void StepProgram::start(const StepState* state, long long* clocks, cudaStream_t stream) const {
  check(cudaMemsetAsync(barrier_.data(), 0, barrier_.bytes(), stream), "cudaMemsetAsync");
  LaunchShape shape{static_cast<unsigned>(blocks_), kStepThreads, shared_bytes_, stream};
  shape.together = true;  // or the barrier would never end
  engine::cuda::launch("a step", shape, kernel_, device_ops_.data(), static_cast<int>(ops_.size()), state,
                       barrier_.data(), clocks);
}

void StepProgram::launch(const StepState* state, cudaStream_t stream) const {
  start(state, nullptr, stream);
}

std::string StepProgram::profile(const StepState* state, cudaStream_t stream) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  float milliseconds = 0.0f;
  for (int round = 0; round < 3; ++round) {  // the last one counts
    check(cudaEventRecord(begin, stream), "cudaEventRecord");
    start(state, clocks_.data(), stream);
    check(cudaEventRecord(end, stream), "cudaEventRecord");
    check(cudaStreamSynchronize(stream), "profiling a step");
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::vector<long long> clocks(ops_.size() + 1);
  check(cudaMemcpy(clocks.data(), clocks_.data(), clocks_.bytes(), cudaMemcpyDeviceToHost), "reading a profile");
  const double microseconds = milliseconds * 1000.0,
               tick = microseconds / static_cast<double>(clocks.back() - clocks.front());
  // Operators of a kind and of a size belong together: the head is no projection like the others.
  struct Sum {
    OpKind kind;
    double bytes;
    int calls;
    double microseconds;
  };
  std::vector<Sum> sums;
  for (size_t i = 0; i < ops_.size(); ++i) {
    const auto same = [&](const Sum& s) { return s.kind == ops_[i].kind && s.bytes == bytes_[i]; };
    auto sum = std::find_if(sums.begin(), sums.end(), same);
    if (sum == sums.end()) sum = sums.insert(sums.end(), {ops_[i].kind, bytes_[i], 0, 0.0});
    ++sum->calls;
    sum->microseconds += static_cast<double>(clocks[i + 1] - clocks[i]) * tick;
  }
  std::string text = "operator          calls   us each   us total   share   MB each    GB/s\n";
  char line[160];
  for (const Sum& s : sums) {
    const double each = s.microseconds / s.calls;
    std::snprintf(line, sizeof line, "%-16s %6d %9.2f %10.1f %6.1f%% %9.2f %7.0f\n", name_of(s.kind), s.calls, each,
                  s.microseconds, 100.0 * s.microseconds / microseconds, s.bytes / 1e6, s.bytes / each / 1e3);
    text += line;
  }
  std::snprintf(line, sizeof line, "%-16s %6zu %9s %10.1f\n", "the step", ops_.size(), "", microseconds);
  return text + line;
}

unsigned formats_of(const ProjectOp& op) {
  unsigned all = 0;
  for (int m = 0; m < op.n; ++m) all |= bits_of(op.w[m]);
  return all;
}
unsigned formats_of(const LatentQueryOp& op) {
  return bits_of(op.k_absorb);
}
unsigned formats_of(const MergeOp& op) {
  return bits_of(op.w);
}
unsigned formats_of(const GateUpOp& op) {
  return layer_bits_of(op.gate) | layer_bits_of(op.shared_gate);
}
unsigned formats_of(const DownOp& op) {
  return layer_bits_of(op.down) | layer_bits_of(op.shared_down);
}

size_t shared_bytes_of(const ProjectOp& op) {
  bool whole = false;
  for (int m = 0; m < op.n; ++m) whole = whole || is_whole(op.w[m]);
  return row_input_bytes(op.w[0].n_in, whole);
}
size_t shared_bytes_of(const LatentQueryOp& op) {
  return row_input_bytes(op.nope, false);
}
size_t shared_bytes_of(const GroupedQueryOp& op) {
  return static_cast<size_t>(kStepWarps * op.d) * sizeof(float);
}
size_t shared_bytes_of(const AttentionOp& a) {
  if (!a.float_cache) return attention_bf16_bytes(a);
  const bool latent = a.key_offset == a.value_offset;
  const int stride = a.dk + 4;
  const int floats = kHeadsAtOnce * stride + kRowsAtOnce * kHeadsAtOnce + kHeadsAtOnce +
                     kRowsAtOnce * (stride + (latent ? 0 : a.dv + 4));
  return static_cast<size_t>(std::max(floats, kStepThreads * 2)) * sizeof(float);
}
size_t shared_bytes_of(const MergeOp& op) {
  return row_input_bytes(op.dv, false);
}
size_t shared_bytes_of(const GateUpOp& op) {
  const bool routed = op.gate.quants != nullptr;
  const size_t choice = routed ? static_cast<size_t>(3 * op.router.n_experts + 2 * op.router.n_experts_used) * 4 : 0;
  return row_input_bytes(routed ? op.gate.n_in : op.shared_gate.n_in, is_whole(op.gate) || is_whole(op.shared_gate)) +
         choice;
}
size_t shared_bytes_of(const DownOp& op) {
  return row_input_bytes((op.k > 0 ? op.k * op.down.n_in : 0) + (op.shared_down.quants ? op.shared_down.n_in : 0),
                         is_whole(op.down) || is_whole(op.shared_down)) +
         static_cast<size_t>(op.k + kMaxRuns) * sizeof(Segment);
}

}  // namespace engine::cuda
