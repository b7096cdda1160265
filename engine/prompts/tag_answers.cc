// SPDX-License-Identifier: Apache-2.0
// Machines for calls whose arguments are written one by one between tags: Qwen3-Coder's XML and DeepSeek's DSML.
#include <optional>
#include <set>

#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/answer_text.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

constexpr std::string_view kTooLong = "The tool call is longer than 4 MiB. Write a shorter one.";
constexpr auto kNone = std::string_view::npos;

std::string_view trim_front(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == kNone ? std::string_view() : text.substr(begin);
}

// An argument's text as JSON: by its type where the tool's schema says it, else as what it reads like.
std::string typed_value(std::string_view text, std::string_view type) {
  if (type == "string") return json_quoted(text);
  if (type == "string or null") return text == "None" || text == "null" ? "null" : json_quoted(text);
  const std::string_view bare = base::trim(text);
  if (bare == "True" || bare == "true") return "true";
  if (bare == "False" || bare == "false") return "false";
  if (bare == "None" || bare == "null") return "null";
  const auto json = canonical_json(bare, !type.empty());
  if (json && !is_json_string(json->text)) return json->text;
  return json_quoted(text);
}

// Collects the arguments of one call as an object.
class Arguments {
 public:
  // False where the name was there before.
  bool add(const std::string& key, const std::string& value) {
    if (!keys_.insert(key).second) return false;
    json_ += (json_.size() > 1 ? ", " : "") + json_quoted(key) + ": " + value;
    return true;
  }
  std::string json() const { return json_ + "}"; }

 private:
  std::set<std::string> keys_;
  std::string json_ = "{";
};

class TagCalls : public AnswerText {
 protected:
  using AnswerText::AnswerText;
  void refuse_call(const std::string& name, std::string_view why) {
    refuse(base::cat("The call of ", name.empty() ? "a tool" : name, " ", why, ". Write the call again."));
  }
};

class TaggedXml final : public TagCalls {
 public:
  explicit TaggedXml(AnswerStart start)
      : TagCalls(std::move(start), {.think_newlines = true, .newlines_before_call = std::string::npos}) {}
  void on_text(std::string_view text) override {
    if (!in_call_) return say(text);
    if (!too_long_ && !append(body_, text)) too_long_ = true;
  }
  void on_marker(size_t marker) override {
    constexpr size_t kOpen = 2, kClose = 3, kFunction = 4;
    if (!in_call_ && marker < 2) {
      if (!on_think(marker)) say(spelling(marker));
    } else if (!in_call_ && section() == Section::kContent && (marker == kOpen || marker == kFunction)) {
      begin_calls();
      open(marker == kFunction);
    } else if (in_call_ && marker == kOpen && complete()) {
      close(false);
      open(false);
    } else if (in_call_ && marker == kClose && complete()) {
      close(false);
    } else if (!in_call_ && marker == kClose && after_call_) {
      after_call_ = false;
    } else {
      on_text(spelling(marker));
    }
  }
  void on_end() override {
    if (in_call_) close(true);
    end_answer();
  }

 private:
  void open(bool bare) {
    in_call_ = true;
    too_long_ = false;
    body_ = bare ? "<function=" : "";
  }
  bool complete() const { return base::trim(body_).ends_with("</function>"); }
  void close(bool cut) {
    in_call_ = false;
    after_call_ = true;
    too_long_ ? refuse(std::string(kTooLong)) : read_call(base::trim(body_), cut);
    body_.clear();
  }

  void read_call(std::string_view body, bool cut) {
    bool mended = cut && !body.ends_with("</function>");
    if (body.ends_with("</tool_call>")) body = base::trim(body.substr(0, body.size() - 12));
    constexpr std::string_view kFunction = "<function=", kEnd = "</function>";
    if (!body.starts_with(kFunction)) return refuse_call("", "does not begin with <function=NAME>");
    body.remove_prefix(kFunction.size());
    const size_t name_end = body.find_first_of(">\n");
    if (name_end == kNone) return refuse_call("", "ends within its name");
    const std::string name(base::trim(body.substr(0, name_end)));
    mended |= body[name_end] != '>';
    body.remove_prefix(name_end + 1);
    Arguments arguments;
    for (;;) {
      body = trim_front(body);
      if (body.empty() || body == kEnd) break;
      constexpr std::string_view kParameter = "<parameter=";
      if (!body.starts_with(kParameter)) return refuse_call(name, "has text outside its arguments");
      body.remove_prefix(kParameter.size());
      const size_t key_end = body.find('>');
      if (key_end == kNone) return refuse_call(name, "ends within an argument's name");
      const std::string key(base::trim(body.substr(0, key_end)));
      body.remove_prefix(key_end + 1);
      const auto value = take_value(body, mended);
      if (!value) return refuse_call(name, "ends inside the argument " + key);
      if (!arguments.add(key, typed_value(*value, start_.types.type_of(name, key))))
        return refuse_call(name, "has the argument " + key + " twice");
    }
    call_ends(name, "", arguments.json(), mended);
  }

