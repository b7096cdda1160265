// SPDX-License-Identifier: Apache-2.0
#include "agent/check/compared_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/strings.h"

namespace agent {
namespace {

constexpr int kLabelLines = 6;    // between a side and the other
constexpr int kMarkedLines = 40;  // below a header of marked lines

bool is_quote(char ch) {
  return ch == '"' || ch == '\'' || ch == '`';
}

std::string_view without_end(std::string_view text) {
  text = base::trim(text);
  if (text.ends_with(",")) text.remove_suffix(1);
  return base::trim(text);
}

// What stands between a value's quotes, escapes resolved; nothing where it is no text in quotes from end to end.
std::optional<std::string> quoted_text(std::string_view text) {
  if (text.size() < 2 || !is_quote(text.front()) || text.back() != text.front()) return std::nullopt;
  const char quote = text.front();
  std::string inside;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == quote) return std::nullopt;
    if (text[i] != '\\') {
      inside += text[i];
      continue;
    }
    if (++i + 1 >= text.size()) return std::nullopt;  // the last quote is escaped
    switch (text[i]) {
      case 'n':
        inside += '\n';
        break;
      case 't':
        inside += '\t';
        break;
      case 'r':
        inside += '\r';
        break;
      case '\\':
      case '\'':
      case '"':
      case '`':
        inside += text[i];
        break;
      default:
        inside.append("\\").push_back(text[i]);  // others are rare, and stay as they are told
    }
  }
  return inside;
}

// Whether a bare operand may be a value: an expression of the source begins with a name, and a text that was cut off has
// no end.
bool is_value(std::string_view text) {
  if (text.empty()) return false;
  const char first = text.front();
  if (is_quote(first)) return quoted_text(text).has_value();
  if ((first >= '0' && first <= '9') || first == '-' || first == '[' || first == '{' || first == '(') return true;
  static constexpr auto kWords =
      std::to_array<std::string_view>({"True", "False", "None", "true", "false", "null", "nil"});
  return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

// Where `mark` first stands outside of quotes; npos where it does not.
size_t find_outside_quotes(std::string_view text, std::string_view mark) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == quote)
        quote = 0;
      continue;
    }
    if (text.substr(i).starts_with(mark)) return i;
    // An apostrophe inside a word opens nothing.
    if (is_quote(text[i]) && (i == 0 || std::string_view(" ([{<:=,").find(text[i - 1]) != std::string_view::npos))
      quote = text[i];
  }
  return std::string_view::npos;
}

// A sentence with both values: `front` A `middle` B `back`.
struct Sentence {
  std::string_view front, middle, back;
  bool expected_first;
};

constexpr auto kSentences = std::to_array<Sentence>({
    {"Expected ", " Was ", "", true},  // Unity
    {"expected: <", "> but was: <", ">", true},
    {"expected:<", "> but was:<", ">", true},
    {"expected [", "] but found [", "]", true},
    {"got ", ", want ", "", false},
    {"got ", "; want ", "", false},
    {"got: ", ", want: ", "", false},
    {"= ", ", want ", "", false},
    {"= ", "; want ", "", false},
    {"want ", ", got ", "", true},
    {"want ", "; got ", "", true},
    {"expected ", ", got ", "", true},
    {"expected ", " but got ", "", true},
    {"Expected ", ", got ", "", true},
    {"Expected ", " but got ", "", true},
    {"expected ", " to equal ", "", false},
    {"expected ", " to deeply equal ", "", false},
    {"expected ", " to strictly equal ", "", false},
    {"expected ", " to be ", "", false},
    {"AssertionError: ", " does not match ", "", true},  // unittest: an expression against a message
});

// JUnit 4 sets brackets around what differs: a[b]c against a[d]c.
void drop_difference_marks(std::string& a, std::string& b) {
  const size_t open = a.find('['), close_a = a.rfind(']'), close_b = b.rfind(']');
  if (open == std::string::npos || close_a == std::string::npos || close_b == std::string::npos || close_a < open ||
      close_b < open || b.find('[') != open || a.compare(0, open, b, 0, open) != 0 ||
      a.substr(close_a) != b.substr(close_b))
    return;
  for (auto [text, close] : {std::pair{&a, close_a}, std::pair{&b, close_b}}) text->erase(close, 1).erase(open, 1);
}

// The text that an expression matches, where it is one; nothing of others.
std::optional<std::string> text_of_expression(std::string_view expression) {
  if (expression.starts_with("^")) expression.remove_prefix(1);
  if (expression.ends_with("$") && !expression.ends_with("\\$")) expression.remove_suffix(1);
  std::string text;
  for (size_t i = 0; i < expression.size(); ++i) {
    const bool escaped = expression[i] == '\\' && i + 1 < expression.size();
    if (escaped) ++i;
    const bool letter = std::isalnum(static_cast<unsigned char>(expression[i])) != 0;
    if (escaped ? letter : std::string_view("*+?[](){}|^$").find(expression[i]) != std::string_view::npos)
      return std::nullopt;
    text += expression[i];
  }
  return text;
}

}  // namespace

