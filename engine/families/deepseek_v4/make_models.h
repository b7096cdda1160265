// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/make_models.h: the family's forward passes.
#pragma once
#include <memory>

#include "engine/engine.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/fast/panel_plan.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

// Plain operators: defines every result.
std::unique_ptr<Model> make_deepseek_v4_reference(const DeepseekV4Config& config, const DeepseekV4Weights& weights);

// What the fast paths keep where `asked` is wanted.
CacheType deepseek_v4_cache_type(const DeepseekV4Config& config, const DeepseekV4Weights& weights, CacheType asked);

// As Family::make_fast.
std::unique_ptr<Model> make_deepseek_v4_fast(const DeepseekV4Config& config, const DeepseekV4Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels,
                                             CacheType cache = CacheType::kAuto);

}  // namespace engine
