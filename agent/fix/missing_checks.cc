// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/missing_checks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "agent/code/language_traits.h"
#include "agent/fix/diagnostic_repairs.h"
#include "agent/fix/expected_errors.h"
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
using Where = std::tuple<std::string, size_t, std::string, std::string>;  // path, function's first byte, type, message

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

}  // namespace

std::vector<Candidate> missing_checks(const CodeBase& code, const CheckReading& reading) {
  std::map<Where, Check> checks;
  std::map<std::string, std::optional<MutationContext>> contexts;
  for (const ExpectedError& error : expected_errors(code, reading)) {
    const CodeFile& file = *error.callee.file;
    const LanguageTraits* traits = language_traits(file.tree.language());
    if (traits == nullptr || !file.editable || file.is_test(error.callee.symbol->range)) continue;
    auto& context = contexts[file.path];
    if (!context) context.emplace(file.tree, *traits);
    const int function = function_node(*context, error.callee.symbol->range);
    if (function < 0) continue;
    const std::vector<std::string> parameters = parameters_of(*context, function);
    Check& check = checks[{file.path, context->nodes[function].range.begin, error.type, error.message}];
    for (size_t i = 0; i < error.arguments.size(); ++i) {
      // `n=-1`, by name.
      std::string_view argument = error.arguments[i],
                       name = i < parameters.size() ? std::string_view(parameters[i]) : std::string_view();
      if (const size_t mark = argument.find('='); mark != std::string_view::npos && context->python())
        if (const auto known = std::find(parameters.begin(), parameters.end(), base::trim(argument.substr(0, mark)));
            known != parameters.end()) {
          name = *known;
          argument = base::trim(argument.substr(mark + 1));
        }
      if (name.empty()) continue;
      for (const auto& [condition, weight] : suspect_conditions(file.tree.language(), name, argument, error.message)) {
        check.conditions[std::string(name)][condition] +=
            weight * (is_of_types(condition) == (error.type == "TypeError") ? kOfTheirKind : 1);
      }
    }
  }
  std::vector<Candidate> candidates;
  for (const auto& [where, check] : checks) {
    const auto& [path, begin, type, message] = where;
    const CodeFile& file = *code.file(path);
    MutationContext& c = *contexts.at(path);
    int function = 0;
    while (c.nodes[function].range.begin != begin || !is_one_of(c.nodes[function].type, c.traits.functions)) ++function;
    std::vector<int> statements = c.statements_of(c.body_of(function));
    if (!statements.empty() && c.is_documentation(statements[0])) statements.erase(statements.begin());
    if (statements.empty()) continue;
    const std::string indent(c.nodes.indent_at(c.nodes[statements[0]].range.begin));
    for (const auto& [condition, about] : joined(check, c.traits.or_word)) {
      const auto& [parameter, weight] = about;
      const std::string action =
          raise(file.tree.language(), type, message.empty() ? usual_words(parameter, condition) : message);
      Candidate candidate;
      candidate.path = path;
      const std::string check_text = c.guard(condition, action, indent);
      const size_t at = c.nodes[place_of(c, statements, condition)].range.begin;
      if (c.nodes.row_of(at) == c.nodes.row_of(c.nodes[c.body_of(function)].range.begin) && !c.python()) {
        candidate.replacements = {{at, at, check_text + " "}};  // the whole function stands on one line
      } else {
        const size_t row = c.nodes.row_range(c.nodes.row_of(at)).begin;
        candidate.replacements = {{row, row, base::cat(indent, check_text, "\n")}};
      }
      if (c.c_family() && action.find("std::") != std::string::npos &&
          file.text().find("<stdexcept>") == std::string::npos)
        candidate.replacements.insert(candidate.replacements.begin(), import_line(file, "#include <stdexcept>"));
      candidate.line = file.line_of(candidate.replacements.back().begin);
      candidate.kind = MutationKind::kGuard;
      candidate.proposer = "check that the test expects";
      candidate.description = base::cat("`", condition, "` raises what the test expects");
      candidate.score = weight;
      candidates.push_back(std::move(candidate));
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  if (candidates.size() > kMostCandidates) candidates.resize(kMostCandidates);
  double all = 0;
  for (const Candidate& candidate : candidates) all += candidate.score;
  for (Candidate& candidate : candidates) candidate.score *= kMissingCheckShare / std::max(all, kFewSpeak);
  return candidates;
}

}  // namespace agent
