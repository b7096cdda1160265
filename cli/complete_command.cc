// SPDX-License-Identifier: Apache-2.0
// `graft complete`: fill-in-the-middle at a position of a file, or for a batch of JSON lines.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "agent/code/near_files.h"
#include "agent/complete.h"
#include "agent/report_json.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/input_lines.h"
#include "cli/model_option.h"
#include "tools/syntax.h"
#include "tools/work_tree.h"

namespace cli {
namespace {

// For the files around: who asks for one completion waits for them.
constexpr std::chrono::milliseconds kNearFilesPatience{500};

using base::Json;

struct CompleteOptions {
  std::string file;
  int line = 0, column = 0;  // 1-based; the column in bytes of UTF-8
  bool batch = false, multiline = false;
  int n = 1, max_tokens = 48;
  float temperature = 0;
  uint64_t seed = 0;
  ModelChoice model;
};

// What the sureness of each rests on, for models/train/fit_lines.py.
void add_facts(const std::vector<agent::CompletionItem>& items, Json& list) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].facts) continue;
    Json& facts = list[i]["facts"] = Json::array();  // an object would lose their order
    for (size_t k = 0; k < agent::kLineFacts; ++k) {
      const auto fact = static_cast<agent::LineFact>(k);
      facts.push_back({name_of(fact), (*items[i].facts)[fact]});
    }
  }
}

base::Result<agent::CompleteRequest> request_at_position(const CompleteOptions& options, const Context& context) {
  const std::filesystem::path path = context.folder / options.file;
  auto text = base::read_file(path, tools::WorkTree::kMaxFileBytes);
  if (!text) return std::move(text).error();
  auto at = agent::request_at(*text, options.file, options.line, options.column);
  if (!at) return at;
  agent::CompleteRequest& request = *at;
  request.n = options.n;
  request.max_tokens = options.max_tokens;
  request.single_line = !options.multiline;
  request.sampling.temperature = options.temperature;
  request.sampling.seed = options.seed;
  return at;
}

void complete_at_position(agent::Completer& completer, const CompleteOptions& options, Context& context) {
  const auto request = request_at_position(options, context);
  if (!request) return context.fail(request.error());
  const std::string relative = (context.folder / options.file).lexically_relative(context.folder).generic_string();
  if (auto near = agent::near_files(context.folder, relative, kNearFilesPatience, context.stop)) completer.remember(std::move(near).value());
  const auto items = completer.complete(*request, context.stop);
  if (!items) return context.fail(items.error());
  if (context.json) {
    std::printf("%s\n", base::dump_json({{"completions", agent::completions_json(*items)}}).c_str());
  } else {
    for (const auto& item : *items) std::printf("%s\n", item.text.c_str());
  }
  context.exit_code = items->empty() ? 1 : 0;
}

// As the model said it, which evaluation wants to see all of; with "as_shown" as an editor shows it.
base::Result<agent::CompleteRequest> request_of_line(const Json& line) {
  if (!line.is_object() || !line.contains("id") || !line.contains("prefix") || !line["prefix"].is_string())
    return base::invalid("A line is an object with \"id\", \"prefix\" and \"suffix\".");
  agent::CompleteRequest request;
  request.raw = !base::json_bool(line, "as_shown", false);
  request.prefix = base::json_string(line, "prefix");
  request.suffix = base::json_string(line, "suffix");
  request.path = base::json_string(line, "path");
  if (const auto language = tools::language_of_id(base::json_string(line, "language"));
      request.path.empty() && language)
    request.path = "untitled" + std::string(tools::usual_ending(*language));
  if (const auto others = line.find("others"); others != line.end() && others->is_array())
    for (const Json& text : *others)
      if (text.is_string()) request.other_texts.push_back(text.get<std::string>());
  const int64_t n = base::json_int(line, "n", 1), max_tokens = base::json_int(line, "max_tokens", 48);
  const double temperature = base::json_double(line, "temperature", 0);
  if (n < 1 || n > 1000 || max_tokens < 1 || max_tokens > 4096 || !(temperature >= 0 && temperature <= 10))
    return base::invalid("n is from 1 to 1000, max_tokens from 1 to 4096, temperature from 0 to 10.");
  request.n = static_cast<int>(n);
  request.max_tokens = static_cast<int>(max_tokens);
  request.sampling.temperature = static_cast<float>(temperature);
  request.sampling.seed = static_cast<uint64_t>(base::json_int(line, "seed", 0));
  if (const auto stop = line.find("stop"); stop != line.end() && stop->is_array())
    for (const Json& text : *stop)
      if (text.is_string()) request.stop.push_back(text.get<std::string>());
  request.single_line = std::find(request.stop.begin(), request.stop.end(), "\n") != request.stop.end();
  return request;
}

