// SPDX-License-Identifier: Apache-2.0
#include "lsp/status.h"

#include <nlohmann/json.hpp>

namespace lsp {

void Status::loading(std::string model) {
  std::lock_guard lock(mutex_);
  loading_ = true;
  model_ = std::move(model);
  failure_.clear();
  publish();
}

void Status::loaded() {
  std::lock_guard lock(mutex_);
  loading_ = false;
  publish();
}

void Status::load_failed(std::string why) {
  std::lock_guard lock(mutex_);
  loading_ = false;
  failure_ = std::move(why);
  publish();
}

void Status::generating(bool on) {
  std::lock_guard lock(mutex_);
  generating_ = on;
  publish();
}

void Status::fixing(bool on, std::string detail) {
  std::lock_guard lock(mutex_);
  fixing_ = on;
  fix_ = std::move(detail);
  publish();
}

void Status::publish() {
  std::string phase = "idle", detail;
  if (fixing_) {
    phase = "fixing", detail = fix_;
  } else if (generating_) {
    phase = "generating";
  } else if (loading_) {
    phase = "loading", detail = model_;
  } else if (!failure_.empty()) {
    phase = "failed", detail = failure_;
  }
  if (phase == phase_ && detail == detail_) return;
  phase_ = std::move(phase);
  detail_ = std::move(detail);
  client_.notify("graft/status", {{"phase", phase_}, {"detail", detail_}});
}

}  // namespace lsp
