// SPDX-License-Identifier: Apache-2.0
// Messages of CPython, node and tsc.
#include <algorithm>

#include "agent/code/known_symbols.h"
#include "agent/code/words.h"
#include "agent/fix/diagnostic_repairs.h"
#include "base/strings.h"

namespace agent {
namespace {

bool is_python(const CodeFile& file) {
  return file.tree.language() == tools::Language::kPython;
}

std::string indent_of(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t");
  return std::string(line.substr(0, first == std::string_view::npos ? 0 : first));
}

void offer_import(const Complaint& c, const std::string& line, double score, RepairSink& sink) {
  if (has(c.file->text(), line + "\n")) return;
  sink.offer(*c.file, import_line(*c.file, line), "missing import", score, base::cat("new line `", line, "`"));
}

// How another file of the tree brings the name in; else the module that defines it.
void import_as_others_do(const Complaint& c, const std::string& name, RepairSink& sink) {
  for (const auto& [path, file] : sink.code.files()) {
    if (path == c.file->path) continue;
    for (int line = 1; line <= file.n_lines(); ++line) {
      const std::string_view text = line_text(file, line);
      if (!text.starts_with("from ") && !text.starts_with("import ")) continue;
      for (std::string_view word : identifiers(text.substr(text.find(' ')))) {
        if (word != name) continue;
        const size_t import = text.find(" import ");
        offer_import(
            c,
            import == std::string_view::npos ? std::string(text) : base::cat(text.substr(0, import), " import ", name),
            .9, sink);
      }
    }
  }
  if (!is_python(*c.file)) return;
  for (const Definition& definition : sink.code.find(name)) {
    if (definition.symbol->parent >= 0 || definition.file == c.file || !definition.file->path.ends_with(".py"))
      continue;
    std::string module = definition.file->path.substr(0, definition.file->path.size() - 3);
    const size_t slash = c.file->path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : c.file->path.substr(0, slash + 1);
    const bool relative = has(c.file->text(), "from .");
    if (relative && !folder.empty() && module.starts_with(folder)) module = "." + module.substr(folder.size());
    std::replace(module.begin(), module.end(), '/', '.');
    if (module.ends_with(".__init__")) module.resize(module.size() - 9);
    offer_import(c, base::cat("from ", module, " import ", name), .8, sink);
  }
}

void unknown_name(const Complaint& c, RepairSink& sink) {
  std::string name;
  if (has(c.message, "NameError") || has(c.message, "UnboundLocalError")) {
    const std::vector<std::string> names = quoted_texts(c.message);
    if (names.empty()) return;
    name = names[0];
  } else if (has(c.message, "ReferenceError: ") && has(c.message, " is not defined")) {
    const size_t at = c.message.find("ReferenceError: ") + 16;
    name = c.message.substr(at, c.message.find(' ', at) - at);
  } else if (has(c.message, "Cannot find name") && !quoted_texts(c.message).empty()) {
    name = quoted_texts(c.message)[0];
  }
  if (name.empty() || c.line == 0 || occurrences(*c.file, c.line, name).empty()) return;
  const std::string wanted = quoted_after(c.message, "Did you mean: ");
  for (size_t at : occurrences(*c.file, c.line, name)) {
    if (!wanted.empty())
      sink.offer(*c.file, {at, at + name.size(), wanted}, "misspelt name", .95,
                 base::cat("`", name, "` becomes `", wanted, "`"));
    const std::string self = is_python(*c.file) ? "self." : "this.";
    if (has(c.file->text(), self + name))
      sink.offer(*c.file, {at, at, self}, "lost receiver", .8, base::cat("`", name, "` becomes `", self, name, "`"));
  }
  if (is_python(*c.file)) {
    if (is_python_module(name)) offer_import(c, "import " + name, 1, sink);
    if (const auto module = python_module_of(name))
      offer_import(c, base::cat("from ", *module, " import ", name), .95, sink);
  }
  import_as_others_do(c, name, sink);
  offer_near_names(c, name, .7, sink);
  const tools::Symbol* function = CodeBase::function_at(*c.file, c.line);
  if (function == nullptr || !is_python(*c.file)) return;
  // A local without a first value.
  const int head = c.file->line_of(function->range.begin);
  for (int line = head + 1; line <= c.line; ++line) {
    const std::string_view text = line_text(*c.file, line);
    const std::string_view trimmed = base::trim(text);
    if (trimmed.empty() || trimmed.starts_with("\"\"\"") || trimmed.starts_with("#") || trimmed.ends_with(",") ||
        trimmed.starts_with(")"))
      continue;
    const size_t at = c.file->line_range(line).begin;
    for (const char* value : {"0", "[]", "None", "{}", "\"\""})
      sink.offer(*c.file, {at, at, base::cat(indent_of(text), name, " = ", value, "\n")}, "missing first value",
                 value[0] == '0' ? .5 : .4, base::cat("new line `", name, " = ", value, "`"));
    for (const char* word : {"global ", "nonlocal "})
      if (has(c.message, "UnboundLocalError"))
        sink.offer(*c.file, {at, at, base::cat(indent_of(text), word, name, "\n")}, "missing declaration", .45,
                   base::cat("new line `", word, name, "`"));
    break;
  }
}

void unknown_member(const Complaint& c, RepairSink& sink) {
  std::string name, owner;
  const std::vector<std::string> names = quoted_texts(c.message);
  if (has(c.message, "has no attribute") && !names.empty()) {
    name = quoted_after(c.message, "has no attribute ");
    owner = names[0];
  } else if (has(c.message, " is not a function")) {
    const size_t end = c.message.find(" is not a function");
    const size_t dot = c.message.rfind('.', end);
    if (dot == std::string::npos) return;
    name = c.message.substr(dot + 1, end - dot - 1);
  }
  if (name.empty() || c.line == 0) return;
  const std::string wanted = quoted_after(c.message, "Did you mean: ");
  for (size_t at : occurrences(*c.file, c.line, name))
    if (!wanted.empty())
      sink.offer(*c.file, {at, at + name.size(), wanted}, "misspelt member", .95,
                 base::cat("`", name, "` becomes `", wanted, "`"));
  offer_near_names(c, name, .7, sink);
  // An attribute that the constructor forgot.
  for (const Definition& definition : sink.code.find(owner)) {
    if (!definition.file->path.ends_with(".py")) continue;
    const CodeFile& file = *definition.file;
    for (const tools::Symbol& symbol : file.symbols) {
      if (symbol.name != "__init__" || symbol.range.begin < definition.symbol->range.begin ||
          symbol.range.end > definition.symbol->range.end)
        continue;
      const int last = file.line_of(symbol.range.end - 1);
      const tools::Range range = file.line_range(last);
      const std::string indent = indent_of(line_text(file, last));
      const std::string bare = name.starts_with("_") ? name.substr(1) : name;
      const std::string_view head =
          std::string_view(file.text()).substr(symbol.range.begin, symbol.range.end - symbol.range.begin);
      auto offer = [&](const std::string& value, double score) {
        sink.offer(file, {range.end, range.end, base::cat("\n", indent, "self.", name, " = ", value)},
                   "missing attribute", score, base::cat("new line `self.", name, " = ", value, "`"));
      };
      for (const std::string& parameter : {name, bare})
        if (has_word(head.substr(0, head.find(":\n")), parameter)) offer(parameter, 1);
      for (const char* value : {"[]", "{}", "0", "None", "False", "\"\"", "set()"}) offer(value, .45);
    }
  }
}

void bad_import(const Complaint& c, RepairSink& sink) {
  if (has(c.message, "cannot import name")) {
    const std::vector<std::string> names = quoted_texts(c.message);
    if (names.size() < 2) return;
    const std::string& name = names[0];
    for (int line = 1; line <= c.file->n_lines(); ++line) {
      const std::string_view text = line_text(*c.file, line);
      if (!has(text, "import") || occurrences(*c.file, line, name).empty()) continue;
      offer_near_names({c.file, line, 0, c.message}, name, .7, sink);
    }
    // Or the module's own definition bears the wrong name.
    std::string path = names[1];
    std::replace(path.begin(), path.end(), '.', '/');
    if (c.file->path.ends_with(path + ".py") || c.file->path.ends_with(path + "/__init__.py"))
      for (const tools::Symbol& symbol : c.file->symbols)
        if (symbol.parent < 0 && name_similarity(symbol.name, name) > .5)
          sink.offer(*c.file, {symbol.name_range.begin, symbol.name_range.end, name}, "misspelt name", .6,
                     base::cat("`", symbol.name, "` becomes `", name, "`"));
  }
  if ((has(c.message, "No module named") || has(c.message, "Cannot find module")) && c.line > 0 &&
      !quoted_texts(c.message).empty()) {
    std::string module = quoted_texts(c.message)[0];
    if (const size_t dot = module.rfind('.'); dot != std::string::npos) module = module.substr(dot + 1);
    for (const auto& [path, file] : sink.code.files()) {
      const size_t slash = path.rfind('/');
      std::string stem = slash == std::string::npos ? path : path.substr(slash + 1);
      stem = stem.substr(0, stem.find('.'));
      if (stem == module || name_similarity(stem, module) < .6) continue;
      for (size_t at : occurrences(*c.file, c.line, module))
        sink.offer(*c.file, {at, at + module.size(), stem}, "misspelt module", .8 * name_similarity(stem, module),
                   base::cat("`", module, "` becomes `", stem, "`"));
    }
  }
}

// A method without parameters that a place reads like a value lost its @property.
void read_like_a_value(const std::string& name, RepairSink& sink) {
  for (const Definition& definition : sink.code.find(name)) {
    const CodeFile& file = *definition.file;
    if (definition.symbol->parent < 0 || !file.path.ends_with(".py")) continue;
    const int line = file.line_of(definition.symbol->range.begin);
    if (!has(line_text(file, line), "(self)") || (line > 1 && base::trim(line_text(file, line - 1)).starts_with("@"))) continue;
    const size_t begin = file.line_range(line).begin;
    sink.offer(file, {begin, begin, base::cat(indent_of(line_text(file, line)), "@property\n")}, "missing decorator", .7,
               base::cat("`@property` for `", name, "`"));
  }
}

void wrong_arguments(const Complaint& c, RepairSink& sink) {
  if (!has(c.message, "TypeError") || c.line == 0) return;
  if (has(c.message, "positional argument") && has(c.message, "takes")) {
    // "f() takes 1 positional argument but 2 were given": the method's `self`.
    size_t at = c.message.find("() takes");
    if (at == std::string::npos) return;
    std::string name = c.message.substr(0, at);
    name = name.substr(name.find_last_of(" .") + 1);
    for (const Definition& definition : sink.code.find(name)) {
      const size_t open = definition.file->text().find('(', definition.symbol->name_range.end);
      if (definition.symbol->parent < 0 || open == std::string::npos) continue;
      const bool empty = definition.file->text()[open + 1] == ')';
      const std::string head = definition.file->text().substr(open + 1, 5);
      if (!head.starts_with("self"))
        sink.offer(*definition.file, {open + 1, open + 1, empty ? "self" : "self, "}, "lost self", .9,
                   base::cat("`self` for `", name, "`"));
      const int line = definition.file->line_of(definition.symbol->range.begin);
      const size_t begin = definition.file->line_range(line).begin;
      sink.offer(*definition.file,
                 {begin, begin, base::cat(indent_of(line_text(*definition.file, line)), "@staticmethod\n")},
                 "missing decorator", .3, "`@staticmethod`");
    }
  }
  if (has(c.message, "unexpected keyword argument")) {
    const std::string name = quoted_after(c.message, "unexpected keyword argument ");
    if (!name.empty()) offer_near_names(c, name, .8, sink);
  }
  if (has(c.message, "required positional argument") || has(c.message, "required keyword-only argument")) {
    const std::vector<std::string> names = quoted_texts(c.message);
    if (names.empty()) return;
    const tools::Range range = c.file->line_range(c.line);
    for (const tools::Node& node : c.file->tree.nodes(range)) {
      if (node.type != "argument_list" || node.range.begin < range.begin || node.range.begin > range.end) continue;
      const size_t end = node.range.end - 1;
      const bool empty = node.range.end - node.range.begin == 2;
      for (const std::string& value : {names[0], "self." + names[0], base::cat(names[0], "=", names[0])})
        sink.offer(*c.file, {end, end, empty ? value : ", " + value}, "missing argument", .5,
                   base::cat("argument `", value, "` is added"));
    }
  }
  // "'X' object is not callable", "'method' object is not iterable".
  if (has(c.message, "is not callable"))
    for (const tools::Node& node : c.file->tree.nodes(c.file->line_range(c.line)))
      if (node.type == "argument_list" && node.range.end - node.range.begin == 2)
        sink.offer(*c.file, {node.range.begin, node.range.end, ""}, "call too many", .7, "`()` goes away");
  if (has(c.message, "method") || has(c.message, "function"))
    for (const tools::Node& node : c.file->tree.nodes(c.file->line_range(c.line)))
      if (node.type == "attribute" && c.file->line_of(node.range.end) == c.line &&
          c.file->text()[node.range.end] != '(') {
        const std::string text = c.file->text().substr(node.range.begin, node.range.end - node.range.begin);
        sink.offer(*c.file, {node.range.end, node.range.end, "()"}, "lost call", .6, base::cat("`", text, "()`"));
        read_like_a_value(text.substr(text.rfind('.') + 1), sink);
      }
}

// "coroutine 'Shop.load' was never awaited": its calls that are not.
void lost_await(const Complaint& c, RepairSink& sink) {
  if (!has(c.message, "never awaited") || c.line != 0) return;
  const std::vector<std::string> names = quoted_texts(c.message);
  if (names.empty()) return;
  const std::string name = names[0].substr(names[0].rfind('.') + 1);
  for (const tools::Node& node : c.file->tree.nodes()) {
    if (node.type != "call") continue;
    const std::string_view text =
        std::string_view(c.file->text()).substr(node.range.begin, node.range.end - node.range.begin);
    const size_t open = text.find('(');
    const std::string_view callee = text.substr(0, open);
    if (callee != name && !callee.ends_with("." + name)) continue;
    const std::string_view before =
        std::string_view(c.file->text())
            .substr(node.range.begin > 20 ? node.range.begin - 20 : 0, std::min<size_t>(20, node.range.begin));
    if (before.ends_with("await ") || has(before, "gather(") || has(before, "create_task(") || has(before, ".run("))
      continue;
    const tools::Symbol* function = CodeBase::function_at(*c.file, c.file->line_of(node.range.begin));
    const bool in_async =
        function != nullptr && std::string_view(c.file->text()).substr(function->range.begin).starts_with("async");
    sink.offer(*c.file, {node.range.begin, node.range.begin, "await "}, "missing await", in_async ? 1 : .2,
               base::cat("`await ", callee, "(...)`"));
    sink.offer(*c.file, {node.range.begin, node.range.end, base::cat("(await ", text, ")")}, "missing await",
               in_async ? .5 : .1, base::cat("`(await ", callee, "(...))`"));
  }
}

}  // namespace

void repair_script(const Complaint& c, const CheckReading&, RepairSink& sink) {
  unknown_name(c, sink);
  unknown_member(c, sink);
  bad_import(c, sink);
  wrong_arguments(c, sink);
  lost_await(c, sink);
}

}  // namespace agent
