// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/make_models.h: the family's two forward passes.
#pragma once
#include <memory>

#include "engine/engine.h"
#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/fast/panel_plan.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

// Plain operators, expanded attention: defines every result.
std::unique_ptr<Model> make_deepseek_v2_reference(const DeepseekV2Config& config, const DeepseekV2Weights& weights);

// Of the fast pass. V3.2 keeps f32: its indexer reads its keys, which lie in the same rows.
CacheType deepseek_v2_cache_type(const DeepseekV2Config& config, const DeepseekV2Weights& weights, CacheType asked);

// Values of the fast pass's cache rows that hold the latent and the rotated key behind it, zeros after them included; an
// index key follows.
int64_t deepseek_v2_key_width(const DeepseekV2Config& config);
int64_t deepseek_v2_row_width(const DeepseekV2Config& config);  // of all of it

// As Family::make_fast.
std::unique_ptr<Model> make_deepseek_v2_fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels, CacheType cache = CacheType::kAuto);

}  // namespace engine