  // A value ends at the tag behind which the call goes on, so that a value may spell the tag itself.
  static std::optional<std::string_view> take_value(std::string_view& body, bool& mended) {
    constexpr std::string_view kEnd = "</parameter>";
    for (size_t at = 0; (at = body.find(kEnd, at)) != kNone; ++at) {
      const std::string_view rest = trim_front(body.substr(at + kEnd.size()));
      if (!rest.empty() && !rest.starts_with("<parameter=") && rest != "</function>") continue;
      const std::string_view value = stripped(body.substr(0, at));
      body = rest;
      return value;
    }
    for (const std::string_view next : {"\n<parameter=", "\n</function>"}) {
      const size_t at = body.find(next);
      if (at == kNone) continue;
      mended = true;
      const std::string_view value = stripped(body.substr(0, at + 1));
      body.remove_prefix(at + 1);
      return value;
    }
    return std::nullopt;
  }
  static std::string_view stripped(std::string_view value) {
    if (value.starts_with('\n')) value.remove_prefix(1);
    if (value.ends_with('\n')) value.remove_suffix(1);
    return value;
  }

  bool in_call_ = false, too_long_ = false, after_call_ = false;
  std::string body_;
};

// In the body the DSML token is the byte FF, which no text holds. Tags with another family's spacing are read too: the
// models were trained after one another, and what they mean is plain.
class Dsml final : public TagCalls {
 public:
  // `spaced`: the words of tags have a space before them.
  Dsml(AnswerStart start, bool spaced)
      : TagCalls(std::move(start), {.think_newlines = false, .newlines_before_call = 2, .hold_bracket = true}),
        spaced_(spaced) {}
  void on_text(std::string_view text) override {
    if (!in_block_) return say(text);
    std::string clean(text);
    for (size_t at = 0; (at = clean.find('\xFF', at)) != std::string::npos; at += 3)
      clean.replace(at, 1, "\xEF\xBF\xBD");
    push(clean);
  }
  void on_marker(size_t marker) override {
    if (!in_block_ && marker < 2) {
      if (!on_think(marker)) say(spelling(marker));
    } else if (marker == 2 && in_block_) {
      push("\xFF");
    } else if (marker == 2 && section() == Section::kContent && drop_bracket()) {
      begin_calls();
      in_block_ = true;
      too_long_ = false;
      body_ = "<\xFF";
    } else {
      on_text(spelling(marker));
    }
  }
  void on_end() override {
    if (too_long_)
      refuse(std::string(kTooLong));
    else if (in_block_ && find_tag(body_, kCall))
      read_call(body_, true);
    else if (in_block_ && !base::trim(body_).empty() && n_read_ == 0)
      refuse_call("", "ends before it has begun");
    end_answer();
  }

 private:
  static constexpr std::string_view kCall = "<\xFFinvoke", kCallEnd = "</\xFFinvoke>", kArgument = "<\xFFparameter",
                                    kArgumentEnd = "</\xFFparameter>";
  struct Tag {
    size_t begin, end;
    bool foreign;  // spaced as this family does not
  };
  static size_t length(std::string_view text, std::string_view tag, bool spaced) {
    const size_t word = tag.find('\xFF') + 1;
    if (!text.starts_with(tag.substr(0, word))) return 0;
    text.remove_prefix(word);
    if (spaced && !text.starts_with(' ')) return 0;
    if (spaced) text.remove_prefix(1);
    return text.starts_with(tag.substr(word)) ? tag.size() + (spaced ? 1 : 0) : 0;
  }
  std::optional<Tag> tag_at(std::string_view text, std::string_view tag, size_t at) const {
    for (const bool foreign : {false, true})
      if (const size_t n = length(text.substr(at), tag, spaced_ != foreign)) return Tag{at, at + n, foreign};
    return std::nullopt;
  }
  // The first `tag` of `text`, which is spelled without the space.
  std::optional<Tag> find_tag(std::string_view text, std::string_view tag) const {
    for (size_t at = 0; (at = text.find(tag.substr(0, tag.find('\xFF') + 1), at)) != kNone; ++at)
      if (auto found = tag_at(text, tag, at)) return found;
    return std::nullopt;
  }

