// SPDX-License-Identifier: Apache-2.0
// Layers for drafts through GGUF files, written and read again.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "engine/formats/gguf_writer.h"
#include "tests/engine/layer_drafts_kit.h"
#include "tests/engine/session_kit.h"
#include "tests/support/temp_dir.h"

using namespace engine;
using namespace engine::test;

TEST_CASE("layer drafts: the layer comes through GGUF, and counts among the weights") {
  ThreadPool pool(2);
  std::string model;
  SUBCASE("DeepSeek V3") { model = "deepseek_v3_draft"; }
  SUBCASE("DeepSeek V3.2, its indexer too") { model = "deepseek_v32_draft"; }
  const TinyModel tiny = read_model(model);
  const std::vector<float> golden = golden_of(model);
  auto content = tiny.family->to_gguf();
  REQUIRE_MESSAGE(content, content.error().message);
  for (GgufTensor& tensor : content->tensors) tensor.type = DType::kF32;
  const ::test::TempDir dir;
  const auto path = dir.path() / "draft.gguf";
  REQUIRE(write_gguf(*content, path, pool, {}));
  const auto mapped = base::MappedFile::open(path);
  REQUIRE(mapped);
  const auto gguf = read_gguf(mapped->bytes(), "draft.gguf");
  REQUIRE_MESSAGE(gguf, gguf.error().message);
  CHECK(gguf->tensors.contains("blk.2.nextn.eh_proj.weight"));
  const auto family = family_from_gguf(*gguf);
  REQUIRE_MESSAGE(family, family.error().message);
  check_drafts(*(*family)->make_reference(), tiny, golden);
  check_drafts(*(*family)->make_fast(best_kernels(), pool, true), tiny, golden);
  ModelInfo info, from_folder;
  (*family)->describe(info);
  tiny.family->describe(from_folder);
  CHECK(info.has_draft_layer);
  CHECK(info.n_layers == 2);
  CHECK(info.n_parameters == from_folder.n_parameters);
  CHECK(info.n_active_parameters == from_folder.n_active_parameters);
  // Every byte of the file's tensors is somebody's, and the layer is read for drafts alone.
  uint64_t bytes = 0, of_layer = 0;
  for (const auto& [name, stored] : gguf->tensors) {
    bytes += static_cast<uint64_t>(stored.view.size_bytes());
    if (name.starts_with("blk.2.")) of_layer += static_cast<uint64_t>(stored.view.size_bytes());
  }
  CHECK(info.weight_bytes == bytes);
  CHECK(of_layer > 0);
  CHECK(info.decode_bytes_per_token + of_layer < bytes);
  // Without what joins it to the model, the layer is passed over; with a part of that, it is named.
  const auto without = [&](std::string_view left_out) {
    GgufContent less = *content;
    std::erase_if(less.tensors, [&](const GgufTensor& tensor) { return tensor.name.find(left_out) != std::string::npos; });
    GgufWriteOptions options;
    options.replace = true;
    REQUIRE(write_gguf(less, dir.path() / "less.gguf", pool, options));
    return Engine::load(dir.path() / "less.gguf", {});
  };
  const auto none = without(".nextn.");
  REQUIRE_MESSAGE(none, none.error().message);
  CHECK_FALSE((*none)->info().has_draft_layer);
  CHECK((*none)->info().weight_bytes + of_layer == bytes);
  const auto part = without("nextn.hnorm");
  REQUIRE_FALSE(part);
  CHECK_MESSAGE(part.error().message.find("blk.2.nextn.hnorm.weight") != std::string::npos, part.error().message);
}

