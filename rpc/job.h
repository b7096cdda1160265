// SPDX-License-Identifier: Apache-2.0
// rpc/job.h: a call that moves, so that it can carry a Reply (std::move_only_function needs C++23).
#pragma once
#include <memory>
#include <utility>

namespace rpc {

class Job {
 public:
  Job() = default;
  template <typename F>
  Job(F call) : call_(std::make_unique<Holder<F>>(std::move(call))) {}
  explicit operator bool() const { return call_ != nullptr; }
  void operator()() { call_->run(); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run() = 0;
  };
  template <typename F>
  struct Holder final : Base {
    explicit Holder(F f) : call(std::move(f)) {}
    void run() override { call(); }
    F call;
  };
  std::unique_ptr<Base> call_;
};

}  // namespace rpc
