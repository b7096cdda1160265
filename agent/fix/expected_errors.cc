// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/expected_errors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "agent/code/lexed_tokens.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr int kLines = 5;  // of a test's statement

constexpr auto kAsks = std::to_array<std::string_view>(
    {"raises(", "assertRaises", ".throws(", ".rejects(", "toThrow", "_THROW", "assertThrows", ".to.throw"});

bool asks_for_error(std::string_view line) {
  return std::any_of(kAsks.begin(), kAsks.end(),
                     [&](std::string_view words) { return line.find(words) != std::string_view::npos; });
}

std::string_view line_of(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  return std::string_view(file.text()).substr(range.begin, range.end - range.begin);
}

size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(" \t"), line.size());
}

// The statement of a test from `line` on: what is further in, or goes on.
std::string statement_at(const CodeFile& file, int line) {
  std::string statement(line_of(file, line));
  const size_t indent = indent_of(statement);
  for (int next = line + 1; next < line + kLines && next <= file.n_lines(); ++next) {
    const std::string_view text = line_of(file, next);
    if (base::trim(text).empty() || indent_of(text) < indent ||
        (indent_of(text) == indent && is_name_byte(text[indent])))
      break;
    statement.append("\n").append(text);
  }
  return statement;
}

// "ValueError", "std::invalid_argument": a word that names an error, the first.
std::string error_type(std::string_view text) {
  constexpr auto kEnds = std::to_array<std::string_view>({"Error", "Exception", "_argument", "out_of_range", "_error"});
  for (size_t at = 0; at < text.size();) {
    if (!is_name_byte(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && (is_name_byte(text[end]) || text[end] == '.' || text.substr(end).starts_with("::")))
      end += text[end] == ':' ? 2 : 1;
    std::string_view word = text.substr(at, end - at);
    if (word.ends_with(".class")) word.remove_suffix(6);  // Java
    if (std::any_of(kEnds.begin(), kEnds.end(), [&](std::string_view tail) { return word.ends_with(tail); }))
      return std::string(word);
    at = end;
  }
  return {};
}

// The end of the brackets that open at `open`; npos where they do not close.
size_t close_of(std::string_view text, size_t open) {
  int depth = 0;
  char quote = 0;
  for (size_t i = open; i < text.size(); ++i) {
    const char ch = text[i];
    if (quote != 0) {
      if (ch == '\\')
        ++i;
      else if (ch == quote)
        quote = 0;
    } else if (ch == '"' || ch == '\'' || ch == '`') {
      quote = ch;
    } else if (opens(text.substr(i, 1))) {
      ++depth;
    } else if (closes(text.substr(i, 1)) && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::vector<std::string> split_arguments(std::string_view list) {
  std::vector<std::string> arguments;
  int depth = 0;
  char quote = 0;
  size_t from = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i == list.size() || (list[i] == ',' && depth == 0 && quote == 0)) {
      if (const std::string_view one = base::trim(list.substr(from, i - from)); !one.empty())
        arguments.emplace_back(one);
      from = i + 1;
    } else if (quote != 0) {
      if (list[i] == '\\')
        ++i;
      else if (list[i] == quote)
        quote = 0;
    } else if (list[i] == '"' || list[i] == '\'' || list[i] == '`') {
      quote = list[i];
    } else {
      depth += opens(list.substr(i, 1)) ? 1 : closes(list.substr(i, 1)) ? -1 : 0;
    }
  }
  return arguments;
}

struct Call {
  Definition callee;
  std::vector<std::string> arguments;
  tools::Range range;  // in the statement
};

// The first call of an editable function; also `assertRaises(ValueError, f, -1)`, where the function is handed over.
std::optional<Call> first_call(const CodeBase& code, std::string_view statement) {
  std::optional<Call> handed_over;
  for (size_t at = 0; at < statement.size();) {
    if (!is_name_byte(statement[at]) || (at > 0 && is_name_byte(statement[at - 1]))) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < statement.size() && is_name_byte(statement[end])) ++end;
    const std::vector<Definition> found = code.find(statement.substr(at, end - at));
    const bool one = found.size() == 1 && (found[0].symbol->kind == tools::SymbolKind::kFunction ||
                                           found[0].symbol->kind == tools::SymbolKind::kMethod);
    if (one && end < statement.size() && statement[end] == '(') {
      const size_t close = close_of(statement, end);
      if (close != std::string_view::npos)
        return Call{found[0], split_arguments(statement.substr(end + 1, close - end - 1)), {at, close + 1}};
    }
    if (one && !handed_over && end < statement.size() && (statement[end] == ',' || statement[end] == ')')) {
      const size_t close = std::min(statement.find('\n', end), statement.size());
      const std::string_view rest = statement.substr(end, close - end);
      const size_t last = rest.rfind(')');
      if (last != std::string_view::npos)
        handed_over = Call{found[0],
                           split_arguments(rest.substr(std::min<size_t>(1, last), last - std::min<size_t>(1, last))),
                           {at, end + last}};
    }
    at = end;
  }
  return handed_over;
}

// The first text in quotes outside of the call.
std::string quoted_outside(std::string_view statement, tools::Range call) {
  for (size_t at = 0; at < statement.size(); ++at) {
    if (at >= call.begin && at < call.end) continue;
    if (statement[at] != '"' && statement[at] != '\'') continue;
    const size_t close = statement.find(statement[at], at + 1);
    if (close == std::string_view::npos) return {};
    const std::string text(statement.substr(at + 1, close - at - 1));
    // `{name: 'RangeError', message: '...'}`
    if (!text.empty() && text != error_type(text)) return text;
    at = close;
  }
  return {};
}

// `>>> f(-1)` with the end of a backtrace below it.
std::optional<ExpectedError> in_example(const CodeBase& code, const CodeFile& file, int line) {
  const std::string_view text = base::trim(line_of(file, line));
  if (!text.starts_with(">>> ") || line >= file.n_lines() ||
      !base::trim(line_of(file, line + 1)).starts_with("Traceback (most"))
    return std::nullopt;
  const size_t indent = indent_of(line_of(file, line));
  for (int next = line + 2; next <= std::min(line + 12, file.n_lines()); ++next) {
    const std::string_view raised = line_of(file, next);
    if (indent_of(raised) != indent || base::trim(raised) == "...") continue;
    const size_t colon = raised.find(':');
    auto call = first_call(code, text);
    if (!call) return std::nullopt;
    ExpectedError error{std::string(base::trim(raised.substr(0, colon))), {}, call->callee, std::move(call->arguments)};
    if (colon != std::string_view::npos) error.message = base::trim(raised.substr(colon + 1));
    return error;
  }
  return std::nullopt;
}

std::optional<ExpectedError> in_assertion(const CodeBase& code, const CodeFile& file, int line) {
  if (!asks_for_error(line_of(file, line))) return std::nullopt;
  const std::string statement = statement_at(file, line);
  auto call = first_call(code, statement);
  if (!call) return std::nullopt;
  return ExpectedError{error_type(statement), quoted_outside(statement, call->range), call->callee,
                       std::move(call->arguments)};
}

}  // namespace

std::vector<ExpectedError> expected_errors(const CodeBase& code, const CheckReading& reading) {
  std::vector<ExpectedError> errors;
  std::set<std::pair<std::string, int>> seen;
  for (const Place& place : reading.places) {
    const CodeFile* file = code.file(place.path);
    if (file == nullptr || place.line < 1 || place.line > file->n_lines() ||
        !seen.emplace(place.path, place.line).second)
      continue;
    auto error = in_example(code, *file, place.line);
    if (!error && reading.symptoms.contains(Symptom::kNotRaised)) error = in_assertion(code, *file, place.line);
    if (error) errors.push_back(*std::move(error));
    if (errors.size() >= kMostExpectedErrors) break;
  }
  return errors;
}

}  // namespace agent