TEST_CASE("layer drafts: DeepSeek V4's block comes through GGUF, its joining matrices as one or as two") {
  ThreadPool pool(2);
  const TinyModel tiny = read_model("deepseek_v4_draft");
  const std::vector<float> golden = golden_of("deepseek_v4_draft");
  const auto content = tiny.family->to_gguf();
  REQUIRE_MESSAGE(content, content.error().message);
  const ::test::TempDir dir;
  const auto path = dir.path() / "draft.gguf";
  std::optional<base::MappedFile> mapped;
  std::optional<GgufFile> gguf;
  const auto family_of = [&](GgufContent changed) {
    for (GgufTensor& tensor : changed.tensors) tensor.type = tensor.exact ? tensor.exact_type() : DType::kF32;
    GgufWriteOptions options;
    options.replace = true;
    REQUIRE(write_gguf(changed, path, pool, options));
    auto file = base::MappedFile::open(path);
    REQUIRE(file);
    mapped = std::move(*file);
    auto read = read_gguf(mapped->bytes(), "draft.gguf");
    REQUIRE_MESSAGE(read, read.error().message);
    gguf = std::move(*read);
    return family_from_gguf(*gguf);
  };
  const auto named = [](GgufContent& of, std::string_view end) {
    return std::find_if(of.tensors.begin(), of.tensors.end(), [&](const GgufTensor& t) { return t.name.ends_with(end); });
  };

  auto family = family_of(*content);
  REQUIRE_MESSAGE(family, family.error().message);
  CHECK(gguf->tensors.contains("blk.2.nextn.eh_proj.weight"));
  CHECK(gguf->tensors.contains("blk.2.nextn.hc_head_fn.weight"));
  check_drafts(*(*family)->make_reference(), tiny, golden);
  check_drafts(*(*family)->make_fast(best_kernels(), pool, true), tiny, golden);
  check_model(*(*family)->make_fast(best_kernels(), pool, true), tiny);
  const Guesses from_folder = guesses_of(*tiny.family->make_reference(), tiny, 3, {64});
  CHECK(guesses_of(*(*family)->make_reference(), tiny, 3, {64}).logits == from_folder.logits);  // bit for bit
  ModelInfo info;
  (*family)->describe(info);
  CHECK(info.has_draft_layer);
  CHECK(info.n_layers == 2);
  const auto bytes = [&] {  // tables are no weights
    uint64_t sum = 0;
    for (const auto& [name, stored] : gguf->tensors)
      if (stored.view.type != DType::kI32) sum += static_cast<uint64_t>(stored.view.size_bytes());
    return sum;
  };
  CHECK(info.weight_bytes == bytes());

  // As other programs write it: two matrices.
  GgufContent apart = *content;
  const GgufTensor joined = *named(apart, "eh_proj.weight");
  apart.tensors.erase(named(apart, "eh_proj.weight"));
  for (const int side : {0, 1}) {
    GgufTensor half = joined;
    const int64_t d = joined.n_in() / 2;
    half.name = side == 0 ? "blk.2.nextn.e_proj.weight" : "blk.2.nextn.h_proj.weight";
    half.shape = {d, d};
    half.row = [row = joined.row, d, side](int64_t r, std::span<float> out) {
      std::vector<float> both(static_cast<size_t>(2 * d));
      row(r, both);
      std::copy_n(both.begin() + side * d, d, out.begin());
    };
    apart.tensors.push_back(half);
  }
  family = family_of(apart);
  REQUIRE_MESSAGE(family, family.error().message);
  CHECK(guesses_of(*(*family)->make_reference(), tiny, 3, {64}).logits == from_folder.logits);

  // What the file leaves out of the block's end is the model's own; a part of that is named, as is a part of the join.
  GgufContent less = *content;
  std::erase_if(less.tensors, [](const GgufTensor& t) { return t.name.find("nextn.hc_head_") != std::string::npos; });
  less.tensors.erase(named(less, "shared_head_norm.weight"));
  family = family_of(less);
  REQUIRE_MESSAGE(family, family.error().message);
  CHECK(guesses_of(*(*family)->make_reference(), tiny, 3, {64}).logits != from_folder.logits);
  (*family)->describe(info);
  CHECK(info.weight_bytes == bytes());
  for (const char* part : {"nextn.hc_head_base.weight", "nextn.hnorm.weight", "attn_q_a.weight"}) {
    CAPTURE(part);
    GgufContent broken = *content;
    broken.tensors.erase(std::find_if(broken.tensors.begin(), broken.tensors.end(), [&](const GgufTensor& t) {
      return t.name == std::string("blk.2.") + part;
    }));
    const auto refused = family_of(broken);
    REQUIRE_FALSE(refused);
    CHECK_MESSAGE(refused.error().message.find(part) != std::string::npos, refused.error().message);
  }
  GgufContent half = apart;
  half.tensors.erase(named(half, "e_proj.weight"));
  const auto refused = family_of(half);
  REQUIRE_FALSE(refused);
  CHECK_MESSAGE(refused.error().message.find("nextn.e_proj.weight") != std::string::npos, refused.error().message);

  // The same tokens with and without, from the file.
  static_cast<void>(family_of(*content));
  const auto engine = Engine::load(path, {Numerics::kFast, 2});
  REQUIRE_MESSAGE(engine, engine.error().message);
  GenerateOptions options;
  options.max_tokens = 30;
  const std::vector<Token> prompt = tokens_from(3, 40, 96);
  const auto plain = open(*engine, 96), drafting = open_drafting(**engine, 96);
  const Run with = run(*drafting, prompt, options, 3);
  check_same(with, run(*plain, prompt, options, 3));
  CHECK(with.generated.n_drafted > 0);
}
