// SPDX-License-Identifier: Apache-2.0
// compile_schema of engine/constrain/schema.h: one node for each set of subschemas that a value can be under, then one
// rule for each node with arrays or objects, so that recursion in the schema becomes calls. Nodes that no finite value
// fits are left out before rules are written.
#include <algorithm>

#include "base/strings.h"
#include "engine/constrain/json_members.h"
#include "engine/constrain/regex.h"
#include "engine/constrain/schema.h"
#include "engine/constrain/schema_arrays.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxNodes = 20'000;
constexpr size_t kMaxPatterns = 5;  // of keys, in one object: each may or may not match, all combinations are looked at
constexpr size_t kMaxWanted = 16;

struct ObjectShape {
  struct Named {
    std::string name;
    NodeId node;
    bool required;
    unsigned fills;  // bits of `wanted`
  };
  struct Other {
    ExprId key;  // quoted
    NodeId node;
    unsigned fills;
  };
  std::vector<Named> named;
  std::vector<Other> others;
  unsigned wanted = 0;  // of each bit there is a member that fills it
  std::map<std::string, std::set<std::string>> dependent;
  uint32_t min = 0, max = kNoLimit;
};
struct Node {
  Conjunction all;
  std::vector<ExprId> scalars = {};  // strings, numbers, literals
  std::vector<ArrayShape> arrays = {};
  std::vector<ObjectShape> objects = {};
  bool productive = false;
  RuleId rule = 0;
};

class SchemaCompiler {
 public:
  SchemaCompiler(const Json& root, ExprStore& store, Automaton& automaton)
      : store_(store), automaton_(automaton), document_(root, store), text_(store, automaton) {}

  ExprId compile() {
    const NodeId root = node(document_.root());
    for (size_t i = 0; i < nodes_.size(); ++i) build(static_cast<NodeId>(i));
    mark_productive();
    for (Node& n : nodes_)
      if (n.productive && (!n.arrays.empty() || !n.objects.empty())) n.rule = automaton_.add_rule();
    for (const Node& n : nodes_) {
      if (!n.productive || (n.arrays.empty() && n.objects.empty())) continue;
      std::vector<ExprId> bodies;
      for (const ArrayShape& shape : n.arrays)
        bodies.push_back(array_text(store_, text_, shape, [&](NodeId id) { return value(id); }));
      for (const ObjectShape& shape : n.objects) bodies.push_back(object(shape));
      automaton_.define(n.rule, store_.alt(std::move(bodies)));
    }
    return value(root);
  }

 private:
  NodeId node(const Conjunction& all) {
    const auto [at, fresh] = ids_.try_emplace(all, static_cast<NodeId>(nodes_.size()));
    if (fresh) {
      if (nodes_.size() >= kMaxNodes) throw LimitExceeded{"memory"};
      nodes_.push_back({all});
    }
    return at->second;
  }

  void build(NodeId id) {
    Node built{nodes_[static_cast<size_t>(id)].all};
    for (const FlatSchema& flat : document_.flatten(built.all)) {
      if (flat.values) {
        for (const Json& value : *flat.values)
          if (document_.valid(value, flat)) built.scalars.push_back(text_.literal(value));
        continue;
      }
      std::vector<Json> excluded = flat.excluded;
      const auto take_out = [&](const Json& value) {
        const size_t n = excluded.size();
        std::erase(excluded, value);
        return n != excluded.size();
      };
      if ((flat.types & kNullType) && !take_out(nullptr)) built.scalars.push_back(text_.literal(nullptr));
      if (flat.types & kBooleanType)
        for (const bool b : {false, true})
          if (!take_out(b)) built.scalars.push_back(text_.literal(b));
      std::vector<std::string> excluded_texts;
      std::vector<Decimal> excluded_numbers;
      for (const Json& value : excluded) {
        if (value.is_string()) excluded_texts.push_back(value.get<std::string>());
        if (const auto number = value.is_number() ? decimal_of(value) : std::nullopt)
          excluded_numbers.push_back(*number);
      }
      if (flat.types & kNumberTypes) built.scalars.push_back(numbers(flat, excluded_numbers));
      if (flat.types & kStringType) built.scalars.push_back(string(flat, excluded_texts));
      if (flat.types & kArrayType)
        built.arrays.push_back(
            array_shape(document_, store_, text_, flat, [&](const Conjunction& all) { return node(all); }));
      if (flat.types & kObjectType) built.objects.push_back(object_shape(flat));
    }
    std::erase_if(built.scalars, [&](ExprId scalar) { return !store_.alive(scalar); });
    nodes_[static_cast<size_t>(id)] = std::move(built);
  }

