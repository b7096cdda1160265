// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

TEST_CASE("parse_json: broken text gives an error with the byte") {
  const auto bad = base::parse_json("{\"a\": }");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == base::ErrorCode::kCorrupt);
  CHECK(bad.error().message.find("byte 7") != std::string::npos);
}

TEST_CASE("parse_json: nesting is bounded, brackets in strings do not count") {
  CHECK_FALSE(base::parse_json(std::string(100000, '[')));
  CHECK_FALSE(base::parse_json(std::string(257, '[') + std::string(257, ']')));
  CHECK(base::parse_json(std::string(256, '[') + std::string(256, ']')));
  CHECK(base::parse_json("\"" + std::string(1000, '[') + "\\\"\""));
}

TEST_CASE("dump_json: bytes that are not UTF-8 are replaced, not thrown on") {
  CHECK(base::dump_json(base::Json("a\xff")) == "\"a\xEF\xBF\xBD\"");
}

TEST_CASE("json members: wrong types and missing keys give the fallback") {
  const base::Json value = *base::parse_json(R"({"s": "x", "n": 3, "d": 1.5, "b": true})");
  CHECK(base::json_string(value, "s") == "x");
  CHECK(base::json_string(value, "n", "no") == "no");
  CHECK(base::json_int(value, "n") == 3);
  CHECK(base::json_int(value, "d", -1) == -1);
  CHECK(base::json_double(value, "d") == 1.5);
  CHECK(base::json_bool(value, "b"));
  CHECK(base::json_int(base::Json(4), "n", 7) == 7);
}
