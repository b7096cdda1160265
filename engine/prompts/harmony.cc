// SPDX-License-Identifier: Apache-2.0
// Prompts of gpt-oss: messages with a channel and a recipient, tools as TypeScript. Source: the checkpoint's chat
// template.
#include <array>

#include "base/json.h"
#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

using Members = std::vector<JsonMember>;

Members members_of(const std::string* json) {
  return json != nullptr && json->starts_with('{') ? json_members(*json) : Members();
}

std::string text_of(const Members& spec, std::string_view key) {
  const std::string* value = find_member(spec, key);
  return value != nullptr && is_json_string(*value) ? json_string_value(*value) : std::string();
}

// What the template takes for true: there, and not empty, zero, false or null.
bool truthy(const std::string* json) {
  return json != nullptr && *json != "false" && *json != "null" && *json != "0" && *json != "\"\"" && *json != "[]" &&
         *json != "{}";
}

bool is_required(const Members& spec, const std::string& name) {
  const std::string* required = find_member(spec, "required");
  if (required == nullptr || !required->starts_with('[')) return false;
  for (const std::string& item : json_elements(*required))
    if (is_json_string(item) && json_string_value(item) == name) return true;
  return false;
}

std::string joined(const std::string& array, std::string_view between) {
  std::string out;
  for (const std::string& item : json_elements(array)) {
    if (!out.empty()) out += between;
    out += is_json_string(item) ? json_string_value(item) : item;
  }
  return out;
}

// The white space is the template's.
constexpr std::string_view kVariantIndent = "                    ";
constexpr std::string_view kMemberIndent = "\n                ";

std::string type_of(const Members& spec);

std::string array_type(const Members& spec) {
  std::string type = "any[]";
  if (const std::string* items = find_member(spec, "items"); truthy(items)) {
    const Members item = members_of(items);
    const std::string of = text_of(item, "type");
    if (of == "string" || of == "boolean")
      type = of + "[]";
    else if (of == "number" || of == "integer")
      type = "number[]";
    else if (const std::string inner = type_of(item); inner != "object | object" && inner.size() <= 50)
      type = inner + "[]";
  }
  return truthy(find_member(spec, "nullable")) ? type + " | null" : type;
}

std::string variants_type(const std::vector<std::string>& variants) {
  bool object = false;
  for (const std::string& variant : variants) object |= text_of(members_of(&variant), "type") == "object";
  if (object && variants.size() > 1) return "any";
  std::string out;
  for (size_t i = 0; i < variants.size(); ++i) {
    const Members variant = members_of(&variants[i]);
    out += type_of(variant);
    if (const std::string description = text_of(variant, "description"); !description.empty())
      out += "// " + description;
    if (const std::string* value = find_member(variant, "default"))
      out += base::cat(kVariantIndent, "// default: ", *value);
    if (i + 1 < variants.size()) out += " | \n";
  }
  return out;
}

std::string object_type(const Members& spec) {
  const Members properties = members_of(find_member(spec, "properties"));
  if (properties.empty()) return "object";
  std::string out = "{\n";
  for (size_t i = 0; i < properties.size(); ++i) {
    out += properties[i].key + (is_required(spec, properties[i].key) ? "" : "?");
    out += base::cat(": ", kMemberIndent, type_of(members_of(&properties[i].value)));
    if (i + 1 < properties.size()) out += ", ";
  }
  return out + "}";
}

std::string type_of(const Members& spec) {
  const std::string type = text_of(spec, "type");
  if (type == "array") return array_type(spec);
  if (const std::string* types = find_member(spec, "type");
      types != nullptr && types->starts_with('[') && *types != "[]")
    return joined(*types, " | ");
  if (const std::string* variants = find_member(spec, "oneOf"); truthy(variants) && variants->starts_with('['))
    return variants_type(json_elements(*variants));
  if (type == "string") {
    if (const std::string* choices = find_member(spec, "enum"); truthy(choices) && choices->starts_with('['))
      return "\"" + joined(*choices, "\" | \"") + "\"";
    return truthy(find_member(spec, "nullable")) ? "string | null" : "string";
  }
  if (type == "number" || type == "integer") return "number";
  if (type == "boolean") return "boolean";
  return type == "object" ? object_type(spec) : "any";
}

std::string tool_type(const Tool& tool) {
  std::string out = "// " + tool.description + "\ntype " + tool.name + " = ";
  const Members schema = members_of(&tool.parameters);
  const Members properties = members_of(find_member(schema, "properties"));
  if (properties.empty()) return out + "() => any;\n\n";
  out += "(_: {\n";
  for (const JsonMember& property : properties) {
    const Members spec = members_of(&property.value);
    if (const std::string description = text_of(spec, "description"); !description.empty())
      out += "// " + description + "\n";
    out += property.key + (is_required(schema, property.key) ? "" : "?") + ": " + type_of(spec);
    if (const std::string* value = find_member(spec, "default")) {
      const bool bare = truthy(find_member(spec, "enum")) || truthy(find_member(spec, "oneOf"));
      out += truthy(find_member(spec, "enum")) || !bare ? ", // default: " : "// default: ";
      out += bare && is_json_string(*value) ? json_string_value(*value) : *value;
    }
    out += ",\n";
  }
  return out + "}) => any;\n\n";
}

