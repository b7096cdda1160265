// SPDX-License-Identifier: Apache-2.0
#include "lsp/engine_thread.h"

#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"

namespace lsp {
namespace {

// What a suggestion must reach to be shown: the mean probability of its tokens that the user set, else the default.
void set_bar(agent::CompleteRequest& request, const Settings& settings) {
  if (settings.completion_min_confidence > 0)
    request.min_mean_logprob = std::log(settings.completion_min_confidence);
  else
    request.min_sureness = agent::kDefaultMinSureness;
}

// Other files change too, though not at each keystroke.
constexpr std::chrono::seconds kSurroundingsAge{30};

}  // namespace

EngineThread::EngineThread(const Services& services, const Client& client, Status& status, bool threaded)
    : services_(services), client_(client), status_(status), threaded_(threaded) {
  if (threaded_) thread_ = std::thread([this] { run(); });
}

void EngineThread::finish() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    looking_.request_stop();
  }
  newest_.fail({RpcCode::kRequestCancelled, "The server is ending."});
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EngineThread::load(const std::filesystem::path& path) {
  if (asked_for_ == path) return;
  asked_for_ = path;
  std::unique_lock lock(mutex_);
  to_load_ = path;
  looking_.request_stop();
  changed_.notify_all();
  if (!threaded_) step(lock);
}

void EngineThread::ask(InlineQuestion question, Reply reply, const Settings& settings, std::filesystem::path root,
                       std::string path) {
  newest_.fail({RpcCode::kContentModified, "A newer request took its place."});
  newest_ = reply.other();
  newest_uri_ = question.document->uri;
  std::unique_lock lock(mutex_);
  if (const auto rest = shown_.rest_for(question)) {
    lock.unlock();
    return reply.result(write_inline_answer(question, {*rest}, client_.capabilities.position_encoding));
  }
  waiting_ = Question{std::move(question), std::move(reply), settings, std::move(root), std::move(path)};
  looking_.request_stop();
  changed_.notify_all();
  if (!threaded_) step(lock);
}

void EngineThread::document_changed(const std::string& uri) {
  if (uri == newest_uri_) newest_.fail({RpcCode::kContentModified, "The document changed."});
}

std::shared_ptr<const engine::Engine> EngineThread::model(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return ending_ || !to_load_; });
  return model_;
}

void EngineThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || to_load_ || waiting_; });
    if (ending_) return waiting_.reset();
    step(lock);
  }
}

// One piece of work; `lock` is held at the start and at the end, not in between.
void EngineThread::step(std::unique_lock<std::mutex>& lock) {
  if (to_load_) return load_now(*to_load_, lock);
  if (!waiting_) return;
  Question question = std::move(*waiting_);
  waiting_.reset();
  looking_ = {};
  const std::stop_token newer = looking_.get_token();
  lock.unlock();
  try {
    answer(question);
    look_around(question, newer);
  } catch (const std::exception& e) {  // the last catch of this thread; the dropped Reply has answered
    base::log(base::LogLevel::kError, base::cat("internal error in the engine thread: ", e.what()));
  }
  lock.lock();
}

void EngineThread::load_now(const std::filesystem::path& asked, std::unique_lock<std::mutex>& lock) {
  const std::filesystem::path path = asked;
  model_.reset();
  lock.unlock();
  completer_.reset();
  around_.reset();
  std::shared_ptr<const engine::Engine> loaded;
  const auto failed = [&](const base::Error& error) {
    client_.log(MessageType::kWarning, "No suggestions: " + error.message);
    status_.load_failed(error.message);
  };
  status_.loading(path.empty() ? "the shipped model" : path.filename().string());
  auto model = services_.load_model ? services_.load_model(path)
                                    : base::Error{base::ErrorCode::kNotFound, "This build has no engine."};
  if (!model) {
    failed(model.error());
  } else if (*model == nullptr) {
    failed({base::ErrorCode::kNotFound, "No model is installed; graft.model.path names one."});
  } else {
    loaded = std::move(*model);
    auto completer = services_.make_completer(loaded);
    if (completer) {
      completer_ = std::move(*completer);
      client_.log(MessageType::kInfo, base::cat("Model: ", loaded->info().name, ", ", loaded->info().family, ", ",
                                                loaded->info().n_parameters / 1'000'000, " M parameters, ",
                                                loaded->info().weight_bytes / 1'000'000, " MB."));
      status_.loaded();
    } else {
      failed(completer.error());
    }
  }
  lock.lock();
  model_ = std::move(loaded);
  shown_ = {};
  if (to_load_ == path) to_load_.reset();  // else another one was asked for meanwhile
  changed_.notify_all();
}

void EngineThread::answer(Question& asked) {
  const auto encoding = client_.capabilities.position_encoding;
  if (asked.reply.answered()) return;
  if (!completer_) return asked.reply.result(write_inline_answer(asked.question, {}, encoding));
  agent::CompleteRequest request = complete_request(asked.question, asked.settings, asked.path);
  set_bar(request, asked.settings);
  status_.generating(true);
  const auto items = completer_->complete(request, asked.reply.stop());
  status_.generating(false);
  if (!items) return asked.reply.fail(rpc_error(items.error()));
  std::vector<std::string> texts;
  for (const auto& item : *items) texts.push_back(item.text);
  if (!texts.empty() && asked.question.selected.empty()) {
    std::lock_guard lock(mutex_);
    shown_ = {asked.question.document, asked.question.offset, texts.front()};
  }
  asked.reply.result(write_inline_answer(asked.question, texts, encoding));
}

void EngineThread::look_around(const Question& asked, std::stop_token stop) {
  if (!completer_ || !services_.near_files || asked.root.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (around_ && around_->root == asked.root && around_->path == asked.path && now - around_->read_at < kSurroundingsAge) return;
  auto texts = services_.near_files(asked.root, asked.path, stop);
  if (!texts) return;  // a newer question, or a folder that cannot be read: suggestions come from the open files alone
  completer_->remember(std::move(texts).value());
  around_ = Surroundings{asked.root, asked.path, now};
}

}  // namespace lsp
