// SPDX-License-Identifier: Apache-2.0
// The forward pass against Hugging Face's, on the tiny models of tests/data/engine (made by its make.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/json.h"
#include "engine/formats/gguf.h"
#include "engine/load/deepseek_v2_weights.h"
#include "engine/model.h"
#include "engine/sampling.h"

namespace {

using namespace engine;

const std::string kData = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/";

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Golden {
  std::vector<int32_t> tokens, greedy;
  std::vector<float> logits;  // [tokens, n_vocab]
  int n_vocab = 0;
};

Golden read_golden(const std::string& name) {
  Golden golden;
  const auto json = base::parse_json(read_all(kData + name + ".golden.json"));
  REQUIRE(json);
  golden.tokens = (*json)["tokens"].get<std::vector<int32_t>>();
  golden.greedy = (*json)["greedy"].get<std::vector<int32_t>>();
  golden.n_vocab = (*json)["n_vocab"].get<int>();
  const std::string raw = read_all(kData + name + ".golden.f32");
  golden.logits.resize(raw.size() / 4);
  std::memcpy(golden.logits.data(), raw.data(), raw.size());
  REQUIRE(golden.logits.size() == golden.tokens.size() * static_cast<size_t>(golden.n_vocab));
  return golden;
}

struct Loaded {
  std::string bytes;
  GgufFile gguf;
  DeepseekV2Config config;
  DeepseekV2Weights weights;
};

std::unique_ptr<Loaded> load_gguf(const std::string& name) {
  auto loaded = std::make_unique<Loaded>();
  loaded->bytes = read_all(kData + name + ".gguf");
  auto gguf = read_gguf(std::as_bytes(std::span(loaded->bytes)), name);
  REQUIRE(gguf);
  loaded->gguf = std::move(*gguf);
  auto description = deepseek_v2_from_gguf(loaded->gguf);
  REQUIRE(description);
  loaded->config = description->config;
  auto weights = deepseek_v2_weights_from_gguf(*description, loaded->gguf.tensors);
  REQUIRE(weights);
  loaded->weights = std::move(*weights);
  return loaded;
}

// Largest difference over the largest magnitude of the golden logits.
double relative_error(std::span<const float> got, std::span<const float> want) {
  double error = 0.0, top = 0.0;
  for (size_t i = 0; i < want.size(); ++i) {
    error = std::max(error, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    top = std::max(top, std::fabs(static_cast<double>(want[i])));
    if (std::isnan(got[i])) return 1e9;
  }
  return error / top;
}

std::vector<float> all_logits(Model& model, const DeepseekV2Config& config, std::span<const int32_t> tokens, KvCache& cache, int64_t position = 0) {
  std::vector<float> logits(tokens.size() * static_cast<size_t>(config.n_vocab));
  ForwardRequest request;
  request.tokens = tokens;
  request.position = position;
  request.cache = &cache;
  request.logits = logits.data();
  request.all_logits = true;
  REQUIRE(model.forward(request));
  return logits;
}

std::vector<int32_t> greedy_tokens(Model& model, const DeepseekV2Config& config, std::span<const int32_t> prompt, size_t n) {
  KvCache cache(config.n_layers, model.cache_width(), static_cast<int64_t>(prompt.size() + n));
  std::vector<int32_t> out, input(prompt.begin(), prompt.end());
  int64_t position = 0;
  while (out.size() < n) {
    std::vector<float> logits(static_cast<size_t>(config.n_vocab));
    ForwardRequest request;
    request.tokens = input;
    request.position = position;
    request.cache = &cache;
    request.logits = logits.data();
    REQUIRE(model.forward(request));
    position += static_cast<int64_t>(input.size());
    out.push_back(argmax(logits));
    input = {out.back()};
  }
  return out;
}

}  // namespace

TEST_CASE("model: logits and greedy tokens of GGUF files are those of the golden implementation") {
  for (const char* name : {"gguf/lite_f32", "gguf/lite_f16", "gguf/lite_bf16", "gguf/grouped_q8_0", "gguf/grouped_q4_0"}) {
    CAPTURE(name);
    const auto loaded = load_gguf(name);
    const Golden golden = read_golden(name);
    const auto reference = make_deepseek_v2_reference(loaded->config, loaded->weights);
    KvCache cache(loaded->config.n_layers, reference->cache_width(), 256);
    const double error = relative_error(all_logits(*reference, loaded->config, golden.tokens, cache), golden.logits);
    MESSAGE(name << " reference " << error);
    CHECK(error <= 1e-4);
    CHECK(greedy_tokens(*reference, loaded->config, golden.tokens, golden.greedy.size()) == golden.greedy);
    ThreadPool pool(2);
    const auto fast = make_deepseek_v2_fast(loaded->config, loaded->weights, *best_kernels(), pool, true);
    KvCache fast_cache(loaded->config.n_layers, fast->cache_width(), 256);
    const double fast_error = relative_error(all_logits(*fast, loaded->config, golden.tokens, fast_cache), golden.logits);
    MESSAGE(name << " fast " << fast_error);
    CHECK(greedy_tokens(*fast, loaded->config, golden.tokens, golden.greedy.size()) == golden.greedy);
  }
}
