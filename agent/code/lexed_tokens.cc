// SPDX-License-Identifier: Apache-2.0
// Source: the lexical grammars of ISO C17 and C++20, ECMAScript 2024, Python 3.12, Rust, Go 1.22 and Java 21.
#include "agent/code/lexed_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace agent {
namespace {

using tools::Language;
using Word = std::string_view;

constexpr auto kCWords = std::to_array<Word>(
    {"auto",   "break",    "case",   "char",   "const",   "continue", "default", "do",      "double", "else",
     "enum",   "extern",   "float",  "for",    "goto",    "if",       "inline",  "int",     "long",   "register",
     "return", "short",    "signed", "sizeof", "static",  "struct",   "switch",  "typedef", "union",  "unsigned",
     "void",   "volatile", "while",  "define", "include", "ifdef",    "ifndef",  "endif",   "elif",   "undef"});
constexpr auto kCppWords = std::to_array<Word>(
    {"alignas", "alignof",  "auto",      "bool",          "break",       "case",    "catch",     "char",     "class",
     "concept", "const",    "constexpr", "continue",      "decltype",    "default", "delete",    "do",       "double",
     "else",    "enum",     "explicit",  "extern",        "false",       "final",   "float",     "for",      "friend",
     "goto",    "if",       "inline",    "int",           "long",        "mutable", "namespace", "new",      "noexcept",
     "nullptr", "operator", "override",  "private",       "protected",   "public",  "requires",  "return",   "short",
     "signed",  "sizeof",   "static",    "static_assert", "static_cast", "struct",  "switch",    "template", "this",
     "throw",   "true",     "try",       "typedef",       "typename",    "union",   "unsigned",  "using",    "virtual",
     "void",    "volatile", "while",     "define",        "include",     "ifdef",   "ifndef",    "endif",    "elif",
     "undef",   "pragma"});
constexpr auto kPythonWords =
    std::to_array<Word>({"False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
                         "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
                         "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
                         "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"});
constexpr auto kJsWords = std::to_array<Word>(
    {"async",   "await",     "break",  "case",   "catch",  "class",      "const",     "continue", "debugger",
     "default", "delete",    "do",     "else",   "export", "extends",    "false",     "finally",  "for",
     "from",    "function",  "if",     "import", "in",     "instanceof", "let",       "new",      "null",
     "of",      "return",    "static", "super",  "switch", "this",       "throw",     "true",     "try",
     "typeof",  "undefined", "var",    "void",   "while",  "yield",      "interface", "type"});
constexpr auto kRustWords = std::to_array<Word>(
    {"as",     "async", "await", "break",  "const", "continue", "crate", "dyn",    "else",   "enum",
     "extern", "false", "fn",    "for",    "if",    "impl",     "in",    "let",    "loop",   "match",
     "mod",    "move",  "mut",   "pub",    "ref",   "return",   "self",  "static", "struct", "super",
     "trait",  "true",  "type",  "unsafe", "use",   "where",    "while"});
constexpr auto kGoWords = std::to_array<Word>(
    {"break", "case",   "chan",   "const",  "continue", "default", "defer",     "else", "fallthrough",
     "for",   "func",   "go",     "goto",   "if",       "import",  "interface", "map",  "package",
     "range", "return", "select", "struct", "switch",   "type",    "var"});
constexpr auto kJavaWords = std::to_array<Word>(
    {"abstract", "boolean", "break",      "byte",      "case",       "catch",   "char",      "class",   "continue",
     "default",  "do",      "double",     "else",      "enum",       "extends", "final",     "finally", "float",
     "for",      "if",      "implements", "import",    "instanceof", "int",     "interface", "long",    "new",
     "null",     "package", "private",    "protected", "public",     "return",  "short",     "static",  "super",
     "switch",   "this",    "throw",      "throws",    "try",        "var",     "void",      "while"});

// Longest first within what begins alike.
constexpr auto kMarks =
    std::to_array<Word>({"<<=", ">>=", "...", "===", "!==", "**=", "//=", "&&=", "||=", "?\?=", "->", "::", "=>",
                         "==",  "!=",  "<=",  ">=",  "&&",  "||",  "++",  "--",  "+=",  "-=",   "*=", "/=", "%=",
                         "&=",  "|=",  "^=",  "<<",  "**",  "?.",  "?\?", ":=",  "..",  "##",   "//"});

constexpr int kMaxOpen = 16;       // marks that nobody closes, each looked for to the end of the text
constexpr size_t kMaxRegex = 400;  // bytes

bool is_c_like(Language language) {
  return language == Language::kC || language == Language::kCpp || language == Language::kCuda;
}
bool is_script(Language language) {
  return language == Language::kJavaScript || language == Language::kTypeScript || language == Language::kTsx;
}

class Lexer {
 public:
  Lexer(Word text, Language language, tools::Range range)
      : text_(text), language_(language), at_(range.begin), end_(std::min(range.end, text.size())) {
    hash_comments_ = language == Language::kPython || language == Language::kBash;
  }

