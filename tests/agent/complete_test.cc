// SPDX-License-Identifier: Apache-2.0
// The completer over a model that says what the test wants, one byte a token.
#include "agent/complete.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "agent/complete/open_end.h"

namespace {

using engine::Token;
constexpr Token kEnd = 256, kSuffix = 257, kPrefix = 258, kMiddle = 259;
constexpr int kVocab = 260;

// Given prefix and suffix as the model sees them, what it says next.
using Says = std::function<std::string(std::string_view prefix, std::string_view suffix)>;

class ByteModel final : public engine::Engine {
 public:
  // `small`: enough for a memory of the file to be mixed in.
  explicit ByteModel(Says says, float sureness = 12.0f, bool small = false) : says_(std::move(says)), sureness_(sureness) {
    info_.name = "bytes";
    info_.n_vocab = kVocab;
    info_.n_ctx_train = 2048;
    info_.n_active_parameters = small ? 1'000 : 1'000'000'000;
    special_.eos = kEnd;
  }
  const engine::ModelInfo& info() const override { return info_; }
  const engine::SpecialTokens& special_tokens() const override { return special_; }
  bool ends_generation(Token token) const override { return token == kEnd; }
  bool has_capability(std::string_view name) const override { return name == "fim" && can_fill; }
  std::vector<Token> tokenize(std::string_view text, bool) const override {
    return {reinterpret_cast<const unsigned char*>(text.data()),
            reinterpret_cast<const unsigned char*>(text.data()) + text.size()};
  }
  std::string detokenize(std::span<const Token> tokens) const override {
    std::string text;
    for (const Token token : tokens)
      if (token < 256) text += static_cast<char>(token);
    return text;
  }
  base::Result<std::vector<Token>> fim_prompt(const engine::FimRequest& request) const override {
    std::vector<Token> prompt{kSuffix};
    const auto add = [&](std::string_view text) {
      for (const char c : text) prompt.push_back(static_cast<unsigned char>(c));
    };
    add(request.suffix);
    prompt.push_back(kPrefix);
    add(request.prefix);
    prompt.push_back(kMiddle);
    return prompt;
  }
  uint64_t session_bytes(int) const override { return 0; }
  base::Result<std::unique_ptr<engine::Session>> open_session(int n_ctx) const override;

  const Says says_;
  const float sureness_;
  bool can_fill = true;
  size_t n_open = 0;  // bytes that must be repeated before it says anything of its own
  mutable int n_evaluated = 0, n_in_a_hurry = 0;  // tokens; the second those of interactive sessions

 private:
  engine::ModelInfo info_;
  engine::SpecialTokens special_;
};

class ByteSession final : public engine::Session {
 public:
  ByteSession(const ByteModel& model, int n_ctx) : model_(model), n_ctx_(n_ctx) {}
  const engine::Engine& engine() const override { return model_; }
  int n_ctx() const override { return n_ctx_; }
  std::span<const Token> tokens() const override { return tokens_; }
  base::Status sync(std::span<const Token> tokens, std::stop_token stop) override {
    const auto [ours, theirs] = std::mismatch(tokens_.begin(), tokens_.end(), tokens.begin(), tokens.end());
    tokens_.erase(ours, tokens_.end());
    n_prompt_ = tokens.size();
    return append({&*theirs, static_cast<size_t>(tokens.end() - theirs)}, {}, stop);
  }
  base::Status append(std::span<const Token> tokens, std::span<float> all_logits, std::stop_token stop) override {
    if (stop.stop_requested()) return base::cancelled();
    model_.n_evaluated += static_cast<int>(tokens.size());
    if (interactive_) model_.n_in_a_hurry += static_cast<int>(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens_.push_back(tokens[i]);
      if (all_logits.empty() && i + 1 < tokens.size()) continue;
      logits_.assign(kVocab, 0.0f);
      logits_[static_cast<size_t>(next())] = model_.sureness_;
      if (!all_logits.empty()) std::copy(logits_.begin(), logits_.end(), all_logits.begin() + static_cast<std::ptrdiff_t>(i * kVocab));
    }
    return base::ok();
  }
  void rewind(int n) override { tokens_.resize(static_cast<size_t>(n)); }
  void set_priority(engine::Priority priority) override { interactive_ = priority == engine::Priority::kInteractive; }
  std::span<const float> logits() const override { return logits_; }

