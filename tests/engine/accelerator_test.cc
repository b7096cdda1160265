// SPDX-License-Identifier: Apache-2.0
#include "engine/accelerator.h"

#include <doctest/doctest.h>

#include "engine/engine.h"

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