  std::vector<LexedToken> run() {
    indent_here();
    while (at_ < text_.size()) {
      const char ch = text_[at_];
      if (ch == '\n') {
        if (at_ >= end_) break;
        ++at_;
        indent_here();
      } else if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\f') {
        ++at_;
      } else if (!comment()) {
        token();
      }
    }
    return std::move(tokens_);
  }

 private:
  bool here(Word mark) const { return text_.substr(at_).starts_with(mark); }

  void indent_here() {
    size_t first = at_;
    while (first < text_.size() && (text_[first] == ' ' || text_[first] == '\t')) ++first;
    line_begin_ = at_;
    indent_ = first - at_;
  }

  bool comment() {
    if (hash_comments_ ? here("#") : here("//")) {
      // `//` divides in Python alone, where a comment begins with `#`.
      at_ = std::min(text_.find('\n', at_), text_.size());
      return true;
    }
    if (hash_comments_ || !here("/*") || n_open_ >= kMaxOpen) return false;
    const size_t close = text_.find("*/", at_ + 2);
    if (close == Word::npos) {
      ++n_open_;
      return false;
    }
    at_ = close + 2;
    return true;
  }

  void put(LexedKind kind, size_t end) {
    if (!tokens_.empty() && line_begin_ != last_line_) {
      const int step = indent_ > last_indent_ ? 1 : (indent_ < last_indent_ ? -1 : 0);
      const size_t before = tokens_.back().range.end;
      tokens_.push_back({LexedKind::kLineEnd, {before, before}, step});
    }
    if (tokens_.empty() || line_begin_ != last_line_) last_indent_ = indent_;
    last_line_ = line_begin_;
    tokens_.push_back({kind, {at_, end}, 0});
    at_ = end;
  }

  void token() {
    const char ch = text_[at_];
    if (std::isdigit(static_cast<unsigned char>(ch)) != 0) return number();
    if (is_name_byte(ch)) return name();
    if (ch == '"' || ch == '\'' || ch == '`') return string(at_);
    if (ch == '/' && is_script(language_) && regex()) return;
    for (Word mark : kMarks)
      if (here(mark)) return put(LexedKind::kMark, at_ + mark.size());
    put(LexedKind::kMark, at_ + 1);
  }

  void number() {
    size_t end = at_;
    while (end < text_.size() && (is_name_byte(text_[end]) || text_[end] == '.' ||
                                  ((text_[end] == '+' || text_[end] == '-') &&
                                   (text_[end - 1] == 'e' || text_[end - 1] == 'E') && !here("0x"))))
      ++end;
    put(LexedKind::kNumber, end);
  }

  void name() {
    size_t end = at_;
    while (end < text_.size() && is_name_byte(text_[end])) ++end;
    const Word word = text_.substr(at_, end - at_);
    // r"...", f'...', u8"...": the prefix belongs to the string.
    const bool quote =
        end < text_.size() && (text_[end] == '"' || (text_[end] == '\'' && language_ == Language::kPython));
    if (quote && word.size() <= 2 && Word("rRbBfFuULR8").find(word[0]) != Word::npos) return string(end);
    const auto known = keywords(language_);
    put(std::find(known.begin(), known.end(), word) != known.end() ? LexedKind::kKeyword : LexedKind::kName, end);
  }

