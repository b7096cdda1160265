// SPDX-License-Identifier: Apache-2.0
// engine/formats/gguf.h: GGUF files, versions 2 and 3, little-endian. Models in several parts: gguf_split.h.
//
// Owns     Nothing: strings, arrays and tensors are views into the bytes, which must outlive the GgufFile.
// Shapes   Turned round: GGUF lists the fastest dimension first, our views the slowest.
// Errors   kCorrupt naming the key or tensor and the byte; kInvalidArgument for versions and stored types that Graft does
//          not read. No count or length is believed, nor memory taken for it, before the file is seen to be that long.
// Source   ggml project, docs/gguf.md.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/formats/tensor_table.h"

namespace engine {

enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12
};

struct GgufArray {
  GgufType element;                  // never kArray
  uint64_t size;                     // elements
  std::span<const std::byte> bytes;  // checked: holds exactly `size` elements
};

// Whole numbers of all widths are u64 or i64, floats of both are double.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

struct GgufEntry {
  GgufValue value;
  uint64_t file_offset;  // of the value
};

struct GgufFile {
  uint32_t version = 0;
  std::map<std::string, GgufEntry, std::less<>> metadata;
  TensorTable tensors;
};

// A whole model; kInvalidArgument where it is one part of several.
base::Result<GgufFile> read_gguf(std::span<const std::byte> bytes, std::string_view file);
// Whole or a part.
base::Result<GgufFile> read_gguf_part(std::span<const std::byte> bytes, std::string_view file);

// The elements of an array of strings, of floating-point or of whole numbers; nothing where it holds something else.
std::optional<std::vector<std::string_view>> string_elements(const GgufArray& array);
std::optional<std::vector<double>> real_elements(const GgufArray& array);
std::optional<std::vector<int64_t>> integer_elements(const GgufArray& array);

}  // namespace engine
