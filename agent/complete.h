// SPDX-License-Identifier: Apache-2.0
// agent/complete.h: fill-in-the-middle completions, shared by `graft complete` and the language server.
//
// Threads  A Completer belongs to the engine thread: it keeps a session warm between keystrokes.
// Errors   kInvalidArgument where the model cannot fill in the middle; kCancelled.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/complete/line_evidence.h"
#include "base/result.h"
#include "engine/engine.h"

namespace agent {

struct CompleteRequest {
  std::string prefix, suffix;            // the text before and after the cursor
  std::string path;                      // for the language; may be empty
  std::vector<std::string> other_texts;  // files open beside it, the nearest first; a small model copies from them
  int n = 1;  // completions wanted: the likeliest lines of a small model, else above 1 sampled
  int max_tokens = 48;
  bool single_line = true;  // stop at the end of the line; else at the end of the block around the cursor
  // As the model said it: no end of line or block, no clean-up, nothing dropped. For evaluation.
  bool raw = false;
  // Completions below either are not worth showing: natural log, mean over the tokens; sureness.
  double min_mean_logprob = -1e9, min_sureness = -1e9;
  engine::SamplingOptions sampling;
  std::vector<std::string> stop;
};

// The request for a place in a file: `line` from 1, `column` in bytes of UTF-8 from 1. kInvalidArgument for a place that
// the text does not have, with what it has.
base::Result<CompleteRequest> request_at(std::string_view text, std::string path, int line, int column);

struct CompletionItem {
  std::string text;
  double logprob = 0;  // natural log, sum over its tokens
  int n_tokens = 0;
  // Natural log of the probability that it is what the author writes: of a small model's single lines by what the file
  // says too (line_evidence.h), else as the model has it; of several lines, the mean of a line.
  double sureness = 0;
  std::optional<LineFacts> facts = {};  // of those lines
};

// Half the places of the packages that line_weights.inc was fitted on lie above, where 63 % are right; in packages that
// neither the shipped model nor the weights have seen, docs/evaluation.md says. Another model needs its own.
inline constexpr double kDefaultMinSureness = -1.25;

class Completer {
 public:
  static base::Result<std::unique_ptr<Completer>> create(std::shared_ptr<const engine::Engine> model);
  virtual ~Completer() = default;
  // Texts of the project that a small model's completions may copy from, the nearest first, beside each request's own;
  // instead of those of the last call. Taking them in costs some 100 ms per MB: at a moment when nobody waits.
  virtual void remember(std::vector<std::string> texts) = 0;
  // Best first; empty where nothing is worth showing. Unless raw: repeats neither suffix nor neighbouring line, closes
  // no bracket twice, adds no syntax error to the file, never ends in white space; of a small model's single lines the
  // next likely ones come in place of those that would.
  virtual base::Result<std::vector<CompletionItem>> complete(const CompleteRequest& request, std::stop_token stop) = 0;
};

}  // namespace agent
