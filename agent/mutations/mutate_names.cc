// SPDX-License-Identifier: Apache-2.0
// Names: another variable in scope, another member of the same receiver, another constant of the same family.
#include <algorithm>
#include <array>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxNames = 6;  // replacements of one name; the right one is among the most similar or it is hopeless

struct Scored {
  std::string name;
  double weight;
  bool opposite = false;
};

void keep_best(std::vector<Scored>& names) {
  std::stable_sort(names.begin(), names.end(), [](const Scored& a, const Scored& b) { return a.weight > b.weight; });
  if (names.size() > kMaxNames) names.resize(kMaxNames);
}

// Another parameter or local. One that is named in its declaration alone was surely meant somewhere.
void other_variable(MutationContext& c, int node) {
  if (!c.is_variable_use(node)) return;
  const int function = c.function_of(node);
  if (function < 0) return;
  const std::string name(c.nodes.text(node));
  if (name == "self" || name == "cls" || name == "this") return;
  // A lambda or closure sees the names around it as well.
  int outer = function;
  for (int above = c.function_of(outer); above >= 0; above = c.function_of(above)) outer = above;
  const FunctionNames& scope = c.names_of(outer);
  const auto used = scope.n_uses.find(name);
  const bool local = used != scope.n_uses.end() &&
                     std::find(scope.variables.begin(), scope.variables.end(), name) != scope.variables.end();
  std::vector<Scored> names;
  for (const std::string& other : scope.variables) {
    if (other == name || other == "self" || other == "cls" || other == "this") continue;
    const int uses = scope.n_uses.at(other);
    double weight = .12 + .5 * name_similarity(name, other);
    if (uses == 1) weight *= 2.2;
    const auto type = scope.types.find(name), other_type = scope.types.find(other);
    if (type != scope.types.end() && other_type != scope.types.end() && type->second != other_type->second)
      weight *= .3;
    if (!local) weight *= .5;  // a global, a class or a function: seldom mixed up with a local
    names.push_back({other, std::min(1.0, weight)});
  }
  keep_best(names);
  for (const Scored& other : names) c.replace(node, other.name, MutationKind::kVariable, other.weight);
}

// Members that stand in for one another in many libraries.
constexpr std::array<std::array<std::string_view, 2>, 97> kSiblings = {{
    {"append", "extend"},
    {"append", "insert"},
    {"append", "appendleft"},
    {"add", "discard"},
    {"add", "remove"},
    {"add", "update"},
    {"pop", "popleft"},
    {"min", "max"},
    {"lower", "upper"},
    {"strip", "lstrip"},
    {"strip", "rstrip"},
    {"lstrip", "rstrip"},
    {"startswith", "endswith"},
    {"find", "rfind"},
    {"index", "rindex"},
    {"split", "rsplit"},
    {"split", "splitlines"},
    {"partition", "rpartition"},
    {"keys", "values"},
    {"values", "items"},
    {"keys", "items"},
    {"any", "all"},
    {"sort", "reverse"},
    {"union", "intersection"},
    {"difference", "intersection"},
    {"issubset", "issuperset"},
    {"isalpha", "isalnum"},
    {"isdigit", "isalnum"},
    {"isdigit", "isalpha"},
    {"ljust", "rjust"},
    {"push_back", "push_front"},
    {"pop_back", "pop_front"},
    {"front", "back"},
    {"begin", "end"},
    {"begin", "rbegin"},
    {"first", "second"},
    {"lower_bound", "upper_bound"},
    {"sort", "stable_sort"},
    {"partition", "stable_partition"},
    {"min_element", "max_element"},
    {"rbegin", "rend"},
    {"emplace_back", "emplace_front"},
    {"memcpy", "memmove"},
    {"strcmp", "strcasecmp"},
    {"size", "capacity"},
    {"find_first_of", "find_first_not_of"},
    {"find_last_of", "find_first_of"},
    {"find_last_not_of", "find_first_not_of"},
    {"insert", "erase"},
    {"floor", "ceil"},
    {"floor", "round"},
    {"ceil", "round"},
    {"push", "unshift"},
    {"pop", "shift"},
    {"some", "every"},
    {"map", "filter"},
    {"slice", "splice"},
    {"indexOf", "lastIndexOf"},
    {"findIndex", "findLastIndex"},
    {"reduce", "reduceRight"},
    {"trimStart", "trimEnd"},
    {"padStart", "padEnd"},
    {"floor", "trunc"},
    {"getDate", "getDay"},
    {"poll", "peek"},
    {"pop", "peek"},
    {"startsWith", "endsWith"},
    {"toLowerCase", "toUpperCase"},
    {"containsKey", "containsValue"},
    {"is_some", "is_none"},
    {"is_ok", "is_err"},
    {"iter", "into_iter"},
    {"HasPrefix", "HasSuffix"},
    {"Floor", "Ceil"},
    {"Floor", "Round"},
    {"Ceil", "Round"},
    {"Min", "Max"},
    {"ToLower", "ToUpper"},
    {"IsLower", "IsUpper"},
    {"Index", "LastIndex"},
    {"TrimLeft", "TrimRight"},
    {"TrimPrefix", "TrimSuffix"},
    {"isLowerCase", "isUpperCase"},
    {"islower", "isupper"},
    {"tolower", "toupper"},
    {"is_positive", "is_negative"},
    {"is_lowercase", "is_uppercase"},
    {"to_lowercase", "to_uppercase"},
    {"to_ascii_lowercase", "to_ascii_uppercase"},
    {"starts_with", "ends_with"},
    {"trim_start", "trim_end"},
    {"take", "skip"},
    {"take_while", "skip_while"},
    {"min_by_key", "max_by_key"},
    {"saturating_add", "wrapping_add"},
    {"saturating_sub", "wrapping_sub"},
    {"first", "last"},
}};

