// SPDX-License-Identifier: Apache-2.0
// Writing models as GGUF: the rows of every type, the layouts of every family, and files that must not come into being.
#include "engine/quantize_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/families/deepseek_v2/write_gguf.h"
#include "engine/families/deepseek_v4/write_gguf.h"
#include "engine/families/grouped/write_gguf.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/quant_blocks.h"
#include "engine/formats/quantize_rows.h"
#include "engine/kernels/matmul.h"
#include "engine/model_package.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

namespace fs = std::filesystem;

struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "graft-quantize-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  bool empty() const { return fs::is_empty(path); }
};

std::vector<float> decoded_row(DType type, std::span<const float> values) {
  std::vector<std::byte> bytes(values.size() / static_cast<size_t>(traits(type).block_values) *
                               static_cast<size_t>(traits(type).block_bytes));
  quantize_row(type, values, bytes.data());
  std::vector<float> out(values.size());
  dequantize_row(view_of(bytes, type, {1, static_cast<int64_t>(values.size())}), 0, out);
  return out;
}

// Root mean square of the error over that of the values.
double error_of(DType type, std::span<const float> values) {
  const std::vector<float> got = decoded_row(type, values);
  double error = 0.0, size = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double off = static_cast<double>(got[i]) - static_cast<double>(values[i]);
    error += off * off;
    size += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return std::sqrt(error / size);
}

std::vector<float> reference_logits(const Family& family, const TinyModel& tiny) {
  const auto model = family.make_reference();
  const auto cache = model->make_cache(static_cast<int64_t>(tiny.tokens.size()));
  return logits_of(*model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()});
}

// The logits of `tiny` after all its matrices were written as `type` and read again.
std::vector<float> logits_after(const TinyModel& tiny, DType type, const fs::path& file) {
  auto content = tiny.family->to_gguf();
  REQUIRE_MESSAGE(content, content.error().message);
  for (GgufTensor& tensor : content->tensors) {
    const bool fits = tensor.n_in() % traits(type).block_values == 0;
    tensor.type = tensor.exact ? tensor.exact_type() : fits ? type : DType::kF16;
  }
  ThreadPool pool(2);
  GgufWriteOptions options;
  options.replace = true;
  const base::Status written = write_gguf(*content, file, pool, options);
  REQUIRE_MESSAGE(written, written.error().message);
  const auto mapped = base::MappedFile::open(file);
  REQUIRE(mapped);
  const auto gguf = read_gguf(mapped->bytes(), "written.gguf");
  REQUIRE_MESSAGE(gguf, gguf.error().message);
  const auto family = family_from_gguf(*gguf);
  REQUIRE_MESSAGE(family, family.error().message);
  return reference_logits(**family, tiny);
}

}  // namespace

TEST_CASE("f32_to_f16 and f32_to_bf16: every number of the type comes back, and halves go to even") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (!std::isnan(f16_to_f32(half))) CHECK(f32_to_f16(f16_to_f32(half)) == half);
    if (!std::isnan(bf16_to_f32(half))) CHECK(f32_to_bf16(bf16_to_f32(half)) == half);
  }
  CHECK(f32_to_f16(1.0f + 0x1p-11f) == 0x3C00);
  CHECK(f32_to_f16(1.0f + 0x3p-11f) == 0x3C02);
  CHECK(f32_to_f16(65519.0f) == 0x7BFF);
  CHECK(f32_to_f16(65520.0f) == 0x7C00);
  CHECK(f32_to_f16(0x1p-25f) == 0);
  CHECK(f32_to_f16(-0x1.8p-24f) == 0x8002);
  CHECK(std::isnan(f16_to_f32(f32_to_f16(NAN))));
  CHECK(f32_to_bf16(1.0f + 0x1p-8f) == 0x3F80);
  CHECK(f32_to_bf16(1.0f + 0x3p-8f) == 0x3F82);
}

