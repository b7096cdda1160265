// SPDX-License-Identifier: Apache-2.0
// From a located hunk to byte ranges. Only runs of removed and added lines become replacements; kept lines stay
// untouched, byte for byte, whatever the edit thinks they look like.
#include <algorithm>

#include "base/strings.h"
#include "tools/locate.h"

namespace tools {
namespace {

using Kind = ProposedLine::Kind;

std::string_view end_of(const FileLine& line) {
  if (!line.newline) return {};
  return !line.text.empty() && line.text.back() == '\r' ? "\r\n" : "\n";
}

class Builder {
 public:
  Builder(const LocateContext& context, const Hunk& hunk, const Match& match)
      : context_(context), file_(context.file), hunk_(hunk), match_(match) {}

  base::Result<std::vector<Replacement>> run() {
    size_t line = match_.line;
    for (size_t i = 0; i < hunk_.lines.size();) {
      if (hunk_.lines[i].kind == Kind::kKeep) {
        ++line, ++i;
        continue;
      }
      const size_t first = line;
      std::vector<const ProposedLine*> added;
      for (; i < hunk_.lines.size() && hunk_.lines[i].kind != Kind::kKeep; ++i) {
        if (hunk_.lines[i].kind == Kind::kRemove)
          ++line;
        else
          added.push_back(&hunk_.lines[i]);
      }
      if (base::Status bad = replace(first, line, added); !bad) return std::move(bad).error();
    }
    return std::move(replacements_);
  }

 private:
  // Lines [first, last) of the file become `added`.
  base::Status replace(size_t first, size_t last, const std::vector<const ProposedLine*>& added) {
    Replacement r{file_.begin_of(first), file_.begin_of(last), ""};
    const bool exact = match_.step == MatchStep::kExact && context_.exact_ends;
    if (exact) {
      for (const ProposedLine* line : added) r.text += line->text + (line->newline ? "\n" : "");
      const bool ends_file = last == file_.size();
      if (!r.text.empty() && r.text.back() != '\n' && !ends_file) r.text += '\n';
    } else {
      if (first == 0 && file_.has_bom()) r.begin = 3, r.end = std::max<size_t>(r.end, 3);
      if (base::Status bad = write_lines(first, last, added, r); !bad) return bad;
    }
    // Added below a last line that has no newline: the new text must not run into it.
    if (first > 0 && first == file_.size() && !file_[first - 1].newline && !r.text.empty()) {
      std::string_view end = "\n";
      for (size_t i = first - 1; i-- > 0 && !exact;)
        if (file_[i].newline) {
          end = end_of(file_[i]);
          break;
        }
      r.text.insert(0, end);
      if (!exact) drop_last_end(r.text);
    }
    if (r.text == file_.text().substr(r.begin, r.end - r.begin)) return base::ok();
    replacements_.push_back(std::move(r));
    return base::ok();
  }

  // New lines end as the lines that they replace, or else as those around them.
  base::Status write_lines(size_t first, size_t last, const std::vector<const ProposedLine*>& added,
                           Replacement& r) const {
    // The replaced line in the same place, else the last replaced one, else the nearest line above, else the one below.
    const auto usual = [&](size_t k) -> std::string_view {
      for (size_t i = std::min(first + k + 1, last); i-- > 0;)
        if (file_[i].newline) return end_of(file_[i]);
      return last < file_.size() && file_[last].newline ? end_of(file_[last]) : "\n";
    };
    for (size_t k = 0; k < added.size(); ++k) {
      auto text = shifted(*added[k]);
      if (!text) return std::move(text).error();
      std::string_view line = *text;
      if (r.begin == 3 && k == 0 && line.substr(0, 3) == "\xef\xbb\xbf") line.remove_prefix(3);
      r.text.append(line).append(usual(k));
    }
    const bool ends_file = last > first && last == file_.size() && !file_[last - 1].newline;
    if (ends_file) drop_last_end(r.text);
    return base::ok();
  }

  base::Result<std::string> shifted(const ProposedLine& line) const {
    const std::string_view text = without_cr(line.text);
    if (match_.step != MatchStep::kIndentation || bare(text).empty()) return std::string(text);
    if (text.substr(0, match_.removed_indent.size()) != match_.removed_indent)
      return bad_edit(hunk_.source_line,
                      base::cat(context_.path, ": the lines match but for the indentation, and the new line `",
                                bare(text).substr(0, 40), "` can't be moved likewise"));
    return match_.added_indent + std::string(text.substr(match_.removed_indent.size()));
  }

  static void drop_last_end(std::string& text) {
    if (!text.empty() && text.back() == '\n') text.pop_back();
    if (!text.empty() && text.back() == '\r') text.pop_back();
  }

  const LocateContext& context_;
  const FileLines& file_;
  const Hunk& hunk_;
  const Match& match_;
  std::vector<Replacement> replacements_;
};

}  // namespace

base::Result<std::vector<Replacement>> replacements_of(const LocateContext& context, const Hunk& hunk,
                                                       const Match& match) {
  return Builder(context, hunk, match).run();
}

}  // namespace tools
