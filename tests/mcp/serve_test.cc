// SPDX-License-Identifier: Apache-2.0
// The whole server with its threads, over a socket pair: calls side by side, cancellation, progress, the end.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/unique_fd.h"
#include "mcp/server.h"
#include "tests/mcp/harness.h"

using test::Json;

namespace {

// Calls of `fix` that go on until the test lets them end, or until they are stopped.
class Gate {
 public:
  base::Result<agent::FixReport> wait(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    ++running_;
    changed_.notify_all();
    // A check that does not end at once when it is asked to.
    if (stubborn) changed_.wait(lock, [this] { return open_; });
    const bool opened = changed_.wait(lock, stop, [this] { return open_; });
    --running_;
    ++(opened ? ended : stopped);
    changed_.notify_all();
    if (!opened) return base::cancelled();
    return agent::FixReport{};
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_until_running() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return running_ > 0; });
  }
  void wait_until_stopped(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped >= n; });
  }
  bool stubborn = false;       // set before the server starts
  int ended = 0, stopped = 0;  // read after the server has ended, or under wait_until_stopped

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  int running_ = 0;
};

class Running {
 public:
  explicit Running(Gate& gate, std::chrono::milliseconds beat = std::chrono::hours(1)) {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    base::set_log_level(base::LogLevel::kOff);
    services_ = test::Harness::quick_services();
    services_.fix = [&gate](const agent::FixRequest&, const auto& progress, std::stop_token cancelled) {
      progress({"running the check", "x", 0, 0, 0});
      return gate.wait(cancelled);
    };
    options_.root = files_.path();
    options_.beat = beat;
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    ours_ = base::UniqueFd(ends[0]);
    theirs_ = base::UniqueFd(ends[1]);
    transport_ = std::move(*rpc::descriptor_transport(theirs_.get(), theirs_.get()));
    thread_ = std::thread([this] {
      mcp::serve(*transport_, services_, options_, stop.get_token());
      ::shutdown(theirs_.get(), SHUT_RDWR);
    });
    send({{"id", 0}, {"method", "initialize"}, {"params", {{"protocolVersion", "2025-11-25"}}}});
    answer(0);
  }
  ~Running() {
    leave();
    join();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  void leave() { ::shutdown(ours_.get(), SHUT_WR); }     // end of its input
  void vanish() { ::shutdown(ours_.get(), SHUT_RDWR); }  // and nobody reads what it writes

  void send(Json message) {
    message["jsonrpc"] = "2.0";
    std::string line = message.dump() + "\n";
    for (std::string_view rest = line; !rest.empty();) {
      const ssize_t n = ::write(ours_.get(), rest.data(), rest.size());
      REQUIRE(n > 0);
      rest.remove_prefix(static_cast<size_t>(n));
    }
  }
  void call(Json id, Json meta = Json::object()) {
    send({{"id", std::move(id)},
          {"method", "tools/call"},
          {"params", {{"name", "fix"}, {"arguments", {{"check", "x"}}}, {"_meta", std::move(meta)}}}});
  }
  void cancel(Json id) { send({{"method", "notifications/cancelled"}, {"params", {{"requestId", std::move(id)}}}}); }
  // The next message; null at the end.
  Json next() {
    for (;;) {
      if (auto line = lines_.next()) {
        seen.push_back(Json::parse(line->value()));
        return seen.back();
      }
      char bytes[4096];
      const ssize_t n = ::read(ours_.get(), bytes, sizeof bytes);
      if (n <= 0) return Json();
      lines_.feed({bytes, static_cast<size_t>(n)});
    }
  }
  // Reads on until the answer to `id`.
  Json answer(const Json& id) {
    for (Json message = next();; message = next())
      if (message.is_null() || (!message.contains("method") && message.value("id", Json()) == id)) return message;
  }
  Json ping(const Json& id) {
    send({{"id", id}, {"method", "ping"}});
    return answer(id);
  }
  bool was_answered(const Json& id) const {
    for (const Json& message : seen)
      if (!message.contains("method") && message.value("id", Json()) == id) return true;
    return false;
  }

  std::vector<Json> seen;
  std::stop_source stop;

 private:
  test::TempDir files_;
  mcp::Services services_;
  mcp::ServeOptions options_;
  base::UniqueFd ours_, theirs_;
  std::unique_ptr<rpc::Transport> transport_;
  rpc::LineReader lines_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("mcp serve: other requests are answered while a repair runs") {
  Gate gate;
  Running server(gate);
  server.call(1);
  gate.wait_until_running();
  CHECK(server.ping("p")["result"] == Json::object());
  server.send({{"id", 2}, {"method", "tools/list"}});
  CHECK(server.answer(2)["result"]["tools"].size() == 7);
  server.send(
      {{"id", 3}, {"method", "tools/call"}, {"params", {{"name", "symbols"}, {"arguments", {{"file", "none"}}}}}});
  CHECK(server.answer(3)["result"]["isError"] == true);
  CHECK_FALSE(server.was_answered(1));
  gate.open();
  CHECK(server.answer(1)["result"]["structuredContent"]["status"] == "none");
}

TEST_CASE("mcp serve: a cancelled call stops and is not answered, nor is one that waited; the next one runs") {
  Gate gate;
  Running server(gate);
  server.call("running");
  gate.wait_until_running();
  server.call("waiting");
  server.cancel("waiting");
  server.cancel("running");
  server.cancel("running");  // too late, and no harm
  server.cancel("never there");
  server.send({{"method", "notifications/cancelled"}, {"params", {{"requestId", Json::object()}}}});
  server.send({{"method", "notifications/cancelled"}, {"params", {1}}});
  gate.wait_until_stopped(1);
  gate.open();
  server.call("next");
  CHECK(server.answer("next")["result"]["isError"] == false);
  server.leave();
  while (!server.next().is_null()) {
  }
  server.join();
  CHECK_FALSE(server.was_answered("running"));
  CHECK_FALSE(server.was_answered("waiting"));
  CHECK(gate.stopped == 1);
  CHECK(gate.ended == 1);
}

TEST_CASE("mcp serve: an id that is in use is refused without it, and the first request still gets its answer") {
  Gate gate;
  Running server(gate);
  server.call(5);
  server.send({{"id", 5}, {"method", "ping"}});
  Json refused;
  while (!refused.contains("error")) refused = server.next();
  CHECK(refused["error"]["code"] == -32600);
  CHECK_FALSE(refused.contains("id"));
  gate.open();
  CHECK(server.answer(5)["result"].contains("structuredContent"));
  CHECK(server.ping(5).contains("result"));  // free again
}

TEST_CASE("mcp serve: calls beyond those that may wait are told so") {
  Gate gate;
  Running server(gate);
  server.call(0);
  gate.wait_until_running();
  const int n = static_cast<int>(mcp::kMaxLongWaiting);
  for (int i = 1; i <= n + 1; ++i) server.call(i);
  const Json refused = server.answer(n + 1)["result"];
  CHECK(refused["isError"] == true);
  CHECK(refused["content"][0]["text"].get<std::string>().find("Too many calls") == 0);
  gate.open();
  for (int i = 0; i <= n; ++i)
    if (!server.was_answered(i)) CHECK(server.answer(i)["result"]["isError"] == false);
}

TEST_CASE("mcp serve: a call that waits for its turn is heard of too") {
  Gate gate;
  Running server(gate, std::chrono::milliseconds(1));
  server.call(1);
  gate.wait_until_running();
  server.call(2, {{"progressToken", "second"}});
  for (int i = 0; i < 3; ++i) {
    const Json message = server.next();
    CHECK(message["params"]["progressToken"] == "second");
    CHECK(message["params"]["message"] == "waiting for its turn");
  }
  gate.open();
  CHECK(server.answer(2)["result"]["isError"] == false);
}

TEST_CASE(
    "mcp serve: who wants progress hears of a silent repair, with rising values, and nothing once it is cancelled") {
  Gate gate;
  gate.stubborn = true;
  constexpr std::chrono::milliseconds kBeat{1};
  Running server(gate, kBeat);
  server.call(1, {{"progressToken", 7}});
  double last = 0;
  for (int i = 0; i < 5; ++i) {
    const Json message = server.next();
    REQUIRE(message["method"] == "notifications/progress");
    CHECK(message["params"]["progressToken"] == 7);
    CHECK(message["params"]["progress"].get<double>() > last);
    last = message["params"]["progress"].get<double>();
  }
  server.cancel(1);
  server.ping("after");
  server.seen.clear();
  const auto until = std::chrono::steady_clock::now() + 30 * kBeat;  // the call still runs, for many beats
  while (std::chrono::steady_clock::now() < until) server.ping("later");
  for (const Json& message : server.seen) CHECK_FALSE(message.contains("method"));
  gate.open();
}

TEST_CASE("mcp serve: a token that is none, or that would cost more than it tells, brings no progress") {
  Gate gate;
  Running server(gate, std::chrono::milliseconds(1));
  gate.open();
  server.call(2, {{"progressToken", {1, 2}}});
  server.call(3, {{"progressToken", std::string(100'000, 'x')}});
  server.answer(3);
  for (const Json& message : server.seen) CHECK_FALSE(message.contains("method"));
}

TEST_CASE("mcp serve: the end of its input, a client that is gone and a stop end the server and what it runs") {
  for (const int how : {0, 1, 2}) {
    CAPTURE(how);
    Gate gate;
    Running server(gate, std::chrono::milliseconds(1));
    server.call(1, {{"progressToken", 1}});
    server.call(2);
    gate.wait_until_running();
    if (how == 0) server.leave();
    if (how == 1) server.vanish();
    if (how == 2) server.stop.request_stop();
    server.join();
    CHECK(gate.stopped == 1);
    CHECK(gate.ended == 0);
    while (!server.next().is_null()) {
    }
    CHECK_FALSE(server.was_answered(1));
    CHECK_FALSE(server.was_answered(2));
  }
}
