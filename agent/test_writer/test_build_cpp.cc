// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_build_cpp.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/test_writer/test_target.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxCommandsBytes = 64u << 20;
constexpr size_t kMaxSources = 400;

struct Include {
  std::string path;  // as written
  std::string line;
};

// `#include "..."` only: what stands in angle brackets comes from outside the project as a rule.
std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> found;
  for (std::string_view line : base::split_lines(text)) {
    line = base::trim(line);
    if (!line.starts_with("#")) continue;
    const std::string_view rest = base::trim(line.substr(1));
    if (!rest.starts_with("include")) continue;
    const size_t open = rest.find('"');
    const size_t close = open == std::string_view::npos ? open : rest.find('"', open + 1);
    if (close == std::string_view::npos) continue;
    found.push_back({std::string(rest.substr(open + 1, close - open - 1)),
                     base::cat("#include ", rest.substr(open, close - open + 1))});
  }
  return found;
}

// Words of a command line, with quotes and backslashes as a shell reads them.
std::vector<std::string> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      else if (c == '\\' && quote == '"' && i + 1 < text.size()) word += text[++i];
      else word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      word += text[++i];
      open = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open || !word.empty()) words.push_back(word);
      word.clear();
      open = false;
    } else {
      word += c;
    }
  }
  if (open || !word.empty()) words.push_back(word);
  return words;
}

// The flags that decide what the code means; optimisation, output and warnings are left out.
void take_flags(const std::vector<std::string>& words, const fs::path& directory, CppBuild& build) {
  const auto absolute = [&](const std::string& path) { return (directory / path).lexically_normal().string(); };
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    for (const std::string_view option : {"-isystem", "-iquote", "-idirafter", "-include", "-I"}) {
      if (!word.starts_with(option)) continue;
      std::string path = word.substr(option.size());
      if (path.empty() && i + 1 < words.size()) path = words[++i];
      build.flags.push_back(std::string(option) + (option == "-I" ? "" : " ") + shell_quoted(absolute(path)));
      break;
    }
    if ((word == "-D" || word == "-U") && i + 1 < words.size()) {
      build.flags.push_back(word + shell_quoted(words[++i]));
    } else if (word.starts_with("-D") || word.starts_with("-U") || word.starts_with("-std=") || word == "-pthread" ||
               word.starts_with("-fno-") || word.starts_with("-fchar") || word.starts_with("-funsigned-char")) {
      build.flags.push_back(shell_quoted(word));
    }
  }
}

// From the entry of the file, or of any other one where it has none (headers).
bool flags_from_commands(const fs::path& root, const std::string& file, CppBuild& build) {
  std::vector<fs::path> places = {root / "compile_commands.json", root / "build" / "compile_commands.json"};
  std::error_code ignored;
  for (fs::directory_iterator it(root / "build", ignored), end; !ignored && it != end; it.increment(ignored))
    places.push_back(it->path() / "compile_commands.json");
  std::sort(places.begin() + 2, places.end());
  for (const fs::path& place : places) {
    auto text = base::read_file(place, kMaxCommandsBytes);
    if (!text) continue;
    auto parsed = base::parse_json(*text);
    if (!parsed || !parsed->is_array() || parsed->empty()) continue;
    const base::Json* chosen = &parsed->front();
    for (const base::Json& entry : *parsed) {
      const fs::path named = fs::path(base::json_string(entry, "directory")) / base::json_string(entry, "file");
      if (named.lexically_normal() == (root / file).lexically_normal()) chosen = &entry;
    }
    std::vector<std::string> words = shell_words(base::json_string(*chosen, "command"));
    if (chosen->is_object() && chosen->contains("arguments") && (*chosen)["arguments"].is_array()) {
      words.clear();
      for (const base::Json& word : (*chosen)["arguments"]) words.push_back(word.is_string() ? word.get<std::string>() : "");
    }
    if (words.empty()) continue;
    take_flags(words, base::json_string(*chosen, "directory"), build);
    return true;
  }
  return false;
}

class IncludeGraph {
 public:
  IncludeGraph(const tools::WorkTree& tree, const std::vector<tools::FileEntry>& files) : tree_(tree) {
    for (const tools::FileEntry& file : files)
      if (is_cpp_header(file.path) || is_cpp_source(file.path)) paths_.push_back(file.path);
  }

  // The project's file that `written` means inside `from`: beside it, or the one whose path ends in it.
  std::string resolve(const std::string& written, const std::string& from) const {
    const std::string beside = (fs::path(from).parent_path() / written).lexically_normal().generic_string();
    std::string best;
    for (const std::string& path : paths_) {
      if (path == beside) return path;
      const bool ends = path == written || (path.size() > written.size() && path.ends_with("/" + written));
      if (ends && (best.empty() || path.size() < best.size())) best = path;
    }
    return best;
  }

