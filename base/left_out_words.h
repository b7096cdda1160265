// SPDX-License-Identifier: Apache-2.0
// base/left_out_words.h: how a line says "and so on" in place of code: "// ... rest of the code unchanged". Such a line begins, after
// blanks, as a comment does, and holds dots and one of the phrases, in either case of letters.
#pragma once
#include <string_view>

namespace base {

inline constexpr std::string_view kLeftOutBegins = "#/<-*.[";  // any of these bytes
inline constexpr std::string_view kLeftOutDots[] = {"...", "\xe2\x80\xa6"};
inline constexpr std::string_view kLeftOutPhrases[] = {"rest of",          "existing code", "unchanged",
                                                       "remains the same", "previous code", "same as before",
                                                       "other code",       "remaining code"};

}  // namespace base
