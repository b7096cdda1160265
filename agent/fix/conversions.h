// SPDX-License-Identifier: Apache-2.0
// agent/fix/conversions.h: what makes a value of one type or shape one of another, by what a message or a failed comparison says of it.
// Used only inside agent/fix.
//
// Source   The messages of CPython 3.8 to 3.13 (Objects/abstract.c and the types' files).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/check/compared_values.h"
#include "tools/syntax.h"

namespace agent {

struct Conversion {
  std::string form;  // source in which "@" stands for the value: "int(@)", "@[::-1]"; or kWholeDivision
  double weight;     // how likely among those for its value, in (0, 1]
};

// The value's divisions are of whole numbers.
inline constexpr std::string_view kWholeDivision = "//";

// The value's expression in the form; `simple` where it needs no parentheses in front of a mark.
std::string converted(std::string_view form, std::string_view value, bool simple);

// What of the code that raised an error had the wrong type.
enum class TypedPart {
  kLeft,  // operands of an operator or comparison
  kRight,
  kIndex,     // of a subscript
  kHolder,    // what is subscripted, or what a member is asked of
  kIterated,  // what a loop runs over, and arguments
  kArgument,
  kOperator,  // between two operands: the form is another one
};

struct TypeClash {
  TypedPart part;
  std::vector<Conversion> conversions;  // likeliest first
};

// What Python's "TypeError: ..." or "AttributeError: ..." says of types; empty where it says nothing of the kind.
std::vector<TypeClash> read_type_error(std::string_view error);

// What makes the value that came out the one that was wanted: another type, order, sign, case, rounding. Python, JavaScript, TypeScript.
std::vector<Conversion> conversions_of_values(tools::Language language, const ComparedValues& compared);

}  // namespace agent
