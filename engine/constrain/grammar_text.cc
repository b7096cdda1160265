// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/grammar_text.h"

#include <algorithm>

#include "base/strings.h"
#include "base/utf8.h"
#include "engine/constrain/expression.h"

namespace engine {
namespace {

using Kind = GrammarNode::Kind;

constexpr size_t kMaxText = 1 << 20;
constexpr size_t kMaxRules = 50'000;
constexpr int kMaxNesting = 200;
constexpr int kMaxQuantifiers = 8;  // on one atom; each nests the ones before

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Grammar parse() {
    if (text_.size() > kMaxText)
      fail(base::cat("the grammar has ", text_.size(), " bytes; ", kMaxText, " are the limit"));
    if (!base::is_utf8(text_)) fail("the grammar is not UTF-8");
    for (skip(true); at_ < text_.size(); skip(true)) rule();
    for (const GrammarRule& r : grammar_.rules)
      if (r.body < 0) throw GrammarProblem{r.line, "rule " + r.name + " is used, but not defined"};
    if (!grammar_.ids.count("root")) fail("there is no rule named root");
    return std::move(grammar_);
  }

 private:
  [[noreturn]] void fail(std::string what) const {
    const auto front = text_.substr(0, std::min(at_, text_.size()));
    throw GrammarProblem{1 + static_cast<int>(std::count(front.begin(), front.end(), '\n')), std::move(what)};
  }
  int line() const {
    return 1 + static_cast<int>(std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'));
  }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  // Blanks and comments; line breaks too, if `lines`.
  void skip(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }
  std::string name() {
    const size_t from = at_;
    while (is_name(peek())) ++at_;
    if (at_ == from) fail("a name is needed here");
    return std::string(text_.substr(from, at_ - from));
  }
  size_t rule_id(const std::string& of) {
    const auto [found, fresh] = grammar_.ids.try_emplace(of, grammar_.rules.size());
    if (fresh) {
      if (grammar_.rules.size() >= kMaxRules) fail(base::cat("there are more than ", kMaxRules, " rules"));
      grammar_.rules.push_back({of, -1, line()});
    }
    return found->second;
  }
  int add(GrammarNode node) {
    grammar_.nodes.push_back(std::move(node));
    return static_cast<int>(grammar_.nodes.size()) - 1;
  }

  void rule() {
    const std::string of = name();
    const size_t id = rule_id(of);
    if (grammar_.rules[id].body >= 0) fail("rule " + of + " is defined twice");
    skip(false);
    if (text_.substr(at_, 3) != "::=") fail("::= is needed after the name of a rule");
    at_ += 3;
    skip(true);
    const int body = alternatives(0);
    grammar_.rules[id].body = body;
    if (at_ < text_.size() && peek() != '\n' && peek() != '\r') fail(base::cat("'", peek(), "' is not expected here"));
  }

  int alternatives(int nesting) {
    if (nesting > kMaxNesting) fail("groups are nested too deeply");
    std::vector<int> parts{sequence(nesting)};
    for (;;) {
      // A break before | goes on with the rule.
      const size_t here = at_;
      skip(true);
      if (peek() != '|') {
        if (nesting == 0) at_ = here;
        break;
      }
      ++at_;
      skip(true);
      parts.push_back(sequence(nesting));
    }
    return parts.size() == 1 ? parts[0] : add({.kind = Kind::kAlt, .of = std::move(parts)});
  }

  int sequence(int nesting) {
    std::vector<int> parts;
    for (;;) {
      skip(nesting > 0);
      const char c = peek();
      if (c == '"') {
        parts.push_back(text());
      } else if (c == '[') {
        parts.push_back(add({.kind = Kind::kSet, .set = bracket()}));
      } else if (c == '.') {
        ++at_;
        parts.push_back(add({.kind = Kind::kSet, .set = CodePoints::all()}));
      } else if (c == '(') {
        ++at_;
        parts.push_back(alternatives(nesting + 1));
        if (peek() != ')') fail("a group is not closed");
        ++at_;
      } else if (is_name(c)) {
        const size_t id = rule_id(name());
        parts.push_back(add({.kind = Kind::kRule, .rule = id}));
      } else if (c == '<' || c == '!') {
        fail("tokens in a grammar are not supported");
      } else {
        break;
      }
      int n_quantifiers = 0;
      while (quantifier(parts.back()))
        if (++n_quantifiers > kMaxQuantifiers) fail("too many quantifiers follow each other");
    }
    if (parts.size() == 1) return parts[0];
    return parts.empty() ? add({}) : add({.kind = Kind::kConcat, .of = std::move(parts)});
  }

  bool quantifier(int& atom) {
    skip(false);
    uint32_t min = 0, max = kNoLimit;
    switch (peek()) {
      case '*':
        break;
      case '+':
        min = 1;
        break;
      case '?':
        max = 1;
        break;
      case '{': {
        ++at_;
        min = count();
        max = min;
        if (peek() == ',') {
          ++at_;
          skip(false);
          max = peek() == '}' ? kNoLimit : count();
        }
        if (peek() != '}' || min > max) fail("counts are {m}, {m,} or {m,n}, with m at most n");
        break;
      }
      default:
        return false;
    }
    ++at_;
    atom = add({.kind = Kind::kRepeat, .of = {atom}, .min = min, .max = max});
    return true;
  }
  uint32_t count() {
    skip(false);
    uint64_t n = 0;
    const size_t from = at_;
    for (; peek() >= '0' && peek() <= '9'; ++at_)
      n = std::min<uint64_t>(n * 10 + static_cast<uint64_t>(peek() - '0'), kNoLimit - 1);
    if (at_ == from) fail("a number is needed here");
    skip(false);
    return static_cast<uint32_t>(n);
  }

  uint32_t character() {
    if (at_ >= text_.size()) fail("a text or class is not closed");
    if (peek() != '\\') {
      const base::CodePoint c = base::decode_utf8(text_.substr(at_));
      at_ += static_cast<size_t>(c.n_bytes);
      return c.value;
    }
    const char c = peek(1);
    at_ += 2;
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
      case '/':
      case '\'':
        return static_cast<uint32_t>(c);
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      case 'U':
        return hexadecimal(8);
      default:
        fail(base::cat("the escape \\", c, " is not known"));
    }
  }
  uint32_t hexadecimal(int n) {
    uint32_t value = 0;
    for (; n > 0; --n, ++at_) {
      const int digit = base::hex_digit(peek());
      if (digit < 0) fail("a hexadecimal digit is missing");
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) fail("this is no character");
    return value;
  }
  int text() {
    std::string bytes;
    for (++at_; peek() != '"';) base::append_utf8(bytes, character());
    ++at_;
    return add({.kind = Kind::kText, .text = std::move(bytes)});
  }
  CodePoints bracket() {
    CodePoints set;
    ++at_;
    const bool negated = peek() == '^';
    if (negated) ++at_;
    while (peek() != ']') {
      const uint32_t first = character();
      uint32_t last = first;
      if (peek() == '-' && peek(1) != ']') {
        ++at_;
        last = character();
        if (first > last) fail("a range of characters is out of order");
      }
      set.add(first, last);
    }
    ++at_;
    return negated ? set.complement() : set;
  }

  std::string_view text_;
  size_t at_ = 0;
  Grammar grammar_;
};

}  // namespace

Grammar parse_grammar(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace engine
