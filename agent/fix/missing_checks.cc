// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/missing_checks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "agent/code/language_traits.h"
#include "agent/fix/diagnostic_repairs.h"
#include "agent/fix/expected_errors.h"
#include "agent/fix/ranking.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

using tools::Language;

constexpr double kFewSpeak = 1;       // so much weight takes the whole share
constexpr double kOfTheirKind = 1.5;  // a TypeError is of types
constexpr double kBothOf = .6;        // two parameters in one condition, of what each has
constexpr size_t kMostCandidates = 40;

// What is checked in one function, with one error: conditions by parameter.
struct Check {
  std::map<std::string, std::map<std::string, double>> conditions;  // parameter -> condition -> weight
};
using Where = std::tuple<std::string, int, std::string, std::string>;  // path, the function's node, type, message

int function_node(const MutationContext& c, tools::Range symbol) {
  for (int i = 0; i < c.nodes.size(); ++i)
    if (c.nodes[i].range.begin >= symbol.begin && c.nodes[i].range.end <= symbol.end &&
        is_one_of(c.nodes[i].type, c.traits.functions) && c.body_of(i) >= 0)
      return i;
  return -1;
}

std::vector<std::string> parameters_of(MutationContext& c, int function) {
  std::vector<std::string> names = c.names_of(function).parameters;
  if (!names.empty() && (names[0] == "self" || names[0] == "cls")) names.erase(names.begin());
  return names;
}

std::string quoted(std::string_view message, Language language) {
  const char quote = message.find('"') == std::string_view::npos || message.find('\'') != std::string_view::npos ||
                             language == Language::kCpp || language == Language::kJava
                         ? '"'
                         : '\'';
  std::string text(1, quote);
  for (const char ch : message) {
    if (ch == quote || ch == '\\') text += '\\';
    text += ch;
  }
  return text += quote;
}

// "n must not be negative": where the test leaves the words open.
std::string usual_words(std::string_view parameter, std::string_view condition) {
  const auto says = [&](std::string_view part) { return condition.find(part) != std::string_view::npos; };
  if (says("<= 0")) return base::cat(parameter, " must be positive");
  if (says("< 0")) return base::cat(parameter, " must not be negative");
  if (says("== 0") && !says("length")) return base::cat(parameter, " must not be zero");
  if (says("int") && says("isinstance")) return base::cat(parameter, " must be a number");
  if (says("isInteger") || says("!= int(")) return base::cat(parameter, " must be a whole number");
  if (says("mpty()") || says("length") || condition == base::cat("not ", parameter))
    return base::cat(parameter, " must not be empty");
  if (says("None") || says("null")) return base::cat(parameter, " is missing");
  return base::cat(parameter, " is not valid");
}

std::string raise(Language language, const std::string& type, const std::string& message) {
  const std::string words = quoted(message, language);
  switch (language) {
    case Language::kPython:
      return base::cat("raise ", type.empty() ? "ValueError" : type, "(", words, ")");
    case Language::kJava:
      return base::cat("throw new ", type.empty() ? "IllegalArgumentException" : type, "(", words, ")");
    case Language::kCpp:
    case Language::kCuda:
      return base::cat("throw ", type.empty() ? "std::invalid_argument" : type, "(", words, ")");
    default:
      return base::cat("throw new ", type.empty() ? "Error" : type, "(", words, ")");
  }
}

bool is_of_types(std::string_view condition) {
  return condition.find("isinstance") != std::string_view::npos || condition.find("typeof") != std::string_view::npos;
}

// `if (...) throw ...;` and nothing else.
bool is_check(const MutationContext& c, int statement) {
  if (c.nodes[statement].type != "if_statement") return false;
  const std::string_view text = c.nodes.text(statement), word = c.python() ? "raise " : "throw ";
  const size_t at = text.find(word);
  if (at == std::string_view::npos || text.find(word, at + 1) != std::string_view::npos) return false;
  const std::string_view condition_and_mark = base::trim(text.substr(0, at));
  return condition_and_mark.ends_with(c.python() ? ":" : "{") || condition_and_mark.ends_with(")");
}

// Before which of the function's statements the check belongs: of types first of all, of values behind the checks there are.
int place_of(const MutationContext& c, const std::vector<int>& statements, std::string_view condition) {
  size_t i = 0;
  if (!is_of_types(condition))
    while (i + 1 < statements.size() && is_check(c, statements[i])) ++i;
  return statements[i];
}

