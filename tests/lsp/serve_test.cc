// SPDX-License-Identifier: Apache-2.0
// The whole server with its threads, over a socket pair.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "lsp/lsp.h"
#include "lsp/uri.h"
#include "tests/lsp/harness.h"
#include "tests/lsp/peer.h"
#include "tests/support/temp_dir.h"

using test::Json, test::Peer;

namespace {

// Runs until it is asked to stop, or for a while that differs from call to call.
template <typename Stop>
void work(const Stop& stop, unsigned n) {
  for (unsigned i = 0; i < n && !stop.stop_requested(); ++i) std::this_thread::yield();
}

lsp::Services busy_services() {
  auto services = test::services_with(
      [n = std::make_shared<unsigned>(0)](const agent::CompleteRequest&,
                                          std::stop_token stop) -> base::Result<std::vector<agent::CompletionItem>> {
        work(stop, (++*n * 37) % 500);
        if (stop.stop_requested()) return base::cancelled();
        return std::vector<agent::CompletionItem>{{"text", -0.1, 1}};
      });
  services.fix = [](const agent::FixRequest&, const std::function<void(const agent::FixProgress&)>& progress,
                    std::stop_token stop) -> base::Result<agent::FixReport> {
    progress({"trying", "", 1, 1, 0.1});
    work(stop, 2000);
    if (stop.stop_requested()) return base::cancelled();
    return agent::FixReport{};
  };
  services.isolation = [] { return std::string("none in this test"); };
  return services;
}

// Work that goes on until it is stopped, and counts how often.
struct Endless {
  std::atomic<int> running = 0, stopped = 0;
  base::Error run(std::stop_token stop) {
    ++running;
    running.notify_all();
    while (!stop.stop_requested()) std::this_thread::yield();
    ++stopped;
    return base::cancelled();
  }
};

class Running {
 public:
  explicit Running(lsp::Services services = busy_services()) : services_(std::move(services)) {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    ours_ = base::UniqueFd(ends[0]);
    theirs_ = base::UniqueFd(ends[1]);
    transport_ = std::move(*rpc::descriptor_transport(theirs_.get(), theirs_.get()));
    peer.emplace(ours_.get(), ours_.get());
    thread_ = std::thread([this] {
      exit_code = lsp::serve(*transport_, services_, {.version = "test", .n_workers = 2}, stop.get_token());
      ::shutdown(theirs_.get(), SHUT_RDWR);
    });
  }
  ~Running() {
    join();
    vanish();
    peer.reset();  // its reader ends before the descriptors close
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  void vanish() { ::shutdown(ours_.get(), SHUT_RDWR); }  // the client is gone, both ways
  void initialize(Json more = Json::object()) {
    Json params = {{"capabilities", {{"window", {{"workDoneProgress", true}}}}}};
    params.merge_patch(more);
    peer->ask("initialize", params);
    peer->notify("initialized", Json::object());
  }

  std::optional<Peer> peer;
  std::stop_source stop;
  int exit_code = -1;

 private:
  lsp::Services services_;
  base::UniqueFd ours_, theirs_;
  std::unique_ptr<rpc::Transport> transport_;
  std::thread thread_;
};

Json document(const std::string& uri, Json more = Json::object()) {
  Json params = {{"textDocument", {{"uri", uri}}}};
  params.update(more);
  return params;
}

// One random step of an editor gone wild.
void step(Peer& peer, std::mt19937& random, const std::string& root) {
  const std::string uri = root + "/f" + std::to_string(random() % 4) + ".py";
  const Json position = {{"line", random() % 30}, {"character", random() % 30}};
  switch (random() % 14) {
    case 0:
      peer.notify("textDocument/didOpen",
                  {{"textDocument",
                    {{"uri", uri}, {"languageId", "python"}, {"version", 1}, {"text", "def f(a):\n  return a\n"}}}});
      break;
    case 1:
      peer.notify("textDocument/didClose", document(uri));
      break;
    case 2:
    case 3:
    case 4:
      peer.notify("textDocument/didChange",
                  document(uri, {{"contentChanges",
                                  {{{"range", {{"start", position}, {"end", position}}}, {"text", "x\n"}}}}}));
      break;
    case 5:
      peer.request("textDocument/documentSymbol", document(uri));
      break;
    case 6:
      peer.request("textDocument/foldingRange", document(uri));
      break;
    case 7:
    case 8:
      peer.request("textDocument/inlineCompletion", document(uri, {{"position", position}}));
      break;
    case 9:
      peer.request("textDocument/codeAction", document(uri, {{"context", Json::object()}}));
      break;
    case 10:
      peer.request("workspace/executeCommand",
                   {{"command", "graft.fix"}, {"arguments", {{{"uri", uri}, {"check", "true"}}}}});
      break;
    case 11:
      peer.raw("Content-Length: nonsense\r\n\r\n");
      break;
    case 12:
      peer.request("no/such/method", Json::array({1, 2}));
      break;
    default:
      peer.notify("$/cancelRequest", {{"id", peer.n_requests() - static_cast<int>(random() % 5)}});
      break;
  }
}

}  // namespace

TEST_CASE(
    "serve: in a storm of edits, requests, cancellations and broken frames every request is answered exactly once") {
  test::TempDir folder;
  const std::string root = lsp::uri_of_path(folder.path());
  for (const unsigned seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    Running server;
    Peer& peer = *server.peer;
    peer.start_reading();
    server.initialize({{"rootUri", root}});
    std::mt19937 random(seed);
    for (int i = 0; i < 1500; ++i) step(peer, random, root);
    peer.ask("shutdown", nullptr);
    peer.notify("exit", nullptr);
    peer.wait_for_end();
    server.join();
    CHECK(server.exit_code == 0);
    for (int id = 1; id <= peer.n_requests(); ++id) {
      CAPTURE(id);
      REQUIRE(peer.answers().count(id) == 1);
      CHECK(peer.answers().at(id).size() == 1);
    }
  }
}

TEST_CASE("serve: a client that sends without reading is slowed down, and then gets every answer") {
  Running server;
  Peer& peer = *server.peer;
  constexpr int kRequests = 5000;  // more than all queues and socket buffers hold
  std::thread writer([&] {
    peer.request("initialize", {{"capabilities", Json::object()}});
    for (int i = 0; i < kRequests; ++i) peer.request("no/such/method", Json::object());
  });
  // Nothing is read until the server has stopped taking: it can't be waited for from outside, so the reader simply
  // comes late.
  std::this_thread::yield();
  peer.start_reading();
  writer.join();
  CHECK(peer.answer(kRequests + 1)["error"]["code"] == -32601);
  server.vanish();
  server.join();
  CHECK(peer.answers().size() == kRequests + 1);
}

TEST_CASE("serve: a client that is gone in the middle of work ends the server with 1") {
  for (const bool by_stop : {false, true}) {
    std::atomic<bool> started = false;
    auto services = busy_services();
    services.fix = [&](const agent::FixRequest&, const auto&, std::stop_token stop) -> base::Result<agent::FixReport> {
      started = true;
      started.notify_all();
      while (!stop.stop_requested()) std::this_thread::yield();
      return base::cancelled();
    };
    test::TempDir folder;
    Running server(services);
    Peer& peer = *server.peer;
    peer.start_reading();
    server.initialize({{"rootUri", lsp::uri_of_path(folder.path())}});
    peer.request("workspace/executeCommand", {{"command", "graft.fix"}, {"arguments", {{{"check", "true"}}}}});
    started.wait(false);
    if (by_stop)
      server.stop.request_stop();
    else
      server.vanish();
    server.join();
    CHECK(server.exit_code == 1);
  }
}

TEST_CASE("serve: a client that neither reads nor leaves can't keep the server") {
  Running server;
  Peer& peer = *server.peer;
  peer.request("initialize", {{"capabilities", Json::object()}});
  // Answers fill the socket and every queue behind it, until no more is taken; then the server is told to end.
  std::atomic<int> n_sent = 0;
  std::thread writer([&] {
    for (; n_sent < 100'000; ++n_sent)
      if (!peer.raw(lsp::frame(R"({"jsonrpc":"2.0","id":"x","method":"none"})"))) return;
  });
  for (int before = -1, still = 0; still < 3;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    still = n_sent == before ? still + 1 : 0;
    before = n_sent;
  }
  server.stop.request_stop();
  server.join();
  CHECK(server.exit_code == 1);
  server.vanish();
  writer.join();
}

TEST_CASE("serve: a completion that is cancelled stops in the model, and the next one runs") {
  Endless work;
  auto services = test::services_with([&](const agent::CompleteRequest& request,
                                          std::stop_token stop) -> base::Result<std::vector<agent::CompletionItem>> {
    if (request.prefix == "quick") return std::vector<agent::CompletionItem>{{"!", -0.1, 1}};
    return work.run(stop);
  });
  Running server(services);
  Peer& peer = *server.peer;
  peer.start_reading();
  server.initialize();
  peer.notify("textDocument/didOpen",
              {{"textDocument",
                {{"uri", "file:///a.py"}, {"languageId", "python"}, {"version", 1}, {"text", "quick\nslow = "}}}});
  const Json slow = document("file:///a.py", {{"position", {{"line", 1}, {"character", 7}}}});
  const int cancelled = peer.request("textDocument/inlineCompletion", slow);
  work.running.wait(0);
  peer.notify("$/cancelRequest", {{"id", cancelled}});
  CHECK(peer.answer(cancelled)["error"]["code"] == -32800);

  const int superseded = peer.request("textDocument/inlineCompletion", slow);
  work.running.wait(1);
  const Json quick = peer.ask("textDocument/inlineCompletion",
                              document("file:///a.py", {{"position", {{"line", 0}, {"character", 5}}}}));
  CHECK(quick["result"]["items"][0]["insertText"] == "!");
  CHECK(peer.answer(superseded)["error"]["code"] == -32801);

  const int changed = peer.request("textDocument/inlineCompletion", slow);
  work.running.wait(2);
  peer.notify("textDocument/didChange", document("file:///a.py", {{"contentChanges", {{{"text", "other"}}}}}));
  CHECK(peer.answer(changed)["error"]["code"] == -32801);
  server.vanish();
  server.join();
  CHECK(work.stopped == 3);
}

TEST_CASE("serve: a next edit that is cancelled stops on its worker, and the workers are free for the next ones") {
  Endless work;
  std::atomic<bool> hold = true;
  auto services = busy_services();
  services.next_edits = [&](const agent::NextEditRequest& request,
                            std::stop_token stop) -> base::Result<std::vector<agent::NextEdit>> {
    if (!hold) return agent::next_edits(request, stop);
    return work.run(stop);
  };
  Running server(services);
  Peer& peer = *server.peer;
  peer.start_reading();
  server.initialize();
  const Json zero = {{"line", 0}, {"character", 0}}, three = {{"line", 0}, {"character", 3}};
  peer.notify("textDocument/didOpen",
              {{"textDocument",
                {{"uri", "file:///a.py"}, {"languageId", "python"}, {"version", 1}, {"text", "get(1)\nx = get(2)\n"}}}});
  peer.notify("textDocument/didChange",
              document("file:///a.py", {{"contentChanges", {{{"range", {{"start", zero}, {"end", three}}}, {"text", "fetch"}}}}}));
  const Json at = document("file:///a.py", {{"position", {{"line", 1}, {"character", 0}}}});
  // As many as there are workers, and one that waits for them.
  const int first = peer.request("graft/nextEdit", at), second = peer.request("graft/nextEdit", at);
  work.running.wait(0);
  work.running.wait(1);
  const int waiting = peer.request("graft/nextEdit", at);
  for (const int id : {waiting, second, first}) {
    peer.notify("$/cancelRequest", {{"id", id}});
    CHECK(peer.answer(id)["error"]["code"] == -32800);
  }
  hold = false;
  const Json result = peer.ask("graft/nextEdit", at)["result"];
  REQUIRE(result["edits"].size() == 1);
  CHECK(result["edits"][0]["newText"] == "fetch");
  CHECK(result["edits"][0]["range"]["start"]["line"] == 1);
  server.vanish();
  server.join();
  CHECK(work.running == 2);  // the one that waited never began
  CHECK(work.stopped == 2);
}
