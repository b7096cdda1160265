// SPDX-License-Identifier: Apache-2.0
// JSON Schemas made at random, with instances that Python's jsonschema has judged (tests/data/engine/make_schemas.py).
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "tests/engine/constrain_support.h"

namespace engine::test {
namespace {

// Writes at random what the masks allow. Whether it could always go on until the text was whole, or long enough.
bool walk(const std::shared_ptr<const Constraint>& constraint, uint32_t seed, std::string& text) {
  std::mt19937 random(seed);
  ConstraintState state(constraint);
  const Vocabulary& vocabulary = constraint->vocabulary();
  for (int step = 0; step < 80; ++step) {
    std::vector<uint32_t> bits(vocabulary.mask_words());
    REQUIRE(state.mask(bits));
    std::vector<Token> allowed;
    for (Token t = 0; t < vocabulary.n_tokens(); ++t)
      if (bits[static_cast<size_t>(t) / 32] >> (t % 32) & 1) allowed.push_back(t);
    if (allowed.empty()) return false;
    const Token token = allowed[random() % allowed.size()];
    REQUIRE(state.accept(token));
    if (vocabulary.is_end(token)) return bool(base::parse_json(text));
    text += vocabulary.bytes_of(token);
  }
  return true;
}

}  // namespace

TEST_CASE("constrain schema: what is taken of random schemas agrees with jsonschema, and masks never lead nowhere") {
  const auto text = base::read_file(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/schemas.json", 10'000'000);
  REQUIRE(text);
  const auto groups = base::parse_json(*text);
  REQUIRE(groups);
  const auto vocabulary = byte_vocabulary({"{\"", "\":", ",\"", "\"}", "],", "}}", "true", "null", "[[", "xa"});
  size_t n_taken = 0, n_tests = 0, n_valid = 0;
  for (const base::Json& group : *groups) {
    CAPTURE(base::dump_json(group["schema"]));
    const auto constraint = Constraint::from_json_schema(base::dump_json(group["schema"]), vocabulary);
    if (!constraint) {
      CAPTURE(constraint.error().message);
      CHECK(constraint.error().code == base::ErrorCode::kInvalidArgument);
      CHECK(constraint.error().message.find("at \"") != std::string::npos);  // refused by its place: texts do fit
      continue;
    }
    ++n_taken;
    for (const base::Json& test : group["tests"]) {
      const std::string data = base::dump_json(test["data"]);
      CAPTURE(data);
      CHECK(accepts(*constraint, data) == test["valid"].get<bool>());
      ++n_tests;
      n_valid += test["valid"].get<bool>();
    }
    for (uint32_t seed = 0; seed < 2; ++seed) {
      std::string written;
      CAPTURE(written);
      CHECK(walk(*constraint, seed, written));
    }
  }
  MESSAGE(n_taken, " of ", groups->size(), " schemas taken, ", n_tests, " instances, ", n_valid, " of them valid");
  CHECK(n_taken * 10 > groups->size() * 8);
  CHECK(n_valid * 3 > n_tests);
}

}  // namespace engine::test