  void push(std::string_view text) {
    if (too_long_ || !append(body_, text)) {
      too_long_ = true;
      return;
    }
    while (const auto end = find_tag(body_, kCallEnd)) {
      const std::string call = body_.substr(0, end->begin);
      body_.erase(0, end->end);
      read_call(call, end->foreign);
      ++n_read_;
    }
    for (const std::string_view block_end : {"</\xFF"
                                             "function_calls>",
                                             "</\xFF"
                                             "tool_calls>",
                                             "</\xFF"
                                             "calls>"}) {
      const auto end = find_tag(body_, block_end);
      if (!end) continue;
      const std::string after = body_.substr(end->end), rest = body_.substr(0, end->begin);
      if (find_tag(rest, kCall)) read_call(rest, true);
      body_.clear();
      in_block_ = false;
      n_read_ = 0;
      say(after);
      return;
    }
  }

  static std::string_view attribute(std::string_view tag, std::string_view name) {
    const std::string mark = " " + std::string(name) + "=\"";
    const size_t begin = tag.find(mark);
    if (begin == kNone) return {};
    tag.remove_prefix(begin + mark.size());
    return tag.substr(0, tag.find('"'));
  }

  // `mended`: it is damaged, or the tag behind it.
  void read_call(std::string_view text, bool mended) {
    const auto begin = find_tag(text, kCall);
    if (!begin) return refuse_call("", "has an end without a beginning");
    mended |= begin->foreign;
    text.remove_prefix(begin->end);
    const size_t head_end = text.find('>');
    if (head_end == kNone) return refuse_call("", "ends within its name");
    const std::string name(attribute(text.substr(0, head_end), "name"));
    text.remove_prefix(head_end + 1);
    Arguments arguments;
    for (text = base::trim(text); !text.empty(); text = base::trim(text)) {
      const auto open = tag_at(text, kArgument, 0);
      if (!open) return refuse_call(name, "has text outside its arguments");
      mended |= open->foreign;
      const size_t tag_end = text.find('>');
      if (tag_end == kNone) return refuse_call(name, "ends within an argument's name");
      const std::string_view tag = text.substr(open->end, tag_end - open->end);
      const std::string key(attribute(tag, "name"));
      const std::string_view is_text = attribute(tag, "string");
      if (key.empty()) return refuse_call(name, "has an argument without a name");
      text.remove_prefix(tag_end + 1);
      // A value whose own end tag is missing ends where the next argument begins.
      const auto end = find_tag(text, kArgumentEnd), next = find_tag(text, kArgument);
      if (!end && !next) return refuse_call(name, "ends inside the argument " + key);
      if (!end || (next && next->begin < end->begin)) {
        mended = true;
        if (!add(arguments, name, key, base::trim(text.substr(0, next->begin)), is_text)) return;
        text.remove_prefix(next->begin);
        continue;
      }
      mended |= end->foreign;
      if (!add(arguments, name, key, text.substr(0, end->begin), is_text)) return;
      text.remove_prefix(end->end);
    }
    call_ends(name, "", arguments.json(), mended);
  }

  bool add(Arguments& arguments, const std::string& name, const std::string& key, std::string_view raw,
           std::string_view is_text) {
    std::string value(raw);
    for (size_t at = 0; (at = value.find('\xFF', at)) != std::string::npos;) value.replace(at, 1, spelling(2));
    std::string json;
    if (is_text == "true") {
      json = json_quoted(value);
    } else if (is_text == "false") {
      auto read = canonical_json(value, true);
      if (!read) {
        refuse_call(name, "has an argument, " + key + ", that is not valid JSON: " + read.error().message);
        return false;
      }
      json = std::move(read->text);
    } else {
      json = typed_value(value, start_.types.type_of(name, key));
    }
    if (arguments.add(key, json)) return true;
    refuse_call(name, "has the argument " + key + " twice");
    return false;
  }

  const bool spaced_;
  bool in_block_ = false, too_long_ = false;
  int n_read_ = 0;
  std::string body_;
};

}  // namespace

std::unique_ptr<AnswerMachine> tagged_xml_machine(AnswerStart start) {
  return std::make_unique<TaggedXml>(std::move(start));
}
std::unique_ptr<AnswerMachine> dsml_machine(AnswerStart start) {
  return std::make_unique<Dsml>(std::move(start), false);
}
std::unique_ptr<AnswerMachine> spaced_dsml_machine(AnswerStart start) {
  return std::make_unique<Dsml>(std::move(start), true);
}

}  // namespace engine
