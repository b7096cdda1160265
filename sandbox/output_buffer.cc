// SPDX-License-Identifier: Apache-2.0
#include "sandbox/output_buffer.h"

#include <algorithm>

#include "base/strings.h"

namespace sandbox {

void OutputBuffer::add(std::string_view bytes) {
  const size_t to_head = std::min<uint64_t>(bytes.size(), head_limit_ - head_.size());
  head_.append(bytes.substr(0, to_head));
  bytes.remove_prefix(to_head);
  if (bytes.size() > tail_limit_) {  // of a piece longer than the tail only its end can stay
    dropped_ += bytes.size() - tail_limit_;
    bytes.remove_prefix(bytes.size() - tail_limit_);
  }
  tail_.append(bytes);
  if (tail_.size() > 2 * tail_limit_) {
    dropped_ += tail_.size() - tail_limit_;
    tail_.erase(0, tail_.size() - tail_limit_);
  }
}

std::string OutputBuffer::text() const {
  if (dropped_bytes() == 0) return head_ + tail_;
  return base::cat(head_, "\n[graft: ", dropped_bytes(), " bytes of output dropped here]\n",
                   std::string_view(tail_).substr(dropped_bytes() - dropped_));
}

}  // namespace sandbox
