// SPDX-License-Identifier: Apache-2.0
// engine/families/describe_shape.h: the sizes that every family's configuration has, into ModelInfo.
#pragma once
#include "engine/engine.h"

namespace engine {

template <typename Config>
void describe_shape(const Config& config, ModelInfo& info) {
  info.n_layers = config.n_layers;
  info.hidden_size = config.hidden_size;
  info.n_heads = config.n_heads;
  info.n_vocab = config.n_vocab;
  info.n_experts = config.n_experts;
  info.n_experts_used = config.n_experts_used;
  info.n_ctx_train = config.n_ctx_train;
}

}  // namespace engine
