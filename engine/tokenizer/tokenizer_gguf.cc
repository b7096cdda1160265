// SPDX-License-Identifier: Apache-2.0
// GGUF metadata tokenizer.ggml.* of model "gpt2" to Tokenizer.
#include "base/strings.h"
#include "engine/load/limits.h"
#include "engine/tokenizer/byte_level.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {
namespace {

// tokenizer.ggml.token_type
constexpr int64_t kNormal = 1, kControl = 3, kUserDefined = 4;

std::string at_key(const GgufFile& gguf, std::string_view key) {
  const auto found = gguf.metadata.find(key);
  return found == gguf.metadata.end() ? base::cat("metadata ", key)
                                      : base::cat("metadata ", key, " at byte ", found->second.file_offset);
}

template <typename T>
const T* value_of(const GgufFile& gguf, std::string_view key) {
  const auto found = gguf.metadata.find(key);
  return found == gguf.metadata.end() ? nullptr : std::get_if<T>(&found->second.value);
}

base::Result<std::vector<std::string_view>> strings_of(const GgufFile& gguf, std::string_view key) {
  const auto* array = value_of<GgufArray>(gguf, key);
  auto strings = array == nullptr ? std::nullopt : string_elements(*array);
  if (!strings) return base::corrupt(base::cat(at_key(gguf, key), " is missing or no array of strings"));
  return *std::move(strings);
}

base::Status read_tokens(const GgufFile& gguf, const std::vector<std::string_view>& tokens, TokenizerParts& parts) {
  std::vector<int64_t> types(tokens.size(), kNormal);
  if (const auto* array = value_of<GgufArray>(gguf, "tokenizer.ggml.token_type")) {
    const auto read = integer_elements(*array);
    if (!read || read->size() != tokens.size())
      return base::corrupt(base::cat(at_key(gguf, "tokenizer.ggml.token_type"),
                                     " must hold one number for each of the ", tokens.size(), " tokens"));
    types = *read;
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    std::string text(tokens[id]);
    if (types[id] == kControl || types[id] == kUserDefined) {
      if (text.empty())
        return base::corrupt(base::cat(at_key(gguf, "tokenizer.ggml.tokens"), ": token ", id, " is empty"));
      parts.added.push_back({text, static_cast<Token>(id), types[id] == kControl, false});
    }
    parts.entries.push_back(types[id] == kNormal ? from_byte_level(text).value_or(text) : text);
  }
  return base::ok();
}

base::Status read_merges(const GgufFile& gguf, const std::vector<std::string_view>& tokens, TokenizerParts& parts) {
  auto merges = strings_of(gguf, "tokenizer.ggml.merges");
  if (!merges) return std::move(merges).error();
  std::unordered_map<std::string_view, Token> ids;
  for (size_t id = 0; id < tokens.size(); ++id) ids.emplace(tokens[id], static_cast<Token>(id));
  for (size_t rank = 0; rank < merges->size(); ++rank) {
    const std::string_view merge = (*merges)[rank];
    const auto bad = [&](std::string_view problem) {
      return base::corrupt(base::cat(at_key(gguf, "tokenizer.ggml.merges"), ": merge ", rank, " ", problem));
    };
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos)
      return bad("is not two tokens with one space between them");
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    const std::string joined = std::string(left) + std::string(right);
    const auto a = ids.find(left), b = ids.find(right), both = ids.find(joined);
    if (a == ids.end() || b == ids.end() || both == ids.end())
      return bad(base::cat("names a token that is not in the vocabulary: ",
                           shown_name(a == ids.end()   ? left
                                      : b == ids.end() ? right
                                                       : std::string_view(joined))));
    parts.merges.push_back({a->second, b->second, both->second});
  }
  return base::ok();
}

}  // namespace

base::Result<Tokenizer> tokenizer_from_gguf(const GgufFile& gguf) {
  const auto* model = value_of<std::string_view>(gguf, "tokenizer.ggml.model");
  if (model == nullptr) return base::corrupt("metadata tokenizer.ggml.model is missing: the file holds no tokenizer");
  if (*model != "gpt2")
    return base::invalid(base::cat(at_key(gguf, "tokenizer.ggml.model"), " is \"", shown_name(*model),
                                   "\"; Graft reads byte-level BPE (\"gpt2\")"));
  auto tokens = strings_of(gguf, "tokenizer.ggml.tokens");
  if (!tokens) return std::move(tokens).error();
  if (tokens->size() > static_cast<size_t>(kMaxVocab))
    return base::corrupt(base::cat(at_key(gguf, "tokenizer.ggml.tokens"), " holds ", tokens->size(),
                                   " tokens; at most ", kMaxVocab, " are possible"));
  const auto* pre = value_of<std::string_view>(gguf, "tokenizer.ggml.pre");
  TokenizerParts parts;
  auto splits = splits_named(pre == nullptr ? "default" : *pre);
  if (!splits) return std::move(splits).error().in(at_key(gguf, "tokenizer.ggml.pre"));
  parts.splits = std::move(*splits);
  const std::string_view name = pre == nullptr ? "" : *pre;
  // As the tokenizer.json of these models says; GGUF has no key for either.
  parts.ignore_merges = name == "llama3" || name == "llama-v3" || name == "llama-bpe" || name == "tekken";
  parts.nfc = name == "qwen2" || name == "qwen35";
  if (base::Status read = read_tokens(gguf, *tokens, parts); !read) return std::move(read).error();
  if (base::Status read = read_merges(gguf, *tokens, parts); !read) return std::move(read).error();
  auto tokenizer = Tokenizer::make(std::move(parts));
  if (!tokenizer) return std::move(tokenizer).error().in("GGUF tokenizer");
  return tokenizer;
}

}  // namespace engine
