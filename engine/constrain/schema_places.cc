// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: places, and what references name.
#include <algorithm>

#include "base/strings.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxPlaces = 200'000;
constexpr size_t kMaxScopes = 1'000;

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto hex = [&](size_t k) {
      return k < text.size() ? std::string_view("0123456789abcdef")
                                   .find(static_cast<char>(std::tolower(static_cast<unsigned char>(text[k]))))
                             : std::string_view::npos;
    };
    if (text[i] == '%' && hex(i + 1) != std::string_view::npos && hex(i + 2) != std::string_view::npos) {
      out += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
      i += 2;
    } else if (text[i] == '~' && i + 1 < text.size() && (text[i + 1] == '0' || text[i + 1] == '1')) {
      out += text[++i] == '0' ? '~' : '/';
    } else {
      out += text[i];
    }
  }
  return out;
}

bool has_scheme(std::string_view uri) {
  const size_t colon = uri.find(':');
  return colon != std::string_view::npos && colon > 0 && uri.find_first_of("/?#") > colon;
}

// RFC 3986, section 5.2, without the fragment.
std::string resolved(const std::string& base, const std::string& ref) {
  if (ref.empty()) return base;
  if (has_scheme(ref) || !has_scheme(base)) return ref;
  const size_t colon = base.find(':');
  if (ref.starts_with("//")) return base.substr(0, colon + 1) + ref;
  size_t path = colon + 1;
  if (base.compare(path, 2, "//") == 0) path = std::min(base.find('/', path + 2), base.size());
  const std::string of_base = base.substr(path);
  const std::string folder = of_base.empty() ? "/" : of_base.substr(0, of_base.rfind('/') + 1);
  const std::string all = ref[0] == '/' ? ref : folder + ref;
  std::vector<std::string> parts;
  for (size_t i = 0; i <= all.size();) {
    const size_t end = std::min(all.find('/', i), all.size());
    const std::string part = all.substr(i, end - i);
    if (part == ".." && parts.size() > 1) parts.pop_back();
    if (part != "." && part != "..") parts.push_back(part);
    i = end + 1;
  }
  std::string joined = base.substr(0, path);
  for (size_t i = 0; i < parts.size(); ++i) joined += (i > 0 ? "/" : "") + parts[i];
  return joined;
}

// The URI that makes a subschema a resource of its own; `"$id": "#name"` was the way to write an anchor until draft 7.
const std::string* own_id(const Json& json) {
  if (!json.is_object()) return nullptr;
  const auto id = json.find("$id");
  if (id == json.end() || !id->is_string()) return nullptr;
  const auto* text = id->get_ptr<const std::string*>();
  return text->starts_with('#') ? nullptr : text;
}

std::string without_fragment(const std::string& uri) {
  return uri.substr(0, uri.find('#'));
}

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

}  // namespace

SchemaDocument::SchemaDocument(const Json& root, ExprStore& store) : root_(root), store_(store) {
  scopes_.push_back({});
  scope_ids_[{}] = 0;
  index(root, "", {&root, "", &root, ""}, "", 0);
}

void SchemaDocument::index(const Json& json, const std::string& pointer, const Target& resource,
                           const std::string& base, int depth) {
  if (depth > base::kMaxJsonDepth) return;
  if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i)
      index(json[i], pointer + "/" + std::to_string(i), resource, base, depth + 1);
    return;
  }
  if (!json.is_object()) return;
  const std::string* id = own_id(json);
  const Target inside = id ? Target{&json, pointer, &json, pointer} : resource;
  const std::string uri = id ? resolved(base, without_fragment(*id)) : base;
  if (id) {
    ids_.emplace(uri, inside);
    ids_.emplace(*id, inside);
  }
  if (id || depth == 0) bases_[&json] = uri;
  const Target here{&json, pointer, inside.resource, inside.resource_pointer};
  const auto anchor = [&](const std::string& name) { anchors_.emplace(inside.resource_pointer + "#" + name, here); };
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) {
      const std::string text = value.get<std::string>();
      if (key == "$anchor" || key == "$dynamicAnchor") anchor(text);
      if (key == "$dynamicAnchor") dynamic_anchors_[inside.resource].emplace(text, here);
      if ((key == "$id" || key == "id") && text.starts_with('#') && text.size() > 1) anchor(text.substr(1));
      dynamic_ |= key == "$dynamicRef" || key == "$recursiveRef";
    }
    if (key == "$recursiveAnchor" && value == true) dynamic_anchors_[inside.resource].emplace("", here);
    if (key != "enum" && key != "const" && key != "default" && key != "examples")
      index(value, pointer + "/" + escaped(key), inside, uri, depth + 1);
  }
}

void SchemaDocument::fail(Place p, const std::string& key, const std::string& problem) const {
  const std::string where = at(p).target.pointer + (key.empty() ? "" : "/" + escaped(key));
  throw SchemaProblem{base::cat("at \"", where, "\": ", problem)};
}

