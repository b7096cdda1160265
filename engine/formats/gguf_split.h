// SPDX-License-Identifier: Apache-2.0
// engine/formats/gguf_split.h: a GGUF model in several files, as llama.cpp's gguf-split and converter write large ones.
//
// Names    NAME-00002-of-00005.gguf, counted from 1. Each part says in `split.count` how many there are and in `split.no`, from 0, which it
//          is; the first has all other metadata and, in `split.tensors.count`, the number of tensors of all parts together. Parts may
//          hold no tensors.
// Errors   kCorrupt naming the part and what is wrong with it.
// Source   llama.cpp, tools/gguf-split and llama_split_path()
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/formats/gguf.h"

namespace engine {

inline constexpr int kMaxGgufParts = 4096;

// How many parts the model is in that `part` belongs to; 1 where it is whole.
base::Result<int> gguf_part_count(const GgufFile& part, std::string_view file);

// The names of all parts beside the one that is called `file`; nothing where that is no such name for `count` parts.
std::optional<std::vector<std::string>> gguf_part_names(std::string_view file, int count);

// One model of all parts in order; `files`: their names.
base::Result<GgufFile> join_gguf_parts(std::vector<GgufFile> parts, const std::vector<std::string>& files);

}  // namespace engine
