// SPDX-License-Identifier: Apache-2.0
// agent/fix/proposals.h: all candidates for one failing state, from every proposer, in one order.
#pragma once
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/code/code_base.h"
#include "agent/fix/model_judge.h"
#include "agent/fix/search.h"
#include "agent/trace/coverage.h"

namespace agent {

struct ProposeContext {
  CodeBase& code;            // brought to the ground's state by the call
  const Coverage& coverage;  // of the work tree as it is
  const std::vector<std::string>& changed;
  const FixRequest& request;
  ModelJudge* model = nullptr;  // borrowed; null: enumerators only
  std::chrono::steady_clock::time_point deadline =
      std::chrono::steady_clock::time_point::max();  // the model stops there
};

struct Proposals {
  std::vector<Candidate> candidates;  // best first
  std::vector<std::string> evidence;  // where it was looked, for a person
};

base::Result<Proposals> propose(const ProposeContext& context, const Ground& ground, std::stop_token stop);

}  // namespace agent
