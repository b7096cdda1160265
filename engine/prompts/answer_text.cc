// SPDX-License-Identifier: Apache-2.0
#include "engine/prompts/answer_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

constexpr size_t kMaxHeld = 4096;  // more white space than that is passed on
constexpr size_t kMaxName = 256;

// Bytes at the end of `text` that may become a whole character.
size_t unfinished_utf8(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const auto byte = static_cast<unsigned char>(text[text.size() - n]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t width = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return width > n ? n : 0;
  }
  return 0;
}

}  // namespace

ArgumentTypes::ArgumentTypes(std::span<const Tool> tools) {
  for (const Tool& tool : tools) {
    const auto schema = base::parse_json(tool.parameters);
    if (!schema || !schema->is_object() || !schema->contains("properties") || !(*schema)["properties"].is_object())
      continue;
    for (const auto& [name, property] : (*schema)["properties"].items()) {
      if (!property.is_object() || !property.contains("type")) continue;
      const base::Json& type = property["type"];
      if (type.is_string()) types_[{tool.name, name}] = type.get<std::string>();
      if (type.is_array() && std::find(type.begin(), type.end(), "string") != type.end())
        types_[{tool.name, name}] =
            std::find(type.begin(), type.end(), "null") != type.end() ? "string or null" : "string";
    }
  }
}

std::string_view ArgumentTypes::type_of(std::string_view tool, std::string_view argument) const {
  const auto found = types_.find(std::pair<std::string, std::string>(tool, argument));
  return found == types_.end() ? std::string_view() : std::string_view(found->second);
}

bool CallJson::push(char c) {
  const bool was_in = in_arguments_;
  if (in_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"') {
      in_string_ = false;
      if (depth_ == 1 && !bare_) key_or_name_ends();
      return was_in;
    }
    if (depth_ == 1 && text_.size() < kMaxName) text_ += c;
    return was_in;
  }
  switch (c) {
    case '"':
      in_string_ = true;
      text_.clear();
      break;
    case '{':
    case '[':
      opened_ = true;
      if (c == '{' &&
          (bare_ ? depth_ == 0 : depth_ == 1 && value_next_ && (key_ == "arguments" || key_ == "parameters")))
        in_arguments_ = true;
      ++depth_;
      break;
    case '}':
    case ']':
      if (depth_ > 0) --depth_;
      if (depth_ == (bare_ ? 0 : 1)) in_arguments_ = false;
      break;
    case ':':
      if (depth_ == 1) value_next_ = true;
      break;
    case ',':
      if (depth_ == 1) value_next_ = false;
      break;
    default:
      break;
  }
  return was_in || in_arguments_;
}

void CallJson::key_or_name_ends() {
  if (!value_next_)
    key_ = text_;
  else if (key_ == "name")
    name_ = text_;
}

AnswerText::AnswerText(AnswerStart start, Style style)
    : start_(std::move(start)), style_(style), section_(start_.in_reasoning ? Section::kReasoning : Section::kContent) {
  strip_leading_ = style_.think_newlines && start_.in_reasoning;
}

size_t AnswerText::held_back() const {
  size_t n = unfinished_utf8(held_);
  if (n > 0) return n;
  const auto last = [&] { return n < held_.size() ? held_[held_.size() - n - 1] : '\0'; };
  if (style_.hold_bracket && section_ == Section::kContent && last() == '<') ++n;
  const bool in_content = section_ == Section::kContent;
  if (in_content ? style_.newlines_before_call > 0 : style_.think_newlines)
    while (last() == '\n' ||
           (in_content && style_.newlines_before_call == std::string::npos && (last() == ' ' || last() == '\t')))
      ++n;
  return std::min(n, kMaxHeld);
}

void AnswerText::emit(size_t n) {
  if (n == 0) return;
  using Kind = AnswerEvent::Kind;
  events_.push_back({section_ == Section::kReasoning ? Kind::kReasoning : Kind::kContent,
                     base::to_valid_utf8(std::string_view(held_).substr(0, n)),
                     {},
                     false});
  said_ |= !base::trim(std::string_view(held_).substr(0, n)).empty();
  held_.erase(0, n);
}

void AnswerText::say(std::string_view text) {
  if (strip_leading_) {
    while (text.starts_with('\n')) text.remove_prefix(1);
    if (text.empty()) return;
    strip_leading_ = false;
  }
  held_ += text;
  emit(held_.size() - held_back());
}

void AnswerText::end_part(size_t newlines, Section next, bool strip_leading) {
  const bool all = newlines == std::string::npos;
  for (; newlines > 0 && !held_.empty(); --newlines) {
    const char c = held_.back();
    if (c != '\n' && !(all && (c == ' ' || c == '\t'))) break;
    held_.pop_back();
  }
  emit(held_.size());
  section_ = next;
  strip_leading_ = strip_leading;
}

