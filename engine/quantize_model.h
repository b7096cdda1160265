// SPDX-License-Identifier: Apache-2.0
// engine/quantize_model.h: any model that the engine loads, written as a GGUF file in another type.
//
// Types    As llama.cpp chooses them: norms, biases and routers stay f32, compressors and index weights of
//          DeepSeek-V4 16 bits; a quantised model's head (the embedding where they are one) gets Q6_K; MXFP4 is for
//          experts, the rest gets Q8_0. Rows that are no whole number of blocks take the next type that fits: Q2_K,
//          Q3_K: IQ4_NL; Q4_K: Q5_0; Q5_K: Q5_1; Q6_K: Q8_0; and F16 where 32 does not divide them.
// Errors   As write_gguf (formats/gguf_writer.h) and load_model_package; kInvalidArgument for a type that cannot be
//          written.
// Source   llama.cpp, llama-quant and its converter's keys and tensor names
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace engine {

struct QuantizeOptions {
  std::string type;               // "Q4_K"
  std::vector<std::string> keep;  // shell patterns: tensors of these names keep their stored type
  bool replace = false;           // the file may be there already
  int n_threads = 0;              // 0: the machine's cores
  std::function<void(uint64_t done, uint64_t total, std::string_view tensor)> progress = {};
  std::stop_token stop = {};
};

struct QuantizeReport {
  uint64_t stored_bytes = 0, written_bytes = 0;  // of weights
  std::map<std::string, int> tensors_by_type;
  std::vector<std::string> fallbacks;  // "blk.0.attn_q.weight: rows of 72 values: F16 instead of Q4_0"
};

// "Q4_0", "Q4_1" ...
std::vector<std::string> quantize_types();

base::Result<QuantizeReport> quantize_model(const std::filesystem::path& model, const std::filesystem::path& out,
                                            const QuantizeOptions& options);

}  // namespace engine
