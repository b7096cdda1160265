// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/unicode_class.h: what pre-tokenizers ask about a code point.
//
// Source   Unicode 16.0: first letter of General_Category; White_Space of PropList. make_unicode_classes.py writes the table.
#pragma once
#include <cstdint>

namespace engine {

enum class UnicodeClass : uint8_t { kOther, kLetter, kMark, kNumber, kPunctuation, kSymbol, kSpace };

UnicodeClass unicode_class(uint32_t code_point);

}  // namespace engine
