// SPDX-License-Identifier: Apache-2.0
// rpc/requests.h: the requests in work, and the one answer that each of them gets.
//
// Promise  Every opened request is answered exactly once: by its Reply, by a cancellation, at the end of the server,
//          or, where a Reply is dropped unanswered, with an internal error. Whoever comes later is not heard. What
//          drop() takes out is not answered at all.
// Threads  All members from any thread. Replies may outlive their table: they then answer nobody.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "rpc/message.h"

namespace rpc {

using Send = std::function<void(std::string)>;  // takes the text of one message; from any thread

class Requests;
struct RequestState;

// Moves, never copies. Its stop token asks for a stop once the request has been answered by someone else.
class Reply {
 public:
  Reply() = default;  // answers nobody
  Reply(Reply&& other) noexcept = default;
  Reply& operator=(Reply&& other) noexcept;
  ~Reply();

  void result(const base::Json& result);
  void fail(RpcError error);
  std::stop_token stop() const;
  bool answered() const;
  // Another hand on the same request: answers it in place of this Reply.
  class Other {
   public:
    // Each answers now and asks the work to stop; does nothing where the request has been answered.
    void fail(const RpcError& error) const;
    void result(const base::Json& result) const;

   private:
    friend class Reply;
    std::weak_ptr<RequestState> state_;
  };
  Other other() const;

 private:
  friend class Requests;
  explicit Reply(std::shared_ptr<RequestState> state) : state_(std::move(state)) {}
  std::shared_ptr<RequestState> state_;
};

class Requests {
 public:
  using Failed = std::function<void(const std::string& method, const RpcError& error)>;
  Requests(Send send, Failed failed) : table_(std::make_shared<Table>(std::move(send), std::move(failed))) {}

  // Nothing where a request with this id is still in work.
  std::optional<Reply> open(const std::string& id, std::string method);
  // Answers now and asks the work to stop; false where there is no such request (any more).
  bool fail(const std::string& id, const RpcError& error);
  void fail_all(const RpcError& error);
  // Asks the work to stop, and nobody is answered: in MCP a cancelled request gets no response. False as above.
  bool drop(const std::string& id);
  void drop_all();
  size_t size() const;

 private:
  friend struct RequestState;
  struct Table {
    Table(Send to, Failed on_failed) : send(std::move(to)), failed(std::move(on_failed)) {}
    const Send send;
    const Failed failed;
    mutable std::mutex mutex;
    std::map<std::string, std::shared_ptr<RequestState>> open;  // guarded by mutex
  };
  std::shared_ptr<RequestState> find(const std::string& id) const;  // null where there is none
  std::vector<std::string> ids() const;
  std::shared_ptr<Table> table_;
};

}  // namespace rpc
