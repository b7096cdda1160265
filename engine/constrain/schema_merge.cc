// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: what sets of places mean together.
#include <algorithm>

#include "base/strings.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxAlternatives = 1000;
constexpr int kMaxChosen = 500;  // recursion of expand(); a level takes about 2 kB of stack

bool contains(const Scopes& scopes, Place scope) {
  return std::binary_search(scopes.begin(), scopes.end(), scope);
}

// Whether something else that `unevaluated` sees describes what `describes` says of members or items.
template <typename All, typename Describes>
bool evaluated(const FlatSchema::Unevaluated& unevaluated, const std::vector<FlatSchema::Unevaluated>& inner,
               const All& all, const Describes& describes) {
  return std::any_of(inner.begin(), inner.end(),
                     [&](const auto& u) { return contains(u.scopes, unevaluated.scope); }) ||
         std::any_of(all.begin(), all.end(),
                     [&](const auto& one) { return contains(one.scopes, unevaluated.scope) && describes(one); });
}

}  // namespace

void add_place(Conjunction& all, Place p) {
  const auto at = std::lower_bound(all.begin(), all.end(), p);
  if (at == all.end() || *at != p) all.insert(at, p);
}

std::vector<FlatSchema> SchemaDocument::flatten(const Conjunction& all) {
  std::vector<FlatSchema> out;
  Row row;
  for (const Place p : all) row.pending.push_back({p, {}});
  expand(std::move(row), false, out);
  return out;
}

void SchemaDocument::expand(Row row, bool skip_choices, std::vector<FlatSchema>& out) {
  while (!row.pending.empty()) {
    const Pending next = std::move(row.pending.back());
    row.pending.pop_back();
    if (!row.seen.insert({next.place, next.scopes}).second) continue;
    store_.burn(20);
    const Json& json = json_at(next.place);
    const bool negated = at(next.place).negated;
    if (json.is_boolean()) {
      if (json.get<bool>() == negated) return;
    } else if (negated) {
      row.choices.push_back({Ways::kFail, {next.place, {}}, "", {}});
    } else {
      read(next, row);
    }
  }
  if (row.flat.types == 0) return;
  if (skip_choices) {  // what is left out only limits further
    out.push_back(std::move(row.flat));
    return;
  }
  if (row.n_chosen > 0 && provably_empty(row.flat, 2)) return;
  if (row.choices.empty()) {
    out.push_back(std::move(row.flat));
    return;
  }
  const Choice choice = std::move(row.choices.back());
  row.choices.pop_back();
  if (++row.n_chosen > kMaxChosen) throw LimitExceeded{"nesting"};
  for (Branch& branch : branches(choice, row)) {
    Row next = row;
    next.pending = std::move(branch.also);
    if (branch.adds) branch.adds(next.flat);
    store_.burn(20);
    expand(std::move(next), skip_choices, out);
    if (out.size() > kMaxAlternatives)
      fail(choice.at.place, choice.key,
           base::cat("the schema has more than ", kMaxAlternatives, " alternatives in one place"));
  }
}

Conjunction SchemaDocument::member(const FlatSchema& flat, const std::string& name) {
  Conjunction all;
  const auto describes = [&](const FlatSchema::Members& members) {
    return members.additional || members.named.count(name) > 0 ||
           std::any_of(members.by_pattern.begin(), members.by_pattern.end(),
                       [&](const auto& pattern) { return matches(pattern.first, name); });
  };
  for (const FlatSchema::Members& members : flat.members) {
    bool described = false;
    if (const auto named = members.named.find(name); named != members.named.end()) {
      add_place(all, named->second);
      described = true;
    }
    for (const auto& [pattern, p] : members.by_pattern)
      if (matches(pattern, name)) {
        add_place(all, p);
        described = true;
      }
    if (!described && members.additional) add_place(all, *members.additional);
  }
  for (const FlatSchema::Unevaluated& u : flat.unevaluated_members)
    if (!evaluated(u, flat.unevaluated_members, flat.members, describes)) add_place(all, u.schema);
  return all;
}