  ExprId numbers(const FlatSchema& flat, const std::vector<Decimal>& excluded) {
    NumberRange range = flat.numbers;
    range.integers = !(flat.types & kFractionType);
    const auto in = [&](const NumberRange& numbers) {
      const auto expr = numbers_in(store_, numbers);
      if (!expr)
        throw SchemaProblem{"a multipleOf of more than 9 digits, or more than 6 behind the point, is not supported"};
      return *expr;
    };
    if (!flat.multiples.empty()) range.multiple = flat.multiples[0];
    const bool any = !range.low && !range.high && !range.multiple;
    const bool free = (flat.types & kIntegerType) && flat.not_multiples.empty() && excluded.empty();
    ExprId all = !any ? in(range) : range.integers ? text_.integer() : free ? text_.number() : text_.plain_number();
    if (!(flat.types & kIntegerType)) all = store_.both(all, text_.fraction());
    for (size_t i = 1; i < flat.multiples.size(); ++i)
      all = store_.both(all, in({{}, {}, flat.multiples[i], range.integers}));
    for (const Decimal& multiple : flat.not_multiples) {
      const ExprId multiples = in({{}, {}, multiple, range.integers});
      all = store_.both(all, store_.both(text_.shortest_number(), store_.complement(multiples)));
    }
    for (const Decimal& number : excluded) all = store_.both(all, store_.complement(text_.spellings_of(number)));
    return all;
  }

  // What all of a string's content must be, in the spelling kJson; kAnyBytes where nothing is said but a length.
  ExprId content(const FlatSchema& flat, const std::vector<std::string>& excluded) {
    ExprId all = kAnyBytes;
    const auto add = [&](std::string_view pattern, RegexMatch match) {
      auto expr = compile_regex(store_, pattern, match, Spelling::kJson);
      if (!expr) throw SchemaProblem{expr.error().message};
      all = store_.both(all, *expr);
    };
    for (const std::string& pattern : flat.patterns) add(pattern, RegexMatch::kSearch);
    for (const std::string& pattern : flat.not_patterns) {
      const ExprId before = all;
      all = kAnyBytes;
      add(pattern, RegexMatch::kSearch);
      all = store_.both(before, store_.complement(all));
    }
    for (const std::string& format : flat.formats) add(pattern_of_format(format), RegexMatch::kWhole);
    if (!excluded.empty()) all = store_.both(all, store_.complement(texts(excluded)));
    return all;
  }
  ExprId texts(const std::vector<std::string>& list) {
    std::vector<std::string> spellings;
    for (const std::string& text : list) spellings.push_back(spelled(text, Spelling::kJson));
    std::vector<std::pair<std::string_view, ExprId>> pairs;
    for (const std::string& text : spellings) pairs.push_back({text, kEmptyText});
    return store_.one_of(std::move(pairs));
  }
  ExprId string(const FlatSchema& flat, const std::vector<std::string>& excluded) {
    const ExprId inside = content(flat, excluded);
    if (inside == kAnyBytes) return text_.free_string(flat.min_length, flat.max_length);
    if (flat.min_length > flat.max_length) return kNothing;
    return text_.quoted(
        store_.both(inside, store_.repeat(text_.spelled_character(), flat.min_length, flat.max_length)));
  }

