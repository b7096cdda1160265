// SPDX-License-Identifier: Apache-2.0
// engine/prompts/json_calls.h: what the machines share whose calls have arguments in JSON.
#pragma once
#include <string>
#include <string_view>

#include "engine/prompts/answer_text.h"

namespace engine {

inline constexpr std::string_view kTooLong = "The tool call is longer than 4 MiB. Write a shorter one.";

// One call as it comes: the text is kept for the end, its arguments are passed on.
class CallBody {
 public:
  void open(bool bare) { *this = CallBody(bare); }
  explicit CallBody(bool bare = false) : json(bare) {}
  CallJson json;
  std::string text;
  bool too_long = false;
};

class JsonCalls : public AnswerText {
 protected:
  using AnswerText::AnswerText;
  // `bare`: the text is the arguments of the call that has begun.
  void push(CallBody& body, std::string_view part) {
    if (body.too_long || !append(body.text, part)) {
      body.too_long = true;
      return;
    }
    std::string arguments;
    for (const char c : part) {
      const bool begun = !body.json.name().empty();
      if (body.json.push(c)) {
        if (begun) call_begins(body.json.name());
        arguments += c;
      }
    }
    call_arguments(arguments);
  }
  void close(CallBody& body) { body.too_long ? refuse(std::string(kTooLong)) : json_call_ends(body.text); }
};

}  // namespace engine