void ComparedValuesReader::add(std::string_view actual, std::string_view expected, bool sure, bool part) {
  const auto value = [](std::string_view text) {
    text = without_end(text);
    return quoted_text(text).value_or(std::string(text));
  };
  if (actual.size() > kMaxValue || expected.size() > kMaxValue || pairs_.size() >= kMost) return;
  ComparedValues pair{value(actual), value(expected), sure, part};
  if (part) {
    auto text = text_of_expression(pair.expected);
    if (!text) return;
    pair.expected = *std::move(text);
  }
  if (pair.actual == pair.expected) return;
  for (ComparedValues& known : pairs_) {
    // One failure is told twice: the line that knows more holds. Turned round neither does: below unittest's `a != b`
    // pytest marks the first value as the expected one.
    if (known.actual == pair.actual && known.expected == pair.expected) {
      known.sure |= pair.sure;
      return;
    }
    if (!known.sure && known.actual == pair.expected && known.expected == pair.actual) return;
  }
  pairs_.push_back(std::move(pair));
}

bool ComparedValuesReader::read_on_one_line(std::string_view text) {
  for (const Sentence& one : kSentences) {
    const size_t middle = text.find(one.middle);
    if (middle == std::string_view::npos) continue;
    const size_t front = text.substr(0, middle).rfind(one.front);
    if (front == std::string_view::npos) continue;
    const size_t from = front + one.front.size(), behind = middle + one.middle.size();
    std::string_view first = text.substr(from, middle - from), second = text.substr(behind);
    if (!one.back.empty()) second = second.substr(0, second.rfind(one.back));
    // A sentence ends, and Chai explains itself behind a mark.
    for (const std::string_view end : {". ", " // "})
      if (!quoted_text(second)) second = second.substr(0, second.find(end));
    if (one.middle.starts_with(" to ") && (!is_value(first) || !is_value(second))) return false;
    std::string actual(one.expected_first ? second : first), expected(one.expected_first ? first : second);
    const bool part = one.middle == " does not match ";
    if (part && (!quoted_text(first) || !quoted_text(second))) return false;
    if (one.front == "expected:<") drop_difference_marks(actual, expected);
    add(actual, expected, true, part);
    return true;
  }
  return read_claim(text);
}

// `a == b` that does not hold, or the `a != b` that does.
bool ComparedValuesReader::read_claim(std::string_view text) {
  constexpr std::string_view kValues = "values: ";  // doctest: no source, but texts without quotes
  const bool values = text.starts_with(kValues), of_two = values && text.find("_EQ( ") != std::string_view::npos;
  if (const size_t open = text.find("( "); values && open != std::string_view::npos) text = text.substr(open + 2);
  for (const std::string_view front : {"AssertionError: ", "s differ: ", "assert ", "CHECK( ", "REQUIRE( "})
    if (const size_t at = text.find(front); at != std::string_view::npos) text = text.substr(at + front.size());
  if (text.ends_with(" )")) text.remove_suffix(2);
  for (const std::string_view mark : {" !== ", " === ", " != ", " == ", ", "}) {
    if (of_two != (mark == ", ")) continue;
    const size_t at = find_outside_quotes(text, mark);
    if (at == std::string_view::npos || (of_two && text.find(mark, at + 1) != std::string_view::npos)) continue;
    std::string_view left = base::trim(text.substr(0, at)), right = base::trim(text.substr(at + mark.size()));
    // unittest: "1 != 2 : what the test adds".
    if (const size_t note = find_outside_quotes(right, " : "); note != std::string_view::npos)
      right = right.substr(0, note);
    if (!values && (!is_value(left) || !is_value(right))) return false;
    for (std::string_view* side : {&left, &right}) *side = side->substr(0, side->find(" (0x"));  // Catch2 adds it
    add(left, right, mark == " !== ");  // Node says what came first
    return true;
  }
  return false;
}

void ComparedValuesReader::one_side(Role role, std::string_view text, bool part) {
  const auto other = [](Role of) {
    switch (of) {
      case Role::kActual:
        return Role::kExpected;
      case Role::kExpected:
        return Role::kActual;
      case Role::kLeft:
        return Role::kRight;
      case Role::kRight:
        return Role::kLeft;
      case Role::kNone:
        break;
    }
    return Role::kNone;
  };
  if (role_ == other(role)) {
    const bool second_is_expected = role == Role::kExpected || role == Role::kRight;
    add(second_is_expected ? std::string_view(waiting_) : text, second_is_expected ? text : std::string_view(waiting_),
        role == Role::kActual || role == Role::kExpected, part || waits_for_part_);
    role_ = Role::kNone;
    return;
  }
  role_ = role;
  waiting_ = text;
  waits_for_part_ = part;
  since_waiting_ = 0;
}

