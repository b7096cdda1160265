// SPDX-License-Identifier: Apache-2.0
// GGUF files that lie or end early: an error that says where, never a crash, never memory for a count in the file.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "engine/families/deepseek_v2/bind_weights.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/family.h"
#include "engine/formats/gguf.h"
#include "tests/engine/gguf_bytes.h"

using engine::test::GgufBytes;

namespace {

constexpr uint64_t kHuge = uint64_t{1} << 63;

std::string error_of(std::span<const std::byte> bytes) {
  const auto gguf = engine::read_gguf(bytes, "file.gguf");
  return gguf ? "" : gguf.error().message;
}

void check_mentions(const std::string& message, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) CHECK_MESSAGE(message.find(part) != std::string::npos, message);
}

std::string golden(const char* name, const char* folder = "gguf") {
  auto bytes = base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine" / folder / name, 1 << 20);
  REQUIRE(bytes);
  return *bytes;
}

// What a family says to a file; empty where it takes it.
std::string error_of_file(const engine::GgufFile& file) {
  const auto family = engine::family_from_gguf(file);
  return family ? std::string() : family.error().message;
}

// What it says where `key` has another value, written at byte 77, or is missing.
std::string error_where(const engine::GgufFile& file, const std::string& key, std::optional<engine::GgufValue> value) {
  engine::GgufFile changed = file;
  changed.metadata.erase(key);
  if (value) changed.metadata.insert({key, {*value, 77}});
  return error_of_file(changed);
}

// That a file without the tensor is refused by its name, and one in which it is larger by name and place.
void check_tensor_is_needed(const engine::GgufFile& file, const std::string& name) {
  CAPTURE(name);
  engine::GgufFile changed = file;
  changed.tensors.erase(name);
  check_mentions(error_of_file(changed), {name, "missing"});
  changed = file;
  changed.tensors[name].view.shape[0] += 1;
  check_mentions(error_of_file(changed), {name, "shape", base::cat("byte ", changed.tensors[name].file_offset)});
}

}  // namespace

TEST_CASE("GGUF: a file that ends early is corrupt at every byte of its header and at every tensor's last byte") {
  const std::string whole = golden("grouped_q4_0.gguf");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "whole");
  REQUIRE(gguf);
  uint64_t data_start = whole.size();
  for (const auto& [name, tensor] : gguf->tensors) data_start = std::min(data_start, tensor.file_offset);
  for (size_t n = 0; n <= data_start; ++n) {
    const auto cut = engine::read_gguf(std::as_bytes(std::span(whole)).first(n), "cut");
    REQUIRE_FALSE(cut);
    REQUIRE(cut.error().code == base::ErrorCode::kCorrupt);
    REQUIRE(cut.error().message.find("byte") != std::string::npos);
  }
  for (const auto& [name, tensor] : gguf->tensors) {
    const size_t end = tensor.file_offset + static_cast<uint64_t>(tensor.view.size_bytes());
    const auto cut = engine::read_gguf(std::as_bytes(std::span(whole)).first(end - 1), "cut");
    REQUIRE_FALSE(cut);
    CHECK(cut.error().message.find("tensor ") != std::string::npos);
    CHECK(cut.error().message.find(base::cat("ends at byte ", end - 1)) != std::string::npos);
  }
}

TEST_CASE("GGUF: counts and lengths beyond the file are refused before anything is read") {
  check_mentions(error_of(GgufBytes(kHuge, 0).bytes()), {"9223372036854775808 tensors", "byte 24"});
  check_mentions(error_of(GgufBytes(UINT64_MAX, 0).bytes()), {"18446744073709551615 tensors"});
  check_mentions(error_of(GgufBytes(0, kHuge).bytes()), {"9223372036854775808 metadata entries"});
  check_mentions(error_of(GgufBytes(0, 1).number(kHuge).raw("0123456789").bytes()),
                 {"metadata entry 0", "string of 9223372036854775808"});
  check_mentions(error_of(GgufBytes(0, 1).key("a.string", 8).number(kHuge).bytes()),
                 {"a.string", "9223372036854775808 more bytes"});
  check_mentions(error_of(GgufBytes(0, 1).key("an.array", 9).number<uint32_t>(4).number(kHuge).bytes()),
                 {"an.array", "array of 9223372036854775808"});
  check_mentions(error_of(GgufBytes(0, 1).key("an.array", 9).number<uint32_t>(10).number(UINT64_MAX / 8 + 2).bytes()),
                 {"an.array"});
  check_mentions(error_of(GgufBytes(0, 1).key("an.array", 9).number<uint32_t>(8).number(kHuge).bytes()), {"an.array"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {kHuge, 4}, 0, 0).data(64).bytes()),
                 {"tensor w", "too large", "byte"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {1u << 31, 1u << 31, 1u << 31, 1u << 31}, 0, 0).data(64).bytes()),
                 {"tensor w", "too large"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {8}, 0, kHuge).data(64).bytes()),
                 {"tensor w", "file ends at byte"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {8}, 0, UINT64_MAX - 31).data(64).bytes()),
                 {"tensor w", "file's end"});
}