 private:
  // The prompt is either in the form of fim_prompt() or plain text.
  Token next() const {
    const std::span<const Token> prompt(tokens_.data(), n_prompt_);
    const auto prefix = std::find(prompt.begin(), prompt.end(), kPrefix);
    const auto at = static_cast<size_t>(prefix - prompt.begin());
    const bool fim = prefix != prompt.end();
    const std::string before = model_.detokenize(fim ? prompt.subspan(at + 1) : prompt);
    const std::string said = model_.says_(before, model_.detokenize(fim ? prompt.first(at) : prompt.first(0)));
    const size_t n_repeated = tokens_.size() - n_prompt_;
    if (n_repeated < model_.n_open) return kEnd;  // whatever the caller leaves of that
    const size_t n_said = n_repeated - model_.n_open;
    return n_said < said.size() ? static_cast<unsigned char>(said[n_said]) : kEnd;
  }
  const ByteModel& model_;
  const int n_ctx_;
  std::vector<Token> tokens_;
  size_t n_prompt_ = 0;
  bool interactive_ = false;
  std::vector<float> logits_;
};

base::Result<std::unique_ptr<engine::Session>> ByteModel::open_session(int n_ctx) const {
  return std::unique_ptr<engine::Session>(std::make_unique<ByteSession>(*this, n_ctx));
}

struct Fixture {
  explicit Fixture(Says says, float sureness = 12.0f, bool small = false)
      : model(std::make_shared<ByteModel>(std::move(says), sureness, small)) {
    completer = std::move(*agent::Completer::create(model));
  }
  // The first suggestion, or "-".
  std::string suggest(const std::string& prefix, const std::string& suffix,
                      std::function<void(agent::CompleteRequest&)> more = {}) {
    agent::CompleteRequest request;
    request.prefix = prefix;
    request.suffix = suffix;
    request.path = "a.py";
    if (more) more(request);
    model->n_open = agent::open_end_bytes(prefix);
    const auto items = completer->complete(request, {});
    REQUIRE(items);
    return items->empty() ? "-" : items->front().text;
  }
  std::shared_ptr<ByteModel> model;
  std::unique_ptr<agent::Completer> completer;
};

Says always(std::string text) {
  return [text = std::move(text)](auto, auto) { return text; };
}

}  // namespace

TEST_CASE("complete: all of it goes before what nobody waits for") {
  Fixture f(always("b) + 1\nnext line"));
  f.suggest("x = f(a, ", "\n");
  f.suggest("x = f(a, b) + g(", "\n");
  CHECK(f.model->n_evaluated > 20);
  CHECK(f.model->n_in_a_hurry == f.model->n_evaluated);
}

TEST_CASE("complete: a line is as sure as it is likely, several lines as one of them on average") {
  Fixture f(always("if a:\n        return 1\n    return 2\n"), 6.0f);
  agent::CompleteRequest request;
  request.prefix = "def f(a):\n    ", request.suffix = "\n", request.path = "a.py";
  f.model->n_open = agent::open_end_bytes(request.prefix);
  for (const bool single_line : {true, false}) {
    request.single_line = single_line;
    const auto items = f.completer->complete(request, {});
    REQUIRE(items->size() == 1);
    const agent::CompletionItem& item = items->front();
    CHECK(std::count(item.text.begin(), item.text.end(), '\n') == (single_line ? 0 : 2));
    CHECK(item.sureness == doctest::Approx(item.logprob / (single_line ? 1 : 3)));
  }
}

TEST_CASE("complete: one line, without what follows anyway") {
  Fixture f(always("b) + 1\nnext line"));
  CHECK(f.suggest("x = f(a, ", "\n") == "b) + 1");
  CHECK(f.suggest("x = f(a, ", ")\n") == "b");
}

TEST_CASE("complete: with text behind the cursor the model is asked to fill in, with none to go on") {
  const Says which = [](auto, std::string_view suffix) { return suffix.empty() ? "goes_on" : "fills"; };
  CHECK(Fixture(which).suggest("x = ", "\n") == "goes_on");
  CHECK(Fixture(which).suggest("x = ", "\ny = 1\n") == "fills");
}

TEST_CASE("complete: several lines to the end of the block") {
  Fixture f(always("if a:\n        return 1\n    return 2\n\ndef other():\n    pass\n"));
  CHECK(f.suggest("def f(a):\n    ", "\n", [](auto& r) { r.single_line = false; }) ==
        "if a:\n        return 1\n    return 2");
}

TEST_CASE("complete: a suggestion that would break the file is dropped, one that opens a block is not") {
  CHECK(Fixture(always("1 +* 2")).suggest("x = ", "\ny = 3\n") == "-");
  CHECK(Fixture(always("1 +* 2")).suggest("x = ", "\ny = 3\n", [](auto& r) { r.path = ""; }) ==
        "1 +* 2");  // no language
  CHECK(Fixture(always("n > 1:")).suggest("if ", "\n") == "n > 1:");
  CHECK(Fixture(always("(int i = 0; i < n; ++i) {")).suggest("void f(int n) {\n  for ", "\n}\n", [](auto& r) {
    r.path = "a.cc";
  }) == "(int i = 0; i < n; ++i) {");
}

TEST_CASE("complete: an unsure model says nothing, below the asker's bar") {
  Fixture f(always("1"), 3.0f);  // e^3 of e^3 + 259: about 7 %
  CHECK(f.suggest("x = ", "\n") == "1");
  CHECK(f.suggest("x = ", "\n", [](auto& r) { r.min_mean_logprob = -1.0; }) == "-");
}

TEST_CASE("complete: between two keys only the new text is read") {
  Fixture f([](std::string_view prefix, auto) { return prefix.ends_with("x") ? "" : "xyz"; });
  const std::string file(1500, 'a');
  f.suggest(file + "\nv = ", "\nend\n");
  const int cold = f.model->n_evaluated;
  CHECK(cold > 1000);
  f.suggest(file + "\nv = 1", "\nend\n");
  CHECK(f.model->n_evaluated - cold < 20);
}

