// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/commands.h"

namespace cli {

void Context::fail(const base::Error& error) {
  exit_code = error.code == base::ErrorCode::kCancelled ? 130 : 2;
  if (json) std::printf("%s\n", base::dump_json({{"error", error.message}}).c_str());
  std::fprintf(stderr, "graft: %s\n", error.message.c_str());
}

}  // namespace cli
