// SPDX-License-Identifier: Apache-2.0
// engine/memory_plan.h: where a model's weights go in this machine's memory, and whether they can (docs/weights.md).
//
// Errors   kExhausted with the numbers.
#pragma once
#include <cstdint>

#include "base/result.h"
#include "engine/fast/panel_plan.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/model_package.h"

namespace engine {

// Of the fast paths. The packed copy is worth its memory as long as it leaves the editor and its tools, and the sessions' caches, a quarter;
// the file's own pages are given back while it is made.
PanelPlan panel_plan(const ModelPackage& package, const FastKernels& kernels, CacheType cache);

// Whether the weights fit into `limit` bytes (LoadOptions::memory_limit). `plan`: of the fast paths, or null; a copy that another
// process holds takes nothing more.
base::Status check_memory(const ModelPackage& package, const PanelPlan* plan, uint64_t limit);

// Whether `available` bytes (0: not known) hold a session of `n_ctx` tokens, which takes `bytes` once it is full. Caches grow as they are
// written: without this the system would end the program for it in the middle of a text.
base::Status check_session_memory(int n_ctx, uint64_t bytes, uint64_t available);

}  // namespace engine
