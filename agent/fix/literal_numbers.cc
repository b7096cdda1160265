// SPDX-License-Identifier: Apache-2.0
// Numbers in the source by what the values show, and the placeholders that print them.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "agent/fix/literal_evidence.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr double kSame = .6, kSameSmall = .1, kMoved = .15, kScaled = .25, kDecimals = .5, kFormat = .7;

double number(const std::string& text) {
  return std::strtod(text.c_str(), nullptr);
}

int decimals(const std::string& text) {
  const size_t point = text.find('.');
  return point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1);
}

// The same number, printed with other decimals.
bool rounds_otherwise(const NumberPair& pair) {
  const int fewer = std::min(decimals(pair.actual), decimals(pair.expected));
  return decimals(pair.actual) != decimals(pair.expected) &&
         std::abs(number(pair.actual) - number(pair.expected)) <= .51 * std::pow(10., -fewer);
}

// The same number, with zeros in front that were wanted.
bool lacks_zeros(const NumberPair& pair) {
  return pair.expected.size() > pair.actual.size() && pair.expected[0] == '0' && pair.expected.ends_with(pair.actual) &&
         pair.expected.find_first_not_of('0') >= pair.expected.size() - pair.actual.size() &&
         decimals(pair.expected) == 0;
}

// As source: whole where it is, else with the six digits that say all of it; nothing where they don't.
std::optional<std::string> source_of(double value, bool fraction) {
  if (!(std::abs(value) < 1e12) || value < 0) return std::nullopt;
  if (!fraction)
    return value == std::floor(value) ? std::optional(base::cat(static_cast<long long>(value))) : std::nullopt;
  std::string text = base::cat(value);
  if (text.find('e') != std::string::npos || std::abs(number(text) - value) > 1e-9 * value) return std::nullopt;
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

// `placeholder` so that it prints as `pair` wants it; nothing where it cannot.
std::optional<std::string> formatted(std::string_view placeholder, bool of_template, const NumberPair& pair) {
  const bool zeros = lacks_zeros(pair);
  if (!zeros && !rounds_otherwise(pair)) return std::nullopt;
  const int from = decimals(pair.actual), to = decimals(pair.expected);
  const std::string width = base::cat('0', pair.expected.size());
  if (of_template) {  // `${expression}`
    const std::string_view expression = placeholder.substr(2, placeholder.size() - 3);
    if (zeros) return base::cat("${String(", expression, ").padStart(", pair.expected.size(), ", \"0\")}");
    return base::cat("${(", expression, ").toFixed(", to, ")}");
  }
  // A precision that stands there already.
  if (const std::string old = base::cat('.', from); !zeros && placeholder.find(old) != std::string_view::npos) {
    const size_t at = placeholder.rfind(old);
    const std::string_view behind = placeholder.substr(at + old.size());
    if (behind.starts_with("f") || behind == "}" || behind.starts_with("l"))
      return base::cat(placeholder.substr(0, at), '.', to, behind);
    return std::nullopt;
  }
  if (placeholder.starts_with("%")) {
    const char kind = placeholder.back();
    if (zeros && placeholder.size() == 2 && (kind == 'd' || kind == 'i' || kind == 'u'))
      return base::cat('%', width, kind);
    if (!zeros && placeholder == "%f") return base::cat("%.", to, 'f');
    return std::nullopt;
  }
  // Python, Rust and C++ write `{x:spec}`; what has one already says more than is understood here.
  if (placeholder.find(':') != std::string_view::npos || placeholder.back() != '}') return std::nullopt;
  return base::cat(placeholder.substr(0, placeholder.size() - 1), ':', zeros ? width : base::cat('.', to, 'f'), '}');
}

}  // namespace

void rewrite_format(const TextLiteral& literal, const LiteralEvidence& evidence, Rewrites& found) {
  const std::string_view text = literal.text;
  std::vector<tools::Range> placeholders = literal.filled_in;
  if (placeholders.empty())
    for (size_t at = literal.content.begin; at < literal.content.end;) {
      const size_t end = end_of_placeholder(text, at, literal.content.end);
      if (end > at && text[at] != '\\') placeholders.push_back({at, end});
      at = std::max(end, at + 1);
    }
  for (const auto& [pair, trust] : evidence.numbers)
    for (const tools::Range& one : placeholders) {
      const std::string_view placeholder = text.substr(one.begin, one.end - one.begin);
      if (const auto other = formatted(placeholder, placeholder.starts_with("${"), pair))
        found[base::cat(text.substr(0, one.begin), *other, text.substr(one.end))] +=
            kFormat * trust / static_cast<double>(placeholders.size() * evidence.numbers.size());
    }
}

void rewrite_number(std::string_view text, const LiteralEvidence& evidence, Rewrites& found) {
  const std::string digits(text.substr(0, text.find_first_not_of("0123456789.")));
  const std::string_view suffix = text.substr(digits.size());
  if (digits.empty() || suffix.find_first_not_of("uUlLzZnfF") != std::string_view::npos) return;
  const bool fraction = digits.find('.') != std::string::npos;
  const double value = number(digits);
  double n_values = 0;
  for (const auto& [pair, trust] : evidence.numbers) n_values += trust;
  for (const auto& [pair, trust] : evidence.numbers) {
    const auto put = [&](double other, double weight) {
      const auto source = source_of(other, fraction);
      if (source && *source != digits) found[base::cat(*source, suffix)] += weight * trust / std::max(1., n_values);
    };
    const double actual = number(pair.actual), expected = number(pair.expected), step = expected - actual;
    // `round(x, 1)`, `x.toFixed(1)`.
    if (rounds_otherwise(pair) && !fraction && digits == base::cat(decimals(pair.actual)))
      put(decimals(pair.expected), kDecimals);
    if (value == actual) put(expected, value > 2 ? kSame : kSameSmall);
    // By one is what the other edits of numbers do.
    else if (std::abs(step) != 1)
      put(value + step, kMoved);
    if (actual != 0 && expected != 0 && value != 0 && value != actual) put(value * expected / actual, kScaled);
  }
}

}  // namespace agent
