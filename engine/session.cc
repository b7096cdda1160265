// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <new>
#include <string>

#include "engine/accelerator.h"
#include "engine/formats/tensor_table.h"
#include "engine/session_drafts.h"

namespace engine {
namespace {

// A pass of the model over the request's tokens, in its turn; `first`: before those of others.
template <typename Request>
base::Status run(SharedModel& shared, const Request& request, bool (Model::*pass)(const Request&), bool first) {
  try {
    if (request.stop.stop_requested()) return base::cancelled();
    shared.turn.lock(first);
    const std::lock_guard turn(shared.turn, std::adopt_lock);
    return (*shared.model.*pass)(request) ? base::ok() : base::cancelled();
  } catch (const DeviceFailure& failure) {
    return base::Error{base::ErrorCode::kInternal,
                       std::string("The GPU failed: ") + failure.what() + ". Start again, with --backend cpu if it stays so."};
  } catch (const std::bad_alloc&) {
    return base::Error{base::ErrorCode::kExhausted, "There is no memory left for the next " + std::to_string(request.tokens.size()) +
                                                        " tokens. Close sessions or shorten the text."};
  }
}

base::Status forward(SharedModel& shared, const ForwardRequest& request, bool first) {
  return run(shared, request, &Model::forward, first);
}

class TimelineSession : public Session {
 public:
  TimelineSession(std::shared_ptr<const Engine> engine, SharedModel& shared, int n_ctx, std::shared_ptr<const LoraAdapter> adapter,
                  std::unique_ptr<SessionDrafts> drafts, std::unique_ptr<Cache> cache)
      : engine_(std::move(engine)), shared_(shared), n_ctx_(n_ctx), adapter_(std::move(adapter)), drafts_(std::move(drafts)), cache_(std::move(cache)), logits_(static_cast<size_t>(shared.n_vocab)) {
    tokens_.reserve(static_cast<size_t>(n_ctx));
  }
  // With a timeline: `cache` holds `tokens`; `logits` are those of the last, or empty.
  TimelineSession(std::shared_ptr<const Engine> engine, SharedModel& shared, int n_ctx, std::shared_ptr<const LoraAdapter> adapter,
                  std::unique_ptr<SessionDrafts> drafts, std::unique_ptr<Cache> cache, std::span<const Token> tokens,
                  std::span<const float> logits)
      : TimelineSession(std::move(engine), shared, n_ctx, std::move(adapter), std::move(drafts), std::move(cache)) {
    tokens_.assign(tokens.begin(), tokens.end());
    std::copy(logits.begin(), logits.end(), logits_.begin());
    has_logits_ = !logits.empty();
  }

  const Engine& engine() const override { return *engine_; }
  int n_ctx() const override { return n_ctx_; }
  std::span<const Token> tokens() const override { return tokens_; }
  std::shared_ptr<const Adapter> adapter() const override { return adapter_; }
  void set_priority(Priority priority) override { first_ = priority == Priority::kInteractive; }
  std::shared_ptr<void> right_of_way() override { return first_ ? shared_.turn.right_of_way() : nullptr; }
  std::span<const float> logits() const override {
    return has_logits_ ? std::span<const float>(logits_) : std::span<const float>();
  }

  base::Status sync(std::span<const Token> tokens, std::stop_token stop) override {
    if (base::Status bad = check(tokens, 0); !bad) return bad;
    size_t shared = static_cast<size_t>(
        std::mismatch(tokens.begin(), tokens.end(), tokens_.begin(), tokens_.end()).first - tokens.begin());
    if (shared == tokens.size() && shared == tokens_.size() && (has_logits_ || tokens.empty())) return base::ok();
    // Logits belong to the last token alone, so it is evaluated again where the timeline went further.
    if (shared == tokens.size() && shared > 0) --shared;
    rewind(static_cast<int>(shared));
    return append(tokens.subspan(tokens_.size()), {}, stop);
  }

