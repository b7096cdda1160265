// SPDX-License-Identifier: Apache-2.0
// Prompts of DeepSeek V4 and V4.1: calls as DSML tags, results within user turns. Source: encoding/ of V4-Flash's
// checkpoint; deepseek-recipe, the library of V4.1's makers, with the levels of effort that V4.1's release says.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/dsml.h"
#include "engine/prompts/family.h"

namespace engine {
namespace {

// {calls}, {invoke} and {parameter} stand for the words of a format's tags.
constexpr std::string_view kToolsHead =
    R"(## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<｜DSML｜{calls}>" block like the following:

<｜DSML｜{calls}>
<｜DSML｜{invoke} name="$TOOL_NAME">
<｜DSML｜{parameter} name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜{parameter}>
...
</｜DSML｜{invoke}>
<｜DSML｜{invoke} name="$TOOL_NAME2">
...
</｜DSML｜{invoke}>
</｜DSML｜{calls}>

String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set `string="false"`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

)";
constexpr std::string_view kToolsTail =
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n";
// Of encoding_dsv4.py, for the effort "max".
constexpr std::string_view kV4EffortMax =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\nYou MUST be very thorough in your thinking and "
    "comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all "
    "potential "
    "paths, edge cases, and adversarial scenarios.\nExplicitly write out your entire deliberation process, documenting "
    "every "
    "intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no assumption is left "
    "unchecked.\n\n";
// Of V4.1, behind "Reasoning Effort: " and a number.
constexpr std::string_view kV41EffortEnd = " (range 1-100, the higher the value, the more thorough the reasoning)\n\n";

void list_tools(const RenderInput& in, const DsmlTags& tags, PieceWriter& out) {
  if (in.tools.empty()) return;
  std::string head(kToolsHead);
  for (const auto& [place, word] : {std::pair<std::string_view, std::string_view>{"{calls}", tags.block},
                                    {"{invoke}", tags.call},
                                    {"{parameter}", tags.argument}})
    for (size_t at = 0; (at = head.find(place, at)) != std::string::npos;) head.replace(at, place.size(), word);
  dsml_tools(in, head, kToolsTail, out);
}

// The messages of the user turn [begin, end) in the order in which they are written. Results keep the places of results
// and stand there in the order of the calls; one of an unknown id counts as the first, as the sources have it.
std::vector<size_t> turn_order(const RenderInput& in, size_t begin, size_t end) {
  std::vector<size_t> order, results;
  for (size_t i = begin; i < end; ++i) {
    order.push_back(i);
    if (in.is(i, Role::kTool)) results.push_back(i);
  }
  size_t asked = begin;
  while (asked > 0 && in.messages[asked - 1].tool_calls.empty()) --asked;
  if (asked == 0) return order;
  const std::vector<ToolCall>& calls = in.messages[asked - 1].tool_calls;
  const auto rank = [&](size_t i) {
    for (size_t c = calls.size(); c > 0; --c)
      if (!calls[c - 1].id.empty() && calls[c - 1].id == in.messages[i].tool_call_id) return c - 1;
    return size_t{0};
  };
  std::stable_sort(results.begin(), results.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  size_t next = 0;
  for (size_t& i : order)
    if (in.is(i, Role::kTool)) i = results[next++];
  return order;
}

// "Reasoning Effort: 75 ...", or why not.
base::Result<std::string> v41_effort(const std::string& effort) {
  int number = 0;
  if (effort == "low")
    number = 50;
  else if (effort.empty() || effort == "high" || effort == "xhigh")
    number = 75;
  else if (effort == "max")
    number = 100;
  else if (const auto [end, error] = std::from_chars(effort.data(), effort.data() + effort.size(), number);
           error != std::errc() || end != effort.data() + effort.size() || number < 1 || number > 100)
    return base::invalid("The effort is \"" + effort +
                         "\"; DeepSeek V4.1 knows \"low\" (50), \"high\" and \"xhigh\" (75), \"max\" (100) and numbers "
                         "from 1 to 100.");
  return base::cat("Reasoning Effort: ", number, kV41EffortEnd);
}

// What tells the two apart.
struct Version {
  const DsmlTags& tags;
  std::string_view effort;  // written at the front where the model is to think
  bool system_marker;       // V4.1: words of the system have a marker, and behind the first message count as a question
};

base::Status render_version(const RenderInput& in, const Version& version, PieceWriter& out) {
  const bool thinking = in.options.thinking;
  const bool keep = in.options.keep_reasoning || !in.tools.empty();
  const bool system_first = in.is(0, Role::kSystem);
  const auto asks = [&](size_t i) { return in.is(i, Role::kUser) || in.is(i, Role::kTool); };
  const auto turns = [&](size_t i) { return asks(i) || (version.system_marker && i > 0 && in.is(i, Role::kSystem)); };
  int64_t last_turn = -1;
  for (size_t i = 0; i < in.messages.size(); ++i)
    if (turns(i)) last_turn = static_cast<int64_t>(i);
  // Behind the messages before `end`: the header of an answer that is there, or that the model is to write.
  const auto header = [&](size_t end) {
    if (!in.is(end, Role::kAssistant) && !(end == in.messages.size() && in.options.generation_prompt)) return;
    out.format("<｜Assistant｜>");
    out.format(thinking && (keep || static_cast<int64_t>(end) > last_turn) ? "<think>" : "</think>");
  };
  in.at(0, out);
  out.format("<｜begin▁of▁sentence｜>");
  const std::string_view effort = thinking ? version.effort : std::string_view();
  if (version.system_marker && (system_first || !in.tools.empty() || !effort.empty())) out.format("<｜System｜>");
  out.format(effort);
  if (!system_first) list_tools(in, version.tags, out);
  if (in.is(0, Role::kAssistant)) header(0);
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kSystem) {
      if (version.system_marker && i > 0) out.format("<｜System｜>");
      out.plain(m.content);
      if (i == 0) list_tools(in, version.tags, out);
      header(i + 1);
    } else if (m.role == Role::kAssistant) {
      if (thinking && (keep || static_cast<int64_t>(i) > last_turn)) {
        out.plain(m.reasoning);
        out.format("</think>");
      }
      out.plain(m.content);
      dsml_calls(m, version.tags, out);
      out.format("<｜end▁of▁sentence｜>");
      header(i + 1);
    } else {
      // A run of results and questions is one turn.
      size_t end = i;
      while (asks(end)) ++end;
      out.format("<｜User｜>");
      bool first = true;
      for (const size_t r : turn_order(in, i, end)) {
        if (!std::exchange(first, false)) out.format("\n\n");
        const bool result = in.is(r, Role::kTool);
        if (result) out.format("<tool_result>");
        out.plain(in.messages[r].content);
        if (result) out.format("</tool_result>");
      }
      header(end);
      i = end - 1;
    }
  }
  return base::ok();
}

