// SPDX-License-Identifier: Apache-2.0
// cli/sampling_options.h: how a command that writes text draws its tokens and where it ends, as options.
#pragma once

namespace CLI {
class App;
}
namespace engine {
struct GenerateOptions;
}

namespace cli {

// --temperature, --top-k, --top-p, --min-p, --repetition-penalty, --seed, --logit-bias, --stop and --logprobs of `command`, with
// what `options` holds as their defaults. `options` outlives the command.
void add_sampling_options(CLI::App& command, engine::GenerateOptions& options);

}  // namespace cli
