// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/tiny_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "engine/load/stored_scales.h"
#include "engine/sampling.h"
#include "tests/engine/synthetic_model.h"

namespace engine::test {
namespace {

const std::string kData = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/";

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What golden.json and golden.f32 in `folder` say.
void read_golden(const std::string& folder, TinyModel& tiny) {
  const auto golden = base::parse_json(read_all(folder + "/golden.json"));
  REQUIRE(golden);
  tiny.tokens = (*golden)["tokens"].get<std::vector<int32_t>>();
  tiny.greedy = (*golden)["greedy"].get<std::vector<int32_t>>();
  tiny.n_vocab = (*golden)["n_vocab"].get<int>();
  const std::string raw = read_all(folder + "/golden.f32");
  tiny.logits.resize(raw.size() / 4);
  std::memcpy(tiny.logits.data(), raw.data(), raw.size());
  REQUIRE(tiny.logits.size() == tiny.tokens.size() * static_cast<size_t>(tiny.n_vocab));
}

}  // namespace

TinyModel read_model(const std::string& name, Container container, std::string_view changes) {
  TinyModel tiny;
  auto stored = open_safetensors(kData + name);
  REQUIRE_MESSAGE(stored, stored.error().message);
  tiny.folder = std::move(*stored);
  auto config = base::parse_json(read_all(kData + name + "/config.json"));
  const auto changed = base::parse_json(changes);
  REQUIRE(config);
  REQUIRE(changed);
  config->merge_patch(*changed);
  const base::Status joined = join_stored_scales(*config, tiny.folder.tensors);
  REQUIRE_MESSAGE(joined, joined.error().message);
  if (std::filesystem::exists(kData + name + "/tokenizer.json")) {
    auto tokenizer = tokenizer_from_json(read_all(kData + name + "/tokenizer.json"));
    REQUIRE_MESSAGE(tokenizer, tokenizer.error().message);
    tiny.tokenizer = std::move(*tokenizer);
  }
  auto family = family_from_hf(*config, tiny.folder.tensors, tiny.tokenizer ? &*tiny.tokenizer : nullptr);
  REQUIRE_MESSAGE(family, family.error().message);
  tiny.family = std::move(*family);
  if (container == Container::kGguf) {
    auto file = base::MappedFile::open(kData + name + "/model.gguf");
    REQUIRE_MESSAGE(file, file.error().message);
    tiny.file = std::move(*file);
    auto gguf = read_gguf(tiny.file->bytes(), "model.gguf");
    REQUIRE_MESSAGE(gguf, gguf.error().message);
    tiny.gguf = std::move(*gguf);
    family = family_from_gguf(*tiny.gguf);
    REQUIRE_MESSAGE(family, family.error().message);
    tiny.family = std::move(*family);
  }
  read_golden(kData + name, tiny);
  return tiny;
}

AdaptedModel read_adapted(const std::string& name, Container container) {
  const std::string folder = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/adapters/" + name;
  const auto golden = base::parse_json(read_all(folder + "/golden.json"));
  REQUIRE(golden);
  AdaptedModel adapted{read_model((*golden)["model"].get<std::string>(), container), {}};
  auto adapter = read_peft_adapter(folder, adapted.tiny.family->linear_modules());
  REQUIRE_MESSAGE(adapter, adapter.error().message);
  adapted.adapter = std::move(*adapter);
  read_golden(folder, adapted.tiny);
  return adapted;
}

// Logits of tokens [from, end), which are handed over in pieces of the given sizes, the last one repeated.
std::vector<float> logits_of(Model& model, Cache& cache, int n_vocab, std::span<const int32_t> tokens, size_t from,
                             const std::vector<size_t>& pieces, const AdapterWeights* adapter) {
  std::vector<float> logits((tokens.size() - from) * static_cast<size_t>(n_vocab));
  for (size_t done = from, i = 0; done < tokens.size(); ++i) {
    const size_t n = std::min(
        {pieces[std::min(i, pieces.size() - 1)], tokens.size() - done, static_cast<size_t>(model.max_tokens())});
    ForwardRequest request;
    request.tokens = tokens.subspan(done, n);
    request.position = static_cast<int64_t>(done);
    request.cache = &cache;
    request.adapter = adapter;
    request.logits = logits.data() + (done - from) * static_cast<size_t>(n_vocab);
    request.all_logits = true;
    REQUIRE(model.forward(request));
    done += n;
  }
  return logits;
}

namespace {

// The greedy text is fed in one token at a time: every logit row's best must be the next token.
void check_greedy(Model& model, const TinyModel& tiny, const AdapterWeights* adapter) {
  std::vector<int32_t> all = tiny.tokens;
  all.insert(all.end(), tiny.greedy.begin(), tiny.greedy.end() - 1);
  const auto cache = model.make_cache(static_cast<int64_t>(all.size()));
  const std::vector<float> logits = logits_of(model, *cache, tiny.n_vocab, all, 0, {tiny.tokens.size(), 1}, adapter);
  std::vector<int32_t> chosen;
  for (size_t t = tiny.tokens.size() - 1; t < all.size(); ++t)
    chosen.push_back(argmax(std::span(logits).subspan(t * static_cast<size_t>(tiny.n_vocab), static_cast<size_t>(tiny.n_vocab))));
  CHECK(chosen == tiny.greedy);
}

}  // namespace

std::vector<float> check_pieces(Model& model, const TinyModel& tiny, const AdapterWeights* adapter) {
  const auto n_ctx = static_cast<int64_t>(tiny.tokens.size());
  const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
  const auto cache = model.make_cache(n_ctx);
  const std::vector<float> whole =
      logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()}, adapter);
  for (const std::vector<size_t>& pieces : std::vector<std::vector<size_t>>{{1}, {2}, {3, 1, 7, 2, 5}, {16}, {5, 1}}) {
    const auto other = model.make_cache(n_ctx);
    const bool same = logits_of(model, *other, tiny.n_vocab, tiny.tokens, 0, pieces, adapter) == whole;
    CHECK_MESSAGE(same, "pieces from " << pieces[0]);
  }
  // Back to each place, with other tokens written over what was there in between.
  for (size_t keep = 0; keep < tiny.tokens.size(); keep += 7) {
    std::vector<int32_t> changed = tiny.tokens;
    std::reverse(changed.begin() + static_cast<std::ptrdiff_t>(keep), changed.end());
    const auto held = static_cast<size_t>(cache->rewind(static_cast<int64_t>(keep)));
    REQUIRE(held <= keep);
    logits_of(model, *cache, tiny.n_vocab, changed, held, {4}, adapter);
    const auto back = static_cast<size_t>(cache->rewind(static_cast<int64_t>(keep)));
    REQUIRE(back <= keep);
    const std::vector<float> again = logits_of(model, *cache, tiny.n_vocab, tiny.tokens, back, {6}, adapter);
    CHECK(std::equal(again.begin(), again.end(), whole.begin() + static_cast<std::ptrdiff_t>(back * n_vocab)));
  }
  return whole;
}

void check_model(Model& model, const TinyModel& tiny, const AdapterWeights* adapter) {
  CHECK(relative_error(check_pieces(model, tiny, adapter), tiny.logits) <= 1e-4);
  check_greedy(model, tiny, adapter);
}

}  // namespace engine::test
