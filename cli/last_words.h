// SPDX-License-Identifier: Apache-2.0
// cli/last_words.h: what a person would look at first in the output of a check that failed: how it ends.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cli {

// The last lines of `output` that say something of this failure, at most `n`: without blank ones, colours, tabs,
// and the sums and advice that tools append to every failure.
std::vector<std::string> last_words(std::string_view output, size_t n);

}  // namespace cli
