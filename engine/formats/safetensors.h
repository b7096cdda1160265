// SPDX-License-Identifier: Apache-2.0
// engine/formats/safetensors.h: safetensors files, alone or as shards named by model.safetensors.index.json.
//
// Errors   kCorrupt naming file, tensor and byte; kInvalidArgument for a stored type that Graft does not read. Refused as
//          the format's own specification asks: duplicate names, holes, overlaps, bytes that belong to no tensor.
// Source   safetensors format 0.4: u64 header length, JSON header, data; offsets count from the header's end.
#pragma once
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "engine/formats/tensor_table.h"

namespace engine {

inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;  // the reference implementation's limit, in bytes

// Adds the tensors of one file to `tensors`. `file` is for messages.
base::Status read_safetensors(std::span<const std::byte> bytes, std::string_view file, TensorTable& tensors);

struct SafetensorsModel {
  std::vector<base::MappedFile> files;
  TensorTable tensors;  // views into `files`
};

// All weights of a Hugging Face style folder: model.safetensors, else the shards of its index.
base::Result<SafetensorsModel> open_safetensors(const std::filesystem::path& folder);

}  // namespace engine
