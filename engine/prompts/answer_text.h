// SPDX-License-Identifier: Apache-2.0
// engine/prompts/answer_text.h: what the machines share: text that is passed on as it comes, calls that are checked at
// their end.
#pragma once
#include <string>
#include <string_view>

#include "engine/prompts/family.h"

namespace engine {

// Follows JSON as it comes, to find the name of a call {"name", "arguments" or "parameters"} and the start of its
// arguments. It judges nothing: canonical_json() reads the whole at the end.
class CallJson {
 public:
  // `bare`: the text is the arguments' object itself.
  explicit CallJson(bool bare = false) : bare_(bare) {}
  // The part of `c`'s arguments, if it belongs to them.
  bool push(char c);
  bool in_string() const { return in_string_; }
  int depth() const { return depth_; }
  bool opened() const { return opened_; }
  const std::string& name() const { return name_; }

 private:
  void key_or_name_ends();
  bool bare_;
  bool in_string_ = false, escaped_ = false, opened_ = false, in_arguments_ = false, value_next_ = false;
  int depth_ = 0;
  std::string key_, text_, name_;
};

class AnswerText : public AnswerMachine {
 public:
  // What the family writes around reasoning and calls.
  struct Style {
    bool think_newlines =
        false;  // "<think>\n" ... "\n</think>\n\n": those around reasoning and before content are dropped
    size_t newlines_before_call = 0;  // dropped at the end of content where a call follows; npos: all white space
    bool hold_bracket = false;        // a "<" at the end may belong to a call
  };

 protected:
  enum class Section { kReasoning, kContent };
  AnswerText(AnswerStart start, Style style);

  std::string_view spelling(size_t marker) const { return start_.markers[marker]; }
  Section section() const { return section_; }
  void say(std::string_view text);
  // Says what was held back, less the line ends that belong to the format; what follows is a new part of `next`.
  void end_part(size_t newlines, Section next, bool strip_leading);
  // <think> and </think>; true where the marker meant something.
  bool on_think(size_t marker);
  bool drop_bracket();  // a held "<"; false without one
  void begin_calls() { end_part(style_.newlines_before_call, Section::kContent, true); }
  void end_answer();

  // Streaming of one call.
  void call_begins(std::string_view name);
  void call_arguments(std::string_view text);
  // `arguments`: as written. `mended`: it was already known to be damaged.
  void call_ends(std::string name, std::string id, std::string_view arguments, bool mended);
  // {"name", "arguments"} as a whole.
  void json_call_ends(std::string_view json);
  void refuse(std::string why);
  // A name or header: what is beyond 4 KiB is dropped.
  static void add(std::string& field, std::string_view text);
  static std::string_view after_blank(std::string_view text);
  // Appends within the bound; false beyond it.
  static bool append(std::string& body, std::string_view text);

  AnswerStart start_;
  Style style_;

 private:
  void emit(size_t n);
  size_t held_back() const;
  Section section_ = Section::kContent;
  std::string held_;
  bool strip_leading_ = false, said_ = false, begun_ = false, streamed_ = false;
  int n_calls_ = 0;
};

}  // namespace engine
