// SPDX-License-Identifier: Apache-2.0
// mcp/server.h: the protocol: which requests there are, in which revision, and what each is answered.
//
// Promise  A request is answered exactly once, or, after a cancellation, not at all. Hostile input gets an error and
//          the server lives.
// Threads  All members on the main thread, which never waits for work; calls of tools run on workers and answer from
//          there.
// Source   MCP 2026-07-28 and 2025-11-25; JSON-RPC 2.0.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/mcp.h"
#include "mcp/revision.h"
#include "mcp/tools.h"
#include "rpc/streams.h"
#include "rpc/workers.h"

namespace mcp {

// Calls that wait for a worker; a client that sends more gets an error with each.
inline constexpr size_t kMaxLongWaiting = 8, kMaxShortWaiting = 32;
inline constexpr size_t kMaxSubscriptions = 16;
inline constexpr size_t kMaxBatch = 64;

class Server final : public rpc::Conversation {
 public:
  Server(const Services& services, const ServeOptions& options, rpc::Send send);
  ~Server() override { finish(); }

  void receive(const rpc::Message& message) override;
  void broken_frame(const std::string& why) override;
  void lost() override { finished_ = true; }
  bool finished() const override { return finished_; }
  void finish() override;
  size_t n_open_requests() const { return requests_.size(); }

 private:
  using Handler = void (Server::*)(const base::Json& params, const Revision& revision, rpc::Reply reply);
  void refuse(const std::string& id, const rpc::RpcError& error);
  void receive_batch(const rpc::Message& batch);
  void handle_request(const rpc::Message& message);
  void handle_notification(const rpc::Message& message);

  void on_initialize(const base::Json& params, rpc::Reply reply);
  void on_ping(const base::Json& params, const Revision& revision, rpc::Reply reply);
  void on_discover(const base::Json& params, const Revision& revision, rpc::Reply reply);
  void on_list_tools(const base::Json& params, const Revision& revision, rpc::Reply reply);
  void on_call_tool(const base::Json& params, const Revision& revision, rpc::Reply reply);
  void listen(const std::string& id, const base::Json& params, rpc::Reply reply);

  // The result as this revision wants it: since 2026-07-28 each says that it is complete, and by whom.
  base::Json completed(base::Json result, const Revision& revision) const;
  base::Json server_info(const Revision& revision) const;

  const Services services_;
  const ServeOptions options_;
  const rpc::Send send_;
  rpc::Requests requests_;
  Workplace place_;
  const std::vector<Tool> tools_;
  std::optional<Revision> session_;              // of the handshake
  std::map<std::string, rpc::Reply> listening_;  // subscriptions, by id
  bool finished_ = false;
  rpc::Workers long_calls_, short_calls_;  // last: end before what their jobs use
};

}  // namespace mcp
