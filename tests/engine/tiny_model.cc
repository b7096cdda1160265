// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/tiny_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "engine/load/stored_scales.h"

namespace engine::test {
namespace {

const std::string kData = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/";

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

TinyModel read_model(const std::string& name, Container container) {
  TinyModel tiny;
  auto stored = open_safetensors(kData + name);
  REQUIRE_MESSAGE(stored, stored.error().message);
  tiny.folder = std::move(*stored);
  const auto config = base::parse_json(read_all(kData + name + "/config.json"));
  REQUIRE(config);
  const base::Status joined = join_stored_scales(*config, tiny.folder.tensors);
  REQUIRE_MESSAGE(joined, joined.error().message);
  auto family = family_from_hf(*config, tiny.folder.tensors);
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
  const auto golden = base::parse_json(read_all(kData + name + "/golden.json"));
  REQUIRE(golden);
  tiny.tokens = (*golden)["tokens"].get<std::vector<int32_t>>();
  tiny.greedy = (*golden)["greedy"].get<std::vector<int32_t>>();
  tiny.n_vocab = (*golden)["n_vocab"].get<int>();
  const std::string raw = read_all(kData + name + "/golden.f32");
  tiny.logits.resize(raw.size() / 4);
  std::memcpy(tiny.logits.data(), raw.data(), raw.size());
  REQUIRE(tiny.logits.size() == tiny.tokens.size() * static_cast<size_t>(tiny.n_vocab));
  return tiny;
}

// Logits of tokens [from, end), which are handed over in pieces of the given sizes, the last one repeated.
std::vector<float> logits_of(Model& model, Cache& cache, int n_vocab, std::span<const int32_t> tokens, size_t from,
                             const std::vector<size_t>& pieces) {
  std::vector<float> logits((tokens.size() - from) * static_cast<size_t>(n_vocab));
  for (size_t done = from, i = 0; done < tokens.size(); ++i) {
    const size_t n = std::min(
        {pieces[std::min(i, pieces.size() - 1)], tokens.size() - done, static_cast<size_t>(model.max_tokens())});
    ForwardRequest request;
    request.tokens = tokens.subspan(done, n);
    request.position = static_cast<int64_t>(done);
    request.cache = &cache;
    request.logits = logits.data() + (done - from) * static_cast<size_t>(n_vocab);
    request.all_logits = true;
    REQUIRE(model.forward(request));
    done += n;
  }
  return logits;
}

}  // namespace engine::test
