// SPDX-License-Identifier: Apache-2.0
// Texts in every language: parse, walk, outline, edit, parse again. Input: a byte for the language, two for the edit,
// the text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tools/syntax.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 20'000;  // recovery from rubble is slow, and short texts show the same
  if (size < 3 || size > kMaxBytes) return 0;
  const auto language = static_cast<tools::Language>(data[0] % 12);
  const std::string text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const auto tree = tools::SyntaxTree::parse(language, text);
  if (!tree) return 0;
  for (const tools::Node& node : tree->nodes())
    if (node.range.begin > node.range.end || node.range.end > text.size()) std::abort();
  for (const tools::Symbol& symbol : tree->symbols())
    if (symbol.range.end > text.size() || symbol.name_range.begin < symbol.range.begin) std::abort();
  tree->ancestors({text.size() / 2, text.size() / 2});
  // Two changes, one after the other, as an editor sends them.
  const size_t at = text.empty() ? 0 : data[1] * text.size() / 256, n = data[2] % 8;
  const size_t end = std::min(text.size(), at + n);
  const std::string once = text.substr(0, at) + "({" + text.substr(end);
  const std::string twice = "x" + once;
  const tools::TextChange changes[] = {{at, end, at + 2}, {0, 0, 1}};
  const auto again = tree->reparse(twice, changes);
  const auto whole = tools::SyntaxTree::parse(language, twice);
  if (!again || !whole || again->text() != twice) std::abort();
  if (again->nodes().front().range != whole->nodes().front().range) std::abort();
  return 0;
}
