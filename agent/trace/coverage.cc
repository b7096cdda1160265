// SPDX-License-Identifier: Apache-2.0
#include "agent/trace/coverage.h"

#include <algorithm>
#include <cmath>

#include "agent/trace/trace_report.h"
#include "agent/trace/tracers.h"
#include "base/log.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr uint64_t kMaxTraceBytes = 64u << 20, kMaxStackBytes = 1u << 20;
// Of the time of a traced run: then the tracer writes what it knows and ends its process, before the sandbox does.
constexpr double kWatchedShare = .85;
constexpr std::chrono::milliseconds kLongestReport{30'000};
constexpr std::string_view kCppReport = "cpp.json";

// Scripts without a test tool: each run is a test, as far as it is known how it ended; else all of it is the one that
// failed.
void take_runs(sandbox::Workspace& workspace, const std::vector<std::filesystem::path>& reports,
               const PathResolver& resolver, Coverage& coverage) {
  for (const std::filesystem::path& report : reports)
    if (const auto text = workspace.read_file(report, kMaxTraceBytes)) read_trace_run(*text, resolver, coverage);
  if (coverage.n_failed > 0) return;
  coverage.n_failed = 1;
  coverage.n_passed = 0;
  for (auto& [path, counts] : coverage.lines)
    for (auto& [line, count] : counts) count = {1, 0, count.loaded};
}

// Of Go's tests. Where none that failed left a profile those that passed would only speak for the lines that they share
// with it.
void take_profiles(sandbox::Workspace& workspace, const std::vector<std::filesystem::path>& failed,
                   const std::vector<std::filesystem::path>& passed, const PathResolver& resolver, Coverage& coverage) {
  bool known = false;
  for (const std::filesystem::path& profile : failed)
    if (const auto text = workspace.read_file(profile, kMaxTraceBytes))
      known |= read_go_profile(*text, true, resolver, coverage);
  if (!known) return;
  for (const std::filesystem::path& profile : passed)
    if (const auto text = workspace.read_file(profile, kMaxTraceBytes))
      read_go_profile(*text, false, resolver, coverage);
}

// Of programs in C and C++. Those that are no tests by themselves may have made something for tests of another
// language.
void take_programs(std::string_view report, const PathResolver& resolver, Coverage& coverage) {
  Coverage programs;
  read_trace_report(report, resolver, programs);
  if (programs.mixed && coverage.n_failed + coverage.n_passed > 0) return;
  read_trace_report(report, resolver, coverage);
}

}  // namespace

double Coverage::ochiai(const std::string& path, int line) const {
  const auto file = lines.find(path);
  if (file == lines.end() || n_failed == 0) return 0;
  const auto count = file->second.find(line);
  return count == file->second.end() ? 0 : ochiai(count->second);
}

double Coverage::ochiai(const LineCount& count) const {
  if (n_failed == 0 || count.failed == 0) return 0;
  const double failed = count.failed, ran = failed + count.passed;
  return std::min(1., failed / std::sqrt(n_failed * ran));  // a damaged report may count a line more often than tests
}

