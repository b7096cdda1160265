// SPDX-License-Identifier: Apache-2.0
// agent/code/code_base.h: the source files of a work tree, parsed, with their definitions by name.
//
// Bounds   At most kMaxFiles files of at most kMaxFileBytes each; what is named first in `first` is read first. Files
//          that are not UTF-8 or are larger are left out.
// Threads  One thread.
#pragma once
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tools/syntax.h"
#include "tools/work_tree.h"

namespace agent {

struct CodeFile {
  std::string path;
  bool editable = false;  // else a test, read for what it calls
  tools::SyntaxTree tree;
  std::vector<tools::Symbol> symbols;
  std::vector<size_t> line_starts;
  std::vector<tools::Range> tests =
      {};  // of an editable file: what judges it and is no more to be changed than a test file

  const std::string& text() const { return tree.text(); }
  int line_of(size_t byte) const;           // 1-based
  tools::Range line_range(int line) const;  // 1-based, without the end mark
  bool is_test(tools::Range range) const;   // whether it touches one of `tests`
  bool in_test(tools::Range range) const;   // whether one of `tests` holds it whole
  bool is_test_line(int line) const { return is_test(line_range(line)); }
  int n_lines() const { return static_cast<int>(line_starts.size()); }
};

struct Definition {
  const CodeFile* file;
  const tools::Symbol* symbol;
};

class CodeBase {
 public:
  static constexpr size_t kMaxFiles = 4000;
  static constexpr size_t kMaxFileBytes = 512u << 10;
  static constexpr size_t kMaxTotalBytes = 32u << 20;

  static base::Result<CodeBase> load(const tools::WorkTree& tree, std::string_view check,
                                     const std::vector<std::string>& first, std::stop_token stop);

  const std::map<std::string, CodeFile, std::less<>>& files() const { return files_; }
  const CodeFile* file(std::string_view path) const;
  // Functions, methods and classes of that name in editable files.
  std::vector<Definition> find(std::string_view name) const;
  bool defines(std::string_view name) const { return by_name_.find(name) != by_name_.end(); }
  // The innermost function or method around a 1-based line; nullptr where there is none.
  static const tools::Symbol* function_at(const CodeFile& file, int line);
  // Brings the files into another state of the tree: path -> text of those that differ from what was loaded.
  base::Status show(const std::map<std::string, std::string>& overlay);

  size_t n_left_out() const { return n_left_out_; }

 private:
  void index(const CodeFile& file);
  base::Status replace(const std::string& path, std::string text);

  std::map<std::string, CodeFile, std::less<>> files_;
  std::multimap<std::string, std::pair<std::string, size_t>, std::less<>> by_name_;  // name -> path, symbol index
  std::map<std::string, std::string> loaded_;  // what was loaded, of files that now show another text
  size_t n_left_out_ = 0;
};

// Identifiers of `text` in order, each occurrence.
std::vector<std::string_view> identifiers(std::string_view text);

}  // namespace agent
