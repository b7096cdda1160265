// SPDX-License-Identifier: Apache-2.0
#include "engine/accelerator.h"

#include <doctest/doctest.h>

#include "engine/engine.h"
#include "engine/families/shapes.h"

using namespace engine;

TEST_CASE("accelerator: without a module or a GPU the reason is said, and kAuto takes the CPU") {
  const auto opened = open_cuda();
  if (opened) return;
  CHECK(opened.error().code == base::ErrorCode::kNotFound);
  CHECK(!opened.error().message.empty());
  const std::string path = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/gguf/lite_f32.gguf";
  LoadOptions options;
  options.backend = Backend::kCuda;
  const auto must = Engine::load(path, options);
  REQUIRE(!must);
  CHECK(must.error().message.find(opened.error().message) != std::string::npos);
  options.backend = Backend::kAuto;
  const auto may = Engine::load(path, options);
  REQUIRE(may);
  CHECK((*may)->compute().device.empty());
}

TEST_CASE("accelerator: a synthetic shape of an unknown name or type is refused with what there is") {
  const auto shape = Engine::synthetic("no-such", "bf16", {});
  REQUIRE(!shape);
  CHECK(shape.error().message.find("v2-lite") != std::string::npos);
  const auto type = Engine::synthetic("v2-lite", "q9", {});
  REQUIRE(!type);
  CHECK(type.error().message.find("q4_0") != std::string::npos);
}

TEST_CASE("accelerator: shapes have the models' numbers of parameters") {
  // As the models' makers publish them; slices by hand from the same sizes.
  const std::tuple<const char*, double, double> want[] = {
      {"v2-lite", 15.7e9, 2.4e9}, {"v4-flash", 284e9, 13e9}, {"llama-3-8b", 8.03e9, 8.03e9}, {"qwen3-30b-a3b", 30.5e9, 3.3e9}};
  for (const auto& [name, all, active] : want) {
    CAPTURE(std::string(name));
    const auto family = family_of_shape(name, "q4_0");
    REQUIRE(family);
    ModelInfo info;
    (*family)->describe(info);
    CHECK(static_cast<double>(info.n_parameters) == doctest::Approx(all).epsilon(0.02));
    CHECK(static_cast<double>(info.n_active_parameters) == doctest::Approx(active).epsilon(0.08));
  }
  for (const char* name : {"v3-slice", "v3.2-slice", "v4-slice", "gpt-oss-20b"}) CHECK(family_of_shape(name, "bf16"));
}
