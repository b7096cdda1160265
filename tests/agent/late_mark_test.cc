// SPDX-License-Identifier: Apache-2.0
// The mark before the middle: left out for a line, late for a block; and what a completer makes of it.
#include "agent/complete/late_mark.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "agent/complete.h"
#include "table_model.h"

namespace {

using engine::Token;
using table_model::TableModel;

const std::vector<std::string> kWords = {"a", "b", "=", "1", ":", "\n", "\n ", " b", "+*", "(", ")", "<suffix>", "<prefix>", "<middle>", "<end>"};

// Odds of the words named, the others far below.
std::vector<float> odds(const TableModel& model, std::vector<std::pair<std::string_view, float>> words) {
  std::vector<float> logits(kWords.size(), -20.0f);
  for (const auto& [word, logit] : words) logits[static_cast<size_t>(*model.of(word))] = logit;
  return logits;
}

std::shared_ptr<TableModel> saying(std::function<std::vector<std::pair<std::string_view, float>>(std::string_view text)> what) {
  static const TableModel words(kWords, {});
  return std::make_shared<TableModel>(kWords, [what = std::move(what)](const std::string& text) { return odds(words, what(text)); });
}

std::vector<agent::CompletionItem> complete(const std::shared_ptr<TableModel>& model, agent::CompleteRequest request) {
  auto completer = std::move(*agent::Completer::create(model));
  model->seen.clear();
  auto items = completer->complete(request, {});
  REQUIRE(items);
  return std::move(items).value();
}

bool saw_mark(const TableModel& model) {
  return std::any_of(model.seen.begin(), model.seen.end(), [](const std::string& text) { return text.find("<middle>") != std::string::npos; });
}

}  // namespace

TEST_CASE("late mark: taken off where the prefix stands before it") {
  const TableModel model(kWords, {});
  const auto taken = [&](std::string_view text, bool all_marks = true) {
    engine::SpecialTokens special = model.special_tokens();
    if (!all_marks) special.fim_middle.reset();
    std::vector<Token> prompt;
    while (!text.empty())
      for (Token t = 0; t < model.info().n_vocab; ++t)
        if (text.starts_with(model.word(t))) {
          prompt.push_back(t), text.remove_prefix(model.word(t).size());
          break;
        }
    const auto mark = agent::take_mark(special, prompt);
    CHECK(mark == (mark ? model.of("<middle>") : std::nullopt));
    return model.detokenize(prompt) + (mark ? "" : "!");
  };
  CHECK(taken("<suffix>b<prefix>a<middle>") == "<suffix>b<prefix>a");
  CHECK(taken("<prefix>a<suffix>b<middle>") == "<prefix>a<suffix>b<middle>!");
  CHECK(taken("<suffix>b<prefix>a") == "<suffix>b<prefix>a!");
  CHECK(taken("a<middle>") == "a<middle>!");
  CHECK(taken("<suffix>b<prefix>a<middle>", false) == "<suffix>b<prefix>a<middle>!");
  CHECK(taken("") == "!");
}

TEST_CASE("late mark: put behind the white space that opens a block; the last blank is the word's") {
  // Behind the mark, "b" is likelier than " b".
  const auto model = saying([](std::string_view text) -> std::vector<std::pair<std::string_view, float>> {
    if (text.ends_with("<middle>")) return {{"b", 3}, {" b", 2}, {"<end>", 1}};
    if (text.ends_with("<middle> b")) return {{"=", 3}};
    if (text.ends_with("=")) return {{"1", 3}};
    if (text.ends_with("1")) return {{"<end>", 3}};
    return {{"\n ", 2}, {"\n", 1}, {"a", 3}};
  });
  const agent::TokenBytes bytes(*model);
  auto session = std::move(*model->open_session(0));
  const std::vector<Token> prompt = {*model->of("<suffix>"), *model->of("<prefix>"), *model->of("a")};
  std::vector<size_t> so_fars;
  std::vector<std::string> texts;
  engine::GenerateOptions options;
  options.adjust = [&](std::span<const Token> so_far, std::span<float> logits) {
    so_fars.push_back(so_far.size());
    bytes.keep_start("\n", so_far, logits);
  };
  options.keep_going = [&](std::string_view text) { return texts.emplace_back(text), true; };
  options.stop = {"\n "};  // ends nothing that has to come again
  const agent::LateMark mark{model->of("<middle>"), 1};
  const auto said = agent::generate_with(mark, bytes, *session, prompt, options, {});
  REQUIRE(said);
  CHECK(said->text == "\n  b=1");
  CHECK(model->detokenize(said->tokens) == "\n  b=1<end>");
  CHECK(said->token_logprobs.size() == said->tokens.size());
  double sum = 0;
  for (const double each : said->token_logprobs) sum += each;
  CHECK(said->logprob == doctest::Approx(sum));
  CHECK(so_fars == std::vector<size_t>{0, 1, 2, 3, 4});
  CHECK(texts.back() == "\n  b=1");
  CHECK(std::count(model->seen.begin(), model->seen.end(), "<suffix><prefix>a\n <middle>") == 1);

  options.max_tokens = 3;  // the mark is none of them
  CHECK(agent::generate_with(mark, bytes, *session, prompt, options, {})->text == "\n  b=");
  options.keep_going = [](std::string_view text) { return text.find("b") == std::string_view::npos; };
  CHECK(agent::generate_with(mark, bytes, *session, prompt, options, {})->text == "\n  b");
}

