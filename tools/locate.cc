// SPDX-License-Identifier: Apache-2.0
#include "tools/locate.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace tools {
namespace {

using Kind = ProposedLine::Kind;

constexpr size_t kMinFuzzyAnchorBytes = 8;       // without blanks: `}` or `else:` alone is no anchor once bytes differ
constexpr size_t kMaxPlaces = 1000;              // of one hunk, before it is called ambiguous
constexpr size_t kMaxComparisons = 100'000'000;  // lines, over all hunks of a file: seconds, on a file made to be slow

std::string_view right_trimmed(std::string_view line) {
  const size_t last = line.find_last_not_of(" \t\r\f\v");
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string_view without_bom(std::string_view line) {
  if (line.substr(0, 3) == "\xef\xbb\xbf") line.remove_prefix(3);
  return line;
}

std::vector<const ProposedLine*> old_lines(const Hunk& hunk) {
  std::vector<const ProposedLine*> lines;
  for (const ProposedLine& line : hunk.lines)
    if (line.kind != Kind::kAdd) lines.push_back(&line);
  return lines;
}

class Finder {
 public:
  explicit Finder(const LocateContext& context) : context_(context), file_(context.file) {}

  base::Result<std::vector<Match>> run() {
    std::vector<std::vector<Match>> places;
    for (const Hunk& hunk : context_.proposed.hunks) {
      auto found = places_of(hunk);
      if (!found) return std::move(found).error();
      places.push_back(std::move(*found));
    }
    auto chosen = context_.in_order ? choose_in_order(places) : choose_each(places);
    if (chosen)
      if (base::Status bad = check_blank_anchors(*chosen); !bad) return std::move(bad).error();
    return chosen;
  }

 private:
  base::Error refuse(const Hunk& hunk, const std::string& why) const {
    return bad_edit(hunk.source_line, base::cat(context_.path, ": ", why));
  }

  // Where one hunk shows that the edit is written with another indentation, a hunk beside blank lines only can't show
  // it.
  base::Status check_blank_anchors(const std::vector<Match>& chosen) const {
    const bool shifted =
        std::any_of(chosen.begin(), chosen.end(), [](const Match& m) { return m.step == MatchStep::kIndentation; });
    if (!shifted) return base::ok();
    for (const Hunk& hunk : context_.proposed.hunks)
      if (anchor_bytes(old_lines(hunk)) == 0)
        return refuse(hunk,
                      "the edit has another indentation than the file, and this part stands beside blank lines only");
    return base::ok();
  }

  base::Result<std::vector<Match>> places_of(const Hunk& hunk) {
    const auto old = old_lines(hunk);
    if (old.empty()) return place_without_anchor(hunk);
    if (context_.numbers_proven) {
      for (const MatchStep step : {MatchStep::kExact, MatchStep::kLineEnds}) {
        Match match{hunk.line - 1, step, "", ""};
        if (hunk.line != 0 && fits(old, match, step)) return std::vector{match};
      }
      return refuse(hunk, base::cat("the file is the one that the edit was made for, but line ", hunk.line,
                                    " is not what the edit says"));
    }
    for (const MatchStep step :
         {MatchStep::kExact, MatchStep::kLineEnds, MatchStep::kTrailingBlanks, MatchStep::kIndentation}) {
      if (step >= MatchStep::kTrailingBlanks && anchor_bytes(old) < kMinFuzzyAnchorBytes) break;
      std::vector<Match> found = find(hunk, old, step);
      if (n_compared_ > kMaxComparisons) return refuse(hunk, "the file is too repetitive to find a place in it");
      // Line ends alone must not tell two places apart: most formats can't show them, and most writers don't see them.
      if (step == MatchStep::kExact && !found.empty()) found = find(hunk, old, MatchStep::kLineEnds, true);
      // Once bytes differ, the anchor must be unique however blanks are read; else another place is as good a guess.
      if (step >= MatchStep::kTrailingBlanks && !found.empty())
        if (const std::vector<Match> loose = find_loosely(old); loose.size() > 1) return refuse(hunk, ambiguous(loose));
      if (found.size() > kMaxPlaces || (found.size() > 1 && !context_.in_order)) return refuse(hunk, ambiguous(found));
      if (!found.empty()) return found;
    }
    return refuse(
        hunk, base::cat("the lines to be changed were not found", hunk.scopes.empty() ? "" : " below the `@@` lines",
                        ". ", nearest_places(file_, hunk)));
  }

  // Nothing but additions: sure only in an empty file, or where a content hash proves the line number.
  base::Result<std::vector<Match>> place_without_anchor(const Hunk& hunk) const {
    if (file_.size() == 0) return std::vector{Match{}};
    if (context_.numbers_proven && hunk.line >= 1 && hunk.line <= file_.size() + 1)
      return std::vector{Match{hunk.line - 1, MatchStep::kExact, "", ""}};
    return refuse(hunk, "this part names no line of the file to stand beside; add the lines around it");
  }

  static size_t anchor_bytes(const std::vector<const ProposedLine*>& old) {
    size_t bytes = 0;
    for (const ProposedLine* line : old)
      for (const char c : line->text) bytes += c != ' ' && c != '\t' && c != '\r';
    return bytes;
  }

  std::vector<Match> find(const Hunk& hunk, const std::vector<const ProposedLine*>& old, MatchStep step,
                          bool mark_exact = false) {
    // Start from the line of the hunk that is rarest in the file.
    size_t rarest = 0, fewest = file_.size() + 1;
    for (size_t j = 0; j < old.size(); ++j) {
      const size_t n = file_.alike(old[j]->text).size();
      if (n < fewest) rarest = j, fewest = n;
    }
    std::vector<Match> found;
    for (const size_t i : file_.alike(old[rarest]->text)) {
      if (i < rarest) continue;
      Match match{i - rarest, step, "", ""};
      if (!fits(old, match, step) || !in_scope(hunk, match.line)) continue;
      if (hunk.at_end && match.line + old.size() != file_.size()) continue;
      if (mark_exact && fits(old, match, MatchStep::kExact)) match.step = MatchStep::kExact;
      found.push_back(std::move(match));
      if (found.size() > kMaxPlaces || n_compared_ > kMaxComparisons) break;
    }
    return found;
  }

  // Places where the same words stand in the same order of lines, blank lines and all blanks at line edges aside.
  std::vector<Match> find_loosely(const std::vector<const ProposedLine*>& old) {
    std::vector<std::string_view> words;
    for (const ProposedLine* line : old)
      if (!bare(line->text).empty()) words.push_back(bare(line->text));
    std::vector<Match> found;
    if (words.empty()) return found;
    for (const size_t start : file_.alike(words.front())) {
      size_t i = start, n = 0;
      for (; i < file_.size() && n < words.size(); ++i, ++n_compared_) {
        const std::string_view text = bare(file_[i].text);
        if (text.empty()) continue;
        if (text != words[n]) break;
        ++n;
      }
      if (n == words.size()) found.push_back({start, MatchStep::kIndentation, "", ""});
      if (found.size() > kMaxPlaces || n_compared_ > kMaxComparisons) break;
    }
    return found;
  }

  bool fits(const std::vector<const ProposedLine*>& old, Match& match, MatchStep step) {
    if (match.line > file_.size() || old.size() > file_.size() - match.line) return false;
    if (step == MatchStep::kIndentation && !find_indentation(old, match)) return false;
    for (size_t j = 0; j < old.size(); ++j) {
      ++n_compared_;
      if (!line_fits(*old[j], match.line + j, step, match)) return false;
    }
    return true;
  }

  bool line_fits(const ProposedLine& wanted, size_t i, MatchStep step, const Match& match) const {
    const FileLine& line = file_[i];
    if (step == MatchStep::kExact) return line.text == wanted.text && (line.newline == wanted.newline);
    // A line that says "no newline after me" is the last one.
    if (!wanted.newline && context_.exact_ends && i + 1 != file_.size()) return false;
    const std::string_view have = i == 0 ? without_bom(line.text) : line.text;
    const std::string_view want = i == 0 ? without_bom(wanted.text) : std::string_view(wanted.text);
    if (step == MatchStep::kLineEnds) return without_cr(have) == without_cr(want);
    const std::string_view have_text = right_trimmed(have), want_text = right_trimmed(want);
    if (step == MatchStep::kTrailingBlanks) return have_text == want_text;
    if (have_text.empty() || want_text.empty()) return have_text.empty() && want_text.empty();
    const size_t more = match.added_indent.size(), less = match.removed_indent.size();
    return have_text.substr(0, more) == match.added_indent && want_text.substr(0, less) == match.removed_indent &&
           have_text.substr(more) == want_text.substr(less);
  }

  // The difference in indentation of the first line that is not blank.
  bool find_indentation(const std::vector<const ProposedLine*>& old, Match& match) const {
    for (size_t j = 0; j < old.size(); ++j) {
      const std::string_view want = right_trimmed(old[j]->text), have = right_trimmed(file_[match.line + j].text);
      if (want.empty() || have.empty()) continue;
      if (have.size() > want.size() && have.substr(have.size() - want.size()) == want)
        match.added_indent = std::string(have.substr(0, have.size() - want.size())), match.removed_indent.clear();
      else if (want.size() > have.size() && want.substr(want.size() - have.size()) == have)
        match.removed_indent = std::string(want.substr(0, want.size() - have.size())), match.added_indent.clear();
      else
        return false;
      return (match.added_indent + match.removed_indent).find_first_not_of(" \t") == std::string::npos;
    }
    return false;
  }

  // Each `@@` line must begin a line around the place (one of less indentation above it), the outermost first. What is
  // not indented has nothing around it: there the line must only stand above.
  bool in_scope(const Hunk& hunk, size_t line) const {
    const auto indent = [&](size_t i) { return file_[i].text.find_first_not_of(" \t"); };
    size_t first = line;
    while (first < file_.size() && bare(file_[first].text).empty()) ++first;
    size_t limit = first < file_.size() ? indent(first) : 0;
    const bool anywhere = limit == 0;
    size_t n_open = hunk.scopes.size();
    for (size_t i = line; i-- > 0 && n_open > 0;) {
      const std::string_view text = bare(file_[i].text);
      if (text.empty() || (!anywhere && indent(i) >= limit)) continue;
      const std::string_view scope = bare(hunk.scopes[n_open - 1]);
      if (text.substr(0, scope.size()) == scope) --n_open;
      if (text != "{") limit = indent(i);  // a brace alone opens what the line above it names
    }
    return n_open == 0;
  }

  std::string ambiguous(const std::vector<Match>& found) const {
    std::string lines;
    for (size_t i = 0; i < std::min<size_t>(found.size(), 5); ++i)
      lines += base::cat(i == 0 ? "" : ", ", found[i].line + 1);
    return base::cat("the lines to be changed stand at ",
                     found.size() > kMaxPlaces ? "very many" : base::cat(found.size()), " places (lines ", lines,
                     found.size() > 5 ? ", ..." : "", "); add lines around them so that only one fits");
  }

  base::Result<std::vector<Match>> choose_each(const std::vector<std::vector<Match>>& places) const {
    std::vector<Match> chosen;
    for (const auto& found : places) chosen.push_back(found.front());
    return chosen;
  }

  // Places that follow one another: taken as early as can be and as late as can be. Where both agree, there is one way.
  base::Result<std::vector<Match>> choose_in_order(const std::vector<std::vector<Match>>& places) const {
    const auto& hunks = context_.proposed.hunks;
    std::vector<Match> early, late(places.size());
    size_t next_free = 0;
    for (size_t h = 0; h < places.size(); ++h) {
      const auto found =
          std::find_if(places[h].begin(), places[h].end(), [&](const Match& m) { return m.line >= next_free; });
      if (found == places[h].end())
        return refuse(hunks[h], base::cat("the lines to be changed stand at line ", places[h].back().line + 1,
                                          ", before those of the part above"));
      early.push_back(*found);
      next_free = found->line + n_old_lines(hunks[h]);
    }
    size_t limit = file_.size() + 1;
    for (size_t h = places.size(); h-- > 0;) {
      const auto found = std::find_if(places[h].rbegin(), places[h].rend(),
                                      [&](const Match& m) { return m.line + n_old_lines(hunks[h]) <= limit; });
      if (found == places[h].rend())
        return refuse(hunks[h], "the parts of the edit do not follow one another in the file");
      late[h] = *found;
      limit = found->line;
    }
    for (size_t h = 0; h < places.size(); ++h)
      if (early[h].line != late[h].line) return refuse(hunks[h], ambiguous(places[h]));
    return early;
  }

  const LocateContext& context_;
  const FileLines& file_;
  size_t n_compared_ = 0;
};

}  // namespace

size_t n_old_lines(const Hunk& hunk) {
  return old_lines(hunk).size();
}

base::Result<std::vector<Match>> locate(const LocateContext& context) {
  return Finder(context).run();
}

std::string note_of(const LocateContext& context, const Hunk& hunk, const Match& match) {
  if (match.step == MatchStep::kExact) {
    if (context.in_order || hunk.line == 0 || hunk.line == match.line + 1) return {};
    return base::cat(context.path, ": line ", hunk.line, " of the edit is line ", match.line + 1, " of the file");
  }
  const size_t n = n_old_lines(hunk), first = match.line + 1, last = match.line + n;
  const std::string where =
      base::cat(context.path, ": ",
                n == 1 ? base::cat("line ", first, " matches") : base::cat("lines ", first, "-", last, " match"));
  if (match.step == MatchStep::kTrailingBlanks) return where + " but for blanks at line ends, which are kept";
  if (match.step == MatchStep::kIndentation) {
    const size_t more = match.added_indent.size(), less = match.removed_indent.size();
    return base::cat(where, " but for the indentation (", more > 0 ? more : less,
                     more > 0 ? " characters more" : " characters less", " in the file); new lines are moved likewise");
  }
  for (size_t i = match.line; i < last; ++i)
    if (!context.file[i].text.empty() && context.file[i].text.back() == '\r')
      return where + " but for line ends; those of the file are kept";
  return {};  // only the missing newline at the end of the file
}

}  // namespace tools
