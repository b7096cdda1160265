// SPDX-License-Identifier: Apache-2.0
// engine/formats/gguf_writer.h: writes a GGUF file, version 3, row by row: no tensor is ever held as a whole.
//
// Owns     GgufContent borrows the weights that its rows are made from.
// Threads  rows() of one tensor are asked for in order, from one thread, unless `independent`: then from several at
//          once.
// Errors   kDenied where the file is there and may not be replaced; kExhausted where the disk is full; kIo with the
//          system's text; kCancelled. Whatever ends early leaves no file behind: it is written under another name and
//          renamed at the end.
// Source   ggml project, docs/gguf.md
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"
#include "engine/thread_pool.h"

namespace engine {

using GgufWritten = std::variant<uint32_t, float, bool, std::string, std::vector<std::string>, std::vector<int32_t>,
                                 std::vector<uint64_t>, std::vector<float>>;

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // slowest first
  bool exact = false;          // stays f32: norms, biases, routers; or I32: tables
  bool fine = false;           // is never quantised, but may be halved
  bool expert = false;         // of a mixture
  DType stored = DType::kF32;  // in the model's own file
  bool independent = true;
  std::function<void(int64_t row, std::span<float> out)> row;
  std::function<const std::byte*(int64_t row)> stored_row = {};  // the row as it is stored; empty where it is made anew

  DType type = DType::kF32;  // to be written as; set before writing

  DType exact_type() const { return stored == DType::kI32 ? DType::kI32 : DType::kF32; }
  int64_t n_in() const { return shape.back(); }
  int64_t n_rows() const;
  uint64_t size_bytes() const;
};

struct GgufContent {
  std::string architecture;
  std::vector<std::pair<std::string, GgufWritten>> metadata;  // keys without "ARCHITECTURE." where they begin with '.'
  std::vector<GgufTensor> tensors;

  void put(std::string key, GgufWritten value) { metadata.emplace_back(std::move(key), std::move(value)); }
  // A matrix or a stack of them as stored; row `r` of the tensor is row order(r) of the views, one after the other.
  void add(std::string name, std::vector<TensorView> views, bool stacked, std::function<int64_t(int64_t)> order = {});
  void add_exact(std::string name, std::vector<TensorView> views, bool stacked,
                 std::function<int64_t(int64_t)> order = {});
  void add_fine(std::string name, const TensorView& view);
  // A table of whole numbers, row-major [rows, numbers.size() / rows]; `numbers` is borrowed. Nothing where it is empty.
  void add_numbers(std::string name, int64_t rows, const std::vector<int32_t>& numbers);
};

struct GgufWriteOptions {
  bool replace = false;
  std::function<void(uint64_t bytes, std::string_view tensor)> progress = {};
  std::stop_token stop = {};
};

base::Status write_gguf(const GgufContent& content, const std::filesystem::path& path, ThreadPool& pool,
                        const GgufWriteOptions& options);

}  // namespace engine
