// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/literal_evidence.h"

#include "agent/code/lexed_tokens.h"

namespace agent {
namespace {

constexpr double kOtherDirection = .4;  // where nobody said which value was expected

bool is_digit(char ch) {
  return ch >= '0' && ch <= '9';
}

// `text` with each number as '#', and the numbers.
std::pair<std::string, std::vector<std::string>> numbers_of(const std::string& text) {
  std::pair<std::string, std::vector<std::string>> found;
  for (size_t at = 0; at < text.size();) {
    if (!is_digit(text[at])) {
      found.first += text[at++];
      continue;
    }
    size_t end = at;
    while (end < text.size() &&
           (is_digit(text[end]) || (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1]))))
      ++end;
    found.first += '#';
    found.second.push_back(text.substr(at, end - at));
    at = end;
  }
  return found;
}

// What was wanted whole, where only a part of it is known: with what comes before and behind that part.
std::string whole_expected(const ComparedValues& pair) {
  if (!pair.part) return pair.expected;
  const TextDifference difference(pair.actual, pair.expected);
  if (difference.changes().empty()) return pair.expected;
  const TextDifference::Change &first = difference.changes().front(), &last = difference.changes().back();
  std::string whole = pair.expected;
  // What only goes away at an end was never asked for; of what is replaced there, the marks outside of words.
  if (last.end == pair.actual.size() && last.begin > 0) {
    size_t from = last.end;
    while (from > last.begin && (last.begin_after == last.end_after || !is_name_byte(pair.actual[from - 1]))) --from;
    whole += pair.actual.substr(from);
  }
  if (first.begin == 0 && first.end < pair.actual.size()) {
    size_t until = 0;
    while (until < first.end && (first.begin_after == first.end_after || !is_name_byte(pair.actual[until]))) ++until;
    whole.insert(0, pair.actual, 0, until);
  }
  return whole;
}

}  // namespace

LiteralEvidence::LiteralEvidence(const std::vector<ComparedValues>& compared) {
  const auto add = [&](const std::string& actual, const std::string& expected, double trust) {
    texts.emplace_back(TextDifference(actual, expected), trust);
    const auto [shape, from] = numbers_of(actual);
    const auto [other_shape, to] = numbers_of(expected);
    if (shape != other_shape) return;
    for (size_t i = 0; i < from.size(); ++i)
      if (from[i] != to[i]) numbers.emplace_back(NumberPair{from[i], to[i]}, trust);
  };
  for (const ComparedValues& pair : compared) {
    add(pair.actual, whole_expected(pair), 1);
    if (!pair.sure) add(pair.expected, pair.actual, kOtherDirection);
  }
}

}  // namespace agent
