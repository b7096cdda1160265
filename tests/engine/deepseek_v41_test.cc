// SPDX-License-Identifier: Apache-2.0
// What only DeepSeek-V4.1 has: folded tokens, Engram's hashes and gates, candidate blocks, shared entries. Its logits
// are held by families_golden_test.cc, its cache by deepseek_v4_test.cc.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/kernels/engram.h"
#include "engine/kernels/lightning_indexer.h"
#include "engine/tokenizer/fold_tokens.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

base::Json json_of(const char* file) {
  std::ifstream in(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/deepseek_v41/" + file,
                   std::ios::binary);
  const auto json = base::parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
  REQUIRE(json);
  return *json;
}

}  // namespace

TEST_CASE(
    "fold_tokens: texts that differ in form, accents, case and blanks alone share an id, as Hugging Face folds them") {
  const TinyModel tiny = read_model("deepseek_v41");
  const auto want = json_of("golden.json")["compressed"].get<std::vector<int32_t>>();
  const FoldedTokens folded = fold_tokens(*tiny.tokenizer);
  REQUIRE(folded.ids.size() <= want.size());
  CHECK(std::equal(folded.ids.begin(), folded.ids.end(), want.begin()));
  CHECK(folded.n_ids == json_of("config.json")["text_config"]["engram_compressed_vocab_size"].get<int>());

  CHECK(fold_text("  The\n") == "the");
  CHECK(fold_text("É") == "e");
  CHECK(fold_text("e\u0301") == "e");
  CHECK(fold_text("ﬁ ² Ω ｅ İ") == "fi 2 ω e i");
  CHECK(fold_text("a \t\r\n b") == "a b");
  CHECK(fold_text("\n\n") == " ");  // a blank alone stays
  CHECK(fold_text("\u00a0") == " ");
  CHECK(fold_text("\v\u0301") == "");
  CHECK(fold_text("한") == "\u1112\u1161\u11ab");
  CHECK(fold_text("\u1112\u1161\u11ab") == fold_text("한"));
}

TEST_CASE("EngramHashes: multipliers and table sizes are those of the released model") {
  EngramConfig config;
  config.layers = {1, 14};
  config.ngram = 4;
  config.n_heads = 8;
  config.head_dim = 256;
  config.bucket = 16000000;
  config.n_ids = 99092;
  const EngramHashes hashes(config, {0, 7, 99091});
  CHECK(hashes.multipliers(0) == std::vector<int64_t>{76632096046245, 4839876093313, 35959672319349, 73987337458391});
  CHECK(hashes.multipliers(1) == std::vector<int64_t>{67716810739261, 51510806800915, 30921347202721, 82619226485591});
  CHECK(hashes.n_rows(0) == 384006168);
  CHECK(hashes.n_rows(1) == 384016682);

  // The first table's first two heads, from the definition: primes 16000057 and the next one.
  const int32_t ids[] = {99091, 7, 0, 99091};
  std::vector<int64_t> rows(24);
  hashes.rows(0, ids, rows.data());
  const int64_t pair = 99091 * int64_t{76632096046245} ^ 7 * int64_t{4839876093313};
  CHECK(rows[0] == pair % 16000057);
  CHECK(rows[1] >= 16000057);
  CHECK(rows[1] < 2 * 16000057 + 100);
  CHECK(std::is_sorted(rows.begin(), rows.end()));
  CHECK(rows.back() < hashes.n_rows(0));
  int32_t changed[] = {99091, 7, 0, 0};
  std::vector<int64_t> other(24);
  hashes.rows(0, changed, other.data());
  CHECK(std::equal(rows.begin(), rows.begin() + 16, other.begin()));  // pairs and triples do not see the fourth
  CHECK(!std::equal(rows.begin() + 16, rows.end(), other.begin() + 16));
}

