// SPDX-License-Identifier: Apache-2.0
// FP8 and FP4 matrices with scales beside them: their values, the products on every path, and checkpoints that are
// damaged.
#include "engine/load/stored_scales.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "engine/fast/activation_buffer.h"
#include "engine/formats/dequantize.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

class Golden {
 public:
  Golden() {
    auto read =
        base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/stored_scales.bin", 1 << 20);
    REQUIRE(read);
    bytes_ = std::move(*read);
  }
  const std::byte* take(size_t n) {
    REQUIRE(at_ + n <= bytes_.size());
    const auto* from = reinterpret_cast<const std::byte*>(bytes_.data()) + at_;
    at_ += n;
    return from;
  }
  bool done() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

TensorView matrix_of(DType type, int64_t n_out, int64_t n_in, const std::byte* data, const BlockScales& scales) {
  TensorView view;
  view.type = type;
  view.n_dims = 2;
  view.shape = {n_out, n_in, 0, 0};
  view.data = data;
  view.scales = scales;
  return view;
}

void check_bits(const TensorView& view, const std::byte* want) {
  std::vector<float> row(static_cast<size_t>(view.n_in()));
  for (int64_t r = 0; r < view.n_rows(); ++r) {
    dequantize_row(view, r, row);
    CHECK(std::memcmp(row.data(), want + r * view.n_in() * 4, row.size() * 4) == 0);
  }
}

// A weight of F8_E4M3 [3, 40] with blocks of 2 x 32, and packed values [3, 32] with their scales.
struct Table {
  std::vector<std::byte> bytes = std::vector<std::byte>(4096, std::byte{0x38});  // 1 in E4M3
  TensorTable tensors;
  nlohmann::json config = {{"quantization_config", {{"quant_method", "fp8"}, {"weight_block_size", {2U, 32U}}}}};

  void add(const std::string& name, DType type, int64_t rows, int64_t columns) {
    StoredTensor stored;
    stored.view = matrix_of(type, rows, columns, bytes.data(), {});
    stored.file = "model.safetensors";
    stored.file_offset = 777;
    tensors[name] = stored;
  }
  Table() {
    add("a.weight", DType::kF8_E4M3, 3, 40);
    add("a.weight_scale_inv", DType::kF32, 2, 2);
    add("b.weight", DType::kU8, 3, 32);
    add("b.scale", DType::kF8_E8M0, 3, 2);
  }
  std::string fault() {
    const base::Status joined = join_stored_scales(config, tensors);
    return joined ? "" : joined.error().message;
  }
};

void check_has(const std::string& text, const std::string& part) {
  CHECK_MESSAGE(text.find(part) != std::string::npos, text << " should say " << part);
}

}  // namespace

TEST_CASE("DeepSeek-V4.1: a table of Engram has scales for each row alone, and the block size may stand in text_config") {
  Table table;
  table.config = {{"text_config", table.config}};
  table.add("layers.1.engram.embed.weight", DType::kF8_E4M3, 3, 64);
  table.add("layers.1.engram.embed.scale", DType::kF8_E8M0, 3, 2);
  CHECK(table.fault() == "");
  const BlockScales& scales = table.tensors.at("layers.1.engram.embed.weight").view.scales;
  CHECK(scales.block_rows == 1);
  CHECK(scales.block_columns == 32);
  CHECK(table.tensors.at("a.weight").view.scales.block_rows == 2);
  Table blocks;
  blocks.add("layers.1.engram.embed.weight", DType::kF8_E4M3, 3, 64);
  blocks.add("layers.1.engram.embed.scale", DType::kF8_E8M0, 2, 2);
  check_has(blocks.fault(), "[3, 2] scales");
}

TEST_CASE("E4M3, E8M0 and packed E2M1 decode to torch's values bit for bit") {
  Golden golden;
  const std::byte* e4m3 = golden.take(1024);
  const std::byte* e8m0 = golden.take(1024);
  for (int i = 0; i < 256; ++i) {
    float values[2];
    std::memcpy(&values[0], e4m3 + 4 * i, 4);
    std::memcpy(&values[1], e8m0 + 4 * i, 4);
    const float got[2] = {e4m3_to_f32(static_cast<uint8_t>(i)), e8m0_to_f32(static_cast<uint8_t>(i))};
    for (int k = 0; k < 2; ++k)
      CHECK((std::isnan(values[k]) ? std::isnan(got[k]) : std::memcmp(&got[k], &values[k], 4) == 0));
  }
  const std::byte* values = golden.take(5 * 72);
  const std::byte* scales = golden.take(9 * 4);
  check_bits(matrix_of(DType::kF8_E4M3, 5, 72, values, {scales, DType::kF32, 2, 32, 3, 0}), golden.take(5 * 72 * 4));
  values = golden.take(3 * 32);
  scales = golden.take(6);
  check_bits(matrix_of(DType::kFP4, 3, 64, values, {scales, DType::kF8_E8M0, 1, 32, 2, 0}), golden.take(3 * 64 * 4));
  CHECK(golden.done());
}

