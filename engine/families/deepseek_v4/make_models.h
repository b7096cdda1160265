// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/make_models.h: the family's forward passes.
#pragma once
#include <memory>

#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/fast/panel_plan.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

// Plain operators: defines every result.
std::unique_ptr<Model> make_deepseek_v4_reference(const DeepseekV4Config& config, const DeepseekV4Weights& weights);

// As Family::make_fast.
std::unique_ptr<Model> make_deepseek_v4_fast(const DeepseekV4Config& config, const DeepseekV4Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels);

}  // namespace engine
