// SPDX-License-Identifier: Apache-2.0
#include "agent/complete.h"

#include <algorithm>
#include <cmath>

#include "agent/complete/completed_file.h"
#include "agent/complete/completion_text.h"
#include "agent/complete/late_mark.h"
#include "agent/complete/likely_lines.h"
#include "agent/complete/open_end.h"
#include "agent/memory/file_memory.h"
#include "base/strings.h"
#include "engine/session_pool.h"

namespace agent {
namespace {

// What the model sees. 4 KiB are 1,000 to 1,500 tokens of code: a cold prompt of that size is what two cores read in
// the time that a person waits for ghost text (design: 400 ms for 1,000 new tokens).
constexpr size_t kPrefixBytes = 3072, kSuffixBytes = 1024;
// Below what any tokenizer needs for code, so that the window fits the context whatever the text is.
constexpr size_t kBytesPerToken = 2;
constexpr int kMaxContextTokens = 4096;
// Of timelines kept for other files and places. On a GPU each takes its whole context at once, so few fit there.
constexpr uint64_t kSessionBytes = uint64_t{256} << 20;
constexpr size_t kSessions = 16;
// Models above this many parameters a token copy from their window themselves.
constexpr uint64_t kLargestForgetful = 300'000'000;
// Alternatives beside the greedy one differ enough at this temperature to be worth the choice.
constexpr float kAlternativesTemperature = 0.6f;
// Tokens that a model above it copies from the file at once.
constexpr int kCopiedAtOnce = 16;
// Beginnings of a line that are followed side by side; and lines, the likeliest, of which the file chooses the best.
constexpr int kBeams = 4;
// Lines looked for beyond twice those wanted, where some of the likeliest are not worth showing.
constexpr int kSpareLines = 3;
// Below the least sureness, natural log: what a line may gain by being spelt in several ways, and by what speaks for it.
constexpr double kSpellings = 1, kMostEvidence = 1.5;

double mean_logprob(const CompletionItem& item) {
  return item.n_tokens == 0 ? 0 : item.logprob / item.n_tokens;
}

double mean_of_a_line(const CompletionItem& item) {
  return item.logprob / static_cast<double>(1 + std::count(item.text.begin(), item.text.end(), '\n'));
}

bool ends_in_prefix(const engine::Engine& model) {
  auto prompt = model.fim_prompt({"a", "b", "", 0});
  return prompt && take_mark(model.special_tokens(), *prompt).has_value();
}

class EngineCompleter final : public Completer {
 public:
  EngineCompleter(std::shared_ptr<const engine::Engine> model, int n_ctx)
      : model_(std::move(model)),
        n_ctx_(n_ctx),
        sessions_(model_, {n_ctx, kSessionBytes, kSessions}),
        token_bytes_(*model_),
        memory_(*model_),
        has_memory_(model_->info().n_active_parameters <= kLargestForgetful),
        prefix_is_last_(ends_in_prefix(*model_)) {}

  // Whether there is memory for a session at all.
  base::Status open() {
    auto session = sessions_.take({});
    if (!session) return std::move(session).error();
    return base::ok();
  }

  void remember(std::vector<std::string> texts) override {
    if (has_memory_) memory_.set_far(texts);
  }

