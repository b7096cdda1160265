// SPDX-License-Identifier: Apache-2.0
// tests/engine/gguf_bytes.h: writes GGUF files piece by piece, broken ones included.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace engine::test {

class GgufBytes {
 public:
  GgufBytes(uint64_t n_tensors, uint64_t n_entries, uint32_t version = 3) {
    raw("GGUF").number(version).number(n_tensors).number(n_entries);
  }
  template <typename T>
  GgufBytes& number(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text_.append(bytes, sizeof value);
    return *this;
  }
  GgufBytes& raw(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  GgufBytes& string(std::string_view value) { return number<uint64_t>(value.size()).raw(value); }
  GgufBytes& key(std::string_view name, uint32_t type) { return string(name).number(type); }
  GgufBytes& u32(std::string_view name, uint32_t value) { return key(name, 4).number(value); }
  // Dimensions fastest first, as the format has them.
  GgufBytes& tensor(std::string_view name, std::initializer_list<uint64_t> dims, uint32_t type, uint64_t offset) {
    string(name).number(static_cast<uint32_t>(dims.size()));
    for (const uint64_t d : dims) number(d);
    return number(type).number(offset);
  }
  GgufBytes& data(size_t n_bytes, size_t alignment = 32) {
    text_.append((alignment - text_.size() % alignment) % alignment, '\0');
    text_.append(n_bytes, '\1');
    return *this;
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(text_)); }

 private:
  std::string text_;
};

}  // namespace engine::test