  void string(size_t quote) {
    const char mark = text_[quote];
    if (language_ == Language::kPython && text_.substr(quote).starts_with(std::string(3, mark))) {
      const size_t close = closing(quote + 3, std::string(3, mark), true);
      return close == Word::npos ? put(LexedKind::kQuote, quote + 3) : put(LexedKind::kString, close + 3);
    }
    if (is_c_like(language_) && quote > at_ && text_[quote - 1] == 'R' && n_open_ < kMaxOpen) {
      const size_t open = text_.find('(', quote);
      if (open != Word::npos && open - quote <= 17) {
        const size_t close = text_.find(")" + std::string(text_.substr(quote + 1, open - quote - 1)) + "\"", open);
        if (close != Word::npos) return put(LexedKind::kString, close + (open - quote) + 1);
        ++n_open_;
      }
    }
    // A lifetime, or a label: no string.
    if (language_ == Language::kRust && mark == '\'' && quote + 2 < text_.size() && text_[quote + 2] != '\'' &&
        text_[quote + 1] != '\\')
      return put(LexedKind::kMark, quote + 1);
    const bool spans_lines = mark == '`' && (is_script(language_) || language_ == Language::kGo);
    const size_t close = closing(quote + 1, std::string(1, mark), spans_lines);
    if (close == Word::npos) return put(LexedKind::kQuote, quote + 1);
    put(LexedKind::kString, close + 1);
  }

  // Where the string's end mark begins; npos where it does not come, in time.
  size_t closing(size_t from, const std::string& mark, bool spans_lines) {
    if (spans_lines && n_open_ >= kMaxOpen) return Word::npos;
    int depth = 0;  // of ${ in a template
    for (size_t i = from; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
        continue;
      }
      if (text_[i] == '\n' && !spans_lines) return Word::npos;
      if (mark == "`" && text_.substr(i).starts_with("${"))
        ++depth, ++i;
      else if (depth > 0 && text_[i] == '}')
        --depth;
      else if (depth == 0 && text_.substr(i).starts_with(mark))
        return i;
    }
    ++n_open_;
    return Word::npos;
  }

  // A `/` where a value may begin opens a regular expression.
  bool regex() {
    if (!tokens_.empty()) {
      const LexedToken& before = tokens_.back();
      const Word last = text_.substr(before.range.begin, before.range.end - before.range.begin);
      if (before.kind == LexedKind::kName || before.kind == LexedKind::kNumber || before.kind == LexedKind::kString ||
          closes(last) || last == "this" || last == "super" || last == "++" || last == "--")
        return false;
    }
    bool in_class = false;
    for (size_t i = at_ + 1; i < std::min(text_.size(), at_ + kMaxRegex) && text_[i] != '\n'; ++i) {
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == '[')
        in_class = true;
      else if (text_[i] == ']')
        in_class = false;
      else if (text_[i] == '/' && !in_class) {
        ++i;
        while (i < text_.size() && std::isalpha(static_cast<unsigned char>(text_[i])) != 0) ++i;
        put(LexedKind::kString, i);
        return true;
      }
    }
    return false;
  }

  const Word text_;
  const Language language_;
  size_t at_;
  const size_t end_;
  bool hash_comments_ = false;
  size_t line_begin_ = 0, last_line_ = 0;
  size_t indent_ = 0, last_indent_ = 0;
  int n_open_ = 0;
  std::vector<LexedToken> tokens_;
};

}  // namespace

std::vector<LexedToken> lexed_tokens(std::string_view text, Language language, tools::Range range) {
  return Lexer(text, language, range).run();
}

std::span<const std::string_view> keywords(Language language) {
  switch (language) {
    case Language::kC:
      return kCWords;
    case Language::kCpp:
    case Language::kCuda:
      return kCppWords;
    case Language::kPython:
      return kPythonWords;
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
      return kJsWords;
    case Language::kRust:
      return kRustWords;
    case Language::kGo:
      return kGoWords;
    case Language::kJava:
      return kJavaWords;
    default:
      return {};
  }
}

bool is_name_byte(char ch) {
  return std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' || ch == '$' ||
         static_cast<unsigned char>(ch) >= 0x80;
}
bool opens(std::string_view mark) {
  return mark == "(" || mark == "[" || mark == "{";
}
bool closes(std::string_view mark) {
  return mark == ")" || mark == "]" || mark == "}";
}
char partner_of(char bracket) {
  constexpr std::string_view kPairs = "()[]{}";
  const size_t at = kPairs.find(bracket);
  return at == std::string_view::npos ? '\0' : kPairs[at ^ 1];
}

}  // namespace agent
