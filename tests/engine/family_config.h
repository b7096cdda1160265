// SPDX-License-Identifier: Apache-2.0
// tests/engine/family_config.h: the config.json of a committed tiny checkpoint.
#pragma once
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"

namespace test {

// `name`: of its folder in tests/data/engine/families.
inline base::Json config_of(const std::string& name) {
  std::ifstream in(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/" + name + "/config.json");
  const auto json = base::parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
  REQUIRE(json);
  return *json;
}

}  // namespace test
