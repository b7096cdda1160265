// SPDX-License-Identifier: Apache-2.0
// lsp/progress.h: $/progress of one long task, under the client's token or one of ours.
//
// Threads  The constructor on the main thread, the rest from any. Copies share one progress.
// Note     A client that refuses our token, or does not know progress, hears nothing. Source: LSP 3.17, "Work Done
// Progress".
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "lsp/client.h"

namespace lsp {

class Progress {
 public:
  // `request_params`: of the request in work, which may carry a workDoneToken.
  Progress(Client& client, const base::Json& request_params, const std::string& title, const std::string& message);

  // `percentage` only where it is real.
  void report(const std::string& message, std::optional<int> percentage) const;
  void end(const std::string& message) const;
  // True where `token` (of window/workDoneProgress/cancel) is ours.
  bool has_token(const base::Json& token) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lsp
