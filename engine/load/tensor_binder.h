// SPDX-License-Identifier: Apache-2.0
// engine/load/tensor_binder.h: takes tensors out of a table by name and expected shape; remembers the first fault and what
// was taken.
//
// Owns     Nothing: the table must outlive it.
// Errors   kCorrupt naming the tensor and its byte: missing, of another shape or type than the configuration asks, or taken
//          by nobody (a bias that were left out would change every result silently).
#pragma once
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/formats/tensor_table.h"

namespace engine {

class TensorBinder {
 public:
  // `family`: for messages, "DeepSeek-V2".
  TensorBinder(const TensorTable& tensors, std::string_view family) : tensors_(tensors), family_(family) {}

  bool has(const std::string& name) const { return tensors_.contains(name); }
  // An empty view after a fault.
  TensorView matrix(const std::string& name, std::initializer_list<int64_t> shape);
  // As matrix(), but also of a type that is a part of weights (tensor.h, is_part).
  TensorView part(const std::string& name, std::initializer_list<int64_t> shape);
  // A table of whole numbers in 0 .. below - 1, row-major; empty after a fault.
  std::vector<int32_t> numbers(const std::string& name, std::initializer_list<int64_t> shape, int below);
  // A vector of a type that holds single values: a norm's gain, a bias.
  TensorView norm(const std::string& name, int64_t size) { return norm(name, {size}); }
  TensorView norm(const std::string& name, std::initializer_list<int64_t> shape);  // a stack of them
  void ignore(const std::string& name) { used_.insert(name); }
  // A fault that the family found: what `names` are, and what is wrong with them.
  void refuse(std::string_view names, std::string_view problem);
  // All tensors whose names begin so.
  void ignore_from(std::string_view prefix);

  // The fault met, or the first tensor that nobody took.
  std::optional<base::Error> finish();

 private:
  void fail(const StoredTensor& stored, const std::string& name, std::string_view problem);

  const TensorTable& tensors_;
  const std::string family_;
  std::set<std::string, std::less<>> used_;
  std::optional<base::Error> error_;
};

// The `n` slices of the slowest dimension: the experts of a stacked [n, n_out, n_in]. None of an empty view.
std::vector<TensorView> slices(const TensorView& stacked, int n);

// Rows [first, first + n) of a matrix.
TensorView rows_of(const TensorView& matrix, int64_t first, int64_t n);

}  // namespace engine
