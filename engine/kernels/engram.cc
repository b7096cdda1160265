// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/engram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/strings.h"

namespace engine {
namespace {

using Wide = unsigned __int128;

// numpy.random.SeedSequence(entropy).generate_state(4, uint64) for an entropy below 2^32.
std::array<uint64_t, 4> seed_words(uint32_t entropy) {
  constexpr size_t kPool = 4;
  uint32_t hash = 0x43b0d7e5u;
  const auto hashed = [&hash](uint32_t value) {
    value ^= hash;
    hash *= 0x931e8875u;
    value *= hash;
    return value ^ value >> 16;
  };
  std::array<uint32_t, kPool> pool;
  for (size_t i = 0; i < kPool; ++i) pool[i] = hashed(i == 0 ? entropy : 0);
  for (size_t from = 0; from < kPool; ++from)
    for (size_t to = 0; to < kPool; ++to) {
      if (from == to) continue;
      const uint32_t mixed = pool[to] * 0xca01f9ddu - hashed(pool[from]) * 0x4973f715u;
      pool[to] = mixed ^ mixed >> 16;
    }
  uint32_t out_hash = 0x8b51f9ddu;
  std::array<uint64_t, 4> words{};
  for (size_t i = 0; i < 2 * words.size(); ++i) {
    uint32_t value = pool[i % kPool] ^ out_hash;
    out_hash *= 0x58f38dedu;
    value *= out_hash;
    words[i / 2] |= static_cast<uint64_t>(value ^ value >> 16) << 32 * (i % 2);
  }
  return words;
}

// numpy.random.PCG64: the 128-bit generator with the output XSL-RR.
class Pcg64 {
 public:
  explicit Pcg64(uint32_t entropy) {
    const auto [seed_high, seed_low, step_high, step_low] = seed_words(entropy);
    step_ = (static_cast<Wide>(step_high) << 64 | step_low) << 1 | 1;
    advance();
    state_ += static_cast<Wide>(seed_high) << 64 | seed_low;
    advance();
  }
  uint64_t next() {
    advance();
    const auto folded = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
    const auto turn = static_cast<unsigned>(state_ >> 122);
    return folded >> turn | folded << (64 - turn) % 64;
  }
  // 0 .. n - 1, every number as likely as another: Lemire's way.
  uint64_t below(uint64_t n) {
    Wide product = static_cast<Wide>(next()) * n;
    const uint64_t least = (0 - n) % n;
    while (static_cast<uint64_t>(product) < least) product = static_cast<Wide>(next()) * n;
    return static_cast<uint64_t>(product >> 64);
  }

