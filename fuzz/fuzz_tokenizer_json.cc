// SPDX-License-Identifier: Apache-2.0
// tokenizer.json text; a tokenizer that is accepted must give every byte back.
#include <cstdint>
#include <cstdlib>

#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = engine::tokenizer_from_json(text);
  if (!tokenizer) return 0;
  const std::string_view sample = text.substr(0, 2000);
  if (tokenizer->decode(tokenizer->encode(sample, true)) != sample) std::abort();
  if (tokenizer->decode(tokenizer->encode(sample, false)) != sample) std::abort();
  return 0;
}
