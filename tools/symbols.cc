// SPDX-License-Identifier: Apache-2.0
// The outline: one table of defining node types per language, and one walk over the tree.
#include <algorithm>
#include <span>

#include "tools/syntax_state.h"

namespace tools {
namespace {

enum class Where : uint8_t {
  kAnywhere,
  kOutsideFunctions,  // variables and the like: locals are no part of an outline
  kWithBody,          // types: `struct A;` and `struct A x` only mention A
};

struct Rule {
  std::string_view node_type;
  SymbolKind kind;
  Where where = Where::kAnywhere;
};

constexpr Rule kCRules[] = {{"function_definition", SymbolKind::kFunction},
                            {"struct_specifier", SymbolKind::kStruct, Where::kWithBody},
                            {"union_specifier", SymbolKind::kStruct, Where::kWithBody},
                            {"class_specifier", SymbolKind::kClass, Where::kWithBody},
                            {"enum_specifier", SymbolKind::kEnum, Where::kWithBody},
                            {"enumerator", SymbolKind::kConstant, Where::kOutsideFunctions},
                            {"field_declaration", SymbolKind::kField, Where::kOutsideFunctions},
                            {"declaration", SymbolKind::kVariable, Where::kOutsideFunctions},
                            {"type_definition", SymbolKind::kClass, Where::kOutsideFunctions},
                            {"alias_declaration", SymbolKind::kClass, Where::kOutsideFunctions},
                            {"concept_definition", SymbolKind::kInterface},
                            {"namespace_definition", SymbolKind::kModule},
                            {"preproc_function_def", SymbolKind::kFunction, Where::kOutsideFunctions},
                            {"preproc_def", SymbolKind::kConstant, Where::kOutsideFunctions}};

constexpr Rule kPythonRules[] = {{"function_definition", SymbolKind::kFunction},
                                 {"class_definition", SymbolKind::kClass},
                                 {"assignment", SymbolKind::kVariable, Where::kOutsideFunctions}};

constexpr Rule kScriptRules[] = {
    {"function_declaration", SymbolKind::kFunction},
    {"generator_function_declaration", SymbolKind::kFunction},
    {"function_signature", SymbolKind::kFunction},
    {"class_declaration", SymbolKind::kClass},
    {"abstract_class_declaration", SymbolKind::kClass},
    {"class", SymbolKind::kClass, Where::kWithBody},
    {"method_definition", SymbolKind::kMethod},
    {"abstract_method_signature", SymbolKind::kMethod},
    {"method_signature", SymbolKind::kMethod},
    {"field_definition", SymbolKind::kField},
    {"public_field_definition", SymbolKind::kField},
    {"property_signature", SymbolKind::kField, Where::kOutsideFunctions},
    {"interface_declaration", SymbolKind::kInterface},
    {"enum_declaration", SymbolKind::kEnum},
    {"enum_assignment", SymbolKind::kConstant},
    {"property_identifier", SymbolKind::kConstant},  // an enumerator without value; see is_enumerator()
    {"type_alias_declaration", SymbolKind::kClass},
    {"internal_module", SymbolKind::kModule},
    {"module", SymbolKind::kModule},
    {"variable_declarator", SymbolKind::kVariable, Where::kOutsideFunctions}};

constexpr Rule kRustRules[] = {{"function_item", SymbolKind::kFunction},
                               {"function_signature_item", SymbolKind::kFunction},
                               {"struct_item", SymbolKind::kStruct},
                               {"union_item", SymbolKind::kStruct},
                               {"enum_item", SymbolKind::kEnum},
                               {"enum_variant", SymbolKind::kConstant},
                               {"trait_item", SymbolKind::kInterface},
                               {"impl_item", SymbolKind::kClass},
                               {"mod_item", SymbolKind::kModule},
                               {"field_declaration", SymbolKind::kField},
                               {"const_item", SymbolKind::kConstant, Where::kOutsideFunctions},
                               {"static_item", SymbolKind::kVariable, Where::kOutsideFunctions},
                               {"type_item", SymbolKind::kClass, Where::kOutsideFunctions},
                               {"macro_definition", SymbolKind::kFunction}};

constexpr Rule kGoRules[] = {{"function_declaration", SymbolKind::kFunction},
                             {"method_declaration", SymbolKind::kMethod},
                             {"method_elem", SymbolKind::kMethod},
                             {"type_spec", SymbolKind::kClass, Where::kOutsideFunctions},
                             {"type_alias", SymbolKind::kClass, Where::kOutsideFunctions},
                             {"field_declaration", SymbolKind::kField, Where::kOutsideFunctions},
                             {"const_spec", SymbolKind::kConstant, Where::kOutsideFunctions},
                             {"var_spec", SymbolKind::kVariable, Where::kOutsideFunctions}};

constexpr Rule kJavaRules[] = {{"class_declaration", SymbolKind::kClass},
                               {"record_declaration", SymbolKind::kClass},
                               {"interface_declaration", SymbolKind::kInterface},
                               {"annotation_type_declaration", SymbolKind::kInterface},
                               {"enum_declaration", SymbolKind::kEnum},
                               {"enum_constant", SymbolKind::kConstant},
                               {"method_declaration", SymbolKind::kMethod},
                               {"constructor_declaration", SymbolKind::kMethod},
                               {"compact_constructor_declaration", SymbolKind::kMethod},
                               {"field_declaration", SymbolKind::kField},
                               {"constant_declaration", SymbolKind::kConstant}};

constexpr Rule kJsonRules[] = {{"pair", SymbolKind::kField}};

constexpr Rule kBashRules[] = {{"function_definition", SymbolKind::kFunction},
                               {"variable_assignment", SymbolKind::kVariable, Where::kOutsideFunctions}};

std::span<const Rule> rules_of(Language language) {
  switch (language) {
    case Language::kC:
    case Language::kCpp:
    case Language::kCuda:
      return kCRules;
    case Language::kPython:
      return kPythonRules;
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
      return kScriptRules;
    case Language::kRust:
      return kRustRules;
    case Language::kGo:
      return kGoRules;
    case Language::kJava:
      return kJavaRules;
    case Language::kJson:
      return kJsonRules;
    case Language::kBash:
      return kBashRules;
  }
  return {};
}

// Nodes inside which a variable is a local one, beside those that are symbols themselves.
constexpr std::string_view kUnnamedFunctions[] = {"arrow_function",
                                                  "function_expression",
                                                  "generator_function",
                                                  "closure_expression",
                                                  "func_literal",
                                                  "lambda_expression",
                                                  "lambda",
                                                  "list_comprehension",
                                                  "generator_expression"};

bool is_type(SymbolKind kind) {
  return kind == SymbolKind::kClass || kind == SymbolKind::kStruct || kind == SymbolKind::kInterface ||
         kind == SymbolKind::kEnum;
}
bool is_function(SymbolKind kind) {
  return kind == SymbolKind::kFunction || kind == SymbolKind::kMethod;
}

TSNode field(TSNode node, std::string_view name) {
  return ts_node_child_by_field_name(node, name.data(), static_cast<uint32_t>(name.size()));
}
std::string_view type_of(TSNode node) {
  return ts_node_is_null(node) ? std::string_view{} : std::string_view{ts_node_type(node)};
}

class Outline {
 public:
  Outline(Language language, std::string_view text) : language_(language), text_(text), rules_(rules_of(language)) {
    // Grammar symbols are small numbers: one look-up per node instead of comparing names.
    const TSLanguage* grammar = ts_language(language);
    rule_of_symbol_.resize(ts_language_symbol_count(grammar), nullptr);
    unnamed_function_.resize(rule_of_symbol_.size(), false);
    for (size_t symbol = 0; symbol < rule_of_symbol_.size(); ++symbol) {
      if (ts_language_symbol_type(grammar, static_cast<TSSymbol>(symbol)) != TSSymbolTypeRegular) continue;
      const std::string_view name = ts_language_symbol_name(grammar, static_cast<TSSymbol>(symbol));
      for (const Rule& rule : rules_)
        if (rule.node_type == name) rule_of_symbol_[symbol] = &rule;
      unnamed_function_[symbol] =
          std::find(std::begin(kUnnamedFunctions), std::end(kUnnamedFunctions), name) != std::end(kUnnamedFunctions);
    }
  }