  ObjectShape object_shape(const FlatSchema& flat) {
    ObjectShape shape;
    shape.min = flat.min_members;
    shape.max = flat.max_members;
    shape.dependent = flat.dependent;
    if (!flat.dependent.empty() && flat.max_members != kNoLimit)
      throw SchemaProblem{"dependentRequired beside maxProperties is not supported"};
    std::set<std::string> names = flat.required;
    std::set<std::string> patterns;
    for (const FlatSchema::Members& members : flat.members) {
      for (const auto& [name, unused] : members.named) names.insert(name);
      for (const auto& [pattern, unused] : members.by_pattern) patterns.insert(pattern);
    }
    for (const auto& [name, needs] : flat.dependent) {
      names.insert(name);
      names.insert(needs.begin(), needs.end());
    }
    names.insert(flat.forbidden.begin(), flat.forbidden.end());
    if (flat.wanted.size() > kMaxWanted)
      throw SchemaProblem{
          base::cat("more than ", kMaxWanted, " members of any name that must be there are not supported")};
    if (!flat.wanted.empty() && flat.max_members != kNoLimit)
      throw SchemaProblem{"a member of any name that must be there is not supported beside maxProperties"};
    for (const FlatSchema::Wanted& wanted : flat.wanted) {
      names.insert(wanted.names.begin(), wanted.names.end());
      patterns.insert(wanted.patterns.begin(), wanted.patterns.end());
      if (wanted.pattern) patterns.insert(*wanted.pattern);
    }
    shape.wanted = (1u << flat.wanted.size()) - 1;
    // Which of the wanted ones a member is, where `match` says what patterns its name matches.
    const auto fills = [&](const std::string* name, const auto& match) {
      unsigned bits = 0;
      for (size_t i = 0; i < flat.wanted.size(); ++i) {
        const FlatSchema::Wanted& wanted = flat.wanted[i];
        if ((!wanted.pattern || match(*wanted.pattern)) && (name == nullptr || !wanted.names.count(*name)) &&
            std::none_of(wanted.patterns.begin(), wanted.patterns.end(), match))
          bits |= 1u << i;
      }
      return bits;
    };
    // Which names are allowed at all.
    ExprId name_content = text_.spelled_text();
    if (!flat.names.empty()) {
      Conjunction all = flat.names;
      std::sort(all.begin(), all.end());
      std::vector<ExprId> some;
      for (const FlatSchema& of_name : document_.flatten(all)) {
        if (!(of_name.types & kStringType)) continue;
        if (of_name.values) {
          std::vector<std::string> list;
          for (const Json& value : *of_name.values)
            if (document_.valid(value, of_name) && value.is_string()) list.push_back(value.get<std::string>());
          some.push_back(texts(list));
        } else {
          std::vector<std::string> excluded;
          for (const Json& value : of_name.excluded)
            if (value.is_string()) excluded.push_back(value.get<std::string>());
          some.push_back(
              store_.both(content(of_name, excluded),
                          of_name.min_length > of_name.max_length
                              ? kNothing
                              : store_.repeat(text_.spelled_character(), of_name.min_length, of_name.max_length)));
        }
      }
      name_content = store_.alt(std::move(some));
    }
    for (const std::string& name : names) {
      const bool required = flat.required.count(name) > 0;
      const bool possible = !flat.forbidden.count(name) && store_.matches(name_content, spelled(name, Spelling::kJson));
      if (possible)
        shape.named.push_back({name, node(document_.member(flat, name)), required,
                               fills(&name, [&](const auto& pattern) { return document_.matches(pattern, name); })});
      else if (required)
        shape.min = kNoLimit;  // no object fits
    }
    // Other names, by the patterns that they match.
    if (patterns.size() > kMaxPatterns)
      throw SchemaProblem{base::cat("more than ", kMaxPatterns, " patternProperties in one place are not supported")};
    const std::vector<std::string> list(patterns.begin(), patterns.end());
    const ExprId unnamed = names.empty()
                               ? name_content
                               : store_.both(name_content, store_.complement(texts({names.begin(), names.end()})));
    for (unsigned chosen = 0; chosen < 1u << list.size(); ++chosen) {
      ExprId key = unnamed;
      std::set<std::string> matched;
      for (size_t i = 0; i < list.size(); ++i) {
        auto expr = compile_regex(store_, list[i], RegexMatch::kSearch, Spelling::kJson);
        if (!expr) throw SchemaProblem{expr.error().message};
        key = store_.both(key, chosen >> i & 1 ? *expr : store_.complement(*expr));
        if (chosen >> i & 1) matched.insert(list[i]);
      }
      if (!store_.alive(key)) continue;
      shape.others.push_back({text_.quoted(key), node(document_.other_member(flat, matched)),
                              fills(nullptr, [&](const auto& pattern) { return matched.count(pattern) > 0; })});
    }
    return shape;
  }

