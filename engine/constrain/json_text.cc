// SPDX-License-Identifier: Apache-2.0
// Values of JSON texts; numbers in a range are in json_numbers.cc, formats in json_formats.cc.
#include "engine/constrain/json_text.h"

namespace engine {
namespace {

constexpr uint32_t kMaxGap =
    64;  // bytes: an indented line eleven levels deep has room, a model cannot fill its answer with blanks

// A character of a string, however it is written.
ExprId any_character(ExprStore& store) {
  const CodePoints plain{{0x20, '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, 0x10ffff}};
  const ByteSet digit = ByteSet::range('0', '9'), hex = digit | ByteSet::range('a', 'f') | ByteSet::range('A', 'F');
  const ByteSet below_8 = ByteSet::range('0', '7');
  ByteSet letters, d, low = ByteSet::range('8', '9'), high;
  for (const char c : std::string_view("\"\\/bfnrt")) letters.add(c);
  for (const char c : std::string_view("dD")) d.add(c);
  for (const char c : std::string_view("cCdDeEfF")) high.add(c);
  for (const char c : std::string_view("aAbB")) low.add(c);
  const auto set = [&](const ByteSet& bytes) { return store.bytes(bytes); };
  const ExprId h = set(hex), u = store.byte('u');
  const ExprId bmp =
      store.concat({u, store.alt(store.concat({set(hex - d), h}), store.concat(set(d), set(below_8))), h, h});
  const ExprId pair = store.concat({u, set(d), set(low), h, h, store.text("\\"), u, set(d), set(high), h, h});
  return store.alt(one_character(store, plain, Spelling::kUtf8),
                   store.concat(store.byte('\\'), store.alt({set(letters), bmp, pair})));
}

}  // namespace

JsonText::JsonText(ExprStore& store, Automaton& automaton) : store_(store), automaton_(automaton) {
  ByteSet blank;
  for (const char c : std::string_view(" \t\n\r")) blank.add(c);
  gap_ = store.repeat(store.bytes(blank), 0, kMaxGap);
  character_ = any_character(store);
  spelled_character_ = one_character(store, CodePoints::all(), Spelling::kJson);
  spelled_text_ = store.repeat(spelled_character_, 0, kNoLimit);
  const ExprId digit = store.bytes(ByteSet::range('0', '9')), digits = store.repeat(digit, 1, kNoLimit);
  const ExprId whole =
      store.alt(store.byte('0'), store.concat(store.bytes(ByteSet::range('1', '9')), store.repeat(digit, 0, kNoLimit)));
  integer_ = store.concat(store.optional(store.byte('-')), whole);
  ByteSet e, sign;
  for (const char c : std::string_view("eE")) e.add(c);
  for (const char c : std::string_view("+-")) sign.add(c);
  number_ = store.concat({integer_, store.optional(store.concat(store.byte('.'), digits)),
                          store.optional(store.concat({store.bytes(e), store.optional(store.bytes(sign)), digits}))});
  const ExprId some = store.repeat(digit, 0, kNoLimit), no_zero = store.bytes(ByteSet::range('1', '9'));
  plain_number_ = store.concat(integer_, store.optional(store.concat(store.byte('.'), digits)));
  fraction_ = store.concat({integer_, store.byte('.'), some, no_zero, some});
  shortest_number_ = store.both(store.concat(integer_, store.optional(store.concat({store.byte('.'), some, no_zero}))),
                                store.complement(store.text("-0")));
}

ExprId JsonText::spellings_of(const Decimal& value) {
  const ExprId zeros = store_.repeat(store_.byte('0'), 0, kNoLimit), point = store_.byte('.');
  const ExprId behind = value.fraction.empty() ? store_.optional(store_.concat({point, store_.byte('0'), zeros}))
                                               : store_.concat({point, store_.text(value.fraction), zeros});
  const ExprId magnitude = store_.concat(store_.text(value.integer), behind), minus = store_.byte('-');
  if (value.is_zero()) return store_.concat(store_.optional(minus), magnitude);
  return value.negative ? store_.concat(minus, magnitude) : magnitude;
}

ExprId JsonText::as_rule(ExprId body) {
  if (body == kNothing) return kNothing;
  const auto [at, fresh] = rules_.try_emplace(body, kNothing);
  if (fresh) {
    const RuleId rule = automaton_.add_rule();
    automaton_.define(rule, body);
    at->second = store_.call(rule);
  }
  return at->second;
}

ExprId JsonText::free_string(uint32_t min, uint32_t max) {
  return min > max ? kNothing
                   : as_rule(store_.concat({store_.byte('"'), store_.repeat(character_, min, max), store_.byte('"')}));
}

ExprId JsonText::quoted(ExprId content) {
  return as_rule(store_.concat({store_.byte('"'), content, store_.byte('"')}));
}

}  // namespace engine
