// SPDX-License-Identifier: Apache-2.0
// Machines for calls whose arguments are written as JSON.
#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/json_calls.h"

namespace engine {
namespace {

class TaggedJson final : public JsonCalls {
 public:
  explicit TaggedJson(AnswerStart start)
      : JsonCalls(std::move(start), {.think_newlines = true, .newlines_before_call = 1}) {}
  void on_text(std::string_view text) override { in_call_ ? push(body_, text) : say(text); }
  void on_marker(size_t marker) override {
    const bool quoted = in_call_ && body_.json.in_string();
    if (!in_call_ && marker < 2) {
      if (!on_think(marker)) say(spelling(marker));
    } else if (marker == 2 && !quoted && section() == Section::kContent) {
      if (in_call_)
        close(body_);
      else
        begin_calls();
      in_call_ = true;
      body_.open(false);
    } else if (marker == 3 && in_call_ && !quoted) {
      close(body_);
      in_call_ = false;
    } else {
      on_text(spelling(marker));
    }
  }
  void on_end() override {
    if (in_call_) close(body_);
    end_answer();
  }

 private:
  bool in_call_ = false;
  CallBody body_;
};

// Markers from 2 on: calls begin, calls end, call begin, call end, separator.
class DeepseekCalls final : public JsonCalls {
 public:
  DeepseekCalls(AnswerStart start, bool fenced)
      : JsonCalls(std::move(start), {.think_newlines = fenced, .newlines_before_call = 0}), fenced_(fenced) {}
  void on_text(std::string_view text) override {
    switch (at_) {
      case At::kText:
        say(text);
        break;
      case At::kBetween:
        // Blanks between calls mean nothing; text does, once it has begun.
        if (text = after_blank(text); text.empty()) break;
        at_ = At::kText;
        say(text);
        break;
      case At::kHeader:
        add(header_, text);
        break;
      case At::kBody:
        push_body(text);
        break;
    }
  }
  void on_marker(size_t marker) override {
    const bool quoted = at_ == At::kBody && body_.json.in_string();
    if (marker < 2 && (at_ == At::kText)) {
      if (!on_think(marker)) say(spelling(marker));
    } else if (marker == 2 && at_ == At::kText) {
      begin_calls();
      in_calls_ = true;
      at_ = At::kBetween;
    } else if (marker == 3 && (at_ != At::kText || in_calls_) && !quoted) {
      close_call();
      in_calls_ = false;
      at_ = At::kText;
    } else if (marker == 4 && !quoted) {
      if (at_ == At::kText) begin_calls();
      close_call();
      header_.clear();
      at_ = At::kHeader;
    } else if (marker == 5 && (at_ == At::kHeader || at_ == At::kBody) && !quoted) {
      close_call();
      at_ = At::kBetween;
    } else if (marker == 6 && at_ == At::kHeader) {
      at_ = At::kBody;
      body_.open(true);
      // V3 writes the call's type here, and the name in the body.
      named_ = header_ != "function";
      if (named_) call_begins(base::trim(header_));
    } else {
      on_text(spelling(marker));
    }
  }
  void on_end() override {
    close_call();
    end_answer();
  }

 private:
  static constexpr size_t kMaxHeader = 4096;
  void push_body(std::string_view text) {
    if (named_) return push(body_, text);
    // The name's line ends before the JSON begins.
    while (!named_ && !text.empty()) {
      if (text[0] == '\n' || text[0] == '{') {
        named_ = true;
        header_ = base::trim(name_line_);
        if (!header_.empty()) call_begins(header_);
        name_line_.clear();
        break;
      }
      if (name_line_.size() < kMaxHeader) name_line_ += text[0];
      text.remove_prefix(1);
    }
    push(body_, text);
  }
  void close_call() {
    if (at_ == At::kHeader) refuse("The tool call ends before its arguments. Write the call again.");
    if (at_ != At::kBody) return;
    if (body_.too_long) return refuse(std::string(kTooLong));
    if (!named_) {
      header_ = base::trim(name_line_);
      name_line_.clear();
    }
    std::string_view arguments = base::trim(body_.text);
    if (fenced_ && arguments.starts_with("```")) {  // the format's own fence
      const size_t line = arguments.find('\n');
      arguments = line == std::string_view::npos ? std::string_view() : base::trim(arguments.substr(line + 1));
      if (arguments.ends_with("```")) arguments = base::trim(arguments.substr(0, arguments.size() - 3));
    }
    call_ends(header_, "", arguments, false);
  }
  enum class At { kText, kBetween, kHeader, kBody };
  const bool fenced_;
  At at_ = At::kText;
  bool named_ = false, in_calls_ = false;
  std::string header_, name_line_;
  CallBody body_;
};

class PlainText final : public AnswerText {
 public:
  explicit PlainText(AnswerStart start) : AnswerText(std::move(start), {}) {}
  void on_text(std::string_view text) override { say(text); }
  void on_marker(size_t marker) override { say(spelling(marker)); }
  void on_end() override { end_answer(); }
};

class BareJson final : public JsonCalls {
 public:
  explicit BareJson(AnswerStart start) : JsonCalls(std::move(start), {}) {}
  void on_text(std::string_view text) override {
    if (at_ == At::kStart) {
      front_ += text;
      constexpr size_t kMaxFront = 4096;
      const std::string_view shown = after_blank(std::string_view(front_).substr(0, kMaxFront));
      if (shown.empty() && front_.size() < kMaxFront) return;
      return settle(start_.tools && shown.starts_with('{') ? At::kCall : At::kText);
    }
    at_ == At::kCall ? push(body_, text) : say(text);
  }
  void on_marker(size_t marker) override {
    if (marker == 0 && at_ == At::kStart && start_.tools) {
      tagged_ = true;
      front_.clear();
      settle(At::kCall);
    } else {
      on_text(spelling(marker));
    }
  }
  void on_end() override {
    if (at_ == At::kStart) settle(At::kText);
    if (at_ == At::kCall) {
      // An object that is no call is an answer in JSON.
      const bool call = tagged_ || body_.too_long || !body_.json.name().empty();
      call ? close(body_) : say(body_.text);
    }
    end_answer();
  }

