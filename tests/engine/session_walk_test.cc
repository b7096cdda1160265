// SPDX-License-Identifier: Apache-2.0
// Random walks through everything that sessions do, on every family: wherever a walk leads, a session's tokens and logits are
// those of a fresh session that reads the same tokens at once, bit for bit.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "tests/engine/session_kit.h"

namespace {

using namespace engine;
using namespace engine::test;

constexpr int kContext = 170;        // beyond every window and compressed block of the tiny models
constexpr size_t kMostSessions = 6;  // at once

// Sessions, what each must hold, and the walk's dice. One step does one thing to one of them, or to several together.
class Walk {
 public:
  Walk(std::shared_ptr<const Engine> engine, uint32_t seed)
      : engine_(std::move(engine)),
        random_(seed),
        file_(std::filesystem::temp_directory_path() / ("graft_walk_" + std::to_string(::getpid()) + ".session")) {
    open_one();
  }
  ~Walk() {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }

  void step() {
    const size_t i = below(timelines_.size());
    switch (below(12)) {
      case 0:
        return rewind(i);
      case 1:
        return sync(i);
      case 2:
        return fork(i);
      case 3:
        return save_and_restore(i);
      case 4:
        return drop(i);
      case 5:
        return cancelled(i);
      case 6:
        return refused(i);
      case 7:
        return draft(i);
      case 8:
      case 9:
        return together();
      default:
        return append(i);
    }
  }
  // Every session, not only those that the last step touched: what one does must leave the others alone.
  void check() {
    for (size_t i = 0; i < timelines_.size(); ++i) {
      CAPTURE(i);
      CAPTURE(done_);
      const Timeline& t = timelines_[i];
      const std::span<const Token> held = t.session->tokens();
      REQUIRE(std::equal(held.begin(), held.end(), t.tokens.begin(), t.tokens.end()));
      REQUIRE(t.session->logits().empty() == !t.has_logits);
      if (t.has_logits) REQUIRE(copy(t.session->logits()) == expected(t.tokens));
    }
  }

 private:
  struct Timeline {
    std::unique_ptr<Session> session;
    std::vector<Token> tokens;
    bool has_logits = false, drafts = false;
  };

  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  // Few different tokens, so that timelines part and meet again.
  std::vector<Token> some_tokens(size_t most) {
    std::vector<Token> tokens(1 + below(most));
    for (Token& t : tokens) t = static_cast<Token>(5 + below(3) * 7);
    return tokens;
  }
  size_t room(const Timeline& t) const { return static_cast<size_t>(kContext) - t.tokens.size(); }

  const std::vector<float>& expected(const std::vector<Token>& tokens) {
    const auto [at, is_new] = expected_.try_emplace(tokens);
    if (is_new) {
      const auto fresh = open(engine_, kContext);
      REQUIRE(fresh->append(tokens, {}, {}));
      at->second = copy(fresh->logits());
    }
    return at->second;
  }