TEST_CASE("products with F8_E4M3 and FP4 and their scales stay within the bound on every path") {
  std::mt19937 random(21);
  struct Case {
    DType type;
    int64_t n_out, n_in;
    int32_t block_rows, block_columns;
    int64_t first_row;
  };
  for (const FastKernels* kernels : all_kernels())
    for (const Case& c : {Case{DType::kF8_E4M3, 40, 200, 32, 64, 5}, Case{DType::kF8_E4M3, 17, 45, 128, 128, 0},
                          Case{DType::kFP4, 33, 96, 1, 32, 2}})
      for (const int64_t n_tokens : {1, 3, 7}) {
        CAPTURE(std::string(kernels->name));
        CAPTURE(std::string(traits(c.type).name));
        CAPTURE(n_tokens);
        const int64_t per_row = (c.n_in + c.block_columns - 1) / c.block_columns;
        std::vector<std::byte> bytes(static_cast<size_t>(c.n_out * c.n_in));
        for (std::byte& b : bytes) {
          b = static_cast<std::byte>(random() & 255U);
          if ((b & std::byte{0x7F}) == std::byte{0x7F}) b = std::byte{0};
        }
        std::vector<std::byte> scales(static_cast<size_t>((c.first_row + c.n_out) * per_row));
        for (std::byte& s : scales) s = static_cast<std::byte>(118 + random() % 6);
        const TensorView view =
            matrix_of(c.type, c.n_out, c.n_in, bytes.data(),
                      {scales.data(), DType::kF8_E8M0, c.block_rows, c.block_columns, per_row, c.first_row});
        PackedMatrix m;
        m.type = c.type, m.n_out = c.n_out, m.n_in = c.n_in, m.source = view;
        const std::vector<float> x = random_floats(random, n_tokens * c.n_in);
        ActivationBuffer rows(n_tokens, c.n_in);
        for (int64_t t = 0; t < n_tokens; ++t) {
          std::copy_n(x.data() + t * c.n_in, c.n_in, rows.row(t));
          if (is_quantized(c.type)) rows.quantize(*kernels, t, 0, c.n_in);
        }
        std::vector<float> got(static_cast<size_t>(n_tokens * c.n_out)), want(got);
        std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
        matmul_panels(*kernels, m, 0, m.n_panels(), rows.from(0), n_tokens, got.data(), c.n_out, scratch.data());
        matmul_cpu_reference(view, x.data(), n_tokens, want.data());
        CHECK(relative_error(got, want) <= (c.type == DType::kFP4 ? 2e-2 : 2e-6));
      }
}

TEST_CASE("turned matrices with scales beside them") {
  std::mt19937 random(5);
  for (const FastKernels* kernels : all_kernels())
    for (const DType type : {DType::kF8_E4M3, DType::kFP4}) {
      CAPTURE(std::string(kernels->name)); CAPTURE(std::string(traits(type).name));
      constexpr int64_t kRows = 40, kColumns = 96, kBlockRows = 16, kBlockColumns = 32;
      std::vector<std::byte> bytes(kRows * kColumns), scales(4 * 3);  // the first grid row belongs to rows before these
      for (std::byte& b : bytes) {
        b = static_cast<std::byte>(random() & 255U);
        if ((b & std::byte{0x7F}) == std::byte{0x7F}) b = std::byte{0};
      }
      for (std::byte& s : scales) s = static_cast<std::byte>(118 + random() % 6);
      PackedMatrix m;
      m.source = matrix_of(type, kRows, kColumns, bytes.data(),
                           {scales.data(), DType::kF8_E8M0, kBlockRows, kBlockColumns, kColumns / kBlockColumns, 8});
      m.type = type, m.turned = true, m.n_out = kColumns, m.n_in = kRows;
      const std::vector<float> x = random_floats(random, kRows);
      ActivationBuffer rows(1, kRows);
      std::copy_n(x.data(), kRows, rows.row(0));
      std::vector<float> got(kColumns), want(kColumns), row(kColumns);
      for (int64_t i = 0; i < kRows; ++i) {
        dequantize_row(m.source, i, row);
        for (int64_t o = 0; o < kColumns; ++o) want[static_cast<size_t>(o)] += row[static_cast<size_t>(o)] * x[static_cast<size_t>(i)];
      }
      std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
      matmul_panels(*kernels, m, 0, m.n_panels(), rows.from(0), 1, got.data(), kColumns, scratch.data());
      CHECK(relative_error(got, want) <= 2e-6);
    }
}

