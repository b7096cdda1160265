// SPDX-License-Identifier: Apache-2.0
// engine/constrain/byte_set.h: a set of byte values.
#pragma once
#include <array>
#include <bit>
#include <cstdint>

namespace engine {

class ByteSet {
 public:
  constexpr ByteSet() = default;
  static constexpr ByteSet range(int first, int last) {  // both ends are in it
    ByteSet set;
    for (int byte = first; byte <= last; ++byte) set.add(byte);
    return set;
  }
  static constexpr ByteSet all() { return range(0, 255); }

  constexpr void add(int byte) { words_[static_cast<size_t>(byte) >> 6] |= uint64_t{1} << (byte & 63); }
  constexpr bool contains(int byte) const { return words_[static_cast<size_t>(byte) >> 6] >> (byte & 63) & 1; }
  constexpr bool empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  constexpr int count() const {
    return std::popcount(words_[0]) + std::popcount(words_[1]) + std::popcount(words_[2]) + std::popcount(words_[3]);
  }
  // The lowest member; the set must not be empty.
  constexpr int first() const {
    size_t i = 0;
    while (words_[i] == 0) ++i;
    return static_cast<int>(i * 64) + std::countr_zero(words_[i]);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (size_t i = 0; i < 4; ++i)
      for (uint64_t rest = words_[i]; rest != 0; rest &= rest - 1)
        visit(static_cast<int>(i * 64) + std::countr_zero(rest));
  }

  friend constexpr ByteSet operator&(ByteSet a, const ByteSet& b) {
    for (size_t i = 0; i < 4; ++i) a.words_[i] &= b.words_[i];
    return a;
  }
  friend constexpr ByteSet operator|(ByteSet a, const ByteSet& b) {
    for (size_t i = 0; i < 4; ++i) a.words_[i] |= b.words_[i];
    return a;
  }
  friend constexpr ByteSet operator-(ByteSet a, const ByteSet& b) {
    for (size_t i = 0; i < 4; ++i) a.words_[i] &= ~b.words_[i];
    return a;
  }
  friend constexpr bool operator==(const ByteSet&, const ByteSet&) = default;
  constexpr const std::array<uint64_t, 4>& words() const { return words_; }

 private:
  std::array<uint64_t, 4> words_{};
};

}  // namespace engine
