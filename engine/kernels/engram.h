// SPDX-License-Identifier: Apache-2.0
// engine/kernels/engram.h: Engram, a memory that is asked by the last tokens: which rows of its table a place reads,
// and how what stands there goes into the residual streams.
//
// Shapes   A table has n_rows() rows of w values; a place reads (N - 1) H of them, N the longest n-gram, H heads: for
//          each n from 2 to N, for each head, row first(n, head) + hash mod prime(n, head).
// Hash     hash_1 = id_0 M_0; hash_n = hash_(n-1) xor id_(n-1) M_(n-1): id_i the folded id (tokenizer/fold_tokens.h) of
//          the token i places back, the padding token's where the text had not begun. The M are odd numbers drawn by
//          PCG-64 from 10007 times the layer; the primes those from `bucket` on, each used once in the whole model.
// Gate     streams'_j = streams_j + sigmoid(sign(g_j) sqrt(max(|g_j|, 1e-6))) value
//          g_j = sum_i norm(streams_j)_i q_ji norm(key_j)_i k_ji / sqrt(D), norm without a gain; [key_0 .. key_(S-1) |
//          value] is what the layer's projection makes of the rows.
// Threads  Constant after it was made.
// Source   The description of DeepSeek-V4.1's Engram; numpy's SeedSequence and PCG64, and Lemire's bounded integers,
//          which it names as the source of the multipliers. One path only: a place costs a few dozen rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace engine {

struct EngramConfig {
  std::vector<int> layers;
  int ngram = 0, n_heads = 0, head_dim = 0;  // N, H, w
  int bucket = 0;                            // primes begin here
  int pad_token = 0, n_ids = 0;              // of folded ids
  int rows_per_token() const { return (ngram - 1) * n_heads; }
};

class EngramHashes {
 public:
  EngramHashes() = default;
  // `folded`: of each token of the vocabulary, in 0 .. n_ids - 1.
  EngramHashes(const EngramConfig& config, std::vector<int32_t> folded);
  // From what a file holds of it: multipliers [layers, N], primes and offsets [layers, N - 1, H], where an offset is the sum of the
  // primes before it in its layer; `padding`: a folded id. kCorrupt where sizes disagree, a number is out of range, or a product could
  // pass 63 bits.
  static base::Result<EngramHashes> from_tables(const EngramConfig& config, std::vector<int32_t> folded, int32_t padding,
                                                std::span<const int64_t> multipliers, std::span<const int64_t> primes,
                                                std::span<const int64_t> offsets);

  // `layer`: index into EngramConfig::layers.
  int64_t n_rows(size_t layer) const { return tables_[layer].n_rows; }
  const std::vector<int64_t>& multipliers(size_t layer) const { return tables_[layer].multipliers; }
  const std::vector<int64_t>& primes(size_t layer) const { return tables_[layer].primes; }
  const std::vector<int32_t>& all_folded() const { return folded_; }
  int32_t folded(int32_t token) const { return folded_[static_cast<size_t>(token)]; }
  int32_t padding() const { return padding_; }
  // rows [(N - 1) H] of a place whose own folded id is ids[0], that before it ids[1] .. ids[N - 1].
  void rows(size_t layer, const int32_t* ids, int64_t* rows) const;

 private:
  struct Table {
    std::vector<int64_t> multipliers;  // [N]
    std::vector<int64_t> primes;       // [N - 1, H]
    int64_t n_rows = 0;
  };
  int n_heads_ = 0;
  int32_t padding_ = 0;
  std::vector<int32_t> folded_;
  std::vector<Table> tables_;
};

// streams [S, D] in place; q_gain, k_gain [S, D]; found [S + 1, D].
void engram_gate(int n_streams, int64_t width, float eps, const float* q_gain, const float* k_gain, const float* found,
                 float* streams);

}  // namespace engine