  base::Result<std::vector<CompletionItem>> complete(const CompleteRequest& request, std::stop_token stop) override {
    const std::string_view prefix = request.prefix;
    const std::string_view open = prefix.substr(prefix.size() - open_end_bytes(prefix));
    const std::string_view closed = prefix.substr(0, prefix.size() - open.size());
    const auto n_repeated = static_cast<int>(model_->tokenize(open).size());
    const int max_tokens = std::clamp(request.max_tokens, 1, n_ctx_ / 4) + n_repeated;
    auto prompt = prompt_of(request, closed, max_tokens);
    if (!prompt) return std::move(prompt).error();
    const LateMark mark = mark_of(request, open, *prompt);
    if (has_memory_) {
      const std::vector<std::string_view> others(request.other_texts.begin(), request.other_texts.end());
      memory_.set(closed, request.suffix, others);
    }
    if (!request.raw) file_.set(request.path, request.prefix, request.suffix, stop);

    // Each file, and each place in one that is gone back to, finds what was read of it.
    auto session = sessions_.take(*prompt);
    if (!session) return std::move(session).error();
    (*session)->set_priority(engine::Priority::kInteractive);  // before a repair that reads the same model
    std::vector<CompletionItem> items;
    if (searches_lines(request)) {
      auto lines = best_lines(request, **session, *prompt, line_search(request, open, max_tokens), stop);
      if (lines || lines.error().code != base::ErrorCode::kInvalidArgument) return lines;
      forks_ = false;  // where this model is computed
    }
    for (int i = 0; i < std::max(1, request.n); ++i) {
      auto said = generate_with(mark, token_bytes_, **session, *prompt, options_of(request, open, max_tokens, i), stop);
      if (!said) return std::move(said).error();
      // Out of tokens before what must be repeated was.
      if (said->text.size() < open.size()) continue;
      CompletionItem item{said->text.substr(open.size()), said->logprob, static_cast<int>(said->tokens.size())};
      item.text.resize(std::min(item.text.size(), stop_at(request, item.text)));
      item.sureness = mean_of_a_line(item);
      if (request.raw || keep(request, said->reason, item, stop)) items.push_back(std::move(item));
    }
    if (!request.raw) drop_doubles(items);
    put_surest_first(items);
    return items;
  }

 private:
  base::Result<std::vector<engine::Token>> prompt_of(const CompleteRequest& request, std::string_view prefix,
                                                     int max_tokens) const {
    const int room = n_ctx_ - max_tokens - 1;
    const size_t bytes = std::min(kPrefixBytes + kSuffixBytes, static_cast<size_t>(room) * kBytesPerToken);
    const std::string_view suffix = std::string_view(request.suffix).substr(passed_over(request).value_or(0));
    const auto seen = context_window(prefix, suffix, bytes * kPrefixBytes / (kPrefixBytes + kSuffixBytes),
                                     bytes * kSuffixBytes / (kPrefixBytes + kSuffixBytes));
    // Nothing follows: the text simply goes on, and going on is what a model does best.
    if (base::trim(suffix).empty()) return left_to_right_prompt(seen.prefix, static_cast<size_t>(room));
    return model_->fim_prompt({seen.prefix, seen.suffix, request.path, room});
  }

  // The last `room` tokens of the prefix, after the token that opens a text where the model has one.
  std::vector<engine::Token> left_to_right_prompt(std::string_view prefix, size_t room) const {
    std::vector<engine::Token> tokens = model_->tokenize(prefix);
    const auto bos = model_->special_tokens().bos;
    const size_t kept = std::min(tokens.size(), room - (bos ? 1 : 0));
    tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(kept));
    if (bos) tokens.insert(tokens.begin(), *bos);
    return tokens;
  }

  // Of the likeliest lines those that the file speaks for most. Where too few are worth showing, others are looked for.
  base::Result<std::vector<CompletionItem>> best_lines(const CompleteRequest& request, engine::Session& session,
                                                       std::span<const engine::Token> prompt, LineSearch search,
                                                       std::stop_token stop) {
    const auto n_wanted = static_cast<size_t>(std::max(1, request.n));
    for (const bool again : {false, true}) {
      if (again) search.n_lines = search.n_lines * 2 + kSpareLines, search.width = std::max(search.width, search.n_lines);
      auto lines = likely_lines(session, prompt, token_bytes_, search, stop);
      if (!lines) return std::move(lines).error();
      const bool all_there_is = lines->size() < static_cast<size_t>(search.n_lines) || lines->back().logprob < search.least;
      std::vector<CompletionItem> items = kept_lines(request, std::move(lines).value(), stop);
      if (!again && !request.raw && items.size() < n_wanted && !all_there_is) continue;
      if (!request.raw) {
        put_surest_first(items);
        std::erase_if(items, [&](const CompletionItem& item) { return item.sureness < request.min_sureness; });
      }
      items.resize(std::min(items.size(), n_wanted));
      return items;
    }
    return std::vector<CompletionItem>();
  }

