// SPDX-License-Identifier: Apache-2.0
// Values: off by one, other constants, other strings, other bounds of ranges and slices.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <set>

#include "agent/code/code_tokens.h"
#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kOff = MutationKind::kOffByOne;
constexpr auto kConst = MutationKind::kConstant;

bool has_arithmetic_inside(const MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  return type == "binary_operator" || type == "binary_expression";
}

// What is left of a sum where `node`, one side of it, is nothing: nobody writes `n - 0`. -1: `node` is no such side.
int rest_of_sum(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  if (parent < 0 || !is_one_of(c.nodes[parent].type, c.traits.binaries)) return -1;
  const int mark = c.nodes.child_of_field(parent, "operator");
  const int left = c.nodes.child_of_field(parent, "left"), right = c.nodes.child_of_field(parent, "right");
  if (mark < 0 || left < 0 || right < 0) return -1;
  const std::string_view sign = c.nodes[mark].type;
  if (node == right && (sign == "+" || sign == "-")) return left;
  return node == left && sign == "+" ? right : -1;
}

// What `rest`, a side of `sum`, takes the place of: with the parentheses that only the sum needed.
int place_of_rest(const MutationContext& c, int sum, int rest) {
  const int around = c.nodes.parent(sum), above = around >= 0 ? c.nodes.parent(around) : -1;
  const bool needless = above >= 0 && c.nodes[around].type == "parenthesized_expression" &&
                        is_one_of(c.nodes[above].type, c.traits.binaries) &&
                        !is_one_of(c.nodes[rest].type, c.traits.binaries) && !c.nodes.text(rest).empty() &&
                        is_word_byte(c.nodes.text(rest).front());
  return needless ? around : sum;
}

// Where one more or one less is the usual mistake, and how usual.
double off_by_one_weight(MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  if (parent < 0) return 0;
  const std::string_view above = c.nodes[parent].type, field = c.nodes[node].field;
  if (c.is_comparison(parent)) return field == "left" ? .25 : .45;
  if (is_one_of(above, c.traits.subscripts))
    return field == "value" || field == "argument" || field == "object" || field == "array" || field == "operand" ? 0
                                                                                                                  : .7;
  if (above == "subscript_argument_list" || above == "slice" || above == "slice_expression") return .6;
  if (is_one_of(above, c.traits.arguments)) return .2;
  if (above == "return_statement" || above == "return_expression") return .35;
  if (above == "expression_list" || above == "tuple" || above == "pair") return .15;
  if (field == "right" && (above == "assignment" || is_one_of(above, c.traits.binaries))) return .2;
  if (field == "value" && above.find("declarator") != std::string_view::npos) return .2;
  if (above == "conditional_expression" || above == "ternary_expression") return .2;
  if (above == "range_expression") return .6;
  if (is_one_of(above, c.traits.binaries)) return .2;
  return 0;
}

// What is left of an edit's weight where another says the same of whole numbers: `a < b + 1` is `a <= b`, which is
// tried as such, and a step of the left side is the opposite step of the right one.
double after_twin(const MutationContext& c, int node, int step) {
  constexpr double kTwin = .2;
  const int parent = c.nodes.parent(node);
  if (parent < 0 || !c.is_comparison(parent)) return 1;
  const std::vector<int> sides = c.nodes.named_children(parent);
  if (sides.size() != 2) return 1;
  const std::string_view mark = base::trim(c.nodes.text({c.nodes[sides[0]].range.end, c.nodes[sides[1]].range.begin}));
  if (mark != "<" && mark != "<=" && mark != ">" && mark != ">=") return 1;
  if (sides[0] == node) return kTwin;
  return (mark == "<" || mark == ">=") == (step > 0) ? kTwin : 1;
}

