// SPDX-License-Identifier: Apache-2.0
// What may be wrong with an argument, as conditions of each language.
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "agent/fix/missing_checks.h"
#include "base/strings.h"

namespace agent {
namespace {

using tools::Language;
using Conditions = std::vector<std::pair<std::string, double>>;

bool is_number(std::string_view text) {
  if (text.starts_with("-")) text.remove_prefix(1);
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) &&
         text.find_first_not_of("0123456789._eEfLlu") == std::string_view::npos;
}

// Whole numbers in the words of an error: "between 0 and 100".
std::vector<std::string> numbers_in(std::string_view message) {
  std::vector<std::string> numbers;
  for (size_t at = 0; at < message.size();) {
    size_t end = at;
    while (end < message.size() && std::isdigit(static_cast<unsigned char>(message[end]))) ++end;
    if (end > at && end - at < 10) numbers.emplace_back(message.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return numbers;
}

struct Dialect {
  Language language;
  std::string name;

  bool python() const { return language == Language::kPython; }
  bool script() const {
    return language == Language::kJavaScript || language == Language::kTypeScript || language == Language::kTsx;
  }
  bool cpp() const { return language == Language::kCpp || language == Language::kCuda; }

  std::string empty() const {
    if (python()) return base::cat("not ", name);
    if (script()) return base::cat(name, ".length === 0");
    return base::cat(name, cpp() ? ".empty()" : ".isEmpty()");
  }
  std::string nothing() const {
    if (python()) return base::cat(name, " is None");
    return base::cat(name, cpp() ? " == nullptr" : script() ? " == null" : " == null");
  }
  std::string zero() const { return base::cat(name, script() ? " === 0" : " == 0"); }
  std::string any_negative() const {
    return python()   ? base::cat("any(x < 0 for x in ", name, ")")
           : script() ? base::cat(name, ".some((x) => x < 0)")
                      : "";
  }
};

void of_number(const Dialect& d, std::string_view argument, std::string_view message, Conditions& found) {
  const bool negative = argument.starts_with("-");
  const bool zero = argument.find_first_of("123456789") == std::string_view::npos;
  const bool fraction = argument.find('.') != std::string_view::npos && !argument.ends_with(".0");
  if (negative) found.emplace_back(base::cat(d.name, " < 0"), 1);
  if (negative || zero) found.emplace_back(base::cat(d.name, " <= 0"), zero ? 1 : .8);
  if (zero) found.emplace_back(d.zero(), .6);
  if (fraction || argument.ends_with(".0")) {
    if (d.python()) {
      found.emplace_back(base::cat("not isinstance(", d.name, ", int)"), .9);
      found.emplace_back(base::cat(d.name, " != int(", d.name, ")"), .4);
    }
    if (d.script()) found.emplace_back(base::cat("!Number.isInteger(", d.name, ")"), .9);
  }
  // Bounds that the error speaks of: the nearest below comes first.
  const double value = std::strtod(std::string(argument).c_str(), nullptr);
  for (const std::string& bound : numbers_in(message)) {
    const double other = std::strtod(bound.c_str(), nullptr);
    if (other < value) found.emplace_back(base::cat(d.name, " > ", bound), .5 + .1 * other / value);
    if (value < other) found.emplace_back(base::cat(d.name, " < ", bound), .5);
  }
}

void of_text(const Dialect& d, bool empty, Conditions& found) {
  if (empty) found.emplace_back(d.empty(), 1);
  if (d.python()) {
    for (const auto& [type, weight] : {std::pair{"int", .7}, {"(int, float)", .5}, {"list", .3}})
      found.emplace_back(base::cat("not isinstance(", d.name, ", ", type, ")"), weight);
    found.emplace_back(base::cat("isinstance(", d.name, ", str)"), .3);
    if (!empty) found.emplace_back(base::cat("not ", d.name, ".isalpha()"), .15);
    if (!empty) found.emplace_back(base::cat("not ", d.name, ".isdigit()"), .15);
  }
  if (d.script()) found.emplace_back(base::cat("typeof ", d.name, " !== \"number\""), .6);
}

}  // namespace

Conditions suspect_conditions(Language language, std::string_view name, std::string_view argument,
                              std::string_view message) {
  const Dialect d{language, std::string(name)};
  Conditions found;
  if (!d.python() && !d.script() && !d.cpp() && language != Language::kJava) return found;
  const char first = argument.empty() ? ' ' : argument[0];
  if (is_number(argument)) {
    of_number(d, argument, message, found);
  } else if (first == '"' || first == '\'') {
    of_text(d, argument.size() == 2, found);
  } else if (argument == "[]" || argument == "{}" || argument == "()" || argument == "set()" ||
             argument.ends_with("{}")) {
    found.emplace_back(d.empty(), 1);
  } else if (first == '[' || first == '(') {
    if (argument.find('-') != std::string_view::npos && !d.any_negative().empty())
      found.emplace_back(d.any_negative(), .8);
    if (d.python()) found.emplace_back(base::cat("not isinstance(", d.name, first == '[' ? ", int)" : ", list)"), .4);
  } else if (argument == "None" || argument == "null" || argument == "undefined" || argument == "nullptr") {
    found.emplace_back(d.nothing(), 1);
    if (d.python()) found.emplace_back(d.empty(), .6);
  } else if (argument == "True" || argument == "False") {
    found.emplace_back(base::cat("isinstance(", d.name, ", bool)"), .6);
  }
  return found;
}

}  // namespace agent
