// SPDX-License-Identifier: Apache-2.0
// tests/lsp/peer.h: the client's end of two descriptors: writes frames, reads messages on a thread of its own.
#pragma once
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "lsp/frame.h"

namespace test {

class Peer {
 public:
  using Json = nlohmann::json;
  // Borrows both; they may be the same.
  Peer(int in, int out) : in_(in), out_(out) {}
  ~Peer() {
    if (reader_.joinable()) reader_.join();
  }

  void start_reading() {
    reader_ = std::thread([this] { read_all(); });
  }
  bool raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(out_, bytes.data(), bytes.size());
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  bool send(Json message) {
    message["jsonrpc"] = "2.0";
    return raw(lsp::frame(message.dump()));
  }
  bool notify(const std::string& method, Json params) {
    return send({{"method", method}, {"params", std::move(params)}});
  }
  int request(const std::string& method, Json params) {
    const int id = ++n_requests_;
    send({{"id", id}, {"method", method}, {"params", std::move(params)}});
    return id;
  }
  // Waits for the first answer; nothing at the end of the stream.
  Json answer(int id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || answers_.count(id) > 0; });
    return answers_.count(id) > 0 ? answers_[id].front() : Json();
  }
  Json ask(const std::string& method, Json params) { return answer(request(method, std::move(params))); }
  // Waits until the server has closed its end.
  void wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_; });
  }
  // Waits for a message of the server with this method.
  Json wait_for(const std::string& method) {
    std::unique_lock lock(mutex_);
    const auto found = [&] {
      for (const Json& message : others_)
        if (message.value("method", "") == method) return true;
      return ended_;
    };
    changed_.wait(lock, found);
    for (const Json& message : others_)
      if (message.value("method", "") == method) return message;
    return Json();
  }

  int n_requests() const { return n_requests_; }
  // After the end.
  const std::map<int, std::vector<Json>>& answers() const { return answers_; }

 private:
  void read_all() {
    lsp::FrameReader frames;
    char bytes[65536];
    for (ssize_t n = 0; (n = ::read(in_, bytes, sizeof bytes)) > 0;) {
      frames.feed({bytes, static_cast<size_t>(n)});
      while (auto body = frames.next()) take(Json::parse(body->value()));
    }
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void take(Json message) {
    // What the server asks is answered with nothing, as a simple client would.
    if (message.contains("id") && message.contains("method")) send({{"id", message["id"]}, {"result", nullptr}});
    std::lock_guard lock(mutex_);
    if (!message.contains("method") && message["id"].is_number_integer())
      answers_[message["id"].get<int>()].push_back(std::move(message));
    else
      others_.push_back(std::move(message));
    changed_.notify_all();
  }

  const int in_, out_;
  int n_requests_ = 0;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::map<int, std::vector<Json>> answers_;
  std::vector<Json> others_;
};

}  // namespace test
