// SPDX-License-Identifier: Apache-2.0
// tools/file_patch.h: writes one file's change in git's extended diff format. Source: git-diff(1), "Generating patch
// text".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tools {

// One side of a change; nothing: the file does not exist there.
struct PatchSide {
  std::string path;
  std::string_view bytes;
  bool executable = false;
};

// At least one side; both with different paths is a rename. Text gets 3 lines of context; a file with a NUL byte in its
// first 8,000 bytes (git's rule) becomes a "GIT binary patch". Empty where nothing differs.
base::Result<std::string> file_patch(const std::optional<PatchSide>& before, const std::optional<PatchSide>& after);

}  // namespace tools
