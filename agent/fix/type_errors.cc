// SPDX-License-Identifier: Apache-2.0
// Python's errors of types: which part of the code had which type, and what would make it fit.
#include <algorithm>
#include <array>

#include "agent/fix/conversions.h"
#include "base/strings.h"

namespace agent {
namespace {

using Conversions = std::vector<Conversion>;

template <size_t kN>
bool is_any(std::string_view type, const std::array<std::string_view, kN>& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

bool is_number(std::string_view type) {
  return is_any<4>(type, {"int", "float", "bool", "complex"});
}
// Read once, without a length or places.
bool is_stream(std::string_view type) {
  return is_any<10>(type, {"generator", "map", "filter", "zip", "enumerate", "reversed", "itertools.islice",
                           "itertools.chain", "itertools.accumulate", "list_iterator"});
}
bool is_view(std::string_view type) {
  return is_any<5>(type, {"dict_keys", "dict_values", "dict_items", "set", "frozenset"});
}
bool is_sequence(std::string_view type) {
  return is_any<6>(type, {"list", "tuple", "dict", "range", "collections.deque", "bytes"}) || is_view(type);
}
// Not called, or not yet.
bool is_function(std::string_view type) {
  return is_any<5>(type, {"function", "method", "builtin_function_or_method", "method_descriptor", "type"});
}

Conversions to_whole_number(std::string_view type) {
  if (type == "float") return {{"int(@)", 1}, {std::string(kWholeDivision), .9}, {"round(@)", .4}};
  if (type == "str") return {{"int(@)", 1}, {"len(@)", .6}, {"ord(@)", .4}};
  if (is_sequence(type)) return {{"len(@)", 1}, {"sum(@)", .3}, {"max(@)", .25}, {"min(@)", .2}};
  if (is_stream(type)) return {{"sum(@)", 1}, {"len(list(@))", .5}, {"next(@)", .3}};
  if (is_function(type)) return {{"@()", 1}};
  return {};
}

Conversions to_number(std::string_view type) {
  if (is_number(type)) return {};
  if (type == "str") return {{"int(@)", 1}, {"float(@)", .7}, {"len(@)", .4}, {"ord(@)", .4}};
  Conversions all = to_whole_number(type);
  if (type == "list" || type == "tuple") all.push_back({"@[0]", .3}), all.push_back({"@[-1]", .2});
  return all;
}

Conversions to_iterable(std::string_view type) {
  if (type == "int") return {{"range(@)", 1}, {"str(@)", .8}, {"[@]", .4}};
  if (type == "float") return {{"[@]", .4}, {"str(@)", .4}};
  if (is_function(type)) return {{"@()", 1}};
  return {};
}

Conversions to_sequence(std::string_view type) {
  if (is_stream(type) || is_view(type)) return {{"list(@)", 1}, {"sorted(@)", .5}, {"tuple(@)", .4}};
  if (type == "int" || type == "float") return {{"str(@)", 1}};
  if (is_function(type)) return {{"@()", 1}};
  return {};
}

Conversions to_type(std::string_view type, std::string_view wanted) {
  if (is_number(wanted)) return to_number(type);
  if (is_function(type)) return {{"@()", 1}};
  if (wanted == "str")
    return type == "list" || type == "tuple" || is_stream(type) ? Conversions{{"''.join(@)", 1}, {"str(@)", .7}}
                                                                : Conversions{{"str(@)", 1}};
  if (wanted == "list")
    return type == "str" || is_number(type) ? Conversions{{"[@]", 1}, {"list(@)", .6}}
                                            : Conversions{{"list(@)", 1}, {"[@]", .5}};
  if (wanted == "tuple")
    return type == "list" ? Conversions{{"tuple(@)", 1}, {"(@,)", .5}} : Conversions{{"(@,)", 1}, {"tuple(@)", .6}};
  if (wanted == "set")
    return is_number(type) || type == "str" ? Conversions{{"{@}", 1}, {"set(@)", .6}}
                                            : Conversions{{"set(@)", 1}, {"{@}", .4}};
  return {};
}

// The types that the message names in quotes.
std::vector<std::string_view> quoted_types(std::string_view text) {
  std::vector<std::string_view> types;
  for (size_t at = text.find('\''); at != std::string_view::npos; at = text.find('\'', at + 1)) {
    const size_t end = text.find('\'', at + 1);
    if (end == std::string_view::npos) break;
    types.push_back(text.substr(at + 1, end - at - 1));
    at = end;
  }
  return types;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The word behind `mark`.
std::string_view word_after(std::string_view text, std::string_view mark) {
  const size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + mark.size());
  return rest.substr(0, rest.find_first_of(" )\"'"));
}

// Of two operands either may become what the other is. Only `+` and comparisons take texts and lists.
std::vector<TypeClash> between(std::string_view left, std::string_view right, bool numbers_alone) {
  const auto to = [&](std::string_view type, std::string_view wanted) {
    return numbers_alone && !is_number(wanted) && wanted != "set" ? Conversions() : to_type(type, wanted);
  };
  return {{TypedPart::kLeft, to(left, right)}, {TypedPart::kRight, to(right, left)}};
}

// Operators that take what this one does not: `[0] * n`, texts and lists that are joined, numbers that are no whole ones.
Conversions other_operators(std::string_view sign, std::string_view left, std::string_view right) {
  const bool assigns = sign.size() > 1 && sign.ends_with('=');
  const std::string_view bare = assigns ? sign.substr(0, sign.size() - 1) : sign;
  const auto repeats = [](std::string_view type) { return type == "list" || type == "tuple" || type == "str"; };
  Conversions others;
  if ((repeats(left) && right == "int") || (left == "int" && repeats(right))) others = {{"*", 1}};
  if (repeats(left) && left == right) others = {{"+", 1}};
  if (left == "set" && right == "set") others = {{"|", 1}, {"-", 1}, {"&", .7}, {"^", .4}};
  if (is_number(left) && is_number(right))
    others = {{"*", .7}, {"+", .7}, {"-", .7}, {"/", .7}, {"**", .4}, {"//", .3}, {"%", .3}};
  std::erase_if(others, [&](const Conversion& one) { return one.form == bare; });
  for (Conversion& one : others) one.form += assigns ? "=" : "";
  return others;
}

std::vector<TypeClash> clashes_in(std::string_view text) {
  const std::vector<std::string_view> types = quoted_types(text);
  if (const size_t at = text.find("unsupported operand type(s) for ");
      at != std::string_view::npos && types.size() >= 2) {
    const std::string_view rest = text.substr(at + 32), sign = rest.substr(0, rest.find_first_of(": "));
    const std::string_view left = types[types.size() - 2], right = types.back();
    std::vector<TypeClash> clashes = between(left, right, sign != "+" && sign != "+=");
    clashes.push_back({TypedPart::kOperator, other_operators(sign, left, right)});
    return clashes;
  }
  if (has(text, "not supported between instances of") && types.size() >= 2)
    return between(types[types.size() - 2], types.back(), false);
  if (has(text, "can only concatenate ")) {  // str (not "int") to str
    const std::string_view wanted = word_after(text, "can only concatenate "), type = word_after(text, "(not \"");
    return {{TypedPart::kRight, to_type(type, wanted)}, {TypedPart::kLeft, to_type(wanted, type)}};
  }
  if (has(text, "can't multiply sequence by non-int of type")) {
    const std::string_view type = word_after(text, "of type '");
    return {{TypedPart::kRight, to_whole_number(type)},
            {TypedPart::kLeft, to_whole_number(type)},
            {TypedPart::kLeft, {{"int(@)", .6}, {"len(@)", .5}, {"float(@)", .4}}}};
  }
  if (has(text, "indices must be integers")) {
    const std::string_view type = types.empty() ? word_after(text, ", not ") : types.back();
    return {{TypedPart::kIndex, to_whole_number(type)}};
  }
  if (types.empty()) {
    if (has(text, "unhashable type")) return {};
    if (has(text, "must be real number, not ")) return {{TypedPart::kArgument, to_number(word_after(text, "not "))}};
    if (has(text, "expected str instance, ")) return {{TypedPart::kArgument, {{"map(str, @)", 1}}}};
    if (has(text, "not all arguments converted during string formatting"))
      return {{TypedPart::kLeft, {{"int(@)", 1}, {"len(@)", .6}, {"float(@)", .3}}}};
    return {};
  }
  const std::string_view type = types.front();
  if (has(text, "cannot be interpreted as an integer")) return {{TypedPart::kArgument, to_whole_number(type)}};
  if (has(text, "is not iterable"))
    return has(text, "argument of type") ? std::vector<TypeClash>{{TypedPart::kRight, to_iterable(type)}}
                                         : std::vector<TypeClash>{{TypedPart::kIterated, to_iterable(type)}};
  if (has(text, "is not subscriptable")) return {{TypedPart::kHolder, to_sequence(type)}};
  if (has(text, "has no len()") || has(text, "is not reversible")) return {{TypedPart::kArgument, to_sequence(type)}};
  if (has(text, "is not an iterator")) return {{TypedPart::kArgument, {{"iter(@)", 1}}}};
  if (has(text, "unhashable type")) {
    if (type == "list")
      return {{TypedPart::kArgument, {{"tuple(@)", 1}, {"str(@)", .3}}}, {TypedPart::kIndex, {{"tuple(@)", 1}}}};
    if (type == "set")
      return {{TypedPart::kArgument, {{"frozenset(@)", 1}, {"tuple(sorted(@))", .4}}},
              {TypedPart::kIndex, {{"frozenset(@)", 1}}}};
    return {};
  }
  if (has(text, "does not support item assignment"))
    return {{TypedPart::kHolder,
             type == "str" || type == "tuple" || is_stream(type) ? Conversions{{"list(@)", 1}} : Conversions{}}};
  return {};
}

// "'tuple' object has no attribute 'append'": members of lists and texts that are asked of something else.
std::vector<TypeClash> member_clash(std::string_view text) {
  const std::vector<std::string_view> types = quoted_types(text);
  if (types.size() < 2 || !has(text, "object has no attribute")) return {};
  const std::string_view type = types[0], member = types[1];
  if (is_function(type)) return {{TypedPart::kHolder, {{"@()", 1}}}};
  const bool of_lists =
      is_any<9>(member, {"append", "sort", "extend", "insert", "pop", "remove", "reverse", "index", "copy"});
  if (of_lists && (type == "tuple" || type == "str" || is_stream(type) || is_view(type) || type == "range"))
    return {{TypedPart::kHolder, {{"list(@)", 1}, {"sorted(@)", .3}}}};
  const bool of_texts = is_any<14>(member, {"split", "join", "lower", "upper", "strip", "replace", "startswith",
                                            "endswith", "isdigit", "isalpha", "zfill", "find", "encode", "rjust"});
  if (of_texts && (is_number(type) || type == "list"))
    return {{TypedPart::kHolder,
             type == "list" ? Conversions{{"''.join(@)", 1}, {"@[0]", .4}} : Conversions{{"str(@)", 1}}}};
  const bool of_sets = is_any<6>(member, {"add", "union", "intersection", "difference", "issubset", "discard"});
  if (of_sets && (type == "list" || type == "tuple" || type == "dict" || type == "str"))
    return {{TypedPart::kHolder, {{"set(@)", 1}}}};
  return {};
}

}  // namespace

std::string converted(std::string_view form, std::string_view value, bool simple) {
  const size_t at = form.find('@');
  const bool bare = simple || (at > 0 && at + 1 < form.size());  // within parentheses, a list's marks or a comma's
  return base::cat(form.substr(0, at), bare ? "" : "(", value, bare ? "" : ")", form.substr(at + 1));
}

std::vector<TypeClash> read_type_error(std::string_view error) {
  std::vector<TypeClash> clashes;
  if (error.starts_with("TypeError: ")) clashes = clashes_in(error.substr(11));
  if (error.starts_with("AttributeError: ")) clashes = member_clash(error.substr(16));
  std::erase_if(clashes, [](const TypeClash& clash) { return clash.conversions.empty(); });
  return clashes;
}

}  // namespace agent