Place SchemaDocument::place(const Target& target, DynamicScope scope, bool negated) {
  Target here = target;
  const Json& json = *here.json;
  if (!json.is_object() && !json.is_boolean())
    throw SchemaProblem{base::cat("at \"", here.pointer, "\": a schema is an object, true or false")};
  if (own_id(json)) {
    here.resource = &json;
    here.resource_pointer = here.pointer;
  }
  scope = entered(scope, here.resource);
  const auto [known, fresh] = by_json_.try_emplace({&json, negated, scope}, static_cast<Place>(places_.size()));
  if (!fresh) return known->second;
  if (places_.size() >= kMaxPlaces) throw LimitExceeded{"memory"};
  places_.push_back({std::move(here), scope, negated});
  return known->second;
}

Place SchemaDocument::child(Place parent, const Json& json, const std::string& key) {
  const Subschema& from = at(parent);
  return place({&json, from.target.pointer + "/" + key, from.target.resource, from.target.resource_pointer}, from.scope,
               false);
}

Place SchemaDocument::anything() {
  return place({&true_, "", &root_, ""}, 0, false);
}

Place SchemaDocument::opposite(Place p) {
  const Subschema from = at(p);
  return place(from.target, from.scope, !from.negated);
}

Conjunction SchemaDocument::root() {
  return {place({&root_, "", &root_, ""}, 0, false)};
}

// The scope inside `resource`, reached from `scope`: names that were there already stay what they are.
SchemaDocument::DynamicScope SchemaDocument::entered(DynamicScope scope, const Json* resource) {
  const auto anchors = dynamic_ ? dynamic_anchors_.find(resource) : dynamic_anchors_.end();
  if (anchors == dynamic_anchors_.end()) return scope;
  std::map<std::string, Target> names = scopes_[static_cast<size_t>(scope)];
  for (const auto& [name, target] : anchors->second) names.emplace(name, target);
  std::vector<std::pair<std::string, const Json*>> key;
  for (const auto& [name, target] : names) key.push_back({name, target.json});
  const auto [known, fresh] = scope_ids_.try_emplace(std::move(key), static_cast<DynamicScope>(scopes_.size()));
  if (fresh) {
    if (scopes_.size() >= kMaxScopes) throw LimitExceeded{"memory"};
    scopes_.push_back(std::move(names));
  }
  return known->second;
}

// The resource that the part before "#" names, then a pointer or an anchor in it.
SchemaDocument::Target SchemaDocument::find(Place from, const std::string& key, const std::string& ref) const {
  const size_t hash = std::min(ref.find('#'), ref.size());
  const std::string uri = ref.substr(0, hash), fragment = hash < ref.size() ? unescaped(ref.substr(hash + 1)) : "";
  Target target = at(from).target;
  target.json = target.resource;
  target.pointer = target.resource_pointer;
  if (!uri.empty()) {
    const auto base = bases_.find(target.resource);
    auto found = ids_.find(resolved(base == bases_.end() ? "" : base->second, uri));
    if (found == ids_.end()) found = ids_.find(uri);
    if (found == ids_.end())
      fail(from, key, base::cat("\"", ref, "\" refers to another document; only this one is read"));
    target = found->second;
  }
  if (!fragment.empty() && fragment[0] != '/') {
    const auto found = anchors_.find(target.resource_pointer + "#" + fragment);
    if (found == anchors_.end()) fail(from, key, base::cat("\"", ref, "\": there is no such anchor"));
    return found->second;
  }
  const std::string path = hash < ref.size() ? ref.substr(hash + 1) : "";
  for (size_t i = 0; i < path.size();) {
    const size_t end = std::min(path.find('/', i + 1), path.size());
    const std::string step = unescaped(std::string_view(path).substr(i + 1, end - i - 1));
    i = end;
    const Json& json = *target.json;
    const Json* next = nullptr;
    if (json.is_object() && json.contains(step)) next = &json[step];
    if (json.is_array() && !step.empty() && step.size() < 9 &&
        step.find_first_not_of("0123456789") == std::string::npos && std::stoul(step) < json.size())
      next = &json[std::stoul(step)];
    if (next == nullptr) fail(from, key, base::cat("\"", ref, "\" leads nowhere"));
    target.json = next;
    target.pointer += "/" + escaped(step);
    if (own_id(*next)) {
      target.resource = next;
      target.resource_pointer = target.pointer;
    }
  }
  return target;
}

Place SchemaDocument::resolve(Place from, const std::string& key, const std::string& ref) {
  return place(find(from, key, ref), at(from).scope, false);
}

// As resolve(); but where that leads to a dynamic anchor, the outermost resource on the way that has one of its name
// says what is meant.
Place SchemaDocument::resolve_dynamic(Place from, const std::string& key, const std::string& ref) {
  const Target target = find(from, key, ref);
  const DynamicScope scope = at(from).scope;
  const std::string name = key == "$recursiveRef" ? "" : ref.substr(std::min(ref.find('#'), ref.size() - 1) + 1);
  const Json& json = *target.json;
  const bool dynamic = json.is_object() &&
                       (key == "$recursiveRef" ? json.contains("$recursiveAnchor") && json["$recursiveAnchor"] == true
                                               : json.contains("$dynamicAnchor") && json["$dynamicAnchor"] == name);
  if (dynamic) {
    const auto& names = scopes_[static_cast<size_t>(scope)];
    if (const auto outermost = names.find(name); outermost != names.end())
      return place(outermost->second, scope, false);
  }
  return place(target, scope, false);
}

}  // namespace engine
