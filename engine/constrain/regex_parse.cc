// SPDX-License-Identifier: Apache-2.0
// parse_regex of engine/constrain/regex.h.
#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "base/utf8.h"
#include "engine/constrain/regex.h"
#include "engine/tokenizer/unicode_class.h"

namespace engine {
namespace {

constexpr size_t kMaxPattern = 64 << 10;
constexpr int kMaxNesting = 200;

using Kind = RegexNode::Kind;

const CodePoints& digits() {
  static const CodePoints set{{'0', '9'}};
  return set;
}
const CodePoints& word() {
  static const CodePoints set{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return set;
}
// ECMA-262: WhiteSpace and LineTerminator.
const CodePoints& space() {
  static const CodePoints set{{9, 13},          {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
                              {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
  return set;
}
const CodePoints& line_ends() {
  static const CodePoints set{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
  return set;
}

CodePoints of_classes(UnicodeClass first, UnicodeClass last) {
  CodePoints set;
  uint32_t from = 0;
  bool inside = false;
  for (uint32_t c = 0; c <= 0x110000; ++c) {
    const bool in = c < 0x110000 && unicode_class(c) >= first && unicode_class(c) <= last;
    if (in && !inside) from = c;
    if (!in && inside) set.add(from, c - 1);
    inside = in;
  }
  return set;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  base::Result<Regex> parse() {
    if (pattern_.size() > kMaxPattern)
      return base::invalid(base::cat("The pattern has ", pattern_.size(), " bytes; ", kMaxPattern, " are the limit."));
    if (!base::is_utf8(pattern_)) return base::invalid("The pattern is not UTF-8.");
    const int root = alternatives(0);
    if (ok_ && at_ < pattern_.size()) fail("this closing bracket has no opening one");
    if (!ok_) return base::invalid(base::cat("Pattern ", quoted(), ", byte ", failed_at_, ": ", problem_, "."));
    regex_.root = root;
    return std::move(regex_);
  }

 private:
  std::string quoted() const {
    constexpr size_t kShown = 80;
    return "`" + std::string(pattern_.substr(0, kShown)) + (pattern_.size() > kShown ? "...`" : "`");
  }
  int fail(std::string problem) {
    if (ok_) {
      ok_ = false;
      problem_ = std::move(problem);
      failed_at_ = at_;
    }
    return 0;
  }
  bool more() const { return ok_ && at_ < pattern_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }
  bool take(std::string_view text) {
    if (!ok_ || pattern_.substr(at_, text.size()) != text) return false;
    at_ += text.size();
    return true;
  }
  uint32_t take_code_point() {
    const base::CodePoint c = base::decode_utf8(pattern_.substr(at_));
    at_ += static_cast<size_t>(c.n_bytes);
    return c.value;
  }
  int add(RegexNode node) {
    for (const int part : node.of) node.asserts |= regex_.nodes[static_cast<size_t>(part)].asserts;
    node.asserts |= node.kind == Kind::kBegin || node.kind == Kind::kEnd || node.kind == Kind::kLookahead;
    regex_.nodes.push_back(std::move(node));
    return static_cast<int>(regex_.nodes.size()) - 1;
  }
  int add_set(CodePoints set) { return add({.kind = Kind::kSet, .set = std::move(set)}); }

  int alternatives(int nesting) {
    if (nesting > kMaxNesting) return fail("groups are nested too deeply");
    std::vector<int> parts{sequence(nesting)};
    while (take("|")) parts.push_back(sequence(nesting));
    return parts.size() == 1 ? parts[0] : add({.kind = Kind::kAlt, .of = std::move(parts)});
  }

  int sequence(int nesting) {
    std::vector<int> parts;
    while (more() && peek() != '|' && peek() != ')') {
      const size_t from = at_;
      const int atom = term(nesting);
      if (!ok_) return 0;
      parts.push_back(quantified(atom, from));
    }
    if (parts.size() == 1) return parts[0];
    return parts.empty() ? add({}) : add({.kind = Kind::kConcat, .of = std::move(parts)});
  }

  int quantified(int atom, size_t from) {
    uint32_t min = 0, max = kNoLimit;
    if (take("*")) {
    } else if (take("+")) {
      min = 1;
    } else if (take("?")) {
      max = 1;
    } else if (!take_counts(min, max)) {
      return atom;
    }
    if (!ok_) return 0;
    take("?");
    const Kind kind = regex_.nodes[static_cast<size_t>(atom)].kind;
    if (kind == Kind::kBegin || kind == Kind::kEnd || kind == Kind::kLookahead) {
      at_ = from;
      return fail("an assertion cannot be repeated");
    }
    if (peek() == '*' || peek() == '+' || peek() == '?') return fail("a second quantifier follows the first");
    return add({.kind = Kind::kRepeat, .of = {atom}, .min = min, .max = max});
  }

  // {m}, {m,} or {m,n}; anything else after a brace is text.
  bool take_counts(uint32_t& min, uint32_t& max) {
    if (peek() != '{') return false;
    size_t at = at_ + 1;
    const auto number = [&](uint32_t& value) {
      const size_t from = at;
      uint64_t n = 0;
      for (; at < pattern_.size() && pattern_[at] >= '0' && pattern_[at] <= '9'; ++at)
        n = std::min<uint64_t>(n * 10 + static_cast<uint64_t>(pattern_[at] - '0'), kNoLimit);
      value = static_cast<uint32_t>(n);
      return at > from;
    };
    if (!number(min)) return false;
    max = min;
    if (at < pattern_.size() && pattern_[at] == ',') {
      ++at;
      if (!number(max)) max = kNoLimit;
    }
    if (at >= pattern_.size() || pattern_[at] != '}') return false;
    if (min == kNoLimit || min > max) fail("the counts of this quantifier are out of order or too large");
    at_ = at + 1;
    return true;
  }

  int term(int nesting) {
    switch (peek()) {
      case '(':
        return group(nesting);
      case '[':
        return add_set(bracket());
      case '.':
        ++at_;
        return add_set(line_ends().complement());
      case '^':
        ++at_;
        return add({.kind = Kind::kBegin});
      case '$':
        ++at_;
        return add({.kind = Kind::kEnd});
      case '\\':
        return add_set(escape(false));
      case '*':
      case '+':
      case '?':
        return fail("there is nothing to repeat");
      default: {
        uint32_t min, max;
        if (take_counts(min, max)) return fail("there is nothing to repeat");
        const uint32_t c = take_code_point();
        return add_set({{c, c}});
      }
    }
  }

  int group(int nesting) {
    const size_t from = at_;
    Kind kind = Kind::kEmpty;
    bool negative = false;
    if (take("(?=") || take("(?!")) {
      kind = Kind::kLookahead;
      negative = pattern_[at_ - 1] == '!';
    } else if (take("(?<=") || take("(?<!")) {
      return fail("lookbehind is not supported");
    } else if (take("(?<") || take("(?P<")) {
      while (more() && (word().contains(static_cast<unsigned char>(peek())) || peek() == '$')) ++at_;
      if (!take(">")) return fail("the name of this group does not end");
    } else if (!take("(?:") && take("(?")) {
      return fail("groups with flags are not supported");
    } else if (at_ == from) {
      ++at_;  // (
    }
    const int inside = alternatives(nesting + 1);
    if (!ok_) return 0;
    if (!take(")")) {
      at_ = from;
      return fail("this group is not closed");
    }
    return kind == Kind::kLookahead ? add({.kind = kind, .of = {inside}, .negative = negative}) : inside;
  }

  CodePoints bracket() {
    const size_t from = at_++;
    const bool negated = take("^");
    CodePoints set;
    while (more() && peek() != ']') {
      CodePoints first = item();
      if (peek() != '-' || peek(1) == ']' || peek(1) == '\0') {
        set.add(first);
        continue;
      }
      ++at_;
      const CodePoints last = item();
      if (!ok_) return {};
      if (!is_one(first) || !is_one(last)) {  // as in Annex B: the hyphen is a member
        set.add(first);
        set.add('-', '-');
        set.add(last);
      } else if (first.ranges()[0].first > last.ranges()[0].first) {
        fail("this range of characters is out of order");
      } else {
        set.add(first.ranges()[0].first, last.ranges()[0].first);
      }
    }
    if (!take("]")) {
      at_ = from;
      fail("this class is not closed");
    }
    return negated ? set.complement() : set;
  }
  static bool is_one(const CodePoints& set) {
    return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].second;
  }
  CodePoints item() {
    if (peek() == '\\') return escape(true);
    const uint32_t c = take_code_point();
    return {{c, c}};
  }

  CodePoints escape(bool in_class) {
    ++at_;
    if (at_ >= pattern_.size()) {
      fail("the pattern ends after a backslash");
      return {};
    }
    const auto one = [](uint32_t c) { return CodePoints{{c, c}}; };
    const char c = pattern_[at_++];
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return digits().complement();
      case 'w':
        return word();
      case 'W':
        return word().complement();
      case 's':
        return space();
      case 'S':
        return space().complement();
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 'v':
        return one('\v');
      case 'f':
        return one('\f');
      case 'b':
        if (in_class) return one('\b');
        fail("word boundaries (\\b) are not supported");
        return {};
      case '0':
        if (peek() < '0' || peek() > '9') return one(0);
        fail("octal escapes are not supported");
        return {};
      case 'c': {
        const char letter = peek();
        if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
          ++at_;
          return one(static_cast<uint32_t>(letter & 31));
        }
        fail("a letter must follow \\c");
        return {};
      }
      case 'x':
        return hex(2);
      case 'u':
        return unicode_escape();
      case 'p':
      case 'P':
        return property(c == 'P');
      default:
        break;
    }
    if (c >= '1' && c <= '9') {
      fail("back references are not supported");
      return {};
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      fail(base::cat("the escape \\", c, " is not supported"));
      return {};
    }
    --at_;
    return one(take_code_point());
  }

  std::optional<uint32_t> hex_value(int n_digits) {
    uint32_t value = 0;
    for (int i = 0; i < n_digits; ++i) {
      const int digit = base::hex_digit(peek());
      if (digit < 0) {
        fail("a hexadecimal digit is missing");
        return std::nullopt;
      }
      value = value * 16 + static_cast<uint32_t>(digit);
      ++at_;
    }
    return value;
  }
  CodePoints hex(int n_digits) {
    const auto value = hex_value(n_digits);
    return value ? CodePoints{{*value, *value}} : CodePoints();
  }
  CodePoints unicode_escape() {
    uint32_t value = 0;
    if (take("{")) {
      int n = 0;
      for (; more() && peek() != '}' && n < 7; ++n) value = value * 16 + hex_value(1).value_or(0);
      if (!take("}") || n == 0 || value > 0x10ffff) fail("this is no code point");
    } else {
      value = hex_value(4).value_or(0);
      if (value >= 0xd800 && value < 0xdc00 && peek() == '\\' && peek(1) == 'u') {
        at_ += 2;
        const uint32_t low = hex_value(4).value_or(0);
        if (low < 0xdc00 || low > 0xdfff) fail("half of a surrogate pair is missing");
        value = 0x10000 + ((value - 0xd800) << 10) + (low & 0x3ff);
      }
    }
    return {{value, value}};  // half a pair is in no text: an empty set
  }
  CodePoints property(bool negated) {
    struct Named {
      std::string_view name, long_name;
      UnicodeClass first, last;
    };
    using enum UnicodeClass;
    constexpr Named kNames[] = {{"L", "Letter", kUpperLetter, kPlainLetter},
                                {"Ll", "Lowercase_Letter", kLowerLetter, kLowerLetter},
                                {"M", "Mark", kMark, kMark},
                                {"N", "Number", kNumber, kNumber},
                                {"P", "Punctuation", kPunctuation, kPunctuation},
                                {"S", "Symbol", kSymbol, kSymbol}};
    const size_t close = pattern_.find('}', at_);
    if (peek() == '{' && close != std::string_view::npos)
      for (const Named& named : kNames)
        if (const auto name = pattern_.substr(at_ + 1, close - at_ - 1);
            name == named.name || name == named.long_name) {
          at_ = close + 1;
          const CodePoints set = of_classes(named.first, named.last);
          return negated ? set.complement() : set;
        }
    fail("of \\p, the classes L, Ll, M, N, P and S alone are supported");
    return {};
  }

  std::string_view pattern_;
  size_t at_ = 0;
  Regex regex_;
  bool ok_ = true;
  std::string problem_;
  size_t failed_at_ = 0;
};

}  // namespace

base::Result<Regex> parse_regex(std::string_view pattern) {
  return Parser(pattern).parse();
}

}  // namespace engine
