// SPDX-License-Identifier: Apache-2.0
#include "engine/model_package.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace {

const std::filesystem::path kData = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine";

engine::ModelPackage load(const std::filesystem::path& path) {
  auto package = engine::load_model_package(path);
  REQUIRE_MESSAGE(package, (package ? "" : package.error().message));
  return std::move(*package);
}

}  // namespace

TEST_CASE("model package: a folder and a GGUF file of one model say the same") {
  const auto folder = load(kData / "lite");
  const auto file = load(kData / "gguf/lite_f32.gguf");
  CHECK(folder.info.name == "lite");
  CHECK(folder.info.container == "safetensors");
  CHECK(file.info.container == "gguf");
  for (const auto* p : {&folder, &file}) {
    CHECK(p->info.family == "deepseek_v2");
    CHECK(p->info.weight_types == std::vector<std::string>{"F32"});
    CHECK(p->info.capabilities == std::vector<std::string>{"fim"});
    CHECK(p->info.n_vocab == 272);
    CHECK(p->special.bos == 0);
    CHECK(p->special.eos == 1);
    CHECK(p->add_bos);
    REQUIRE(p->fim);
    CHECK(p->fim->order == engine::FimOrder::kSpm);
    CHECK(p->end_tokens == std::vector<engine::Token>{1, 2, 3, 4});
    CHECK(p->info.kv_bytes_per_token == 2 * (32 + 8) * 4);
  }
  CHECK(folder.info.n_parameters == file.info.n_parameters);
  CHECK(folder.info.n_active_parameters == file.info.n_active_parameters);
  CHECK(folder.tokenizer.encode("def add(first, second):\n", false) ==
        file.tokenizer.encode("def add(first, second):\n", false));
}

TEST_CASE("model package: parameters are counted once, and experts not used are not active") {
  const auto p = load(kData / "lite");
  const uint64_t embedding = 272 * 32, expert = 3 * 32 * 16;
  CHECK(p.info.weight_bytes == p.info.n_parameters * 4);
  CHECK(p.info.n_parameters - p.info.n_active_parameters == embedding + (8 - 3) * expert);
  CHECK(p.info.decode_bytes_per_token == (p.info.n_active_parameters + 32) * 4);
  const auto tied = load(kData / "plain");
  CHECK(tied.info.n_parameters - tied.info.n_active_parameters == 2 * (8 - 3) * expert);
}

TEST_CASE("verify_weights: golden models are finite, progress ends at all bytes") {
  for (const char* name : {"grouped", "gguf/grouped_q4_0.gguf", "gguf/lite_bf16.gguf"}) {
    const auto p = load(kData / name);
    uint64_t seen = 0;
    const auto verified = engine::verify_weights(p, [&](uint64_t bytes) { seen = bytes; }, {});
    CHECK(verified);
    CHECK(seen == p.info.weight_bytes);
  }
}

TEST_CASE("model package: a path that does not exist says so") {
  const auto missing = engine::load_model_package(kData / "nothing.gguf");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == base::ErrorCode::kNotFound);
  CHECK(missing.error().message.find("nothing.gguf") != std::string::npos);
}
