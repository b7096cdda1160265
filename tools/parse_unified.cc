// SPDX-License-Identifier: Apache-2.0
// Unified diffs: git's extended format and plain `diff -u`. Counts in hunk headers are believed where they fit the
// lines, and where they do not (models count badly) the lines decide. Source: git-diff(1), "Generating patch text".
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

// "a/b c" or git's C-quoted "\"a/\\303\\244\"".
base::Result<std::string> unquote(std::string_view name, size_t source_line) {
  if (name.empty() || name.front() != '"') return std::string(name);
  std::string out;
  for (size_t i = 1; i < name.size(); ++i) {
    if (name[i] == '"') return out;
    if (name[i] != '\\') {
      out += name[i];
      continue;
    }
    if (++i == name.size()) break;
    constexpr std::string_view kLetters = "abtnvfr\"\\", kValues = "\a\b\t\n\v\f\r\"\\";
    if (const size_t at = kLetters.find(name[i]); at != std::string_view::npos) {
      out += kValues[at];
    } else {
      int value = 0;
      const auto [end, error] = std::from_chars(name.data() + i, name.data() + std::min(i + 3, name.size()), value, 8);
      if (error != std::errc() || end != name.data() + i + 3 || value > 255) break;
      out += static_cast<char>(value);
      i += 2;
    }
  }
  return bad_edit(source_line, "a quoted file name is not closed");
}

// The name after "--- " or "+++ ": up to a tab (a time may follow).
base::Result<std::string> header_name(std::string_view line, size_t source_line) {
  line = without_cr(line.substr(4));
  if (!line.empty() && line.front() == '"') return unquote(line, source_line);
  return std::string(line.substr(0, line.find('\t')));
}

struct Range32 {
  size_t line = 0, count = 1;
};
bool read_range(std::string_view& text, char mark, Range32& range) {
  if (text.empty() || text.front() != mark) return false;
  text.remove_prefix(1);
  auto number = std::from_chars(text.data(), text.data() + text.size(), range.line);
  if (number.ec != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(number.ptr - text.data()));
  if (!text.empty() && text.front() == ',') {
    number = std::from_chars(text.data() + 1, text.data() + text.size(), range.count);
    if (number.ec != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(number.ptr - text.data()));
  }
  return true;
}

class UnifiedParser {
 public:
  UnifiedParser(std::string_view text, const FileSource& files) : lines_(edit_lines(text)), files_(files) {}

  base::Result<Proposal> run() {
    proposal_.in_order = proposal_.exact_ends = true;
    while (at_ < lines_.size()) {
      const std::string_view line = lines_[at_];
      base::Status read = base::ok();
      if (starts_with(line, "diff --git "))
        read = git_header();
      else if (at_plain_header())
        read = plain_header();
      else if (starts_with(line, "@@"))
        read = hunk();
      else if (starts_with(line, "GIT binary patch") ||
               (starts_with(line, "Binary files ") && line.find(" differ") != std::string_view::npos))
        return bad_edit(at_ + 1, "binary patches are not applied; replace the file by hand");
      else
        ++at_;  // a mail header, prose, a fence, "Index:"
      if (!read) return std::move(read).error();
    }
    return finish();
  }

 private:
  bool at_plain_header() const {
    return at_ + 1 < lines_.size() && starts_with(lines_[at_], "--- ") && starts_with(lines_[at_ + 1], "+++ ");
  }
  bool at_boundary() const {
    const std::string_view line = at_ < lines_.size() ? lines_[at_] : std::string_view("diff --git ");
    return starts_with(line, "diff --git ") || starts_with(line, "@@ ") || at_plain_header() ||
           starts_with(line, "Index: ") || is_fence(line);
  }

  ProposedFile& start_file(bool git) {
    ProposedFile file;
    file.source_line = at_ + 1;
    proposal_.files.push_back(std::move(file));
    git_ = git;
    named_ = false;
    return proposal_.files.back();
  }