  base::Status append(std::span<const Token> tokens, std::span<float> all_logits, std::stop_token stop) override {
    if (base::Status bad = check(tokens, tokens_.size()); !bad) return bad;
    const size_t n_vocab = logits_.size();
    if (!all_logits.empty() && all_logits.size() < tokens.size() * n_vocab)
      return base::invalid("append: room for " + std::to_string(all_logits.size()) + " logits was given, " +
                           std::to_string(tokens.size() * n_vocab) + " are needed.");
    while (!tokens.empty()) {
      const size_t n = std::min(tokens.size(), static_cast<size_t>(shared_.model->max_tokens()));
      const bool last = n == tokens.size();
      ForwardRequest request;
      request.tokens = tokens.first(n);
      request.position = static_cast<int64_t>(tokens_.size());
      request.cache = cache_.get();
      request.adapter = adapter_weights();
      request.all_logits = !all_logits.empty();
      request.logits = request.all_logits ? all_logits.data() : last ? logits_.data() : nullptr;
      request.stop = stop;
      if (drafts_) request.states = drafts_->room(tokens_.size(), n);
      has_logits_ = false;
      if (base::Status ran = forward(shared_, request, first_); !ran) return ran;
      tokens_.insert(tokens_.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n));
      if (request.all_logits) {
        if (last) std::copy_n(all_logits.begin() + static_cast<std::ptrdiff_t>((n - 1) * n_vocab), n_vocab, logits_.begin());
        all_logits = all_logits.subspan(n * n_vocab);
      }
      has_logits_ = last;
      tokens = tokens.subspan(n);
      if (!drafts_) continue;
      if (base::Status added = drafts_->added(tokens_, draft_runner(), stop); !added) return added;
    }
    return base::ok();
  }

  base::Result<std::vector<Token>> draft(Token next, int n, std::stop_token stop) override {
    if (!drafts_) return Session::draft(next, n, stop);
    if (base::Status bad = check({&next, 1}, 0); !bad) return std::move(bad).error();
    return drafts_->guess(tokens_, next, static_cast<size_t>(std::max(0, n)), draft_runner(), stop);
  }

  base::Result<std::unique_ptr<Session>> fork() const override {
    std::unique_ptr<Cache> cache;
    try {
      cache = cache_->fork(static_cast<int64_t>(tokens_.size()));
      if (!cache) return Session::fork();
      std::unique_ptr<SessionDrafts> drafts = drafts_ ? drafts_->fork() : nullptr;
      if (drafts_ && !drafts) return Session::fork();
      auto made = std::make_unique<TimelineSession>(engine_, shared_, n_ctx_, adapter_, std::move(drafts), std::move(cache), tokens_,
                                                    logits());
      made->first_ = first_;
      return std::unique_ptr<Session>(std::move(made));
    } catch (const DeviceFailure& failure) {
      return base::Error{base::ErrorCode::kInternal, std::string("The GPU failed while a session was forked: ") + failure.what() + "."};
    } catch (const std::bad_alloc&) {
      return base::Error{base::ErrorCode::kExhausted, "There is no memory left for another session."};
    }
  }

  uint64_t memory_bytes() const override {
    uint64_t held = cache_->memory_bytes();
    // A device takes a cache's whole room at once; a cache that does not say takes what its tokens need.
    if (held == 0) held = shared_.model->cache_bytes(shared_.accelerated ? n_ctx_ : static_cast<int64_t>(tokens_.size()));
    return held + (drafts_ ? drafts_->memory_bytes() : 0) + tokens_.capacity() * sizeof(Token) + logits_.size() * sizeof(float);
  }

  base::Status save(const std::filesystem::path& path) const override {
    SessionImage image;
    image.layout = cache_->layout();
    if (image.layout.empty()) return Session::save(path);
    image.fingerprint = shared_.fingerprint();
    image.adapter = adapter_ ? adapter_->fingerprint() : 0;
    image.n_ctx = n_ctx_;
    image.n_vocab = shared_.n_vocab;
    image.tokens = tokens_;
    image.logits.assign(logits().begin(), logits().end());
    const auto n = static_cast<int64_t>(tokens_.size());
    base::Status written =
        write_session_image(path, image, cache_->stored_bytes(n), [&](const Cache::Sink& sink) { return cache_->write(n, sink); });
    // Shared rows were read outside a pass: whoever finds them unshared and writes them comes after this turn.
    const std::lock_guard turn(shared_.turn);
    if (!written) return std::move(written).error().in("save session");
    return written;
  }

