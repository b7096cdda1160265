// SPDX-License-Identifier: Apache-2.0
#include "lsp/structure.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace lsp {
namespace {

using base::Json;

// LSP 3.17, `SymbolKind`.
int wire_kind(tools::SymbolKind kind) {
  switch (kind) {
    case tools::SymbolKind::kFile:
      return 1;
    case tools::SymbolKind::kModule:
      return 2;
    case tools::SymbolKind::kClass:
      return 5;
    case tools::SymbolKind::kMethod:
      return 6;
    case tools::SymbolKind::kField:
      return 8;
    case tools::SymbolKind::kEnum:
      return 10;
    case tools::SymbolKind::kInterface:
      return 11;
    case tools::SymbolKind::kFunction:
      return 12;
    case tools::SymbolKind::kVariable:
      return 13;
    case tools::SymbolKind::kConstant:
      return 14;
    case tools::SymbolKind::kStruct:
      return 23;
  }
  return 13;
}

Json nested_symbol(const std::vector<tools::Symbol>& symbols, const std::vector<std::vector<size_t>>& children,
                   size_t at, const Text& text, PositionEncoding encoding) {
  const tools::Symbol& symbol = symbols[at];
  // LSP 3.17: selectionRange lies in range; VS Code drops all symbols of a file where one breaks this.
  const size_t begin = std::clamp(symbol.name_range.begin, symbol.range.begin, symbol.range.end);
  const size_t end = std::clamp(symbol.name_range.end, begin, symbol.range.end);
  Json item = {{"name", symbol.name.empty() ? "(anonymous)" : symbol.name},
               {"kind", wire_kind(symbol.kind)},
               {"range", write_range(text, symbol.range.begin, symbol.range.end, encoding)},
               {"selectionRange", write_range(text, begin, end, encoding)}};
  if (children[at].empty()) return item;
  Json& inner = item["children"] = Json::array();
  for (const size_t child : children[at]) inner.push_back(nested_symbol(symbols, children, child, text, encoding));
  return item;
}

// Answers are written by recursion: sources that nest without end (they exist, to break tools) get a flatter answer.
constexpr int kMaxSymbolDepth = 32;
constexpr size_t kMaxSelectionDepth = 128;

// children[i]: of symbol i; the last entry: of the file.
std::vector<std::vector<size_t>> children_of(const std::vector<tools::Symbol>& symbols) {
  std::vector<std::vector<size_t>> children(symbols.size() + 1);
  std::vector<size_t> holder(symbols.size());
  std::vector<int> depth(symbols.size());
  for (size_t i = 0; i < symbols.size(); ++i) {
    holder[i] = symbols.size();
    if (symbols[i].parent >= 0) {
      const auto parent = static_cast<size_t>(symbols[i].parent);
      const bool fits = depth[parent] + 1 < kMaxSymbolDepth;
      holder[i] = fits ? parent : holder[parent];
      depth[i] = fits ? depth[parent] + 1 : depth[parent];
    }
    children[holder[i]].push_back(i);
  }
  return children;
}

bool is_comment(const tools::Node& node) {
  return node.type.find("comment") != std::string_view::npos;
}

// Nodes that people fold: bodies, blocks, lists and literals over several lines, in the names of the grammars.
bool folds(const tools::Node& node) {
  if (!node.named || node.depth == 0) return false;
  for (const std::string_view part : {"block", "body", "list", "definition", "declaration", "object", "array",
                                      "dictionary", "statement", "comment", "parameters", "arguments", "string"})
    if (node.type.find(part) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Json document_symbols(const Document& document, const tools::SyntaxTree& tree, PositionEncoding encoding,
                      bool hierarchical) {
  const std::vector<tools::Symbol> symbols = tree.symbols();
  Json out = Json::array();
  if (!hierarchical) {
    for (const auto& symbol : symbols) {
      Json item = {{"name", symbol.name.empty() ? "(anonymous)" : symbol.name},
                   {"kind", wire_kind(symbol.kind)},
                   {"location",
                    {{"uri", document.uri},
                     {"range", write_range(*document.text, symbol.range.begin, symbol.range.end, encoding)}}}};
      if (symbol.parent >= 0) item["containerName"] = symbols[static_cast<size_t>(symbol.parent)].name;
      out.push_back(std::move(item));
    }
    return out;
  }
  const auto children = children_of(symbols);
  for (const size_t top : children.back())
    out.push_back(nested_symbol(symbols, children, top, *document.text, encoding));
  return out;
}

Json folding_ranges(const Document& document, const tools::SyntaxTree& tree) {
  const base::LineIndex& lines = document.text->lines;
  std::map<size_t, std::pair<size_t, bool>> fold_at;  // first line -> last line, comment
  for (const tools::Node& node : tree.nodes()) {
    if (!folds(node) || node.range.begin >= node.range.end) continue;
    const size_t first = lines.line_of(node.range.begin), last = lines.line_of(node.range.end - 1);
    if (last <= first) continue;
    auto& fold = fold_at.try_emplace(first, last, is_comment(node)).first->second;
    fold.first = std::max(fold.first, last);
  }
  Json out = Json::array();
  for (const auto& [first, fold] : fold_at) {
    Json item = {{"startLine", first}, {"endLine", fold.first}};
    if (fold.second) item["kind"] = "comment";
    out.push_back(std::move(item));
  }
  return out;
}

Json selection_ranges(const Document& document, const tools::SyntaxTree& tree, PositionEncoding encoding,
                      const std::vector<Position>& positions) {
  Json out = Json::array();
  for (const Position& position : positions) {
    const size_t at = offset_of(*document.text, position, encoding);
    std::vector<tools::Range> chain{{at, at}};
    for (const auto& node : tree.ancestors({at, at}))
      if (chain.size() < kMaxSelectionDepth && node.range.begin <= at && node.range.end >= at &&
          !(node.range == chain.back()))
        chain.push_back(node.range);
    Json nested;
    for (auto range = chain.rbegin(); range != chain.rend(); ++range) {
      Json item = {{"range", write_range(*document.text, range->begin, range->end, encoding)}};
      if (!nested.is_null()) item["parent"] = std::move(nested);
      nested = std::move(item);
    }
    out.push_back(std::move(nested));
  }
  return out;
}

}  // namespace lsp
