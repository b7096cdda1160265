// SPDX-License-Identifier: Apache-2.0
#include "tokenizer.h"

namespace larder {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Reads a quoted word; `at` stands on the opening quote and is left after the closing one.
bool read_quoted(std::string_view line, std::size_t& at, std::string& text) {
  for (++at; at < line.size(); ++at) {
    if (line[at] == '"') {
      ++at;
      return true;
    }
    if (line[at] == '\\' && at + 1 < line.size()) ++at;
    text += line[at];
  }
  return false;
}

}  // namespace

TokenizedLine tokenize(std::string_view line) {
  TokenizedLine result;
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size() || line[at] == '#') return result;

    Token token;
    token.column = at + 1;
    if (line[at] == '"') {
      token.quoted = true;
      if (!read_quoted(line, at, token.text)) {
        result.error = "column " + std::to_string(token.column) + ": the quote is never closed";
        return result;
      }
    } else {
      const std::size_t begin = at;
      while (at < line.size() && !is_space(line[at]) && line[at] != '"') ++at;
      token.text = std::string(line.substr(begin, at - begin));
    }
    result.tokens.push_back(token);
  }
}

std::string quote(std::string_view text) {
  bool plain = !text.empty() && text.front() != '#';
  for (const char c : text) {
    if (is_space(c) || c == '"') plain = false;
  }
  if (plain) return std::string(text);

  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace larder