TEST_CASE("late mark: a line simply goes on, unless it has to join code or its model reads the prefix first") {
  const auto model = saying([](std::string_view text) -> std::vector<std::pair<std::string_view, float>> {
    return {{text.ends_with("=") ? "b" : text.ends_with("b") ? "\n" : "=", 5}};
  });
  const auto with_mark = [&](std::string suffix, bool raw = false) {
    agent::CompleteRequest request;
    request.prefix = "a=", request.suffix = std::move(suffix), request.raw = raw;
    if (raw) request.stop = {"\n"};
    REQUIRE_FALSE(complete(model, request).empty());
    return saw_mark(*model);
  };
  CHECK_FALSE(with_mark("\na=1"));
  CHECK_FALSE(with_mark("\na=1", true));
  CHECK_FALSE(with_mark(")\na=1"));
  CHECK(model->seen[0].starts_with("<suffix>\na"));  // what is passed over is not read as following either
  CHECK(with_mark(")\na=1", true));
  CHECK(model->seen[0].starts_with("<suffix>)\na"));
  CHECK(with_mark("+*1\na=1"));
  model->prefix_first = true;
  CHECK(with_mark("\na=1"));
}

TEST_CASE("late mark: a block that begins on a new line has the mark behind its break") {
  const auto model = saying([](std::string_view text) -> std::vector<std::pair<std::string_view, float>> {
    return {{text.ends_with("<middle>") ? " b" : text.ends_with(":") ? "\n " : text.ends_with("b") ? "<end>" : "a", 5}};
  });
  agent::CompleteRequest request;
  request.prefix = "a:\n ", request.suffix = "\n\na=1", request.single_line = false, request.raw = true;
  const auto items = complete(model, request);
  REQUIRE(items.size() == 1);
  CHECK(items[0].text == " b");
  CHECK(std::count(model->seen.begin(), model->seen.end(), "<suffix>\n\na=1<prefix>a:\n <middle>") == 1);

  const auto with_empty_line = saying([](std::string_view text) -> std::vector<std::pair<std::string_view, float>> {
    return {{text.ends_with("<middle>") ? " b" : text.ends_with(":") ? "\n" : text.ends_with("\n") ? "\n " : "<end>", 5}};
  });
  request.prefix = "a:\n\n ";
  CHECK(complete(with_empty_line, request)[0].text == " b");
  CHECK(std::count(with_empty_line->seen.begin(), with_empty_line->seen.end(), "<suffix>\n\na=1<prefix>a:\n\n <middle>") == 1);
}

TEST_CASE("complete: in place of a likely line that breaks the file the next one is shown") {
  const auto model = saying([](std::string_view text) -> std::vector<std::pair<std::string_view, float>> {
    if (text.ends_with("=")) return {{"+*", 5}, {"b", 4}, {"1", 3}};
    return {{"\n", 5}};
  });
  agent::CompleteRequest request;
  request.path = "a.py", request.prefix = "a=", request.suffix = "\na=1\n";
  auto items = complete(model, request);
  REQUIRE(items.size() == 1);
  CHECK(items[0].text == "b");
  const size_t n_both = model->seen.size();

  request.n = 2;
  items = complete(model, request);
  REQUIRE(items.size() == 2);
  CHECK(items[0].text == "b");
  CHECK(items[1].text == "1");

  request.n = 1, request.raw = true, request.stop = {"\n"};
  items = complete(model, request);
  CHECK(items[0].text == "+*");

  // Far above the likeliest none is looked for.
  request.raw = false, request.stop.clear(), request.min_sureness = -.01;
  CHECK(complete(model, request).empty());
  CHECK(model->seen.size() < n_both);
}

TEST_CASE("complete: of likely lines the one that the file speaks for, with the sureness that it gives") {
  const auto model = saying([](std::string_view text) -> std::vector<std::pair<std::string_view, float>> {
    if (text.ends_with("(")) return {{"b", 5}, {"a", 4.6f}};  // `b` is likelier
    return {{text.ends_with(")") ? "\n" : ")", 9}};
  });
  agent::CompleteRequest request;
  request.path = "a.py", request.prefix = "b=1\n(", request.suffix = "\n1\n";
  const auto first = [&] { return complete(model, request).at(0).text; };
  CHECK(first() == "b)");
  request.prefix = "a=1\n(";  // and nothing binds it
  CHECK(first() == "a)");
  request.path = "a.txt";
  CHECK(first() == "b)");

  request.path = "a.py", request.n = 4;
  const auto items = complete(model, request);
  REQUIRE(items.size() >= 2);
  CHECK(items[0].text == "a)");
  CHECK(items[1].text == "b)");
  CHECK(items[0].logprob < items[1].logprob);
  CHECK(items[0].sureness > items[1].sureness);
  REQUIRE(items[1].facts);
  CHECK((*items[1].facts)[agent::LineFact::kUnbound] == 1.0f);

  request.min_sureness = (items[0].sureness + items[1].sureness) / 2;
  CHECK(complete(model, request).size() == 1);
  request.raw = true, request.stop = {"\n"};
  const auto raw = complete(model, request);
  CHECK(raw.at(0).text == "b)");
  CHECK(raw.at(0).sureness == raw.at(0).logprob);
  CHECK_FALSE(raw.at(0).facts);
}