TEST_CASE("GGUF: values of the wrong kind are refused by name") {
  check_mentions(error_of(GgufBytes(0, 0, 1).bytes()), {"version 1"});
  check_mentions(error_of(GgufBytes(0, 0, 0x03000000).bytes()), {"big-endian"});
  check_mentions(error_of(GgufBytes(0, 1).key("k", 13).number<uint64_t>(0).bytes()), {"metadata k", "type 13"});
  check_mentions(error_of(GgufBytes(0, 1).key("k", 7).number<uint8_t>(2).bytes()), {"metadata k", "0 or 1, not 2"});
  check_mentions(error_of(GgufBytes(0, 1).key("k", 9).number<uint32_t>(9).number<uint64_t>(0).bytes()),
                 {"array of type 9"});
  check_mentions(error_of(GgufBytes(0, 2).u32("k", 1).u32("k", 1).bytes()), {"metadata k", "twice"});
  check_mentions(error_of(GgufBytes(0, 1).u32("general.alignment", 0).bytes()), {"general.alignment"});
  check_mentions(error_of(GgufBytes(0, 1).u32("general.alignment", 24).bytes()), {"general.alignment"});
  check_mentions(error_of(GgufBytes(0, 1).u32("split.count", 3).bytes()), {"split"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {256}, 17, 0).data(144).bytes()), {"tensor w", "IQ2_XS"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {256}, 999, 0).data(144).bytes()), {"tensor w", "number 999"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {33}, 8, 0).data(144).bytes()),
                 {"tensor w", "33 values", "blocks of 32"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {1, 1, 1, 1, 1}, 0, 0).data(64).bytes()),
                 {"tensor w", "5 dimensions"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {8}, 0, 16).data(64).bytes()),
                 {"tensor w", "multiple of the alignment 32"});
  check_mentions(error_of(GgufBytes(2, 0).tensor("w", {4}, 0, 0).tensor("w", {4}, 0, 32).data(64).bytes()),
                 {"tensor w", "twice"});
  check_mentions(error_of(GgufBytes(2, 0).tensor("a", {9}, 0, 0).tensor("b", {4}, 0, 32).data(64).bytes()),
                 {"tensor b", "overlaps tensor a"});
  check_mentions(error_of(GgufBytes(1, 0).tensor("w", {32}, 9, 0).data(64).bytes()),
                 {"tensor w", "stored type Q8_1", "F32", "Q4_K", "IQ4_XS", "MXFP4"});  // what it is, and all that could be read
  // A name may not bring control characters or megabytes into a message.
  const std::string message =
      error_of(GgufBytes(1, 0).tensor(std::string(5000, 'n') + "\x1b[31m", {8}, 99, 0).data(64).bytes());
  CHECK(message.size() < 400);
}

TEST_CASE("GGUF: a sound file reads, in both versions, with any alignment") {
  for (const uint32_t version : {2u, 3u}) {
    GgufBytes file(2, 2, version);
    file.u32("general.alignment", 64).key("name", 8).string("x");
    file.tensor("a", {4, 3}, 0, 0).tensor("b", {32, 2}, 8, 64).data(64 + 68, 64);
    const auto gguf = engine::read_gguf(file.bytes(), "file");
    REQUIRE_MESSAGE(gguf, (gguf ? "" : gguf.error().message));
    const engine::TensorView& a = gguf->tensors.find("a")->second.view;
    CHECK(a.n_rows() == 3);  // turned round: fastest dimension last
    CHECK(a.n_in() == 4);
    CHECK(gguf->tensors.find("b")->second.view.row_bytes() == 34);
    CHECK(std::get<std::string_view>(gguf->metadata.find("name")->second.value) == "x");
  }
}