  // Folders in which the includes of all walked files are found.
  const std::vector<std::string>& include_roots() const { return include_roots_; }

  // Follows includes from `file`; headers bring the sources beside them that share their name.
  void walk(const std::string& file, CppBuild& build) {
    std::vector<std::string> open = {file};
    std::set<std::string> seen = {file};
    while (!open.empty() && build.sources.size() < kMaxSources) {
      const std::string at = open.back();
      open.pop_back();
      auto text = tree_.read(at);
      if (!text) continue;
      if (at != file && is_cpp_source(at)) {
        if (has_main(*text)) continue;  // a program of its own
        build.sources.push_back(at);
      }
      if (is_cpp_header(at)) build.headers.push_back(at);
      for (const Include& include : includes_of(*text)) {
        const std::string path = resolve(include.path, at);
        if (path.empty()) continue;
        // "geo/grid.h" found as lib/include/geo/grid.h: lib/include has to be searched.
        if (path.size() > include.path.size() && path.ends_with("/" + include.path))
          add_unique(include_roots_, path.substr(0, path.size() - include.path.size() - 1));
        if (seen.insert(path).second) open.push_back(path);
      }
      if (!is_cpp_header(at)) continue;
      const std::string stem = at.substr(0, at.rfind('.'));
      const std::string name = fs::path(stem).filename().string();
      for (const std::string& path : paths_) {
        // src/x.cc implements include/lib/x.h as well as src/x.h.
        const bool same_stem = path.substr(0, path.rfind('.')) == stem ||
                               (fs::path(path).stem() == name && includes_header(path, at));
        if (is_cpp_source(path) && same_stem && seen.insert(path).second) open.push_back(path);
      }
    }
    std::sort(build.sources.begin(), build.sources.end());
  }

 private:
  bool includes_header(const std::string& source, const std::string& header) {
    auto text = tree_.read(source);
    if (!text) return false;
    const std::vector<Include> includes = includes_of(*text);
    return std::any_of(includes.begin(), includes.end(),
                       [&](const Include& include) { return resolve(include.path, source) == header; });
  }
  static bool has_main(const std::string& text) {
    return text.find("int main(") != std::string::npos || text.find("auto main(") != std::string::npos;
  }

  const tools::WorkTree& tree_;
  std::vector<std::string> paths_, include_roots_;
};

}  // namespace

bool is_cpp_header(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".hpp") || path.ends_with(".hh") || path.ends_with(".hxx");
}
bool is_cpp_source(std::string_view path) {
  return path.ends_with(".cc") || path.ends_with(".cpp") || path.ends_with(".cxx");
}

std::string shell_quoted(std::string_view word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_./:-+=,@").find(c) != std::string_view::npos;
  });
  if (plain) return std::string(word);
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

CppBuild plan_cpp_build(const tools::WorkTree& tree, const std::vector<tools::FileEntry>& files, const std::string& file,
                        const std::string& text) {
  CppBuild build;
  const fs::path root = tree.root();
  IncludeGraph graph(tree, files);
  graph.walk(file, build);
  if (!flags_from_commands(fs::weakly_canonical(root), file, build)) {
    const std::string folder = fs::path(file).parent_path().generic_string();
    build.flags = {"-std=c++20", "-I" + shell_quoted(folder.empty() ? "." : folder), "-I."};
    for (const char* usual : {"include", "src"}) {
      const std::string prefix = std::string(usual) + "/";
      if (std::any_of(files.begin(), files.end(), [&](const auto& entry) { return entry.path.starts_with(prefix); }))
        add_unique(build.flags, std::string("-I") + usual);
    }
    for (const std::string& include_root : graph.include_roots())
      add_unique(build.flags, "-I" + shell_quoted(include_root));
  }
  if (is_cpp_header(file)) {
    build.include = "#include \"" + fs::path(file).filename().string() + "\"";
    return build;
  }
  // The header of a.cc is a.h as a rule; else the first one it includes.
  const std::vector<Include> includes = includes_of(text);
  const std::string stem = fs::path(file).stem().string();
  for (const Include& include : includes)
    if (fs::path(include.path).stem() == stem && build.include.empty()) build.include = include.line;
  for (const Include& include : includes)
    if (build.include.empty() && !graph.resolve(include.path, file).empty()) build.include = include.line;
  if (build.include.empty()) build.problem = "no header of the project is included that could declare it";
  return build;
}

}  // namespace agent