  std::vector<Symbol> walk(TSNode root) {
    TsCursor cursor(root);
    std::vector<Level> levels{{-1, false}};
    for (;;) {
      Level inner = levels.back();
      visit(cursor.node(), inner);
      if (cursor.down()) {
        levels.push_back(inner);
        continue;
      }
      while (!cursor.next()) {
        if (!cursor.up()) return std::move(symbols_);
        levels.pop_back();
      }
    }
  }

 private:
  struct Level {
    int parent;
    bool in_function;
  };

  void visit(TSNode node, Level& level) {
    const TSSymbol symbol = ts_node_symbol(node);
    if (symbol >= rule_of_symbol_.size()) return;  // the ERROR node's number is outside the table
    if (unnamed_function_[symbol]) level.in_function = true;
    const Rule* rule = rule_of_symbol_[symbol];
    if (rule == nullptr || !ts_node_is_named(node)) return;
    if (rule->where == Where::kOutsideFunctions && level.in_function) return;
    if (rule->where == Where::kWithBody && ts_node_is_null(field(node, "body"))) return;
    if (rule->node_type == "property_identifier" && !is_enumerator(node, level)) return;
    add(node, *rule, level);
  }

  bool is_enumerator(TSNode node, const Level& level) const {
    return level.parent >= 0 && symbols_[static_cast<size_t>(level.parent)].kind == SymbolKind::kEnum &&
           type_of(ts_node_parent(node)) == "enum_body";
  }

