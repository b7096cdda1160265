// SPDX-License-Identifier: Apache-2.0
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "base/bounded_queue.h"
#include "base/log.h"
#include "base/strings.h"
#include "lsp/frame.h"
#include "lsp/server.h"

namespace lsp {
namespace {

struct BrokenFrame {
  std::string why;
};
struct EndOfStream {};
using Event = std::variant<Message, BrokenFrame, EndOfStream, Job>;

// Full queues make their producers wait: a client that sends without reading our answers is slowed down to the pace at
// which it reads, and memory stays bounded. No queue's consumer waits for its own producer.
constexpr size_t kMaxEvents = 256;
constexpr size_t kMaxOutgoing = 1024;
constexpr size_t kReadBytes = 64u << 10;  // what a pipe holds (Linux)
// How long a client that is leaving may take to read the last answers.
constexpr std::chrono::seconds kLastWords{2};

void read_messages(Transport& transport, base::BoundedQueue<Event>& events) {
  FrameReader frames;
  std::vector<char> bytes(kReadBytes);
  bool open = true;
  while (open) {
    const size_t n = transport.read(bytes.data(), bytes.size());
    if (n == 0) break;
    frames.feed({bytes.data(), n});
    while (auto body = frames.next()) {
      if (*body)
        open = events.push(parse_message(std::move(*body).value()));
      else
        open = events.push(BrokenFrame{body->error().message});
    }
  }
  events.push(EndOfStream{});
}

void write_messages(Transport& transport, base::BoundedQueue<std::string>& outgoing) {
  while (auto body = outgoing.pop())
    if (!transport.write(frame(*body))) break;
  outgoing.close();  // nobody waits to hand us more
}

// The main thread's last catch is here, for each event, so that one bad message does not end the session.
void handle(Server& server, Event event) {
  try {
    if (auto* message = std::get_if<Message>(&event))
      server.receive(*message);
    else if (auto* broken = std::get_if<BrokenFrame>(&event))
      server.broken_frame(broken->why);
    else if (auto* job = std::get_if<Job>(&event))
      (*job)();
    else
      server.lost();
  } catch (const std::exception& e) {
    base::log(base::LogLevel::kError, base::cat("internal error: ", e.what()));
  }
}

// Closes the transport when its time is over, unless it is destroyed before.
class Deadline {
 public:
  Deadline(Transport& transport, std::chrono::seconds after)
      : thread_([this, &transport, after] {
          std::unique_lock lock(mutex_);
          if (!called_off_.wait_for(lock, after, [this] { return off_; })) transport.close();
        }) {}
  ~Deadline() {
    {
      std::lock_guard lock(mutex_);
      off_ = true;
    }
    called_off_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable called_off_;
  bool off_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace

int serve(Transport& transport, const Services& services, const ServeOptions& options, std::stop_token stop) {
  base::BoundedQueue<Event> events(kMaxEvents);
  base::BoundedQueue<std::string> outgoing(kMaxOutgoing);
  Server server(
      services, options, [&outgoing](std::string body) { outgoing.push(std::move(body)); },
      [&events](Job job) { events.push(std::move(job)); });
  std::thread reader([&] { read_messages(transport, events); });
  std::thread writer([&] { write_messages(transport, outgoing); });
  // Begins with the end: a client that does not read holds the writer, that the outgoing queue, and that whoever answers.
  std::optional<Deadline> last_words;
  {
    std::stop_callback on_stop(stop, [&] {
      last_words.emplace(transport, kLastWords);
      events.push(EndOfStream{});
    });
    while (!server.finished()) {
      auto event = events.pop();
      if (!event) break;
      handle(server, std::move(*event));
    }
    // From here on nothing is taken any more, and whoever wants to hand something over goes on at once.
    events.close();
  }
  if (!last_words) last_words.emplace(transport, kLastWords);
  server.finish();
  outgoing.close();
  writer.join();
  last_words.reset();
  transport.close();
  reader.join();
  return server.exit_code();
}

}  // namespace lsp
