// SPDX-License-Identifier: Apache-2.0
// Line operations and Codex's patch envelope: two formats of lines with a mark in the first column.
#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "tools/proposal.h"

namespace tools {
namespace {

using Kind = ProposedLine::Kind;

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

std::optional<size_t> read_number(std::string_view& text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value == 0 || value > (size_t{1} << 40)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

struct LineOp {
  enum class Verb { kReplace, kDelete, kInsertAfter, kInsertBefore } verb;
  size_t first, last;
};

std::optional<LineOp> read_op(std::string_view line) {
  line = base::trim(line);
  LineOp op{};
  if (starts_with(line, "replace ")) {
    op.verb = LineOp::Verb::kReplace, line.remove_prefix(8);
  } else if (starts_with(line, "delete ")) {
    op.verb = LineOp::Verb::kDelete, line.remove_prefix(7);
  } else if (starts_with(line, "insert after ")) {
    op.verb = LineOp::Verb::kInsertAfter, line.remove_prefix(13);
  } else if (starts_with(line, "insert before ")) {
    op.verb = LineOp::Verb::kInsertBefore, line.remove_prefix(14);
  } else {
    return std::nullopt;
  }
  const auto first = read_number(line);
  if (!first) return std::nullopt;
  op.first = op.last = *first;
  const bool insert = op.verb == LineOp::Verb::kInsertAfter || op.verb == LineOp::Verb::kInsertBefore;
  if (!line.empty() && line.front() == '-' && !insert) {
    line.remove_prefix(1);
    const auto last = read_number(line);
    if (!last || *last < *first) return std::nullopt;
    op.last = *last;
  }
  if (!line.empty()) return std::nullopt;
  return op;
}

// Whether the marked lines say what the verb says.
base::Status check_op(const LineOp& op, const Hunk& hunk) {
  const auto count = [&](Kind kind) {
    return static_cast<size_t>(
        std::count_if(hunk.lines.begin(), hunk.lines.end(), [&](const auto& l) { return l.kind == kind; }));
  };
  const size_t kept = count(Kind::kKeep), removed = count(Kind::kRemove), added = count(Kind::kAdd);
  const auto wrong = [&](std::string_view why) { return base::Status(bad_edit(hunk.source_line, why)); };
  switch (op.verb) {
    case LineOp::Verb::kReplace:
    case LineOp::Verb::kDelete:
      if (kept != 0 || removed != op.last - op.first + 1)
        return wrong("the `-` lines must be the lines that the operation numbers");
      if (op.verb == LineOp::Verb::kDelete && added != 0) return wrong("a deletion has no `+` lines");
      if (op.verb == LineOp::Verb::kReplace && added == 0) return wrong("a replacement needs `+` lines");
      return base::ok();
    case LineOp::Verb::kInsertAfter:
      if (kept != 1 || removed != 0 || added == 0 || hunk.lines.front().kind != Kind::kKeep)
        return wrong("an insertion after a line shows that line with a blank before it, then `+` lines");
      return base::ok();
    case LineOp::Verb::kInsertBefore:
      if (kept != 1 || removed != 0 || added == 0 || hunk.lines.back().kind != Kind::kKeep)
        return wrong("an insertion before a line shows `+` lines, then that line with a blank before it");
      return base::ok();
  }
  return base::ok();
}

bool add_marked(Hunk& hunk, std::string_view line) {
  if (line.empty() || without_cr(line).empty()) {
    hunk.lines.push_back({Kind::kKeep, std::string(line), true, true});
    return true;
  }
  if (line[0] != ' ' && line[0] != '-' && line[0] != '+') return false;
  hunk.lines.push_back({static_cast<Kind>(line[0]), std::string(line.substr(1)), true});
  return true;
}

}  // namespace

base::Result<Proposal> parse_line_ops(std::string_view text) {
  const std::vector<std::string_view> lines = edit_lines(text);
  Proposal proposal;
  for (size_t i = 0; i < lines.size();) {
    const std::string_view line = base::trim(lines[i]);
    if (line.empty() || is_fence(line)) {
      ++i;
      continue;
    }
    if (starts_with(line, "file ")) {
      ProposedFile file;
      file.source_line = i + 1;
      std::string_view name = base::trim(line.substr(5));
      // "file PATH HASH": the hash is 7 to 40 hex digits.
      const size_t blank = name.rfind(' ');
      if (blank != std::string_view::npos) {
        const std::string_view last = name.substr(blank + 1);
        if (last.size() >= 7 && last.size() <= 40 &&
            last.find_first_not_of("0123456789abcdef") == std::string_view::npos) {
          file.base_prefix = std::string(last);
          name = base::trim(name.substr(0, blank));
        }
      }
      file.path = std::string(name);
      proposal.files.push_back(std::move(file));
      ++i;
      continue;
    }
    const auto op = read_op(line);
    if (!op)
      return bad_edit(i + 1, "expected `file PATH`, `replace N`, `delete N`, `insert after N` or `insert before N`");
    if (proposal.files.empty()) return bad_edit(i + 1, "no `file PATH` line before this operation");
    Hunk hunk;
    hunk.source_line = i + 1;
    hunk.line = op->first;
    for (++i; i < lines.size(); ++i) {
      if (without_cr(lines[i]).empty()) break;  // an empty line ends the operation; an empty line of the file is " "
      // A line with a mark is the operation's, whatever stands behind the mark: another operation, a fence.
      const bool marked = lines[i][0] == ' ' || lines[i][0] == '-' || lines[i][0] == '+';
      if (!marked && (read_op(lines[i]) || starts_with(lines[i], "file ") || is_fence(lines[i]))) break;
      if (!add_marked(hunk, lines[i])) return bad_edit(i + 1, "expected a line with `-`, `+` or a blank in front");
    }
    if (base::Status bad = check_op(*op, hunk); !bad) return std::move(bad).error();
    proposal.files.back().hunks.push_back(std::move(hunk));
  }
  if (proposal.files.empty()) return base::invalid("the edit has no `file PATH` line");
  for (const ProposedFile& file : proposal.files)
    if (file.hunks.empty()) return bad_edit(file.source_line, "no operation for this file");
  return proposal;
}

base::Result<Proposal> parse_apply_patch(std::string_view text) {
  const std::vector<std::string_view> lines = edit_lines(text);
  constexpr std::string_view kBegin = "*** Begin Patch", kEnd = "*** End Patch",
                             kAdd = "*** Add File: ", kDelete = "*** Delete File: ", kUpdate = "*** Update File: ",
                             kMove = "*** Move to: ", kEof = "*** End of File";
  Proposal proposal;
  proposal.in_order = true;
  size_t i = 0;
  while (i < lines.size() && base::trim(lines[i]) != kBegin) ++i;
  if (i == lines.size()) return base::invalid("the edit has no `*** Begin Patch` line");
  std::vector<std::string> scopes;
  bool ended = false, fresh_hunk = true;
  for (++i; i < lines.size() && !ended; ++i) {
    const std::string_view line = without_cr(lines[i]);
    const auto header = [&](std::string_view mark, FileAction action) {
      if (!starts_with(line, mark)) return false;
      ProposedFile file;
      file.action = action;
      file.path = std::string(base::trim(line.substr(mark.size())));
      file.source_line = i + 1;
      proposal.files.push_back(std::move(file));
      scopes.clear();
      fresh_hunk = true;
      return true;
    };
    if (base::trim(line) == kEnd) {
      ended = true;
      continue;
    }
    if (header(kAdd, FileAction::kCreate)) {
      proposal.files.back().whole = "";
      continue;
    }
    if (header(kDelete, FileAction::kDelete) || header(kUpdate, FileAction::kModify)) continue;
    if (proposal.files.empty()) {
      if (base::trim(line).empty()) continue;
      return bad_edit(i + 1, "expected `*** Add File: `, `*** Delete File: ` or `*** Update File: `");
    }
    ProposedFile& file = proposal.files.back();
    if (starts_with(line, kMove)) {
      if (file.action != FileAction::kModify || !file.hunks.empty())
        return bad_edit(i + 1, "`*** Move to: ` belongs right after `*** Update File: `");
      file.action = FileAction::kMove;
      file.new_path = std::string(base::trim(line.substr(kMove.size())));
    } else if (file.action == FileAction::kCreate) {
      if (!starts_with(line, "+")) return bad_edit(i + 1, "a line of a new file must begin with `+`");
      file.whole->append(lines[i].substr(1)) += '\n';
    } else if (file.action == FileAction::kDelete) {
      if (!base::trim(line).empty()) return bad_edit(i + 1, "a deleted file has no lines here");
    } else if (starts_with(line, "@@")) {
      if (!fresh_hunk) scopes.clear();  // several @@ lines in a row narrow the place further
      const std::string_view scope = base::trim(line.substr(2));
      if (!scope.empty()) scopes.push_back(std::string(scope));
      fresh_hunk = true;
    } else if (line == kEof) {
      if (fresh_hunk) return bad_edit(i + 1, "`*** End of File` ends a hunk, and there is none");
      file.hunks.back().at_end = true;
      fresh_hunk = true;
      scopes.clear();
    } else {
      if (fresh_hunk) {
        Hunk hunk;
        hunk.source_line = i + 1;
        hunk.scopes = scopes;
        file.hunks.push_back(std::move(hunk));
        fresh_hunk = false;
      }
      if (!add_marked(file.hunks.back(), lines[i]))
        return bad_edit(i + 1, "expected a line with `-`, `+` or a blank in front");
    }
  }
  if (!ended) return base::invalid("the edit has no `*** End Patch` line; it may be cut off");
  if (proposal.files.empty()) return base::invalid("the patch names no file");
  for (ProposedFile& file : proposal.files) {
    if (file.action == FileAction::kModify && file.hunks.empty())
      return bad_edit(file.source_line, "no change for this file");
    // Empty lines (not even a blank) at the end of a hunk are air between two parts of the patch.
    for (Hunk& hunk : file.hunks)
      while (!hunk.at_end && hunk.lines.size() > 1 && hunk.lines.back().unmarked) hunk.lines.pop_back();
  }
  return proposal;
}

}  // namespace tools