TEST_CASE("GGUF configuration: each missing, mistyped or impossible key is named") {
  const std::string whole = golden("lite_f32.gguf");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "whole");
  REQUIRE(gguf);
  const auto error_with = [&](const std::string& key, std::optional<engine::GgufValue> value) {
    engine::GgufFile changed = *gguf;
    changed.metadata.erase(key);
    if (value) changed.metadata.insert({key, {*value, 77}});
    const auto family = engine::family_from_gguf(changed);
    return family ? std::string() : family.error().message;
  };
  for (const char* key :
       {"block_count", "embedding_length", "context_length", "attention.head_count", "attention.kv_lora_rank",
        "attention.key_length", "attention.value_length", "attention.layer_norm_rms_epsilon", "rope.dimension_count",
        "rope.scaling.factor", "expert_used_count", "expert_feed_forward_length"})
    check_mentions(error_with(base::cat("deepseek2.", key), std::nullopt), {key, "missing"});
  check_mentions(error_with("general.architecture", engine::GgufValue(std::string_view("mamba"))),
                 {"mamba", "deepseek2"});
  check_mentions(error_with("deepseek2.block_count", engine::GgufValue(uint64_t{1} << 40)), {"block_count", "byte 77"});
  check_mentions(error_with("deepseek2.block_count", engine::GgufValue(std::string_view("3"))), {"block_count"});
  check_mentions(error_with("deepseek2.block_count", engine::GgufValue(uint64_t{5000})), {"layers", "5000"});
  check_mentions(error_with("deepseek2.expert_used_count", engine::GgufValue(uint64_t{9})), {"1..8"});
  check_mentions(error_with("deepseek2.expert_group_count", engine::GgufValue(uint64_t{3})), {"3 equal groups"});
  check_mentions(error_with("deepseek2.attention.key_length", engine::GgufValue(uint64_t{4})), {"without rope"});
  check_mentions(error_with("deepseek2.attention.layer_norm_rms_epsilon", engine::GgufValue(std::nan(""))),
                 {"epsilon"});
  check_mentions(error_with("deepseek2.rope.freq_base", engine::GgufValue(-1.0)), {"rope base"});
  check_mentions(error_with("deepseek2.rope.scaling.type", engine::GgufValue(std::string_view("longrope"))),
                 {"longrope"});
  check_mentions(error_with("deepseek2.rope.scaling.factor", engine::GgufValue(HUGE_VAL)), {"YaRN factor"});
  check_mentions(error_with("deepseek2.expert_gating_func", engine::GgufValue(uint64_t{4})),
                 {"expert_gating_func", "4"});
}

TEST_CASE("weights: a missing, misshaped, mistyped or unknown tensor is named") {
  const std::string whole = golden("lite_f16.gguf");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "model.gguf");
  REQUIRE(gguf);
  const auto description = engine::deepseek_v2_from_gguf(*gguf);
  REQUIRE(description);
  const auto error_of_table = [&](const engine::TensorTable& tensors) {
    const auto weights = engine::deepseek_v2_weights_from_gguf(*description, tensors);
    return weights ? std::string() : weights.error().message;
  };
  for (const auto& [name, tensor] : gguf->tensors) {
    if (name == "output.weight") continue;  // without it the head is tied, which the description has from the file
    engine::TensorTable tensors = gguf->tensors;
    tensors.erase(name);
    check_mentions(error_of_table(tensors), {name, "missing"});
    tensors = gguf->tensors;
    tensors[name].view.shape[0] += 1;
    check_mentions(error_of_table(tensors), {name, "shape", base::cat("byte ", tensor.file_offset)});
  }
  engine::TensorTable tensors = gguf->tensors;
  tensors["blk.0.attn_q.bias"] = tensors["blk.0.attn_norm.weight"];
  check_mentions(error_of_table(tensors), {"blk.0.attn_q.bias", "not part of"});
  tensors = gguf->tensors;
  tensors["output_norm.weight"].view.type = engine::DType::kQ8_0;
  check_mentions(error_of_table(tensors), {"output_norm.weight", "Q8_0"});
}