  // As the model says them; unless raw those that may stand in the file, weighed by what it says.
  std::vector<CompletionItem> kept_lines(const CompleteRequest& request, std::vector<LikelyLine> lines, std::stop_token stop) const {
    std::vector<CompletionItem> items;
    for (LikelyLine& line : lines) {
      CompletionItem item{std::move(line.text), line.logprob, line.n_tokens, line.logprob};
      item.text.resize(std::min(item.text.size(), stop_at(request, item.text)));
      if (!request.raw && mean_logprob(item) < request.min_mean_logprob) continue;
      if (!request.raw) item.text = fit_between(request.prefix, std::move(item.text), request.suffix);
      if (request.raw || !item.text.empty()) items.push_back(std::move(item));
    }
    if (request.raw) return items;
    drop_doubles(items);
    return weighed_lines(request, std::move(items), stop);
  }

  std::vector<CompletionItem> weighed_lines(const CompleteRequest& request, std::vector<CompletionItem> items, std::stop_token stop) const {
    std::vector<CompletionItem> kept;
    std::vector<std::optional<CompletedFile::With>> completed;
    for (CompletionItem& item : items) {
      auto with = file_.with(item.text, stop);
      if (!file_.takes(with)) continue;
      completed.push_back(std::move(with));
      kept.push_back(std::move(item));
    }
    std::vector<CompletedLine> lines;
    for (size_t i = 0; i < kept.size(); ++i) {
      CompletedLine& line = lines.emplace_back(CompletedLine{kept[i].text, kept[i].logprob});
      if (completed[i]) line.tree = &completed[i]->tree, line.n_errors_closed = completed[i]->n_errors_closed;
    }
    const std::vector<LineFacts> facts = line_facts(request.prefix, request.suffix, lines);
    for (size_t i = 0; i < kept.size(); ++i) kept[i].sureness = line_sureness(facts[i]), kept[i].facts = facts[i];
    return kept;
  }

  static bool one_line(const CompleteRequest& request) {
    return request.raw ? std::find(request.stop.begin(), request.stop.end(), "\n") != request.stop.end() : request.single_line;
  }

  // Bytes behind the cursor that the line may be written past, the prefix simply going on; nothing where it has to join what follows.
  std::optional<size_t> passed_over(const CompleteRequest& request) const {
    const auto rest = closing_rest(request.suffix);
    if (!prefix_is_last_ || !one_line(request) || !rest) return std::nullopt;
    // As the model says it, nothing would be taken off again.
    return request.raw && !base::trim(std::string_view(request.suffix).substr(0, *rest)).empty() ? std::nullopt : rest;
  }

  // Takes the mark off `prompt` where the line simply goes on, and where a block begins with a line break.
  LateMark mark_of(const CompleteRequest& request, std::string_view open, std::vector<engine::Token>& prompt) const {
    const size_t last_break = open.find_last_of("\r\n");
    if (passed_over(request)) {
      take_mark(model_->special_tokens(), prompt);
    } else if (!one_line(request) && last_break != std::string_view::npos) {
      return {take_mark(model_->special_tokens(), prompt), last_break + 1};
    }
    return {};
  }

  // One line, nothing to be drawn, and a model so small that several timelines cost little.
  bool searches_lines(const CompleteRequest& request) const {
    return has_memory_ && forks_ && one_line(request) && request.sampling.temperature <= 0;
  }

  LineSearch line_search(const CompleteRequest& request, std::string_view open, int max_tokens) const {
    const int n = std::max(1, request.n), n_compared = std::max(kBeams, n);
    const double least = request.raw ? -INFINITY : request.min_sureness - kSpellings - kMostEvidence;
    return {n_compared, request.raw ? n : n_compared, max_tokens, open, adjust(open), least};
  }

