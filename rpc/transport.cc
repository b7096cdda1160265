// SPDX-License-Identifier: Apache-2.0
#include "rpc/transport.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <asio.hpp>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace rpc {
namespace {

// Asio makes descriptors non-blocking. They may be shared with the process that started us, so that is undone.
class BlockingMode {
 public:
  explicit BlockingMode(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {}
  ~BlockingMode() {
    if (flags_ >= 0) ::fcntl(fd_, F_SETFL, flags_);
  }

 private:
  const int fd_, flags_;
};

// One I/O context for each direction, driven by the thread that waits in it: close() can wake both from outside.
class DescriptorTransport final : public Transport {
 public:
  DescriptorTransport(base::UniqueFd in, base::UniqueFd out)
      : in_(read_context_, in.release()),
        out_(write_context_, out.release()),
        in_mode_(in_.native_handle()),
        out_mode_(out_.native_handle()) {}

  size_t read(char* to, size_t capacity) override {
    return finish(read_context_, [&](auto done) { in_.async_read_some(asio::buffer(to, capacity), done); });
  }
  bool write(std::string_view bytes) override {
    return finish(write_context_, [&](auto done) {
             asio::async_write(out_, asio::buffer(bytes.data(), bytes.size()), done);
           }) == bytes.size();
  }
  void close() override {
    closed_ = true;
    // Runs in the waiting thread, after the operation that it waits for was started; no later one is.
    asio::post(read_context_, [this] { cancel(in_); });
    asio::post(write_context_, [this] { cancel(out_); });
  }

 private:
  template <typename Start>
  size_t finish(asio::io_context& context, const Start& start) {
    if (closed_) return 0;
    size_t n = 0;
    start([&n](const asio::error_code& error, size_t done) { n = error ? 0 : done; });
    context.restart();
    context.run();
    return n;
  }
  static void cancel(asio::posix::stream_descriptor& stream) {
    asio::error_code ignored;
    stream.cancel(ignored);
  }

  std::atomic<bool> closed_{false};
  asio::io_context read_context_{1}, write_context_{1};
  asio::posix::stream_descriptor in_, out_;
  BlockingMode in_mode_, out_mode_;  // after the streams: undone before they close
};

class PidfdWatch final : public ProcessWatch {
 public:
  PidfdWatch(base::UniqueFd pidfd, std::function<void()> ended) : process_(context_, pidfd.release()) {
    process_.async_wait(asio::posix::descriptor_base::wait_read,
                        [call = std::move(ended)](const asio::error_code& error) {
                          if (!error) call();
                        });
    thread_ = std::thread([this] { context_.run(); });
  }
  ~PidfdWatch() override {
    context_.stop();
    thread_.join();
  }

 private:
  asio::io_context context_{1};
  asio::posix::stream_descriptor process_;
  std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<Transport>> descriptor_transport(int in, int out) {
  base::UniqueFd in_copy(::fcntl(in, F_DUPFD_CLOEXEC, 0)), out_copy(::fcntl(out, F_DUPFD_CLOEXEC, 0));
  if (!in_copy || !out_copy) return base::system_error(errno, "open the streams to the client");
  try {
    return std::unique_ptr<Transport>(std::make_unique<DescriptorTransport>(std::move(in_copy), std::move(out_copy)));
  } catch (const std::exception& e) {
    return base::Error{base::ErrorCode::kIo, base::cat("open the streams to the client: ", e.what())};
  }
}

base::Result<std::unique_ptr<Transport>> stdio_transport() {
  return descriptor_transport(STDIN_FILENO, STDOUT_FILENO);
}

base::Result<std::unique_ptr<Transport>> accept_loopback(uint16_t port, const std::function<void(uint16_t)>& listening,
                                                         std::stop_token stop) {
  try {
    asio::io_context context{1};
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
    listening(acceptor.local_endpoint().port());
    std::stop_callback on_stop(stop, [&] { asio::post(context, [&] { acceptor.close(); }); });
    asio::error_code failed;
    asio::ip::tcp::socket client(context);
    acceptor.async_accept(client, [&](const asio::error_code& error) { failed = error; });
    context.run();
    if (stop.stop_requested()) return base::cancelled();
    if (failed) return base::Error{base::ErrorCode::kIo, base::cat("accept a client: ", failed.message())};
    client.set_option(asio::ip::tcp::no_delay(true));  // ghost text is many small messages
    const base::UniqueFd socket(client.release());
    return descriptor_transport(socket.get(), socket.get());
  } catch (const std::exception& e) {
    return base::Error{base::ErrorCode::kIo, base::cat("listen on 127.0.0.1:", port, ": ", e.what())};
  }
}

base::Result<std::unique_ptr<ProcessWatch>> ProcessWatch::create(int64_t pid, std::function<void()> ended) {
  if (pid <= 0 || pid > INT32_MAX) return base::invalid(base::cat("process id ", pid, " is out of range"));
  // glibc 2.36 has no portable wrapper in the headers we can rely on: the number is the kernel's (Linux 5.3).
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!pidfd) return base::system_error(errno, base::cat("watch process ", pid));
  try {
    return std::unique_ptr<ProcessWatch>(std::make_unique<PidfdWatch>(std::move(pidfd), std::move(ended)));
  } catch (const std::exception& e) {
    return base::Error{base::ErrorCode::kIo, base::cat("watch process ", pid, ": ", e.what())};
  }
}

}  // namespace rpc