TEST_CASE("engram_gate: each stream takes the value as far as its key is like it") {
  std::mt19937 random(17);
  constexpr int kStreams = 3;
  constexpr int64_t kWidth = 20;
  const std::vector<float> q = random_floats(random, kStreams * kWidth), k = random_floats(random, kStreams * kWidth),
                           before = random_floats(random, kStreams * kWidth);
  std::vector<float> found = random_floats(random, (kStreams + 1) * kWidth), streams = before;
  std::fill_n(found.begin() + kWidth, kWidth, 0.0f);  // a key of nothing: the gate is as good as half open
  engram_gate(kStreams, kWidth, 1e-20f, q.data(), k.data(), found.data(), streams.data());
  for (int j = 0; j < kStreams; ++j) {
    double dot = 0.0, x2 = 0.0, k2 = 0.0;
    for (int64_t i = 0; i < kWidth; ++i) {
      const auto at = static_cast<size_t>(j * kWidth + i);
      dot += double{before[at]} * double{q[at]} * double{found[at]} * double{k[at]};
      x2 += double{before[at]} * double{before[at]};
      k2 += double{found[at]} * double{found[at]};
    }
    const double n = kWidth, score = dot / std::sqrt((x2 / n + 1e-20) * (k2 / n + 1e-20)) / std::sqrt(n);
    const double root = std::sqrt(std::max(std::abs(score), 1e-6)), sign = score > 0 ? 1 : score < 0 ? -1 : 0;
    const double gate = 1.0 / (1.0 + std::exp(-sign * root));
    for (int64_t i = 0; i < kWidth; ++i) {
      const auto at = static_cast<size_t>(j * kWidth + i);
      CHECK(streams[at] ==
            doctest::Approx(double{before[at]} + gate * double{found[static_cast<size_t>(kStreams * kWidth + i)]})
                .epsilon(1e-4));
    }
  }
}

TEST_CASE("select_blocks: the best blocks and the newest one, whose rows alone may be chosen") {
  const std::vector<float> scores = {1, 9, 2, 3, 8, 0, 7, 7, -1, -2};  // blocks of 3: 9, 8, 7, and the newest
  std::vector<int32_t> blocks, rows;
  select_blocks(scores.data(), 10, 3, 2, blocks);
  CHECK(blocks == std::vector<int32_t>{0, 3});
  select_rows_of_blocks(scores.data(), 10, 3, blocks, 3, rows);
  CHECK(rows == std::vector<int32_t>{0, 1, 2});
  select_rows_of_blocks(scores.data(), 10, 5, blocks, 3, rows);
  CHECK(rows == std::vector<int32_t>{0, 1, 2, 9});
  select_blocks(scores.data(), 10, 3, 9, blocks);
  CHECK(blocks == std::vector<int32_t>{0, 1, 2, 3});
  select_blocks(scores.data(), 9, 3, 2, blocks);  // the newest block is whole
  CHECK(blocks == std::vector<int32_t>{0, 2});
  select_blocks(scores.data(), 0, 3, 2, blocks);
  CHECK(blocks.empty());
}

TEST_CASE("DeepSeek-V4.1's configuration: what is missing, impossible or not computed is named") {
  const base::Json whole = json_of("config.json");
  const auto error_with = [&](const char* key, const base::Json& value) {
    base::Json config = whole;
    config["text_config"][key] = value;
    config = *base::parse_json(base::dump_json(config));  // numbers as a file has them
    const auto read = deepseek_v41_from_json(config);
    return read ? std::string() : read.error().message;
  };
  const auto check_says = [&](const char* key, const base::Json& value, std::string_view part) {
    const std::string error = error_with(key, value);
    CHECK_MESSAGE(error.find(part) != std::string::npos, key << ": " << error);
  };
  CHECK(error_with("gate_temp", 1.0) == "");
  for (const char* key :
       {"compress_ratios", "kv_source_layer_ids", "index_source_layer_ids", "candidate_topk_blocks", "index_topk",
        "candidate_block_size", "engram_max_ngram_size", "engram_n_heads", "engram_head_dim", "engram_vocab_size",
        "engram_pad_token_id", "engram_compressed_vocab_size", "hc_mult", "rms_norm_eps", "swiglu_limit"})
    CHECK(!error_with(key, base::Json()).empty());
  check_says("gate_temp", 2.0, "gate_temp");
  check_says("compress_ratios", {0, 0, 2}, "each layer");
  check_says("compress_ratios", {0, 0, 2, 2, 1, 1, 2, 1}, "layer 6");
  check_says("compress_ratios", {0, 1, 2, 2, 1, 1, 1, 1}, "layer 1 sees entries, but no layer before it makes some");
  check_says("compress_ratios", {0, 0, 2, 2, 0, 1, 1, 1}, "layer 4, which has no entries");
  check_says("kv_source_layer_ids", {4, 2}, "rising");
  check_says("kv_source_layer_ids", {2, 400}, "0..7");
  check_says("kv_source_layer_ids", {2, 4, 5}, "layer 5 sees entries of layer 5, but no layer chooses");
  check_says("index_source_layer_ids", {4, 6}, "layer 2 sees entries of layer 2, but no layer chooses");
  check_says("candidate_source_layer_id", 5, "candidate layer 5");
  check_says("candidate_source_layer_id", 2, "other entries than candidate layer 2");
  check_says("candidate_topk_blocks", 1, "fewer than 4");
  check_says("engram_layer_ids", {1, 8}, "engram_layer_ids");
  check_says("engram_max_ngram_size", 1, "n-grams of 1");
  check_says("engram_n_heads", 1000, "Engram heads");
  check_says("engram_vocab_size", 1 << 30, "bucket");
  check_says("engram_pad_token_id", 304, "padding");
}

