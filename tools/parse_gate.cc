// SPDX-License-Identifier: Apache-2.0
// The gate between a proposed edit and everything that costs time: no new syntax error.
//
// Many real files have errors for this parser (macros in C++, a dialect, a file that does not compile yet). So the
// faults of the old text are laid over the new one, moved by the change. What then is new counts; where the edit
// touched old faults, it may leave as many behind, but not more, and they may not swallow more text.
#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/strings.h"
#include "base/utf8.h"
#include "tools/syntax_state.h"

namespace tools {
namespace {

// The one span in which two texts differ.
TextChange difference(std::string_view old_text, std::string_view new_text) {
  const size_t shorter = std::min(old_text.size(), new_text.size());
  const size_t head = static_cast<size_t>(
      std::mismatch(old_text.begin(), old_text.begin() + static_cast<ptrdiff_t>(shorter), new_text.begin()).first -
      old_text.begin());
  size_t tail = 0;
  while (tail < shorter - head && old_text[old_text.size() - 1 - tail] == new_text[new_text.size() - 1 - tail]) ++tail;
  return {head, old_text.size() - tail, new_text.size() - tail};
}

bool comes_before(const SyntaxError& a, const SyntaxError& b) {
  return std::tie(a.range.begin, a.range.end, a.missing, a.type) <
         std::tie(b.range.begin, b.range.end, b.missing, b.type);
}

// Where an old fault lies in the new text if the change left it alone or lies inside it.
SyntaxError moved(SyntaxError fault, const TextChange& change) {
  const auto move = [&](size_t at) { return at >= change.old_end ? at - change.old_end + change.new_end : at; };
  fault.range = {fault.range.begin > change.begin ? move(fault.range.begin) : fault.range.begin, move(fault.range.end)};
  return fault;
}

size_t total_bytes(const std::vector<SyntaxError>& faults) {
  size_t bytes = 0;
  for (const SyntaxError& fault : faults) bytes += fault.range.end - fault.range.begin;
  return bytes;
}

std::string describe(std::string_view path, std::string_view text, const SyntaxError& fault) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(fault.range.begin), '\n');
  if (fault.missing) return base::cat(path, ":", line, ": new syntax error: `", fault.type, "` is missing");
  std::string_view shown = text.substr(fault.range.begin, fault.range.end - fault.range.begin);
  shown = base::trim(shown.substr(0, shown.find('\n'))).substr(0, 40);
  return base::cat(path, ":", line, ": new syntax error near `", base::to_valid_utf8(shown), "`");
}

GateResult compare(std::string_view path, const SyntaxTree& old_tree, const SyntaxTree& new_tree,
                   const TextChange& change) {
  std::vector<SyntaxError> faults = new_tree.errors(ErrorDepth::kAll);
  if (faults.empty()) return {};
  std::vector<SyntaxError> known;
  for (const SyntaxError& fault : old_tree.errors(ErrorDepth::kAll)) known.push_back(moved(fault, change));
  std::sort(faults.begin(), faults.end(), comes_before);
  std::sort(known.begin(), known.end(), comes_before);
  std::vector<SyntaxError> fresh, gone;
  std::set_difference(faults.begin(), faults.end(), known.begin(), known.end(), std::back_inserter(fresh),
                      comes_before);
  std::set_difference(known.begin(), known.end(), faults.begin(), faults.end(), std::back_inserter(gone), comes_before);
  if (fresh.empty() || fresh.size() < gone.size()) return {};
  const size_t added = change.new_end > change.old_end ? change.new_end - change.old_end : 0;
  if (fresh.size() == gone.size() && total_bytes(fresh) <= total_bytes(gone) + added) return {};
  return {false, describe(path, new_tree.text(), fresh.front())};
}

}  // namespace

GateResult parse_gate(std::string_view path, std::string_view old_text, std::string_view new_text) {
  const std::optional<Language> language = language_of_path(path);
  if (!language) return {true, base::cat(path, ": not parsed: no grammar for this kind of file")};
  const auto old_tree = SyntaxTree::parse(*language, std::string(old_text));
  const auto new_tree = SyntaxTree::parse(*language, std::string(new_text));
  if (!old_tree) return {true, base::cat(path, ": not parsed: ", old_tree.error().message)};
  if (!new_tree) return {true, base::cat(path, ": not parsed: ", new_tree.error().message)};
  return compare(path, *old_tree, *new_tree, difference(old_text, new_text));
}

base::Result<GateResult> parse_gate(std::string_view path, const SyntaxTree& old_tree, std::string new_text,
                                    std::stop_token stop) {
  const TextChange change = difference(old_tree.text(), new_text);
  const auto new_tree = old_tree.reparse(std::move(new_text), {&change, 1}, stop);
  if (!new_tree && new_tree.error().code == base::ErrorCode::kExhausted)
    return GateResult{true, base::cat(path, ": not parsed: ", new_tree.error().message)};
  if (!new_tree) return new_tree.error();
  GateResult result = compare(path, old_tree, *new_tree, change);
  if (result.passed) return result;
  // Among faults, a re-parse may recover in another way than a parse from nothing: only the latter may refuse.
  const auto whole = SyntaxTree::parse(old_tree.language(), new_tree->text(), std::move(stop));
  if (!whole) return whole.error();
  return compare(path, old_tree, *whole, change);
}

}  // namespace tools
