// SPDX-License-Identifier: Apache-2.0
// What came out beside what was wanted: the same in another type, order, sign, case or rounding.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "agent/fix/conversions.h"
#include "base/strings.h"

namespace agent {
namespace {

using tools::Language;
using Conversions = std::vector<Conversion>;

constexpr int kMostDigits = 10;  // behind the point, of a rounding

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

int digits_behind_point(std::string_view text) {
  const size_t point = text.find('.');
  return point == std::string_view::npos || text.find_first_of("eE") != std::string_view::npos
             ? 0
             : static_cast<int>(text.size() - point - 1);
}

// The elements of "[1, (2, 3)]" as printed; nothing where it is no list, tuple or set.
std::optional<std::vector<std::string>> elements_of(std::string_view text) {
  if (text.size() < 2 || std::string_view("[({").find(text.front()) == std::string_view::npos ||
      std::string_view("])}").find(text.back()) == std::string_view::npos)
    return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> elements;
  int depth = 0;
  char quote = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char ch = i < text.size() ? text[i] : ',';
    if (quote != 0) {
      if (i < text.size() && ch == '\\')
        ++i;
      else if (ch == quote)
        quote = 0;
      if (i < text.size()) continue;
    }
    if (ch == '\'' || ch == '"') quote = ch;
    if (ch == '[' || ch == '(' || ch == '{') ++depth;
    if (ch == ']' || ch == ')' || ch == '}') --depth;
    if (ch != ',' || depth != 0) continue;
    if (const std::string_view one = base::trim(text.substr(begin, i - begin)); !one.empty())
      elements.emplace_back(one);
    begin = i + 1;
  }
  return elements;
}

bool ascending(const std::vector<std::string>& elements) {
  for (size_t i = 1; i < elements.size(); ++i) {
    const auto a = number_of(elements[i - 1]), b = number_of(elements[i]);
    if (a && b ? *a > *b : elements[i - 1] > elements[i]) return false;
  }
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& ch : out) ch = ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch + 32) : ch;
  return out;
}
std::string upper(std::string_view text) {
  std::string out(text);
  for (char& ch : out) ch = ch >= 'a' && ch <= 'z' ? static_cast<char>(ch - 32) : ch;
  return out;
}

// Forms by language: of Python, and of JavaScript and TypeScript; empty where there is none.
struct Forms {
  std::string_view python, script;
  double weight;
};

class Finder {
 public:
  Finder(Language language, const ComparedValues& compared)
      : python_(language == Language::kPython), got_(compared.actual), wanted_(compared.expected) {}

  Conversions run() {
    if (const auto a = number_of(got_), b = number_of(wanted_); a && b)
      numbers(*a, *b);
    else if (python_ && stream())
      streams();
    else if (const auto x = elements_of(got_), y = elements_of(wanted_); x && y)
      elements(*x, *y);
    else
      texts();
    return std::move(found_);
  }

 private:
  void add(const Forms& forms) {
    if (const std::string_view form = python_ ? forms.python : forms.script; !form.empty())
      found_.push_back({std::string(form), forms.weight});
  }

  void numbers(double got, double wanted) {
    const bool looks_whole = wanted_.find_first_of(".eE") == std::string_view::npos;
    if (got == -wanted && wanted > 0) add({"abs(@)", "Math.abs(@)", 1});
    if (got == wanted && python_) {  // 3.0 for 3, or the other way
      if (looks_whole)
        add({"int(@)", "", 1}), add({kWholeDivision, "", .7}), add({"round(@)", "", .5});
      else
        add({"float(@)", "", 1});
      return;
    }
    if (looks_whole && std::abs(got - wanted) < 1 && wanted == std::trunc(wanted)) {
      if (std::round(got) == wanted) add({"round(@)", "Math.round(@)", .8});
      if (std::trunc(got) == wanted) add({"int(@)", "Math.trunc(@)", .8});
      if (std::floor(got) == wanted) add({"", "Math.floor(@)", 1});
    }
    const int digits = digits_behind_point(wanted_);
    if (digits > 0 && digits <= kMostDigits && digits_behind_point(got_) > digits &&
        std::abs(got - wanted) <= .51 * std::pow(10., -digits)) {
      found_.push_back(
          {python_ ? base::cat("round(@, ", digits, ")") : base::cat("Number((@).toFixed(", digits, "))"), 1});
    }
  }

