// SPDX-License-Identifier: Apache-2.0
// tests/engine/adapter_kit.h: LoRA adapters made on the spot.
#pragma once
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "engine/lora/linear_modules.h"
#include "engine/session.h"
#include "tests/engine/session_kit.h"

namespace engine::test {

struct NamedMatrix {
  std::string name;
  int64_t n_rows = 0, n_in = 0;
  std::vector<float> values;
};

// A safetensors file of F32 matrices.
inline std::string safetensors_bytes(const std::vector<NamedMatrix>& matrices) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const NamedMatrix& m : matrices) {
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(m.values.data()), m.values.size() * sizeof(float));
    header[m.name] = {{"dtype", "F32"}, {"shape", {m.n_rows, m.n_in}}, {"data_offsets", {begin, data.size()}}};
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text + data;
}

// A random adapter of one rank for each of `modules` whose turn it is: every `step`-th, the first included.
inline std::vector<NamedMatrix> random_adapter(std::span<const LinearModule> modules, int rank, size_t step,
                                               uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<NamedMatrix> made;
  for (size_t i = 0; i < modules.size(); i += step) {
    const LinearModule& m = modules[i];
    for (const bool b : {false, true}) {
      NamedMatrix matrix{"base_model.model." + m.name + (b ? ".lora_B.weight" : ".lora_A.weight"),
                         b ? m.n_out : rank,
                         b ? rank : m.n_in,
                         {}};
      for (int64_t v = 0; v < matrix.n_rows * matrix.n_in; ++v) matrix.values.push_back(normal(random) * 0.15f);
      made.push_back(std::move(matrix));
    }
  }
  return made;
}

inline void write_adapter(const std::filesystem::path& folder, const nlohmann::json& config,
                          const std::vector<NamedMatrix>& matrices) {
  std::filesystem::create_directories(folder);
  REQUIRE(base::write_file_atomic(folder / "adapter_config.json", config.dump()));
  REQUIRE(base::write_file_atomic(folder / "adapter_model.safetensors", safetensors_bytes(matrices)));
}

}  // namespace engine::test
