// SPDX-License-Identifier: Apache-2.0
#include "lsp/frame.h"
#include "lsp/server.h"

namespace lsp {

int serve(Transport& transport, const Services& services, const ServeOptions& options, std::stop_token stop) {
  rpc::Streams streams(std::make_unique<FrameReader>(), frame);
  Server server(services, options, streams.send(), streams.post());
  streams.run(transport, server, stop);
  return server.exit_code();
}

}  // namespace lsp