// Ends of a scale, by whatever name they are reached.
constexpr std::array<std::array<std::string_view, 2>, 9> kEnds = {{
    {"MAX", "MIN"},
    {"MAX_VALUE", "MIN_VALUE"},
    {"INT_MAX", "INT_MIN"},
    {"LONG_MAX", "LONG_MIN"},
    {"LLONG_MAX", "LLONG_MIN"},
    {"MaxInt", "MinInt"},
    {"MaxInt64", "MinInt64"},
    {"MAX_SAFE_INTEGER", "MIN_SAFE_INTEGER"},
    {"POSITIVE_INFINITY", "NEGATIVE_INFINITY"},
}};

void other_end(MutationContext& c, int node) {
  if (!c.nodes.children(node).empty()) return;
  const std::string_view name = c.nodes.text(node);
  for (const auto& ends : kEnds)
    for (const int side : {0, 1})
      if (name == ends[static_cast<size_t>(side)])
        c.replace(node, std::string(ends[static_cast<size_t>(1 - side)]), MutationKind::kOpposite, 1);
}

bool is_callee(const MutationContext& c, int member) {
  const int parent = c.nodes.parent(member);
  return parent >= 0 && is_one_of(c.nodes[parent].type, c.traits.calls) && c.nodes[member].field == "function";
}

// The member's name in `a.b`, or -1: the last named child.
int member_name(const MutationContext& c, int node) {
  const std::vector<int> parts = c.nodes.named_children(node);
  return parts.size() >= 2 ? parts.back() : -1;
}

// Of several the weight is shared: what has one opposite alone is surer than what has four.
std::vector<Scored> siblings_of(std::string_view name) {
  std::vector<Scored> names;
  for (const auto& pair : kSiblings) {
    if (pair[0] == name) names.push_back({std::string(pair[1]), 1, true});
    if (pair[1] == name) names.push_back({std::string(pair[0]), 1, true});
  }
  for (Scored& sibling : names) sibling.weight /= static_cast<double>(names.size());
  return names;
}

void other_member(MutationContext& c, int node) {
  const bool java_call = c.nodes[node].type == "method_invocation" && c.nodes.child_of_field(node, "object") >= 0;
  if (!is_one_of(c.nodes[node].type, c.traits.members) && !java_call) return;
  const int name_node = java_call ? c.nodes.child_of_field(node, "name") : member_name(c, node);
  if (name_node < 0) return;
  const std::string name(c.nodes.text(name_node));
  const bool called = java_call || is_callee(c, node);
  const std::string_view receiver = c.nodes.text(c.nodes.named_children(node)[0]);
  std::vector<Scored> names = siblings_of(name);
  std::set<std::string> seen = {name};
  for (const Scored& sibling : names) seen.insert(sibling.name);
  // What the same receiver is asked for elsewhere in the file; other receivers' members count when they read alike.
  for (int i = 0; i < c.nodes.size(); ++i) {
    const bool call_here = c.nodes[i].type == "method_invocation" && c.nodes.child_of_field(i, "object") >= 0;
    if (!is_one_of(c.nodes[i].type, c.traits.members) && !call_here) continue;
    const int other_node = call_here ? c.nodes.child_of_field(i, "name") : member_name(c, i);
    if (other_node < 0 || (call_here || is_callee(c, i)) != called) continue;
    const std::string other(c.nodes.text(other_node));
    if (seen.contains(other)) continue;
    const bool same_receiver = c.nodes.text(c.nodes.named_children(i)[0]) == receiver;
    const double near = name_similarity(name, other);
    const double weight = same_receiver ? .15 + .4 * near : .3 * near * near;
    if (weight < .06) continue;
    seen.insert(other);
    names.push_back({other, weight});
  }
  keep_best(names);
  for (const Scored& other : names)
    c.replace(name_node, other.name, other.opposite ? MutationKind::kOpposite : MutationKind::kMember, other.weight);
}