  base::Status git_header() {
    ProposedFile& file = start_file(true);
    const std::string_view names = without_cr(lines_[at_]).substr(11);
    for (++at_; at_ < lines_.size(); ++at_) {
      const std::string_view line = without_cr(lines_[at_]);
      const auto rest = [&](std::string_view mark) { return line.substr(mark.size()); };
      if (starts_with(line, "old mode ")) continue;
      if (starts_with(line, "new mode ")) {
        if (base::Status bad = mode(file, rest("new mode ")); !bad) return bad;
      } else if (starts_with(line, "new file mode ")) {
        file.action = FileAction::kCreate;
        if (base::Status bad = mode(file, rest("new file mode ")); !bad) return bad;
      } else if (starts_with(line, "deleted file mode ")) {
        file.action = FileAction::kDelete;
        if (base::Status bad = mode(file, rest("deleted file mode ")); !bad) return bad;
        file.executable.reset();
      } else if (starts_with(line, "rename from ") || starts_with(line, "rename to ")) {
        const bool from = starts_with(line, "rename from ");
        auto name = unquote(rest(from ? "rename from " : "rename to "), at_ + 1);
        if (!name) return std::move(name).error();
        file.action = FileAction::kMove;
        (from ? file.path : file.new_path) = std::move(*name);
        named_ = true;
      } else if (starts_with(line, "copy from ") || starts_with(line, "copy to ")) {
        return bad_edit(at_ + 1, "copies of files are not supported; write the copy as a new file");
      } else if (starts_with(line, "index ")) {
        const std::string_view ids = rest("index ");
        file.base_prefix = std::string(ids.substr(0, ids.find("..")));
      } else if (!starts_with(line, "similarity index ") && !starts_with(line, "dissimilarity index ")) {
        break;
      }
    }
    if (at_plain_header()) return plain_header_names(file);
    if (named_) return base::ok();
    // No hunks: only the first line names the file, twice the same: "a/x b/x".
    if (!names.empty() && names.front() == '"') {
      auto name = unquote(names, file.source_line);
      if (!name) return std::move(name).error();
      file.path = name->substr(std::min<size_t>(2, name->size()));
      return base::ok();
    }
    const size_t half = names.size() / 2;
    if (names.size() < 5 || names.size() % 2 == 0 || names.substr(2, half - 2) != names.substr(half + 3))
      return bad_edit(file.source_line, "can't tell which file this is about");
    file.path = std::string(names.substr(2, half - 2));
    return base::ok();
  }

  static base::Status mode_error(size_t line) {
    return bad_edit(line, "only regular files can be edited (modes 100644 and 100755)");
  }
  base::Status mode(ProposedFile& file, std::string_view text) const {
    if (text != "100644" && text != "100755" && text != "100664" && text != "100600") return mode_error(at_ + 1);
    file.executable = text == "100755";
    return base::ok();
  }

  base::Status plain_header() {
    ProposedFile& file = start_file(false);
    return plain_header_names(file);
  }

  base::Status plain_header_names(ProposedFile& file) {
    auto old_name = header_name(lines_[at_], at_ + 1), new_name = header_name(lines_[at_ + 1], at_ + 2);
    if (!old_name) return std::move(old_name).error();
    if (!new_name) return std::move(new_name).error();
    at_ += 2;
    if (named_) return base::ok();  // a rename has told already
    if (*old_name == "/dev/null") file.action = FileAction::kCreate;
    if (*new_name == "/dev/null") file.action = FileAction::kDelete;
    if (*old_name == "/dev/null" && *new_name == "/dev/null") return bad_edit(at_, "both names are /dev/null");
    file.path =
        choose_name(*old_name == "/dev/null" ? *new_name : *old_name, *new_name == "/dev/null" ? *old_name : *new_name);
    named_ = true;
    return base::ok();
  }

  // With git's prefixes off; without "diff --git" they may be missing, and "file.orig" may stand on the old side.
  std::string choose_name(const std::string& old_name, const std::string& new_name) const {
    const auto cut = [](const std::string& name) {
      const bool prefix =
          name.size() > 2 && name[1] == '/' &&
          (name[0] == 'a' || name[0] == 'b' || name[0] == 'i' || name[0] == 'w' || name[0] == 'c' || name[0] == 'o');
      return prefix ? name.substr(2) : name;
    };
    const auto exists = [&](const std::string& name) {
      const auto normal = safe_path(name);
      return normal && files_.read(*normal);
    };
    const bool prefixed = old_name.substr(0, 2) == "a/" && new_name.substr(0, 2) == "b/";
    if (git_ && prefixed) return cut(new_name);
    for (const std::string& name : {old_name, new_name})  // a folder may really be called "a"
      if (!prefixed && exists(name)) return name;
    for (const std::string& name : {cut(old_name), cut(new_name)})
      if (exists(name)) return name;
    return cut(new_name);
  }

