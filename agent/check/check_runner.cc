// SPDX-License-Identifier: Apache-2.0
#include "agent/check/check_runner.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "agent/check/first_tests.h"
#include "base/strings.h"
#include "sandbox/sandbox.h"

namespace agent {
namespace {

constexpr size_t kMaxTable = 4'000'000;  // cells of the line table; beyond it one replacement covers the middle

class CheckRunner final : public Checker {
 public:
  CheckRunner(const tools::WorkTree& tree, std::string check, std::chrono::milliseconds timeout,
              std::unique_ptr<sandbox::Workspace> workspace, std::unique_ptr<tools::CandidateTrees> trees)
      : tree_(tree),
        check_(std::move(check)),
        bounds_{timeout},
        workspace_(std::move(workspace)),
        trees_(std::move(trees)) {}

  base::Result<std::string> tree_of(const Overlay& overlay) override {
    const std::lock_guard lock(trees_mutex_);
    if (overlay.empty()) return std::string("base");
    auto edit = edit_of(tree_, overlay);
    if (!edit) return std::move(edit).error();
    if (edit->files.empty()) return std::string("base");
    return trees_->add(*edit);
  }

  base::Result<CheckResult> run(const Overlay& overlay, std::stop_token stop) override {
    auto id = tree_of(overlay);
    if (!id) return std::move(id).error();
    if (base::Status shown = show(overlay); !shown) return std::move(shown).error().in("prepare the sandbox's copy");
    sandbox::Policy policy;
    policy.limits.wall = bounds_.wall;
    // A bound of each process alone is one of address space, of which interpreters ask for far more than they use.
    if (bounds_.memory_bytes != 0 && sandbox::probe_isolation().memory_of_tree)
      policy.limits.memory_bytes = std::min(policy.limits.memory_bytes, bounds_.memory_bytes);
    // A check whose hashes are random could differ between two runs of one tree. ctest alone keeps to itself what a
    // failing test says. Python may keep compiled modules between runs: what tells them apart, whole seconds of a
    // file's time, moves forward with each write.
    policy.environment = {{"PYTHONHASHSEED", "0"}, {"CTEST_OUTPUT_ON_FAILURE", "1"}};
    std::string check = check_;
    if (!first_.empty()) {
      const std::string folder = (tree_.root() / kFirstFolder).string();
      policy.environment["PYTHONPATH"] = folder;
      policy.environment["PYTEST_PLUGINS"] = "graft_first_pytest";
      policy.environment["GRAFT_FIRST"] = first_;
      check = with_python_path(std::move(check), folder);
    }
    using Clock = std::chrono::steady_clock;
    const Clock::time_point started = Clock::now();
    Clock::time_point last_output = started;
    auto outcome = workspace_->run(sandbox::shell_command(std::move(check)), policy, stop,
                                   [&](std::string_view) { last_output = Clock::now(); });
    if (!outcome) return std::move(outcome).error().in("run the check");
    if (outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    CheckResult result;
    result.tree = *id;
    result.passed = outcome->passed();
    result.timed_out = outcome->ending == sandbox::Ending::kTimedOut;
    result.out_of_memory = outcome->ending == sandbox::Ending::kOutOfMemory;
    result.ending = sandbox::describe(*outcome);
    result.seconds = outcome->seconds.count();
    result.cpu_seconds = outcome->cpu_seconds.count();
    result.largest_process_bytes = outcome->largest_process_bytes;
    result.last_output_seconds = std::chrono::duration<double>(last_output - started).count();
    result.output = std::move(outcome->output);
    result.output_cut = outcome->output_dropped_bytes > 0;
    return result;
  }

  base::Result<bool> put_first(const std::vector<std::string>& tests) override {
    // One that names its own plugins keeps them.
    if (!runs_pytest(check_) || check_.find("PYTEST_PLUGINS") != std::string::npos) return false;
    std::string value = first_tests_value(tests);
    if (value.empty()) return false;
    const std::filesystem::path file = std::filesystem::path(kFirstFolder) / "graft_first_pytest.py";
    if (base::Status written = workspace_->write_file(file, kFirstModule); !written) return std::move(written).error();
    first_ = std::move(value);
    return true;
  }

  base::Status reset() override {
    shown_.clear();
    first_.clear();
    return workspace_->reset();
  }

  void set_bounds(RunBounds bounds) override { bounds_ = bounds; }

 private:
  base::Status show(const Overlay& overlay) {
    for (auto shown = shown_.begin(); shown != shown_.end();) {
      if (overlay.contains(shown->first)) {
        ++shown;
        continue;
      }
      auto original = tree_.read(shown->first);
      if (!original) return std::move(original).error();
      if (base::Status written = workspace_->write_file(shown->first, *original); !written) return written;
      shown = shown_.erase(shown);
    }
    for (const auto& [path, text] : overlay) {
      const auto shown = shown_.find(path);
      if (shown != shown_.end() && shown->second == text) continue;
      if (base::Status written = workspace_->write_file(path, text); !written) return written;
      shown_[path] = text;
    }
    return base::ok();
  }

  const tools::WorkTree& tree_;
  const std::string check_;
  RunBounds bounds_;
  std::string first_;  // tests that run before the others; empty: as the check has them
  std::unique_ptr<sandbox::Workspace> workspace_;
  std::unique_ptr<tools::CandidateTrees> trees_;
  std::mutex trees_mutex_;
  Overlay shown_;  // what the workspace holds beyond the work tree
};

// Lines with their end marks, so that a missing last newline is a difference.
std::vector<std::string_view> whole_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const size_t n = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, n));
    text.remove_prefix(n);
  }
  return lines;
}

