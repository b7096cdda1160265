// SPDX-License-Identifier: Apache-2.0
// Tokenizer to GGUF metadata tokenizer.ggml.* of model "gpt2".
#include <optional>

#include "base/strings.h"
#include "base/utf8.h"
#include "engine/tokenizer/byte_level.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {
namespace {

constexpr int32_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) base::append_utf8(text, byte_level_alphabet()[static_cast<unsigned char>(c)]);
  return text;
}

// The name whose splits these are; that with the same treatment of whole pieces and of form C where several are.
std::optional<std::string_view> name_of(const TokenizerParts& parts) {
  constexpr std::string_view kNames[] = {"gpt-2",       "llama-bpe",    "qwen2",         "qwen35",
                                         "seed-coder",  "gpt-4o",       "tekken",        "starcoder",
                                         "deepseek-v3", "deepseek-llm", "deepseek-coder"};
  for (const std::string_view name : kNames)
    if (const auto splits = splits_named(name); splits && *splits == parts.splits) return name;
  return std::nullopt;
}

}  // namespace

base::Status tokenizer_to_gguf(const Tokenizer& tokenizer, int n_vocab, GgufContent& content) {
  const TokenizerParts& parts = tokenizer.parts();
  const auto name = name_of(parts);
  if (!name) return base::invalid("the tokenizer's pre-tokenizer has no name in GGUF (tokenizer.ggml.pre)");
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  for (const std::string& entry : parts.entries) {
    tokens.push_back(entry.empty() ? base::cat("[PAD", tokens.size(), "]") : to_byte_level(entry));
    types.push_back(entry.empty() ? kUnused : kNormal);
  }
  std::vector<std::string> merges;
  for (const Merge& merge : parts.merges)
    merges.push_back(tokens[static_cast<size_t>(merge.left)] + " " + tokens[static_cast<size_t>(merge.right)]);
  for (const AddedToken& added : parts.added) {
    tokens[static_cast<size_t>(added.id)] = added.text;
    types[static_cast<size_t>(added.id)] = added.special ? kControl : kUserDefined;
  }
  for (auto id = static_cast<int>(tokens.size()); id < n_vocab; ++id) {
    tokens.push_back(base::cat("[PAD", id, "]"));
    types.push_back(kUnused);
  }
  content.put("tokenizer.ggml.model", std::string("gpt2"));
  content.put("tokenizer.ggml.pre", std::string(*name));
  content.put("tokenizer.ggml.tokens", std::move(tokens));
  content.put("tokenizer.ggml.token_type", std::move(types));
  content.put("tokenizer.ggml.merges", std::move(merges));
  return base::ok();
}

}  // namespace engine