TEST_CASE("quantize_row: the error of normally distributed rows is no more than that of the reference quantisers") {
  std::mt19937 random(31);
  std::vector<float> values(256 * 64);
  for (float& v : values) {  // Box-Muller; not std::normal_distribution, whose draws differ between libraries
    const double u = (static_cast<double>(random()) + 1.0) * 0x1p-32, w = static_cast<double>(random()) * 0x1p-32;
    v = static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * w));
  }
  struct Bound {
    DType type;
    double most;  // our own on such values plus 3 %; gguf-py has 0.086 in Q4_0, 0.078 in Q4_1, 0.043 in Q5_0, 0.038 in Q5_1, 0.115 in MXFP4
  };
  for (const Bound& b : {Bound{DType::kBF16, 0.0018}, Bound{DType::kF16, 0.00023}, Bound{DType::kQ8_0, 0.00553},
                         Bound{DType::kQ4_0, 0.0830}, Bound{DType::kQ4_1, 0.0747}, Bound{DType::kQ5_0, 0.0410},
                         Bound{DType::kQ5_1, 0.0366}, Bound{DType::kMXFP4, 0.1145}, Bound{DType::kIQ4_NL, 0.0790},
                         Bound{DType::kQ6_K, 0.0185}, Bound{DType::kQ5_K, 0.0372}, Bound{DType::kQ4_K, 0.0739},
                         Bound{DType::kQ3_K, 0.160}, Bound{DType::kQ2_K, 0.284}}) {
    CAPTURE(std::string(traits(b.type).name));
    const double error = error_of(b.type, values);
    CHECK(error <= b.most);
    CHECK(error >= b.most / 3.0);  // the bound is a bound
  }
}

TEST_CASE("quantize_row: zeros, one large value and tiny values give finite rows") {
  for (const std::string& name : quantize_types())
    for (int t = 0; t < kDTypes; ++t) {
      const auto type = static_cast<DType>(t);
      if (traits(type).name != name) continue;
      CAPTURE(name);
      std::vector<float> values(512, 0.0f);
      for (const float v : decoded_row(type, values)) CHECK(v == 0.0f);
      values[300] = -3.0f;
      const std::vector<float> got = decoded_row(type, values);
      CHECK(got[300] == doctest::Approx(-3.0f).epsilon(0.35));
      for (float& v : values) v = 1e-38f;
      for (const float v : decoded_row(type, values)) CHECK(std::isfinite(v));
    }
}

TEST_CASE("quantize_row: of blocks with an offset the lowest values are cut off as the highest are") {
  std::mt19937 random(32);
  for (const DType type : {DType::kQ4_1, DType::kQ5_1}) {
    double worst = 0;
    for (int block = 0; block < 200; ++block) {
      std::vector<float> values(32), mirrored(32);
      for (size_t i = 0; i < 32; ++i) values[i] = static_cast<float>(random()) * 0x1p-32f, mirrored[i] = -values[i];
      const double there = error_of(type, values), back = error_of(type, mirrored);
      worst = std::max(worst, std::fabs(there - back) / there);
    }
    CHECK(worst < 0.03);  // what f16 rounds off a scale and an offset
  }
}

TEST_CASE("quantize_row: values that all lie far above 0 lose no more than the steps from 0 to them") {
  std::mt19937 random(33);
  std::vector<float> values(256 * 16);
  for (float& v : values) v = 1.0f + static_cast<float>(random()) * 0x1p-32f;
  // Ours on such values plus 3 %; with a line fitted below 0 they are 0.193, 0.0251 and 0.0118.
  CHECK(error_of(DType::kQ2_K, values) <= 0.0963);
  CHECK(error_of(DType::kQ4_K, values) <= 0.0226);
  CHECK(error_of(DType::kQ5_K, values) <= 0.01126);
}

