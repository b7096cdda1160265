// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_types_cpp.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace agent {
namespace {

using Kind = CppType::Kind;

constexpr int kMaxTypeDepth = 4;

std::string scope_above(const SyntaxNodes& nodes, int node) {
  std::string scope;
  for (int at = nodes.parent(node); at >= 0; at = nodes.parent(at)) {
    const std::string_view type = nodes[at].type;
    if (type != "namespace_definition" && type != "class_specifier" && type != "struct_specifier") continue;
    const int name = nodes.child_of_field(at, "name");
    scope = base::cat(name < 0 ? "" : nodes.text(name), scope.empty() ? "" : "::", scope);
  }
  return scope;
}

std::string qualify(const std::string& scope, std::string_view name) {
  return scope.empty() ? std::string(name) : base::cat(scope, "::", name);
}

bool is_one(std::string_view value, std::initializer_list<std::string_view> set) {
  return std::find(set.begin(), set.end(), value) != set.end();
}

// "std::vector<A, B>" -> {"A", "B"}
std::vector<std::string> template_arguments(std::string_view text) {
  std::vector<std::string> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.emplace_back(base::trim(text.substr(begin, i - begin)));
      begin = i + 1;
    } else if (text[i] == '<' || text[i] == '(') {
      ++depth;
    } else if (text[i] == '>' || text[i] == ')') {
      --depth;
    }
  }
  return parts;
}

// Takes whole words such as `const` out of the text.
bool take_word(std::string& text, std::string_view word) {
  const auto part_of_word = [&](size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  };
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    if ((at > 0 && part_of_word(at - 1)) || part_of_word(at + word.size())) continue;
    text.erase(at, word.size());
    return true;
  }
  return false;
}

}  // namespace

void CppTypes::read(const SyntaxNodes& nodes) {
  for (int i = 0; i < nodes.size(); ++i) {
    const std::string_view type = nodes[i].type;
    const int name = nodes.child_of_field(i, "name");
    const int body = nodes.child_of_field(i, "body");
    if (name < 0 || body < 0) continue;
    const std::string scope = scope_above(nodes, i);
    const std::string full = qualify(scope, nodes.text(name));
    if (type == "enum_specifier") {
      const bool scoped = nodes.text(i).starts_with("enum class") || nodes.text(i).starts_with("enum struct");
      for (const int child : nodes.named_children(body))
        if (nodes[child].type == "enumerator")
          enums_[full].push_back(qualify(scoped ? full : scope, nodes.text(nodes.child_of_field(child, "name"))));
    }
    if (type != "struct_specifier" && type != "class_specifier") continue;
    CppStruct found;
    found.scope = scope;
    found.plain = type == "struct_specifier" && nodes.parent(i) >= 0 && nodes[nodes.parent(i)].type != "template_declaration";
    for (const int child : nodes.children(i)) found.plain = found.plain && nodes[child].type != "base_class_clause";
    for (const int member : nodes.named_children(body)) {
      const std::string_view kind = nodes[member].type;
      if (kind == "access_specifier" || kind == "declaration") found.plain = false;  // a constructor is a declaration
      const std::string_view text = nodes.text(member);
      if (text.find("operator==") != std::string_view::npos || text.find("operator<=>") != std::string_view::npos)
        found.equality = true;
      if (kind == "function_definition" && text.starts_with(nodes.text(name))) found.plain = false;
      if (kind != "field_declaration") continue;
      const int declarator = nodes.child_of_field(member, "declarator");
      const int field_type = nodes.child_of_field(member, "type");
      if (declarator < 0 || nodes[declarator].type != "field_identifier" || field_type < 0) {
        // A method's declaration is harmless, except for a constructor; arrays and the like cannot be made.
        const bool method = declarator >= 0 && text.find('(') != std::string_view::npos;
        found.plain = found.plain && method;
        continue;
      }
      if (text.starts_with("static ")) continue;
      Parameter field;
      field.name = nodes.text(declarator);
      field.type = nodes.text(field_type);
      found.fields.push_back(std::move(field));
    }
    structs_[full] = std::move(found);
  }
  // Free operators: `bool operator==(const Date& a, const Date& b)`.
  const std::string& text = nodes.tree().text();
  for (size_t at = text.find("operator==("); at != std::string::npos; at = text.find("operator==(", at + 1)) {
    const size_t end = text.find_first_of(",)", at);
    for (auto& [full, known] : structs_) {
      const std::string name = full.substr(full.rfind(':') == std::string::npos ? 0 : full.rfind(':') + 1);
      if (end != std::string::npos && text.substr(at, end - at).find(name) != std::string::npos) known.equality = true;
    }
  }
}

CppType CppTypes::parse_template(std::string_view head, const std::vector<std::string>& inside,
                                 std::string_view scope) const {
  CppType type;
  for (const std::string& text : inside) type.inside.push_back(parse(text, scope));
  const bool one = type.inside.size() == 1;
  if (head == "std::vector" && one) type.kind = Kind::kVector;
  if (head == "std::optional" && one) type.kind = Kind::kOptional;
  if (head == "std::span" && one) {
    type.kind = Kind::kSpan;
    type.writes = inside[0].find("const") == std::string::npos;
  }
  if (head == "std::pair" && type.inside.size() == 2) type.kind = Kind::kPair;
  if (type.kind == Kind::kUnknown) return type;
  type.name = type.kind == Kind::kSpan ? "std::vector" : std::string(head);  // a span is made over a vector
  type.name += "<";
  for (size_t i = 0; i < type.inside.size(); ++i) type.name += (i > 0 ? ", " : "") + type.inside[i].name;
  type.name += ">";
  return type;
}