  base::Status hunk() {
    if (proposal_.files.empty()) return bad_edit(at_ + 1, "a hunk before any file header (--- and +++ lines)");
    Hunk hunk;
    hunk.source_line = at_ + 1;
    std::string_view header = lines_[at_];
    Range32 old_range{0, 0}, new_range{0, 0};
    header.remove_prefix(std::min(header.find_first_not_of("@ "), header.size()));
    Range32 old_read, new_read;
    bool counted = read_range(header, '-', old_read);
    header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
    counted = counted && read_range(header, '+', new_read);
    if (counted) old_range = old_read, new_range = new_read;
    // "-5,0" is the line after which something is inserted; else the first line shown.
    hunk.line = counted ? old_range.line + (old_range.count == 0 ? 1 : 0) : 0;
    const size_t body = ++at_;
    if (!counted || !read_counted(hunk, old_range.count, new_range.count)) {
      at_ = body;
      hunk.lines.clear();
      if (base::Status bad = read_uncounted(hunk); !bad) return bad;
    }
    if (hunk.lines.empty()) return bad_edit(hunk.source_line, "a hunk without lines");
    proposal_.files.back().hunks.push_back(std::move(hunk));
    return base::ok();
  }

  bool add_line(Hunk& hunk) const {
    const std::string_view line = lines_[at_];
    if (without_cr(line).empty()) {  // a mailer cut the blank of an empty context line
      hunk.lines.push_back({Kind::kKeep, std::string(line), true, true});
    } else if (line[0] == ' ' || line[0] == '-' || line[0] == '+') {
      hunk.lines.push_back({static_cast<Kind>(line[0]), std::string(line.substr(1)), true});
    } else if (line[0] == '\\' && !hunk.lines.empty()) {
      hunk.lines.back().newline = false;
    } else {
      return false;
    }
    return true;
  }

  bool read_counted(Hunk& hunk, size_t n_old, size_t n_new) {
    while (n_old > 0 || n_new > 0 || (at_ < lines_.size() && starts_with(lines_[at_], "\\"))) {
      if (at_ == lines_.size()) return false;
      const size_t before = hunk.lines.size();
      if (!add_line(hunk)) return false;
      if (hunk.lines.size() > before) {
        const Kind kind = hunk.lines.back().kind;
        if ((kind != Kind::kAdd && n_old == 0) || (kind != Kind::kRemove && n_new == 0)) return false;
        n_old -= kind != Kind::kAdd;
        n_new -= kind != Kind::kRemove;
      }
      ++at_;
    }
    // More lines of a hunk after the counted ones: the counts are wrong.
    if (at_ == lines_.size() || at_boundary() || without_cr(lines_[at_]).empty()) return true;
    const char mark = lines_[at_][0];
    return mark != ' ' && mark != '+' && (mark != '-' || starts_with(lines_[at_], "-- "));  // "-- " ends a mailed patch
  }

  base::Status read_uncounted(Hunk& hunk) {
    for (; at_ < lines_.size() && !at_boundary(); ++at_)
      if (!add_line(hunk)) return bad_edit(at_ + 1, "expected a line with `-`, `+` or a blank in front");
    // Empty lines between a hunk and what follows are more likely air than context.
    while (!hunk.lines.empty() && hunk.lines.back().unmarked) hunk.lines.pop_back();
    return base::ok();
  }

  base::Result<Proposal> finish() {
    Proposal merged;
    merged.in_order = merged.exact_ends = true;
    for (ProposedFile& file : proposal_.files) {
      if (file.action == FileAction::kCreate) {
        if (base::Status bad = take_whole(file); !bad) return std::move(bad).error();
      } else if (file.action == FileAction::kModify && file.hunks.empty() && !file.executable) {
        return bad_edit(file.source_line, "no change for this file");
      }
      const auto same = std::find_if(merged.files.begin(), merged.files.end(), [&](const ProposedFile& other) {
        return other.path == file.path && other.action == FileAction::kModify && file.action == FileAction::kModify;
      });
      if (same == merged.files.end())
        merged.files.push_back(std::move(file));
      else
        std::move(file.hunks.begin(), file.hunks.end(), std::back_inserter(same->hunks));
    }
    if (merged.files.empty()) return base::invalid("the edit holds no unified diff");
    return merged;
  }

  static base::Status take_whole(ProposedFile& file) {
    std::string whole;
    for (const Hunk& hunk : file.hunks) {
      for (const ProposedLine& line : hunk.lines) {
        if (line.kind != Kind::kAdd) return bad_edit(hunk.source_line, "a new file has only `+` lines");
        whole += line.text;
        if (line.newline) whole += '\n';
      }
    }
    file.hunks.clear();
    file.whole = std::move(whole);
    return base::ok();
  }

  const std::vector<std::string_view> lines_;
  const FileSource& files_;
  size_t at_ = 0;
  Proposal proposal_;
  bool git_ = false, named_ = false;
};

}  // namespace

base::Result<Proposal> parse_unified(std::string_view text, const FileSource& files) {
  return UnifiedParser(text, files).run();
}

}  // namespace tools
