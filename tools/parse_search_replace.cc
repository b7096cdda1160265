// SPDX-License-Identifier: Apache-2.0
// SEARCH/REPLACE blocks and whole files in fences: the two formats that name their file in the line above.
#include <algorithm>

#include "base/strings.h"
#include "tools/proposal.h"

namespace tools {
namespace {

// The length of a marker such as "<<<<<<< SEARCH"; 0 where the line is none.
size_t marker_length(std::string_view line, char letter, std::string_view word) {
  line = base::trim(line);
  const size_t n = std::min(line.find_first_not_of(letter), line.size());
  if (n < 5 || n > 40) return 0;
  return base::trim(line.substr(n)) == word ? n : 0;
}

// "<<<<<<< SEA": where an edit was cut off.
bool starts_like_mark(std::string_view line) {
  return line.substr(0, 5) == "<<<<<";
}

struct NameAbove {
  std::string path;
  bool prose = false;  // there is text, but no name
};

// The first line above `at` that is neither blank nor a fence; `from` is where the last block ended.
NameAbove name_above(const std::vector<std::string_view>& lines, size_t from, size_t at, const FileSource& files) {
  while (at > from) {
    const std::string_view line = lines[--at];
    if (base::trim(line).empty() || is_fence(line)) continue;
    NameAbove found{path_in_line(line, files)};
    found.prose = found.path.empty();
    return found;
  }
  return {};
}

ProposedFile& file_for(Proposal& proposal, const std::string& path, size_t source_line) {
  for (ProposedFile& file : proposal.files)
    if (file.path == path) return file;
  ProposedFile file;
  file.path = path;
  file.source_line = source_line;
  proposal.files.push_back(std::move(file));
  return proposal.files.back();
}

}  // namespace

base::Result<Proposal> parse_search_replace(std::string_view text, const FileSource& files) {
  const std::vector<std::string_view> lines = edit_lines(text);
  Proposal proposal;
  std::string path;
  size_t block_end = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t length = marker_length(lines[i], '<', "SEARCH");
    if (length == 0) {
      if (marker_length(lines[i], '>', "REPLACE") != 0)
        return bad_edit(i + 1, "a REPLACE mark without a SEARCH before it");
      if (i + 1 == lines.size() && starts_like_mark(lines[i])) return bad_edit(i + 1, "the edit is cut off here");
      continue;
    }
    const size_t start = i;
    NameAbove name = name_above(lines, block_end, i, files);
    if (!name.path.empty()) path = name.path;
    if (path.empty()) return bad_edit(start + 1, "no file is named above this block");
    std::vector<std::string_view> sides[2];
    size_t n_dividers = 0;
    for (++i; i < lines.size() && marker_length(lines[i], '>', "REPLACE") != length; ++i) {
      if (marker_length(lines[i], '<', "SEARCH") == length) return bad_edit(i + 1, "a block begins inside a block");
      if (marker_length(lines[i], '=', "") == length) {
        if (++n_dividers > 1)
          return bad_edit(
              i + 1,
              "a second divider in one block; where the text has such lines, write longer marks (all three alike)");
        continue;
      }
      sides[n_dividers].push_back(lines[i]);
    }
    if (i == lines.size()) return bad_edit(start + 1, "this block has no end (>>>>>>> REPLACE)");
    if (n_dividers == 0) return bad_edit(start + 1, "this block has no divider (=======)");
    block_end = i + 1;
    ProposedFile& file = file_for(proposal, path, start + 1);
    Hunk hunk;
    hunk.source_line = start + 1;
    hunk.lines = merge_lines(sides[0], sides[1]);
    if (sides[0].empty()) {  // nothing to search: a new file
      if (!file.hunks.empty() || file.whole)
        return bad_edit(start + 1, "an empty SEARCH makes a new file, but the file has other blocks");
      std::string whole;
      for (const std::string_view line : sides[1]) whole.append(line) += '\n';
      file.whole = std::move(whole);
      file.action = FileAction::kCreate;
    } else if (file.whole) {
      return bad_edit(start + 1, "a further block for a file that this edit makes");
    } else {
      file.hunks.push_back(std::move(hunk));
    }
  }
  if (proposal.files.empty()) return base::invalid("the edit has no SEARCH/REPLACE block");
  return proposal;
}

base::Result<Proposal> parse_whole_file(std::string_view text, const FileSource& files) {
  const std::vector<std::string_view> lines = edit_lines(text);
  Proposal proposal;
  size_t block_end = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_fence(lines[i])) continue;
    const size_t start = i;
    const std::string_view opening = base::trim(lines[i]);
    const size_t length = std::min(opening.find_first_not_of(opening[0]), opening.size());
    const NameAbove name = name_above(lines, block_end, i, files);
    std::string whole;
    const auto closes = [&](std::string_view line) {
      line = base::trim(line);
      return line.size() >= length && line.find_first_not_of(opening[0]) == std::string_view::npos;
    };
    for (++i; i < lines.size() && !closes(lines[i]); ++i) whole.append(lines[i]) += '\n';
    if (i == lines.size()) return bad_edit(start + 1, "this fence is not closed");
    block_end = i + 1;
    if (name.path.empty()) return bad_edit(start + 1, "no file is named above this fence");
    for (const ProposedFile& file : proposal.files)
      if (file.path == name.path) return bad_edit(start + 1, base::cat(name.path, " is given twice"));
    file_for(proposal, name.path, start + 1).whole = std::move(whole);
  }
  if (proposal.files.empty()) return base::invalid("the edit has no fenced file");
  return proposal;
}

}  // namespace tools
