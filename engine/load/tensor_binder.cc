// SPDX-License-Identifier: Apache-2.0
#include "engine/load/tensor_binder.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace engine {

TensorView TensorBinder::matrix(const std::string& name, std::initializer_list<int64_t> shape) {
  const TensorView view = part(name, shape);
  if (view && is_part(view.type)) {
    fail(tensors_.find(name)->second, name, base::cat("is stored as ", traits(view.type).name, ", which holds no weights by itself"));
    return {};
  }
  return view;
}

std::vector<int32_t> TensorBinder::numbers(const std::string& name, std::initializer_list<int64_t> shape, int below) {
  const TensorView view = part(name, shape);
  if (!view) return {};
  const StoredTensor& stored = tensors_.find(name)->second;
  if (view.type != DType::kI64 && view.type != DType::kI32) {
    fail(stored, name, base::cat("is stored as ", traits(view.type).name, "; I64 or I32 is asked for"));
    return {};
  }
  std::vector<int32_t> values(static_cast<size_t>(view.n_rows() * view.n_in()));
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t value = 0;
    if (int32_t narrow = 0; view.type == DType::kI32) {
      std::memcpy(&narrow, view.data + i * sizeof narrow, sizeof narrow);
      value = narrow;
    } else {
      std::memcpy(&value, view.data + i * sizeof value, sizeof value);
    }
    if (value < 0 || value >= below) {
      fail(stored, name, base::cat("holds ", value, " at place ", i, ", must lie in 0..", below - 1));
      return {};
    }
    values[i] = static_cast<int32_t>(value);
  }
  return values;
}

TensorView TensorBinder::part(const std::string& name, std::initializer_list<int64_t> shape) {
  if (error_) return {};
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    error_ = base::corrupt(base::cat("tensor ", name, " is missing"));
    return {};
  }
  const StoredTensor& stored = found->second;
  const TensorView& view = stored.view;
  if (!std::equal(shape.begin(), shape.end(), view.shape.begin(), view.shape.begin() + view.n_dims)) {
    const std::vector<uint64_t> expected(shape.begin(), shape.end());
    fail(stored, name, base::cat("has shape ", shape_text(view), ", the configuration asks for ", shape_text(expected)));
    return {};
  }
  used_.insert(name);
  return view;
}

TensorView TensorBinder::norm(const std::string& name, std::initializer_list<int64_t> shape) {
  const TensorView view = matrix(name, shape);
  if (view && (traits(view.type).block_values != 1 || view.type == DType::kF8_E4M3)) {
    fail(tensors_.find(name)->second, name, base::cat("is stored as ", traits(view.type).name, "; norms are never quantised"));
    return {};
  }
  return view;
}

void TensorBinder::refuse(std::string_view names, std::string_view problem) {
  if (!error_) error_ = base::corrupt(base::cat("tensors ", names, " ", problem));
}

void TensorBinder::ignore_from(std::string_view prefix) {
  for (const auto& [name, stored] : tensors_)
    if (std::string_view(name).starts_with(prefix)) used_.insert(std::string(name));
}

std::optional<base::Error> TensorBinder::finish() {
  for (const auto& [name, stored] : tensors_)
    if (!used_.contains(name)) fail(stored, name, base::cat("is not part of a ", family_, " model of this configuration"));
  return error_;
}

void TensorBinder::fail(const StoredTensor& stored, const std::string& name, std::string_view problem) {
  if (!error_)
    error_ = base::corrupt(base::cat(stored.file, ": tensor ", shown_name(name), " at byte ", stored.file_offset, " ", problem));
}

std::vector<TensorView> slices(const TensorView& stacked, int n) {
  std::vector<TensorView> views;
  for (int i = 0; stacked && i < n; ++i) views.push_back(stacked.slice(i));
  return views;
}

TensorView rows_of(const TensorView& matrix, int64_t first, int64_t n) {
  TensorView view = matrix;
  view.shape[0] = n;
  view.data = matrix.data + first * matrix.row_bytes();
  view.scales.first_row += first;
  return view;
}

}  // namespace engine
