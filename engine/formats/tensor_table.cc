// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/tensor_table.h"

#include <algorithm>
#include <tuple>

#include "base/strings.h"
#include "base/utf8.h"

namespace engine {
namespace {

constexpr uint64_t kMaxDimension = uint64_t{1} << 31;  // later code multiplies two of these in 64 bits

base::Error claim_error(const TensorClaim& claim, std::string_view problem) {
  return base::corrupt(
      base::cat(claim.file, ": tensor ", shown_name(claim.name), " at byte ", claim.file_offset, ": ", problem));
}

}  // namespace

base::Result<StoredTensor> check_claim(const TensorClaim& claim, std::span<const std::byte> file_bytes) {
  StoredTensor stored;
  stored.file = claim.file;
  stored.file_offset = claim.file_offset;
  TensorView& view = stored.view;
  view.type = claim.type;
  if (claim.shape.size() > view.shape.size())
    return claim_error(claim, base::cat("has ", claim.shape.size(), " dimensions; at most 4 are possible"));
  view.n_dims = 1;
  view.shape[0] = 1;  // a scalar is one row of one value
  if (!claim.shape.empty()) view.n_dims = static_cast<int>(claim.shape.size());

  uint64_t n_values = 1;
  for (size_t d = 0; d < claim.shape.size(); ++d) {
    if (claim.shape[d] > kMaxDimension || __builtin_mul_overflow(n_values, claim.shape[d], &n_values))
      return claim_error(claim, base::cat("shape ", shape_text(claim.shape), " is too large"));
    view.shape[d] = static_cast<int64_t>(claim.shape[d]);
  }
  const DTypeTraits type = traits(claim.type);
  const auto block_values = static_cast<uint64_t>(type.block_values);
  if (static_cast<uint64_t>(view.n_in()) % block_values != 0)
    return claim_error(claim, base::cat("rows of ", view.n_in(), " values are no whole number of ", type.name,
                                        " blocks of ", type.block_values));
  uint64_t size_bytes = 0;
  if (__builtin_mul_overflow(n_values / block_values, static_cast<uint64_t>(type.block_bytes), &size_bytes))
    return claim_error(claim, base::cat("shape ", shape_text(claim.shape), " is too large"));
  if (claim.file_offset > file_bytes.size() || size_bytes > file_bytes.size() - claim.file_offset)
    return claim_error(claim, base::cat("needs ", size_bytes, " bytes, but the file ends at byte ", file_bytes.size()));
  view.data = file_bytes.data() + claim.file_offset;
  return stored;
}

base::Status check_no_overlap(const TensorTable& tensors) {
  std::vector<const TensorTable::value_type*> ordered;
  ordered.reserve(tensors.size());
  for (const auto& entry : tensors)
    if (entry.second.view.size_bytes() > 0) ordered.push_back(&entry);
  const auto place = [](const auto* e) { return std::tie(e->second.file, e->second.file_offset); };
  std::sort(ordered.begin(), ordered.end(), [&](const auto* a, const auto* b) { return place(a) < place(b); });
  for (size_t i = 1; i < ordered.size(); ++i) {
    const auto& [before_name, before] = *ordered[i - 1];
    const auto& [name, tensor] = *ordered[i];
    const uint64_t before_end = before.file_offset + static_cast<uint64_t>(before.view.size_bytes());
    if (before.file == tensor.file && before_end > tensor.file_offset)
      return base::corrupt(base::cat(tensor.file, ": tensor ", shown_name(name), " at byte ", tensor.file_offset,
                                     ": overlaps tensor ", shown_name(before_name), ", which ends at byte ",
                                     before_end));
  }
  return base::ok();
}

std::string shown_name(std::string_view name) {
  constexpr size_t kMaxShown = 120;
  std::string shown = base::to_valid_utf8(name.substr(0, kMaxShown));
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return name.size() > kMaxShown ? shown + "..." : shown;
}

std::string shape_text(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += base::cat(i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

std::string shape_text(const TensorView& view) {
  std::vector<uint64_t> shape;
  for (int d = 0; d < view.n_dims; ++d) shape.push_back(static_cast<uint64_t>(view.shape[static_cast<size_t>(d)]));
  return shape_text(shape);
}

}  // namespace engine
