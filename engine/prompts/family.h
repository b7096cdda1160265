// SPDX-License-Identifier: Apache-2.0
// engine/prompts/family.h: what a chat format consists of. Adding one: a PromptFamily in a file of renderers, its
// machine in one of the answer files, and a line in chat_format.cc.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/prompts.h"

namespace engine {

// Collects the pieces of a prompt; neighbouring plain text becomes one piece, as it is tokenised as one.
class PieceWriter {
 public:
  PieceWriter(std::span<const std::string_view> markers, std::span<const std::optional<int32_t>> ids)
      : markers_(markers), ids_(ids) {}

  // The format's own words: markers spelled in `text` count.
  void format(std::string_view text);
  // Words of others: plain text, whatever they spell.
  void plain(std::string_view text);
  // Nothing is written while muted.
  void mute(bool muted) { muted_ = muted; }
  std::vector<PromptPiece> take() { return std::move(pieces_); }

 private:
  std::span<const std::string_view> markers_;
  std::span<const std::optional<int32_t>> ids_;
  std::vector<PromptPiece> pieces_;
  bool muted_ = false;
};

struct RenderInput {
  std::span<const Message> messages;
  std::span<const Tool> tools;  // parameters in canonical JSON
  const ChatOptions& options;

  // Writes what stands before message i, or nothing where the caller has it already.
  void at(size_t i, PieceWriter& out) const { out.mute(i < options.first); }
  // The last user message; -1 without one.
  int64_t last_user() const;
  // True where message i is of this role.
  bool is(size_t i, Role role) const { return i < messages.size() && messages[i].role == role; }
};

// The machine behind an AnswerParser: gets plain text and markers in order, makes events.
class AnswerMachine {
 public:
  virtual ~AnswerMachine() = default;
  virtual void on_text(std::string_view text) = 0;
  virtual void on_marker(size_t marker) = 0;  // index into the family's markers
  virtual void on_end() = 0;
  std::vector<AnswerEvent> take() { return std::exchange(events_, {}); }

 protected:
  std::vector<AnswerEvent> events_;
};

// How the types of a tool's arguments are looked up: "string", "integer"...; empty where the schema does not say one
// type.
class ArgumentTypes {
 public:
  explicit ArgumentTypes(std::span<const Tool> tools);
  std::string_view type_of(std::string_view tool, std::string_view argument) const;

 private:
  std::map<std::pair<std::string, std::string>, std::string, std::less<>> types_;
};

struct AnswerStart {
  std::span<const std::string_view> markers;  // the family's
  bool in_reasoning = false;                  // the prompt opened it
  bool tools = false;                         // some were offered
  ArgumentTypes types;
};

struct PromptFamily {
  std::string_view name;
  std::span<const std::string_view> markers;  // none is the front of another
  bool tools, thinking, parallel_calls;
  OldReasoning old_reasoning;
  std::string_view end_of_turn;  // the marker that ends an assistant's message
  std::string_view after_turn;   // what a template writes between an answer and the next message
  base::Status (*render)(const RenderInput& input, PieceWriter& out);
  std::unique_ptr<AnswerMachine> (*machine)(AnswerStart start);
};

extern const PromptFamily kQwen25, kQwen3, kQwen3Coder, kDeepseekV2, kDeepseekV3, kDeepseekR1, kDeepseekV31,
    kDeepseekV32, kDeepseekV4, kDeepseekV41, kLlama30, kLlama31, kMistralV3, kMistralV7, kMistralV11, kMistralV13, kGptOss;

// {"type": "function", "function": {...}} and the inner object, as json.dumps writes them.
std::string tool_json(const Tool& tool);
std::string function_json(const Tool& tool);

}  // namespace engine
