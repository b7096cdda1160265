// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/file_memory.h"

#include <algorithm>

namespace agent {
namespace {

// Of the file on each side of the cursor, of another file, and of all of them.
constexpr size_t kSideBytes = 128u << 10, kOtherBytes = 64u << 10, kOthersBytes = 256u << 10;
constexpr size_t kMostLines = 1u << 16;  // remembered as tokens

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The end of the first line, and with it the start of the blanks that lead to the next: pre-tokenizers that keep blanks
// together cut there anyway.
size_t line_end(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && is_blank(text[i])) ++i;
  while (i < text.size() && text[i] != '\n') ++i;
  while (i > 0 && i < text.size() && is_blank(text[i - 1])) --i;
  return i;
}

// From the start of a line on, where there is one.
std::string_view last_bytes(std::string_view text, size_t n) {
  if (text.size() <= n) return text;
  text.remove_prefix(text.size() - n);
  const size_t newline = text.find('\n');
  return newline == std::string_view::npos ? text : text.substr(newline);
}

}  // namespace

FileMemory::FileMemory(const engine::Engine& model) : model_(model), far_(line_breaks_of(model)) {
  far_.consult(NgramTable::beside(model));
}

std::vector<engine::Token> FileMemory::tokens_of(std::string_view text) {
  std::vector<engine::Token> tokens;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::max<size_t>(1, line_end(text)));
    text.remove_prefix(line.size());
    const auto [known, fresh] = lines_.try_emplace(std::string(line));
    if (fresh) known->second = model_.tokenize(line);
    tokens.insert(tokens.end(), known->second.begin(), known->second.end());
  }
  return tokens;
}

void FileMemory::set_far(std::span<const std::string> texts) {
  far_.clear();
  // What is added last is found first, so the nearest comes last.
  for (size_t i = texts.size(); i-- > 0;) far_.add(tokens_of(std::string_view(texts[i]).substr(0, kOtherBytes)));
}

void FileMemory::set(std::string_view prefix, std::string_view suffix, std::span<const std::string_view> others) {
  if (lines_.size() > kMostLines) lines_.clear();
  memory_ = far_;
  size_t n_others = 0, left = kOthersBytes;
  while (n_others < others.size() && left > 0)
    left -= std::min({left, others[n_others].size(), kOtherBytes}), ++n_others;
  for (; n_others > 0; --n_others) memory_.add(tokens_of(others[n_others - 1].substr(0, kOtherBytes)));
  memory_.add(tokens_of(suffix.substr(0, kSideBytes)));
  end_of_prefix_ = tokens_of(last_bytes(prefix, kSideBytes));
  memory_.add(end_of_prefix_);
  const size_t kept = std::min(end_of_prefix_.size(), TextMemory::kContext);
  end_of_prefix_.erase(end_of_prefix_.begin(), end_of_prefix_.end() - static_cast<std::ptrdiff_t>(kept));
}

void FileMemory::mix(std::span<const engine::Token> so_far, std::span<float> logits) const {
  std::vector<engine::Token> context = end_of_prefix_;
  context.insert(context.end(), so_far.begin(), so_far.end());
  memory_.mix(context, logits);
}

}  // namespace agent
