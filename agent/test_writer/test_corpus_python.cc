// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_corpus_python.h"

#include <algorithm>

#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxSeenCalls = 40;
constexpr size_t kMaxConstructed = 12;  // of each class
constexpr size_t kMaxArgumentBytes = 160;
constexpr size_t kMaxNearLiterals = 60;

std::string_view last_part(std::string_view dotted) {
  const size_t dot = dotted.rfind('.');
  return dot == std::string_view::npos ? dotted : dotted.substr(dot + 1);
}

// `from ..units import X` inside kitchen/plan/day.py, which is module kitchen.plan.day, names kitchen.units.
std::string absolute_import(std::string_view line, std::string_view module) {
  if (!line.starts_with("from .")) return std::string(line);
  size_t dots = 0;
  while (5 + dots < line.size() && line[5 + dots] == '.') ++dots;
  std::string package(module);
  for (size_t i = 0; i < dots; ++i) {
    const size_t dot = package.rfind('.');
    package = dot == std::string::npos ? "" : package.substr(0, dot);
  }
  std::string_view rest = line.substr(5 + dots);
  if (package.empty()) return "";
  if (!rest.starts_with(' ')) package += '.';
  return base::cat("from ", package, rest);
}

class FileReader {
 public:
  FileReader(const SyntaxNodes& nodes, std::string module, bool is_test, const TestTarget& target,
             const std::vector<std::string>& classes, PythonCorpus& corpus)
      : nodes_(nodes), module_(std::move(module)), is_test_(is_test), target_(target), classes_(classes),
        corpus_(corpus) {}

  void read() {
    for (int i = 0; i < nodes_.size(); ++i) {
      const std::string_view type = nodes_[i].type;
      if (type == "import_statement" || type == "import_from_statement") {
        std::string line = absolute_import(nodes_.text(i), module_);
        std::replace(line.begin(), line.end(), '\n', ' ');
        if (!line.empty()) hints_.push_back(std::move(line));
      }
      if (type == "class_definition") read_class(i);
    }
    for (int i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].type == "call") read_call(i);
  }

 private:
  void read_class(int node) {
    const std::string name(nodes_.text(nodes_.child_of_field(node, "name")));
    if (std::find(classes_.begin(), classes_.end(), name) == classes_.end()) return;
    PythonClass found;
    found.module = module_;
    const int bases = nodes_.child_of_field(node, "superclasses");
    const bool enumeration = bases >= 0 && nodes_.text(bases).find("Enum") != std::string_view::npos;
    const int block = nodes_.child_of_field(node, "body");
    for (const int statement : nodes_.named_children(block)) {
      for (const int part : nodes_.named_children(statement)) {
        if (nodes_[part].type == "assignment") read_field(name, part, enumeration, found);
      }
    }
    for (const TestTarget& method : python_targets(nodes_))
      if (method.scope == name && method.name == "__init__") found.parameters = method.parameters;
    corpus_.classes.emplace(name, std::move(found));
  }

  // `amount: Fraction = Fraction(0)` in the body of a data class, `RED = 1` in the one of an enumeration.
  void read_field(const std::string& class_name, int assignment, bool enumeration, PythonClass& found) {
    const int left = nodes_.child_of_field(assignment, "left");
    const int type = nodes_.child_of_field(assignment, "type");
    const int right = nodes_.child_of_field(assignment, "right");
    if (left < 0 || nodes_[left].type != "identifier") return;
    if (enumeration) found.members.push_back(class_name + "." + std::string(nodes_.text(left)));
    if (enumeration || type < 0 || nodes_.text(type).starts_with("ClassVar")) return;
    Parameter field;
    field.name = nodes_.text(left);
    field.type = nodes_.text(type);
    if (right >= 0) field.default_value = nodes_.text(right);
    found.parameters.push_back(std::move(field));
  }

  void read_call(int node) {
    const int callee = nodes_.child_of_field(node, "function");
    const int arguments = nodes_.child_of_field(node, "arguments");
    if (callee < 0 || arguments < 0 || nodes_[arguments].type != "argument_list") return;
    const std::string_view name = nodes_.text(callee);
    if (last_part(name) == target_.name) read_target_call(node, callee, arguments);

    // Class(...) and Class.from_text(...)
    const std::string class_name(name.substr(0, name.find('.')));
    if (std::find(classes_.begin(), classes_.end(), class_name) == classes_.end()) return;
    std::vector<PythonExpression>& made = corpus_.constructed[class_name];
    const std::string_view text = nodes_.text(node);
    const bool known = std::any_of(made.begin(), made.end(), [&](const auto& one) { return one.text == text; });
    if (!known && made.size() < kMaxConstructed && text.size() <= kMaxArgumentBytes &&
        text.find('\n') == std::string_view::npos)
      made.push_back({std::string(text), hints_});
  }

  void read_target_call(int node, int callee, int arguments) {
    if (is_test_) read_near_literals(node);
    if (corpus_.calls.size() >= kMaxSeenCalls) return;
    TestCase seen;
    seen.hints = hints_;
    if (target_.call == TestTarget::Call::kMethod) {
      const int object = nodes_.child_of_field(callee, "object");
      if (object < 0) return;
      seen.receiver = nodes_.text(object);
    }
    for (const int argument : nodes_.named_children(arguments)) {
      const std::string_view text = nodes_.text(argument);
      if (nodes_[argument].type == "list_splat" || nodes_[argument].type == "dictionary_splat") return;
      if (text.size() > kMaxArgumentBytes || text.find('\n') != std::string_view::npos) return;
      std::string clean(text);
      if (nodes_[argument].type == "keyword_argument")
        clean = base::cat(nodes_.text(nodes_.child_of_field(argument, "name")), "=",
                          nodes_.text(nodes_.child_of_field(argument, "value")));
      seen.arguments.push_back(std::move(clean));
    }
    if (std::find(corpus_.calls.begin(), corpus_.calls.end(), seen) == corpus_.calls.end())
      corpus_.calls.push_back(std::move(seen));
  }

  // The literals of the test around a call, with its decorators: pytest keeps its parameters there.
  void read_near_literals(int node) {
    int around = nodes_.ancestor_of_type(node, {"function_definition"});
    if (around < 0) return;
    const int parent = nodes_.parent(around);
    if (parent >= 0 && nodes_[parent].type == "decorated_definition") around = parent;
    const tools::Range range = nodes_[around].range;
    for (int i = around; i < nodes_.size() && nodes_[i].range.begin < range.end; ++i) {
      const std::string_view type = nodes_[i].type;
      if (type == "string" && nodes_.text(i).size() <= 60 && corpus_.strings.size() < kMaxNearLiterals)
        add_unique(corpus_.strings, unquote(nodes_.text(i)));
      if ((type == "integer" || type == "float") && corpus_.numbers.size() < kMaxNearLiterals)
        add_unique(corpus_.numbers, std::string(nodes_.text(i)));
    }
  }

  const SyntaxNodes& nodes_;
  const std::string module_;
  const bool is_test_;
  const TestTarget& target_;
  const std::vector<std::string>& classes_;
  PythonCorpus& corpus_;
  std::vector<std::string> hints_;
};

}  // namespace

