// SPDX-License-Identifier: Apache-2.0
// base/c_handle.h: unique ownership of objects of C libraries.
#pragma once
#include <memory>

namespace base {

template <typename T, auto Free>
struct CFree {
  void operator()(T* object) const noexcept { Free(object); }
};
template <typename T, auto Free>
using CHandle = std::unique_ptr<T, CFree<T, Free>>;

}  // namespace base
