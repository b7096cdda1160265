// SPDX-License-Identifier: Apache-2.0
// The forward pass against Hugging Face's, on the tiny models of tests/data/engine (made by its make.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "engine/model.h"
#include "engine/model_package.h"
#include "engine/sampling.h"
#include "tests/engine/synthetic_model.h"

namespace {

using namespace engine;
using namespace engine::test;

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


ModelPackage load(const std::string& name) {
  auto package = load_model_package(kData + name);
  REQUIRE_MESSAGE(package, package.error().message);
  return std::move(*package);
}

std::vector<float> all_logits(Model& model, int n_vocab, std::span<const int32_t> tokens) {
  const std::unique_ptr<Cache> cache = model.make_cache(static_cast<int64_t>(tokens.size()));
  std::vector<float> logits(tokens.size() * static_cast<size_t>(n_vocab));
  ForwardRequest request;
  request.tokens = tokens;
  request.cache = cache.get();
  request.logits = logits.data();
  request.all_logits = true;
  REQUIRE(model.forward(request));
  return logits;
}

std::vector<int32_t> greedy_tokens(Model& model, int n_vocab, std::span<const int32_t> prompt, size_t n) {
  const std::unique_ptr<Cache> cache = model.make_cache(static_cast<int64_t>(prompt.size() + n));
  std::vector<int32_t> out, input(prompt.begin(), prompt.end());
  int64_t position = 0;
  while (out.size() < n) {
    std::vector<float> logits(static_cast<size_t>(n_vocab));
    ForwardRequest request;
    request.tokens = input;
    request.position = position;
    request.cache = cache.get();
    request.logits = logits.data();
    REQUIRE(model.forward(request));
    position += static_cast<int64_t>(input.size());
    out.push_back(argmax(logits));
    input = {out.back()};
  }
  return out;
}

}  // namespace

TEST_CASE("model: logits and greedy tokens are those of the golden implementation, whatever the file") {
  ThreadPool pool(2);
  for (const char* name : {"lite", "grouped", "plain", "gguf/lite_f32", "gguf/lite_f16", "gguf/lite_bf16"}) {
    CAPTURE(std::string(name));
    const Golden golden = read_golden(name);
    const ModelPackage package = load(std::string(name) + (std::string(name).starts_with("gguf") ? ".gguf" : ""));
    std::vector<std::unique_ptr<Model>> models;
    models.push_back(package.family->make_reference());
    for (const FastKernels* kernels : all_kernels())
      models.push_back(package.family->make_fast(*kernels, pool, true));
    for (const auto& model : models) {
      CHECK(relative_error(all_logits(*model, package.info.n_vocab, golden.tokens), golden.logits) <= 1e-4);
      CHECK(greedy_tokens(*model, package.info.n_vocab, golden.tokens, golden.greedy.size()) == golden.greedy);
    }
  }
}

TEST_CASE("model: quantised files give the golden logits on the reference, and near ones on the fast paths") {
  ThreadPool pool(2);
  for (const char* name : {"gguf/grouped_q8_0", "gguf/grouped_q4_0"}) {
    CAPTURE(std::string(name));
    const Golden golden = read_golden(name);
    const ModelPackage package = load(std::string(name) + ".gguf");
    const auto exact = package.family->make_reference();
    CHECK(relative_error(all_logits(*exact, package.info.n_vocab, golden.tokens), golden.logits) <= 1e-4);
    CHECK(greedy_tokens(*exact, package.info.n_vocab, golden.tokens, golden.greedy.size()) == golden.greedy);
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name));
      const auto fast = package.family->make_fast(*kernels, pool, true, CacheType::kF32);
      // 8-bit activations in blocks as wide as the whole model (32), and routing that a rounding may tip over: 4 % here.
      // What these paths owe exactly is tested in kernels_test.cc and model_test.cc.
      CHECK(relative_error(all_logits(*fast, package.info.n_vocab, golden.tokens), golden.logits) <= 0.08);
      // 16 bits tip nothing here.
      const auto wide = package.family->make_fast(wide_kernels(*kernels), pool, true, CacheType::kF32);
      CHECK(relative_error(all_logits(*wide, package.info.n_vocab, golden.tokens), golden.logits) <= 0.001);
      CHECK(greedy_tokens(*wide, package.info.n_vocab, golden.tokens, golden.greedy.size()) == golden.greedy);
      // A cache in bf16 may tip the routing of another token, whose logits are then others; the rest are as near as before.
      const auto half = package.family->make_fast(*kernels, pool, true, CacheType::kBf16);
      const std::vector<float> got = all_logits(*half, package.info.n_vocab, golden.tokens);
      const auto n_vocab = static_cast<size_t>(package.info.n_vocab);
      int n_tipped = 0;
      for (size_t t = 0; t < golden.tokens.size(); ++t)
        n_tipped += relative_error(std::span(got).subspan(t * n_vocab, n_vocab), std::span(golden.logits).subspan(t * n_vocab, n_vocab)) > 0.12;
      CHECK(n_tipped <= 1);
    }
  }
}

TEST_CASE("model: the shipped model's logits with 16-bit activations are the reference's to 0.01, on real code") {
  ThreadPool pool(2);
  const std::string root = std::string(GRAFT_SOURCE_DIR) + "/";
  const auto package = load_model_package(root + "models/graft-tiny.gguf");
  REQUIRE_MESSAGE(package, package.error().message);
  const auto n_vocab = static_cast<size_t>(package->info.n_vocab);
  const auto exact = package->family->make_reference();
  for (const char* file : {"engine/kernels/matmul.cc", "models/train/model.py"}) {
    CAPTURE(std::string(file));
    std::vector<int32_t> tokens = package->tokenizer.encode(read_all(root + file), false);
    tokens.resize(200);
    const std::vector<float> want = all_logits(*exact, package->info.n_vocab, tokens);
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name));
      const auto fast = package->family->make_fast(wide_kernels(*kernels), pool, true, CacheType::kF32);
      CHECK(package->info.kv_bytes_per_token == (fast->cache_bytes(8192) - fast->cache_bytes(4096)) / 4096);
      const std::vector<float> got = all_logits(*fast, package->info.n_vocab, tokens);
      double largest = 0.0;
      for (size_t i = 0; i < want.size(); ++i) largest = std::max(largest, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
      CHECK(largest <= 0.01);
      size_t n_same = 0;
      for (size_t t = 0; t < tokens.size(); ++t)
        n_same += argmax(std::span(got).subspan(t * n_vocab, n_vocab)) == argmax(std::span(want).subspan(t * n_vocab, n_vocab));
      CHECK(n_same >= tokens.size() * 995 / 1000);
    }
  }
}