TEST_CASE("quantize_row: in IQ4_NL large values count more than small ones") {
  std::mt19937 random(34);
  double ours = 0, best = 0;
  for (int block = 0; block < 200; ++block) {
    std::vector<float> values(32);
    float far = 0;
    for (float& v : values) v = static_cast<float>(random()) * 0x1p-31f - 1.0f, v *= v * v, far = std::fabs(v) > std::fabs(far) ? v : far;
    const auto lost = [&](const auto& read) {
      double sum = 0;
      for (size_t i = 0; i < 32; ++i) sum += std::pow(double{values[i]} * (double{values[i]} - read(i)), 2);
      return sum;
    };
    const std::vector<float> got = decoded_row(DType::kIQ4_NL, values);
    ours += lost([&](size_t i) { return got[i]; });
    double least = INFINITY;  // of any scale near the largest value's
    for (int step = -200; step <= 200; ++step) {
      const double scale = far / (-127.0 + 0.1 * step);
      least = std::min(least, lost([&](size_t i) {
                         double nearest = INFINITY;
                         for (const int8_t level : kIq4Values)
                           if (std::fabs(scale * level - values[i]) < std::fabs(nearest - values[i])) nearest = scale * level;
                         return nearest;
                       }));
    }
    best += least;
  }
  CHECK(ours <= 1.09 * best);  // ours is 1.06 times the best; with all values alike it is 1.13 times
}

TEST_CASE("quantize_row: values that are no numbers leave nothing of what was there before") {
  for (const float odd : {INFINITY, -INFINITY, NAN})
    for (const size_t n_odd : {size_t{1}, size_t{256}})
      for (const std::string& name : quantize_types())
        for (int t = 0; t < kDTypes; ++t) {
          const auto type = static_cast<DType>(t);
          if (traits(type).name != name) continue;
          CAPTURE(name);
          CAPTURE(odd);
          std::vector<float> values(256, 0.5f);
          std::fill_n(values.begin(), n_odd, odd);
          const auto n_bytes = static_cast<size_t>(256 / traits(type).block_values * traits(type).block_bytes);
          std::vector<std::byte> once(n_bytes, std::byte{0x00}), again(n_bytes, std::byte{0xFF});
          quantize_row(type, values, once.data());
          quantize_row(type, values, again.data());
          CHECK(once == again);
        }
}

TEST_CASE("quantize_row: small blocks take the scale that loses least, at either end of their values") {
  // Levels -8 to 7 fit at 1, and at 1 only where the largest value lies on the upper end.
  std::vector<float> ends(32);
  for (size_t i = 0; i < 32; ++i) ends[i] = static_cast<float>(i % 15) - 7.0f;
  CHECK(error_of(DType::kQ4_0, ends) < 1e-6);
  for (float& v : ends) v = -v;
  CHECK(error_of(DType::kQ4_0, ends) < 1e-6);
  // So do -6 to 6, where the largest lies below the upper end.
  for (size_t i = 0; i < 32; ++i) ends[i] = static_cast<float>(i % 13) - 6.0f;
  CHECK(error_of(DType::kQ4_0, ends) < 1e-6);
  // One far value is cut off where that serves the many.
  std::vector<float> far(32);
  for (size_t i = 0; i < 32; ++i) far[i] = static_cast<float>(i % 2) - 0.5f;
  for (const DType type : {DType::kQ4_1, DType::kQ5_1}) CHECK(error_of(type, far) < 1e-3);
  // Powers of two and their halves: MXFP4's own values, far from 1 as well.
  for (const float scale : {1.0f, 0x1p-60f, 0x1p60f}) {
    std::vector<float> own;
    for (size_t i = 0; i < 32; ++i) own.push_back(scale * std::array{0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -6.0f}[i % 8]);
    CHECK(error_of(DType::kMXFP4, own) == 0.0);
    // 7.5 lies nearer 8, of the next exponent, than 6.
    for (size_t i = 0; i < 32; ++i) own[i] = scale * (i % 2 == 0 ? 7.5f : -7.5f);
    CHECK(error_of(DType::kMXFP4, own) == doctest::Approx(0.5 / 7.5));
    // One 4 becomes 3 where that keeps all the others, of the exponent before.
    for (size_t i = 0; i < 32; ++i) own[i] = scale * (i == 9 ? 4.0f : 0.25f);
    CHECK(error_of(DType::kMXFP4, own) == doctest::Approx(std::sqrt(1.0 / (16.0 + 31.0 / 16.0))));
  }
}

