// SPDX-License-Identifier: Apache-2.0
#include "agent/code/name_uses.h"

#include <algorithm>
#include <span>
#include <utility>

#include "agent/code/language_traits.h"

namespace agent {
namespace {

using tools::Language;

// A child of a node of `type` in `field`; an empty field stands for every child.
struct Place {
  std::string_view type, field = {};
};

struct NameTable {
  std::vector<Place> binders;  // names below are bound,
  std::vector<Place> uses;     // but not those below one of these on the way up
  std::vector<Place> members;
  std::vector<std::string_view> builtins;
  bool imported = false;  // names_are_imported
};

NameTable python() {
  NameTable t;
  t.binders = {{"assignment", "left"},        {"for_statement", "left"},       {"for_in_clause", "left"},
               {"as_pattern", "alias"},       {"named_expression", "name"},    {"parameters"},
               {"lambda_parameters"},         {"function_definition", "name"}, {"class_definition", "name"},
               {"import_statement", "name"},  {"import_from_statement", "name"}, {"aliased_import", "alias"},
               {"global_statement"},          {"nonlocal_statement"},          {"case_pattern"}};
  t.uses = {{"attribute"}, {"subscript"}, {"default_parameter", "value"}, {"typed_parameter", "type"},
            {"typed_default_parameter", "type"}, {"typed_default_parameter", "value"}};
  t.members = {{"keyword_argument", "name"}, {"attribute", "attribute"}};
  t.builtins = {
      "ArithmeticError", "AssertionError", "AttributeError", "BaseException", "BlockingIOError", "BrokenPipeError",
      "BytesWarning", "ConnectionError", "ConnectionResetError", "DeprecationWarning", "EOFError", "Ellipsis",
      "Exception", "FileExistsError", "FileNotFoundError", "FloatingPointError", "FutureWarning", "GeneratorExit",
      "IOError", "ImportError", "IndentationError", "IndexError", "InterruptedError", "IsADirectoryError", "KeyError",
      "KeyboardInterrupt", "LookupError", "MemoryError", "ModuleNotFoundError", "NameError", "NotADirectoryError",
      "NotImplemented", "NotImplementedError", "OSError", "OverflowError", "PendingDeprecationWarning",
      "PermissionError", "ProcessLookupError", "RecursionError", "ReferenceError", "ResourceWarning", "RuntimeError",
      "RuntimeWarning", "StopAsyncIteration", "StopIteration", "SyntaxError", "SystemError", "SystemExit", "TabError",
      "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError", "UnicodeError",
      "UserWarning", "ValueError", "Warning", "ZeroDivisionError", "__debug__", "__doc__", "__file__", "__import__",
      "__loader__", "__name__", "__package__", "__path__", "__spec__", "__class__", "abs", "aiter", "all", "anext",
      "any", "ascii", "bin", "bool", "breakpoint", "bytearray", "bytes", "callable", "chr", "classmethod", "compile",
      "complex", "delattr", "dict", "dir", "divmod", "enumerate", "eval", "exec", "exit", "filter", "float", "format",
      "frozenset", "getattr", "globals", "hasattr", "hash", "help", "hex", "id", "input", "int", "isinstance",
      "issubclass", "iter", "len", "list", "locals", "map", "max", "memoryview", "min", "next", "object", "oct", "open",
      "ord", "pow", "print", "property", "quit", "range", "repr", "reversed", "round", "set", "setattr", "slice",
      "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip", "_"};
  t.imported = true;
  return t;
}

NameTable script() {
  NameTable t;
  t.binders = {{"variable_declarator", "name"}, {"formal_parameters"}, {"arrow_function", "parameter"},
               {"function_declaration", "name"}, {"generator_function_declaration", "name"},
               {"function_expression", "name"}, {"class_declaration", "name"}, {"import_clause"},
               {"import_specifier"}, {"namespace_import"}, {"catch_clause", "parameter"}, {"for_in_statement", "left"},
               {"assignment_expression", "left"}, {"enum_declaration", "name"}};
  t.uses = {{"member_expression"}, {"subscript_expression"}, {"assignment_pattern", "right"},
            {"object_assignment_pattern", "right"}, {"required_parameter", "value"}, {"optional_parameter", "value"}};
  t.members = {{"export_specifier"}};  // of this file or of the one it is taken from
  t.builtins = {
      "AbortController", "Array", "ArrayBuffer", "Atomics", "BigInt", "Boolean", "Buffer", "DataView", "Date", "Error",
      "EvalError", "Event", "EventTarget", "Float32Array", "Float64Array", "Function", "Infinity", "Int32Array", "Int8Array",
      "Intl", "JSON", "Map", "Math", "NaN", "Number", "Object", "Promise", "Proxy", "RangeError", "ReferenceError",
      "Reflect", "RegExp", "Set", "String", "Symbol", "SyntaxError", "TextDecoder", "TextEncoder", "TypeError", "URL",
      "URLSearchParams", "Uint16Array", "Uint32Array", "Uint8Array", "WeakMap", "WeakRef", "WeakSet", "__dirname",
      "__filename", "arguments", "clearInterval", "clearTimeout", "console", "decodeURIComponent", "document",
      "encodeURIComponent", "exports", "fetch", "global", "globalThis", "isFinite", "isNaN", "localStorage", "module",
      "navigator", "parseFloat", "parseInt", "performance", "process", "queueMicrotask", "require", "self",
      "setImmediate", "setInterval", "setTimeout", "structuredClone", "undefined", "window",
      // which test runners put there
      "after", "afterAll", "afterEach", "before", "beforeAll", "beforeEach", "describe", "expect", "it", "jest", "test"};
  t.imported = true;
  return t;
}

NameTable go() {
  NameTable t;
  t.binders = {{"short_var_declaration", "left"}, {"var_spec", "name"}, {"const_spec", "name"},
               {"parameter_declaration", "name"}, {"variadic_parameter_declaration", "name"}, {"range_clause", "left"},
               {"function_declaration", "name"}, {"receive_statement", "left"}, {"type_switch_statement", "alias"}};
  t.uses = {{"selector_expression"}, {"index_expression"}};
  t.members = {{"keyed_element", "key"}, {"literal_element"}};
  t.builtins = {"append", "cap", "clear", "close", "complex", "copy", "delete", "false", "imag", "iota", "len", "make",
                "max", "min", "new", "nil", "panic", "print", "println", "real", "recover", "true", "_", "any", "bool",
                "byte", "error", "float32", "float64", "int", "int16", "int32", "int64", "int8", "rune", "string",
                "uint", "uint16", "uint32", "uint64", "uint8", "uintptr"};
  return t;
}

NameTable rust() {
  NameTable t;
  t.binders = {{"let_declaration", "pattern"}, {"parameter", "pattern"}, {"closure_parameters"},
               {"for_expression", "pattern"}, {"match_pattern"}, {"let_condition", "pattern"},
               {"function_item", "name"}, {"static_item", "name"}, {"const_item", "name"}, {"use_declaration"},
               {"const_parameter", "name"}, {"mod_item", "name"}, {"macro_definition", "name"}, {"enum_variant", "name"}};
  t.uses = {{"field_expression"}, {"tuple_struct_pattern", "type"}, {"match_pattern", "condition"}};
  t.members = {{"scoped_identifier", "name"}, {"macro_invocation", "macro"}, {"generic_function"}};
  t.builtins = {"Box", "Err", "None", "Ok", "Option", "Result", "Self", "Some", "String", "Vec", "alloc", "assert",
                "core", "crate", "debug_assert", "drop", "format", "panic", "println", "self", "std", "super", "vec", "_"};
  t.imported = true;
  return t;
}

NameTable java() {
  NameTable t;
  t.binders = {{"variable_declarator", "name"}, {"formal_parameter", "name"}, {"catch_formal_parameter", "name"},
               {"enhanced_for_statement", "name"}, {"lambda_expression", "parameters"}, {"inferred_parameters"},
               {"resource", "name"}, {"spread_parameter"}, {"instanceof_expression", "name"}, {"import_declaration"},
               {"class_declaration", "name"}, {"interface_declaration", "name"}, {"enum_declaration", "name"},
               {"enum_constant", "name"}, {"record_declaration", "name"}, {"type_pattern"}};
  t.uses = {{"variable_declarator", "value"}};
  t.members = {{"method_invocation", "name"}, {"field_access", "field"}, {"method_declaration", "name"},
               {"scoped_identifier"}};
  t.builtins = {"ArithmeticException", "Boolean", "Byte", "Character", "Class", "Double", "Exception", "Float",
                "IllegalArgumentException", "IllegalStateException", "Integer", "Iterable", "Long", "Math",
                "NullPointerException", "Number", "Object", "Override", "Runnable", "RuntimeException", "Short",
                "String", "StringBuilder", "System", "Thread", "Throwable", "length", "super", "this"};
  return t;
}

NameTable c_family() {
  NameTable t;
  t.binders = {{"init_declarator", "declarator"}, {"declaration", "declarator"},
               {"parameter_declaration", "declarator"}, {"optional_parameter_declaration", "declarator"},
               {"field_declaration", "declarator"}, {"function_definition", "declarator"}, {"preproc_def", "name"},
               {"preproc_function_def", "name"}, {"preproc_params"}, {"enumerator", "name"},
               {"for_range_loop", "declarator"}, {"structured_binding_declarator"}, {"lambda_capture_specifier"},
               {"function_declarator", "declarator"}};
  t.uses = {{"array_declarator", "size"}, {"parameter_list"}, {"init_declarator", "value"}};
  t.members = {{"field_expression", "field"}, {"qualified_identifier", "name"}};
  t.builtins = {"NULL", "assert", "false", "free", "malloc", "memcpy", "memset", "nullptr", "printf", "size_t",
                "sizeof", "std", "strcmp", "strlen", "this", "true"};
  return t;
}

const NameTable* table_of(Language language) {
  static const NameTable kPython = python(), kScript = script(), kGo = go(), kRust = rust(), kJava = java(),
                         kCFamily = c_family();
  switch (language) {
    case Language::kPython: return &kPython;
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx: return &kScript;
    case Language::kGo: return &kGo;
    case Language::kRust: return &kRust;
    case Language::kJava: return &kJava;
    case Language::kC:
    case Language::kCpp:
    case Language::kCuda: return &kCFamily;
    case Language::kJson:
    case Language::kBash: break;
  }
  return nullptr;
}

bool holds(std::span<const Place> places, const tools::Node& parent, const tools::Node& child) {
  return std::any_of(places.begin(), places.end(), [&](const Place& place) {
    return place.type == parent.type && (place.field.empty() || place.field == child.field);
  });
}

bool is_among(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_name(std::string_view type) {
  if (type == "shorthand_property_identifier_pattern") return true;
  return type.ends_with("identifier") && type != "qualified_identifier" && type != "scoped_identifier" &&
         type != "scoped_type_identifier" && type != "nested_identifier";
}

// "gopkg.in/yaml.v3" and "example.org/yaml/v3", quotes and all: yaml, as packages are usually called.
std::string_view go_package_name(std::string_view path) {
  const auto last_of = [&] { return path.substr(path.rfind('/') + 1); };
  if (path.size() >= 2) path = path.substr(1, path.size() - 2);
  std::string_view last = last_of();
  const bool version = last.size() > 1 && last[0] == 'v' && last.find_first_not_of("0123456789", 1) == std::string_view::npos;
  if (version && last.size() < path.size()) {
    path.remove_suffix(last.size() + 1);
    last = last_of();
  }
  return last.substr(0, last.find('.'));
}

// Inside a macro's tokens, where there is no tree to say so.
bool follows_receiver(std::string_view text, size_t name) {
  return name > 0 && (text[name - 1] == '.' || text[name - 1] == ':');
}

// The nodes from the root to where the walk is.
class Path {
 public:
  Path(const NameTable& table, const LanguageTraits& traits) : table_(table), traits_(traits) {}

  void enter(const tools::Node& node) {
    levels_.resize(static_cast<size_t>(node.depth));
    Level level{&node, -1, levels_.size()};
    if (!levels_.empty() && levels_.back().function >= 0) {
      level.function = levels_.back().function;
      level.function_level = levels_.back().function_level;
    } else if (is_among(traits_.functions, node.type)) {
      level.function = static_cast<int>(functions_.size());
      functions_.push_back(node.range);
    }
    levels_.push_back(level);
  }

  const tools::Node* parent() const { return levels_.size() < 2 ? nullptr : levels_[levels_.size() - 2].node; }
  std::vector<tools::Range> take_functions() { return std::move(functions_); }

  NameKind kind() const {
    if (in_import()) return NameKind::kBinding;
    const std::string_view type = levels_.back().node->type;
    if (type == "property_identifier" || type == "field_identifier") return NameKind::kMember;
    if (type == "type_identifier" || type == "namespace_identifier" || type == "package_identifier") return NameKind::kType;
    constexpr size_t kMostLevels = 10;
    for (size_t at = levels_.size() - 1, level = 0; at > 0 && level < kMostLevels; --at, ++level) {
      const tools::Node &child = *levels_[at].node, &parent = *levels_[at - 1].node;
      if (holds(table_.members, parent, child)) return NameKind::kMember;
      if (holds(table_.uses, parent, child)) return NameKind::kUse;
      if (holds(table_.binders, parent, child)) return NameKind::kBinding;
      if (is_among(traits_.functions, parent.type) || is_among(traits_.blocks, parent.type)) break;  // nothing above says more
    }
    return NameKind::kUse;
  }

  // Whatever an import names may be used.
  bool in_import() const {
    return std::any_of(levels_.begin(), levels_.end(), [&](const Level& level) { return is_among(traits_.imports, level.node->type); });
  }

  int function() const {
    const Level& last = levels_.back();
    if (last.function < 0 || last.function_level + 1 >= levels_.size()) return last.function;
    const std::string_view field = levels_[last.function_level + 1].node->field;
    if (field == "name") return -1;
    if (field != "declarator") return last.function;
    const bool parameter = std::any_of(levels_.begin() + static_cast<std::ptrdiff_t>(last.function_level) + 2, levels_.end(),
                                       [](const Level& level) { return level.node->field == "parameters"; });
    return parameter ? last.function : -1;
  }

 private:
  struct Level {
    const tools::Node* node;
    int function;           // number of the outermost one that holds it, or that it is
    size_t function_level;  // of that one
  };
  const NameTable& table_;
  const LanguageTraits& traits_;
  std::vector<Level> levels_;
  std::vector<tools::Range> functions_;
};

}  // namespace

NameUses name_uses(const tools::SyntaxTree& tree) {
  const NameTable* table = table_of(tree.language());
  const LanguageTraits* traits = language_traits(tree.language());
  if (table == nullptr || traits == nullptr) return {};
  NameUses uses;
  Path path(*table, *traits);
  const std::vector<tools::Node> nodes = tree.nodes();
  const auto text_of = [&](tools::Range range) { return std::string_view(tree.text()).substr(range.begin, range.end - range.begin); };
  for (const tools::Node& node : nodes) {
    path.enter(node);
    if (!node.named || node.missing) continue;
    if (is_name(node.type)) {
      const bool member = path.parent() != nullptr && path.parent()->type == "token_tree" && follows_receiver(tree.text(), node.range.begin);
      uses.names.push_back({text_of(node.range), node.range, member ? NameKind::kMember : path.kind(), path.function()});
    } else if (node.type == "interpreted_string_literal" && path.parent() != nullptr && path.parent()->type == "import_spec") {
      uses.names.push_back({go_package_name(text_of(node.range)), node.range, NameKind::kBinding, -1});
    }
  }
  uses.functions = path.take_functions();
  return uses;
}

bool names_are_imported(tools::Language language) {
  const NameTable* table = table_of(language);
  return table != nullptr && table->imported;
}

bool is_builtin_name(tools::Language language, std::string_view name) {
  const NameTable* table = table_of(language);
  return table != nullptr && is_among(table->builtins, name);
}

}  // namespace agent
