// SPDX-License-Identifier: Apache-2.0
// Hugging Face style folders whose files lie, end early or point elsewhere.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "engine/formats/safetensors.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/model_package.h"
#include "tests/support/temp_dir.h"

namespace {

const std::filesystem::path kData = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine";

std::string with_length(const std::string& header, size_t data_bytes) {
  std::string file(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(file.data(), &length, sizeof length);
  return file + header + std::string(data_bytes, '\1');
}

std::string error_of(const std::string& file) {
  engine::TensorTable tensors;
  const auto status = engine::read_safetensors(std::as_bytes(std::span(file)), "file", tensors);
  return status ? "" : status.error().message;
}

void check_mentions(const std::string& message, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) CHECK_MESSAGE(message.find(part) != std::string::npos, message);
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  REQUIRE(base::write_file_atomic(path, bytes));
}

std::string read(const std::filesystem::path& path) {
  auto bytes = base::read_file(path, 1 << 24);
  REQUIRE(bytes);
  return *bytes;
}

std::string load_error(const std::filesystem::path& folder) {
  const auto package = engine::load_model_package(folder);
  return package ? "" : package.error().message;
}

}  // namespace

TEST_CASE("safetensors: a file that ends early is corrupt at every byte") {
  const std::string whole = read(kData / "grouped/model-00006-of-00006.safetensors");
  REQUIRE(error_of(whole).empty());
  for (size_t n = 0; n < whole.size(); n += n < 4096 ? 1 : 97) {
    const std::string message = error_of(whole.substr(0, n));
    CAPTURE(n);
    REQUIRE(message.find("byte") != std::string::npos);
  }
  check_mentions(error_of(whole + "x"), {"last tensor ends at byte", base::cat("the file at byte ", whole.size() + 1)});
}

TEST_CASE("safetensors: headers that lie are refused with tensor and byte") {
  check_mentions(error_of(std::string(8, '\xFF')), {"header length 18446744073709551615"});
  check_mentions(error_of(with_length("{", 0)), {"header", "byte"});
  check_mentions(error_of(with_length("[]", 0)), {"no JSON object"});
  check_mentions(error_of(with_length(std::string(2000, '['), 0)), {"deeper"});
  check_mentions(error_of(with_length(R"({"w":5})", 0)), {"tensor w"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})", 8)),
                 {"tensor w", "U64"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 8)),
                 {"tensor w", "8 bytes", "give 4"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4)),
                 {"tensor w", "shape"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4)),
                 {"tensor w", "shape"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":"x","data_offsets":[0,4]}})", 4)),
                 {"tensor w", "shape"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4)),
                 {"tensor w", "data_offsets"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4)),
                 {"tensor w", "data_offsets"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 4)),
                 {"tensor w", "leave the 4 bytes"});
  check_mentions(
      error_of(with_length(R"({"w":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}})", 4)),
      {"tensor w", "too large"});
  check_mentions(error_of(with_length(
                     R"({"w":{"dtype":"F32","shape":[2147483648,2147483648,2147483648],"data_offsets":[0,4]}})", 4)),
                 {"tensor w", "too large"});
  check_mentions(error_of(with_length(R"({"w":{"dtype":"F32","shape":[1,1,1,1,1],"data_offsets":[0,4]}})", 4)),
                 {"5 dimensions"});
  check_mentions(
      error_of(with_length(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
          12)),
      {"tensor b", "inside another tensor"});
  check_mentions(
      error_of(with_length(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
          12)),
      {"tensor b", "hole"});
  check_mentions(
      error_of(with_length(
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          4)),
      {"twice"});
}

TEST_CASE("shards: an index may only name files of its own folder, and must be right") {
  const test::TempDir dir;
  for (const auto& entry : std::filesystem::directory_iterator(kData / "grouped"))
    std::filesystem::copy(entry.path(), dir.path() / entry.path().filename());
  REQUIRE(load_error(dir.path()).empty());
  const std::filesystem::path index_path = dir.path() / "model.safetensors.index.json";
  const std::string sound = read(index_path);
  const auto error_with = [&](const char* name, const base::Json& shard) {
    base::Json index = *base::parse_json(sound);
    index["weight_map"][name] = shard;
    write(index_path, base::dump_json(index));
    return load_error(dir.path());
  };
  for (const char* elsewhere : {"../model.safetensors", "/etc/passwd", "a/b.safetensors", "..\\x.safetensors", "passwd",
                                "", "..safetensors", "model.safetensors.index.json"})
    check_mentions(error_with("model.norm.weight", elsewhere), {"model.norm.weight", "own folder"});
  check_mentions(error_with("model.norm.weight", 5), {"model.norm.weight", "own folder"});
  check_mentions(error_with("model.norm.weight", nullptr), {"model.norm.weight"});
  check_mentions(error_with("model.norm.weight", "absent.safetensors"), {"absent.safetensors"});
  check_mentions(error_with("model.norm.weight", "model-00001-of-00006.safetensors"),
                 {"model.norm.weight", "but is in"});
  check_mentions(error_with("extra", "model-00001-of-00006.safetensors"), {"extra", "does not hold it"});
  base::Json without = *base::parse_json(sound);
  without["weight_map"].erase("model.norm.weight");
  write(index_path, base::dump_json(without));
  check_mentions(load_error(dir.path()), {"model.norm.weight", "not named"});
  for (const char* broken : {"", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})",
                             R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})"}) {
    write(index_path, broken);
    check_mentions(load_error(dir.path()), {"model.safetensors.index.json"});
  }
  std::filesystem::remove(index_path);
  check_mentions(load_error(dir.path()), {"neither model.safetensors nor"});
  std::filesystem::copy(dir.path() / "model-00001-of-00006.safetensors", dir.path() / "twice.safetensors");
  write(index_path, sound);
  check_mentions(error_with("model.embed_tokens.weight", "twice.safetensors"), {"is also in"});
}