TEST_CASE("every family written as F32 gives its own logits again, and near ones in 16 and 8 bits") {
  const TemporaryFolder folder;
  struct Case {
    const char* name;
    bool same_order;  // else sums run in another order: rows of heads were moved
  };
  for (const Case& c :
       {Case{"deepseek_v2", false}, Case{"deepseek_v3", false}, Case{"deepseek_v3_fp8", false}, Case{"deepseek_v32", false},
        Case{"deepseek_v4", true}, Case{"deepseek_v4_renamed", true}, Case{"deepseek_v41", true},
        Case{"deepseek_v41_fp8", true}, Case{"llama", false}, Case{"llama_biased", false}, Case{"llama_linear", false}, Case{"llama_mlp_biased", false},
        Case{"mistral", false}, Case{"qwen3", true}, Case{"qwen3_fp8", true}, Case{"qwen3_moe_sparse", true},
        Case{"gpt_oss_limit_7", true}, Case{"gpt_oss_mxfp4", true}}) {
    CAPTURE(std::string(c.name));
    const TinyModel tiny = read_model(c.name);
    const std::vector<float> want = reference_logits(*tiny.family, tiny);
    const std::vector<float> exact = logits_after(tiny, DType::kF32, folder.path / "exact.gguf");
    CHECK(relative_error(exact, want) <= (c.same_order ? 0.0 : 2e-5));
    CHECK(relative_error(logits_after(tiny, DType::kF16, folder.path / "f16.gguf"), want) <= 2e-3);
    // In a tiny mixture 8 bits change which experts are chosen.
    ModelInfo info;
    tiny.family->describe(info);
    if (info.n_experts == 0)
      CHECK(relative_error(logits_after(tiny, DType::kQ8_0, folder.path / "q8.gguf"), want) <= 5e-2);
  }
}

TEST_CASE("a GGUF file written from a GGUF file holds the same weights") {
  const TemporaryFolder folder;
  for (const char* name : {"deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_v41", "llama", "qwen3_moe_sparse", "gpt_oss_limit_7"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name, Container::kGguf);
    CHECK(relative_error(logits_after(tiny, DType::kF32, folder.path / "again.gguf"),
                         reference_logits(*tiny.family, tiny)) <= 1e-6);
  }
}

TEST_CASE("DeepSeek-V4 in GGUF: 8-bit weights and MXFP4 experts stay near the checkpoint's logits") {
  const TemporaryFolder folder;
  const TinyModel tiny = read_model("deepseek_v4");
  const std::vector<float> want = reference_logits(*tiny.family, tiny);
  const auto row = [&](const std::vector<float>& all, size_t t) {
    return std::span(all).subspan(t * static_cast<size_t>(tiny.n_vocab), static_cast<size_t>(tiny.n_vocab));
  };
  struct Bound {
    const char* type;
    double median;  // of the tokens' relative errors: where a router turns, some are far off
  };
  for (const Bound& b : {Bound{"Q8_0", 0.03}, Bound{"MXFP4", 0.1}}) {
    CAPTURE(std::string(b.type));
    const fs::path out = folder.path / (std::string(b.type) + ".gguf");
    QuantizeOptions options;
    options.type = b.type;
    const auto report =
        quantize_model(fs::path(GRAFT_SOURCE_DIR) / "tests/data/engine/families/deepseek_v4", out, options);
    REQUIRE_MESSAGE(report, report.error().message);
    CHECK(report->tensors_by_type.at("I32") == 2);
    const auto package = load_model_package(out);
    REQUIRE_MESSAGE(package, package.error().message);
    const auto type_of = [&](const char* tensor) { return package->tensors.at(tensor).view.type; };
    CHECK(traits(type_of("blk.2.ffn_gate_exps.weight")).name == b.type);
    CHECK(type_of("blk.2.attn_q_a.weight") == DType::kQ8_0);
    CHECK(type_of("blk.1.indexer.proj.weight") == DType::kBF16);
    CHECK(type_of("blk.1.attn_compressor_kv.weight") == DType::kBF16);
    CHECK(type_of("blk.1.hc_attn_fn.weight") == DType::kF32);
    const std::vector<float> got = reference_logits(*package->family, tiny);
    std::vector<double> errors;
    for (size_t t = 0; t < tiny.tokens.size(); ++t) errors.push_back(relative_error(row(got, t), row(want, t)));
    std::sort(errors.begin(), errors.end());
    CHECK(errors[errors.size() / 2] <= b.median);
    CHECK(errors.front() > 0.0);
  }
}