CppType CppTypes::parse_named(const std::string& name, std::string_view scope) const {
  CppType type;
  type.name = name;
  std::string plain = name.starts_with("std::") ? name.substr(5) : name;
  if (plain == "void") type.kind = Kind::kVoid;
  if (plain == "bool") type.kind = Kind::kBool;
  if (plain == "char") type.kind = Kind::kChar;
  if (is_one(plain, {"float", "double", "long double"})) type.kind = Kind::kFloat;
  if (is_one(plain, {"string", "string_view"})) {
    type.kind = Kind::kString;
    type.name = "std::string";  // views are passed from strings that live on
  }
  if (is_one(plain, {"int", "short", "long", "long long", "signed", "long int", "int8_t", "int16_t", "int32_t", "int64_t",
                     "ptrdiff_t", "intptr_t", "ssize_t", "short int", "long long int", "signed char"}))
    type.kind = Kind::kInteger;
  if (is_one(plain, {"unsigned", "unsigned int", "unsigned long", "unsigned long long", "unsigned short", "size_t", "uint8_t",
                     "uint16_t", "uint32_t", "uint64_t", "uintptr_t", "unsigned char"}))
    type.kind = Kind::kUnsigned;
  if (type.kind != Kind::kUnknown) return type;
  // From the innermost scope outwards.
  std::string around(scope);
  for (;;) {
    const std::string full = around.empty() ? name : around + "::" + name;
    if (structs_.contains(full)) type.kind = Kind::kStruct;
    if (enums_.contains(full)) type.kind = Kind::kEnum;
    if (type.kind != Kind::kUnknown) {
      type.name = full;
      return type;
    }
    if (around.empty()) return type;
    const size_t colons = around.rfind("::");
    around = colons == std::string::npos ? "" : around.substr(0, colons);
  }
}

CppType CppTypes::parse(std::string_view text, std::string_view scope) const {
  std::string rest(base::trim(text));
  if (static_cast<int>(std::count(rest.begin(), rest.end(), '<')) > kMaxTypeDepth) return {};
  for (const std::string_view word : {"inline", "constexpr", "static", "virtual", "explicit", "struct", "enum", "typename"})
    take_word(rest, word);
  for (size_t at = rest.find("[["); at != std::string::npos; at = rest.find("[[")) {
    const size_t end = rest.find("]]", at);
    rest.erase(at, end == std::string::npos ? std::string::npos : end + 2 - at);
  }
  const size_t bracket = rest.find('<');
  bool is_const = false;
  if (bracket == std::string::npos) {
    while (take_word(rest, "const")) is_const = true;
  } else {  // a `const` inside the brackets belongs to the element
    std::string head = rest.substr(0, bracket);
    is_const = take_word(head, "const");
    rest = head + rest.substr(bracket);
  }
  rest = base::trim(rest);
  bool writes = false;
  while (!rest.empty() && (rest.back() == '&' || rest.back() == '*')) {
    const bool pointer = rest.back() == '*';
    rest.pop_back();
    const bool rvalue = !pointer && !rest.empty() && rest.back() == '&';
    if (rvalue) rest.pop_back();
    if (pointer && is_const && base::trim(rest) == "char") return parse_named("std::string_view", scope);
    if (pointer) return {};
    writes = !is_const && !rvalue;
  }
  rest = base::trim(rest);
  CppType type;
  if (const size_t open = rest.find('<'); open != std::string::npos) {
    if (rest.back() != '>') return type;
    type = parse_template(base::trim(rest.substr(0, open)),
                          template_arguments(std::string_view(rest).substr(open + 1, rest.size() - open - 2)), scope);
  } else {
    type = parse_named(rest, scope);
  }
  type.writes = type.writes || writes;
  return type;
}

const CppStruct* CppTypes::find_struct(std::string_view qualified) const {
  const auto found = structs_.find(qualified);
  return found == structs_.end() ? nullptr : &found->second;
}

const std::vector<std::string>* CppTypes::find_enum(std::string_view qualified) const {
  const auto found = enums_.find(qualified);
  return found == enums_.end() ? nullptr : &found->second;
}

bool CppTypes::knows_scope(std::string_view qualified) const { return structs_.contains(qualified); }

std::string CppTypes::cannot_make(const CppType& type) const { return cannot_make(type, 0); }

std::string CppTypes::cannot_make(const CppType& type, int depth) const {
  if (depth > kMaxTypeDepth) return "type " + type.name + ", which is nested too deeply";
  if (type.writes) return "a parameter that the function may change";
  if (type.kind == Kind::kUnknown || type.kind == Kind::kVoid)
    return type.name.empty() ? "a type that is not known" : "type " + type.name;
  for (const CppType& inner : type.inside)
    if (std::string why = cannot_make(inner, depth + 1); !why.empty()) return why;
  if (type.kind != Kind::kStruct) return "";
  const CppStruct& known = *find_struct(type.name);
  if (!known.plain || known.fields.empty()) return "type " + type.name + ", which is no struct of plain public data";
  for (const Parameter& field : known.fields) {
    const CppType inner = parse(field.type, type.name);
    if (std::string why = cannot_make(inner, depth + 1); !why.empty()) return why + " (in " + type.name + ")";
  }
  return "";
}

std::string CppTypes::cannot_compare(const CppType& type) const {
  if (type.kind == Kind::kVoid) return "it returns nothing";
  if (type.kind == Kind::kSpan) return "it returns a view of something else";
  CppType value = type;
  value.writes = false;  // a returned reference is read only
  if (std::string why = cannot_make(value); !why.empty()) return "it returns " + why;
  for (const CppType& inner : type.inside)
    if (std::string why = cannot_compare(inner); !why.empty()) return why;
  if (type.kind == Kind::kStruct && !find_struct(type.name)->equality)
    return "it returns " + type.name + ", which has no operator==";
  return "";
}

}  // namespace agent
