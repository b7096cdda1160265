// SPDX-License-Identifier: Apache-2.0
// Files that a parser or compiler refuses: one slip of the hand is undone.
#include <algorithm>
#include <array>
#include <cmath>

#include "agent/code/file_roles.h"
#include "agent/fix/diagnostic_repairs.h"
#include "agent/fix/syntax_ranking.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxFiles = 3, kMaxFaults = 5;
constexpr size_t kOffered = 60;
// Of all edits of a file together, against one repair that a message names: the file does not parse, or only does not
// mean anything to the compiler.
constexpr double kSyntaxShare = 1.2, kMeaningShare = .3;

bool speaks_of_syntax(std::string_view message) {
  constexpr std::array<std::string_view, 14> kWords = {
      "expected", "Unexpected",   "unexpected", "SyntaxError",  "IndentationError", "TabError", "stray",
      "missing",  "unterminated", "unmatched",  "never closed", " before ",         "unclosed", "extraneous"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return has(message, word); });
}

// What an interpreter says below the place: "SyntaxError: invalid syntax".
std::string script_message(const CheckReading& reading) {
  for (const std::string& message : reading.messages)
    for (std::string_view name : {"SyntaxError", "IndentationError", "TabError"})
      if (const size_t at = message.find(name); at != std::string::npos) return message.substr(at);
  return "";
}

SyntaxFault fault_at(const CodeFile& file, const Place& place, std::string message) {
  SyntaxFault fault;
  fault.line = place.line;
  fault.message = std::move(message);
  const tools::Range range = file.line_range(place.line);
  const size_t first = file.text().find_first_not_of(" \t", range.begin);
  const size_t code = std::min(first, range.end);
  fault.begin = code;
  fault.end = range.end;
  if (place.mark_begin > 0) {
    fault.begin = std::min(code + static_cast<size_t>(place.mark_begin) - 1, range.end);
    fault.end = std::max(fault.begin, std::min(code + static_cast<size_t>(place.mark_end) - 2, range.end));
    fault.exact = true;
  }
  if (place.column > 0) {
    fault.begin = fault.end = std::min(range.begin + static_cast<size_t>(place.column) - 1, range.end);
    fault.exact = true;
  }
  return fault;
}

// Errors inside a macro are told of the macro's definition; the notes below say where it was used.
std::vector<std::pair<Place, std::string>> places_to_blame(const CheckReading& reading) {
  std::vector<std::pair<Place, std::string>> places;
  for (const Place& place : reading.places) {
    const bool expansion = place.kind == PlaceKind::kNote && has(place.message, "in expansion of macro");
    if (expansion && !places.empty() && places.back().first.kind == PlaceKind::kError) {
      places.back().first = place;
      places.back().first.kind = PlaceKind::kError;
    } else if (!expansion) {
      places.emplace_back(place, place.message);
    }
  }
  return places;
}

}  // namespace

std::vector<std::pair<const CodeFile*, std::vector<SyntaxFault>>> faults_of(const CodeBase& code,
                                                                            const CheckReading& reading) {
  std::vector<std::pair<const CodeFile*, std::vector<SyntaxFault>>> all;
  const std::string said = script_message(reading);
  for (const auto& [place, told] : places_to_blame(reading)) {
    const CodeFile* file = code.file(place.path);
    if (file == nullptr || place.line < 1 || place.line > file->n_lines()) continue;
    const bool frame = place.kind == PlaceKind::kFrame && place.frames_below == 0 && !said.empty();
    // "to match this '('" belongs to the error above it.
    const bool note = place.kind == PlaceKind::kNote && has(place.message, "to match this") && !all.empty();
    if (place.kind != PlaceKind::kError && !frame && !note) continue;
    const std::string& message = frame || told.empty() ? said : told;
    // A test is not edited, but where it cannot be read it tests nothing.
    if (!file->editable && !(is_test_path(file->path) && speaks_of_syntax(message))) continue;
    auto known = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first == file; });
    if (known == all.end()) {
      if (all.size() >= kMaxFiles) continue;
      known = all.insert(all.end(), {file, {}});
    }
    if (known->second.size() < kMaxFaults) known->second.push_back(fault_at(*file, place, message));
  }
  return all;
}

namespace {

std::string described(const CodeFile& file, const TokenEdit& edit) {
  const std::string_view gone =
      std::string_view(file.text()).substr(edit.replacement.begin, edit.replacement.end - edit.replacement.begin);
  const std::string_view put = base::trim(edit.replacement.text);
  if (edit.kind == EditKind::kIndent) return "the line is indented otherwise";
  if (base::trim(gone).empty()) return base::cat("`", put, "` is put in");
  if (put.empty()) return base::cat("`", base::trim(gone), "` goes away");
  return base::cat("`", gone, "` becomes `", put, "`");
}

}  // namespace

void repair_syntax(const CheckReading& reading, RepairSink& sink, std::stop_token stop) {
  const bool syntax = reading.build_failed || reading.symptoms.contains(Symptom::kSyntax) ||
                      reading.symptoms.contains(Symptom::kUnclosed);
  if (!syntax) return;
  double order = 1;  // the first file's message is the cause of many that follow
  for (const auto& [file, faults] : faults_of(sink.code, reading)) {
    if (stop.stop_requested()) return;
    const std::vector<RankedEdit> ranked = rank_token_edits(sink.code, *file, faults, stop);
    if (ranked.empty()) continue;
    const bool refused = !file->tree.errors().empty() || speaks_of_syntax(faults[0].message);
    double sum = 0;
    for (const RankedEdit& candidate : ranked) sum += std::exp(candidate.score - ranked[0].score);
    for (size_t i = 0; i < std::min(kOffered, ranked.size()); ++i)
      sink.offer(*file, ranked[i].edit.replacement, "syntax",
                 order * (refused ? kSyntaxShare : kMeaningShare) * std::exp(ranked[i].score - ranked[0].score) / sum,
                 described(*file, ranked[i].edit));
    order *= .3;
  }
}

}  // namespace agent
