// SPDX-License-Identifier: Apache-2.0
// cli/patch_output.h: a git patch on stdout, for a program or for a person.
#pragma once
#include <string>
#include <string_view>

namespace cli {

// Byte for byte; in colours where stdout is a terminal and NO_COLOR is not set.
void print_patch(std::string_view patch);

// `patch` with the colours of a terminal (ECMA-48, 8.3.117): headers bold, places cyan, added lines green, removed ones red.
// Control characters but tab and line feed are written as ^X: the text is the repository's, not ours.
std::string coloured_patch(std::string_view patch);

}  // namespace cli