bool ComparedValuesReader::read_label(std::string_view line) {
  struct Label {
    std::string_view words;
    Role role;
    bool part = false;
  };
  // Longer ones first.
  static constexpr auto kLabels = std::to_array<Label>({{"expected substring", Role::kExpected, true},
                                                        {"expected regex", Role::kExpected, true},
                                                        {"expected pattern", Role::kExpected, true},
                                                        {"expected message", Role::kExpected},
                                                        {"received message", Role::kActual},
                                                        {"actual message", Role::kActual},
                                                        {"panic message", Role::kActual},
                                                        {"expected", Role::kExpected},
                                                        {"received", Role::kActual},
                                                        {"actual", Role::kActual},
                                                        {"got", Role::kActual},
                                                        {"want", Role::kExpected},
                                                        {"regex", Role::kExpected, true},
                                                        {"input", Role::kActual},
                                                        {"left", Role::kLeft},
                                                        {"right", Role::kRight}});
  const std::string_view text = base::trim(line);
  std::string lower(text.substr(0, 20));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char ch) { return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch | 0x20) : ch; });
  for (const Label& label : kLabels) {
    if (!lower.starts_with(label.words)) continue;
    std::string_view rest = text.substr(label.words.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (!rest.starts_with(":")) return false;
    rest = base::trim(rest.substr(1));
    if (rest.find(" but ") != std::string_view::npos || rest.find(" want: ") != std::string_view::npos) return false;
    if (rest.empty() || rest == "|-") {
      open_ = label.role;
      open_indent_ = line.find_first_not_of(" \t");
      block_.clear();
    } else {
      one_side(label.role, rest, label.part);
    }
    return true;
  }
  return false;
}

// A line of a value below its label; false where the value has ended.
bool ComparedValuesReader::read_block(std::string_view line) {
  const size_t indent = line.find_first_not_of(" \t");
  const std::string_view text = base::trim(line);
  if (indent != std::string_view::npos && indent > open_indent_) {
    since_waiting_ = 0;
    // Of a backtrace the last line counts: what was raised.
    if (block_.starts_with("Traceback")) {
      if (indent <= open_indent_ + 4) block_ = base::cat("Traceback\n", text);
    } else if (block_.size() <= kMaxValue) {
      block_ += base::cat(block_.empty() ? "" : "\n", text);
    }
    return true;
  }
  const std::string_view value = std::string_view(block_).substr(block_.starts_with("Traceback\n") ? 10 : 0);
  if (const Role role = std::exchange(open_, Role::kNone); !value.empty()) one_side(role, value);
  return false;
}

// GoogleTest: an operand's source, and below it "Which is: " its value where that is not the same.
void ComparedValuesReader::read_operand(std::string_view text) {
  constexpr std::string_view kValue = "Which is: ";
  if (text.starts_with(kValue) && !operands_->empty())
    operands_->back() = text.substr(kValue.size());
  else if (!text.empty() && operands_->size() < 2)
    operands_->emplace_back(text);
  else
    end_operands();
}

void ComparedValuesReader::end_operands() {
  const std::vector<std::string> both = std::exchange(operands_, std::nullopt).value_or(std::vector<std::string>{});
  if (both.size() == 2 && is_value(both[0]) && is_value(both[1])) add(both[0], both[1], false);
}

// "- a" and "+ b" below a header, and those of pytest, which has none.
bool ComparedValuesReader::read_marked(std::string_view line, bool of_pytest) {
  const std::string_view text = base::trim(line);
  if (text.starts_with("+ actual") || text.starts_with("+ Received") || text.starts_with("+++ Actual")) {
    plus_ = Role::kActual;
    since_header_ = 0;
    return true;
  }
  if (text.starts_with("+ expected") || text.starts_with("+++ Expected")) {
    plus_ = Role::kExpected;
    since_header_ = 0;
    return true;
  }
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return false;
  // pytest's introspection: " +  where 5 = f(2)".
  if (text.starts_with("+  where") || text.starts_with("+    and")) return false;
  const Role plus = of_pytest ? Role::kActual : plus_;
  if (plus == Role::kNone) return false;
  const Role minus = plus == Role::kActual ? Role::kExpected : Role::kActual;
  one_side(text[0] == '+' ? plus : minus, base::trim(text.substr(1)));
  return true;
}

void ComparedValuesReader::read(std::string_view line) {
  if (pairs_.size() >= kMost || line.size() > 2 * kMaxValue + 100) return;
  if (++since_header_ > kMarkedLines) plus_ = Role::kNone;
  if (++since_waiting_ > kLabelLines) role_ = Role::kNone;
  const bool of_pytest = line.starts_with("E  ");
  if (of_pytest) line.remove_prefix(1);
  const std::string_view text = base::trim(line);
  if (operands_) return read_operand(text);
  if (open_ != Role::kNone && read_block(line)) return;
  if (text.empty() || text.starts_with(">")) return;  // pytest shows the source so
  if (text.find("Expected equality of these values") != std::string_view::npos) {
    operands_.emplace();
    return;
  }
  if (read_marked(line, of_pytest) || read_label(line)) return;
  read_on_one_line(text);
}

std::vector<ComparedValues> ComparedValuesReader::take() {
  end_operands();
  if (open_ != Role::kNone) read_block({});
  return std::exchange(pairs_, {});
}

}  // namespace agent
