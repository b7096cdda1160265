// SPDX-License-Identifier: Apache-2.0
// agent/fix/model_judge.h: what the language model thinks of candidates, and lines of its own.
//
// Owns     One session of the engine, kept over all calls: candidates on one line share its prompt.
// Threads  One thread at a time.
// Errors   kCancelled. A line that does not fit the model's context is passed over.
#pragma once
#include <chrono>
#include <memory>
#include <stop_token>
#include <vector>

#include "agent/code/code_base.h"
#include "agent/fix/candidate.h"
#include "agent/fix/localise.h"
#include "engine/engine.h"

namespace agent {

class ModelJudge {
 public:
  // kInvalidArgument where the model cannot fill in the middle.
  static base::Result<std::unique_ptr<ModelJudge>> open(std::shared_ptr<const engine::Engine> model);

  // What part of the tries the lines that it writes itself are worth, against all mutations together.
  double written_share() const;

  // Sets model_gain of the first `n` candidates, until the deadline: within kMostGain of nothing, 0 where it says nothing or is not asked.
  static constexpr double kMostGain = 1.6;
  base::Status rate(const CodeBase& code, std::vector<Candidate>& candidates, size_t n,
                    std::chrono::steady_clock::time_point deadline, std::stop_token stop);

  // The model's own lines for the most suspect places: in place of a line, and between two. Their scores share
  // `total_score`. Only names that the tree knows.
  base::Result<std::vector<Candidate>> write_lines(const CodeBase& code, const Suspects& suspects, double total_score,
                                                   std::chrono::steady_clock::time_point deadline,
                                                   std::stop_token stop);

 private:
  ModelJudge(std::shared_ptr<const engine::Engine> model, std::unique_ptr<engine::Session> session)
      : model_(std::move(model)), session_(std::move(session)) {}
  base::Result<std::vector<engine::Token>> prompt(const CodeFile& file, size_t prefix_end, size_t suffix_begin) const;

  std::shared_ptr<const engine::Engine> model_;
  std::unique_ptr<engine::Session> session_;
};

}  // namespace agent
