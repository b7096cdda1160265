// SPDX-License-Identifier: Apache-2.0
// engine/lora/linear_modules.h: the linear layers of a model by the names that Hugging Face transformers and PEFT give
// them, and where the engine keeps each.
//
// Owns     Nothing of the weights: keys are those of low_rank.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/feed_forward_views.h"
#include "engine/tensor.h"

namespace engine {

// Rows [first_row, first_row + n_rows) of a module that are stored as a matrix of their own.
struct ModulePart {
  const void* key = nullptr;
  int64_t first_row = 0, n_rows = 0;
  bool turned = false;       // the passes read it as [n_in, n_rows]: key heads that a query absorbs
  int64_t paired_heads = 0;  // of this width, whose rows i and i + width / 2 the file keeps side by side (llama.cpp's
                             // "llama"); 0: as they are
};

struct LinearModule {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  int64_t n_out = 0, n_in = 0;
  std::vector<ModulePart> parts;  // together all rows
};

// A module that is stored as it is. An empty view adds nothing.
void add_module(std::string name, const TensorView& view, std::vector<LinearModule>& modules, int64_t paired_heads = 0);

// Dense layers, experts one by one, shared experts below `mlp` ("model.layers.0.mlp."). Routers are no linear layers in
// transformers but for those that a family adds itself.
void add_feed_forward_modules(const FeedForwardViews& ff, const std::string& mlp, std::vector<LinearModule>& modules);

}  // namespace engine