  base::Result<std::string> profile_step() override {
    if (!shared_.accelerated) return Session::profile_step();
    if (tokens_.size() >= static_cast<size_t>(n_ctx_)) return base::invalid("The session is full: there is no room for a step.");
    has_logits_ = false;
    const auto opened = open_cuda();
    if (!opened) return opened.error();
    const std::lock_guard turn(shared_.turn);
    return (*opened)->profile_step(*shared_.model, *cache_, static_cast<int64_t>(tokens_.size()));
  }

  // One token for each of several timelines; all or none.
  static base::Status step(SharedModel& shared, std::span<TimelineSession* const> sessions, std::span<const Token> tokens, std::stop_token stop) {
    const size_t n_vocab = static_cast<size_t>(shared.n_vocab), at_once = static_cast<size_t>(shared.model->max_batch());
    std::vector<BatchPlace> places;
    for (TimelineSession* session : sessions) {
      session->has_logits_ = false;
      places.push_back({session->cache_.get(), static_cast<int64_t>(session->tokens_.size()), session->adapter_weights()});
    }
    std::vector<float> logits(std::min(at_once, sessions.size()) * n_vocab), states;
    const bool first = std::any_of(sessions.begin(), sessions.end(), [](const TimelineSession* session) { return session->first_; });
    const bool drafts = std::any_of(sessions.begin(), sessions.end(), [](const TimelineSession* session) { return session->drafts_ != nullptr; });
    const size_t width = drafts ? static_cast<size_t>(shared.model->draft_width()) : 0;
    states.resize(sessions.size() * width);
    for (size_t begin = 0; begin < sessions.size(); begin += at_once) {
      const size_t n = std::min(at_once, sessions.size() - begin);
      ForwardRequest request;
      request.tokens = tokens.subspan(begin, n);
      if (n == 1) {
        request.cache = places[begin].cache;
        request.position = places[begin].position;
        request.adapter = places[begin].adapter;
      } else {
        request.batch = std::span(places).subspan(begin, n);
        request.all_logits = true;
      }
      request.logits = logits.data();
      if (drafts) request.states = states.data() + begin * width;
      request.stop = stop;
      if (base::Status ran = forward(shared, request, first); !ran) {
        for (TimelineSession* session : sessions)  // earlier parts of the batch went through
          session->tokens_.resize(static_cast<size_t>(session->cache_->rewind(static_cast<int64_t>(session->tokens_.size()))));
        return ran;
      }
      for (size_t i = 0; i < n; ++i) std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * n_vocab), n_vocab, sessions[begin + i]->logits_.begin());
    }
    for (size_t i = 0; i < sessions.size(); ++i) {
      TimelineSession& session = *sessions[i];
      if (session.drafts_) std::copy_n(states.data() + i * width, width, session.drafts_->room(session.tokens_.size(), 1));
      session.tokens_.push_back(tokens[i]);
      session.has_logits_ = true;
    }
    // All have their token; what a draft layer still misses may wait.
    for (TimelineSession* session : sessions)
      if (session->drafts_)
        if (base::Status added = session->drafts_->added(session->tokens_, session->draft_runner(), stop);
            !added && added.error().code != base::ErrorCode::kCancelled)
          return added;
    return base::ok();
  }

  void rewind(int n_tokens) override {
    const int64_t wanted = std::min(static_cast<int64_t>(tokens_.size()), static_cast<int64_t>(std::max(0, n_tokens)));
    if (wanted < static_cast<int64_t>(tokens_.size())) {
      tokens_.resize(static_cast<size_t>(cache_->rewind(wanted)));
      if (drafts_) drafts_->rewind(tokens_.size());
    }
    has_logits_ = false;
  }

  // Whether `tokens` fit after `held` others and are in the vocabulary.
  base::Status check(std::span<const Token> tokens, size_t held) const {
    if (held + tokens.size() > static_cast<size_t>(n_ctx_))
      return base::Error{base::ErrorCode::kExhausted,
                         "The context holds " + std::to_string(n_ctx_) + " tokens; " + std::to_string(held) + " are in use and " +
                             std::to_string(tokens.size()) + " more were given. Shorten the text or open a larger session."};
    for (const Token token : tokens)
      if (token < 0 || static_cast<size_t>(token) >= logits_.size())
        return base::invalid("Token id " + std::to_string(token) + " is not in the vocabulary of " +
                             std::to_string(logits_.size()) + " tokens.");
    return base::ok();
  }

 private:
  SessionDrafts::Run draft_runner() {
    return [this](const DraftRequest& request) { return run(shared_, request, &Model::draft, first_); };
  }
  const AdapterWeights* adapter_weights() const { return adapter_ ? &adapter_->weights() : nullptr; }

  const std::shared_ptr<const Engine> engine_;
  SharedModel& shared_;
  const int n_ctx_;
  const std::shared_ptr<const LoraAdapter> adapter_;  // or null
  const std::unique_ptr<SessionDrafts> drafts_;       // or null
  std::unique_ptr<Cache> cache_;
  std::vector<Token> tokens_;
  std::vector<float> logits_;
  bool has_logits_ = false;
  bool first_ = false;  // somebody waits for it
};

}  // namespace

