// SPDX-License-Identifier: Apache-2.0
// lsp/frame.h: messages in a stream of bytes, each behind a header block with its length.
//
// Errors   A broken frame is reported once, then everything up to the next "Content-Length:" is skipped; the stream
// lives.
//          A body longer than the bound is read past without being kept.
// Units    Bytes. Source: LSP 3.17, "Base Protocol".
#pragma once
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rpc/streams.h"

namespace lsp {

// A didOpen of the largest file we take (64 MiB), each of its bytes escaped to two, and room beside it.
inline constexpr size_t kMaxBodyBytes = 256u << 20;
// Real headers have under 100 bytes; a line past this is not one.
inline constexpr size_t kMaxHeaderLineBytes = 1024;
inline constexpr int kMaxHeaderLines = 16;

class FrameReader final : public rpc::Splitter {
 public:
  explicit FrameReader(size_t max_body_bytes = kMaxBodyBytes) : max_body_bytes_(max_body_bytes) {}

  void feed(std::string_view bytes) override;
  std::optional<base::Result<std::string>> next() override;

 private:
  enum class State { kHeader, kBody, kSkipBody, kResync };
  void end_header_line();
  void end_header();
  void fault(std::string message);
  void resync_line();

  const size_t max_body_bytes_;
  State state_ = State::kHeader;
  std::string line_;  // of the header, so far
  int n_header_lines_ = 0;
  std::optional<size_t> content_length_;
  size_t missing_ = 0;  // bytes of the body still to come
  std::string body_;
  std::deque<base::Result<std::string>> ready_;
};

// The frame around `body`.
std::string frame(std::string_view body);

}  // namespace lsp
