// SPDX-License-Identifier: Apache-2.0
// What a refusal shows: the places of the file that are most like what was looked for.
#include <algorithm>
#include <map>

#include "base/strings.h"
#include "base/utf8.h"
#include "tools/locate.h"

namespace tools {
namespace {

constexpr size_t kShown = 3;
constexpr size_t kMaxVotesPerLine = 1000;  // a line such as `}` says little about the place
constexpr size_t kMaxLinesToCompare = 50'000;

std::string shown(std::string_view line) {
  return base::cat("`", base::to_valid_utf8(bare(line).substr(0, 80)), "`");
}

// How many pairs of neighbouring letters two lines share, 0 to 1 (Dice).
double likeness(std::string_view a, std::string_view b) {
  a = bare(a).substr(0, 200), b = bare(b).substr(0, 200);
  if (a.size() < 2 || b.size() < 2) return 0;
  std::map<std::pair<char, char>, int> pairs;
  for (size_t i = 0; i + 1 < a.size(); ++i) ++pairs[{a[i], a[i + 1]}];
  int common = 0;
  for (size_t i = 0; i + 1 < b.size(); ++i) {
    const auto found = pairs.find({b[i], b[i + 1]});
    if (found != pairs.end() && found->second > 0) --found->second, ++common;
  }
  return 2.0 * common / static_cast<double>(a.size() + b.size() - 2);
}

}  // namespace

std::string nearest_places(const FileLines& file, const Hunk& hunk) {
  std::vector<const ProposedLine*> old;
  for (const ProposedLine& line : hunk.lines)
    if (line.kind != ProposedLine::Kind::kAdd) old.push_back(&line);
  if (file.size() == 0) return "The file is empty.";
  // Each line that stands somewhere in the file votes for the places at which the whole would then begin.
  std::map<size_t, size_t> votes;
  for (size_t j = 0; j < old.size(); ++j) {
    const auto& alike = file.alike(old[j]->text);
    if (bare(old[j]->text).empty() || alike.size() > kMaxVotesPerLine) continue;
    for (const size_t i : alike)
      if (i >= j) ++votes[i - j];
  }
  std::vector<std::pair<size_t, size_t>> best;  // votes, place
  for (const auto& [place, n] : votes) best.push_back({n, place});
  std::sort(best.begin(), best.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::string out;
  for (size_t k = 0; k < std::min(best.size(), kShown); ++k) {
    const auto [n, place] = best[k];
    const size_t last = std::min(place + old.size(), file.size());
    out += base::cat(k == 0 ? "Nearest: " : "; ", "lines ", place + 1, "-", last, " (", n, " of ", old.size(),
                     " lines are there");
    for (size_t j = 0; k == 0 && j < old.size() && place + j < file.size(); ++j) {
      if (bare(file[place + j].text) == bare(old[j]->text)) continue;
      out += base::cat("; line ", place + j + 1, " is ", shown(file[place + j].text), ", the edit has ",
                       shown(old[j]->text));
      break;
    }
    out += ")";
  }
  if (!out.empty()) return out + ".";
  const auto anchor = std::max_element(
      old.begin(), old.end(), [](const auto* a, const auto* b) { return bare(a->text).size() < bare(b->text).size(); });
  size_t nearest = 0;
  double highest = 0;
  for (size_t i = 0; anchor != old.end() && i < std::min(file.size(), kMaxLinesToCompare); ++i)
    if (const double like = likeness(file[i].text, (*anchor)->text); like > highest) highest = like, nearest = i;
  if (highest < 0.5) return "Nothing in the file is like them.";
  return base::cat("Nearest: line ", nearest + 1, " is ", shown(file[nearest].text), ", the edit has ",
                   shown((*anchor)->text), ".");
}

}  // namespace tools
