// SPDX-License-Identifier: Apache-2.0
#include "agent/code/code_base.h"

#include <algorithm>
#include <cctype>

#include "agent/code/file_roles.h"
#include "agent/code/inline_tests.h"
#include "agent/code/language_traits.h"
#include "base/utf8.h"

namespace agent {
namespace {

bool is_callable(const tools::Symbol& symbol) {
  using tools::SymbolKind;
  return symbol.kind == SymbolKind::kFunction || symbol.kind == SymbolKind::kMethod;
}

bool is_definition(const tools::Symbol& symbol) {
  using tools::SymbolKind;
  return is_callable(symbol) || symbol.kind == SymbolKind::kClass || symbol.kind == SymbolKind::kStruct;
}

// "find" of "Shelf::find": calls use the short name.
std::string last_name(const std::string& name) {
  const size_t colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

base::Result<CodeFile> parse_file(const std::string& path, std::string text, bool editable, std::stop_token stop) {
  const auto language = tools::language_of_path(path);
  auto tree = tools::SyntaxTree::parse(*language, std::move(text), stop);
  if (!tree) return std::move(tree).error();
  CodeFile file{path, editable, *tree, tree->symbols(), {0}, {}};
  const std::string& all = file.text();
  for (size_t at = 0; at < all.size(); ++at)
    if (all[at] == '\n') file.line_starts.push_back(at + 1);
  if (editable) file.tests = inline_tests(file.tree);
  return file;
}

}  // namespace

bool CodeFile::is_test(tools::Range range) const {
  return std::any_of(tests.begin(), tests.end(), [&](const tools::Range& test) {
    // What is put in front of a test or behind it is outside.
    return range.begin < test.end && (range.end > test.begin || range.begin > test.begin);
  });
}

bool CodeFile::in_test(tools::Range range) const {
  return std::any_of(tests.begin(), tests.end(),
                     [&](const tools::Range& test) { return test.begin <= range.begin && range.end <= test.end; });
}

int CodeFile::line_of(size_t byte) const {
  return static_cast<int>(std::upper_bound(line_starts.begin(), line_starts.end(), byte) - line_starts.begin());
}

tools::Range CodeFile::line_range(int line) const {
  if (line < 1 || line > n_lines()) return {text().size(), text().size()};
  const auto row = static_cast<size_t>(line - 1);
  const size_t begin = line_starts[row];
  size_t end = row + 1 < line_starts.size() ? line_starts[row + 1] - 1 : text().size();
  if (end > begin && text()[end - 1] == '\r') --end;
  return {begin, end};
}

base::Result<CodeBase> CodeBase::load(const tools::WorkTree& tree, std::string_view check,
                                      const std::vector<std::string>& first, std::stop_token stop) {
  auto listed = tree.list(stop);
  if (!listed) return std::move(listed).error();
  std::vector<tools::FileEntry> entries = std::move(*listed);
  auto rank = [&](const tools::FileEntry& entry) {
    for (size_t i = 0; i < first.size(); ++i)
      if (entry.path == first[i] || entry.path.starts_with(first[i] + "/")) return i;
    return first.size();
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const tools::FileEntry& a, const tools::FileEntry& b) { return rank(a) < rank(b); });
  CodeBase code;
  size_t total = 0;
  for (const tools::FileEntry& entry : entries) {
    if (stop.stop_requested()) return base::cancelled();
    const auto language = tools::language_of_path(entry.path);
    if (!language || language_traits(*language) == nullptr || is_foreign_path(entry.path)) continue;
    if (entry.size_bytes > kMaxFileBytes || code.files_.size() >= kMaxFiles ||
        total + entry.size_bytes > kMaxTotalBytes) {
      ++code.n_left_out_;
      continue;
    }
    auto text = tree.read(entry.path);
    if (!text || !base::is_utf8(*text)) {
      ++code.n_left_out_;
      continue;
    }
    total += text->size();
    auto file = parse_file(entry.path, std::move(*text), is_editable_path(entry.path, check), stop);
    if (!file) {
      if (file.error().code == base::ErrorCode::kCancelled) return std::move(file).error();
      ++code.n_left_out_;
      continue;
    }
    code.index(code.files_.emplace(entry.path, std::move(*file)).first->second);
  }
  return code;
}

void CodeBase::index(const CodeFile& file) {
  if (!file.editable) return;
  for (size_t i = 0; i < file.symbols.size(); ++i)
    if (is_definition(file.symbols[i]) && !file.in_test(file.symbols[i].range))
      by_name_.emplace(last_name(file.symbols[i].name), std::pair{file.path, i});
}

const CodeFile* CodeBase::file(std::string_view path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

std::vector<Definition> CodeBase::find(std::string_view name) const {
  std::vector<Definition> found;
  const auto [begin, end] = by_name_.equal_range(name);
  for (auto it = begin; it != end; ++it) {
    const CodeFile& file = files_.find(it->second.first)->second;
    found.push_back({&file, &file.symbols[it->second.second]});
  }
  return found;
}

const tools::Symbol* CodeBase::function_at(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  const tools::Symbol* innermost = nullptr;
  for (const tools::Symbol& symbol : file.symbols) {
    if (!is_callable(symbol) || symbol.range.begin > range.end || symbol.range.end < range.begin) continue;
    if (innermost == nullptr || symbol.range.begin >= innermost->range.begin) innermost = &symbol;
  }
  return innermost;
}

base::Status CodeBase::show(const std::map<std::string, std::string>& overlay) {
  for (auto it = loaded_.begin(); it != loaded_.end();) {
    if (overlay.contains(it->first)) {
      ++it;
      continue;
    }
    if (base::Status back = replace(it->first, it->second); !back) return back;
    it = loaded_.erase(it);
  }
  for (const auto& [path, text] : overlay) {
    const CodeFile* known = file(path);
    if (known == nullptr || known->text() == text) continue;
    loaded_.try_emplace(path, known->text());
    if (base::Status shown = replace(path, text); !shown) return shown;
  }
  return base::ok();
}

base::Status CodeBase::replace(const std::string& path, std::string text) {
  const auto known = files_.find(path);
  if (known == files_.end()) return base::ok();
  auto file = parse_file(path, std::move(text), known->second.editable, {});
  if (!file) return std::move(file).error();
  std::erase_if(by_name_, [&](const auto& entry) { return entry.second.first == path; });
  known->second = std::move(*file);
  index(known->second);
  return base::ok();
}

std::vector<std::string_view> identifiers(std::string_view text) {
  std::vector<std::string_view> found;
  auto starts = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t i = 0; i < text.size();) {
    if (!starts(text[i])) {
      // A number's letters are no name.
      if (std::isdigit(static_cast<unsigned char>(text[i])) != 0)
        while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_')) ++i;
      else
        ++i;
      continue;
    }
    const size_t begin = i;
    while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_')) ++i;
    found.push_back(text.substr(begin, i - begin));
  }
  return found;
}

}  // namespace agent
