// SPDX-License-Identifier: Apache-2.0
// rpc/streams.h: one conversation over a transport: its threads, its queues, and its end.
//
// Threads  run() makes a reader (bytes to messages) and a writer, and hands every message and job to the conversation
//          on the caller's thread, the main thread. It returns when the conversation has ended and both have.
// Bounds   Full queues make their producers wait: a client that sends without reading our answers is slowed down to the
//          pace at which it reads, and memory stays bounded. No queue's consumer waits for its own producer.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rpc/job.h"
#include "rpc/message.h"
#include "rpc/requests.h"
#include "rpc/transport.h"

namespace rpc {

using Post = std::function<void(Job)>;  // runs the job on the main thread; from any thread

// Cuts a stream into the texts of messages. On the reader's thread.
class Splitter {
 public:
  virtual ~Splitter() = default;
  // Takes bytes as they come, split anywhere.
  virtual void feed(std::string_view bytes) = 0;
  // The next text, or what was wrong with the stream; nothing until more bytes come.
  virtual std::optional<base::Result<std::string>> next() = 0;
  virtual void end() {}  // no more bytes will come
};

// What a server does with what arrives. All members on the main thread; an exception of one is logged, and the next
// follows.
class Conversation {
 public:
  virtual ~Conversation() = default;
  virtual void receive(const Message& message) = 0;
  virtual void broken_frame(const std::string& why) = 0;  // bytes that are no message's text
  virtual void lost() = 0;                                // the client is gone, or we are asked to end
  virtual bool finished() const = 0;                      // run() asks before each event
  virtual void finish() = 0;                              // stops all work and waits for it
};

class Streams {
 public:
  using Write = std::string (*)(std::string_view body);  // the bytes of a message with this text
  Streams(std::unique_ptr<Splitter> splitter, Write write);
  ~Streams();

  Send send();  // for the conversation: both may be called until run() returns
  Post post();
  void run(Transport& transport, Conversation& conversation, std::stop_token stop);

 private:
  struct Queues;
  std::unique_ptr<Splitter> splitter_;
  const Write write_;
  const std::unique_ptr<Queues> queues_;
};

}  // namespace rpc
