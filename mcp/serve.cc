// SPDX-License-Identifier: Apache-2.0
#include "mcp/mcp.h"
#include "mcp/server.h"
#include "rpc/lines.h"

namespace mcp {

void serve(rpc::Transport& transport, const Services& services, const ServeOptions& options, std::stop_token stop) {
  rpc::Streams streams(std::make_unique<rpc::LineReader>(), rpc::line);
  Server server(services, options, streams.send());
  streams.run(transport, server, stop);
}

}  // namespace mcp
