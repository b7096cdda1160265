// SPDX-License-Identifier: Apache-2.0
// lsp/engine_thread.h: the one thread that owns the model's sessions: loads the model and answers for ghost text.
//
// Threads  load() and ask() on the main thread, which never waits; model() from any other. The newest question wins: an
//          older one, waiting or running, is answered with ContentModified at once and its work stops between two
//          tokens. With `threaded` false everything happens inside the call.
// Errors   Without a model there are no suggestions, which is no error: the log and graft/status say why.
#pragma once
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "lsp/client.h"
#include "lsp/inline_completion.h"
#include "lsp/lsp.h"
#include "lsp/rpc.h"
#include "lsp/status.h"

namespace lsp {

class EngineThread {
 public:
  EngineThread(const Services& services, const Client& client, Status& status, bool threaded);
  ~EngineThread() { finish(); }

  // The model to use from now on; the same one again does nothing.
  void load(const std::filesystem::path& path);
  // `path`: of the document, relative to `root`, the folder of the workspace that it is in; that is empty where it is in none.
  void ask(InlineQuestion question, Reply reply, const Settings& settings, std::filesystem::path root, std::string path);
  // The running question about this document is out of date.
  void document_changed(const std::string& uri);
  // The loaded model, after waiting for a load in progress; null where there is none.
  std::shared_ptr<const engine::Engine> model(std::stop_token stop);
  void finish();

 private:
  struct Question {
    InlineQuestion question;
    Reply reply;
    Settings settings;
    std::filesystem::path root;
    std::string path;
  };
  // The project around the last question, read after its answer, while nobody waits.
  struct Surroundings {
    std::filesystem::path root;
    std::string path;
    std::chrono::steady_clock::time_point read_at;
  };
  void run();
  void step(std::unique_lock<std::mutex>& lock);
  void load_now(const std::filesystem::path& path, std::unique_lock<std::mutex>& lock);
  void answer(Question& question);
  void look_around(const Question& question, std::stop_token stop);

  const Services& services_;
  const Client& client_;
  Status& status_;
  const bool threaded_;

  // The main thread's own.
  Reply::Other newest_;
  std::string newest_uri_;
  std::optional<std::filesystem::path> asked_for_;

  std::mutex mutex_;
  std::condition_variable_any changed_;           // with mutex_
  bool ending_ = false;                           // guarded by mutex_
  std::optional<std::filesystem::path> to_load_;  // guarded by mutex_; set until the load has ended
  std::optional<Question> waiting_;               // guarded by mutex_
  std::stop_source looking_;                      // guarded by mutex_; ends look_around()
  std::shared_ptr<const engine::Engine> model_;   // guarded by mutex_
  ShownSuggestion shown_;                         // guarded by mutex_

  std::unique_ptr<agent::Completer> completer_;  // the engine thread's own
  std::optional<Surroundings> around_;           // the same; what completer_ remembers
  std::thread thread_;
};

}  // namespace lsp
