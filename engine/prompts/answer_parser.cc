// SPDX-License-Identifier: Apache-2.0
// AnswerParser: tokens and text to plain text and markers, for the family's machine.
#include <array>

#include "base/strings.h"
#include "engine/prompts.h"
#include "engine/prompts/family.h"

namespace engine {
namespace {

class Parser final : public AnswerParser {
 public:
  Parser(std::span<const std::string_view> markers, std::vector<std::optional<int32_t>> ids,
         std::unique_ptr<AnswerMachine> machine)
      : markers_(markers), ids_(std::move(ids)), machine_(std::move(machine)) {
    for (const std::string_view marker : markers_) begins_[static_cast<unsigned char>(marker[0])] = true;
  }

  std::vector<AnswerEvent> feed(int32_t token, std::string_view bytes) override {
    for (size_t m = 0; m < markers_.size(); ++m) {
      if (ids_[m] != token) continue;
      scan(true, true);
      marker(m);
      return machine_->take();
    }
    pending_ += bytes;
    scan(true, false);
    return machine_->take();
  }
  std::vector<AnswerEvent> feed_text(std::string_view text) override {
    pending_ += text;
    scan(false, false);
    return machine_->take();
  }
  std::vector<AnswerEvent> finish() override {
    scan(false, true);
    if (!ended_) machine_->on_end();
    ended_ = true;
    return machine_->take();
  }

 private:
  // Passes on what is pending. `tokens`: markers with a token are text here. `all`: no more text follows directly.
  void scan(bool tokens, bool all) {
    std::string_view rest = pending_;
    size_t plain = 0;  // bytes of `rest` known to be text
    while (plain < rest.size()) {
      if (!begins_[static_cast<unsigned char>(rest[plain])]) {
        ++plain;
        continue;
      }
      size_t found = markers_.size();
      bool partial = false;
      for (size_t m = 0; m < markers_.size() && found == markers_.size(); ++m) {
        if (tokens && ids_[m]) continue;
        const std::string_view here = rest.substr(plain, markers_[m].size());
        if (here == markers_[m])
          found = m;
        else if (!all && here.size() == rest.size() - plain && markers_[m].starts_with(here))
          partial = true;
      }
      if (found < markers_.size()) {
        text(rest.substr(0, plain));
        marker(found);
        rest.remove_prefix(plain + markers_[found].size());
        plain = 0;
      } else if (partial) {
        break;
      } else {
        ++plain;
      }
    }
    text(rest.substr(0, plain));
    pending_ = std::string(rest.substr(plain));
  }
  void text(std::string_view text) {
    if (!ended_ && !text.empty()) machine_->on_text(text);
  }
  void marker(size_t m) {
    if (ended_) return;
    constexpr std::array<std::string_view, 5> kEnds = {"<|im_end|>", "<｜end▁of▁sentence｜>", "<|eot_id|>",
                                                       "<|eom_id|>", "</s>"};
    for (const std::string_view end : kEnds)
      if (markers_[m] == end) {
        ended_ = true;
        return machine_->on_end();
      }
    machine_->on_marker(m);
  }

  std::span<const std::string_view> markers_;
  std::vector<std::optional<int32_t>> ids_;
  std::unique_ptr<AnswerMachine> machine_;
  std::array<bool, 256> begins_{};
  std::string pending_;  // less than a marker, between calls
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<AnswerParser> ChatFormat::answer_parser(std::span<const PromptPiece> prompt,
                                                        std::span<const Tool> tools) const {
  // What the prompt has opened and not closed.
  bool in_reasoning = false;
  if (family_->thinking) {
    for (const PromptPiece& piece : prompt) {
      if (piece.token && piece.text != "<think>" && piece.text != "</think>") in_reasoning = false;
      const size_t opened = piece.text.rfind("<think>"), closed = piece.text.rfind("</think>");
      if (!piece.token && opened == std::string::npos && closed == std::string::npos) {
        if (in_reasoning && base::trim(piece.text).empty()) continue;
        in_reasoning = false;
        continue;
      }
      in_reasoning = opened != std::string::npos && (closed == std::string::npos || opened > closed) &&
                     (piece.token || base::trim(std::string_view(piece.text).substr(opened + 7)).empty());
    }
  }
  AnswerStart start{family_->markers, in_reasoning, !tools.empty(), ArgumentTypes(tools)};
  return std::make_unique<Parser>(family_->markers, ids_, family_->machine(std::move(start)));
}

void collect(std::span<const AnswerEvent> events, Answer& answer) {
  using Kind = AnswerEvent::Kind;
  answer.message.role = Role::kAssistant;
  for (const AnswerEvent& event : events) {
    if (event.kind == Kind::kReasoning) answer.message.reasoning += event.text;
    if (event.kind == Kind::kContent) answer.message.content += event.text;
    if (event.kind == Kind::kCall) answer.message.tool_calls.push_back(event.call);
    if (event.kind == Kind::kBadCall) answer.refused.push_back(event.text);
    answer.repaired |= event.repaired;
  }
}

}  // namespace engine