TEST_CASE("DeepSeek-V3.2 in GGUF: what its indexer needs is named where it is missing or impossible") {
  const std::string whole = golden("model.gguf", "families/deepseek_v32");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "model.gguf");
  REQUIRE(gguf);
  const auto error_with = [&](const std::string& key, std::optional<engine::GgufValue> value) {
    return error_where(*gguf, "deepseek32.attention.indexer." + key, value);
  };
  CHECK(error_of_file(*gguf) == "");
  for (const char* key : {"head_count", "key_length", "top_k"}) {
    check_mentions(error_with(key, std::nullopt), {"deepseek32.attention.indexer.", key, "missing"});
    check_mentions(error_with(key, engine::GgufValue(uint64_t{1} << 40)), {key, "byte 77"});
    CHECK(error_with(key, engine::GgufValue(uint64_t{0})).size() > 20);
  }
  check_mentions(error_with("head_count", engine::GgufValue(uint64_t{2000})), {"2000 heads"});
  check_mentions(error_with("top_k", engine::GgufValue(uint64_t{0})), {"top_k", "would see nothing"});
  check_mentions(error_with("key_length", engine::GgufValue(uint64_t{6})), {"6 wide"});
  int n_seen = 0;
  for (const auto& [name, tensor] : gguf->tensors) {
    if (name.find(".indexer.") == std::string::npos) continue;
    ++n_seen;
    check_tensor_is_needed(*gguf, name);
  }
  CHECK(n_seen == 15);
  // Under V3's name the same file has keys and tensors too many: it is not computed without them.
  engine::GgufFile renamed = *gguf;
  for (const auto& [key, entry] : gguf->metadata)
    if (key.starts_with("deepseek32.")) renamed.metadata.insert({"deepseek2." + key.substr(11), entry});
  renamed.metadata.find("general.architecture")->second.value = std::string_view("deepseek2");
  check_mentions(error_of_file(renamed), {"indexer", "not part of"});
}

TEST_CASE("DeepSeek-V4 in GGUF: each missing, mistyped or impossible key is named") {
  const std::string whole = golden("model.gguf", "families/deepseek_v4");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "whole");
  REQUIRE(gguf);
  const auto error_with = [&](const std::string& key, std::optional<engine::GgufValue> value) {
    return error_where(*gguf, "deepseek4." + key, value);
  };
  for (const auto& [key, entry] : gguf->metadata) {
    if (!key.starts_with("deepseek4.")) continue;
    const std::string name = key.substr(10);
    CAPTURE(name);
    check_mentions(error_with(name, engine::GgufValue(std::string_view("x"))), {name});
    const bool optional = name == "attention.head_count_kv" || name == "attention.value_length" ||
                          name == "vocab_size" || name.starts_with("rope.scaling.yarn_beta");
    const std::string without = error_with(name, std::nullopt);
    CHECK(without.empty() == optional);
    if (!optional) CHECK_MESSAGE(without.size() > 20, without);
  }
  const auto number = [](uint64_t n) { return engine::GgufValue(n); };
  check_mentions(error_with("block_count", number(5000)), {"block_count", "1..1024"});
  check_mentions(error_with("block_count", number(1)), {"blk.1", "not part of"});
  check_mentions(error_with("nextn_predict_layers", number(7)), {"nextn_predict_layers", "byte 77"});
  check_mentions(error_with("attention.head_count_kv", number(2)), {"head_count_kv", "must be 1"});
  check_mentions(error_with("attention.value_length", number(16)), {"value_length"});
  check_mentions(error_with("attention.compress_ratios", number(4)), {"compress_ratios", "at least 5"});
  check_mentions(error_with("expert_gating_func", number(3)), {"expert_gating_func", "is 3"});
  check_mentions(error_with("expert_weights_norm", engine::GgufValue(false)), {"expert_weights_norm"});
  check_mentions(error_with("swiglu_clamp_shexp", engine::GgufValue(0.25)), {"swiglu_clamp_shexp"});
  check_mentions(error_with("rope.scaling.type", engine::GgufValue(std::string_view("linear"))), {"linear"});
  check_mentions(error_with("hash_layer_count", number(1)), {"exp_probs_b", "missing"});
  check_mentions(error_with("expert_used_count", number(9)), {"1..8"});
  // Arrays.
  const int32_t two_heavy[] = {0, 4, 16, 4, 32}, negative[] = {0, 4, 16, -4, 16};
  const float limits[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.25f};
  const auto array = [](engine::GgufType type, auto& values) {
    return engine::GgufValue(engine::GgufArray{type, std::size(values), std::as_bytes(std::span(values))});
  };
  check_mentions(error_with("attention.compress_ratios", array(engine::GgufType::kI32, two_heavy)), {"16 and 32"});
  check_mentions(error_with("attention.compress_ratios", array(engine::GgufType::kI32, negative)), {"-4"});
  check_mentions(error_with("swiglu_clamp_exp", array(engine::GgufType::kF32, limits)),
                 {"swiglu_clamp_exp", "differs"});
}

