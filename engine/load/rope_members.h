// SPDX-License-Identifier: Apache-2.0
// engine/load/rope_members.h: the rotary part of config.json, in both of its spellings: rope_parameters {rope_theta,
// rope_type, ...}, or rope_theta beside rope_scaling {type, ...}, which goes first where a file has both.
//
// Source   Hugging Face transformers, modeling_rope_utils: "default", "linear", "yarn", "llama3"
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "engine/kernels/rope.h"
#include "engine/load/config_members.h"

namespace engine {

struct RopeMembers {
  float theta = 10000.0f;
  YarnScaling yarn;
  Llama3Scaling llama3;
  float linear_factor = 1.0f;
};

// Faults go into `m`. `n_ctx_train` stands in for a missing original context.
RopeMembers read_rope(ConfigMembers& m, const nlohmann::json& config, int n_ctx_train, float default_theta);

}  // namespace engine