TEST_CASE("DeepSeek-V3.2 in GGUF: the indexer's weights for its heads stay f32, its other matrices are quantised") {
  const TemporaryFolder folder;
  const TinyModel tiny = read_model("deepseek_v32");
  const fs::path out = folder.path / "q8.gguf";
  QuantizeOptions options;
  options.type = "Q8_0";
  const auto report = quantize_model(fs::path(GRAFT_SOURCE_DIR) / "tests/data/engine/families/deepseek_v32", out, options);
  REQUIRE_MESSAGE(report, report.error().message);
  const auto package = load_model_package(out);
  REQUIRE_MESSAGE(package, package.error().message);
  CHECK(package->info.family == "deepseek_v32");
  const auto type_of = [&](const char* tensor) { return package->tensors.at(tensor).view.type; };
  CHECK(type_of("blk.1.indexer.proj.weight") == DType::kF32);
  CHECK(type_of("blk.1.indexer.k_norm.bias") == DType::kF32);
  CHECK(type_of("blk.1.indexer.attn_k.weight") == DType::kQ8_0);
  // The first tokens see all before them: no choice of 8 bits can differ there.
  const std::vector<float> want = reference_logits(*tiny.family, tiny), got = reference_logits(*package->family, tiny);
  const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
  CHECK(relative_error(std::span(got).first(n_vocab), std::span(want).first(n_vocab)) <= 0.05);
}

TEST_CASE("DeepSeek-V4.1 in GGUF: the file hashes without a tokenizer, and chooses as the checkpoint does") {
  const TemporaryFolder folder;
  const fs::path out = folder.path / "bf16.gguf";
  const TinyModel tiny = read_model("deepseek_v41");
  CHECK(logits_after(tiny, DType::kBF16, out) == reference_logits(*tiny.family, tiny));  // the checkpoint is bf16
  const auto package = load_model_package(out);
  REQUIRE_MESSAGE(package, package.error().message);
  CHECK(package->info.family == "deepseek_v41");
  CHECK_FALSE(package->info.has_tokenizer);
  ModelInfo info;
  tiny.family->describe(info);
  CHECK(package->info.notes == info.notes);
  CHECK(package->info.kv_bytes_per_token == info.kv_bytes_per_token);
  CHECK(package->info.n_parameters == info.n_parameters);
  check_model(*package->family->make_reference(), tiny);
  ThreadPool pool(2);
  check_model(*package->family->make_fast(best_kernels(), pool, true), tiny);

  const auto content = tiny.family->to_gguf();
  REQUIRE_MESSAGE(content, content.error().message);
  const auto tensor = [&](std::string_view name) {
    return *std::find_if(content->tensors.begin(), content->tensors.end(), [&](const GgufTensor& t) { return t.name == name; });
  };
  CHECK(tensor("blk.2.indexer.attn_k.weight").fine);
  CHECK(tensor("blk.4.indexer.proj.weight").fine);
  CHECK(tensor("blk.1.engram_q.weight").exact);
  CHECK_FALSE(tensor("blk.1.engram_embd.weight").fine);
}

