// SPDX-License-Identifier: Apache-2.0
// `graft next-edit`: what the editors show as the next edit, for JSON lines: a text, the changes made to it, and where
// the same is likely to follow.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/next_edit.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/input_lines.h"

namespace cli {
namespace {

using base::Json;

struct NextEditOptions {
  bool explain = false;
};

// Changes come one after the other, each in the text that the one before it left; `seconds` since that one.
base::Result<agent::NextEditRequest> request_of(const Json& line, std::stop_token stop) {
  if (!line.is_object() || !line.contains("text") || !line["text"].is_string() || !line.contains("changes") ||
      !line["changes"].is_array())
    return base::invalid("A line is an object with \"id\", \"text\", \"language\" and \"changes\".");
  auto language = tools::language_of_id(base::json_string(line, "language"));
  if (!language) language = tools::language_of_path(base::json_string(line, "path"));
  if (!language) return base::invalid("\"language\" names no known language, and neither does the ending of \"path\".");
  std::string text = base::json_string(line, "text");
  agent::EditHistory history;
  agent::EditHistory::Time now{};
  constexpr double kLongPause = 60;
  for (const Json& change : line["changes"]) {
    const int64_t begin = base::json_int(change, "begin", -1), end = base::json_int(change, "end", -1);
    const std::string inserted = base::json_string(change, "text");
    if (begin < 0 || end < begin || static_cast<size_t>(end) > text.size())
      return base::invalid("A change is {\"begin\", \"end\", \"text\"}, in bytes of the text.");
    const double seconds = base::json_double(change, "seconds", kLongPause);
    if (!(seconds >= 0 && seconds <= 1e6)) return base::invalid("\"seconds\" of a change are from 0 to a million.");
    now += std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
    history.changed(text, static_cast<size_t>(begin), static_cast<size_t>(end), inserted, now);
    text.replace(static_cast<size_t>(begin), static_cast<size_t>(end - begin), inserted);
  }
  const int64_t cursor = base::json_int(line, "cursor", 0);
  const double least = base::json_double(line, "min_probability", agent::kSureNextEdit);
  if (cursor < 0 || !(least >= 0 && least <= 1))
    return base::invalid("\"cursor\" is a byte of the text, \"min_probability\" from 0 to 1.");
  if (!base::is_utf8(text)) return base::invalid("A change cuts a character in two.");
  auto tree = tools::SyntaxTree::parse(*language, std::move(text), stop);
  if (!tree) return std::move(tree).error();
  agent::NextEditRequest request{*tree, history.edits(), static_cast<size_t>(cursor), least, 200};
  return request;
}

Json answer_line(const std::string& line, const NextEditOptions& options, std::stop_token stop) {
  const auto parsed = base::parse_json(line);
  if (!parsed) return {{"id", nullptr}, {"error", parsed.error().message}};
  Json answer = {{"id", parsed->is_object() && parsed->contains("id") ? (*parsed)["id"] : Json()}};
  const auto request = request_of(*parsed, stop);
  const auto offers = request ? agent::next_edits(*request, stop) : request.error();
  if (!offers) {
    answer["error"] = offers.error().message;
    return answer;
  }
  answer["edits"] = Json::array();
  for (const agent::NextEdit& offer : *offers) {
    Json edit = {{"begin", offer.range.begin},
                 {"end", offer.range.end},
                 {"text", offer.new_text},
                 {"probability", offer.probability},
                 {"why", offer.why}};
    if (options.explain)
      for (const auto& [sign, value] : offer.evidence) edit["evidence"][sign] = value;
    answer["edits"].push_back(std::move(edit));
  }
  return answer;
}

void run(const NextEditOptions& options, Context& context) {
  InputLines lines;
  while (const auto line = lines.next(context.stop)) {
    if (base::trim(*line).empty()) continue;
    const Json answer = answer_line(*line, options, context.stop);
    if (context.stop.stop_requested()) break;
    if (answer.contains("error")) context.exit_code = 2;
    std::printf("%s\n", base::dump_json(answer).c_str());
    std::fflush(stdout);  // the reader may wait for this answer before it asks the next
  }
  if (context.stop.stop_requested()) return context.fail(base::cancelled());
  if (lines.too_long())
    context.fail(base::invalid(base::cat("A line is longer than ", InputLines::kMaxLineBytes, " bytes.")));
}

}  // namespace

void add_next_edit_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<NextEditOptions>();
  CLI::App* command = app.add_subcommand("next-edit",
                                         "Where a change is likely to be made again: reads JSON lines "
                                         "{\"id\",\"text\",\"language\",\"changes\":[{\"begin\",\"end\",\"text\"}]}");
  command->add_flag("--explain", options->explain, "Say what speaks for each place");
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
