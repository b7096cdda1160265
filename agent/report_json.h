// SPDX-License-Identifier: Apache-2.0
// agent/report_json.h: reports as programs get them, the same from `graft --json` and from the Model Context Protocol server.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/complete.h"
#include "agent/fix.h"
#include "agent/test_writer.h"
#include "base/json.h"

namespace agent {

std::string_view status_name(FixReport::Status status);   // "verified", "already_passes", "none"
std::string_view status_name(TestReport::Status status);  // "verified", "none"

// {"status", "patch", "proposer", "summary", "evidence": {"runs", ...}, "tried", "also_passed", "candidates", "checks",
// "timed_out", "candidate_limit_seconds", "seconds"}; of a verified one with what add_evidence() adds.
base::Json fix_json(const FixReport& report);

// {"status", "patch", "test_file", "functions": [...], "evidence": {"command", "passing_runs", "output_tail"}, "note",
// "seconds"}
base::Json test_json(const TestReport& report);

// [{"text", "logprob", "tokens", "sureness"}]
base::Json completions_json(const std::vector<CompletionItem>& items);

// "trying: a.py:7: `and` becomes `or` (3 of 60 checks, 12 candidates, 4 s)"
std::string progress_words(const FixProgress& progress, int budget_checks);

}  // namespace agent
