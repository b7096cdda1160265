// SPDX-License-Identifier: Apache-2.0
// tools/locate.h: finds the one place of a file that a hunk means, and turns hunks into replacements; private to
// tools/.
//
// Steps    exact; then without regard to line ends; then to blanks at line ends; then to one indentation that all lines
//          have more or less of. The first step that finds anything decides: one place, or a refusal. The later two
//          want an anchor of some substance.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/edit.h"
#include "tools/file_lines.h"
#include "tools/proposal.h"

namespace tools {

enum class MatchStep { kExact, kLineEnds, kTrailingBlanks, kIndentation };

struct Match {
  size_t line = 0;  // index of the first line
  MatchStep step = MatchStep::kExact;
  std::string added_indent, removed_indent;  // kIndentation: what the file has more, or less, than the hunk
};

struct LocateContext {
  std::string_view path;
  const FileLines& file;
  const ProposedFile& proposed;
  bool in_order, exact_ends;
  bool numbers_proven;  // the file is, by content hash, the one that the line numbers refer to
};

// One match per hunk, or a refusal that shows what is nearest.
base::Result<std::vector<Match>> locate(const LocateContext& context);

// The replacements of one located hunk: only lines that it removes or adds, never those it keeps.
base::Result<std::vector<Replacement>> replacements_of(const LocateContext& context, const Hunk& hunk,
                                                       const Match& match);

// "src/a.py: lines 3-5 match but for ..."; empty for an exact match.
std::string note_of(const LocateContext& context, const Hunk& hunk, const Match& match);

// What is most like the hunk, for a refusal: "lines 12-15 (3 of 4 lines are the same; line 13 is `...`)".
std::string nearest_places(const FileLines& file, const Hunk& hunk);

size_t n_old_lines(const Hunk& hunk);

}  // namespace tools