void off_by_one(MutationContext& c, int node) {
  if (!c.nodes[node].named || !c.may_be_number(node)) return;
  const double weight = off_by_one_weight(c, node);
  if (weight <= 0) return;
  const double sure = c.number_likelihood(node);
  const std::string text(c.nodes.text(node));
  if (text.size() > 80 || text.find('\n') != std::string::npos) return;
  const bool bare = !has_arithmetic_inside(c, node) || text.find_first_of("%&|<>") == std::string::npos;
  const std::string inner = bare ? text : base::cat("(", text, ")");
  // Inside a product the sum needs its parentheses.
  const int parent = c.nodes.parent(node);
  const int mark = parent >= 0 && is_one_of(c.nodes[parent].type, c.traits.binaries)
                       ? c.nodes.child_of_field(parent, "operator")
                       : -1;
  static const Words kTight = {"*", "/", "%", "//", "-"};
  if (mark >= 0 && is_one_of(c.nodes[mark].type, kTight)) {
    c.replace(node, base::cat("(", inner, " - 1)"), kOff, weight * sure);
    c.replace(node, base::cat("(", inner, " + 1)"), kOff, weight * sure);
    return;
  }
  if (text.ends_with(" - 1") || text.ends_with(" + 1")) {
    // Handled at the operand: `e - 1` to `e`.
    const int left = c.nodes.child_of_field(node, "left");
    const bool sum = left >= 0 && c.nodes.text(left) == text.substr(0, text.size() - 4);
    c.replace(sum ? place_of_rest(c, node, left) : node, text.substr(0, text.size() - 4), kOff, 1);
    return;
  }
  c.replace(node, base::cat(inner, " - 1"), kOff, weight * sure * after_twin(c, node, -1));
  c.replace(node, base::cat(inner, " + 1"), kOff, weight * sure * after_twin(c, node, 1));
}

void change_integer(MutationContext& c, int node) {
  const std::string_view text = c.nodes.text(node);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > (int64_t{1} << 40)) return;
  const std::string_view suffix = text.substr(static_cast<size_t>(end - text.data()));
  if (suffix.find_first_not_of("uUlLzZn") != std::string_view::npos) return;  // a fraction, hexadecimal, digit marks
  const int parent = c.nodes.parent(node);
  const std::string_view above = parent >= 0 ? c.nodes[parent].type : "";
  const bool negated = above == "unary_operator" || above == "unary_expression";
  std::set<int64_t> seen = {value};
  auto offer = [&](int64_t other, MutationKind kind, double weight) {
    if (!seen.insert(other).second) return;
    if (const int rest = other == 0 ? rest_of_sum(c, node) : -1; rest >= 0)
      return c.replace(place_of_rest(c, parent, rest), std::string(c.nodes.text(rest)), kind, weight);
    std::string number = base::cat(other, suffix);
    const bool needs_parentheses = other < 0 && (negated || has_arithmetic_inside(c, parent));
    c.replace(node, needs_parentheses ? base::cat("(", number, ")") : std::move(number), kind, weight);
  };
  // Round numbers and sizes are seldom off by one; counts and positions are small.
  const double small = value <= 2 ? .8 : value <= 12 ? .5 : .2;
  const int sign = negated ? -1 : 1;
  offer(value + 1, kOff, small * after_twin(c, negated ? parent : node, sign));
  if (value > 0) offer(value - 1, kOff, small * after_twin(c, negated ? parent : node, -sign));
  if (value == 0 && !negated) offer(-1, kOff, .4 * after_twin(c, node, -1));
  offer(0, kConst, .5);
  offer(1, kConst, .5);
  if (value == 0) offer(2, kConst, .2);
  if (value >= 2) {
    if (value >= 5) {
      offer(value * 10, kConst, .25);
      if (value % 10 == 0) offer(value / 10, kConst, .3);
      if (value % 2 == 0) offer(value / 2, kConst, .3);
    }
    offer(value * 2, kConst, .2);
    offer(2, kConst, .15);
  }
  if (value > 0 && !negated) offer(-value, kConst, .15);
}

void change_fraction(MutationContext& c, int node) {
  const std::string text(c.nodes.text(node));
  if (text.find('.') == std::string::npos) return;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return;
  const std::string suffix(end);
  auto offer = [&](double other, double weight) {
    std::string number = base::cat(other);
    if (number.find_first_of(".e") == std::string::npos) number += ".0";
    c.replace(node, number + suffix, kConst, weight);
  };
  offer(0.0, .3);
  offer(1.0, .4);
  offer(value * 10, .25);
  offer(value / 10, .25);
  offer(value * 2, .15);
  offer(value / 2, .15);
  if (value > 0 && value < 1) offer(1 - value, .2);
}

