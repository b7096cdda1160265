// SPDX-License-Identifier: Apache-2.0
// engine/families/grouped/make_models.h: the family's two forward passes.
#pragma once
#include <memory>

#include "engine/engine.h"
#include "engine/families/grouped/grouped.h"
#include "engine/fast/panel_plan.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

// Plain operators: defines every result.
std::unique_ptr<Model> make_grouped_reference(const GroupedConfig& config, const GroupedWeights& weights);

// Values of a key, and of a value, in the fast pass's cache rows, which are of one head: [key | value], each with zeros
// after it.
int64_t grouped_key_width(const GroupedConfig& config);

// As Family::make_fast.
std::unique_ptr<Model> make_grouped_fast(const GroupedConfig& config, const GroupedWeights& weights, const FastKernels& kernels,
                                         ThreadPool& pool, const PanelPlan& panels, CacheType cache = CacheType::kAuto);

}  // namespace engine