TEST_CASE("to_gguf: what GGUF cannot say is refused") {
  DeepseekV4Config v4;
  v4.n_layers = 2;
  v4.kinds = {V4LayerKind::kSparse, V4LayerKind::kHeavy};
  v4.by_token = {false, true};
  const auto refusal = [&] {
    const auto content = deepseek_v4_to_gguf(v4, {});
    return content ? std::string() : content.error().message;
  };
  CHECK(refusal().find("by the token's id") != std::string::npos);
  v4.by_token = {true, false};
  CHECK(refusal() == "");
  v4.sparse_ratio = 8;
  CHECK(refusal().find("8 tokens") != std::string::npos);
  for (const auto& [name, part] : {std::pair{"qwen2", "window"}, std::pair{"qwen3_moe", "experts"},
                                   std::pair{"gpt_oss", "limit"}}) {
    const auto content = read_model(name).family->to_gguf();
    REQUIRE(!content);
    CHECK_MESSAGE(content.error().message.find(part) != std::string::npos, content.error().message);
  }
  // Groups that the model does not look at are not written; what they are scored by is not said.
  DeepseekV2Config groups;
  groups.n_experts = 8, groups.n_experts_used = 2, groups.n_groups = 4, groups.n_groups_used = 1;
  const auto written = deepseek_v2_to_gguf(groups, {});
  REQUIRE(written);
  CHECK(std::none_of(written->metadata.begin(), written->metadata.end(),
                     [](const auto& entry) { return entry.first.find("expert_group") != std::string::npos; }));
  groups.selection = ExpertSelection::kGroupLimitedGreedy;
  CHECK(deepseek_v2_to_gguf(groups, {}));
  groups.scoring = Scoring::kSigmoid;
  CHECK_FALSE(deepseek_v2_to_gguf(groups, {}));
  DeepseekV2Config ramp;
  ramp.yarn.factor = 4.0f, ramp.yarn.mscale = ramp.yarn.mscale_all_dim = 1.0f;
  CHECK(deepseek_v2_to_gguf(ramp, {}));
  ramp.yarn.truncate = false;
  CHECK_FALSE(deepseek_v2_to_gguf(ramp, {}));
  // YaRN's ends in whole pairs or not, and its amplitude, are what each program takes them for.
  GroupedConfig yarn;
  yarn.family = "qwen3";
  const auto amplitude_refusal = [&] {
    const auto content = grouped_to_gguf(yarn, {});
    return content ? std::string() : content.error().message;
  };
  yarn.yarn.factor = 4.0f;
  CHECK(amplitude_refusal() == "");
  yarn.yarn.mscale = 0.5f;
  CHECK(amplitude_refusal().find("YaRN") != std::string::npos);
  yarn.yarn.mscale = 1.0f, yarn.yarn.truncate = false;
  CHECK(amplitude_refusal().find("YaRN") != std::string::npos);
}

TEST_CASE("quantize_model: tokenizer and special tokens come along, types are chosen and counted") {
  const TemporaryFolder folder;
  const fs::path data = fs::path(GRAFT_SOURCE_DIR) / "tests/data/engine";
  const auto refused =
      quantize_model(data / "grouped", folder.path / "no.gguf", QuantizeOptions{"Q8_0", {}, false, 0, {}, {}});
  REQUIRE(!refused);
  CHECK_MESSAGE(refused.error().message.find("mscale") != std::string::npos, refused.error().message);
  for (const char* name : {"lite", "plain"}) {
    CAPTURE(std::string(name));
    const fs::path out = folder.path / (std::string(name) + ".gguf");
    QuantizeOptions options;
    options.type = "Q4_K";
    options.keep = {"*attn_output*"};
    const auto report = quantize_model(data / name, out, options);
    REQUIRE_MESSAGE(report, report.error().message);
    CHECK(!report->fallbacks.empty());  // no row is as long as 256
    CHECK(report->tensors_by_type.at("F32") > 0);
    const auto before = load_model_package(data / name), after = load_model_package(out);
    REQUIRE_MESSAGE(after, after.error().message);
    CHECK(before->special.bos == after->special.bos);
    CHECK(before->special.eos == after->special.eos);
    CHECK(before->special.fim_middle == after->special.fim_middle);
    CHECK(before->add_bos == after->add_bos);
    CHECK(before->info.capabilities == after->info.capabilities);
    REQUIRE(before->fim.has_value() == after->fim.has_value());
    if (before->fim) CHECK(before->fim->order == after->fim->order);
    const std::string text = "int main() { return 42; }  // Größe 漢字\n\n\tx = 'a'";
    CHECK(before->tokenizer.encode(text, false) == after->tokenizer.encode(text, false));
    CHECK(after->tensors.at("blk.0.attn_output.weight").view.type == before->tensors.begin()->second.view.type);
  }
}

