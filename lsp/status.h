// SPDX-License-Identifier: Apache-2.0
// lsp/status.h: what the server is doing, for an editor's status line: the notification graft/status
// (docs/editor-protocol.md).
//
// Threads  From any thread. A notification goes out at each change of phase or detail.
#pragma once
#include <mutex>
#include <string>

#include "lsp/client.h"

namespace lsp {

class Status {
 public:
  explicit Status(const Client& client) : client_(client) {}

  void loading(std::string model);
  void loaded();
  void load_failed(std::string why);
  void generating(bool on);
  void fixing(bool on, std::string detail = "");

 private:
  void publish();  // with mutex_ held

  const Client& client_;
  std::mutex mutex_;
  bool loading_ = false, generating_ = false, fixing_ = false;  // guarded by mutex_, as are the rest
  std::string model_, failure_, fix_;
  std::string phase_ = "idle", detail_;  // as told
};

}  // namespace lsp