uint64_t session_bytes(const SharedModel& shared, int n_ctx) {
  const int64_t n = std::max(0, n_ctx);
  return shared.model->cache_bytes(n) + static_cast<uint64_t>(n) * sizeof(Token) + static_cast<uint64_t>(shared.n_vocab) * sizeof(float);
}

std::unique_ptr<Session> make_session(std::shared_ptr<const Engine> engine, SharedModel& shared, int n_ctx,
                                      std::shared_ptr<const LoraAdapter> adapter, bool drafts) {
  return std::make_unique<TimelineSession>(std::move(engine), shared, n_ctx, std::move(adapter),
                                           drafts ? std::make_unique<SessionDrafts>(*shared.model, n_ctx, shared.n_vocab) : nullptr,
                                           shared.model->make_cache(n_ctx));
}

base::Status step_sessions(SharedModel& shared, std::span<Session* const> sessions, std::span<const Token> tokens, std::stop_token stop) {
  if (sessions.size() != tokens.size())
    return base::invalid("step: " + std::to_string(tokens.size()) + " tokens were given for " + std::to_string(sessions.size()) + " sessions.");
  std::vector<TimelineSession*> timelines;
  for (size_t i = 0; i < sessions.size(); ++i) {
    timelines.push_back(static_cast<TimelineSession*>(sessions[i]));
    if (base::Status bad = timelines.back()->check(tokens.subspan(i, 1), timelines.back()->tokens().size()); !bad) return bad;
  }
  std::vector<TimelineSession*> sorted = timelines;
  std::sort(sorted.begin(), sorted.end(), std::less<>());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return base::invalid("step: a session was given twice.");
  return TimelineSession::step(shared, timelines, tokens, stop);
}

base::Result<std::unique_ptr<Session>> make_session(std::shared_ptr<const Engine> engine, SharedModel& shared, int n_ctx,
                                                    std::shared_ptr<const LoraAdapter> adapter, SessionImage image) {
  std::unique_ptr<Cache> cache = shared.model->make_cache(n_ctx);
  const auto n = static_cast<int64_t>(image.tokens.size());
  if (cache->layout().empty()) return base::invalid("Sessions of this model are not stored where it is computed.");
  if (image.layout != cache->layout())
    return base::invalid("The session file holds \"" + shown_name(image.layout) + "\"; the model, as it is computed here, keeps \"" +
                         cache->layout() +
                         "\". Load the model as it was when the session was saved (LoadOptions: numerics, cache), or evaluate the tokens anew.");
  if (image.cache.size() != cache->stored_bytes(n))
    return base::corrupt("The session file's cache has " + std::to_string(image.cache.size()) + " bytes where " + std::to_string(n) +
                         " tokens take " + std::to_string(cache->stored_bytes(n)) + ".");
  cache->read(n, image.cache);
  return std::unique_ptr<Session>(
      std::make_unique<TimelineSession>(std::move(engine), shared, n_ctx, std::move(adapter), nullptr, std::move(cache), image.tokens, image.logits));
}

}  // namespace engine
