// SPDX-License-Identifier: Apache-2.0
#include "engine/load/rope_members.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

void read_yarn(ConfigMembers& rope, int original_context, YarnScaling& yarn) {
  yarn.factor = rope.real("factor");
  yarn.original_context = original_context;
  yarn.beta_fast = rope.real("beta_fast", 32.0f);
  yarn.beta_slow = rope.real("beta_slow", 1.0f);
  yarn.mscale_all_dim = rope.real("mscale_all_dim", 0.0f);
  yarn.mscale = rope.real("mscale", 1.0f);
  yarn.truncate = rope.truth("truncate", true);
  if (rope.has("attention_factor")) {  // the cos/sin amplitude itself; turned into the mscale that gives it
    const float amplitude = rope.real("attention_factor");
    if (yarn.factor > 1.0f) {
      const float log_factor = 0.1f * std::log(yarn.factor);
      yarn.mscale = (amplitude * (log_factor * yarn.mscale_all_dim + 1.0f) - 1.0f) / log_factor;
    } else if (amplitude != 1.0f) {
      rope.refuse("attention_factor", "is not 1 where \"factor\" is, which is not supported");
    }
    return;
  }
  // transformers takes one only beside the other, DeepSeek's own code always; no released model shows a difference.
  const bool both = rope.has("mscale") && yarn.mscale != 0.0f && yarn.mscale_all_dim != 0.0f;
  if (!both && (yarn.mscale_all_dim != 0.0f || yarn.mscale != 1.0f))
    rope.refuse("mscale",
                "and mscale_all_dim, one without the other, mean different things in different programs; set both");
}

}  // namespace

RopeMembers read_rope(ConfigMembers& m, const nlohmann::json& config, int n_ctx_train, float default_theta) {
  RopeMembers read;
  const bool older = m.has("rope_scaling") && !config["rope_scaling"].empty();
  const char* key = older ? "rope_scaling" : "rope_parameters";
  const nlohmann::json object = m.has(key) ? config[key] : nlohmann::json::object();
  if (!object.is_object()) return m.fail(key, "must be an object"), read;
  ConfigMembers rope(object, base::cat("config.json: ", key));
  read.theta = rope.real("rope_theta", m.real("rope_theta", default_theta));
  // Some files have it beside the object, and there it goes first.
  const int original_context =
      m.integer("original_max_position_embeddings", rope.integer("original_max_position_embeddings", n_ctx_train));
  const std::string type = rope.text("rope_type", rope.text("type", "default"));
  if (type == "yarn") {
    read_yarn(rope, original_context, read.yarn);
  } else if (type == "llama3") {
    read.llama3.factor = rope.real("factor");
    read.llama3.original_context = original_context;
    read.llama3.low_frequency_factor = rope.real("low_freq_factor");
    read.llama3.high_frequency_factor = rope.real("high_freq_factor");
  } else if (type == "linear") {
    read.linear_factor = rope.real("factor");
  } else if (type != "default") {
    rope.refuse("rope_type",
                base::cat("is \"", type, "\"; Graft computes \"default\", \"linear\", \"yarn\" and \"llama3\""));
  }
  if (rope.error()) m.take(*rope.error());
  return read;
}

}  // namespace engine
