// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/unicode_class.h: what pre-tokenizers ask about a code point.
//
// Source   Unicode 16.0: General_Category, letters by case and the rest by first letter; White_Space of PropList.
//          make_unicode_classes.py writes the table.
#pragma once
#include <cstdint>

namespace engine {

enum class UnicodeClass : uint8_t {
  kOther,
  kUpperLetter,  // Lu, Lt
  kLowerLetter,  // Ll
  kPlainLetter,  // Lm, Lo: no case
  kMark,
  kNumber,
  kPunctuation,
  kSymbol,
  kSpace
};

UnicodeClass unicode_class(uint32_t code_point);

// Sets of classes, as bits.
using UnicodeClasses = uint16_t;
constexpr UnicodeClasses class_bit(UnicodeClass kind) {
  return static_cast<UnicodeClasses>(1u << static_cast<unsigned>(kind));
}
inline constexpr UnicodeClasses kLetterClasses = class_bit(UnicodeClass::kUpperLetter) |
                                                 class_bit(UnicodeClass::kLowerLetter) |
                                                 class_bit(UnicodeClass::kPlainLetter);

}  // namespace engine