Json answer_line(agent::Completer& completer, const std::string& line, std::stop_token stop) {
  const auto parsed = base::parse_json(line);
  if (!parsed) return {{"id", nullptr}, {"error", parsed.error().message}};
  Json answer = {{"id", parsed->is_object() && parsed->contains("id") ? (*parsed)["id"] : Json()}};
  const auto request = request_of_line(*parsed);
  if (!request) {
    answer["error"] = request.error().message;
    return answer;
  }
  const auto items = completer.complete(*request, stop);
  if (!items) {
    answer["error"] = items.error().message;
    return answer;
  }
  answer["completions"] = agent::completions_json(*items);
  if (base::json_bool(*parsed, "facts", false)) add_facts(*items, answer["completions"]);
  return answer;
}

void complete_batch(agent::Completer& completer, Context& context) {
  InputLines lines;
  while (const auto line = lines.next(context.stop)) {
    if (base::trim(*line).empty()) continue;
    const Json answer = answer_line(completer, *line, context.stop);
    if (context.stop.stop_requested()) break;
    if (answer.contains("error")) context.exit_code = 2;
    std::printf("%s\n", base::dump_json(answer).c_str());
    std::fflush(stdout);  // the reader may wait for this answer before it asks the next
  }
  if (context.stop.stop_requested()) return context.fail(base::cancelled());
  if (lines.too_long())
    context.fail(base::invalid(base::cat("A line of the batch is longer than ", InputLines::kMaxLineBytes, " bytes.")));
}

void run(const CompleteOptions& options, Context& context) {
  if (options.batch == !options.file.empty())
    return context.fail(base::invalid("Give either --file with --line and --column, or --batch."));
  auto model = load_model(options.model);
  if (!model) return context.fail(model.error());
  if (!*model) return context.fail(base::invalid("Completions need a model: name one with --model."));
  auto completer = agent::Completer::create(*model);
  if (!completer) return context.fail(completer.error());
  if (options.batch)
    complete_batch(**completer, context);
  else
    complete_at_position(**completer, options, context);
}

}  // namespace

void add_complete_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<CompleteOptions>();
  CLI::App* command = app.add_subcommand("complete", "Fill in the middle: at a position of a file, or for JSON lines");
  command->add_option("--file", options->file, "Complete in this file")->type_name("F");
  command->add_option("--line", options->line, "Line of the cursor, from 1")->type_name("L");
  command->add_option("--column", options->column, "Column of the cursor in bytes of UTF-8, from 1")->type_name("C");
  command->add_flag(
      "--batch", options->batch,
      "Read JSON lines {\"id\",\"prefix\",\"suffix\",...} from standard input; answers are the model's own words, with \"as_shown\": true what an editor shows, with \"facts\": true what its sureness rests on");
  command->add_flag("--multiline", options->multiline, "Complete the block, not only the line");
  command->add_option("--n", options->n, "Alternatives")->check(CLI::Range(1, 64));
  command->add_option("--max-tokens", options->max_tokens, "Longest completion")->check(CLI::Range(1, 4096));
  command->add_option("--temperature", options->temperature, "0: the likeliest")->check(CLI::Range(0.0, 10.0));
  command->add_option("--seed", options->seed, "Of the random choices");
  add_model_choice(*command, options->model);
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