  bool productive(NodeId id) const { return nodes_[static_cast<size_t>(id)].productive; }
  // Members that can be there: those with a value whose needs can be there too.
  std::vector<size_t> usable(const ObjectShape& shape) const {
    std::set<std::string> names;
    for (const ObjectShape::Named& named : shape.named)
      if (productive(named.node)) names.insert(named.name);
    for (size_t before = names.size() + 1; before != names.size();) {
      before = names.size();
      std::erase_if(names, [&](const std::string& name) {
        const auto needs = shape.dependent.find(name);
        return needs != shape.dependent.end() &&
               std::any_of(needs->second.begin(), needs->second.end(),
                           [&](const std::string& other) { return !names.count(other); });
      });
    }
    std::vector<size_t> kept;
    for (size_t i = 0; i < shape.named.size(); ++i)
      if (names.count(shape.named[i].name)) kept.push_back(i);
    return kept;
  }
  bool can_be(const ArrayShape& shape) {
    return exists(store_, shape, [&](NodeId id) { return productive(id); });
  }
  bool can_be(const ObjectShape& shape) const {
    const std::vector<size_t> kept = usable(shape);
    size_t n_required = 0, n_kept_required = 0;
    for (const ObjectShape::Named& named : shape.named) n_required += named.required;
    for (const size_t i : kept) n_kept_required += shape.named[i].required;
    const bool others = std::any_of(shape.others.begin(), shape.others.end(),
                                    [&](const auto& other) { return productive(other.node); });
    unsigned filled = 0;
    for (const size_t i : kept) filled |= shape.named[i].fills;
    for (const ObjectShape::Other& other : shape.others)
      if (productive(other.node)) filled |= other.fills;
    return filled == shape.wanted && n_required == n_kept_required && shape.min <= shape.max &&
           n_required <= shape.max && shape.min <= kept.size() + (others ? 1 : 0);
  }
  // A value is finite: what needs itself to be complete is never productive.
  void mark_productive() {
    for (bool changed = true; changed;) {
      changed = false;
      for (Node& n : nodes_) {
        store_.burn();
        if (n.productive) continue;
        n.productive = !n.scalars.empty() ||
                       std::any_of(n.arrays.begin(), n.arrays.end(), [&](const auto& s) { return can_be(s); }) ||
                       std::any_of(n.objects.begin(), n.objects.end(), [&](const auto& s) { return can_be(s); });
        changed |= n.productive;
      }
    }
    for (Node& n : nodes_) {
      std::erase_if(n.arrays, [&](const auto& s) { return !can_be(s); });
      std::erase_if(n.objects, [&](const auto& s) { return !can_be(s); });
    }
  }

  ExprId value(NodeId id) {
    const Node& n = nodes_[static_cast<size_t>(id)];
    if (!n.productive) return kNothing;
    std::vector<ExprId> parts = n.scalars;
    if (!n.arrays.empty() || !n.objects.empty()) parts.push_back(store_.call(n.rule));
    return store_.alt(std::move(parts));
  }

  ExprId object(const ObjectShape& shape) {
    JsonMembers members;
    members.gap = text_.gap();
    members.min = shape.min;
    members.max = shape.max;
    std::map<std::string, size_t> index;
    for (const size_t i : usable(shape)) {
      const ObjectShape::Named& named = shape.named[i];
      index[named.name] = members.named.size();
      members.named.push_back(
          {"\"" + spelled(named.name, Spelling::kJson) + "\"", value(named.node), named.required, {}, named.fills});
    }
    for (const auto& [name, needs] : shape.dependent)
      if (const auto at = index.find(name); at != index.end())
        for (const std::string& other : needs) members.named[at->second].needs.push_back(index[other]);
    members.wanted = shape.wanted;
    for (const ObjectShape::Other& other : shape.others)
      if (productive(other.node)) members.others.push_back({other.key, value(other.node), other.fills});
    return store_.concat({store_.byte('{'), text_.gap(), json_members(store_, std::move(members))});
  }

  ExprStore& store_;
  Automaton& automaton_;
  SchemaDocument document_;
  JsonText text_;
  std::vector<Node> nodes_;
  std::map<Conjunction, NodeId> ids_;
};

}  // namespace

base::Result<ExprId> compile_schema(ExprStore& store, Automaton& automaton, std::string_view json_text) {
  auto json = base::parse_json(json_text);
  if (!json) return std::move(json).error();
  try {
    return SchemaCompiler(*json, store, automaton).compile();
  } catch (const SchemaProblem& problem) {
    return base::invalid(problem.message + (problem.message.ends_with('.') ? "" : "."));
  } catch (const Json::exception& problem) {  // a keyword of a type that nothing above foresaw
    return base::invalid(base::cat("The schema cannot be read: ", problem.what(), "."));
  }
}

}  // namespace engine
