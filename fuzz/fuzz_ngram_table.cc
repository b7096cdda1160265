// SPDX-License-Identifier: Apache-2.0
// Tables of n-grams: what is not refused answers every context with tokens of its vocabulary.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "agent/memory/ngram_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  const auto table = agent::NgramTable::of(bytes);
  if (!table) return 0;
  for (size_t i = 0; i < size;
       i += 3) {  // contexts from the file's own bytes: nearer to what it knows than random ones
    std::vector<engine::Token> context;
    for (size_t k = i; k < size && context.size() < 1 + i % 6; ++k) context.push_back(data[k] % 32 - 1);
    for (const agent::Share& share : table->after(context))
      if (share.token < 0 || static_cast<size_t>(share.token) >= table->n_vocab() || !(share.share > 0)) std::abort();
  }
  return 0;
}
