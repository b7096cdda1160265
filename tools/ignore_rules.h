// SPDX-License-Identifier: Apache-2.0
// tools/ignore_rules.h: the patterns of .gitignore files, with or without a repository. Source: gitignore(5).
//
// Units    Paths are relative to the folder in which the walk began, with '/'.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tools {

class IgnoreRules {
 public:
  // Adds the lines of a file that lies in `folder` ("" or "a/b/"); later ones win. `above` is what stands between the
  // place of the file and the start of the walk where the file lies higher: paths are matched as above + path.
  void add(std::string_view lines, std::string folder, std::string above = {});

  enum class Verdict { kNone, kIgnored, kKept };
  Verdict match(std::string_view path, bool is_folder) const;

  // For leaving a folder: forget what was added since.
  size_t size() const { return rules_.size(); }
  void shrink(size_t size) { rules_.resize(size); }

 private:
  struct Rule {
    std::string pattern;  // without "!", leading "/" and trailing "/"
    std::string folder, above;
    bool kept, folders_only, anywhere;  // anywhere: no slash in it, so it is held against the last part
  };
  std::vector<Rule> rules_;
};

// wildmatch with WM_PATHNAME: '*' and '?' stop at '/', "**" between slashes does not.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace tools
