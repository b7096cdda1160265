// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/make_models.h: the family's two forward passes.
#pragma once
#include <memory>

#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

// Plain operators, expanded attention: defines every result.
std::unique_ptr<Model> make_deepseek_v2_reference(const DeepseekV2Config& config, const DeepseekV2Weights& weights);

// As Family::make_fast.
std::unique_ptr<Model> make_deepseek_v2_fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, bool pack);

}  // namespace engine