Coverage trace_check(const std::filesystem::path& root, const std::string& check, std::chrono::milliseconds timeout,
                     bool hangs, const PathResolver& resolver, std::stop_token stop,
                     const std::vector<std::string>& first, const std::optional<std::vector<std::string>>& sources) {
  Coverage coverage;
  auto workspace = sandbox::Workspace::create(root);
  if (!workspace) return coverage;
  const std::filesystem::path inside(kTraceFolder);
  // The clock is the whole machine's: the processes of one check share the moment.
  const std::chrono::duration<double> watched = kWatchedShare * timeout;
  const std::chrono::duration<double> until = std::chrono::steady_clock::now().time_since_epoch() + watched;
  const auto date = std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::seconds>(watched);
  TraceTask task{check,
                 root.string(),
                 (root / inside).string(),
                 until.count(),
                 std::chrono::system_clock::to_time_t(date),
                 watched.count(),
                 hangs,
                 first};
  if (sources) {
    task.sources.emplace();
    for (const std::string& source : *sources)
      if (source.find('\n') == std::string::npos) *task.sources += source + "\n";
  }
  const TraceKit kit = trace_kit(task);
  for (const TraceFile& file : kit.files)
    if (!(*workspace)->write_file(inside / file.name, file.text, file.mode)) return coverage;
  sandbox::Policy policy;
  policy.limits.wall = timeout;
  policy.environment = kit.environment;
  auto outcome = (*workspace)->run(sandbox::shell_command(kit.check), policy, stop);
  if (!outcome || outcome->ending == sandbox::Ending::kCancelled) return coverage;
  auto changed = (*workspace)->changed_paths();
  if (!changed) return coverage;
  const auto left_something = [&](const std::filesystem::path& path) {
    return path.extension() == kit.leaves && path.parent_path().parent_path() == inside;
  };
  if (!kit.report.empty() && std::any_of(changed->begin(), changed->end(), left_something)) {
    sandbox::Policy after;
    after.limits.wall = std::min(timeout, kLongestReport);
    const bool ended = outcome->ending == sandbox::Ending::kExited;
    const auto reported = (*workspace)->run(sandbox::shell_command(kit.report + (ended ? "" : " cut")), after, stop);
    if (reported && reported->ending == sandbox::Ending::kCancelled) return coverage;
    changed = (*workspace)->changed_paths();
    if (!changed) return coverage;
  }
  bool stacks = false;
  base::Result<std::string> cpp_report = base::cancelled();
  std::vector<std::filesystem::path> reports, go_failed, go_passed;
  for (const std::filesystem::path& path : *changed) {
    if (path.parent_path() != inside) continue;
    if (path.filename() == kCppReport) {
      cpp_report = (*workspace)->read_file(path, kMaxTraceBytes);
    } else if (path.extension() == ".json") {
      if (const auto text = (*workspace)->read_file(path, kMaxTraceBytes)) read_trace_report(*text, resolver, coverage);
      reports.push_back(path);
    } else if (path.extension() == ".stack") {
      const auto text = (*workspace)->read_file(path, kMaxStackBytes);
      if (!text || text->empty()) continue;
      stacks = true;
      read_trace_stack(*text, resolver, coverage);
    } else if (path.extension() == ".failed") {
      go_failed.push_back(path);
    } else if (path.extension() == ".passed") {
      go_passed.push_back(path);
    }
  }
  if (cpp_report) take_programs(*cpp_report, resolver, coverage);
  take_profiles(**workspace, go_failed, go_passed, resolver, coverage);
  if (hangs) stacks |= read_go_stacks(outcome->output, resolver, coverage);
  // Of a process that never gave its interpreter back nothing is known; nor of one that hangs unseen.
  const auto seen = [](const TracedFailure& failure) { return failure.hung; };
  if (stacks || std::none_of(coverage.failures.begin(), coverage.failures.end(), seen)) coverage.calm = {};
  coverage.cut |= stacks || outcome->ending == sandbox::Ending::kTimedOut;
  coverage.output = std::move(outcome->output);
  coverage.has_tests = coverage.n_failed + coverage.n_passed > 0 && !coverage.mixed;
  if (coverage.n_failed == 0 && coverage.n_passed == 0 && coverage.failures.empty())
    take_runs(**workspace, reports, resolver, coverage);
  const auto n_hung =
      std::count_if(coverage.failures.begin(), coverage.failures.end(), [](const TracedFailure& f) { return f.hung; });
  base::log(base::LogLevel::kDebug,
            base::cat("trace: ", coverage.n_failed, " failed, ", n_hung, " places hang, ", coverage.n_passed,
                      " passed, ", coverage.lines.size(), " files, ", coverage.calm.seconds, " s and ",
                      coverage.calm.memory_bytes >> 20, " MiB beside hanging"));
  return coverage;
}

}  // namespace agent
