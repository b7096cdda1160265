// SPDX-License-Identifier: Apache-2.0
#include "sandbox/supervise.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "sandbox/output_buffer.h"

namespace sandbox {
namespace {

using base::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{50};
constexpr std::chrono::seconds kKillPatience{60};  // after SIGKILL; only a process stuck in the kernel takes longer
constexpr size_t kMaxStatusBytes = 1 << 14;        // of bubblewrap's status lines

// One key's number in bubblewrap's status lines ({ "child-pid": 12, ... } and { "exit-code": 0 }).
std::optional<long> number_after(std::string_view text, std::string_view key) {
  const size_t at = text.find(base::cat('"', key, "\":"));
  if (at == std::string_view::npos) return std::nullopt;
  const std::string rest(text.substr(at + key.size() + 3));
  char* end = nullptr;
  const long value = std::strtol(rest.c_str(), &end, 10);
  if (end == rest.c_str()) return std::nullopt;
  return value;
}

std::chrono::duration<double> seconds_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

bool has_exited(int pidfd) {
  pollfd fd{pidfd, POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

class Run {
 public:
  Run(Launched launched, const Limits& limits, Watch watch, const std::function<void(std::string_view)>& on_output)
      : launched_(std::move(launched)), watch_(std::move(watch)), on_output_(on_output), buffer_(limits.output_bytes),
        started_(Clock::now()), deadline_(started_ + limits.wall) {}
  ~Run() { reap(); }  // whatever happens, no process stays

  base::Result<Outcome> wait(std::stop_token stop) {
    UniqueFd stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop_event) return base::system_error(errno, "wait for the sandbox");
    const std::stop_callback wake(stop, [&] {
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t n = ::write(stop_event.get(), &one, sizeof one);
    });

    while (!has_exited(launched_.pidfd.get())) {
      poll_once(stop_event.get());
      if (stop.stop_requested()) end(Ending::kCancelled);
      const auto now = Clock::now();
      if (now >= deadline_) end(Ending::kTimedOut);
      if (now >= next_look_) {
        if (auto ending = watch_.look(launched_.pid)) end(*ending);
        next_look_ = now + kLookEvery;
      }
      if (!killed_at_ || now <= *killed_at_ + kKillPatience) continue;
      reaped_ = true;  // waiting for it could take for ever
      return base::Error{base::ErrorCode::kInternal, "the command could not be ended: a process hangs in the kernel"};
    }
    read_output();
    read_status();
    reap();
    return outcome();
  }

 private:
  void poll_once(int stop_event) {
    std::array<pollfd, 4> fds{{{output_open_ ? launched_.output.get() : -1, POLLIN, 0},
                               {status_open_ ? launched_.status.get() : -1, POLLIN, 0},
                               {killed_at_ ? -1 : stop_event, POLLIN, 0},
                               {launched_.pidfd.get(), POLLIN, 0}}};
    const auto until = killed_at_ ? *killed_at_ + kKillPatience : std::min(deadline_, next_look_);
    const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(wait_ms, 0, 1000)));
    if (fds[0].revents != 0) read_output();
    if (fds[1].revents != 0) read_status();
  }

  // At most a few pipes' worth per call, so that a flood cannot keep us from looking at the clock.
  void read_output() {
    char chunk[1 << 16];
    for (int i = 0; i < 16 && output_open_; ++i) {
      const ssize_t n = ::read(launched_.output.get(), chunk, sizeof chunk);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;  // EAGAIN: empty
      if (n == 0) output_open_ = false;
      const std::string_view bytes(chunk, static_cast<size_t>(n));
      buffer_.add(bytes);
      if (on_output_ && n > 0) on_output_(bytes);
    }
  }

  void read_status() {
    char chunk[1 << 12];
    while (status_open_) {
      const ssize_t n = ::read(launched_.status.get(), chunk, sizeof chunk);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) break;
      if (n == 0) status_open_ = false;
      if (status_.size() < kMaxStatusBytes) status_.append(chunk, static_cast<size_t>(n));
    }
  }

  void end(Ending ending) {
    if (killed_at_ || has_exited(launched_.pidfd.get())) return;  // the first reason stays; what has ended has ended
    reason_ = ending;
    killed_at_ = Clock::now();
    kill_all();
  }

  // It is process 1 of its namespace: nothing inside can delay or survive this.
  void kill_all() { ::syscall(SYS_pidfd_send_signal, launched_.pidfd.get(), SIGKILL, nullptr, 0); }

  void reap() {
    if (reaped_) return;
    kill_all();
    int status = 0;
    while (::wait4(launched_.pid, &status, 0, &use_) < 0 && errno == EINTR) {
    }
    reaped_ = true;
  }

  base::Result<Outcome> outcome() {
    Outcome out;
    out.seconds = Clock::now() - started_;
    out.cpu_seconds = seconds_of(use_.ru_utime) + seconds_of(use_.ru_stime);
    out.largest_process_bytes = static_cast<uint64_t>(use_.ru_maxrss) * 1024;
    out.output = buffer_.text();
    out.output_dropped_bytes = buffer_.dropped_bytes();
    const auto code = number_after(status_, "exit-code");
    if (reason_) {
      out.ending = *reason_;
    } else if (code && *code > 128 && *code < 128 + 32) {  // bubblewrap, like a shell, gives 128 + the signal
      out.ending = Ending::kSignalled;
      out.signal = static_cast<int>(*code - 128);
    } else if (code) {
      out.exit_code = static_cast<int>(*code);
    } else if (number_after(status_, "child-pid")) {  // bubblewrap itself was killed: out of memory, as a rule
      out.ending = Ending::kSignalled;
      out.signal = SIGKILL;
    } else {
      return base::Error{base::ErrorCode::kDenied,
                         base::cat("the sandbox could not be set up: ", base::trim(out.output), " (see `graft doctor`)")};
    }
    return out;
  }

  Launched launched_;
  Watch watch_;
  const std::function<void(std::string_view)>& on_output_;
  OutputBuffer buffer_;
  const Clock::time_point started_, deadline_;
  Clock::time_point next_look_ = Clock::now() + kLookEvery;
  std::string status_;
  rusage use_{};  // of the tree, once it is reaped
  bool output_open_ = true, status_open_ = true, reaped_ = false;
  std::optional<Ending> reason_;
  std::optional<Clock::time_point> killed_at_;
};

}  // namespace

base::Result<Outcome> supervise(Launched launched, const Limits& limits, Watch watch, std::stop_token stop,
                                const std::function<void(std::string_view)>& on_output) {
  return Run(std::move(launched), limits, std::move(watch), on_output).wait(std::move(stop));
}

}  // namespace sandbox