TEST_CASE("config.json: each missing, mistyped or impossible value is named") {
  const base::Json sound = *base::parse_json(read(kData / "lite/config.json"));
  REQUIRE(engine::deepseek_v2_from_json(sound));
  const auto error_with = [&](const char* pointer, const base::Json& value) {
    base::Json config = sound;
    config[base::Json::json_pointer(pointer)] = value;
    const auto description = engine::deepseek_v2_from_json(config);
    return description ? std::string() : description.error().message;
  };
  for (const char* key :
       {"num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "max_position_embeddings",
        "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "rms_norm_eps", "num_experts_per_tok",
        "moe_intermediate_size", "intermediate_size"}) {
    const std::string pointer = base::cat("/", key);
    check_mentions(error_with(pointer.c_str(), nullptr), {key, "missing"});
    check_mentions(error_with(pointer.c_str(), "7"), {key});
    CHECK_FALSE(error_with(pointer.c_str(), -5).empty());
    CHECK_FALSE(error_with(pointer.c_str(), uint64_t{1} << 63).empty());
    CHECK_FALSE(error_with(pointer.c_str(), 1e300).empty());
  }
  check_mentions(error_with("/model_type", "llama"), {"llama"});
  check_mentions(error_with("/hidden_act", "gelu"), {"gelu"});
  check_mentions(error_with("/attention_bias", true), {"attention_bias"});
  check_mentions(error_with("/quantization_config", {{"quant_method", "bitsandbytes"}}), {"quantization_config", "bitsandbytes"});
  check_mentions(error_with("/topk_method", "random"), {"random"});
  check_mentions(error_with("/scoring_func", "sqrtsoftplus"), {"sqrtsoftplus"});
  check_mentions(error_with("/num_key_value_heads", 1), {"num_key_value_heads"});
  check_mentions(error_with("/qk_rope_head_dim", 7), {"even"});
  check_mentions(error_with("/n_group", 3), {"3 equal groups"});
  check_mentions(error_with("/rope_parameters", 5), {"rope_parameters"});
  check_mentions(error_with("/rope_parameters/rope_type", "linear"), {"linear"});
  check_mentions(error_with("/rope_parameters/factor", "x"), {"factor"});
  check_mentions(error_with("/rope_parameters/factor", 0.5), {"YaRN factor"});
  check_mentions(error_with("/rope_parameters/truncate", "no"), {"truncate"});
  check_mentions(error_with("/rms_norm_eps", 0.0), {"epsilon"});
  CHECK_FALSE(engine::deepseek_v2_from_json(base::Json::array()));

  const test::TempDir dir;  // Python writes NaN and Infinity, which are not JSON
  std::string text = read(kData / "lite/config.json");
  text.replace(text.find("1e-06"), 5, "NaN");
  write(dir.path() / "config.json", text);
  check_mentions(load_error(dir.path()), {"config.json", "byte"});
}

TEST_CASE("config.json: the older spelling of rope scaling means the same") {
  base::Json config = *base::parse_json(read(kData / "lite/config.json"));
  base::Json rope = config["rope_parameters"];
  const auto newer = engine::deepseek_v2_from_json(config);
  config.erase("rope_parameters");
  config["rope_theta"] = rope["rope_theta"];
  rope.erase("rope_theta");
  rope["type"] = rope["rope_type"];
  rope.erase("rope_type");
  config["rope_scaling"] = rope;
  const auto older = engine::deepseek_v2_from_json(config);
  REQUIRE(newer);
  REQUIRE(older);
  CHECK(older->config.rope_theta == newer->config.rope_theta);
  CHECK(older->config.yarn.factor == 4.0f);
  CHECK(older->config.yarn.mscale_all_dim == newer->config.yarn.mscale_all_dim);
  config["rope_scaling"] = nullptr;
  const auto none = engine::deepseek_v2_from_json(config);
  REQUIRE(none);
  CHECK(none->config.yarn.factor == 1.0f);
}

TEST_CASE("verify_weights: a value that is not finite is named with tensor, row and byte") {
  const test::TempDir dir;
  for (const auto& entry : std::filesystem::directory_iterator(kData / "plain"))
    std::filesystem::copy(entry.path(), dir.path() / entry.path().filename());
  std::string weights = read(dir.path() / "model.safetensors");
  {
    const auto sound = engine::load_model_package(dir.path());
    REQUIRE(sound);
    const auto& stored = sound->tensors.find("model.layers.1.self_attn.o_proj.weight")->second;
    const auto at = static_cast<size_t>(stored.file_offset + 2 * stored.view.row_bytes()) + 6;  // row 2
    weights[at] = '\0', weights[at + 1] = '\x7C';                                               // infinity in f16
  }
  write(dir.path() / "model.safetensors", weights);
  const auto package = engine::load_model_package(dir.path());
  REQUIRE(package);
  const auto verified = engine::verify_weights(*package, {}, {});
  REQUIRE_FALSE(verified);
  check_mentions(verified.error().message,
                 {"model.safetensors", "model.layers.1.self_attn.o_proj.weight", "row 2", "byte"});
  std::stop_source stop;
  stop.request_stop();
  const auto cancelled = engine::verify_weights(*package, {}, stop.get_token());
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == base::ErrorCode::kCancelled);
}
