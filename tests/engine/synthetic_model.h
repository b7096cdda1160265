// SPDX-License-Identifier: Apache-2.0
// tests/engine/synthetic_model.h: DeepSeek-V2 models with random weights, in memory.
#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/families/deepseek_v2/make_models.h"
#include "engine/model.h"

namespace engine::test {

// A small configuration with every part: YaRN, a dense layer, shared and routed experts. Widths suit all types.
DeepseekV2Config small_config();

// Owns what its views point into.
struct SyntheticModel {
  DeepseekV2Config config;
  DeepseekV2Weights weights;
  std::vector<std::unique_ptr<std::vector<std::byte>>> memory;
};

// Which of the two forms of the key and value weights a model has.
enum class KvForm { kJoined, kSplit };

// Matrices of `type` (norms and router f32) with values of about 1 / sqrt(n_in).
std::unique_ptr<SyntheticModel> make_model(const DeepseekV2Config& config, DType type, KvForm form = KvForm::kSplit,
                                           uint32_t seed = 1);

// `n_rows` rows of a matrix of `type`, random.
std::vector<std::byte> random_matrix(std::mt19937& random, DType type, int64_t n_rows, int64_t n_in);
TensorView view_of(const std::vector<std::byte>& bytes, DType type, std::vector<int64_t> shape);
std::vector<float> random_floats(std::mt19937& random, int64_t n, float scale = 1.0f);

// Every fast path of this build and CPU; says which ones are missing here.
std::vector<const FastKernels*> all_kernels();
// And each once more with activations of 16 bits.
std::vector<const FastKernels*> all_kernels_and_widths();

// The logits of all `tokens`, evaluated in pieces of the given sizes (the last size repeats).
std::vector<float> run_in_pieces(Model& model, const DeepseekV2Config& config, std::span<const int32_t> tokens,
                                 const std::vector<size_t>& pieces);

// Largest difference over the largest magnitude of `want`; infinite where NaNs sit in other places.
double relative_error(std::span<const float> got, std::span<const float> want);

}  // namespace engine::test
