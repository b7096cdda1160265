// SPDX-License-Identifier: Apache-2.0
// cli/patch_output.h: a git patch on stdout, for a program or for a person.
#pragma once
#include <string>
#include <string_view>

namespace cli {

// Byte for byte; in colours where stdout is a terminal and NO_COLOR is not set.
void print_patch(std::string_view patch);

// `patch` with the colours of a terminal (ECMA-48, 8.3.117): headers bold, places cyan, added lines green, removed ones
// red. Control characters but tab and line feed are written as ^X: the text is the repository's, not ours.
std::string coloured_patch(std::string_view patch);

// The lines that `patch` adds and removes, each behind `indent`, at most kShortDiffLines of them; control characters as
// above.
inline constexpr size_t kShortDiffLines = 8;
std::string short_diff(std::string_view patch, std::string_view indent, bool colours);

// Control characters written as ^X, a tab too: one line stays one line.
std::string printable(std::string_view text);

}  // namespace cli
