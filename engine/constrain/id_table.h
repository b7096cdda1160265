// SPDX-License-Identifier: Apache-2.0
// engine/constrain/id_table.h: ids by what they stand for, which lies elsewhere.
//
// Owns     Ids and 32 bits of hash. Open addressing, at most half full: a miss of the processor's cache where lists of
//          nodes have several.
// Threads  One at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace engine {

class IdTable {
 public:
  IdTable() : slots_(64, Slot{kEmpty, 0}) {}
  // The id added with `hash` for which `same(id)` holds; there may be ids of equal hashes.
  template <typename Same>
  std::optional<uint32_t> find(uint64_t hash, Same same) const {
    const uint32_t h = folded(hash);
    for (size_t i = h & mask(); slots_[i].id != kEmpty; i = (i + 1) & mask())
      if (slots_[i].hash == h && same(slots_[i].id)) return slots_[i].id;
    return std::nullopt;
  }
  // `id` < 2^32 - 1.
  void add(uint64_t hash, uint32_t id) {
    if (2 * ++size_ > slots_.size()) {
      const std::vector<Slot> had = std::move(slots_);
      slots_.assign(2 * had.size(), Slot{kEmpty, 0});
      for (const Slot& slot : had)
        if (slot.id != kEmpty) put(slot);
    }
    put({id, folded(hash)});
  }

 private:
  struct Slot {
    uint32_t id, hash;
  };
  static constexpr uint32_t kEmpty = UINT32_MAX;

  // The low bits of a product know nothing of its factors' high ones.
  static uint32_t folded(uint64_t hash) { return static_cast<uint32_t>(hash ^ hash >> 32); }
  size_t mask() const { return slots_.size() - 1; }
  void put(const Slot& slot) {
    size_t i = slot.hash & mask();
    while (slots_[i].id != kEmpty) i = (i + 1) & mask();
    slots_[i] = slot;
  }

  std::vector<Slot> slots_;  // a power of two
  size_t size_ = 0;
};

}  // namespace engine