TEST_CASE("complete: several are different, the likeliest first; raw ones are as said") {
  Fixture f(always("abc\n"), 7.0f);  // 80 %: drawn ones differ now and then
  agent::CompleteRequest request;
  request.prefix = "x = ";
  f.model->n_open = 1;
  request.n = 8;
  const auto items = f.completer->complete(request, {});
  REQUIRE(items);
  REQUIRE(items->size() >= 1);
  CHECK((*items)[0].text == "abc");
  for (size_t i = 1; i < items->size(); ++i) {
    CHECK((*items)[i].text != (*items)[0].text);
    CHECK((*items)[i].logprob / (*items)[i].n_tokens <= (*items)[i - 1].logprob / (*items)[i - 1].n_tokens);
  }
  request.n = 1;
  request.raw = true;
  CHECK((*f.completer->complete(request, {}))[0].text == "abc\n");
}

TEST_CASE("complete: a word begun is finished as the model would write all of it") {
  const Says whole = [](std::string_view prefix, auto) { return prefix.ends_with("x = ") ? "return_value" : "?"; };
  Fixture f(whole);
  agent::CompleteRequest request;
  request.prefix = "x = retu";
  request.raw = true;
  request.stop = {"\n", "value", "ret"};  // what stands before the cursor ends nothing
  // The prompt ends behind "x =": " retu" must come again, byte by byte here, then what the model says from there.
  CHECK(agent::open_end_bytes(request.prefix) == 5);
  f.model->n_open = 5;
  const auto items = f.completer->complete(request, {});
  REQUIRE(items);
  CHECK((*items)[0].text == "?");
  request.max_tokens = 1;  // counted from behind the word's begin
  CHECK((*f.completer->complete(request, {}))[0].text == "?");
}

TEST_CASE("complete: a small model copies from the file and from those open beside it, near before far") {
  const auto with_memory = [](std::string suffix, std::vector<std::string> others) {
    Fixture f(always("?"), 3.0f, true);
    return f.suggest("def f(items):\n    value = comp", suffix, [&](auto& r) { r.other_texts = others; });
  };
  CHECK(with_memory("\n", {}) != "ute_total(items)");
  CHECK(with_memory("\n", {"def g(items):\n    value = compute_total(items)\n    return value\n"}) == "ute_total(items)");
  CHECK(with_memory("\n\ndef h(items):\n    value = compute_mean(items)\n    return value\n",
                    {"def g(items):\n    value = compute_total(items)\n    return value\n"}) == "ute_mean(items)");
}

TEST_CASE("complete: what it was given to remember is copied from too, after what is open, until it is given something else") {
  Fixture f(always("?"), 3.0f, true);
  const auto suggest = [&](std::vector<std::string> open) {
    return f.suggest("def f(items):\n    value = comp", "\n", [&](auto& r) { r.other_texts = open; });
  };
  f.completer->remember({"def g(items):\n    value = compute_total(items)\n    return value\n"});
  CHECK(suggest({}) == "ute_total(items)");
  CHECK(suggest({"def h(items):\n    value = compute_mean(items)\n    return value\n"}) == "ute_mean(items)");
  CHECK(suggest({}) == "ute_total(items)");
  f.completer->remember({});
  CHECK(suggest({}) != "ute_total(items)");
}

TEST_CASE("complete: cancelled before and between tokens") {
  std::stop_source stop;
  Fixture f([&](auto, auto) {
    stop.request_stop();
    return "abc";
  });
  agent::CompleteRequest request;
  request.prefix = "x = ";
  const auto items = f.completer->complete(request, stop.get_token());
  REQUIRE_FALSE(items);
  CHECK(items.error().code == base::ErrorCode::kCancelled);
  CHECK(f.model->n_evaluated < 10);
}

TEST_CASE("complete: a model that cannot fill in the middle is refused by name") {
  auto model = std::make_shared<ByteModel>(always(""));
  model->can_fill = false;
  const auto completer = agent::Completer::create(model);
  REQUIRE_FALSE(completer);
  CHECK(completer.error().message.find("bytes") != std::string::npos);
}

TEST_CASE("complete: a place splits the text; one that is not there is told with what is") {
  const std::string text = "ab\nc\xC3\xA9\n";
  const auto at = agent::request_at(text, "a.py", 2, 2);
  REQUIRE(at);
  CHECK(at->prefix == "ab\nc");
  CHECK(at->suffix == "\xC3\xA9\n");
  CHECK(at->path == "a.py");
  CHECK(agent::request_at(text, "a.py", 3, 1)->suffix.empty());
  for (const auto& [line, column] : {std::pair{0, 1}, {4, 1}, {1, 0}, {1, 4}, {3, 2}, {-1, -1}}) {
    CAPTURE(line);
    CHECK_FALSE(agent::request_at(text, "a.py", line, column));
  }
  CHECK(agent::request_at(text, "a.py", 9, 1).error().message == "a.py has 3 lines; line 9 is none of them.");
}
