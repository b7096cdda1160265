// SPDX-License-Identifier: Apache-2.0
// engine/constrain/json_text.h: the pieces of JSON texts as expressions.
//
// Policy   Between a value and its neighbours up to 64 bytes of whitespace; none before the first value and none after
//          the last. Numbers under a bound or a multiple are written without an exponent, integers always without a
//          fraction. Strings under a pattern, a format or as keys are spelled in one way (code_points.h, kJson); free
//          strings in any.
// Source   RFC 8259.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/json.h"
#include "engine/constrain/automaton.h"
#include "engine/constrain/code_points.h"

namespace engine {

class JsonText {
 public:
  JsonText(ExprStore& store, Automaton& automaton);

  ExprId gap() const { return gap_; }
  // A string of `min` to `max` characters; a surrogate pair is one character, half of one is none.
  ExprId free_string(uint32_t min, uint32_t max);
  // `content`, in the spelling kJson, between quotes. Equal contents share a rule, and so the masks inside.
  ExprId quoted(ExprId content);
  // Any number of characters in the spelling kJson.
  ExprId spelled_text() const { return spelled_text_; }
  ExprId spelled_character() const { return spelled_character_; }
  ExprId integer() const { return integer_; }
  ExprId number() const { return number_; }
  // Numbers without an exponent; of these, those that are no integers, and those that do not end in a zero behind the
  // point nor are "-0".
  ExprId plain_number() const { return plain_number_; }
  ExprId fraction() const { return fraction_; }
  ExprId shortest_number() const { return shortest_number_; }
  // `value` without an exponent, in every way.
  ExprId spellings_of(const struct Decimal& value);
  // The value as base::dump_json writes it.
  ExprId literal(const base::Json& value) { return store_.text(base::dump_json(value)); }

 private:
  ExprId as_rule(ExprId body);

  ExprStore& store_;
  Automaton& automaton_;
  ExprId gap_, character_, spelled_character_, spelled_text_, integer_, number_, plain_number_, fraction_,
      shortest_number_;
  std::unordered_map<ExprId, ExprId> rules_;  // calls by body
};

// A decimal number, exactly.
struct Decimal {
  bool negative = false;
  std::string integer = "0";  // without leading zeros
  std::string fraction = {};  // without trailing zeros
  bool is_zero() const { return integer == "0" && fraction.empty(); }
};
// The value that the nearest decimal of `number` has; nothing where it is not finite.
std::optional<Decimal> decimal_of(const base::Json& number);
// -1, 0, 1.
int compare(const Decimal& a, const Decimal& b);

struct NumberBound {
  Decimal value;
  bool exclusive = false;
};
// Numbers between bounds (each may be missing) that are multiples of `multiple` (greater than zero), if one is given.
struct NumberRange {
  std::optional<NumberBound> low, high;
  std::optional<Decimal> multiple;
  bool integers = false;
};
// Nothing where `multiple` has more than 9 digits, or more than 6 behind the point.
std::optional<ExprId> numbers_in(ExprStore& store, const NumberRange& range);

// The regular expression of a format of JSON Schema; empty for one that is not known.
std::string_view pattern_of_format(std::string_view name);
std::string formats_known();
// Of those without a pattern here, one that JSON Schema gives a meaning (draft 2020-12, Validation 7.3).
bool is_defined_format(std::string_view name);

}  // namespace engine
