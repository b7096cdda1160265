// SPDX-License-Identifier: Apache-2.0
// What drafts copied from the prompt are worth: draft_bench MODEL TEXT [--again] [--says FILE] [--tokenizer MODEL]
// [generate] [max_draft] [repeat] [temperature]. The prompt is the file TEXT; with --again the file, then its first
// half once more, as when a file is rewritten with few changes. With --says the answer is made to be FILE's text,
// whatever the model would say: what a real edit (TEXT before it, FILE after it) costs a model of random weights, too;
// --tokenizer names the model whose tokens both are read in. Prints CSV: tokens per second without and with drafts,
// medians of rounds in turns, the speedup's median and extremes over the rounds, and how many tokens were drafted and accepted in the last.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file.h"
#include "engine/engine.h"

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Measured {
  std::vector<double> rates;  // tokens per second
  engine::Generated last;
};

base::Status measure(engine::Session& session, std::span<const engine::Token> prompt, const engine::GenerateOptions& options,
                     Measured& measured) {
  if (base::Status ready = session.sync(prompt, {}); !ready) return ready;
  const double start = now();
  auto generated = engine::generate(session, prompt, options, {});
  if (!generated) return std::move(generated).error();
  measured.rates.push_back(static_cast<double>(generated->tokens.size()) / (now() - start));
  measured.last = std::move(*generated);
  return base::ok();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int fail(const base::Error& error) {
  std::fprintf(stderr, "draft_bench: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool again = std::erase(words, "--again") > 0;
  const auto option = [&](const char* name) {
    std::string value;
    const auto at = std::find(words.begin(), words.end(), name);
    if (at != words.end() && at + 1 != words.end()) {
      value = *(at + 1);
      words.erase(at, at + 2);
    }
    return value;
  };
  const std::string says = option("--says"), tokenizer_of = option("--tokenizer");
  if (words.size() < 2)
    return fail(base::invalid(
        "usage: draft_bench MODEL TEXT [--again] [--says FILE] [--tokenizer MODEL] [generate] [max_draft] "
        "[repeat] [temperature]"));
  const auto number = [&](size_t i, int otherwise) {
    return i < words.size() ? std::atoi(words[i].c_str()) : otherwise;
  };
  const auto model = engine::Engine::load(words[0], {});
  if (!model) return fail(model.error());
  auto text = base::read_file(words[1], 1 << 20);
  if (!text) return fail(text.error());
  if (again) *text += "\n" + text->substr(0, text->size() / 2);
  const auto tokenizer = tokenizer_of.empty() ? model : engine::Engine::load(tokenizer_of, {});
  if (!tokenizer) return fail(tokenizer.error());
  if ((*tokenizer)->info().n_vocab > (*model)->info().n_vocab)
    return fail(base::invalid("--tokenizer has more tokens than the model."));
  const std::vector<engine::Token> prompt = (*tokenizer)->tokenize(*text);
  engine::GenerateOptions options;
  options.max_tokens = number(2, 128);
  std::vector<engine::Token> answer;
  if (!says.empty()) {
    auto said = base::read_file(says, 1 << 20);
    if (!said) return fail(said.error());
    answer = (*tokenizer)->tokenize(*said);
    options.max_tokens = std::min(options.max_tokens, static_cast<int>(answer.size()));
    options.adjust = [&answer](std::span<const engine::Token> so_far, std::span<float> logits) {
      logits[static_cast<size_t>(answer[so_far.size()])] = 1e9f;
    };
  }
  options.sampling.temperature = words.size() > 5 ? static_cast<float>(std::atof(words[5].c_str())) : 0.0f;
  auto session = (*model)->open_session(static_cast<int>(prompt.size()) + options.max_tokens);
  if (!session) return fail(session.error());
  const int repeat = std::max(1, number(4, 9));
  const size_t max_draft = static_cast<size_t>(std::max(0, number(3, 8)));
  Measured plain, drafted;
  std::vector<double> times;
  for (int i = 0; i <= repeat; ++i) {  // the first warms up
    // In turns: what else the machine does meanwhile meets both.
    for (const bool drafts : {false, true}) {
      options.max_draft_tokens = drafts ? static_cast<int>(max_draft) : 0;
      if (base::Status done = measure(**session, prompt, options, drafts ? drafted : plain); !done) return fail(done.error());
    }
    times.push_back(drafted.rates.back() / plain.rates.back());
  }
  for (std::vector<double>* values : {&plain.rates, &drafted.rates, &times}) values->erase(values->begin());
  if (plain.last.tokens != drafted.last.tokens) return fail(base::corrupt("drafts changed the tokens"));
  std::printf(
      "text,prompt,generated,max_draft,plain_tokens_per_s,draft_tokens_per_s,speedup,least_speedup,most_speedup,drafted,"
      "accepted\n");
  std::printf("%s%s,%zu,%zu,%zu,%.1f,%.1f,%.3f,%.3f,%.3f,%lld,%lld\n", words[1].c_str(), again ? " again" : "", prompt.size(),
              drafted.last.tokens.size(), max_draft, median(plain.rates), median(drafted.rates), median(times),
              *std::min_element(times.begin(), times.end()), *std::max_element(times.begin(), times.end()),
              static_cast<long long>(drafted.last.n_drafted), static_cast<long long>(drafted.last.n_accepted));
  return 0;
}
