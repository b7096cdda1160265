// SPDX-License-Identifier: Apache-2.0
// A client's byte stream: frames, JSON-RPC, lifecycle, document changes and every handler, on a server without threads.
#include <cstdint>
#include <cstdlib>
#include <deque>

#include "base/utf8.h"
#include "fuzz/played_stream.h"
#include "lsp/frame.h"
#include "lsp/server.h"

namespace {

// What the server says has to be whole messages of UTF-8.
void check_sent(const std::string& body) {
  if (!base::is_utf8(body) || !rpc::parse_message(body).params) std::abort();
}

void play(std::string_view bytes, size_t piece) {
  std::deque<rpc::Job> posted;
  lsp::Services services;
  services.fix = [](const agent::FixRequest&, const auto&, std::stop_token) -> base::Result<agent::FixReport> {
    return agent::FixReport{};
  };
  lsp::Server server(services, {.version = "fuzz", .n_workers = 0}, check_sent,
                     [&](rpc::Job job) { posted.push_back(std::move(job)); });
  lsp::FrameReader frames(1u << 20);
  fuzz::play_stream(bytes, piece, frames, server, [&] {
    for (; !posted.empty(); posted.pop_front()) posted.front()();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::play_input(data, size, play);
  return 0;
}
