// SPDX-License-Identifier: Apache-2.0
// The machine for gpt-oss' channels.
#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/json_calls.h"

namespace engine {
namespace {

// Markers: start, message, channel, end, call, return, constrain.
class Harmony final : public JsonCalls {
 public:
  explicit Harmony(AnswerStart start) : JsonCalls(std::move(start), {}) {}
  void on_text(std::string_view text) override {
    switch (at_) {
      case At::kHeader:
        add(header_, text);
        break;
      case At::kText:
        say(text);
        break;
      case At::kCall:
        push(body_, text);
        break;
      case At::kBetween:
        if (text = after_blank(text); text.empty()) break;
        open(Section::kContent);
        say(text);
        break;
    }
  }
  void on_marker(size_t marker) override {
    switch (marker) {
      case 0:
        close_part();
        header_.clear();
        at_ = At::kHeader;
        break;
      case 1:
        if (at_ == At::kHeader) message_begins();
        break;
      case 2:
        // Models leave the end of a message out at times and go on with the next channel.
        close_part();
        if (at_ != At::kHeader) header_.clear();
        header_ += spelling(2);
        at_ = At::kHeader;
        break;
      case 3:
      case 4:
      case 5:
        if (at_ == At::kHeader) break;
        close_part();
        at_ = At::kBetween;
        break;
      default:
        if (at_ == At::kHeader) header_ += ' ';
    }
  }
  void on_end() override {
    close_part();
    // Text without any header is an answer.
    if (at_ == At::kHeader && header_.find("<|channel|>") == std::string::npos && !base::trim(header_).empty())
      say(header_);
    end_answer();
  }

 private:
  enum class At { kHeader, kText, kCall, kBetween };
  void message_begins() {
    const auto word_after = [&](std::string_view mark) {
      const size_t at = header_.find(mark);
      if (at == std::string::npos) return std::string();
      const std::string_view rest = std::string_view(header_).substr(at + mark.size());
      return std::string(rest.substr(0, rest.find_first_of(" \t\n<")));
    };
    std::string recipient = word_after("to=");
    const std::string channel = word_after("<|channel|>");
    if (!recipient.empty() && recipient != "assistant" && recipient != "user" && recipient != "all") {
      constexpr std::string_view kFunctions = "functions.";
      name_ = recipient.starts_with(kFunctions) ? recipient.substr(kFunctions.size()) : recipient;
      begin_calls();
      at_ = At::kCall;
      body_.open(true);
      call_begins(name_);
      return;
    }
    open(channel == "analysis" ? Section::kReasoning : Section::kContent);
  }
  void open(Section section) {
    end_part(0, section, false);
    at_ = At::kText;
    bool& before = section == Section::kReasoning ? reasoned_ : spoken_;
    if (before) say("\n\n");
    before = true;
  }
  void close_part() {
    if (at_ == At::kText) end_part(0, Section::kContent, false);
    if (at_ == At::kCall) body_.too_long ? refuse(std::string(kTooLong)) : call_ends(name_, "", body_.text, false);
    if (at_ != At::kHeader) at_ = At::kBetween;
  }
  At at_ = At::kHeader;
  bool reasoned_ = false, spoken_ = false;
  std::string header_, name_;
  CallBody body_;
};

}  // namespace

std::unique_ptr<AnswerMachine> harmony_machine(AnswerStart start) {
  return std::make_unique<Harmony>(std::move(start));
}

}  // namespace engine
