// SPDX-License-Identifier: Apache-2.0
// config.json of DeepSeek-V4: what no model of the family has is refused by name.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "engine/families/deepseek_v4/read_config.h"

namespace {

base::Json renamed() {
  std::ifstream in(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/deepseek_v4_renamed/config.json");
  auto config = base::parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
  REQUIRE(config);
  return *config;
}

// The message for a rotation of the layers with entries, or nothing.
std::string error_with(const base::Json& compress) {
  base::Json config = renamed();
  config["rope_parameters"]["compress"] = compress;
  const auto read = engine::deepseek_v4_from_json(*base::parse_json(base::dump_json(config)));
  return read ? std::string() : read.error().message;
}

}  // namespace

TEST_CASE("DeepSeek-V4's configuration: a rotation that programs take for different things is named") {
  base::Json yarn = {{"rope_type", "yarn"},
                     {"rope_theta", 160000.0},
                     {"factor", 4.0},
                     {"original_max_position_embeddings", 64},
                     {"attention_factor", 1.0}};
  CHECK(error_with(yarn) == "");
  yarn["truncate"] = false;
  CHECK(error_with(yarn).find("truncate") != std::string::npos);
  yarn["truncate"] = true, yarn["attention_factor"] = 1.5;
  CHECK(error_with(yarn).find("attention_factor") != std::string::npos);
  CHECK(error_with({{"rope_type", "linear"}, {"rope_theta", 160000.0}, {"factor", 2.0}}).find("linear") !=
        std::string::npos);
}

TEST_CASE("DeepSeek-V4's configuration: the original context is the rotation's own, not one beside it") {
  base::Json config = renamed();
  config.erase("rope_parameters");
  config["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}};
  config["original_max_position_embeddings"] = 32;
  const auto read = engine::deepseek_v4_from_json(*base::parse_json(base::dump_json(config)));
  REQUIRE_MESSAGE(read, read.error().message);
  CHECK(read->yarn.original_context == 64);
}
