// SPDX-License-Identifier: Apache-2.0
// The golden models load from both containers, and say what they are.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/gguf.h"
#include "engine/formats/safetensors.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/families/deepseek_v2/bind_weights.h"

namespace {

const std::filesystem::path kData = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine";

engine::DeepseekV2Description hf_description(const std::string& name) {
  auto text = base::read_file(kData / name / "config.json", 1 << 20);
  REQUIRE(text);
  auto json = base::parse_json(*text);
  REQUIRE(json);
  auto description = engine::deepseek_v2_from_json(*json);
  REQUIRE_MESSAGE(description, (description ? "" : description.error().message));
  return *description;
}

std::vector<float> row(const engine::TensorView& view, int64_t r) {
  std::vector<float> values(static_cast<size_t>(view.n_in()));
  engine::dequantize_row(view, r, values);
  return values;
}

}  // namespace

TEST_CASE("safetensors: a single file and shards give every weight of the configuration") {
  for (const char* name : {"lite", "grouped", "plain"}) {
    CAPTURE(name);
    const auto description = hf_description(name);
    auto model = engine::open_safetensors(kData / name);
    REQUIRE_MESSAGE(model, (model ? "" : model.error().message));
    auto weights = engine::deepseek_v2_weights_from_hf(description, model->tensors);
    REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
    CHECK(weights->layers.size() == 2);
    CHECK(weights->head.n_rows() == 272);
    CHECK((weights->head.data == weights->embedding.data) == description.tied_head);
    CHECK(weights->layers[1].ff.expert_gate.size() == 8);
  }
}

TEST_CASE("config.json: the golden models' settings are read") {
  const auto lite = hf_description("lite").config;
  CHECK(lite.q_lora_rank == 0);
  CHECK(lite.n_dense_layers == 1);
  CHECK(lite.yarn.factor == 4.0f);
  CHECK(lite.yarn.original_context == 16);
  CHECK(lite.yarn.mscale == 0.707f);
  const auto grouped = hf_description("grouped").config;
  CHECK(grouped.q_lora_rank == 32);
  CHECK(grouped.selection == engine::ExpertSelection::kGroupLimitedGreedy);
  CHECK(grouped.n_groups == 4);
  CHECK(grouped.n_groups_used == 2);
  CHECK(grouped.expert_weight_scale == 2.5f);
  const auto plain = hf_description("plain").config;
  CHECK(plain.yarn.factor == 1.0f);
  CHECK(plain.rope_theta == 1000.0f);
  CHECK(plain.normalize_expert_weights);
  CHECK(plain.n_dense_layers == 0);
}

TEST_CASE("GGUF: every stored type and both forms of kv_b load") {
  for (const char* name : {"lite_f32", "lite_f16", "lite_bf16", "grouped_q8_0", "grouped_q4_0"}) {
    CAPTURE(name);
    auto file = base::MappedFile::open(kData / "gguf" / base::cat(name, ".gguf"));
    REQUIRE(file);
    auto gguf = engine::read_gguf(file->bytes(), name);
    REQUIRE_MESSAGE(gguf, (gguf ? "" : gguf.error().message));
    auto description = engine::deepseek_v2_from_gguf(*gguf);
    REQUIRE_MESSAGE(description, (description ? "" : description.error().message));
    CHECK(description->config.qk_nope_dim == 16);
    CHECK(description->config.v_head_dim == 16);
    auto weights = engine::deepseek_v2_weights_from_gguf(*description, gguf->tensors);
    REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
    const bool split = std::string_view(name) == "lite_f16" || std::string_view(name) == "grouped_q8_0";
    CHECK(bool(weights->layers[0].kv_b) == !split);
    CHECK(bool(weights->layers[0].k_b) == split);
  }
}

TEST_CASE("GGUF and safetensors of one model hold the same values") {
  const auto description = hf_description("lite");
  auto folder = engine::open_safetensors(kData / "lite");
  REQUIRE(folder);
  auto hf = engine::deepseek_v2_weights_from_hf(description, folder->tensors);
  REQUIRE(hf);
  auto file = base::MappedFile::open(kData / "gguf/lite_f32.gguf");
  REQUIRE(file);
  auto gguf = engine::read_gguf(file->bytes(), "lite_f32");
  REQUIRE(gguf);
  auto from_gguf = engine::deepseek_v2_from_gguf(*gguf);
  REQUIRE(from_gguf);
  auto other = engine::deepseek_v2_weights_from_gguf(*from_gguf, gguf->tensors);
  REQUIRE(other);
  CHECK(row(hf->embedding, 7) == row(other->embedding, 7));
  CHECK(row(hf->layers[0].kv_b, 63) == row(other->layers[0].kv_b, 63));
  for (size_t e = 0; e < 8; ++e) {
    CHECK(row(hf->layers[1].ff.expert_gate[e], 3) == row(other->layers[1].ff.expert_gate[e], 3));
    CHECK(row(hf->layers[1].ff.expert_down[e], 31) == row(other->layers[1].ff.expert_down[e], 31));
  }
}