TEST_CASE("quantize_model: the chat template comes along, from a folder and from a GGUF file") {
  const TemporaryFolder folder;
  const fs::path chat = folder.path / "chat", first = folder.path / "first.gguf", second = folder.path / "second.gguf";
  fs::copy(fs::path(GRAFT_SOURCE_DIR) / "tests/data/engine/lite", chat);
  const std::string text = "User: {{ content }}\n\nAssistant:";
  std::ofstream(chat / "chat_template.jinja") << text;
  const QuantizeOptions options{"F32", {}, false, 0, {}, {}};
  REQUIRE(quantize_model(chat, first, options));
  REQUIRE(quantize_model(first, second, options));
  for (const fs::path& model : {chat, first, second}) {
    CAPTURE(model.string());
    const auto package = load_model_package(model);
    REQUIRE_MESSAGE(package, package.error().message);
    CHECK(package->chat_template == text);
  }
}

// llama.cpp asks every file for its tokenizer, and takes this for none.
TEST_CASE("quantize_model: a file without a tokenizer says so, and is read as one") {
  const TemporaryFolder folder;
  const fs::path out = folder.path / "out.gguf";
  const auto report = quantize_model(fs::path(GRAFT_SOURCE_DIR) / "tests/data/engine/families/llama", out,
                                     QuantizeOptions{"F32", {}, false, 0, {}, {}});
  REQUIRE_MESSAGE(report, report.error().message);
  const auto mapped = base::MappedFile::open(out);
  REQUIRE(mapped);
  const auto gguf = read_gguf(mapped->bytes(), "out.gguf");
  REQUIRE_MESSAGE(gguf, gguf.error().message);
  const auto said = gguf->metadata.find("tokenizer.ggml.model");
  REQUIRE(said != gguf->metadata.end());
  CHECK(std::get<std::string_view>(said->second.value) == "none");
  const auto package = load_model_package(out);
  REQUIRE_MESSAGE(package, package.error().message);
  CHECK(!package->info.has_tokenizer);
}

TEST_CASE("quantize_model: a file that is there stays, and an ended run leaves nothing") {
  const TemporaryFolder folder;
  const fs::path model = fs::path(GRAFT_SOURCE_DIR) / "tests/data/engine/lite", out = folder.path / "out.gguf";
  QuantizeOptions options;
  options.type = "Q8_0";
  std::stop_source stop;
  options.stop = stop.get_token();
  options.progress = [&](uint64_t, uint64_t, std::string_view) { stop.request_stop(); };
  auto report = quantize_model(model, out, options);
  REQUIRE(!report);
  CHECK(report.error().code == base::ErrorCode::kCancelled);
  CHECK(folder.empty());

  options = {};
  options.type = "Q8_0";
  std::ofstream(out) << "mine";
  report = quantize_model(model, out, options);
  REQUIRE(!report);
  CHECK(report.error().code == base::ErrorCode::kDenied);
  CHECK(fs::file_size(out) == 4);
  options.replace = true;
  REQUIRE(quantize_model(model, out, options));
  CHECK(load_model_package(out));

  options.type = "IQ2_XXS";
  report = quantize_model(model, folder.path / "other.gguf", options);
  REQUIRE(!report);
  CHECK(report.error().message.find("Q4_K") != std::string::npos);
  report = quantize_model(model, folder.path / "no/such/folder.gguf", QuantizeOptions{"Q8_0", {}, false, 0, {}, {}});
  CHECK(!report);
}
