// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/nfc.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "base/utf8.h"

namespace engine {
namespace {

struct Decomposition {
  uint32_t code_point;
  uint16_t offset, length;
};
struct Composition {
  uint32_t first, second, both;
};
#include "engine/tokenizer/nfc_tables.inc"

// Hangul syllables are composed and decomposed by arithmetic: section 3.12 of the standard.
constexpr uint32_t kSyllables = 0xAC00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
constexpr uint32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28,
                   kSyllableCount = kLeadCount * kVowelCount * kTailCount;

// Nothing below this combines, and nothing below it changes.
constexpr uint32_t kFirstCombining = 0x300;

uint8_t combining_class(uint32_t code_point) {
  if (code_point < kFirstCombining) return 0;
  const auto* after =
      std::upper_bound(std::begin(kCombiningClasses), std::end(kCombiningClasses), code_point << 8 | 0xFF);
  return static_cast<uint8_t>(*std::prev(after) & 0xFF);
}

// 0: the two don't combine.
uint32_t compose(uint32_t first, uint32_t second) {
  if (first - kLeads < kLeadCount && second - kVowels < kVowelCount)
    return kSyllables + ((first - kLeads) * kVowelCount + (second - kVowels)) * kTailCount;
  if (first - kSyllables < kSyllableCount && (first - kSyllables) % kTailCount == 0 &&
      second - kTails - 1 < kTailCount - 1)
    return first + (second - kTails);
  const auto before = [](const Composition& c, const std::pair<uint32_t, uint32_t>& key) {
    return std::pair(c.first, c.second) < key;
  };
  const auto* found =
      std::lower_bound(std::begin(kCompositions), std::end(kCompositions), std::pair(first, second), before);
  return found != std::end(kCompositions) && found->first == first && found->second == second ? found->both : 0;
}

// Whether a code point may combine with one before it.
bool is_second(uint32_t code_point) {
  if (code_point - kVowels < kVowelCount || code_point - kTails - 1 < kTailCount - 1) return true;
  static const std::vector<uint32_t> seconds = [] {
    std::vector<uint32_t> all;
    for (const Composition& c : kCompositions) all.push_back(c.second);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }();
  return std::binary_search(seconds.begin(), seconds.end(), code_point);
}

// Collects characters that may still change each other, and writes them once something comes that touches none of them.
class Normalizer {
 public:
  explicit Normalizer(std::string& out) : out_(out) {}

  void add(uint32_t code_point) {
    if (code_point - kSyllables < kSyllableCount) {
      const uint32_t index = code_point - kSyllables, tail = index % kTailCount;
      put(kLeads + index / kTailCount / kVowelCount);
      put(kVowels + index / kTailCount % kVowelCount);
      if (tail != 0) put(kTails + tail);
      return;
    }
    const auto before = [](const Decomposition& d, uint32_t c) { return d.code_point < c; };
    const auto* found = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), code_point, before);
    if (found == std::end(kDecompositions) || found->code_point != code_point) return put(code_point);
    for (uint16_t i = 0; i < found->length; ++i) put(kDecomposed[found->offset + i]);
  }

  void flush() {
    // Canonical order: marks by class, equal ones as they came.
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->combining == 0) {
        ++it;
        continue;
      }
      const auto end = std::find_if(it, waiting_.end(), [](const Mark& m) { return m.combining == 0; });
      std::stable_sort(it, end, [](const Mark& a, const Mark& b) { return a.combining < b.combining; });
      it = end;
    }
    // Canonical composition: each character with the last starter, unless one between them blocks it.
    size_t starter = 0, kept = 0;
    bool has_starter = false;
    uint8_t last = 0;  // class of what was kept last after the starter
    for (const Mark mark : waiting_) {
      const bool adjacent = has_starter && kept == starter + 1;
      if (has_starter && (adjacent || (last != 0 && last < mark.combining))) {
        if (const uint32_t both = compose(waiting_[starter].code_point, mark.code_point); both != 0) {
          waiting_[starter].code_point = both;
          continue;
        }
      }
      if (mark.combining == 0) starter = kept, has_starter = true;
      last = mark.combining;
      waiting_[kept++] = mark;
    }
    for (size_t i = 0; i < kept; ++i) base::append_utf8(out_, waiting_[i].code_point);
    waiting_.clear();
  }

 private:
  struct Mark {
    uint32_t code_point;
    uint8_t combining;
  };

  void put(uint32_t code_point) {
    const uint8_t combining = combining_class(code_point);
    if (combining == 0 && !is_second(code_point)) flush();
    waiting_.push_back({code_point, combining});
  }

  std::string& out_;
  std::vector<Mark> waiting_;
};

}  // namespace

std::string to_nfc(std::string_view text) {
  // Lead bytes below 0xCC begin code points below U+0300.
  const auto may_change = [](char c) { return static_cast<uint8_t>(c) >= 0xCC; };
  if (std::none_of(text.begin(), text.end(), may_change)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  Normalizer normalizer(out);
  for (size_t i = 0; i < text.size();) {
    const base::CodePoint c = base::decode_utf8(text.substr(i));
    if (c.valid) {
      normalizer.add(c.value);
    } else {
      normalizer.flush();
      out += text[i];
    }
    i += static_cast<size_t>(c.n_bytes);
  }
  normalizer.flush();
  return out;
}

}  // namespace engine