base::Status render_v4(const RenderInput& in, PieceWriter& out) {
  if (!in.options.effort.empty() && in.options.effort != "high" && in.options.effort != "max")
    return base::invalid("The effort is \"" + in.options.effort + "\"; DeepSeek V4 knows \"high\" and \"max\".");
  return render_version(in, {kV4Tags, in.options.effort == "max" ? kV4EffortMax : "", false}, out);
}

base::Status render_v41(const RenderInput& in, PieceWriter& out) {
  const auto effort = v41_effort(in.options.effort);
  if (!effort) return effort.error();
  return render_version(in, {kV41Tags, *effort, true}, out);
}

constexpr std::array<std::string_view, 7> kV4Markers = {
    "<think>",    "</think>",       "｜DSML｜", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
    "<｜User｜>", "<｜Assistant｜>"};
// Those behind <｜System｜> are never written: as markers they are kept out of text.
constexpr std::array<std::string_view, 38> kV41Markers = {"<think>",
                                                          "</think>",
                                                          "｜DSML｜",
                                                          "<｜begin▁of▁sentence｜>",
                                                          "<｜end▁of▁sentence｜>",
                                                          "<｜User｜>",
                                                          "<｜Assistant｜>",
                                                          "<｜System｜>",
                                                          "<｜latest_reminder｜>",
                                                          "<｜deepseek_image｜>",
                                                          "<｜image｜>",
                                                          "<｜ref｜>",
                                                          "<｜/ref｜>",
                                                          "<｜box｜>",
                                                          "<｜/box｜>",
                                                          "<｜point｜>",
                                                          "<｜/point｜>",
                                                          "<｜polygon｜>",
                                                          "<｜/polygon｜>",
                                                          "<｜action｜>",
                                                          "<｜query｜>",
                                                          "<｜authority｜>",
                                                          "<｜domain｜>",
                                                          "<｜title｜>",
                                                          "<｜read_url｜>",
                                                          "<｜fim▁begin｜>",
                                                          "<｜fim▁hole｜>",
                                                          "<｜fim▁end｜>",
                                                          "<|EOT|>",
                                                          "<｜tool▁calls▁begin｜>",
                                                          "<｜tool▁calls▁end｜>",
                                                          "<｜tool▁call▁begin｜>",
                                                          "<｜tool▁call▁end｜>",
                                                          "<｜tool▁outputs▁begin｜>",
                                                          "<｜tool▁outputs▁end｜>",
                                                          "<｜tool▁output▁begin｜>",
                                                          "<｜tool▁output▁end｜>",
                                                          "<｜tool▁sep｜>"};

}  // namespace

const PromptFamily kDeepseekV4 = {
    "deepseek_v4",           kV4Markers, true,      true,        true, OldReasoning::kKeptWithTools,
    "<｜end▁of▁sentence｜>", "",         render_v4, dsml_machine};
const PromptFamily kDeepseekV41 = {
    "deepseek_v4.1", kV41Markers,        true, true, true, OldReasoning::kKeptWithTools, "<｜end▁of▁sentence｜>", "",
    render_v41,      spaced_dsml_machine};

}  // namespace engine
