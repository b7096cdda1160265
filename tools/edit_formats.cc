// SPDX-License-Identifier: Apache-2.0
#include "tools/edit_formats.h"

#include <algorithm>

#include "base/strings.h"
#include "tools/locate.h"
#include "tools/proposal.h"

namespace tools {
namespace {

struct NamedFormat {
  std::string_view name;
  EditFormat format;
};
constexpr NamedFormat kFormats[] = {{"search-replace", EditFormat::kSearchReplace},
                                    {"unified", EditFormat::kUnified},
                                    {"apply-patch", EditFormat::kApplyPatch},
                                    {"whole-file", EditFormat::kWholeFile},
                                    {"line-ops", EditFormat::kLineOps}};

base::Result<Proposal> parse(EditFormat format, std::string_view text, const FileSource& files) {
  switch (format) {
    case EditFormat::kSearchReplace:
      return parse_search_replace(text, files);
    case EditFormat::kUnified:
      return parse_unified(text, files);
    case EditFormat::kApplyPatch:
      return parse_apply_patch(text);
    case EditFormat::kWholeFile:
      return parse_whole_file(text, files);
    case EditFormat::kLineOps:
      return parse_line_ops(text);
  }
  return base::invalid("no such format");
}

class Reader {
 public:
  Reader(const Proposal& proposal, const FileSource& files) : proposal_(proposal), files_(files) {}

  base::Result<LocatedEdit> run() {
    for (const ProposedFile& file : proposal_.files)
      if (base::Status bad = add(file); !bad) return std::move(bad).error();
    if (out_.edit.files.empty())
      return base::invalid("the edit changes nothing: the files are already as it wants them");
    if (base::Status bad = check_edit(out_.edit); !bad) return std::move(bad).error();
    return std::move(out_);
  }

 private:
  base::Status add(const ProposedFile& file) {
    const auto wrong = [&](const base::Error& error) {
      return base::Error{error.code, bad_edit(file.source_line, error.message).message};
    };
    if (base::Status bad = check_placeholders(file); !bad) return bad;
    auto path = safe_path(file.path);
    if (!path) return wrong(path.error());
    FileEdit edit;
    edit.action = file.action;
    edit.path = *path;
    edit.executable = file.executable;
    if (file.action == FileAction::kMove) {
      auto target = safe_path(file.new_path);
      if (!target) return wrong(target.error());
      if (files_.read(*target))
        return bad_edit(file.source_line, base::cat(*target, " exists already; a move onto it is refused"));
      edit.new_path = *target;
    }
    const auto old_text = files_.read(*path);
    if (!old_text && old_text.error().code != base::ErrorCode::kNotFound) return wrong(old_text.error());
    if (file.whole) return add_whole(file, std::move(edit), old_text ? &*old_text : nullptr);
    if (!old_text) return wrong(base::Error{base::ErrorCode::kInvalidArgument, base::cat(*path, " does not exist")});
    edit.base = content_hash(*old_text);
    if (base::Status bad = add_hunks(file, edit, *old_text); !bad) return bad;
    if (file.action == FileAction::kModify && edit.replacements.empty() && !file.executable) return base::ok();
    out_.edit.files.push_back(std::move(edit));
    return base::ok();
  }

  static base::Status check_placeholders(const ProposedFile& file) {
    const auto refuse = [](size_t line, std::string_view text) {
      return base::Status(bad_edit(line, base::cat("`", base::trim(text).substr(0, 60),
                                                   "` stands for text that is left out; write the lines themselves")));
    };
    for (const Hunk& hunk : file.hunks) {
      for (const ProposedLine& line : hunk.lines)
        if (line.kind == ProposedLine::Kind::kAdd && is_placeholder(line.text))
          return refuse(hunk.source_line, line.text);
    }
    return base::ok();
  }

  // The complete new text: a new file, or the lines of the old one that differ.
  base::Status add_whole(const ProposedFile& file, FileEdit edit, const std::string* old_text) {
    if (old_text == nullptr) {
      edit.action = FileAction::kCreate;
      edit.replacements = {{0, 0, *file.whole}};
      out_.edit.files.push_back(std::move(edit));
      return base::ok();
    }
    if (file.action == FileAction::kCreate && !old_text->empty())
      return bad_edit(file.source_line, base::cat(edit.path, " exists already; name the lines that change"));
    const std::vector<std::string_view> had = edit_lines(*old_text), want = edit_lines(*file.whole);
    for (const std::string_view line : want)
      if (is_placeholder(line) && std::find(had.begin(), had.end(), line) == had.end())
        return bad_edit(file.source_line, base::cat("`", base::trim(line).substr(0, 60),
                                                    "` stands for text that is left out; write the whole file"));
    ProposedFile lines = file;
    lines.action = edit.action = FileAction::kModify;
    std::vector<std::string_view> old_bare, new_bare;
    for (const std::string_view line : had) old_bare.push_back(without_cr(line));
    for (const std::string_view line : want) new_bare.push_back(without_cr(line));
    Hunk hunk;
    hunk.source_line = file.source_line;
    hunk.lines = merge_lines(old_bare, new_bare);
    hunk.line = 1;
    edit.base = content_hash(*old_text);
    lines.base_prefix = edit.base;  // all lines are given, so the place is sure
    lines.hunks = {std::move(hunk)};
    if (base::Status bad = add_hunks(lines, edit, *old_text); !bad) return bad;
    if (!edit.replacements.empty()) out_.edit.files.push_back(std::move(edit));
    return base::ok();
  }