  void add(TSNode node, const Rule& rule, Level& level) {
    SymbolKind kind = rule.kind;
    std::vector<TSNode> names = names_of(node, kind);
    const bool in_type = level.parent >= 0 && is_type(symbols_[static_cast<size_t>(level.parent)].kind);
    if (kind == SymbolKind::kFunction && in_type) kind = SymbolKind::kMethod;
    if (kind == SymbolKind::kVariable && in_type) kind = SymbolKind::kField;
    const int parent = level.parent;
    if (is_function(kind)) level.in_function = true;
    if (is_type(kind)) level.in_function = false;
    for (const TSNode& name : names) {
      if (ts_node_is_null(name) || ts_node_start_byte(name) == ts_node_end_byte(name)) continue;
      const Range name_range = range_of(name);
      std::string label(text_.substr(name_range.begin, name_range.end - name_range.begin));
      if (language_ == Language::kJson && label.size() >= 2 && label.front() == '"')
        label = label.substr(1, label.size() - 2);
      symbols_.push_back({std::move(label), kind, range_of(node), name_range, parent});
      // What stands inside belongs to the definition; variables hold nothing but may hold a function.
      const bool holds =
          is_type(kind) || is_function(kind) || kind == SymbolKind::kModule || language_ == Language::kJson;
      if (holds) level.parent = static_cast<int>(symbols_.size()) - 1;
    }
  }

  // The names that a defining node gives; may correct the kind.
  std::vector<TSNode> names_of(TSNode node, SymbolKind& kind) const {
    switch (language_) {
      case Language::kC:
      case Language::kCpp:
      case Language::kCuda:
        return c_names(node, kind);
      case Language::kPython:
        return python_names(node, kind);
      case Language::kGo:
        return go_names(node, kind);
      case Language::kJava:
        return java_names(node);
      case Language::kJson:
        return {field(node, "key")};
      default:
        break;
    }
    const std::string_view type = type_of(node);
    if (type == "impl_item") return {field(node, "type")};
    if (type == "property_identifier") return {node};
    TSNode name = field(node, "name");
    if (ts_node_is_null(name)) name = field(node, "property");  // JavaScript's field_definition
    if (type == "variable_declarator") {
      const std::string_view value = type_of(field(node, "value"));
      if (value == "arrow_function" || value == "function_expression" || value == "generator_function")
        kind = SymbolKind::kFunction;
      if (value == "class") kind = SymbolKind::kClass;
      if (type_of(name) != "identifier") return {};  // a pattern
    }
    return {name};
  }

