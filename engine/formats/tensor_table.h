// SPDX-License-Identifier: Apache-2.0
// engine/formats/tensor_table.h: the named tensors of a model, whatever container they came from.
//
// Owns     Nothing: views point into the mapped files. Names are the container's own.
// Errors   kCorrupt; every message names file, tensor and byte.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace engine {

struct StoredTensor {
  TensorView view;
  std::string file;
  uint64_t file_offset = 0;  // of the first data byte, in its file
};

using TensorTable = std::map<std::string, StoredTensor, std::less<>>;

// What a container says about a tensor, before anything of it is believed.
struct TensorClaim {
  std::string_view file, name;
  DType type;
  std::span<const uint64_t> shape;  // row-major, slowest first; empty: a scalar
  uint64_t file_offset;
};

// The view of a claim whose shape, size and place in `file_bytes` hold; sizes are checked before they are multiplied.
base::Result<StoredTensor> check_claim(const TensorClaim& claim, std::span<const std::byte> file_bytes);

// No byte belongs to two tensors of one file.
base::Status check_no_overlap(const TensorTable& tensors);

// A name from a file made fit for a message: valid UTF-8, no control characters, at most 120 bytes.
std::string shown_name(std::string_view name);

// "[3, 4]"
std::string shape_text(std::span<const uint64_t> shape);
std::string shape_text(const TensorView& view);

}  // namespace engine