 private:
  enum class At { kStart, kText, kCall };
  void settle(At at) {
    at_ = at;
    const std::string front = std::exchange(front_, {});
    if (!front.empty()) on_text(front);
  }
  At at_ = At::kStart;
  bool tagged_ = false;
  std::string front_;
  CallBody body_;
};

class MistralCalls final : public JsonCalls {
 public:
  explicit MistralCalls(AnswerStart start) : JsonCalls(std::move(start), {}) {}
  void on_text(std::string_view text) override {
    switch (at_) {
      case At::kText:
        say(text);
        break;
      case At::kName:
        if (header_.empty()) text = after_blank(text);
        if (header_.empty() && (text.starts_with('[') || text.starts_with('{'))) {
          at_ = At::kArray;
          return on_text(text);
        }
        add(header_, text);
        break;
      case At::kId:
        add(id_, text);
        break;
      case At::kArguments:
        push(body_, text);
        break;
      case At::kArray:
        push_array(text);
        break;
    }
  }
  void on_marker(size_t marker) override {
    const bool quoted = (at_ == At::kArguments || at_ == At::kArray) && body_.json.in_string();
    if (marker == 0 && !quoted) {
      if (at_ == At::kText) begin_calls();
      close_call();
      header_.clear();
      id_.clear();
      at_ = At::kName;
    } else if (marker == 1 && (at_ == At::kName || at_ == At::kId)) {
      at_ = At::kArguments;
      body_.open(true);
      call_begins(base::trim(header_));
    } else if (marker == 2 && at_ == At::kName) {
      at_ = At::kId;
    } else {
      on_text(spelling(marker));
    }
  }
  void on_end() override {
    close_call();
    end_answer();
  }

 private:
  void push_array(std::string_view text) {
    while (!text.empty()) {
      if (!in_element_) {
        const size_t begin = text.find_first_of("{]");
        if (begin == std::string_view::npos) return;
        if (text[begin] == ']') {
          at_ = At::kText;
          return say(text.substr(begin + 1));
        }
        text.remove_prefix(begin);
        in_element_ = true;
        body_.open(false);
      }
      // Up to the end of the element, if it is here.
      CallJson ahead = body_.json;
      size_t n = 0;
      do ahead.push(text[n++]);
      while (n < text.size() && ahead.depth() > 0);
      push(body_, text.substr(0, n));
      text.remove_prefix(n);
      if (ahead.depth() > 0) return;
      close(body_);
      in_element_ = false;
    }
  }
  void close_call() {
    if (at_ == At::kArray && in_element_) close(body_);
    in_element_ = false;
    if (at_ == At::kName || at_ == At::kId) refuse("The tool call ends before its arguments. Write the call again.");
    if (at_ != At::kArguments) return;
    body_.too_long ? refuse(std::string(kTooLong)) : call_ends(header_, id_, body_.text, false);
  }
  enum class At { kText, kName, kId, kArguments, kArray };
  At at_ = At::kText;
  bool in_element_ = false;
  std::string header_, id_;
  CallBody body_;
};

}  // namespace

std::unique_ptr<AnswerMachine> tagged_json_machine(AnswerStart start) {
  return std::make_unique<TaggedJson>(std::move(start));
}
std::unique_ptr<AnswerMachine> deepseek_fenced_machine(AnswerStart start) {
  return std::make_unique<DeepseekCalls>(std::move(start), true);
}
std::unique_ptr<AnswerMachine> deepseek_bare_machine(AnswerStart start) {
  return std::make_unique<DeepseekCalls>(std::move(start), false);
}
std::unique_ptr<AnswerMachine> text_machine(AnswerStart start) {
  return std::make_unique<PlainText>(std::move(start));
}
std::unique_ptr<AnswerMachine> bare_json_machine(AnswerStart start) {
  return std::make_unique<BareJson>(std::move(start));
}
std::unique_ptr<AnswerMachine> mistral_machine(AnswerStart start) {
  return std::make_unique<MistralCalls>(std::move(start));
}
}  // namespace engine