bool AnswerText::drop_bracket() {
  if (held_.empty() || held_.back() != '<') return false;
  held_.pop_back();
  return true;
}

bool AnswerText::on_think(size_t marker) {
  if (marker == 0 && section_ == Section::kContent && !said_ && base::trim(held_).empty()) {
    held_.clear();
    section_ = Section::kReasoning;
    strip_leading_ = style_.think_newlines;
    return true;
  }
  if (marker == 1 && section_ == Section::kReasoning) {
    end_part(style_.think_newlines ? std::string::npos : 0, Section::kContent, style_.think_newlines);
    return true;
  }
  // A lone end at the front: the model was not asked to reason, and says so.
  if (marker == 1 && !said_ && base::trim(held_).empty()) {
    held_.clear();
    strip_leading_ = style_.think_newlines;
    return true;
  }
  return false;
}

void AnswerText::end_answer() {
  end_part(section_ == Section::kReasoning && style_.think_newlines ? std::string::npos : 0, section_, false);
  events_.push_back({AnswerEvent::Kind::kEnd, {}, {}, false});
}

void AnswerText::add(std::string& field, std::string_view text) {
  constexpr size_t kMaxField = 4096;
  field += text.substr(0, kMaxField - std::min(kMaxField, field.size()));
}

std::string_view AnswerText::after_blank(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

bool AnswerText::append(std::string& body, std::string_view text) {
  if (body.size() + text.size() > AnswerParser::kMaxCallBytes) return false;
  body += text;
  return true;
}

void AnswerText::call_begins(std::string_view name) {
  if (begun_ || n_calls_ >= AnswerParser::kMaxCalls) return;
  begun_ = true;
  events_.push_back({AnswerEvent::Kind::kCallBegin, {}, {"", base::to_valid_utf8(name), ""}, false});
}

void AnswerText::call_arguments(std::string_view text) {
  if (!begun_ || text.empty()) return;
  streamed_ = true;
  events_.push_back({AnswerEvent::Kind::kArguments, std::string(text), {}, false});
}

void AnswerText::refuse(std::string why) {
  begun_ = streamed_ = false;
  events_.push_back({AnswerEvent::Kind::kBadCall, std::move(why), {}, false});
}

void AnswerText::call_ends(std::string name, std::string id, std::string_view arguments, bool mended) {
  name = base::to_valid_utf8(base::trim(name));
  if (++n_calls_ > AnswerParser::kMaxCalls) {
    if (n_calls_ == AnswerParser::kMaxCalls + 1)
      refuse(base::cat("An answer holds at most ", AnswerParser::kMaxCalls, " tool calls; the rest was dropped."));
    return;
  }
  if (name.empty())
    return refuse("The tool call names no tool. Write the call again with the name of one of the tools.");
  if (name.size() > kMaxName)
    return refuse("The tool call's name is too long. Write the call again with the name of one of the tools.");
  const bool none = base::trim(arguments).empty();
  auto json = canonical_json(none ? "{}" : arguments, true);
  if (json && is_json_string(json->text)) {  // an object written as a string
    json = canonical_json(json_string_value(json->text), true);
    mended = true;
  }
  if (!json)
    return refuse(base::cat("The arguments of the call of ", name, " are not valid JSON: ", json.error().message,
                            ". Write the call again with one JSON object."));
  if (!json->text.starts_with('{'))
    return refuse(
        base::cat("The arguments of the call of ", name, " are not a JSON object. Write the call again with one."));
  call_begins(name);
  if (!streamed_) call_arguments(json->text);
  begun_ = streamed_ = false;
  events_.push_back({AnswerEvent::Kind::kCall,
                     {},
                     {base::to_valid_utf8(id), std::move(name), std::move(json->text)},
                     json->repaired || mended || none});
}

void AnswerText::json_call_ends(std::string_view text) {
  const auto json = canonical_json(text, true);
  if (!json)
    return refuse(base::cat("The tool call is not valid JSON: ", json.error().message,
                            ". Write the call again as one JSON object with the tool's name and its arguments."));
  if (!json->text.starts_with('{'))
    return refuse(
        "The tool call is not a JSON object. Write the call again as one, with the tool's name and its arguments.");
  const std::vector<JsonMember> members = json_members(json->text);
  const auto text_of = [&](std::string_view key) {
    const std::string* value = find_member(members, key);
    return value != nullptr && is_json_string(*value) ? json_string_value(*value) : std::string();
  };
  const std::string* arguments = find_member(members, "arguments");
  if (arguments == nullptr) arguments = find_member(members, "parameters");
  const bool none = arguments == nullptr || *arguments == "null";
  call_ends(text_of("name"), text_of("id"), none ? std::string_view() : std::string_view(*arguments), json->repaired);
}

}  // namespace engine