  // Where the last lines go and the file had no newline at its end, it gets none: most formats can't say otherwise.
  static void keep_missing_newline(std::vector<Replacement>& replacements, std::string_view old_text) {
    if (replacements.empty() || old_text.empty() || old_text.back() == '\n') return;
    Replacement& last = replacements.back();
    if (last.end != old_text.size() || !last.text.empty()) return;
    const auto cut = [&](char letter) {
      Replacement* before = replacements.size() > 1 ? &replacements[replacements.size() - 2] : nullptr;
      if (before != nullptr && before->end == last.begin) {
        if (!before->text.empty() && before->text.back() == letter) before->text.pop_back();
      } else if (last.begin > 0 && old_text[last.begin - 1] == letter) {
        --last.begin;
      }
    };
    cut('\n');
    cut('\r');
  }

  base::Status add_hunks(const ProposedFile& file, FileEdit& edit, const std::string& old_text) {
    constexpr size_t kMinHashDigits = 7;  // git's shortest abbreviation
    const FileLines lines(old_text);
    const bool proven = file.base_prefix.size() >= kMinHashDigits &&
                        edit.base.compare(0, file.base_prefix.size(), file.base_prefix) == 0;
    const LocateContext context{edit.path, lines, file, proposal_.in_order, proposal_.exact_ends, proven};
    auto matches = locate(context);
    if (!matches) return std::move(matches).error();
    std::vector<size_t> order(file.hunks.size());  // by place
    for (size_t h = 0; h < order.size(); ++h) order[h] = h;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return (*matches)[a].line < (*matches)[b].line; });
    size_t covered = 0;  // lines up to here belong to hunks before
    for (const size_t h : order) {
      const Match& match = (*matches)[h];
      auto replacements = replacements_of(context, file.hunks[h], match);
      if (!replacements) return std::move(replacements).error();
      add_replacements(edit.replacements, std::move(*replacements), match.line >= covered);
      covered = std::max(covered, match.line + n_old_lines(file.hunks[h]));
      if (std::string note = note_of(context, file.hunks[h], match); !note.empty())
        out_.notes.push_back(std::move(note));
    }
    std::stable_sort(edit.replacements.begin(), edit.replacements.end(),
                     [](const Replacement& a, const Replacement& b) {
                       return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                     });
    const bool shown_exactly =
        proposal_.exact_ends && !order.empty() && (*matches)[order.back()].step == MatchStep::kExact;
    if (!shown_exactly) keep_missing_newline(edit.replacements, old_text);
    if (file.action == FileAction::kDelete && proposal_.exact_ends && !proven)
      return check_deletes_all(file, edit, lines);
    if (file.action == FileAction::kDelete) edit.replacements.clear();
    return base::ok();
  }

  // Two hunks may insert at one place: one below its last line, one above its first. Their order is clear where the
  // hunks are apart; else both stay, and check_edit() refuses them.
  static void add_replacements(std::vector<Replacement>& all, std::vector<Replacement> more, bool apart) {
    for (Replacement& r : more) {
      const bool meets = apart && !all.empty() && all.back().begin == all.back().end && r.begin == r.end &&
                         all.back().begin == r.begin;
      if (meets)
        all.back().text += r.text;
      else
        all.push_back(std::move(r));
    }
  }

  // A diff that deletes a file shows all of it: what it does not show must not be lost.
  static base::Status check_deletes_all(const ProposedFile& file, FileEdit& edit, const FileLines& lines) {
    size_t shown = 0;
    for (const Hunk& hunk : file.hunks) {
      for (const ProposedLine& line : hunk.lines)
        if (line.kind != ProposedLine::Kind::kRemove)
          return bad_edit(hunk.source_line, "a deleted file has only `-` lines");
      shown += hunk.lines.size();
    }
    if (shown != lines.size())
      return bad_edit(file.source_line,
                      base::cat(edit.path, " has ", lines.size(), " lines, and the deletion shows ", shown));
    edit.replacements.clear();
    return base::ok();
  }

  const Proposal& proposal_;
  const FileSource& files_;
  LocatedEdit out_;
};

}  // namespace

std::optional<EditFormat> edit_format_of_name(std::string_view name) {
  for (const NamedFormat& row : kFormats)
    if (row.name == name) return row.format;
  return std::nullopt;
}

std::string_view edit_format_name(EditFormat format) {
  for (const NamedFormat& row : kFormats)
    if (row.format == format) return row.name;
  return "";
}

base::Result<LocatedEdit> read_edit(EditFormat format, std::string_view text, const FileSource& files) {
  if (text.size() > kMaxEditTextBytes)
    return base::Error{base::ErrorCode::kExhausted,
                       base::cat("the edit is larger than the limit of ", kMaxEditTextBytes, " bytes")};
  auto proposal = parse(format, text, files);
  if (!proposal) return std::move(proposal).error();
  return Reader(*proposal, files).run();
}

}  // namespace tools
