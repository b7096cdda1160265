// SPDX-License-Identifier: Apache-2.0
#include "rpc/streams.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "base/bounded_queue.h"
#include "base/log.h"
#include "base/strings.h"

namespace rpc {
namespace {

struct BrokenFrame {
  std::string why;
};
struct EndOfStream {};
using Event = std::variant<Message, BrokenFrame, EndOfStream, Job>;

constexpr size_t kMaxEvents = 256;
constexpr size_t kMaxOutgoing = 1024;
constexpr size_t kReadBytes = 64u << 10;  // what a pipe holds (Linux)
// How long a client that is leaving may take to read the last answers.
constexpr std::chrono::seconds kLastWords{2};

// False where nobody takes events any more.
bool hand_over(Splitter& splitter, base::BoundedQueue<Event>& events) {
  bool open = true;
  while (auto body = splitter.next()) {
    if (*body)
      open = events.push(parse_message(std::move(*body).value()));
    else
      open = events.push(BrokenFrame{body->error().message});
  }
  return open;
}

void read_messages(Transport& transport, Splitter& splitter, base::BoundedQueue<Event>& events) {
  std::vector<char> bytes(kReadBytes);
  for (bool open = true; open;) {
    const size_t n = transport.read(bytes.data(), bytes.size());
    if (n == 0) break;
    splitter.feed({bytes.data(), n});
    open = hand_over(splitter, events);
  }
  splitter.end();
  hand_over(splitter, events);
  events.push(EndOfStream{});
}

void write_messages(Transport& transport, Streams::Write write, base::BoundedQueue<std::string>& outgoing) {
  while (auto body = outgoing.pop())
    if (!transport.write(write(*body))) break;
  outgoing.close();  // nobody waits to hand us more
}

// The main thread's last catch is here, for each event, so that one bad message does not end the session.
void handle(Conversation& conversation, Event event) {
  try {
    if (auto* message = std::get_if<Message>(&event))
      conversation.receive(*message);
    else if (auto* broken = std::get_if<BrokenFrame>(&event))
      conversation.broken_frame(broken->why);
    else if (auto* job = std::get_if<Job>(&event))
      (*job)();
    else
      conversation.lost();
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

struct Streams::Queues {
  base::BoundedQueue<Event> events{kMaxEvents};
  base::BoundedQueue<std::string> outgoing{kMaxOutgoing};
};

Streams::Streams(std::unique_ptr<Splitter> splitter, Write write)
    : splitter_(std::move(splitter)), write_(write), queues_(std::make_unique<Queues>()) {}
Streams::~Streams() = default;

Send Streams::send() {
  return [&outgoing = queues_->outgoing](std::string body) { outgoing.push(std::move(body)); };
}

Post Streams::post() {
  return [&events = queues_->events](Job job) { events.push(std::move(job)); };
}

void Streams::run(Transport& transport, Conversation& conversation, std::stop_token stop) {
  auto& [events, outgoing] = *queues_;
  std::thread reader([&, &to = events] { read_messages(transport, *splitter_, to); });
  std::thread writer([&, &from = outgoing] { write_messages(transport, write_, from); });
  // Begins with the end: a client that does not read holds the writer, that the outgoing queue, and that whoever
  // answers.
  std::optional<Deadline> last_words;
  {
    std::stop_callback on_stop(stop, [&, &to = events] {
      last_words.emplace(transport, kLastWords);
      to.push(EndOfStream{});
    });
    while (!conversation.finished()) {
      auto event = events.pop();
      if (!event) break;
      handle(conversation, std::move(*event));
    }
    // From here on nothing is taken any more, and whoever wants to hand something over goes on at once.
    events.close();
  }
  if (!last_words) last_words.emplace(transport, kLastWords);
  conversation.finish();
  outgoing.close();
  writer.join();
  last_words.reset();
  transport.close();
  reader.join();
}

}  // namespace rpc
