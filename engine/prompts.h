// SPDX-License-Identifier: Apache-2.0
// engine/prompts.h: conversations to tokens, and a model's answer back to a message, in the format of each model
// family.
//
// No template language is executed: the formats are built in. Text of users, files and tools is never read for markers:
// a marker spelled in it stays plain text, and no marker's token comes of it.
//
// Owns     A ChatFormat is a small value. An AnswerParser is independent of the format it came from.
// Threads  A ChatFormat is constant. An AnswerParser belongs to one thread at a time.
// Errors   kInvalidArgument naming the message, for what a format cannot say. A damaged tool call is an event, not an
// error.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace engine {

enum class Role { kSystem, kUser, kAssistant, kTool };

struct ToolCall {
  std::string id;  // empty where neither the caller nor the format has one
  std::string name;
  std::string arguments;  // a JSON object
  bool operator==(const ToolCall&) const = default;
};

struct Message {
  Role role = Role::kUser;
  std::string content;
  std::string reasoning;             // of an assistant
  std::vector<ToolCall> tool_calls;  // of an assistant
  std::string tool_call_id;          // of a tool's result: the call that it answers
  bool operator==(const Message&) const = default;
};

struct Tool {
  std::string name, description;
  std::string parameters;  // JSON Schema of the arguments, an object; empty: none
};

struct ChatOptions {
  bool thinking = true;  // where the family can do without
  // gpt-oss: "low", "medium", "high"; DeepSeek V4: "high", "max"; V4.1: "low", "high", "xhigh", "max" or a number from 1
  // to 100 in digits; empty: the family's default.
  std::string effort;
  std::string today;     // "2026-05-01", for families whose prompt names the day; empty: left out or the template's own
  bool generation_prompt = true;  // end with the header of the model's next answer
  bool keep_reasoning = false;    // write the reasoning of earlier turns where the family's rule drops it
  // Messages before this one are already in the timeline, as rendered or as the model wrote them: they are read for
  // what the others depend on, and not written. Past tokens stay as they are, so a cache of them stays valid; see
  // extend_history.
  size_t first = 0;
};

// A part of a prompt: a special token, or plain text.
struct PromptPiece {
  std::optional<int32_t> token;  // the special token that `text` spells
  std::string text;
};

// What becomes of earlier reasoning when a conversation is rendered anew. Histories that grow by `first` keep it in any
// case.
enum class OldReasoning {
  kNone,           // the family does not reason
  kDropped,        // never written
  kUntilNextUser,  // written until the next user message
  kKeptWithTools,  // as kUntilNextUser, but all is written where tools are offered
};

// What an answer holds, in the order in which it is written.
struct AnswerEvent {
  enum class Kind {
    kReasoning,  // `text`: more of it, whole UTF-8 characters
    kContent,    // likewise
    kCallBegin,  // `call.name`
    kArguments,  // `text`: more of the arguments as written, before any repair
    kCall,       // `call`: whole and checked; the arguments are an object in the form of Python's json.dumps
    kBadCall,    // `text`: why it was refused, for the model to read; no kCall follows
    kEnd,        // once, last
  };
  Kind kind;
  std::string text;
  ToolCall call;
  bool repaired = false;  // kCall: it was damaged, and there was one way to read it
};

// Reads an answer as it is generated. Any split of the answer gives the same events but for how text is cut. Memory is
// bounded: a call longer than kMaxCallBytes is refused.
class AnswerParser {
 public:
  static constexpr size_t kMaxCallBytes = size_t{4} << 20;
  static constexpr int kMaxCalls = 128;

  virtual ~AnswerParser() = default;
  // One token and its bytes. Markers that the vocabulary has as tokens count as such only if they come as tokens.
  virtual std::vector<AnswerEvent> feed(int32_t token, std::string_view bytes) = 0;
  // Text, where the tokens are not at hand: markers count as spelled.
  virtual std::vector<AnswerEvent> feed_text(std::string_view text) = 0;
  // The generation has ended. Nothing may be fed afterwards.
  virtual std::vector<AnswerEvent> finish() = 0;
};

// An answer as a message, and what was refused of it.
struct Answer {
  Message message;
  std::vector<std::string> refused;  // reasons
  bool repaired = false;
};
void collect(std::span<const AnswerEvent> events, Answer& answer);

struct PromptFamily;  // engine/prompts/family.h

class ChatFormat {
 public:
  // `family` has static life; `id_of` gives the token of a marker, nothing where the vocabulary has none.
  ChatFormat(const PromptFamily& family, const std::function<std::optional<int32_t>(std::string_view)>& id_of);

  std::string_view name() const;  // "qwen3"
  bool has_tools() const;
  bool has_thinking() const;
  bool has_parallel_calls() const;  // more than one call in one assistant message
  OldReasoning old_reasoning() const;

  base::Result<std::vector<PromptPiece>> render(std::span<const Message> messages, std::span<const Tool> tools,
                                                const ChatOptions& options) const;

  // What to append to a timeline that ends with the model's answer messages[first - 1], for the messages from `first`
  // on and the next answer's header. `ended`: the answer's last token, its end-of-turn token, is in the timeline.
  base::Result<std::vector<PromptPiece>> extend_history(std::span<const Message> messages, std::span<const Tool> tools,
                                                        ChatOptions options, bool ended) const;

  // `tokenize` turns plain text into tokens without special ones.
  std::vector<int32_t> tokens(std::span<const PromptPiece> pieces,
                              const std::function<std::vector<int32_t>(std::string_view)>& tokenize) const;

  // A parser of the answer to `prompt`; `tools` say which arguments are text where the format does not.
  std::unique_ptr<AnswerParser> answer_parser(std::span<const PromptPiece> prompt, std::span<const Tool> tools) const;

 private:
  const PromptFamily* family_;
  std::vector<std::optional<int32_t>> ids_;  // by index of the family's markers
};

// Which format a model speaks. `architecture`: "model_type" of config.json or general.architecture; `template_text`:
// the model's own chat template, read for words that tell families of one vocabulary apart, never executed; may be
// empty. Nothing for a model that was not trained on conversations.
std::optional<ChatFormat> find_chat_format(std::string_view architecture, std::string_view template_text,
                                           const std::function<std::optional<int32_t>(std::string_view)>& id_of);

// The format of this name, for models and tests that say it themselves.
std::optional<ChatFormat> chat_format_named(std::string_view name,
                                            const std::function<std::optional<int32_t>(std::string_view)>& id_of);

struct Conversation {
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ChatOptions options;
};
// {"messages": [{"role", "content", "reasoning", "tool_calls": [{"id", "name", "arguments"}], "tool_call_id"}],
// "tools":
// [{"name", "description", "parameters"}], "thinking", "effort", "today", "generation_prompt", "keep_reasoning"}, or
// the array of messages alone. Calls and tools may be wrapped as {"type": "function", "function": {...}}. kCorrupt or
// kInvalidArgument naming the place.
base::Result<Conversation> conversation_from_json(std::string_view text);

}  // namespace engine
