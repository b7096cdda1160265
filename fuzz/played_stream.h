// SPDX-License-Identifier: Apache-2.0
// fuzz/played_stream.h: a client's bytes, played to a server without threads as rpc/streams.h would hand them over.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "rpc/streams.h"

namespace fuzz {

// `bytes` in pieces of `piece`, then the end of the stream; `after_each` follows every message. Ends early with the conversation.
template <typename AfterEach>
void play_stream(std::string_view bytes, size_t piece, rpc::Splitter& splitter, rpc::Conversation& server,
                 AfterEach&& after_each) {
  const auto hand_over = [&] {
    while (!server.finished()) {
      auto body = splitter.next();
      if (!body) return;
      if (*body)
        server.receive(rpc::parse_message(std::move(*body).value()));
      else
        server.broken_frame(body->error().message);
      after_each();
    }
  };
  for (size_t at = 0; at < bytes.size() && !server.finished(); at += piece) {
    splitter.feed(bytes.substr(at, piece));
    hand_over();
  }
  splitter.end();
  hand_over();
}

// Plays the input as a whole, and once more cut up.
template <typename Play>
void play_input(const uint8_t* data, size_t size, Play&& play) {
  base::set_log_level(base::LogLevel::kOff);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  play(bytes, std::max<size_t>(1, size));
  play(bytes, 1 + size % 61);
}

}  // namespace fuzz
