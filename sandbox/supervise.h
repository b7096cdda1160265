// SPDX-License-Identifier: Apache-2.0
// sandbox/supervise.h: from a started sandbox to its Outcome: collects output, keeps limits, ends and reaps the tree.
//
// End      The run ends with the command's main process: bubblewrap then ends, and as process 1 of a PID namespace takes
//          along whatever is left. On timeout, cancel or a limit it is killed, which no process inside can delay or
//          survive. supervise() returns when all of them are gone, whoever still held the output pipe.
#pragma once
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/result.h"
#include "sandbox/launch.h"
#include "sandbox/sandbox.h"
#include "sandbox/watch.h"

namespace sandbox {

base::Result<Outcome> supervise(Launched launched, const Limits& limits, Watch watch, std::stop_token stop,
                                const std::function<void(std::string_view)>& on_output);

}  // namespace sandbox
