// SPDX-License-Identifier: Apache-2.0
// engine/word_hash.h: a 64-bit hash of bytes, eight at a time, against damage and mix-ups; not against forgers.
//
// Each step is one to one in the state and in the word: of two inputs of one length that differ in one word alone, the
// hashes differ. The result does not depend on how the bytes are cut into pieces.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace engine {

class WordHash {
 public:
  void add(std::span<const std::byte> bytes) {
    n_bytes_ += bytes.size();
    for (; n_held_ > 0 && !bytes.empty(); bytes = bytes.subspan(1)) hold(bytes[0]);
    for (; bytes.size() >= sizeof(uint64_t); bytes = bytes.subspan(sizeof(uint64_t))) {
      uint64_t word;
      std::memcpy(&word, bytes.data(), sizeof word);
      step(word);
    }
    for (const std::byte b : bytes) hold(b);
  }
  void add(uint64_t word) { add(std::as_bytes(std::span(&word, 1))); }

  uint64_t value() const {
    WordHash end = *this;
    end.step(end.held_);
    end.step(n_bytes_);
    return end.state_ ^ (end.state_ >> 32);
  }

 private:
  void step(uint64_t word) {
    state_ = std::rotl((state_ ^ word) * 0x9e3779b97f4a7c15U, 29);
  }  // 2^64 / golden ratio, odd
  void hold(std::byte b) {
    held_ |= static_cast<uint64_t>(b) << (8 * n_held_);
    if (++n_held_ < sizeof(uint64_t)) return;
    step(held_);
    held_ = 0;
    n_held_ = 0;
  }

  uint64_t state_ = 0, held_ = 0, n_bytes_ = 0;
  unsigned n_held_ = 0;  // bytes of held_
};

}  // namespace engine