 private:
  void advance() {
    constexpr Wide kFactor = static_cast<Wide>(2549297995355413924u) << 64 | 4865540595714422341u;
    state_ = state_ * kFactor + step_;
  }
  Wide state_ = 0, step_ = 0;
};

bool is_prime(int64_t n) {
  if (n < 2) return false;
  for (int64_t d = 2; d * d <= n; ++d)
    if (n % d == 0) return false;
  return true;
}

float root_of_mean_square(const float* x, int64_t n, float eps) {
  float sum = 0.0f;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return std::sqrt(sum / static_cast<float>(n) + eps);
}

}  // namespace

EngramHashes::EngramHashes(const EngramConfig& config, std::vector<int32_t> folded)
    : n_heads_(config.n_heads), folded_(std::move(folded)) {
  padding_ = folded_[static_cast<size_t>(config.pad_token)];
  int64_t prime =
      int64_t{config.bucket} - 1;  // each search begins at the bucket's size and leaves out those used: it goes on
  for (const int layer : config.layers) {
    Table& table = tables_.emplace_back();
    Pcg64 random(static_cast<uint32_t>(10007 * layer));
    const auto bound =
        std::max<uint64_t>(1, static_cast<uint64_t>(INT64_MAX) / static_cast<uint64_t>(config.n_ids) / 2);
    for (int i = 0; i < config.ngram; ++i)
      table.multipliers.push_back(static_cast<int64_t>(random.below(bound) * 2 + 1));
    for (int i = 0; i < config.rows_per_token(); ++i) {
      do ++prime;
      while (!is_prime(prime));
      table.primes.push_back(prime);
      table.n_rows += prime;
    }
  }
}

base::Result<EngramHashes> EngramHashes::from_tables(const EngramConfig& config, std::vector<int32_t> folded, int32_t padding,
                                                     std::span<const int64_t> multipliers, std::span<const int64_t> primes,
                                                     std::span<const int64_t> offsets) {
  constexpr int64_t kMostRows = int64_t{1} << 40;  // of one head
  const auto bad = [](auto... parts) { return base::corrupt(base::cat("Engram: ", parts...)); };
  const size_t layers = config.layers.size(), n = static_cast<size_t>(config.ngram),
               heads = static_cast<size_t>(config.rows_per_token());
  if (multipliers.size() != layers * n) return bad(multipliers.size(), " multipliers, but ", layers, " layers with n-grams of ", n);
  if (primes.size() != layers * heads) return bad(primes.size(), " table sizes, but ", layers, " layers with ", heads, " each");
  if (offsets.size() != primes.size()) return bad(offsets.size(), " offsets, but ", primes.size(), " table sizes");
  for (const int32_t id : folded)
    if (id < 0 || id >= config.n_ids) return bad("a token folds to ", id, ", must lie in 0..", config.n_ids - 1);
  if (padding < 0 || padding >= config.n_ids) return bad("the padding's id is ", padding, ", must lie in 0..", config.n_ids - 1);
  EngramHashes made;
  made.n_heads_ = config.n_heads;
  made.padding_ = padding;
  made.folded_ = std::move(folded);
  for (size_t l = 0; l < layers; ++l) {
    Table& table = made.tables_.emplace_back();
    for (const int64_t m : multipliers.subspan(l * n, n)) {
      if (m < 1 || m > INT64_MAX / config.n_ids) return bad("a multiplier is ", m, ", must lie in 1..", INT64_MAX / config.n_ids);
      table.multipliers.push_back(m);
    }
    for (size_t i = l * heads; i < (l + 1) * heads; ++i) {
      const int64_t p = primes[i];
      if (offsets[i] != table.n_rows) return bad("table ", i, " begins at row ", offsets[i], ", the tables before it end at ", table.n_rows);
      if (p < 1 || p > kMostRows) return bad("a head has ", p, " rows, must lie in 1..", kMostRows);
      table.primes.push_back(p);
      table.n_rows += p;
    }
  }
  return made;
}

void EngramHashes::rows(size_t layer, const int32_t* ids, int64_t* rows) const {
  const Table& table = tables_[layer];
  int64_t hash = ids[0] * table.multipliers[0], first = 0;
  size_t at = 0;
  for (size_t i = 1; i < table.multipliers.size(); ++i) {
    hash ^= ids[i] * table.multipliers[i];
    for (int head = 0; head < n_heads_; ++head, ++at) {
      rows[at] = first + hash % table.primes[at];
      first += table.primes[at];
    }
  }
}

void engram_gate(int n_streams, int64_t width, float eps, const float* q_gain, const float* k_gain, const float* found,
                 float* streams) {
  const float* value = found + n_streams * width;
  for (int64_t j = 0; j < n_streams; ++j, streams += width) {
    const float* key = found + j * width;
    float score = 0.0f;
    for (int64_t i = 0; i < width; ++i) score += streams[i] * q_gain[j * width + i] * (key[i] * k_gain[j * width + i]);
    score /= root_of_mean_square(streams, width, eps) * root_of_mean_square(key, width, eps) *
             std::sqrt(static_cast<float>(width));
    const float root = std::sqrt(std::max(std::abs(score), 1e-6f));
    const float gate = 1.0f / (1.0f + std::exp(score > 0.0f ? -root : score < 0.0f ? root : 0.0f));
    for (int64_t i = 0; i < width; ++i) streams[i] += gate * value[i];
  }
}

}  // namespace engine
