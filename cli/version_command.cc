// SPDX-License-Identifier: Apache-2.0
// `graft version`.
#include <CLI/App.hpp>
#include <cstdio>

#include "cli/commands.h"

namespace cli {

void add_version_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("version", "Print the version");
  command->callback([&context] {
    if (context.json)
      std::printf("{\"version\":\"%s\"}\n", GRAFT_VERSION);
    else
      std::printf("graft %s\n", GRAFT_VERSION);
  });
}

}  // namespace cli