// The conditions of one check, of one parameter and of two that are asked the same.
std::map<std::string, std::pair<std::string, double>> joined(const Check& check, std::string_view or_word) {
  std::map<std::string, std::pair<std::string, double>> all;  // condition -> parameter, weight
  for (const auto& [parameter, conditions] : check.conditions)
    for (const auto& [condition, weight] : conditions) all[condition] = {parameter, weight};
  for (auto a = check.conditions.begin(); a != check.conditions.end(); ++a)
    for (auto b = std::next(a); b != check.conditions.end(); ++b)
      for (const auto& [condition, weight] : a->second) {
        if (!condition.starts_with(a->first)) continue;
        const std::string other = base::cat(b->first, condition.substr(a->first.size()));
        if (const auto twin = b->second.find(other); twin != b->second.end())
          all[base::cat(condition, " ", or_word, " ", other)] = {a->first, kBothOf * (weight + twin->second)};
      }
  return all;
}

// The files that are looked into, by path.
using Contexts = std::map<std::string, std::optional<MutationContext>>;

// Adds what `error` says of the arguments of its call.
void add_conditions(const ExpectedError& error, MutationContext& c, const std::vector<std::string>& parameters,
                    Check& check) {
  for (size_t i = 0; i < error.arguments.size(); ++i) {
    std::string_view argument = error.arguments[i],
                     name = i < parameters.size() ? std::string_view(parameters[i]) : std::string_view();
    if (const size_t mark = argument.find('='); mark != std::string_view::npos && c.python()) {  // `n=-1`, by name
      const auto known = std::find(parameters.begin(), parameters.end(), base::trim(argument.substr(0, mark)));
      if (known != parameters.end()) {
        name = *known;
        argument = base::trim(argument.substr(mark + 1));
      }
    }
    if (name.empty()) continue;
    for (const auto& [condition, weight] : suspect_conditions(c.nodes.tree().language(), name, argument, error.message))
      check.conditions[std::string(name)][condition] +=
          weight * (is_of_types(condition) == (error.type == "TypeError") ? kOfTheirKind : 1);
  }
}

std::map<Where, Check> checks_that_lack(const CodeBase& code, const CheckReading& reading, Contexts& contexts) {
  std::map<Where, Check> checks;
  for (const ExpectedError& error : expected_errors(code, reading)) {
    const CodeFile& file = *error.callee.file;
    const LanguageTraits* traits = language_traits(file.tree.language());
    if (traits == nullptr || !file.editable || file.in_test(error.callee.symbol->range)) continue;
    auto& context = contexts[file.path];
    if (!context) context.emplace(file.tree, *traits);
    const int function = function_node(*context, error.callee.symbol->range);
    if (function < 0) continue;
    add_conditions(error, *context, parameters_of(*context, function),
                   checks[{file.path, function, error.type, error.message}]);
  }
  return checks;
}

// The edit that puts `check` into the function, in front of one of `statements`.
std::vector<tools::Replacement> insertion(const CodeFile& file, const MutationContext& c, int function,
                                          const std::vector<int>& statements, std::string_view condition,
                                          const std::string& action) {
  const std::string indent(c.nodes.indent_at(c.nodes[statements[0]].range.begin));
  const std::string check = c.guard(condition, action, indent);
  const size_t at = c.nodes[place_of(c, statements, condition)].range.begin, row = c.nodes.row_of(at);
  std::vector<tools::Replacement> edit;
  if (c.c_family() && action.find("std::") != std::string::npos && file.text().find("<stdexcept>") == std::string::npos)
    edit.push_back(import_line(file, "#include <stdexcept>"));
  // Where the whole function stands on one line, so does its check.
  if (row == c.nodes.row_of(c.nodes[c.body_of(function)].range.begin) && !c.python())
    edit.push_back({at, at, check + " "});
  else
    edit.push_back({c.nodes.row_range(row).begin, c.nodes.row_range(row).begin, base::cat(indent, check, "\n")});
  return edit;
}

}  // namespace

std::vector<Candidate> missing_checks(const CodeBase& code, const CheckReading& reading) {
  std::vector<Candidate> candidates;
  Contexts contexts;
  for (const auto& [where, check] : checks_that_lack(code, reading, contexts)) {
    const auto& [path, function, type, message] = where;
    const CodeFile& file = *code.file(path);
    const MutationContext& c = *contexts.at(path);
    std::vector<int> statements = c.statements_of(c.body_of(function));
    if (!statements.empty() && c.is_documentation(statements[0])) statements.erase(statements.begin());
    if (statements.empty()) continue;
    for (const auto& [condition, about] : joined(check, c.traits.or_word)) {
      const auto& [parameter, weight] = about;
      Candidate candidate;
      candidate.path = path;
      candidate.replacements =
          insertion(file, c, function, statements, condition,
                    raise(file.tree.language(), type, message.empty() ? usual_words(parameter, condition) : message));
      candidate.line = file.line_of(candidate.replacements.back().begin);
      candidate.kind = MutationKind::kGuard;
      candidate.proposer = "check that the test expects";
      candidate.description = base::cat("`", condition, "` raises what the test expects");
      candidate.score = weight;
      candidates.push_back(std::move(candidate));
    }
  }
  share_out(candidates, kMostCandidates, kMissingCheckShare, kFewSpeak);
  return candidates;
}

}  // namespace agent
