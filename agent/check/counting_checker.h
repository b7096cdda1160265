// SPDX-License-Identifier: Apache-2.0
// agent/check/counting_checker.h: a check whose pass counts only where the tests ran that failed without it.
//
// A change that has the failing test skipped, or the run end before it, makes a check pass as well as a repair does.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "agent/check/check_runner.h"
#include "agent/check/test_counts.h"

namespace agent {

class CountingChecker final : public Checker {
 public:
  CountingChecker(std::unique_ptr<Checker> checker, std::string check)
      : checker_(std::move(checker)), check_(std::move(check)) {}

  base::Result<std::string> tree_of(const Overlay& overlay) override { return checker_->tree_of(overlay); }
  // The first failing run on the unchanged work tree is what others are held against. See CheckResult::hollow.
  base::Result<CheckResult> run(const Overlay& overlay, std::stop_token stop) override;
  base::Result<bool> put_first(const std::vector<std::string>& tests) override { return checker_->put_first(tests); }
  size_t side_by_side() const override { return checker_->side_by_side(); }
  void expect(const std::vector<Overlay>& overlays) override { checker_->expect(overlays); }
  base::Status reset() override { return checker_->reset(); }
  void set_bounds(RunBounds bounds) override { checker_->set_bounds(bounds); }

 private:
  std::unique_ptr<Checker> checker_;
  std::string check_;
  std::optional<TestCounts> before_;
};

}  // namespace agent