  void open_one() {
    done_ += " open";
    SessionOptions options;
    options.drafts = engine_->info().has_draft_layer && below(2) == 0;
    auto session = engine_->open_session_with(kContext, options);
    REQUIRE(session);
    timelines_.push_back({std::move(*session), {}, false, options.drafts});
  }
  void append(size_t i) {
    Timeline& t = timelines_[i];
    std::vector<Token> tokens = some_tokens(below(3) == 0 ? 70 : 6);
    tokens.resize(std::min(tokens.size(), room(t)));
    if (tokens.empty()) return rewind(i);
    done_ += " append" + std::to_string(tokens.size());
    const auto n_vocab = static_cast<size_t>(engine_->info().n_vocab);
    std::vector<float> all(below(2) == 0 ? tokens.size() * n_vocab : 0);
    REQUIRE(t.session->append(tokens, all, {}));
    const size_t before = t.tokens.size();
    t.tokens.insert(t.tokens.end(), tokens.begin(), tokens.end());
    t.has_logits = true;
    if (all.empty()) return;
    const size_t k = below(tokens.size());  // one row of all: a place where no call ended
    const std::vector<Token> front(t.tokens.begin(), t.tokens.begin() + static_cast<std::ptrdiff_t>(before + k + 1));
    const auto row = all.begin() + static_cast<std::ptrdiff_t>(k * n_vocab);
    REQUIRE(std::vector<float>(row, row + static_cast<std::ptrdiff_t>(n_vocab)) == expected(front));
  }
  void rewind(size_t i) {
    Timeline& t = timelines_[i];
    const size_t to = below(t.tokens.size() + 1);
    done_ += " rewind" + std::to_string(t.tokens.size()) + "to" + std::to_string(to);
    const bool stays = to == t.tokens.size();
    t.session->rewind(static_cast<int>(to));
    const size_t held = t.session->tokens().size();
    REQUIRE(held <= to);  // less where the cache keeps a window alone
    t.tokens.resize(held);
    t.has_logits = stays && !t.session->logits().empty() && t.has_logits;
  }
  void sync(size_t i) {
    Timeline& t = timelines_[i];
    std::vector<Token> to = timelines_[below(timelines_.size())].tokens;
    to.resize(below(to.size() + 1));
    const std::vector<Token> more = some_tokens(9);
    to.insert(to.end(), more.begin(), more.end());
    to.resize(std::min(to.size(), static_cast<size_t>(kContext)));
    done_ += " sync" + std::to_string(to.size());
    REQUIRE(t.session->sync(to, {}));
    t.tokens = to;
    t.has_logits = true;
  }
  void fork(size_t i) {
    if (timelines_.size() == kMostSessions) return drop(i);
    done_ += " fork" + std::to_string(i);
    auto made = timelines_[i].session->fork();
    REQUIRE_MESSAGE(made, made.error().message);
    timelines_.push_back({std::move(*made), timelines_[i].tokens, timelines_[i].has_logits, timelines_[i].drafts});
  }
  void drop(size_t i) {
    done_ += " drop" + std::to_string(i);
    timelines_.erase(timelines_.begin() + static_cast<std::ptrdiff_t>(i));
    if (timelines_.empty()) open_one();
  }
  void save_and_restore(size_t i) {
    done_ += " save" + std::to_string(i);
    Timeline& t = timelines_[i];
    REQUIRE(t.session->save(file_));
    auto restored = engine_->restore_session(file_);
    REQUIRE_MESSAGE(restored, restored.error().message);
    t.session = std::move(*restored);
    t.drafts = false;  // what they need is not stored
  }
  // Stopped before it began: what the session holds then is a front of what it was to hold.
  void cancelled(size_t i) {
    Timeline& t = timelines_[i];
    std::vector<Token> tokens = some_tokens(40);
    tokens.resize(std::min(tokens.size(), room(t)));
    if (tokens.empty()) return;
    done_ += " cancel" + std::to_string(i);
    std::stop_source stop;
    stop.request_stop();
    const auto status = t.session->append(tokens, {}, stop.get_token());
    REQUIRE(!status);
    REQUIRE(status.error().code == base::ErrorCode::kCancelled);
    t.tokens.insert(t.tokens.end(), tokens.begin(), tokens.end());
    const size_t held = t.session->tokens().size();
    REQUIRE(held <= t.tokens.size());
    t.tokens.resize(held);
    t.has_logits = !t.session->logits().empty();
  }
  void refused(size_t i) {
    Timeline& t = timelines_[i];
    done_ += " refuse" + std::to_string(i);
    const std::vector<Token> too_many(room(t) + 1, 5), unknown = {5, static_cast<Token>(engine_->info().n_vocab)};
    REQUIRE(!t.session->append(too_many, {}, {}));
    REQUIRE(!t.session->append(unknown, {}, {}));
  }
  void draft(size_t i) {
    Timeline& t = timelines_[i];
    if (room(t) == 0) return;
    done_ += " draft" + std::to_string(i);
    const auto guesses = t.session->draft(12, 3, {});
    REQUIRE_MESSAGE(guesses, guesses.error().message);
    REQUIRE((t.drafts || guesses->empty()));
  }
  void together() {
    std::vector<Session*> sessions;
    std::vector<Token> tokens;
    std::vector<Timeline*> moved;
    for (Timeline& t : timelines_)
      if (room(t) > 0 && below(4) != 0) {
        sessions.push_back(t.session.get());
        tokens.push_back(some_tokens(1)[0]);
        moved.push_back(&t);
      }
    if (sessions.empty()) return;
    done_ += " together" + std::to_string(sessions.size());
    const auto status = engine_->step(sessions, tokens, {});
    REQUIRE_MESSAGE(status, status.error().message);
    for (size_t i = 0; i < moved.size(); ++i) {
      moved[i]->tokens.push_back(tokens[i]);
      moved[i]->has_logits = true;
    }
  }

  std::shared_ptr<const Engine> engine_;
  std::mt19937 random_;
  std::filesystem::path file_;
  std::vector<Timeline> timelines_;
  std::map<std::vector<Token>, std::vector<float>> expected_;
  std::string done_;  // what the walk did so far, for a failure
};

}  // namespace

// GRAFT_WALK_STEPS makes the walks longer than a test may be; GRAFT_WALK_SEED takes another.
TEST_CASE("session walk: whatever is done to sessions in whatever order, each holds what a fresh one would") {
  const char* const given_steps = std::getenv("GRAFT_WALK_STEPS");
  const char* const given_seed = std::getenv("GRAFT_WALK_SEED");
  const int n_steps = given_steps ? std::atoi(given_steps) : 60;
  const auto seed = static_cast<uint32_t>(given_seed ? std::atoi(given_seed) : 1);
  for (const char* name :
       {"gguf/lite_f32.gguf", "gguf/grouped_q4_0.gguf", "families/deepseek_v2", "families/deepseek_v3_draft",
        "families/deepseek_v32_draft", "families/deepseek_v4_draft", "families/deepseek_v4_dspark",
        "families/deepseek_v41", "families/deepseek_v41_dspark", "families/llama", "families/mistral", "families/qwen2",
        "families/qwen3", "families/qwen3_moe", "families/gpt_oss"})
    for (const CacheType cache : {CacheType::kF32, CacheType::kBf16}) {
      CAPTURE(std::string(name));
      CAPTURE((cache == CacheType::kF32));
      Walk walk(tiny(name, Numerics::kFast, cache), seed);
      for (int i = 0; i < n_steps; ++i) {
        walk.step();
        walk.check();
      }
    }
}
