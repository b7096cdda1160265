// SPDX-License-Identifier: Apache-2.0
// mcp/mcp.h: the front door of the Model Context Protocol server. Tools, revisions and limits stand in docs/mcp.md.
//
// Threads  Fixed roles: a reader (bytes to messages), the caller's thread as main thread (routing, the table of
//          requests; it never waits for work), one worker for long calls (repairs, tests), two for short ones, a
//          writer. serve() returns when all of them have ended.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/complete.h"
#include "agent/fix.h"
#include "agent/test_writer.h"
#include "base/result.h"
#include "engine/engine.h"
#include "rpc/transport.h"

namespace mcp {

// What the tools stand on; tests bring their own. Called on workers.
struct Services {
  std::function<base::Result<agent::FixReport>(const agent::FixRequest&,
                                               const std::function<void(const agent::FixProgress&)>&, std::stop_token)>
      fix = agent::fix;
  std::function<base::Result<agent::TestReport>(
      const agent::TestRequest&, const std::function<void(const agent::TestProgress&)>&, std::stop_token)>
      write_tests = agent::write_tests;
  // Null where there is no model. Called once, when a tool first needs it; empty: there is none.
  std::function<base::Result<std::shared_ptr<const engine::Engine>>()> load_model;
  std::function<base::Result<std::unique_ptr<agent::Completer>>(std::shared_ptr<const engine::Engine>)> make_completer =
      agent::Completer::create;
  // Texts of the project that completions in a file may copy from, as agent::near_files(); may be empty.
  std::function<base::Result<std::vector<std::string>>(const std::filesystem::path& root, std::string_view path,
                                                       std::stop_token stop)>
      near_files;
};

struct ServeOptions {
  std::string version;
  std::filesystem::path root = ".";  // the work tree: no tool reads or writes a file outside it
  // Of a repair, where the call does not say.
  int budget = 60, timeout_s = 600, check_timeout_s = 60;
  int jobs = 0;  // as agent::FixRequest::side_by_side
  int tests_timeout_s = 300;
  bool threaded = true;  // false: every call is answered before the next message is looked at
  // A caller that wants progress hears at least so often that the call is still running: clients give up on silence.
  std::chrono::milliseconds beat{5'000};
};

// Serves one client until its stream ends or `stop` is requested. What is still running then is cancelled.
void serve(rpc::Transport& transport, const Services& services, const ServeOptions& options, std::stop_token stop);

}  // namespace mcp
