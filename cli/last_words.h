// SPDX-License-Identifier: Apache-2.0
// cli/last_words.h: what a person would look at first in the output of a check that failed.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cli {

// Lines of `output` that say something of this failure, at most `n`: the last ones, or where these tell of no failure, those
// from where one is told on; of TAP those from the first test that failed on. Without blank ones, colours, tabs, frames in
// Node and its packages, and the sums and advice that tools append to every failure.
std::vector<std::string> last_words(std::string_view output, size_t n);

}  // namespace cli
