// SPDX-License-Identifier: Apache-2.0
// agent/memory/ngram_table.h: what much text said comes after a few tokens, in a file beside a small model.
//
// A model of a few megabytes was trained on little, and on few languages. A table of the n-grams that many packages
// share knows their idioms at the price of a look-up; expert_mixture.h weighs it against the model and the open files.
//
// File     Little-endian; written by models/train/ngram_table.py. Each part is filled up to eight bytes.
//            8 bytes "GRAFTNGM"; u32 version (1), n_vocab, order, 0; u64 vocabulary (below); u64 n_2 .. n_order, of
//            n-grams u32 begins[n_vocab + 1]     where the followers of each single token begin among the 2-grams u16
//            grams[n_2]              an n-gram's last token << 4 | class; its share of what follows is 2^(-class / 2)
//            for n = 3 .. order:
//              u32 samples[ceil(n_(n-1) / 64)]  where the followers of every 64th n-1-gram begin among the n-grams
//              u8  n_followers[n_(n-1)]
//              u16 grams[n_n]
//          Followers of one context stand together, by rising token. Shares add up to less than one: the rest is
//          unknown.
// Threads  Constant after open().
// Errors   kNotFound, kDenied, kIo; kCorrupt, with the place, for a file that does not hold what it says it holds.
// Source   Absolute discounting: Ney, Essen, Kneser 1994. Tries of quantised n-grams: Heafield 2011 (KenLM).
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/memory/expert_mixture.h"
#include "base/file.h"
#include "engine/engine.h"

namespace agent {

using SpellToken = std::function<std::string(engine::Token)>;

class NgramTable {
 public:
  static base::Result<NgramTable> open(const std::filesystem::path& path);
  // A file's bytes, which outlive it and begin at a multiple of eight.
  static base::Result<NgramTable> of(std::span<const std::byte> bytes);
  // Where a model's table lies: beside its file under its name, with the ending ".ngrams". Empty where nothing lies
  // there, and where the model has no tokens of text.
  static std::filesystem::path path_beside(const engine::ModelInfo& model);
  // That table, at `path`; `spell` gives a token's bytes. kInvalidArgument for one of another vocabulary.
  static base::Result<NgramTable> open_for(const engine::ModelInfo& model, const std::filesystem::path& path,
                                           const SpellToken& spell);
  // The same for a model at work: null where there is none. One of another vocabulary, or damaged, is none either, and
  // the log says so.
  static std::shared_ptr<const NgramTable> beside(const engine::Engine& model);

  size_t n_vocab() const { return begins_.size() - 1; }
  size_t n_ngrams() const;
  uint64_t n_bytes() const { return n_bytes_; }
  size_t longest_context() const { return levels_.size(); }  // tokens
  uint64_t vocabulary() const { return vocabulary_; }        // vocabulary_mark() of the model it was made for

  // What follows `context`, 1 to longest_context() tokens: by rising token, each once, shares positive. Empty where
  // unknown.
  std::vector<Share> after(std::span<const engine::Token> context) const;

 private:
  struct Level {                        // of the contexts of one length
    std::span<const uint32_t> samples;  // none for contexts of one token
    std::span<const uint8_t> n_followers;
    std::span<const uint16_t> followers;
  };
  struct Range {
    size_t begin = 0, end = 0;  // among a level's followers
  };

  base::Status read(std::span<const std::byte> bytes);
  base::Status check() const;
  Range followers_of(size_t level, size_t context) const;

  std::optional<base::MappedFile> file_;
  uint64_t vocabulary_ = 0, n_bytes_ = 0;
  std::span<const uint32_t> begins_;
  std::vector<Level> levels_;
};

// FNV-1a, 64 bits, over each token's bytes and a byte 0xFF behind it.
uint64_t vocabulary_mark(int n_vocab, const SpellToken& spell);

}  // namespace agent