TEST_CASE("DeepSeek-V4.1 in GGUF: each missing, mistyped or impossible key and tensor is named") {
  const std::string whole = golden("model.gguf", "families/deepseek_v41");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "model.gguf");
  REQUIRE(gguf);
  const auto error_with = [&](const std::string& key, std::optional<engine::GgufValue> value) {
    return error_where(*gguf, "deepseek41." + key, value);
  };
  CHECK(error_of_file(*gguf) == "");
  const std::set<std::string> optional = {"attention.head_count_kv", "attention.value_length", "vocab_size",
      "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
      // told by tensors
      "attention.kv_source_layer_ids", "attention.index_source_layer_ids",
      // a note says what it changes
      "attention.candidate_source_layer_id"}, unread = {"engram.compressed_vocab_size", "engram.num_embeddings"};
  for (const auto& [key, entry] : gguf->metadata) {
    if (!key.starts_with("deepseek41.")) continue;
    const std::string name = key.substr(11);
    CAPTURE(name);
    const std::string mistyped = error_with(name, engine::GgufValue(std::string_view("x"))), without = error_with(name, std::nullopt);
    CHECK(mistyped.empty() == unread.contains(name));
    if (!unread.contains(name)) check_mentions(mistyped, {name});
    CHECK(without.empty() == (optional.contains(name) || unread.contains(name)));
  }
  const auto number = [](uint64_t n) { return engine::GgufValue(n); };
  check_mentions(error_with("vocab_size", number(INT32_MAX)), {"vocabulary size"});
  check_mentions(error_with("engram.max_ngram_size", number(INT32_MAX)), {"n-grams"});
  check_mentions(error_with("engram.n_heads", number(INT32_MAX)), {"Engram heads"});
  check_mentions(error_with("engram.head_dim", number(17)), {"engram_embed.weight", "shape"});
  check_mentions(error_with("engram.pad_token_id", number(304)), {"engram.pad_token_id"});
  check_mentions(error_with("attention.candidate_source_layer_id", number(3)), {"candidate layer 3"});
  check_mentions(error_with("attention.candidate_topk_blocks", number(0)), {"candidate blocks"});
  check_mentions(error_with("nextn_predict_layers", number(9)), {"nextn_predict_layers"});
  const auto changed_array = [&](const std::string& key, size_t at, int64_t value) {
    const auto& array = std::get<engine::GgufArray>(gguf->metadata.find("deepseek41." + key)->second.value);
    std::string bytes(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
    const size_t width = bytes.size() / array.size;
    std::memcpy(bytes.data() + at * width, &value, width);
    return error_with(key, engine::GgufValue(engine::GgufArray{array.element, array.size, std::as_bytes(std::span(bytes))}));
  };
  check_mentions(changed_array("engram.token_map", 7, 304), {"engram.token_map", "304"});
  check_mentions(changed_array("engram.token_map", 7, -1), {"engram.token_map", "-1"});
  check_mentions(changed_array("engram.multipliers", 1, INT64_MAX), {"multiplier"});
  check_mentions(changed_array("engram.multipliers", 1, 0), {"multiplier"});
  check_mentions(changed_array("engram.primes", 7, 0), {"rows"});
  check_mentions(changed_array("engram.primes", 0, INT64_MAX), {"rows"});
  check_mentions(changed_array("engram.offsets", 1, 30), {"Engram: table 1 begins at row 30"});
  check_mentions(changed_array("engram.layer_ids", 1, 1), {"engram.layer_ids", "rising"});
  check_mentions(changed_array("engram.layer_ids", 1, 8), {"engram.layer_ids"});
  check_mentions(changed_array("attention.compress_ratios", 2, 0), {"compress_ratios", "layer 2"});
  check_mentions(changed_array("attention.compress_ratios", 3, 1), {"layer 3"});
  check_mentions(changed_array("attention.kv_source_layer_ids", 0, 3), {"layer 2"});
  check_mentions(changed_array("attention.index_source_layer_ids", 0, 3), {"layer 2"});
  for (const auto& [name, tensor] : gguf->tensors) {
    if (name.ends_with("exp_probs_b_vl.bias")) continue;  // of images
    CAPTURE(name);
    engine::GgufFile changed = *gguf;
    changed.tensors.erase(name);
    const std::string missing = error_of_file(changed);
    // A name that other programs' files spell otherwise is missed under llama.cpp's.
    const bool other = name.find("_compressor_") != std::string::npos || name.ends_with("engram_embed.weight");
    CHECK_MESSAGE(missing.size() > 20, missing);
    if (!other) check_mentions(missing, {name, "missing"});
    changed = *gguf;
    changed.tensors[name].view.shape[0] += 1;
    check_mentions(error_of_file(changed), {name, "shape"});
  }
  engine::GgufFile changed = *gguf;
  changed.tensors["blk.0.engram_q.weight"] = changed.tensors["blk.1.engram_q.weight"];
  check_mentions(error_of_file(changed), {"blk.0.engram_q.weight", "not part of"});
  // As llama.cpp writes it, which names neither the sources nor the candidates: it is told that these are not known.
  changed = *gguf;
  for (const char* key : {"kv_source_layer_ids", "index_source_layer_ids", "candidate_source_layer_id", "candidate_topk_blocks", "candidate_block_size"})
    changed.metadata.erase(std::string("deepseek41.attention.") + key);
  const auto family = engine::family_from_gguf(changed);
  REQUIRE_MESSAGE(family, family.error().message);
  engine::ModelInfo info;
  (*family)->describe(info);
  REQUIRE(!info.notes.empty());
  CHECK(info.notes.back().find("candidate_source_layer_id") != std::string::npos);
}

