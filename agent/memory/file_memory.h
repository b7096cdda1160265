// SPDX-License-Identifier: Apache-2.0
// agent/memory/file_memory.h: a TextMemory of the file being typed in, of the files open beside it and of the project around
// them, with the model's table of n-grams, kept from one keystroke to the next.
//
// Threads  Belongs to one thread.
// Cost     A keystroke costs the tokens of the line that changed, and a pass over the file's to link them (about a
//          millisecond for 60 KB).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/memory/text_memory.h"
#include "engine/engine.h"

namespace agent {

class FileMemory {
 public:
  // `model` must outlive it.
  explicit FileMemory(const engine::Engine& model);

  // What lies further away than all that set() is given, the nearest first; kept until the next call.
  void set_far(std::span<const std::string> texts);

  // `prefix` and `suffix`: the file around the cursor; `others`: the other files, the nearest first. Far ends and files
  // beyond what is worth its time are left out.
  void set(std::string_view prefix, std::string_view suffix, std::span<const std::string_view> others);

  // As TextMemory::mix, after the prefix and `so_far` of what is generated.
  void mix(std::span<const engine::Token> so_far, std::span<float> logits) const;

 private:
  // Tokens of `text`, cut where lines begin so that a changed line changes nothing else.
  std::vector<engine::Token> tokens_of(std::string_view text);

  const engine::Engine& model_;
  std::unordered_map<std::string, std::vector<engine::Token>> lines_;
  TextMemory far_, memory_;  // memory_ begins as a copy of far_
  std::vector<engine::Token> end_of_prefix_;
};

}  // namespace agent
