// SPDX-License-Identifier: Apache-2.0
// config.json text.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/families/grouped/read_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = base::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto description = engine::deepseek_v2_from_json(*json);
  // Later code multiplies these without asking again.
  if (description && description->config.n_experts_used > description->config.n_experts) std::abort();
  // What layers share is looked up without asking again.
  if (const auto v41 = engine::deepseek_v41_from_json(*json))
    for (int l = 0; l < v41->n_layers; ++l)
      if (v41->ratio(l) != 0 && (!v41->makes_entries(v41->entries_from(l)) || v41->entries_from(l) > l)) std::abort();
  const auto v4 = engine::deepseek_v4_from_json(*json);
  if (v4 && (v4->kinds.size() != static_cast<size_t>(v4->n_layers) || v4->rope_dim > v4->head_dim)) std::abort();
  if (const auto grouped = engine::grouped_from_json(*json)) {
    const engine::GroupedConfig& c = grouped->config;
    const auto n = static_cast<size_t>(c.n_layers);
    if (c.window.size() != n || c.sparse.size() != n || c.n_heads % c.n_kv_heads != 0) std::abort();
    // A turn by what is no number would spoil every logit.
    const engine::RopeTable rope = engine::rope_table(c, {});
    for (const double frequency : rope.frequencies())
      if (!std::isfinite(frequency)) std::abort();
    if (!std::isfinite(rope.amplitude())) std::abort();
  }
  return 0;
}
