// SPDX-License-Identifier: Apache-2.0
// rpc/transport.h: the two byte streams to the client: standard input and output, or one loopback connection.
//
// Threads  read() by one thread, write() by another, close() by any: it wakes both, and is final.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/result.h"

namespace rpc {

class Transport {
 public:
  virtual ~Transport() = default;
  // Waits for bytes; 0 at the end of the stream, after an error and after close().
  virtual size_t read(char* to, size_t capacity) = 0;
  // All of it, or false: the client is gone.
  virtual bool write(std::string_view bytes) = 0;
  virtual void close() = 0;
};

// The descriptors stay open; their blocking mode is given back at the end.
base::Result<std::unique_ptr<Transport>> stdio_transport();
base::Result<std::unique_ptr<Transport>> descriptor_transport(int in, int out);

// Listens on 127.0.0.1 and waits for one client. Port 0 takes a free one; `listening` is told which.
base::Result<std::unique_ptr<Transport>> accept_loopback(uint16_t port, const std::function<void(uint16_t)>& listening,
                                                         std::stop_token stop);

// Calls `ended`, once and from a thread of its own, when the process is gone. Where there is no such process (another
// PID namespace: the client runs outside our container) or the kernel has no pidfd, create() gives an error.
class ProcessWatch {
 public:
  static base::Result<std::unique_ptr<ProcessWatch>> create(int64_t pid, std::function<void()> ended);
  virtual ~ProcessWatch() = default;
};

}  // namespace rpc