TEST_CASE("a code of NaN in F8_E4M3 reaches the product on every path, and no other row") {
  for (const FastKernels* kernels : all_kernels()) {
    std::vector<std::byte> bytes(2 * 40, std::byte{0x38});
    bytes[39] = std::byte{0xFF};
    PackedMatrix m;
    m.type = DType::kF8_E4M3, m.n_out = 2, m.n_in = 40, m.source = matrix_of(DType::kF8_E4M3, 2, 40, bytes.data(), {});
    ActivationBuffer x(1, 40);
    std::fill_n(x.row(0), 40, 1.0f);
    std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
    float y[2];
    matmul_panels(*kernels, m, 0, 1, x.from(0), 1, y, 2, scratch.data());
    CHECK(std::isnan(y[0]));
    CHECK(y[1] == 40.0f);
  }
}

TEST_CASE("gpt-oss with packed experts, as it was released, gives the logits of its rounded weights") {
  ThreadPool pool(2);
  const TinyModel tiny = read_model("gpt_oss_mxfp4");
  const auto logits = [&](Model& model) {
    const auto cache = model.make_cache(static_cast<int64_t>(tiny.tokens.size()));
    return logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()});
  };
  CHECK(relative_error(logits(*tiny.family->make_reference()), tiny.logits) <= 1e-4);
  // 8-bit activations: one in 254 of a block's largest, over two layers.
  for (const FastKernels* kernels : all_kernels())
    CHECK(relative_error(logits(*tiny.family->make_fast(*kernels, pool, true)), tiny.logits) <= 3e-2);
  ModelInfo info;
  tiny.family->describe(info);
  CHECK(std::find(info.weight_types.begin(), info.weight_types.end(), "MXFP4") != info.weight_types.end());
}

TEST_CASE("join_stored_scales: views get their scales, which leave the table") {
  Table table;
  REQUIRE(table.fault() == "");
  CHECK(table.tensors.size() == 2);
  CHECK(table.tensors.at("a.weight").view.scales.per_row == 2);
  const TensorView& packed = table.tensors.at("b.weight").view;
  CHECK(packed.type == DType::kFP4);
  CHECK(packed.n_in() == 64);
  CHECK(packed.size_bytes() == 3 * 32);
}

TEST_CASE("join_stored_scales: missing and misshapen scales are refused by name") {
  const auto fault_after = [](const std::function<void(Table&)>& change) {
    Table table;
    change(table);
    return table.fault();
  };
  std::string text = fault_after([](Table& t) { t.tensors.erase("a.weight_scale_inv"); });
  check_has(text, "tensor a.weight at byte 777");
  check_has(text, "a.weight_scale_inv");
  text = fault_after([](Table& t) { t.add("a.weight_scale_inv", DType::kF32, 2, 3); });
  check_has(text, "tensor a.weight_scale_inv at byte 777");
  check_has(text, "[2, 2] scales");
  check_has(fault_after([](Table& t) { t.add("a.weight_scale_inv", DType::kU8, 2, 2); }), "holds no scales");
  check_has(fault_after([](Table& t) { t.add("b.scale", DType::kF8_E8M0, 3, 1); }), "tensor b.scale at byte 777");
  check_has(fault_after([](Table& t) { t.add("b.scale", DType::kF32, 3, 2); }), "F8_E8M0");
  check_has(fault_after([](Table& t) { t.config.erase("quantization_config"); }), "quantization_config");
  check_has(fault_after([](Table& t) {
              t.config["quantization_config"]["weight_block_size"] = {2U, 0U};
            }),
            "weight_block_size");
  check_has(fault_after([](Table& t) {
              t.config["quantization_config"]["weight_block_size"] = {2U, 40U};
            }),
            "multiples of 32");
  check_has(fault_after([](Table& t) { t.tensors.at("a.weight").view.n_dims = 3; }), "a.weight");
}
