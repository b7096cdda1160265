// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/edit_grammar.h"

#include <algorithm>
#include <set>

#include "base/left_out_words.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "engine/constrain/code_points.h"
#include "engine/constrain/edit_parts.h"

namespace engine {
namespace {

constexpr size_t kMaxFiles = 1000;
constexpr size_t kMaxTextBytes = size_t{64} << 20;  // of all files

ExprId one_text_of(ExprStore& store, std::span<const std::string_view> texts) {
  std::vector<ExprId> parts;
  for (const std::string_view text : texts) {
    ExprId either = kEmptyText;  // in either case of letters
    for (const char c : text) {
      const bool letter = c >= 'a' && c <= 'z';
      const ExprId byte = store.byte(static_cast<unsigned char>(c));
      either = store.concat(either, letter ? store.alt(byte, store.byte(c - 'a' + 'A')) : byte);
    }
    parts.push_back(either);
  }
  return store.alt(std::move(parts));
}

// Lines that say "and so on", and more that look like them: whatever stands between.
ExprId left_out_lines(ExprStore& store) {
  ByteSet begins;
  for (const char c : base::kLeftOutBegins)
    begins = begins | ByteSet::range(static_cast<uint8_t>(c), static_cast<uint8_t>(c));
  const ExprId blanks = store.repeat(store.bytes(ByteSet::range(' ', ' ') | ByteSet::range('\t', '\t')), 0, kNoLimit);
  const ExprId comment = store.concat({blanks, store.bytes(begins), kAnyBytes});
  const auto holding = [&](std::span<const std::string_view> texts) {
    return store.concat({kAnyBytes, one_text_of(store, texts), kAnyBytes});
  };
  return store.both(comment, store.both(holding(base::kLeftOutDots), holding(base::kLeftOutPhrases)));
}

base::Status check_path(std::string_view path, EditSyntax syntax) {
  const auto wrong = [&](std::string_view why) {
    return base::Status(base::invalid(base::cat("The path `", path, "` ", why, ".")));
  };
  if (path.empty() || base::trim(path) != path) return wrong("is empty, or has blanks around it");
  if (!base::is_utf8(path) ||
      std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return wrong("has characters that an edit cannot write");
  if (syntax == EditSyntax::kSearchReplace) {
    // What a reader of this format takes off a line that names a file.
    const bool decorated = std::string_view("#*`~").find(path.front()) != std::string_view::npos ||
                           path.substr(0, 2) == "//" || path.substr(0, 6) == "File: " ||
                           path.substr(0, 6) == "file: " ||
                           std::string_view(":*`").find(path.back()) != std::string_view::npos;
    if (decorated) return wrong("begins or ends as the marks around a path do");
  }
  return base::ok();
}

base::Status check_hash(std::string_view hash) {
  if (hash.size() >= 7 && hash.size() <= 40 &&
      std::all_of(hash.begin(), hash.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }))
    return base::ok();
  return base::invalid(
      "Line operations name a file by its content hash: 7 to 40 hexadecimal digits of `git hash-object`.");
}

base::Result<GrammarFile> prepared(const EditableFile& given) {
  GrammarFile file{std::string(given.path), std::string(given.hash), {}, {}};
  std::string_view text = given.text;
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  if (!base::is_utf8(text)) return base::invalid("The file is not UTF-8.");
  for (std::string_view line : base::split_lines(text)) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find_first_of(std::string_view("\0\r", 2)) != std::string_view::npos)
      return base::invalid("The file has NUL bytes, or carriage returns within lines.");
    file.text.append(line) += '\n';
  }
  return file;
}

}  // namespace

uint32_t NamedFiles::with(uint32_t set, size_t file) {
  std::vector<bool> more = sets_[set];
  more[file] = true;
  const auto [at, fresh] = ids_.try_emplace(more, static_cast<uint32_t>(sets_.size()));
  if (fresh) sets_.push_back(std::move(more));
  return at->second;
}

ExprId new_line(ExprStore& store, ExprId not_this) {
  const CodePoints characters{{'\t', '\t'}, {'\f', '\f'}, {0x20, 0x7e}, {0xa0, 0x10ffff}};
  const ExprId text = store.repeat(one_character(store, characters, Spelling::kUtf8), 0, kNoLimit);
  return store.concat(store.both(text, store.complement(store.alt(left_out_lines(store), not_this))), store.byte('\n'));
}

ExprId one_of(ExprStore& store, const std::vector<std::pair<std::string, ExprId>>& fronts) {
  std::vector<std::pair<std::string_view, ExprId>> choices(fronts.begin(), fronts.end());
  return choices.empty() ? kNothing : store.one_of(std::move(choices));
}

ExprId other_than(ExprStore& store, ExprId a, std::string_view not_this) {
  return store.both(a, store.complement(store.text(not_this)));
}

base::Result<ExprId> compile_edits(ExprStore& store, EditSyntax syntax, std::span<const EditableFile> files,
                                   uint32_t max_lines) {
  if (max_lines == 0) return base::invalid("An edit must be allowed to show at least one line.");
  if (files.size() > kMaxFiles)
    return base::invalid(base::cat("There are ", files.size(), " files; ", kMaxFiles, " are the limit."));
  std::vector<GrammarFile> ready;
  std::set<std::string_view> paths;
  size_t bytes = 0;
  for (const EditableFile& file : files) {
    if (base::Status bad = check_path(file.path, syntax); !bad) return std::move(bad).error();
    if (!paths.insert(file.path).second) return base::invalid(base::cat(file.path, " is given twice."));
    if (syntax == EditSyntax::kLineOps)
      if (base::Status bad = check_hash(file.hash); !bad) return std::move(bad).error().in(file.path);
    if (file.text.size() > kMaxTextBytes - bytes)
      return base::invalid(base::cat("The files have more than ", kMaxTextBytes, " bytes together."));
    bytes += file.text.size();
    auto made = prepared(file);
    if (!made) return std::move(made).error().in(file.path);
    ready.push_back(std::move(*made));
  }
  for (GrammarFile& file : ready) file.lines = base::split_lines(file.text);
  return syntax == EditSyntax::kLineOps ? line_op_edits(store, std::move(ready), max_lines)
                                        : search_replace_edits(store, std::move(ready), max_lines);
}

}  // namespace engine