// `Mode::kFast` for `Mode::kSlow`, `SHELF_FULL` for `SHELF_EMPTY`: other values of the enumeration, or of the family of
// constants, that the file knows. What is called is no value.
void other_constant(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type, text = c.nodes.text(node);
  const bool scoped = type == "scoped_identifier" || type == "qualified_identifier";
  const size_t scope_end = scoped ? text.rfind("::") : text.find('_');
  if ((!scoped && type != "identifier") || scope_end == std::string_view::npos || scope_end < 2 || text.size() > 60)
    return;
  const size_t name_at = scope_end + (scoped ? 2 : 1);
  const auto is_capital = [](char ch) { return ch >= 'A' && ch <= 'Z'; };
  const auto is_value = [&](int i) {  // the last part is a constant's name, not a function's or a variable's
    const std::string_view name = c.nodes.text(i).substr(name_at);
    const int parent = c.nodes.parent(i);
    if (name.empty() || name.find("::") != std::string_view::npos || parent < 0) return false;
    if (!is_capital(name[0]) && !(name.size() > 1 && name[0] == 'k' && is_capital(name[1]))) return false;
    const std::string_view above = c.nodes[parent].type;
    return !is_callee(c, i) && above.find("type") == std::string_view::npos &&
           above.find("declarat") == std::string_view::npos && above != "scoped_identifier" &&
           above != "qualified_identifier" && !above.starts_with("preproc");
  };
  const std::string_view front = text.substr(0, name_at);
  if (!is_value(node)) return;
  const std::string_view enumeration = scoped ? text.substr(0, scope_end) : std::string_view();
  std::vector<Scored> names;
  std::set<std::string_view> seen = {text.substr(name_at)};
  auto add = [&](std::string_view name) {
    if (!seen.insert(name).second) return;
    names.push_back({base::cat(front, name), .25 + .4 * name_similarity(text.substr(name_at), name)});
  };
  for (int i = 0; i < c.nodes.size(); ++i) {
    const std::string_view other = c.nodes.text(i);
    if (c.nodes[i].type == type && other.size() > name_at && other.starts_with(front) && is_value(i))
      add(other.substr(name_at));
    // Where the enumeration itself stands in the file, all of it.
    if (!scoped || (c.nodes[i].type != "enum_variant" && c.nodes[i].type != "enumerator")) continue;
    const int list = c.nodes.parent(i), whole = list < 0 ? -1 : c.nodes.parent(list);
    const int named = whole < 0 ? -1 : c.nodes.child_of_field(whole, "name"), value = c.nodes.child_of_field(i, "name");
    if (named >= 0 && value >= 0 && c.nodes.text(named) == enumeration && c.nodes.named_children(i).size() == 1)
      add(c.nodes.text(value));
  }
  keep_best(names);
  for (const Scored& other : names) c.replace(node, other.name, MutationKind::kMember, other.weight);
}

// `min` for `max`, and functions of the file whose names read alike.
void other_function(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.calls)) return;
  int callee = c.nodes.child_of_field(node, "function");
  if (callee >= 0 && c.nodes[callee].type == "qualified_identifier") {
    const std::vector<int> parts = c.nodes.named_children(callee);
    if (parts.empty()) return;
    callee = parts.back();
  }
  if (callee < 0 || c.nodes[callee].type != "identifier") return;
  const std::string name(c.nodes.text(callee));
  std::vector<Scored> names = siblings_of(name);
  std::set<std::string> seen = {name};
  for (const Scored& sibling : names) seen.insert(sibling.name);
  for (const tools::Symbol& symbol : c.symbols()) {
    if (symbol.kind != tools::SymbolKind::kFunction && symbol.kind != tools::SymbolKind::kMethod) continue;
    const double near = name_similarity(name, symbol.name);
    if (near < .4 || !seen.insert(symbol.name).second) continue;
    names.push_back({symbol.name, .4 * near});
  }
  keep_best(names);
  for (const Scored& other : names)
    c.replace(callee, other.name, other.opposite ? MutationKind::kOpposite : MutationKind::kCall, other.weight);
}

}  // namespace

void mutate_name(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  other_variable(c, node);
  other_member(c, node);
  other_function(c, node);
  other_end(c, node);
  other_constant(c, node);
}

}  // namespace agent
