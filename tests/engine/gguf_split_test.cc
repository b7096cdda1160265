// SPDX-License-Identifier: Apache-2.0
// GGUF models in several files: the same model as in one, from any of them, and what may be wrong with a part.
#include "engine/formats/gguf_split.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <functional>

#include "base/file.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/formats/gguf_writer.h"
#include "engine/model_package.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;

const std::filesystem::path kModel = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/gguf/lite_f32.gguf";

// The model's weights dealt out to `n` files in turn; the first holds all metadata and, where `bare`, no tensor.
struct Parts {
  ModelPackage whole;
  std::vector<GgufContent> contents;

  explicit Parts(uint32_t n, bool bare) {
    auto package = load_model_package(kModel);
    REQUIRE_MESSAGE(package, package.error().message);
    whole = std::move(*package);
    auto content = whole.family->to_gguf();
    REQUIRE_MESSAGE(content, content.error().message);
    REQUIRE(tokenizer_to_gguf(whole.tokenizer, whole.info.n_vocab, *content));
    content->put("tokenizer.ggml.bos_token_id", uint32_t{0});
    const auto all = static_cast<uint32_t>(content->tensors.size());
    std::vector<GgufTensor> tensors = std::move(content->tensors);
    content->tensors.clear();
    for (uint32_t i = 0; i < n; ++i) {
      GgufContent& part = contents.emplace_back();
      if (i == 0) part = *content;
      part.architecture = content->architecture;
      part.put("split.no", i);
      part.put("split.count", n);
      part.put("split.tensors.count", all);
    }
    for (size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].type = DType::kF32;
      contents[bare ? 1 + i % (n - 1) : i % n].tensors.push_back(std::move(tensors[i]));
    }
  }
  std::filesystem::path name(const ::test::TempDir& dir, size_t i) const {
    char ending[48];
    std::snprintf(ending, sizeof ending, "model-%05zu-of-%05zu.gguf", i + 1, contents.size());
    return dir.path() / ending;
  }
  void write(const ::test::TempDir& dir) const {
    ThreadPool pool(1);
    GgufWriteOptions options;
    options.replace = true;
    for (size_t i = 0; i < contents.size(); ++i) REQUIRE(write_gguf(contents[i], name(dir, i), pool, options));
  }
};

void set(GgufContent& part, const std::string& key, GgufWritten value) {
  for (auto& [name, held] : part.metadata)
    if (name == key) held = std::move(value);
}

std::vector<float> last_logits(const std::filesystem::path& path) {
  const auto engine = Engine::load(path, {Numerics::kReference, 1});
  REQUIRE_MESSAGE(engine, engine.error().message);
  auto session = (*engine)->open_session(64);
  REQUIRE(session);
  REQUIRE((*session)->append(std::vector<Token>{9, 40, 7, 100, 3, 61}, {}, {}));
  const std::span<const float> logits = (*session)->logits();
  return {logits.begin(), logits.end()};
}

}  // namespace

TEST_CASE("GGUF in parts: the model is that of one file, from any of its parts, also where the first has no tensors") {
  for (const auto& [n, bare] : {std::pair{2u, false}, {3u, false}, {3u, true}}) {
    CAPTURE(n);
    CAPTURE(bare);
    const ::test::TempDir dir;
    const Parts parts(n, bare);
    parts.write(dir);
    const auto first = load_model_package(parts.name(dir, 0));
    REQUIRE_MESSAGE(first, first.error().message);
    CHECK(first->files.size() == n);
    CHECK(first->info.n_parameters == parts.whole.info.n_parameters);
    CHECK(first->info.weight_bytes == parts.whole.info.weight_bytes);
    CHECK(first->info.has_tokenizer);
    CHECK(first->tokenizer.encode("int x = 1;", false) == parts.whole.tokenizer.encode("int x = 1;", false));
    CHECK(verify_weights(*first, {}, {}));
    const std::vector<float> want = last_logits(kModel);
    for (size_t i = 0; i < n; ++i) {
      CHECK(last_logits(parts.name(dir, i)) == want);
      const auto any = load_model_package(parts.name(dir, i));
      REQUIRE(any);
      CHECK(any->config_hash == first->config_hash);
      CHECK(any->info.name == "model");
    }
  }
}

TEST_CASE("GGUF in parts: a part that is missing, elsewhere, doubled or of another model is named") {
  const auto refused = [](const std::function<void(Parts&)>& change, std::initializer_list<std::string_view> words,
                          const std::function<void(const ::test::TempDir&, const Parts&)>& files = {}) {
    const ::test::TempDir dir;
    Parts parts(3, false);
    if (change) change(parts);
    parts.write(dir);
    if (files) files(dir, parts);
    const auto package = load_model_package(parts.name(dir, 0));
    REQUIRE_FALSE(package);
    for (const std::string_view word : words)
      CHECK_MESSAGE(package.error().message.find(word) != std::string::npos, package.error().message);
  };
  refused({}, {"model-00002-of-00003.gguf", "No such file"},
          [](const auto& dir, const Parts& parts) { std::filesystem::remove(parts.name(dir, 1)); });
  refused([](Parts& p) { set(p.contents[2], "split.no", uint32_t{1}); }, {"model-00003-of-00003.gguf", "split.no is 1"});
  refused([](Parts& p) { set(p.contents[1], "split.count", uint32_t{4}); }, {"model-00002-of-00003.gguf", "one of 4 parts"});
  refused([](Parts& p) { set(p.contents[1], "split.no", std::string("1")); }, {"model-00002-of-00003.gguf", "split.no is missing"});
  refused([](Parts& p) { set(p.contents[0], "split.count", uint32_t{5000}); }, {"split.count", "at most 4096"});
  refused([](Parts& p) { set(p.contents[0], "split.count", true); }, {"split.count", "whole number"});
  refused([](Parts& p) { set(p.contents[0], "split.tensors.count", uint32_t{3}); }, {"split.tensors.count is 3"});
  refused([](Parts& p) { p.contents[2].tensors.push_back(p.contents[0].tensors[0]); }, {"is in model-00001-of-00003.gguf already"});
  refused([](Parts& p) { p.contents[2].tensors.pop_back(); }, {"split.tensors.count"});
  refused([](Parts& p) { set(p.contents[0], "split.count", uint32_t{2}); }, {"one of 2 parts", "-00001-of-00002.gguf"});
  refused({}, {"model-00003-of-00003.gguf"}, [](const auto& dir, const Parts& parts) {
    const auto size = std::filesystem::file_size(parts.name(dir, 2));
    std::filesystem::resize_file(parts.name(dir, 2), size - 40);  // ends early
  });
  // A part under another name.
  const ::test::TempDir dir;
  Parts(2, false).write(dir);
  std::filesystem::rename(dir.path() / "model-00001-of-00002.gguf", dir.path() / "first.gguf");
  const auto renamed = load_model_package(dir.path() / "first.gguf");
  REQUIRE_FALSE(renamed);
  CHECK_MESSAGE(renamed.error().message.find("one of 2 parts") != std::string::npos, renamed.error().message);
  CHECK(gguf_part_names("a-00002-of-00003.gguf", 3)->at(0) == "a-00001-of-00003.gguf");
  CHECK_FALSE(gguf_part_names("a-00004-of-00003.gguf", 3));
  CHECK_FALSE(gguf_part_names("a-2-of-3.gguf", 3));
}