void system_message(const RenderInput& in, PieceWriter& out) {
  out.format(
      "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: "
      "2024-06\n");
  if (!in.options.today.empty()) out.plain("Current date: " + in.options.today + "\n");
  out.plain("\nReasoning: " + (in.options.effort.empty() ? "medium" : in.options.effort) + "\n\n");
  out.format("# Valid channels: analysis, commentary, final. Channel must be included for every message.");
  if (!in.tools.empty()) out.format("\nCalls to these tools must go to the commentary channel: 'functions'.");
  out.format("<|end|>");
}

void developer_message(const RenderInput& in, std::string_view instructions, PieceWriter& out) {
  if (instructions.empty() && in.tools.empty()) return;
  out.format("<|start|>developer<|message|>");
  if (!instructions.empty()) {
    out.format("# Instructions\n\n");
    out.plain(instructions);
    out.format("\n\n");
  }
  if (!in.tools.empty()) {
    out.format("# Tools\n\n## functions\n\nnamespace functions {\n\n");
    for (const Tool& tool : in.tools) out.plain(tool_type(tool));
    out.format("} // namespace functions");
  }
  out.format("<|end|>");
}

void analysis(std::string_view text, PieceWriter& out) {
  out.format("<|start|>assistant<|channel|>analysis<|message|>");
  out.plain(text);
  out.format("<|end|>");
}

// Of a message with a call: its text before the call is what the model thought, where it kept no reasoning apart.
base::Status call_message(const RenderInput& in, size_t i, PieceWriter& out) {
  const Message& m = in.messages[i];
  bool answered = false;
  for (size_t later = i + 1; later < in.messages.size(); ++later)
    answered |= in.is(later, Role::kAssistant) && in.messages[later].tool_calls.empty();
  if (!m.reasoning.empty() && (!answered || in.options.keep_reasoning)) analysis(m.reasoning, out);
  if (!m.content.empty()) {
    if (m.reasoning.empty() && !in.options.keep_reasoning) {
      if (!answered) analysis(m.content, out);
    } else {
      out.format("<|start|>assistant<|channel|>commentary<|message|>");
      out.plain(m.content);
      out.format("<|end|>");
    }
  }
  out.format("<|start|>assistant to=functions.");
  out.plain(m.tool_calls[0].name);
  out.format("<|channel|>commentary json<|message|>");
  out.plain(m.tool_calls[0].arguments);
  out.format("<|call|>");
  return base::ok();
}

base::Status render_gpt_oss(const RenderInput& in, PieceWriter& out) {
  const std::string& effort = in.options.effort;
  if (!effort.empty() && effort != "low" && effort != "medium" && effort != "high")
    return base::invalid("The effort is \"" + effort + "\"; gpt-oss knows \"low\", \"medium\" and \"high\".");
  const bool system = in.is(0, Role::kSystem);
  in.at(0, out);
  system_message(in, out);
  developer_message(in, system ? std::string_view(in.messages[0].content) : std::string_view(), out);
  std::string called;
  for (size_t i = system ? 1 : 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    switch (m.role) {
      case Role::kSystem:
        return base::invalid(base::cat("message ", i, ": gpt-oss has a system message at the start alone"));
      case Role::kUser:
        out.format("<|start|>user<|message|>");
        out.plain(m.content);
        out.format("<|end|>");
        break;
      case Role::kTool:
        if (called.empty())
          return base::invalid(base::cat("message ", i, ": a tool's result without a call before it"));
        out.format("<|start|>functions.");
        out.plain(called);
        out.format(" to=assistant<|channel|>commentary<|message|>");
        out.plain(json_quoted(m.content));
        out.format("<|end|>");
        break;
      case Role::kAssistant: {
        if (!m.tool_calls.empty()) {
          called = m.tool_calls[0].name;
          if (base::Status written = call_message(in, i, out); !written) return written;
          break;
        }
        called.clear();
        const bool last = i + 1 == in.messages.size() && !in.options.generation_prompt;
        if ((last || in.options.keep_reasoning) && !m.reasoning.empty()) analysis(m.reasoning, out);
        out.format("<|start|>assistant<|channel|>final<|message|>");
        out.plain(m.content);
        out.format(last ? "<|return|>" : "<|end|>");
        break;
      }
    }
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt) out.format("<|start|>assistant");
  return base::ok();
}

constexpr std::array<std::string_view, 7> kMarkers = {"<|start|>", "<|message|>", "<|channel|>",  "<|end|>",
                                                      "<|call|>",  "<|return|>",  "<|constrain|>"};

}  // namespace

const PromptFamily kGptOss = {"gpt_oss", kMarkers, true,           true,           false, OldReasoning::kUntilNextUser,
                              "<|end|>", "",       render_gpt_oss, harmony_machine};

}  // namespace engine
