// SPDX-License-Identifier: Apache-2.0
#include "agent/check/counting_checker.h"

#include "base/strings.h"

namespace agent {

base::Result<CheckResult> CountingChecker::run(const Overlay& overlay, std::stop_token stop) {
  auto result = checker_->run(overlay, stop);
  if (!result || result->output_cut) return result;
  if (overlay.empty()) {
    if (!before_ && !result->passed) before_ = read_test_counts(result->output);
    return result;
  }
  if (!result->passed || !before_) return result;
  const auto why = hollow_pass(*before_, read_test_counts(result->output), check_);
  if (!why) return result;
  result->passed = false;
  result->hollow = *why;
  result->ending += base::cat(", but ", *why);
  return result;
}

}  // namespace agent
