// SPDX-License-Identifier: Apache-2.0
// tools/syntax.h: parsing by Tree-sitter, without its types.
//
// Owns     A SyntaxTree owns its tree and a shared copy of the text. Copies are cheap (shared, constant).
// Units    Byte offsets; rows are 0-based.
// Threads  parse() from any thread, one parser per thread inside; a SyntaxTree may be read by many threads.
// Errors   kCancelled on a stop request; kExhausted for a text over kMaxParseBytes. A text with faults still parses:
//          see errors(). Source: Tree-sitter 0.25 C API.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tools {

enum class Language { kC, kCpp, kCuda, kPython, kJavaScript, kTypeScript, kTsx, kRust, kGo, kJava, kJson, kBash };
std::optional<Language> language_of_path(std::string_view path);  // by file name and ending
std::string_view language_name(Language language);                // LSP languageId: "cpp", "typescriptreact", ...
std::optional<Language> language_of_id(std::string_view lsp_language_id);
std::string_view usual_ending(Language language);                 // of its file names: ".py"

inline constexpr size_t kMaxParseBytes = 16u << 20;

struct Range {
  size_t begin = 0, end = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

struct SyntaxError {
  Range range;
  bool missing = false;   // a token that should be here and is not; else text that fits nowhere
  std::string_view type;  // of the missing token, static text of the grammar
};
// An error's text may hold further errors: kAll lists those too.
enum class ErrorDepth { kOutermost, kAll };

enum class SymbolKind {
  kFile,
  kModule,
  kClass,
  kStruct,
  kEnum,
  kInterface,
  kFunction,
  kMethod,
  kField,
  kVariable,
  kConstant
};

struct Symbol {
  std::string name;
  SymbolKind kind = SymbolKind::kFunction;
  Range range;  // the whole definition
  Range name_range;
  int parent = -1;  // index into the same list: parents come first
};

// One node of the tree, by value. `named`: a grammar rule, not a literal token.
struct Node {
  std::string_view type;  // static text of the grammar
  Range range;
  bool named = false, error = false, missing = false;
  int depth = 0;
  std::string_view field;  // name of the field in the parent, may be empty
};

// One change of a text, for incremental parsing: bytes [begin, old_end) became [begin, new_end).
struct TextChange {
  size_t begin = 0, old_end = 0, new_end = 0;
};

class SyntaxTree {
 public:
  static base::Result<SyntaxTree> parse(Language language, std::string text, std::stop_token stop = {});
  // Reuses this tree; `changes` lead in order from its text to `text`. The result equals a parse from nothing; only in
  // a text with faults may Tree-sitter's recovery read the faulty part in another way.
  base::Result<SyntaxTree> reparse(std::string text, std::span<const TextChange> changes,
                                   std::stop_token stop = {}) const;

  Language language() const;
  const std::string& text() const;
  std::vector<SyntaxError> errors(ErrorDepth depth = ErrorDepth::kOutermost) const;
  std::vector<Symbol> symbols() const;  // by position

  // The root and all nodes that meet the range (share a byte with it; an empty node or range meets what it touches),
  // parents before children.
  std::vector<Node> nodes(Range range) const;
  std::vector<Node> nodes() const { return nodes({0, text().size()}); }
  // From the innermost named node around [range] to the root.
  std::vector<Node> ancestors(Range range) const;

 private:
  struct State;
  explicit SyntaxTree(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

// The parse gate: true unless the new text has syntax errors that the old one did not have.
struct GateResult {
  bool passed = true;
  std::string reason;  // "src/a.cc:12: new syntax error near `}`"
};
// A file of no known language, or too large to parse, passes with a reason that says so.
GateResult parse_gate(std::string_view path, std::string_view old_text, std::string_view new_text);
// The same for many candidates of one file: parses only what changed. kCancelled on a stop request.
base::Result<GateResult> parse_gate(std::string_view path, const SyntaxTree& old_tree, std::string new_text,
                                    std::stop_token stop = {});

}  // namespace tools