  // C's names sit at the end of a chain of declarators: `int *(*f)(void)`.
  std::vector<TSNode> c_names(TSNode node, SymbolKind& kind) const {
    const std::string_view type = type_of(node);
    const bool declares = type == "function_definition" || type == "declaration" || type == "field_declaration" ||
                          type == "type_definition";
    if (!declares) {
      if (type == "preproc_def" && ts_node_is_null(field(node, "value"))) return {};  // include guards and switches
      return {field(node, "name")};
    }
    std::vector<TSNode> names;
    const uint32_t n = ts_node_child_count(node);
    for (uint32_t i = 0; i < n; ++i) {
      const char* field_name = ts_node_field_name_for_child(node, i);
      if (field_name == nullptr || std::string_view(field_name) != "declarator") continue;
      bool function = false;
      const TSNode name = declared_name(ts_node_child(node, i), function);
      if (ts_node_is_null(name)) continue;
      if (function && type != "type_definition")
        kind = type == "field_declaration" ? SymbolKind::kMethod : SymbolKind::kFunction;
      if (type == "function_definition" && type_of(name) == "qualified_identifier") kind = SymbolKind::kMethod;
      names.push_back(name);
    }
    if (type == "type_definition") {
      const std::string_view defined = type_of(field(node, "type"));
      if (defined == "struct_specifier" || defined == "union_specifier") kind = SymbolKind::kStruct;
      if (defined == "enum_specifier") kind = SymbolKind::kEnum;
    }
    return names;
  }

  static TSNode declared_name(TSNode declarator, bool& function) {
    for (int depth = 0; depth < 64 && !ts_node_is_null(declarator); ++depth) {
      const std::string_view type = type_of(declarator);
      if (type == "function_declarator") {
        // In `void (*f)(int)` the inner declarator is in parentheses: a variable, not a function.
        function = type_of(field(declarator, "declarator")) != "parenthesized_declarator";
      }
      TSNode inner = field(declarator, "declarator");
      if (ts_node_is_null(inner) &&
          (type == "parenthesized_declarator" || type == "reference_declarator" || type == "attributed_declarator"))
        inner = ts_node_named_child(declarator, 0);
      if (ts_node_is_null(inner)) {
        const bool abstract = type.find("abstract") != std::string_view::npos;
        return abstract ? inner : declarator;
      }
      declarator = inner;
    }
    return declarator;
  }

  std::vector<TSNode> python_names(TSNode node, SymbolKind& kind) const {
    if (kind != SymbolKind::kVariable) return {field(node, "name")};
    const TSNode left = field(node, "left");
    if (type_of(left) != "identifier") return {};
    const Range at = range_of(left);
    const std::string_view name = text_.substr(at.begin, at.end - at.begin);
    const bool shouts = std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (shouts && name != "_") kind = SymbolKind::kConstant;  // PEP 8, "Constants"
    return {left};
  }

  std::vector<TSNode> go_names(TSNode node, SymbolKind& kind) const {
    const std::string_view type = type_of(node);
    if (type == "type_spec") {
      const std::string_view defined = type_of(field(node, "type"));
      if (defined == "struct_type") kind = SymbolKind::kStruct;
      if (defined == "interface_type") kind = SymbolKind::kInterface;
    }
    return children_of_field(node, "name");
  }

  std::vector<TSNode> java_names(TSNode node) const {
    const std::string_view type = type_of(node);
    if (type != "field_declaration" && type != "constant_declaration") return {field(node, "name")};
    std::vector<TSNode> names;
    for (const TSNode& declarator : children_of_field(node, "declarator")) names.push_back(field(declarator, "name"));
    return names;
  }

  static std::vector<TSNode> children_of_field(TSNode node, std::string_view name) {
    std::vector<TSNode> found;
    TsCursor cursor(node);
    if (!cursor.down()) return found;
    do {
      if (cursor.field() == name && ts_node_is_named(cursor.node())) found.push_back(cursor.node());
    } while (cursor.next());
    return found;
  }

  const Language language_;
  const std::string_view text_;
  const std::span<const Rule> rules_;
  std::vector<const Rule*> rule_of_symbol_;
  std::vector<bool> unnamed_function_;
  std::vector<Symbol> symbols_;
};

}  // namespace

std::vector<Symbol> outline(Language language, std::string_view text, TSNode root) {
  return Outline(language, text).walk(root);
}

}  // namespace tools
