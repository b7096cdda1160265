// SPDX-License-Identifier: Apache-2.0
// Puts new tests into a file: imports to the imports, functions to the end.
#include <algorithm>
#include <map>

#include "agent/test_writer/test_render_python.h"
#include "base/strings.h"
#include "tools/edit.h"

namespace agent {
namespace {

using Texts = std::vector<std::string>;

struct Import {
  std::string module;
  std::string name;  // empty: `import module`
};

Import parse_import(std::string_view line) {
  constexpr std::string_view kFrom = "from ", kImport = " import ";
  if (!line.starts_with(kFrom)) return {std::string(base::trim(line.substr(line.find(' ')))), ""};
  const size_t at = line.find(kImport);
  return {std::string(line.substr(kFrom.size(), at - kFrom.size())), std::string(line.substr(at + kImport.size()))};
}

std::string statement(const std::string& module, Texts names, size_t columns) {
  if (names.empty()) return "import " + module + "\n";
  std::sort(names.begin(), names.end());
  std::string line = "from " + module + " import ";
  for (size_t i = 0; i < names.size(); ++i) line += (i > 0 ? ", " : "") + names[i];
  if (line.size() <= columns) return line + "\n";
  line = "from " + module + " import (\n";
  for (const std::string& name : names) line += "    " + name + ",\n";
  return line + ")\n";
}

// 0: standard library, 1: others, 2: the project. What is neither pytest nor the project came from the standard library
// or from a package that the project uses; the two are told apart by the few modules that inputs are made with.
int section(const std::string& module, std::string_view package) {
  const std::string top = module.substr(0, module.find('.'));
  if (top == package) return 2;
  const Texts standard = {"asyncio",  "collections", "datetime", "decimal", "fractions", "functools", "io",  "itertools",
                          "math",     "os",          "pathlib",  "re",      "string",    "sys",       "uuid", "enum",
                          "dataclasses", "operator", "json",     "argparse"};
  return std::find(standard.begin(), standard.end(), top) != standard.end() ? 0 : 1;
}

std::map<std::string, Texts> by_module(const Texts& lines) {
  std::map<std::string, Texts> modules;
  for (const std::string& line : lines) {
    const Import import = parse_import(line);
    Texts& names = modules[import.module];
    if (!import.name.empty()) add_unique(names, import.name);
  }
  return modules;
}

std::string new_file(const RenderedTests& tests, std::string_view package, const PythonTestStyle& style) {
  std::string text = style.first_line.empty() ? "" : style.first_line + "\n";
  const std::map<std::string, Texts> modules = by_module(tests.imports);
  int last = -1;
  for (int part = 0; part < 3; ++part) {
    // `import x` before `from x import y`, as import sorters have it.
    for (const bool from : {false, true}) {
      for (const auto& [module, names] : modules) {
        if (section(module, package) != part || names.empty() == from) continue;
        if (last >= 0 && last != part) text += "\n";
        last = part;
        text += statement(module, names, style.columns);
      }
    }
  }
  return text + tests.text;
}

struct ExistingImport {
  tools::Range range;
  std::string module;
  Texts names;    // as bound by `from module import name`
  bool plain = true;  // one line, no alias, no star: names can be added
};

struct ExistingFile {
  std::vector<ExistingImport> imports;
  Texts bound;         // names that imports and definitions at the top bind
  size_t imports_end = 0;  // byte after the last import statement, or after the comments at the top
};

ExistingFile read_existing(std::string_view text) {
  ExistingFile file;
  auto syntax = tools::SyntaxTree::parse(tools::Language::kPython, std::string(text));
  if (!syntax) return file;
  const SyntaxNodes nodes(*syntax);
  for (const int child : nodes.children(0)) {
    const std::string_view type = nodes[child].type;
    if (type == "comment" && file.imports.empty()) file.imports_end = nodes[child].range.end;
    if (type != "import_statement" && type != "import_from_statement") continue;
    file.imports_end = nodes[child].range.end;
    ExistingImport import;
    import.range = nodes[child].range;
    const bool from = type == "import_from_statement";
    import.plain = from && nodes.text(child).find('\n') == std::string_view::npos;
    const int module = nodes.child_of_field(child, "module_name");
    if (module >= 0) import.module = nodes.text(module);
    for (const int part : nodes.named_children(child)) {
      if (part == module) continue;
      if (nodes[part].type != "dotted_name") import.plain = false;
      if (nodes[part].type == "aliased_import") {
        file.bound.emplace_back(nodes.text(nodes.child_of_field(part, "alias")));
        continue;
      }
      import.names.emplace_back(nodes.text(part));
      file.bound.emplace_back(nodes.text(part));
    }
    file.imports.push_back(std::move(import));
  }
  return file;
}

}  // namespace

std::vector<std::string> python_top_level_names(std::string_view text) {
  Texts names;
  auto syntax = tools::SyntaxTree::parse(tools::Language::kPython, std::string(text));
  if (!syntax) return names;
  for (const tools::Symbol& symbol : syntax->symbols())
    if (symbol.parent < 0) names.push_back(symbol.name);
  return names;
}

std::string place_python_tests(std::string_view existing, const RenderedTests& tests, std::string_view package,
                               const PythonTestStyle& style) {
  if (base::trim(existing).empty()) return new_file(tests, package, style);
  const ExistingFile file = read_existing(existing);
  std::vector<tools::Replacement> edits;
  std::string added;  // new import statements
  for (auto& [module, names] : by_module(tests.imports)) {
    Texts wanted;
    for (const std::string& name : names)
      if (std::find(file.bound.begin(), file.bound.end(), name) == file.bound.end()) wanted.push_back(name);
    if (names.empty()) {
      if (std::find(file.bound.begin(), file.bound.end(), module) == file.bound.end())
        added += statement(module, {}, style.columns);
      continue;
    }
    if (wanted.empty()) continue;
    const auto same = std::find_if(file.imports.begin(), file.imports.end(), [&m = module](const ExistingImport& one) {
      return one.plain && one.module == m;
    });
    if (same == file.imports.end()) {
      added += statement(module, wanted, style.columns);
      continue;
    }
    for (const std::string& name : same->names) add_unique(wanted, name);
    std::string line = statement(module, wanted, style.columns);
    line.pop_back();
    edits.push_back({same->range.begin, same->range.end, std::move(line)});
  }
  if (!added.empty()) {
    added.pop_back();
    edits.push_back({file.imports_end, file.imports_end, (file.imports_end > 0 ? "\n" : "") + added});
  }
  std::string text(existing);
  std::stable_sort(edits.begin(), edits.end(), [](const auto& a, const auto& b) { return a.begin > b.begin; });
  for (const tools::Replacement& edit : edits) text.replace(edit.begin, edit.end - edit.begin, edit.text);
  if (text.back() != '\n') text += '\n';
  return text + tests.text;
}

}  // namespace agent
