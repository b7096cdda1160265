// SPDX-License-Identifier: Apache-2.0
// rpc/lines.h: messages in a stream of bytes, one a line, as MCP and ACP have them on standard input and output.
//
// Errors   A line over the bound is reported once and read past to its end without being kept; the stream lives.
// Units    Bytes. Source: MCP 2026-07-28, "stdio".
#pragma once
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "rpc/streams.h"

namespace rpc {

// The largest edit that is taken (64 MiB), each of its bytes escaped to two, and room beside it.
inline constexpr size_t kMaxLineBytes = 160u << 20;

class LineReader final : public Splitter {
 public:
  explicit LineReader(size_t max_line_bytes = kMaxLineBytes) : max_line_bytes_(max_line_bytes) {}
  void feed(std::string_view bytes) override;
  std::optional<base::Result<std::string>> next() override;  // lines of blanks are left out
  void end() override;                                       // what stands behind the last line end is a line too

 private:
  void take(std::string_view part);
  void end_line();

  const size_t max_line_bytes_;
  std::string line_;       // so far
  bool skipping_ = false;  // the rest of a line that was too long
  std::deque<base::Result<std::string>> ready_;
};

// The line of `body`, which holds no line end: base::dump_json writes none.
std::string line(std::string_view body);

}  // namespace rpc
