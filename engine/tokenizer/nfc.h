// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/nfc.h: Unicode normalization form C, which some tokenizers ask for.
//
// Bytes that are not UTF-8 stay as they are and combine with nothing.
// Cost     Linear for ordinary text (free where all is below U+0300); n log n in a run of n combining marks.
// Source   The Unicode Standard section 3.11 and UAX #15. make_nfc_tables.py writes the tables, of Unicode 9 as the
//          Hugging Face library has them.
#pragma once
#include <string>
#include <string_view>

namespace engine {

std::string to_nfc(std::string_view text);

}  // namespace engine
