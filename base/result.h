// SPDX-License-Identifier: Apache-2.0
// base/result.h: the one error type that crosses folder borders.
//
// Errors   The code is for the program, the message for a person. Each layer that passes an error up adds what it was
//          doing with `Error::in`: "load model: tensor blk.3.ffn_up.weight: file ends at byte 1234".
// Note     std::expected needs C++23 in g++ 12, and nvcc 13 has no C++23 mode; this has its shape.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace base {

enum class ErrorCode { kCancelled, kInvalidArgument, kNotFound, kDenied, kCorrupt, kExhausted, kIo, kInternal };

struct Error {
  ErrorCode code;
  std::string message;  // a full sentence for a person: what, where, and what to do

  // The same error, with the caller's activity in front of the message.
  Error in(std::string_view doing) && {
    message.insert(0, ": ");
    message.insert(0, doing);
    return std::move(*this);
  }
};

template <typename T>
class [[nodiscard]] Result {  // reading the wrong side is a fault of the caller
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;
inline Status ok() { return std::monostate{}; }

inline Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }
inline Error corrupt(std::string message) { return {ErrorCode::kCorrupt, std::move(message)}; }
inline Error cancelled() { return {ErrorCode::kCancelled, "cancelled"}; }

}  // namespace base