  // `open`: what the generated text must begin with. Stop strings count from behind it.
  engine::GenerateOptions options_of(const CompleteRequest& request, std::string_view open, int max_tokens,
                                     int number) const {
    engine::GenerateOptions options;
    options.max_tokens = max_tokens;
    options.sampling = request.sampling;
    options.sampling.seed += static_cast<uint64_t>(number);
    // The first of several is the likeliest; the others are drawn.
    if (number > 0 && options.sampling.temperature <= 0) options.sampling.temperature = kAlternativesTemperature;
    options.max_draft_tokens = has_memory_ ? 0 : kCopiedAtOnce;
    options.adjust = adjust(open);
    options.keep_going = [&request, open](std::string_view text) {
      if (text.size() < open.size()) return true;
      text.remove_prefix(open.size());
      if (stop_at(request, text) < text.size()) return false;
      return request.raw || request.single_line || block_end(request.prefix, text) == text.size();
    };
    return options;
  }

  std::function<void(std::span<const engine::Token>, std::span<float>)> adjust(std::string_view open) const {
    return [this, open](std::span<const engine::Token> so_far, std::span<float> logits) {
      if (has_memory_) memory_.mix(so_far, logits);
      token_bytes_.keep_start(open, so_far, logits);
    };
  }

  // Where the first stop string begins; the size of `text` where there is none.
  static size_t stop_at(const CompleteRequest& request, std::string_view text) {
    size_t end = text.size();
    for (const std::string& stop : request.stop)
      if (!stop.empty()) end = std::min(end, text.find(stop));
    if (!request.raw && request.single_line) end = std::min(end, text.find_first_of("\r\n"));
    return end;
  }

  // Cleans `item` up; false where nothing worth showing is left.
  bool keep(const CompleteRequest& request, engine::StopReason reason, CompletionItem& item,
            std::stop_token stop) const {
    if (mean_logprob(item) < request.min_mean_logprob || item.sureness < request.min_sureness) return false;
    if (!request.single_line) {
      item.text.resize(block_end(request.prefix, item.text));
      // Out of tokens in the middle of a line: whole lines are worth more than the piece.
      const size_t newline = item.text.rfind('\n');
      if (reason == engine::StopReason::kMaxTokens && newline != std::string::npos) item.text.resize(newline);
    }
    item.text = fit_between(request.prefix, std::move(item.text), request.suffix);
    item.sureness = mean_of_a_line(item);
    return !item.text.empty() && file_.takes(item.text, stop);
  }

  static void put_surest_first(std::vector<CompletionItem>& items) {
    std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.sureness > b.sureness; });
  }

  static void drop_doubles(std::vector<CompletionItem>& items) {
    std::vector<CompletionItem> single;
    for (auto& item : items)
      if (std::none_of(single.begin(), single.end(), [&](const auto& had) { return had.text == item.text; }))
        single.push_back(std::move(item));
    items = std::move(single);
  }

  const std::shared_ptr<const engine::Engine> model_;
  const int n_ctx_;
  engine::SessionPool sessions_;
  const TokenBytes token_bytes_;
  FileMemory memory_;
  const bool has_memory_;
  const bool prefix_is_last_;  // in prompts that fill in the middle
  bool forks_ = true;
  CompletedFile file_;
};

}  // namespace

base::Result<std::unique_ptr<Completer>> Completer::create(std::shared_ptr<const engine::Engine> model) {
  if (!model->has_capability("fim"))
    return base::invalid(base::cat("The model ", model->info().name, " cannot fill in the middle."));
  const int n_ctx = std::min(model->info().n_ctx_train, kMaxContextTokens);
  // 64: a prompt and a line. A model with less context than that completes nothing.
  if (n_ctx < 64)
    return base::invalid(base::cat("The model ", model->info().name, " has a context of ", n_ctx, " tokens only."));
  auto completer = std::make_unique<EngineCompleter>(std::move(model), n_ctx);
  if (base::Status opened = completer->open(); !opened)
    return std::move(opened).error().in("open a session for completions");
  return std::unique_ptr<Completer>(std::move(completer));
}

}  // namespace agent
