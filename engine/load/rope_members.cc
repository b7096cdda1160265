// SPDX-License-Identifier: Apache-2.0
#include "engine/load/rope_members.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

void read_yarn(ConfigMembers& rope, int n_ctx_train, YarnScaling& yarn) {
  yarn.factor = rope.real("factor");
  yarn.original_context = rope.integer("original_max_position_embeddings", n_ctx_train);
  yarn.beta_fast = rope.real("beta_fast", 32.0f);
  yarn.beta_slow = rope.real("beta_slow", 1.0f);
  yarn.mscale_all_dim = rope.real("mscale_all_dim", 0.0f);
  yarn.mscale = rope.real("mscale", 1.0f);
  yarn.truncate = rope.truth("truncate", true);
  // transformers takes mscale only beside mscale_all_dim, DeepSeek's own code always; no released model shows a difference.
  if (yarn.mscale_all_dim == 0.0f && yarn.mscale != 1.0f)
    rope.refuse("mscale", "without mscale_all_dim means different things in different programs; set both");
  if (rope.has("attention_factor") && yarn.factor > 1.0f) {  // the cos/sin amplitude itself; turned into the mscale that gives it
    const float log_factor = 0.1f * std::log(yarn.factor);
    yarn.mscale = (rope.real("attention_factor") * (log_factor * yarn.mscale_all_dim + 1.0f) - 1.0f) / log_factor;
  }
}

}  // namespace

RopeMembers read_rope(ConfigMembers& m, const nlohmann::json& config, int n_ctx_train, float default_theta) {
  RopeMembers read;
  const char* key = m.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const nlohmann::json object = m.has(key) ? config[key] : nlohmann::json::object();
  if (!object.is_object()) return m.fail(key, "must be an object"), read;
  ConfigMembers rope(object, base::cat("config.json: ", key));
  read.theta = rope.real("rope_theta", m.real("rope_theta", default_theta));
  const std::string type = rope.text("rope_type", rope.text("type", "default"));
  if (type == "yarn") {
    read_yarn(rope, n_ctx_train, read.yarn);
  } else if (type == "llama3") {
    read.llama3.factor = rope.real("factor");
    read.llama3.original_context = rope.integer("original_max_position_embeddings");
    read.llama3.low_frequency_factor = rope.real("low_freq_factor");
    read.llama3.high_frequency_factor = rope.real("high_freq_factor");
  } else if (type != "default") {
    rope.refuse("rope_type", base::cat("is \"", type, "\"; Graft computes \"default\", \"yarn\" and \"llama3\""));
  }
  if (rope.error()) m.take(*rope.error());
  return read;
}

}  // namespace engine