bool is_python_test_file(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"));
}

PythonModule python_module(const tools::WorkTree& tree, std::string_view path) {
  PythonModule module;
  std::string folder(path.substr(0, path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/')));
  std::string_view file = path.substr(folder.empty() ? 0 : folder.size() + 1);
  file.remove_suffix(3);  // ".py"
  module.name = file == "__init__" ? "" : std::string(file);
  while (!folder.empty() && tree.read(folder + "/__init__.py")) {
    const size_t slash = folder.rfind('/');
    const std::string part = slash == std::string::npos ? folder : folder.substr(slash + 1);
    module.name = module.name.empty() ? part : part + "." + module.name;
    folder = slash == std::string::npos ? "" : folder.substr(0, slash);
  }
  module.import_root = folder;
  return module;
}

base::Result<PythonCorpus> read_python_corpus(const tools::WorkTree& tree, const TestTarget& target,
                                              const std::vector<std::string>& classes, std::stop_token stop) {
  PythonCorpus corpus;
  auto files = tree.list(stop);
  if (!files) return std::move(files).error();
  size_t n_read = 0;
  for (const tools::FileEntry& file : *files) {
    if (stop.stop_requested()) return base::cancelled();
    if (!file.path.ends_with(".py") || file.size_bytes > kMaxCorpusFileBytes || n_read == kMaxCorpusFiles) continue;
    ++n_read;
    auto text = tree.read(file.path);
    if (!text) continue;
    bool wanted = text->find(target.name) != std::string::npos;
    for (const std::string& name : classes) wanted = wanted || text->find(name) != std::string::npos;
    if (!wanted) continue;
    auto syntax = tools::SyntaxTree::parse(tools::Language::kPython, std::move(*text), stop);
    if (!syntax) continue;
    const SyntaxNodes nodes(*syntax);
    FileReader(nodes, python_module(tree, file.path).name, is_python_test_file(file.path), target, classes, corpus).read();
  }
  return corpus;
}

}  // namespace agent
