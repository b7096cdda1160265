// SPDX-License-Identifier: Apache-2.0
// A client's byte stream: lines, JSON-RPC, both kinds of revisions, arguments and every handler, on a server without threads.
// The work tree is none, so that nothing is read or written.
#include <cstdint>
#include <cstdlib>

#include "base/utf8.h"
#include "fuzz/played_stream.h"
#include "mcp/server.h"
#include "rpc/lines.h"

namespace {

// What the server says has to be whole messages of UTF-8, each on one line.
void check_sent(const std::string& body) {
  const rpc::Message::Kind kind = rpc::parse_message(body).kind;
  const bool message = kind == rpc::Message::Kind::kResponse || kind == rpc::Message::Kind::kNotification;
  if (!message || !base::is_utf8(body) || body.find('\n') != std::string::npos) std::abort();
}

void play(std::string_view bytes, size_t piece) {
  mcp::Services services;
  services.fix = [](const agent::FixRequest& request, const auto& progress,
                    std::stop_token) -> base::Result<agent::FixReport> {
    progress({"trying", request.check, 0, 0, 0});
    return agent::FixReport{};
  };
  services.write_tests = [](const agent::TestRequest&, const auto&,
                            std::stop_token) -> base::Result<agent::TestReport> { return agent::TestReport{}; };
  mcp::ServeOptions options;
  options.version = "fuzz";
  options.root = "/nonexistent";
  options.threaded = false;
  mcp::Server server(services, options, check_sent);
  rpc::LineReader lines(1u << 16);
  fuzz::play_stream(bytes, piece, lines, server, [] {});
  server.finish();
  if (server.n_open_requests() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::play_input(data, size, play);
  return 0;
}