  // What prints as an object that is read once, or as a view of a dictionary.
  bool stream() const {
    for (const std::string_view front :
         {"<generator object", "<map object", "<filter object", "<zip object", "<reversed object",
          "<list_reverseiterator", "<enumerate object", "<itertools.", "dict_keys(", "dict_values(", "dict_items(",
          "range(", "deque("})
      if (got_.starts_with(front)) return true;
    return false;
  }
  void streams() {
    if (wanted_.starts_with('['))
      add({"list(@)", "", 1}), add({"sorted(@)", "", .5});
    else if (wanted_.starts_with('('))
      add({"tuple(@)", "", 1});
    else if (wanted_.starts_with('{'))
      add({"set(@)", "", 1}), add({"dict(@)", "", .7});
    else if (wanted_ == "True" || wanted_ == "False")
      add({"all(@)", "", 1}), add({"any(@)", "", 1});
    else if (number_of(wanted_))
      add({"sum(@)", "", 1}), add({"max(@)", "", .5}), add({"len(list(@))", "", .4}), add({"min(@)", "", .4});
    else
      add({"''.join(@)", "", 1});
  }

  void elements(const std::vector<std::string>& got, const std::vector<std::string>& wanted) {
    const char a = got_.front(), b = wanted_.front();
    std::vector<std::string> x = got, y = wanted;
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    if (x == y && a != b && python_) {
      if (b == '[') add({a == '{' ? "sorted(@)" : "list(@)", "", 1}), add({a == '{' ? "list(@)" : "sorted(@)", "", .6});
      if (b == '(') add({"tuple(@)", "", 1});
      if (b == '{') add({"set(@)", "", 1});
    }
    if (x != y || got == wanted || a == '{') {
      x.erase(std::unique(x.begin(), x.end()), x.end());
      if (x == y && python_ && b == '[')
        add({"list(dict.fromkeys(@))", "", .6}), add({"sorted(set(@))", "", ascending(wanted) ? .8 : .1});
      return;
    }
    if (std::equal(got.rbegin(), got.rend(), wanted.begin(), wanted.end())) {
      add({"@[::-1]", "@.reverse()", 1});
      if (a == '[') add({"list(reversed(@))", "[...@].reverse()", .5});
    }
    if (ascending(wanted))
      add({"sorted(@)", "@.sort((a, b) => a - b)", 1}), add({"", "@.sort()", .7});
    else if (std::vector<std::string> turned(wanted.rbegin(), wanted.rend()); ascending(turned))
      add({"sorted(@, reverse=True)", "@.sort((a, b) => b - a)", 1});
  }

  void texts() {
    if (got_.empty() || wanted_.empty()) return;
    if (got_.size() > 1 && std::equal(got_.rbegin(), got_.rend(), wanted_.begin(), wanted_.end()))
      add({"@[::-1]", "@.split('').reverse().join('')", 1});
    if (wanted_ == upper(got_)) add({"@.upper()", "@.toUpperCase()", 1});
    if (wanted_ == lower(got_)) add({"@.lower()", "@.toLowerCase()", 1});
    if (wanted_ == base::trim(got_)) add({"@.strip()", "@.trim()", 1});
    if (lower(wanted_) == lower(got_) && wanted_ != lower(got_) && wanted_ != upper(got_))
      add({"@.capitalize()", "", .8}), add({"@.title()", "", .8}), add({"@.swapcase()", "", .3});
  }

  const bool python_;
  const std::string_view got_, wanted_;
  Conversions found_;
};

}  // namespace

std::vector<Conversion> conversions_of_values(Language language, const ComparedValues& compared) {
  const bool known = language == Language::kPython || language == Language::kJavaScript ||
                     language == Language::kTypeScript || language == Language::kTsx;
  if (!known || compared.part) return {};
  return Finder(language, compared).run();
}

}  // namespace agent
