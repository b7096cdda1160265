// SPDX-License-Identifier: Apache-2.0
// A map of bounded size that forgets the entry that was not used for the longest time.
//
// Owns  its keys and values; a pointer from find() lives until the next put()
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace larder {

template <typename Key, typename Value>
class LruCache {
 public:
  // A capacity of zero keeps nothing.
  explicit LruCache(std::size_t capacity) : capacity_(capacity) {}

  // Null when the key is not there. A hit makes the entry the most recently used one.
  const Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) {
      ++misses_;
      return nullptr;
    }
    ++hits_;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  void put(const Key& key, Value value) {
    if (capacity_ == 0) return;
    const auto found = index_.find(key);
    if (found != index_.end()) {
      found->second->second = std::move(value);
      entries_.splice(entries_.begin(), entries_, found->second);
      return;
    }
    if (entries_.size() == capacity_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, std::move(value));
    index_[key] = entries_.begin();
  }

  void clear() {
    entries_.clear();
    index_.clear();
  }

  std::size_t size() const { return entries_.size(); }
  std::size_t hits() const { return hits_; }
  std::size_t misses() const { return misses_; }

 private:
  using Entry = std::pair<Key, Value>;

  const std::size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Key, typename std::list<Entry>::iterator> index_;
  std::size_t hits_ = 0;
  std::size_t misses_ = 0;
};

}  // namespace larder