TEST_CASE(
    "DeepSeek-V4 in GGUF: a missing, misshaped, mistyped or unknown tensor is named; a block counted but not held is a "
    "layer") {
  const std::string whole = golden("model.gguf", "families/deepseek_v4");
  const auto gguf = engine::read_gguf(std::as_bytes(std::span(whole)), "model.gguf");
  REQUIRE(gguf);
  CHECK(error_of_file(*gguf) == "");
  for (const auto& [name, tensor] : gguf->tensors) {
    if (name.starts_with("blk.5.")) continue;  // for drafts, not read
    check_tensor_is_needed(*gguf, name);
  }
  engine::GgufFile changed = *gguf;
  changed.tensors["blk.0.attn_q_a.bias"] = changed.tensors["blk.0.attn_norm.weight"];
  check_mentions(error_of_file(changed), {"blk.0.attn_q_a.bias", "not part of"});
  changed = *gguf;
  changed.tensors["blk.1.hc_attn_fn.weight"].view.type = engine::DType::kQ8_0;
  check_mentions(error_of_file(changed), {"blk.1.hc_attn_fn.weight", "Q8_0"});
  changed = *gguf;
  changed.tensors["blk.0.ffn_gate_tid2eid.weight"].view.type = engine::DType::kF32;
  check_mentions(error_of_file(changed), {"blk.0.ffn_gate_tid2eid.weight", "F32", "I32"});
  std::string outside = whole;  // an expert that is not there, in the table
  const int32_t nine = 8;
  std::memcpy(outside.data() + changed.tensors["blk.1.ffn_gate_tid2eid.weight"].file_offset + 8, &nine, 4);
  const auto table = engine::read_gguf(std::as_bytes(std::span(outside)), "model.gguf");
  REQUIRE(table);
  check_mentions(error_of_file(*table), {"blk.1.ffn_gate_tid2eid.weight", "holds 8 at place 2"});

  changed = *gguf;  // without a block for drafts, yet counted
  changed.tensors.erase("blk.5.nextn.enorm.weight");
  CHECK(error_of_file(changed) == "");
  changed.metadata.insert_or_assign("deepseek4.block_count", engine::GgufEntry{engine::GgufValue(uint64_t{5}), 1});
  CHECK(error_of_file(changed) == "");
}