// All answers of a function are the wrong way round.
void flip_all(MutationContext& c, int function) {
  if (!is_one_of(c.nodes[function].type, c.traits.functions)) return;
  std::vector<int> places;
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end; ++i) {
    const std::string_view text = c.nodes.text(i);
    if ((text == c.traits.true_word || text == c.traits.false_word) && c.nodes.children(i).empty()) places.push_back(i);
  }
  if (places.size() < 2 || places.size() > 6) return;
  const tools::Range all{c.nodes[places.front()].range.begin, c.nodes[places.back()].range.end};
  std::string flipped;
  size_t at = all.begin;
  for (const int place : places) {
    flipped.append(c.nodes.text({at, c.nodes[place].range.begin}));
    flipped.append(c.nodes.text(place) == c.traits.true_word ? c.traits.false_word : c.traits.true_word);
    at = c.nodes[place].range.end;
  }
  c.replace(all, std::move(flipped), kConst, .6, base::cat("all ", places.size(), " truth values are turned round"));
}

void change_word(MutationContext& c, int node) {
  const std::string_view text = c.nodes.text(node);
  if (text == c.traits.true_word) return c.replace(node, std::string(c.traits.false_word), kConst, 1);
  if (text == c.traits.false_word) return c.replace(node, std::string(c.traits.true_word), kConst, 1);
  const std::string_view type = c.nodes[node].type;
  if (c.python() && type == "none") {
    for (const char* other : {"0", "[]", "{}", "\"\"", "False"}) c.replace(node, other, kConst, .15);
  }
  if (c.python() && (type == "list" || type == "dictionary") && text.size() == 2)
    c.replace(node, type == "list" ? "{}" : "[]", kConst, .2);
}

// Short texts in quotes in the documentation of a function, each once.
std::vector<std::string> quoted_in_documentation(const MutationContext& c, int function) {
  std::vector<std::string> quoted;
  const int body = function < 0 ? -1 : c.body_of(function);
  if (body < 0) return quoted;
  const std::vector<int> inside = c.statements_of(body);
  if (inside.empty() || !c.is_documentation(inside[0])) return quoted;
  const std::string_view text = c.nodes.text(inside[0]);
  for (size_t at = 3; at + 3 < text.size(); ++at) {
    if (text[at] != '\'' && text[at] != '"') continue;
    const size_t end = text.find(text[at], at + 1);
    if (end == std::string_view::npos) continue;
    const std::string_view word = text.substr(at + 1, end - at - 1);
    if (word.empty() || word.size() > 12 || word.find_first_of("\\\n'\"") != std::string_view::npos) continue;
    if (std::find(quoted.begin(), quoted.end(), word) == quoted.end()) quoted.emplace_back(word);
    at = end;
    if (quoted.size() >= 12) break;
  }
  return quoted;
}

using Options = std::vector<std::pair<std::string, double>>;  // texts and their weights

// Of a bracket alone in its quotes: its other half, and those of the other kinds.
void other_brackets(std::string_view text, Options& options) {
  static constexpr std::string_view kOpen = "([{<", kClose = ")]}>";
  if (text.size() != 3) return;
  for (size_t i = 0; i < kOpen.size(); ++i) {
    const bool open = text[1] == kOpen[i], close = text[1] == kClose[i];
    if (!open && !close) continue;
    for (size_t other = 0; other < kOpen.size(); ++other)
      options.emplace_back(
          base::cat(text[0], other == i ? (open ? kClose[i] : kOpen[i]) : (open ? kOpen : kClose)[other], text[2]),
          other == i ? .25 : .1);
  }
}

