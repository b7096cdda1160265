// SPDX-License-Identifier: Apache-2.0
// bench/engine_bench.h: how fast a model runs here: prefill, decode, load, memory.
//
// Prefill is one run of `prompt` tokens after `depth` tokens of context, decode `generate` single tokens after the same
// context, in each of `batch` timelines at once (tokens per second count them all); both `repeat` times, after one round that is not counted. Tokens are arbitrary ids: speed does not depend on
// text. Bytes of a decoded token are the weights that it reads plus the cache rows at half-way; their rate is compared with
// this machine's read bandwidth with the same number of threads, measured before and after each round. On a GPU the bandwidth
// is that of a large copy, read and written bytes counted.
#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace bench {

struct EngineBenchOptions {
  int prompt = 512, generate = 64, depth = 0;  // tokens; prompt or generate may be 0: not measured
  int threads = 0;                             // 0: all cores
  engine::Backend backend = engine::Backend::kCpu;
  engine::CacheType cache = engine::CacheType::kAuto;  // on the CPU
  engine::ActivationType activations = engine::ActivationType::kAuto;
  std::string shape, weight_type = "bf16";     // a shape in place of a model: arbitrary weights on the GPU
  bool profile = false;                        // a table of the GPU's kernels
  int repeat = 5;
  uint64_t memory_limit = 0;                   // as engine::LoadOptions
  int batch = 1;                               // timelines that decode together, all after the same context
};

struct Spread {
  double median = 0.0, min = 0.0, max = 0.0;
};
Spread spread_of(std::vector<double> values);  // all 0 for none

struct EngineBenchReport {
  engine::ModelInfo model;
  EngineBenchOptions options;
  int threads = 0;                       // as used
  double load_seconds = 0.0;
  Spread prefill_tokens_per_second, decode_tokens_per_second;
  double decode_bytes_per_token = 0.0;
  double read_bandwidth = 0.0;           // bytes per second; the median of the rounds
  double bandwidth_fraction = 0.0;       // of it that decoding reads; the median of the rounds, each with its own; batch 1 only
  uint64_t peak_memory_bytes = 0;        // of the process, mapped file pages included
  std::string kernels;                   // "avx2"
  int activation_bits = 0;               // as ComputeInfo's
  std::string device;                    // the GPU's name; empty for the CPU
  std::string profile;
};

// `model` is not looked at where options name a shape.
base::Result<EngineBenchReport> run_engine_bench(const std::filesystem::path& model, const EngineBenchOptions& options,
                                                 const std::function<void(const std::string& phase)>& progress,
                                                 std::stop_token stop);

nlohmann::json to_json(const EngineBenchReport& report);
std::string to_text(const EngineBenchReport& report);

}  // namespace bench
