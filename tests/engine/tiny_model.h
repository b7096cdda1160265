// SPDX-License-Identifier: Apache-2.0
// tests/engine/tiny_model.h: the tiny models of tests/data/engine/families (made by make_families.py) with Hugging
// Face's logits.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "engine/family.h"
#include "engine/formats/gguf.h"
#include "engine/formats/safetensors.h"
#include "engine/lora/peft.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine::test {

struct TinyModel {
  SafetensorsModel folder;  // what the family's views point into
  std::optional<base::MappedFile> file;
  std::optional<GgufFile> gguf;
  std::optional<Tokenizer> tokenizer;  // where tokenizer.json lies beside the model
  std::unique_ptr<const Family> family;
  std::vector<int32_t> tokens, greedy;
  std::vector<float> logits;  // [tokens, n_vocab]
  int n_vocab = 0;
};

enum class Container { kFolder, kGguf };
// `changes`: a JSON object whose members replace those of config.json; golden logits then mean nothing.
TinyModel read_model(const std::string& name, Container container = Container::kFolder,
                     std::string_view changes = "{}");

// Logits of tokens [from, end), which are handed over in pieces of the given sizes, the last one repeated.
std::vector<float> logits_of(Model& model, Cache& cache, int n_vocab, std::span<const int32_t> tokens, size_t from,
                             const std::vector<size_t>& pieces, const AdapterWeights* adapter = nullptr);

// One of tests/data/engine/adapters (made by make_adapters.py): its model, with tokens and logits as the adapter changes them.
struct AdaptedModel {
  TinyModel tiny;
  PeftAdapter adapter;
};
AdaptedModel read_adapted(const std::string& name, Container container = Container::kFolder);

// Checks that uneven chunks, single tokens and going back give the bits of one prefill, which are returned.
std::vector<float> check_pieces(Model& model, const TinyModel& tiny, const AdapterWeights* adapter = nullptr);
// The same, and the golden logits and greedy text.
void check_model(Model& model, const TinyModel& tiny, const AdapterWeights* adapter = nullptr);

}  // namespace engine::test