// The same text at several places of the function was written by the same hand.
void everywhere(MutationContext& c, int node, const Options& options) {
  const std::string_view text = c.nodes.text(node);
  const int function = c.function_of(node);
  if (function < 0) return;
  std::vector<int> places;
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end; ++i)
    if (c.nodes[i].type == c.nodes[node].type && c.nodes.text(i) == text && !c.is_documentation(c.nodes.parent(i)))
      places.push_back(i);
  if (places.size() < 2 || places.size() > 6 || places.front() != node) return;
  const tools::Range all{c.nodes[places.front()].range.begin, c.nodes[places.back()].range.end};
  for (const auto& [other, weight] : options) {
    std::string changed;
    size_t at = all.begin;
    for (const int place : places) {
      changed.append(c.nodes.text({at, c.nodes[place].range.begin})).append(other);
      at = c.nodes[place].range.end;
    }
    c.replace(all, std::move(changed), MutationKind::kString, .7 * weight,
              base::cat(code(text), " becomes ", code(other), " at ", places.size(), " places"));
  }
}

// Another string of the file: a wrong key, a wrong unit.
void change_string(MutationContext& c, int node) {
  const std::string_view text = c.nodes.text(node);
  const int parent = c.nodes.parent(node);
  if (parent < 0 || text.size() < 2 || text.size() > 40) return;
  const std::string_view above = c.nodes[parent].type;
  if (above == "expression_statement" || above == "concatenated_string") return;  // documentation
  const bool is_key = is_one_of(above, c.traits.subscripts) || above == "pair" || c.is_comparison(parent) ||
                      is_one_of(above, c.traits.arguments);
  std::set<std::string> seen = {std::string(text)};
  Options options;
  int n_other = 0;
  for (int i = 0; i < c.nodes.size() && n_other < 6; ++i) {
    if (!is_one_of(c.nodes[i].type, c.traits.strings)) continue;
    const std::string other(c.nodes.text(i));
    const int above_other = c.nodes.parent(i);
    if (other.size() > 40 || (above_other >= 0 && c.nodes[above_other].type == "expression_statement")) continue;
    const bool same_place = above_other >= 0 && c.nodes[above_other].type == above;
    const double near = name_similarity(text, other);
    if ((!same_place && near < .75) || !seen.insert(other).second) continue;
    ++n_other;
    options.emplace_back(other, (is_key ? .25 : .1) * (.4 + near));
  }
  other_brackets(text, options);
  const bool plain = text[0] == text.back();  // no prefix, no second quote
  const size_t inside = text.size() - 2;
  const std::string quote(1, text[0]);
  if (inside > 0) options.emplace_back(base::cat(quote, quote), inside == 1 && text[1] == ' ' ? .3 : .1);
  if (inside == 0) options.emplace_back(base::cat(quote, " ", quote), .3);
  if (inside == 1 && text[1] == ',') {
    options.emplace_back(base::cat(quote, ", ", quote), .2);
    options.emplace_back(base::cat(quote, " ", quote), .2);
  }
  if (plain && inside > 1 && text[inside] != '\\' && text[1] != '\\') {
    const auto goes_on = [&](size_t at) {
      return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
    };  // inside a character
    size_t last = inside, second = 2;
    while (last > 1 && goes_on(last)) --last;
    while (second <= inside && goes_on(second)) ++second;
    options.emplace_back(base::cat(text.substr(0, last), quote), .12);
    options.emplace_back(base::cat(quote, text.substr(second)), .06);
    if (text[1] == ' ') options.emplace_back(base::cat(quote, text.substr(2, inside - 1), " ", quote), .2);
    if (text[inside] == ' ') options.emplace_back(base::cat(quote, " ", text.substr(1, inside - 1), quote), .2);
  }
  // What the documentation of the function quotes.
  const int function = c.function_of(node);
  int n_quoted = 0;
  for (const std::string& quoted : quoted_in_documentation(c, function))
    if (plain && n_quoted < 8 && seen.insert(base::cat(quote, quoted, quote)).second) {
      ++n_quoted;
      options.emplace_back(base::cat(quote, quoted, quote),
                           .1 * (.4 + name_similarity(text.substr(1, inside), quoted)));
    }
  for (const auto& [other, weight] : options) c.replace(node, other, MutationKind::kString, weight);
  everywhere(c, node, options);
}

