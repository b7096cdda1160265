// SPDX-License-Identifier: Apache-2.0
// A text in quotes by what the values show: its parts between placeholders become what was wanted in their place.
#include <algorithm>
#include <array>
#include <optional>

#include "agent/fix/literal_evidence.h"
#include "base/strings.h"

namespace agent {
namespace {

// How much speaks for a change, of 1: that a single byte stands in the value as well says little, a whole word much.
constexpr double kWhole = 1, kPart = .8, kJoin = .3;

double weight_of_length(size_t n) {
  constexpr std::array kShort = {0., .12, .25, .4};
  return n < kShort.size() ? kShort[n] : std::min(1., .4 + .1 * static_cast<double>(n - 3));
}

bool is_digit(char ch) {
  return ch >= '0' && ch <= '9';
}

// Parts of a literal that are written as they stand: all of it, and what lies between placeholders.
std::vector<tools::Range> plain_parts(const TextLiteral& literal) {
  const auto& [text, content, filled_in] = literal;
  std::vector<tools::Range> parts;
  size_t from = content.begin;
  const auto end_part = [&](size_t at, size_t next) {
    if (at > from) parts.push_back({from, at});
    from = next;
  };
  for (size_t at = content.begin; at < content.end;) {
    size_t next = end_of_placeholder(text, at, content.end);
    for (const tools::Range& inside : filled_in)
      if (at == inside.begin) next = inside.end;
    if (next > at) end_part(at, next);
    at = std::max(next, at + 1);
  }
  end_part(content.end, content.end);
  const bool whole = parts.size() == 1 && parts[0].begin == content.begin && parts[0].end == content.end;
  const bool escapes = text.substr(content.begin, content.end - content.begin).find('\\') != std::string_view::npos;
  if (!whole && !escapes && filled_in.empty()) parts.insert(parts.begin(), content);
  return parts;
}

// As source between `quote`s.
std::string escaped(std::string_view text, char quote) {
  std::string source;
  for (const char ch : text) {
    if (ch == '\n' || ch == '\t' || ch == '\r') {
      source.append("\\").push_back(ch == '\n' ? 'n' : ch == '\t' ? 't' : 'r');
      continue;
    }
    if (ch == quote || ch == '\\') source += '\\';
    source += ch;
  }
  return source;
}

// Where every change puts the same in, between what an empty text joined.
std::optional<std::string> joined_by(const TextDifference& difference) {
  const auto& changes = difference.changes();
  if (changes.size() < 2) return std::nullopt;
  const auto put_in = [&](const TextDifference::Change& change) {
    return difference.after().substr(change.begin_after, change.end_after - change.begin_after);
  };
  for (const auto& change : changes)
    if (change.begin != change.end || put_in(change) != put_in(changes[0])) return std::nullopt;
  return put_in(changes[0]);
}

}  // namespace

size_t end_of_placeholder(std::string_view text, size_t at, size_t end) {
  if (text[at] == '\\') return std::min(at + 2, end);
  if (text[at] == '{' || text.substr(at).starts_with("${")) {
    const size_t close = text.find('}', at);
    return close < end ? close + 1 : at;
  }
  if (text[at] != '%') return at;
  size_t letter = at + 1;
  while (letter < end &&
         (is_digit(text[letter]) || std::string_view("-+ #.*lhz").find(text[letter]) != std::string_view::npos))
    ++letter;
  return letter < end && std::string_view("diouxXeEfgGscpqrvTt").find(text[letter]) != std::string_view::npos
             ? letter + 1
             : at;
}

void rewrite_text(const TextLiteral& literal, const LiteralEvidence& evidence, Rewrites& found) {
  const std::string_view text = literal.text;
  const tools::Range content = literal.content;
  const char quote = text[content.begin - 1];
  const auto put = [&](tools::Range part, const std::string& became, double weight) {
    const bool whole = part.begin == content.begin && part.end == content.end;
    if (!whole && became.find_first_of("{}%$") != std::string::npos) return;  // would be read as a placeholder
    found[base::cat(text.substr(0, part.begin), escaped(became, quote), text.substr(part.end))] += weight;
  };
  if (content.begin == content.end) {
    for (const auto& [difference, trust] : evidence.texts)
      if (const auto between = joined_by(difference)) put(content, *between, kJoin * trust);
    return;
  }
  for (const tools::Range& part : plain_parts(literal)) {
    const std::string_view piece = text.substr(part.begin, part.end - part.begin);
    const bool whole = part.begin == content.begin && part.end == content.end;
    const double weight = weight_of_length(piece.size()) * (whole ? kWhole : kPart);
    std::map<std::string, double> became;
    double n_values = 0;
    for (const auto& [difference, trust] : evidence.texts) {
      std::map<std::string, int> here;
      int n = 0;
      const std::string& value = difference.before();
      for (size_t at = value.find(piece); at != std::string::npos; at = value.find(piece, at + 1), ++n)
        if (auto other = difference.became(at, at + piece.size()); other && *other != piece) ++here[*other];
      if (n > 0) n_values += trust;
      for (const auto& [other, times] : here) became[other] += trust * times / n;
    }
    for (const auto& [other, votes] : became) put(part, other, weight * votes / std::max(1., n_values));
  }
}

}  // namespace agent
