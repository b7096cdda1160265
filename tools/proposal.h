// SPDX-License-Identifier: Apache-2.0
// tools/proposal.h: what the five edit formats have in common before anything is looked up; private to tools/.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tools/edit.h"

namespace tools {

struct ProposedLine {
  enum class Kind : char { kKeep = ' ', kRemove = '-', kAdd = '+' };
  Kind kind;
  std::string text;     // without "\n"; a "\r" before it stays
  bool newline = true;  // false: the format says that the file ends here without one
  bool unmarked = false;  // an empty line of the edit, without even a blank: context, or air between two parts
};

// A run of lines as they should be found and as they should become.
struct Hunk {
  std::vector<ProposedLine> lines;
  size_t line = 0;                  // 1-based line of the file where the first old line is said to be; 0: not said
  std::vector<std::string> scopes;  // lines that must stand above it, outermost first
  bool at_end = false;              // the format says that it ends the file
  size_t source_line = 0;           // 1-based line of the edit text, for messages
};

struct ProposedFile {
  FileAction action = FileAction::kModify;
  std::string path, new_path;
  std::vector<Hunk> hunks;
  std::optional<std::string> whole;  // the complete new text instead of hunks
  std::optional<bool> executable;
  std::string base_prefix;  // first digits of the content hash that line numbers refer to; may be empty
  size_t source_line = 0;
};

struct Proposal {
  std::vector<ProposedFile> files;
  bool in_order = false;    // hunks of a file come in the order of its lines
  bool exact_ends = false;  // the format shows line ends as they are
};

// One per format. `files` is asked only whether a line above a block is the name of a file.
base::Result<Proposal> parse_search_replace(std::string_view text, const FileSource& files);
base::Result<Proposal> parse_whole_file(std::string_view text, const FileSource& files);
base::Result<Proposal> parse_unified(std::string_view text, const FileSource& files);
base::Result<Proposal> parse_apply_patch(std::string_view text);
base::Result<Proposal> parse_line_ops(std::string_view text);

// --- pieces that parsers share ---

base::Error bad_edit(size_t source_line, std::string_view why);  // "line 7 of the edit: ..."

// Lines of the edit text without "\n"; a "\r" is cut where the edit itself has CRLF lines throughout.
std::vector<std::string_view> edit_lines(std::string_view text);
std::string_view without_cr(std::string_view line);
bool is_fence(std::string_view line);  // ``` or ~~~, with or without a language

// The name of a file in the line above a block: "**src/a.py**", "`src/a.py`:", "# src/a.py"; empty where it is prose.
std::string path_in_line(std::string_view line, const FileSource& files);

// Old and new lines as one run in which equal lines are kept.
std::vector<ProposedLine> merge_lines(const std::vector<std::string_view>& old_lines,
                                      const std::vector<std::string_view>& new_lines);

// A line by which a model says "and so on": "// ... rest of the code unchanged". It must never replace real text.
bool is_placeholder(std::string_view line);

}  // namespace tools