// Another character of the file, another bracket, the other digit of two, the other case.
void change_character(MutationContext& c, int node) {
  const std::string_view text = c.nodes.text(node);
  std::set<std::string> seen = {std::string(text)};
  Options options;
  for (int i = 0; i < c.nodes.size() && options.size() < 6; ++i)
    if (c.nodes[i].type == c.nodes[node].type && seen.emplace(c.nodes.text(i)).second)
      options.emplace_back(c.nodes.text(i), .2);
  other_brackets(text, options);
  if (text.size() == 3) {
    const char inside = text[1];
    const auto offer = [&](char other, double weight) {
      options.emplace_back(base::cat(text[0], other, text[2]), weight);
    };
    if (inside == '0' || inside == '1') offer(inside == '0' ? '1' : '0', .3);
    if ((inside >= 'a' && inside <= 'z') || (inside >= 'A' && inside <= 'Z'))
      offer(static_cast<char>(inside ^ 0x20), .1);
    if (inside == ',') offer(' ', .2);
    if (inside == ' ') offer(',', .1);
  }
  for (const auto& [other, weight] : options) c.replace(node, other, MutationKind::kString, weight);
  everywhere(c, node, options);
}

// Missing and extra bounds: `x[:n]`, `x[1:]`, `range(n)`.
void change_slice(MutationContext& c, int node) {
  const std::string text(c.nodes.text(node));
  const size_t colon = text.find(':');
  if (colon == std::string::npos || text.find(':', colon + 1) != std::string::npos) {
    if (text == "::-1") c.replace(node, ":", kOff, .3);
    return;
  }
  const std::string from(base::trim(text.substr(0, colon))), to(base::trim(text.substr(colon + 1)));
  if (!from.empty() && !to.empty() && to[0] != '-' && to.find(from) == std::string::npos)
    c.replace(node, base::cat(from, ":", from, " + ", to), kOff, .5);
  if (from.empty()) c.replace(node, base::cat("1:", to), kOff, .5);
  if (from == "1") c.replace(node, base::cat(":", to), kOff, .7);
  if (to.empty()) c.replace(node, base::cat(from, ":-1"), kOff, .5);
  if (to == "-1") c.replace(node, base::cat(from, ":"), kOff, .8);
  if (to.empty() && !from.empty()) c.replace(node, base::cat(":", from), kOff, .4);
  if (from.empty() && !to.empty()) c.replace(node, base::cat(to, ":"), kOff, .4);
  if (from.empty() && !to.empty() && to[0] != '-') c.replace(node, base::cat("-", to, ":"), kOff, .3);
}

void change_range(MutationContext& c, int node) {
  if (!c.python() || !is_one_of(c.nodes[node].type, c.traits.calls)) return;
  const int callee = c.nodes.child_of_field(node, "function"), list = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || list < 0 || c.nodes.text(callee) != "range") return;
  const std::vector<int> args = c.nodes.named_children(list);
  auto text = [&](size_t i) { return std::string(c.nodes.text(args[i])); };
  auto offer = [&](std::string inner, double weight) {
    c.replace(node, base::cat("range(", inner, ")"), kOff, weight);
  };
  if (args.size() == 1) {
    offer(base::cat("1, ", text(0)), .6);
    offer(base::cat("1, ", text(0), " + 1"), .6);
    offer(base::cat(text(0), " - 1, -1, -1"), .15);
  } else if (args.size() == 2) {
    if (text(0) == "1" || text(0) == "0") offer(text(1), .5);
    if (text(0) == "0") offer(base::cat("1, ", text(1)), .5);
    offer(base::cat(text(0), ", ", text(1), " + 1"), .7);
  }
}

}  // namespace

void mutate_value(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  const std::string_view type = c.nodes[node].type;
  if (type == "number_literal" || type == "number" || is_one_of(type, c.traits.integers)) change_integer(c, node);
  if (type == "float" || type == "number_literal" || type == "number" || type == "float_literal" ||
      type == "decimal_floating_point_literal")
    change_fraction(c, node);
  if (is_one_of(type, c.traits.strings)) change_string(c, node);
  if (is_one_of(type, c.traits.characters)) change_character(c, node);
  if (type == "slice") change_slice(c, node);
  flip_all(c, node);
  change_word(c, node);
  change_range(c, node);
  off_by_one(c, node);
}

}  // namespace agent
