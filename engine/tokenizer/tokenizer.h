// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/tokenizer.h: byte-level BPE, from tokenizer.json or from GGUF metadata.
//
// Bytes    decode(encode(text)) == text for every byte string, UTF-8 or not: all 256 bytes have a token, and a tokenizer
//          that would change text (most normalisers, added prefix space, stripping added tokens) is refused by name. The one
//          exception is Unicode's form C, as Qwen asks for it: there decode(encode(text)) == to_nfc(text).
// Threads  Constant after load.
// Errors   kCorrupt for a damaged file, kInvalidArgument naming the part that Graft does not compute.
// Source   Hugging Face tokenizers (BPE, ByteLevel, Split, Digits, Sequence); GGUF tokenizer.ggml.* of model "gpt2".
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/formats/gguf.h"
#include "engine/formats/gguf_writer.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/pre_tokenizer.h"

namespace engine {

// A token that is found in the text as written, before anything is cut or merged.
struct AddedToken {
  std::string text;
  Token id = 0;
  bool special = false;      // found only where the caller asks for it
  bool second_pass = false;  // looked for between the matches of the first pass ("normalized")
};

// What a file says, checked by Tokenizer::make.
struct TokenizerParts {
  std::vector<std::string> entries;  // by id, in bytes; empty: no such token
  std::vector<Merge> merges;         // by rank
  std::vector<AddedToken> added;
  std::vector<Split> splits;
  bool ignore_merges = false;  // a piece that is a token stays whole
  bool nfc = false;            // text is brought to Unicode's form C first, added tokens of the first pass left out
};

class Tokenizer {
 public:
  static base::Result<Tokenizer> make(TokenizerParts parts);

  std::vector<Token> encode(std::string_view text, bool parse_special) const;
  // Ids out of range give nothing.
  std::string decode(std::span<const Token> tokens) const;

  // Ids go from 0 to below this; some may be unused.
  int n_tokens() const { return static_cast<int>(parts_.entries.size()); }
  const TokenizerParts& parts() const { return parts_; }
  // The bytes of one token; empty for unused ids.
  std::string_view bytes_of(Token token) const;
  // Whether it stands for a mark rather than for text.
  bool is_special(Token token) const {
    for (const AddedToken& added : parts_.added)
      if (added.id == token) return added.special;
    return false;
  }
  // The added token of exactly this text.
  std::optional<Token> added_token(std::string_view text) const;

 private:
  // Added tokens by their bytes: children of a node under node << 8 | byte.
  struct Trie {
    std::unordered_map<uint64_t, uint32_t> children;
    std::vector<int32_t> added{-1};  // by node: index into parts_.added
    std::array<bool, 256> first{};   // bytes that begin a token
  };
  void insert(Trie& trie, size_t added_index);
  const AddedToken* longest_match(const Trie& trie, std::string_view text) const;
  template <typename Plain>
  void split_off_added(const Trie& trie, std::string_view text, bool parse_special, std::vector<Token>& out,
                       Plain plain) const;
  void encode_second_pass(std::string_view text, bool parse_special, std::vector<Token>& out) const;
  void encode_plain(std::string_view text, std::vector<Token>& out) const;

  TokenizerParts parts_;
  MergeTable merges_;
  std::array<Token, 256> byte_tokens_{};
  std::unordered_map<std::string, Token> whole_pieces_;  // only with ignore_merges
  Trie first_pass_, second_pass_;
};

// `json_text`: the content of tokenizer.json.
base::Result<Tokenizer> tokenizer_from_json(std::string_view json_text);
base::Result<Tokenizer> tokenizer_from_gguf(const GgufFile& gguf);

// The vocabulary, merges and pre-tokenizer as tokenizer.ggml.*; `n_vocab` entries, the missing ones marked as unused.
// kInvalidArgument for a pre-tokenizer that GGUF has no name for.
base::Status tokenizer_to_gguf(const Tokenizer& tokenizer, int n_vocab, GgufContent& content);

}  // namespace engine