std::vector<tools::Replacement> line_replacements(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> a = whole_lines(before), b = whole_lines(after);
  size_t front = 0, back = 0;
  while (front < std::min(a.size(), b.size()) && a[front] == b[front]) ++front;
  while (back < std::min(a.size(), b.size()) - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
  const size_t n = a.size() - front - back, m = b.size() - front - back;
  std::vector<tools::Replacement> found;
  size_t at = 0;
  for (size_t i = 0; i < front; ++i) at += a[i].size();
  if (n == 0 && m == 0) return found;
  // table[i][j]: longest common run of the lines from i and j on.
  const bool small = (n + 1) * (m + 1) <= kMaxTable;
  std::vector<uint16_t> table(small ? (n + 1) * (m + 1) : 0, 0);
  auto cell = [&](size_t i, size_t j) -> uint16_t& { return table[i * (m + 1) + j]; };
  if (small)
    for (size_t i = n; i-- > 0;)
      for (size_t j = m; j-- > 0;)
        cell(i, j) = a[front + i] == b[front + j] ? static_cast<uint16_t>(cell(i + 1, j + 1) + 1)
                                                  : std::max(cell(i + 1, j), cell(i, j + 1));
  size_t i = 0, j = 0;
  while (i < n || j < m) {
    tools::Replacement part{at, at, ""};
    while ((i < n || j < m) && !(small && i < n && j < m && a[front + i] == b[front + j])) {
      if (i < n && (!small || j >= m || cell(i + 1, j) >= cell(i, j + 1)))
        part.end += a[front + i++].size();
      else
        part.text += b[front + j++];
    }
    at = part.end;
    if (part.begin != part.end || !part.text.empty()) found.push_back(std::move(part));
    while (small && i < n && j < m && a[front + i] == b[front + j]) {
      at += a[front + i].size();
      ++i, ++j;
    }
  }
  return found;
}

}  // namespace

base::Result<tools::Edit> edit_of(const tools::FileSource& base, const Overlay& overlay) {
  tools::Edit edit;
  for (const auto& [path, text] : overlay) {
    auto original = base.read(path);
    if (!original) return std::move(original).error();
    std::vector<tools::Replacement> replacements = line_replacements(*original, text);
    if (replacements.empty()) continue;
    tools::FileEdit file;
    file.path = path;
    file.base = tools::content_hash(*original);
    file.replacements = std::move(replacements);
    edit.files.push_back(std::move(file));
  }
  return edit;
}

base::Result<std::unique_ptr<Checker>> open_check_runner(const tools::WorkTree& tree, const std::string& check,
                                                         std::chrono::milliseconds timeout) {
  auto workspace = sandbox::Workspace::create(tree.root());
  if (!workspace) return std::move(workspace).error();
  auto trees = tools::CandidateTrees::create(tree);
  if (!trees) return std::move(trees).error();
  return std::unique_ptr<Checker>(
      std::make_unique<CheckRunner>(tree, check, timeout, std::move(*workspace), std::move(*trees)));
}

}  // namespace agent
