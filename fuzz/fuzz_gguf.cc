// SPDX-License-Identifier: Apache-2.0
// GGUF bytes: container, configuration, weights and tokenizer.
#include <cstdint>
#include <cstdlib>

#include "engine/formats/dequantize.h"
#include "engine/formats/gguf.h"
#include "engine/formats/gguf_split.h"
#include "engine/family.h"
#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto part = engine::read_gguf_part(bytes, "a-00001-of-00002.gguf"); part) {
    const std::vector<std::string> names = {"a-00001-of-00002.gguf", "a-00002-of-00002.gguf"};
    if (engine::join_gguf_parts({*part, *part}, names)) std::abort();  // both are the same part
  }
  const auto gguf = engine::read_gguf(bytes, "input");
  if (!gguf) return 0;
  // Every view that the reader returned must be readable to its last byte.
  for (const auto& [name, stored] : gguf->tensors) {
    if (stored.view.n_rows() == 0 || stored.view.n_in() == 0) continue;
    std::vector<float> row(static_cast<size_t>(stored.view.n_in()));
    engine::dequantize_row(stored.view, 0, row);
    engine::dequantize_row(stored.view, stored.view.n_rows() - 1, row);
  }
  if (const auto family = engine::family_from_gguf(*gguf)) {
    engine::ModelInfo info;
    (*family)->describe(info);
    if (info.n_layers < 1 || info.n_vocab < 1) std::abort();
  }
  if (const auto tokenizer = engine::tokenizer_from_gguf(*gguf)) {
    const std::string text = "for (int i = 0; i < 3; ++i) {}\n<|end|>\xFF";
    if (tokenizer->decode(tokenizer->encode(text, true)) != text) std::abort();
  }
  return 0;
}
