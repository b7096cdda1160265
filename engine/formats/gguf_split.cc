// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/gguf_split.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/strings.h"

namespace engine {
namespace {

constexpr std::string_view kCount = "split.count", kNumber = "split.no", kTensors = "split.tensors.count";

std::optional<uint64_t> whole_number(const GgufFile& gguf, std::string_view key) {
  const auto found = gguf.metadata.find(key);
  if (found == gguf.metadata.end()) return std::nullopt;
  if (const auto* u = std::get_if<uint64_t>(&found->second.value)) return *u;
  if (const auto* s = std::get_if<int64_t>(&found->second.value); s != nullptr && *s >= 0) return static_cast<uint64_t>(*s);
  return std::nullopt;
}

std::string part_ending(int number, int count) {
  char text[48];
  std::snprintf(text, sizeof text, "-%05d-of-%05d.gguf", number, count);
  return text;
}

}  // namespace

base::Result<int> gguf_part_count(const GgufFile& part, std::string_view file) {
  const auto found = part.metadata.find(kCount);
  if (found == part.metadata.end()) return 1;
  const auto count = whole_number(part, kCount);
  if (!count || *count > static_cast<uint64_t>(kMaxGgufParts))
    return base::corrupt(base::cat(file, ": metadata ", kCount, " at byte ", found->second.file_offset,
                                   " must be a whole number of at most ", kMaxGgufParts));
  return std::max(1, static_cast<int>(*count));
}

std::optional<std::vector<std::string>> gguf_part_names(std::string_view file, int count) {
  for (int number = 1; number <= count; ++number) {
    const std::string ending = part_ending(number, count);
    if (!file.ends_with(ending)) continue;
    std::vector<std::string> names;
    for (int i = 1; i <= count; ++i) names.push_back(base::cat(file.substr(0, file.size() - ending.size()), part_ending(i, count)));
    return names;
  }
  return std::nullopt;
}

base::Result<GgufFile> join_gguf_parts(std::vector<GgufFile> parts, const std::vector<std::string>& files) {
  if (parts.empty() || parts.size() != files.size()) return base::corrupt("a GGUF model of no parts");
  for (size_t i = 0; i < parts.size(); ++i) {
    auto count = gguf_part_count(parts[i], files[i]);
    if (!count) return std::move(count).error();
    if (static_cast<size_t>(*count) != parts.size())
      return base::corrupt(base::cat(files[i], ": says that it is one of ", *count, " parts (", kCount, "), the first of ", parts.size()));
    if (const auto number = whole_number(parts[i], kNumber); parts.size() > 1 && number != i)
      return base::corrupt(base::cat(files[i], ": must be part ", i, " of 0..", parts.size() - 1, ", but ", kNumber,
                                     number ? base::cat(" is ", *number) : std::string(" is missing or no whole number")));
  }
  GgufFile whole = std::move(parts.front());
  for (size_t i = 1; i < parts.size(); ++i)
    for (auto& [name, stored] : parts[i].tensors) {
      const auto [at, added] = whole.tensors.emplace(name, std::move(stored));
      if (!added)
        return base::corrupt(base::cat(files[i], ": tensor ", shown_name(name), " is in ", at->second.file, " already"));
    }
  if (const auto all = whole_number(whole, kTensors); all && *all != whole.tensors.size())
    return base::corrupt(base::cat(files.front(), ": ", kTensors, " is ", *all, ", but the parts hold ", whole.tensors.size(), " tensors"));
  return whole;
}

}  // namespace engine