Conjunction SchemaDocument::other_member(const FlatSchema& flat, const std::set<std::string>& matched) const {
  Conjunction all;
  const auto described = [&](const FlatSchema::Members& members) {
    return std::any_of(members.by_pattern.begin(), members.by_pattern.end(),
                       [&](const auto& pattern) { return matched.count(pattern.first) > 0; });
  };
  for (const FlatSchema::Members& members : flat.members) {
    for (const auto& [pattern, place] : members.by_pattern)
      if (matched.count(pattern)) add_place(all, place);
    if (!described(members) && members.additional) add_place(all, *members.additional);
  }
  for (const FlatSchema::Unevaluated& u : flat.unevaluated_members)
    if (!evaluated(u, flat.unevaluated_members, flat.members,
                   [&](const auto& members) { return members.additional || described(members); }))
      add_place(all, u.schema);
  return all;
}

Conjunction SchemaDocument::item(const FlatSchema& flat, size_t i, unsigned chosen) {
  Conjunction all;
  for (const FlatSchema::Items& items : flat.items) {
    if (i < items.prefix.size())
      add_place(all, items.prefix[i]);
    else if (items.rest)
      add_place(all, *items.rest);
  }
  std::vector<FlatSchema::Contains> held;
  for (size_t k = 0; k < flat.contains.size(); ++k) {
    const FlatSchema::Contains& contains = flat.contains[k];
    if (i < contains.from) continue;
    if (chosen >> k & 1) {
      add_place(all, contains.which);
      held.push_back(contains);
    } else if (contains.max != kNoLimit) {
      add_place(all, opposite(contains.which));
    }
  }
  for (const FlatSchema::Unevaluated& u : flat.unevaluated_items)
    if (!evaluated(u, flat.unevaluated_items, flat.items,
                   [&](const auto& items) { return items.rest || i < items.prefix.size(); }) &&
        !evaluated(u, {}, held, [](const auto&) { return true; }))
      add_place(all, u.schema);
  return all;
}

bool SchemaDocument::provably_empty(const Conjunction& all) {
  return provably_empty(all, false, 3);
}

bool SchemaDocument::provably_empty(const Conjunction& all, bool skip_choices, int depth) {
  const auto key = std::make_tuple(all, skip_choices, depth);
  if (const auto known = empty_.find(key); known != empty_.end()) return known->second;
  std::vector<FlatSchema> flats;
  Row row;
  for (const Place p : all) row.pending.push_back({p, {}});
  expand(std::move(row), skip_choices, flats);
  const bool empty =
      std::all_of(flats.begin(), flats.end(), [&](const FlatSchema& flat) { return provably_empty(flat, depth); });
  if (empty_.size() > 100'000) empty_.clear();
  empty_.emplace(key, empty);
  return empty;
}

// Looks at scalars alone where values are listed: to look into a value can lead back to where it was asked for.
bool SchemaDocument::provably_empty(const FlatSchema& flat, int depth) {
  if (flat.values)
    return std::none_of(flat.values->begin(), flat.values->end(),
                        [&](const Json& value) { return scalar_fits(value, flat); });
  unsigned types = flat.types;
  if (flat.numbers.low && flat.numbers.high) {
    const int order = compare(flat.numbers.low->value, flat.numbers.high->value);
    if (order > 0 || (order == 0 && (flat.numbers.low->exclusive || flat.numbers.high->exclusive)))
      types &= ~kNumberTypes;
  }
  if (flat.min_length > flat.max_length) types &= ~kStringType;
  if (flat.min_items > flat.max_items) types &= ~kArrayType;
  if (flat.min_members > flat.max_members) types &= ~kObjectType;
  if ((types & kNullType) && std::find(flat.excluded.begin(), flat.excluded.end(), nullptr) != flat.excluded.end())
    types &= ~kNullType;
  if (types & kObjectType)
    for (const std::string& name : flat.required)
      if (flat.forbidden.count(name) || (depth > 0 && provably_empty(member(flat, name), true, depth - 1))) {
        types &= ~kObjectType;
        break;
      }
  if ((types & kArrayType) && depth > 0) {
    FlatSchema plain;
    plain.items = flat.items;
    for (size_t i = 0; i < flat.min_items && i < 16; ++i)
      if (provably_empty(item(plain, i, 0), true, depth - 1)) {
        types &= ~kArrayType;
        break;
      }
    for (const FlatSchema::Contains& contains : flat.contains)
      if (contains.min > contains.max || (contains.min > 0 && provably_empty({contains.which}, true, depth - 1)))
        types &= ~kArrayType;
  }
  return types == 0;
}

}  // namespace engine
