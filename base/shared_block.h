// SPDX-License-Identifier: Apache-2.0
// base/shared_block.h: a large, constant block of memory, one copy for all processes of this user that ask for it.
//
// How      The first process that asks makes the block in memory of its own (memfd_create), writes it and seals it. A list in a
//          folder of this user names the processes that hold it; others open it there (/proc/PID/fd/N) and map it. The memory
//          is gone with the last process that holds it, however that ends; nothing is left on any disk but the list.
// Trust    A block found is used only if it is sealed against every change, belongs to this user and ends with its key and
//          size; lists are read only in a folder that nobody else can enter.
// Threads  Any. While one makes a block others who ask for it wait.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace base {

struct SharedBlockPlace {
  std::string key;               // a file name of letters, digits and '-', at most 64; everything that the content depends on
  std::filesystem::path folder;  // made where missing; of this user alone
  std::chrono::milliseconds patience{60'000};  // with another process that is making the block
};

// $XDG_RUNTIME_DIR/graft, else <temp>/graft-<uid>-shared.
std::filesystem::path shared_block_folder();

// Moves.
class SharedBlock {
 public:
  // The block of `n_bytes`, more than 0, that another holds, or else a new one, written by `fill`. kDenied, kIo: this system or this
  // folder cannot share; kExhausted: patience ended.
  static Result<SharedBlock> find_or_make(const SharedBlockPlace& place, size_t n_bytes,
                                          const std::function<void(std::span<std::byte>)>& fill);
  // Whether somebody holds it now, of whatever size.
  static bool exists(const SharedBlockPlace& place);

  SharedBlock(SharedBlock&& other) noexcept;
  SharedBlock& operator=(SharedBlock&& other) noexcept;
  ~SharedBlock();

  std::span<const std::byte> bytes() const { return {data_, n_bytes_}; }
  bool found() const { return found_; }  // not written by this process

 private:
  SharedBlock(const SharedBlockPlace& place, UniqueFd memory, const std::byte* data, size_t n_bytes, bool found);
  void release();

  SharedBlockPlace place_;
  UniqueFd memory_;
  const std::byte* data_ = nullptr;
  size_t n_bytes_ = 0;
  bool found_ = false;
};

}  // namespace base