TEST_CASE("DeepSeek-V4.1 in GGUF: the padding is a token's folded id, however the file says it") {
  const TinyModel tiny = read_model("deepseek_v41", Container::kGguf);
  const auto map = json_of("golden.json")["compressed"].get<std::vector<int32_t>>();
  constexpr int32_t kToken = 263;
  REQUIRE(map[kToken] != kToken);
  REQUIRE(map[kToken] != map[2]);
  const auto logits_with = [&](const char* key, int32_t value) {
    GgufFile file = *tiny.gguf;
    file.metadata.erase("deepseek41.engram.pad_token_id");
    file.metadata.insert({std::string("deepseek41.engram.") + key, {GgufValue(static_cast<uint64_t>(value)), 77}});
    const auto family = family_from_gguf(file);
    REQUIRE_MESSAGE(family, family.error().message);
    const auto model = (*family)->make_reference();
    const auto cache = model->make_cache(static_cast<int64_t>(tiny.tokens.size()));
    return logits_of(*model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()});
  };
  const std::vector<float> by_token = logits_with("pad_token_id", kToken);
  CHECK(by_token == logits_with("pad_id", map[kToken]));
  CHECK(by_token != logits_with("pad_id", map[2]));
  CHECK(logits_with("pad_token_id", 2) == logits_with("pad_id", map[2]));
}

TEST_CASE("DeepSeek-V4.1: weights and tokenizer that do not fit the configuration are named") {
  const TinyModel tiny = read_model("deepseek_v41");
  base::Json config = json_of("config.json");
  const auto error_of = [&](const TensorTable& tensors, const Tokenizer* tokenizer) {
    const auto family = family_from_hf(config, tensors, tokenizer);
    return family ? std::string() : family.error().message;
  };
  CHECK(error_of(tiny.folder.tensors, &*tiny.tokenizer) == "");
  CHECK(error_of(tiny.folder.tensors, nullptr).find("tokenizer.json") != std::string::npos);
  for (const auto& [name, tensor] : tiny.folder.tensors) {
    const bool read = name.find("bias_vl") == std::string::npos && !name.starts_with("mtp.") &&
                      !name.starts_with("vision.") && !name.starts_with("aligner.") && !name.starts_with("image_");
    TensorTable tensors = tiny.folder.tensors;
    tensors.erase(name);
    const std::string error = error_of(tensors, &*tiny.tokenizer);
    CHECK_MESSAGE((error.find(base::cat(name, " is missing")) != std::string::npos) == read, name << ": " << error);
  }
  TensorTable tensors = tiny.folder.tensors;
  tensors["hc_head_fn"] = tensors["norm.weight"];  // V4's, which V4.1 has not
  CHECK(error_of(tensors, &*tiny.tokenizer).find("hc_head_fn") != std::string::npos);
  config["text_config"]["engram_compressed_vocab_size"] = 238;
  CHECK(error_of(tiny.folder.tensors, &*tiny.tokenizer).find("fold to 239") != std::string::npos);
}

TEST_CASE(
    "DeepSeek-V4.1 as it is published, FP8 in blocks of 32 x 32 and FP4 experts: the logits of the values that they "
    "stand for") {
  ThreadPool pool(2);
  const TinyModel tiny = read_model("deepseek_v41_fp8");
  const auto logits = [&](Model& model) {
    const auto cache = model.make_cache(static_cast<int64_t>(tiny.tokens.size()));
    return logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()});
  };
  CHECK(relative_error(logits(*tiny.family->make_reference()), tiny.logits) <= 1e-4);
  // FP4 meets activations of 8 bits, and a choice (of experts, entries) that turns puts a token far off: the median
  // counts.
  const auto n = static_cast<size_t>(tiny.n_vocab);
  for (const FastKernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    const std::vector<float> got = logits(*tiny.family->make_fast(*kernels, pool, true));
    std::vector<double> errors;
    for (size_t t = 0; t < tiny.tokens.size(); ++t)
      errors.push_back(relative_error(std::span(got).subspan(t * n, n), std::span(tiny.logits).subspan(t * n, n)));
    std::sort(errors.begin(), errors.end());
    CHECK(errors[errors.size() / 2] <= 3e-2);
  }
  ModelInfo info;
  tiny.family->describe(info);
  for (const char* type : {"F8_E4M3", "FP4", "BF16"})
    CHECK(std::find(info.weight_types.begin(), info.weight_types.end(), type) != info.weight_types.end());
}
