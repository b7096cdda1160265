// SPDX-License-Identifier: Apache-2.0
#include "agent/coverage.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "agent/coverage_tracer.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr uint64_t kMaxTraceBytes = 64u << 20;

int as_int(const base::Json& value) {
  return value.is_number_integer() ? value.get<int>() : 0;
}

void read_lines(const base::Json& lines, const PathResolver& resolver, Coverage& coverage) {
  if (!lines.is_object()) return;
  for (const auto& [named, counts] : lines.items()) {
    const auto path = resolver.resolve(named);
    if (!path || !counts.is_object()) continue;
    for (const auto& [number, count] : counts.items()) {
      if (!count.is_array() || count.size() != 3) continue;
      LineCount& line = coverage.lines[*path][std::atoi(number.c_str())];
      line.failed += as_int(count[0]);
      line.passed += as_int(count[1]);
      line.loaded |= as_int(count[2]) != 0;
    }
  }
}

void read_failures(const base::Json& failures, const PathResolver& resolver, Coverage& coverage) {
  if (!failures.is_array()) return;
  for (const base::Json& entry : failures) {
    TracedFailure failure{base::json_string(entry, "test"), base::json_string(entry, "message"), {}};
    const auto frames = entry.find("frames");
    if (frames != entry.end() && frames->is_array())
      for (const base::Json& frame : *frames) {
        if (!frame.is_array() || frame.size() != 2 || !frame[0].is_string()) continue;
        if (const auto path = resolver.resolve(frame[0].get<std::string>()))
          failure.frames.emplace_back(*path, as_int(frame[1]));
      }
    coverage.failures.push_back(std::move(failure));
  }
}

// A check that sets PYTHONPATH itself keeps its folders; ours comes in front.
std::string with_python_path(std::string check, const std::string& folder) {
  constexpr std::string_view kName = "PYTHONPATH=";
  for (size_t at = check.find(kName); at != std::string::npos; at = check.find(kName, at)) {
    at += kName.size();
    if (at < check.size() && (check[at] == '"' || check[at] == '\'')) ++at;
    check.insert(at, folder + ":");
  }
  return check;
}

}  // namespace

double Coverage::ochiai(const std::string& path, int line) const {
  const auto file = lines.find(path);
  if (file == lines.end() || n_failed == 0) return 0;
  const auto count = file->second.find(line);
  if (count == file->second.end() || count->second.failed == 0) return 0;
  const double failed = count->second.failed, ran = failed + count->second.passed;
  return failed / std::sqrt(n_failed * ran);
}

Coverage trace_check(const std::filesystem::path& root, const std::string& check, std::chrono::milliseconds timeout,
                     const PathResolver& resolver, std::stop_token stop) {
  Coverage coverage;
  auto workspace = sandbox::Workspace::create(root);
  if (!workspace) return coverage;
  const std::string folder = (root / kTraceFolder).string();
  const std::filesystem::path inside(kTraceFolder);
  if (!(*workspace)->write_file(inside / "sitecustomize.py", kTracerModule) ||
      !(*workspace)->write_file(inside / "graft_trace_pytest.py", kPytestModule))
    return coverage;
  sandbox::Policy policy;
  policy.limits.wall = timeout;
  policy.environment = {
      {"PYTHONPATH", folder},      {"PYTEST_PLUGINS", "graft_trace_pytest"}, {"GRAFT_TRACE_ROOT", root.string()},
      {"GRAFT_TRACE_OUT", folder}, {"PYTHONDONTWRITEBYTECODE", "1"},         {"PYTHONHASHSEED", "0"}};
  const auto outcome = (*workspace)->run(sandbox::shell_command(with_python_path(check, folder)), policy, stop);
  if (!outcome || outcome->ending == sandbox::Ending::kCancelled) return coverage;
  const auto changed = (*workspace)->changed_paths();
  if (!changed) return coverage;
  for (const std::filesystem::path& path : *changed) {
    if (path.parent_path() != inside || path.extension() != ".json") continue;
    const auto text = (*workspace)->read_file(path, kMaxTraceBytes);
    if (!text) continue;
    const auto report = base::parse_json(*text);
    if (!report || !report->is_object()) continue;
    coverage.n_failed += static_cast<int>(base::json_int(*report, "failed"));
    coverage.n_passed += static_cast<int>(base::json_int(*report, "passed"));
    if (const auto lines = report->find("lines"); lines != report->end()) read_lines(*lines, resolver, coverage);
    if (const auto failures = report->find("failures"); failures != report->end())
      read_failures(*failures, resolver, coverage);
  }
  // A script without a test tool: the run itself is the one failing test.
  if (coverage.n_failed == 0 && coverage.n_passed == 0 && coverage.failures.empty()) {
    coverage.n_failed = 1;
    for (auto& [path, counts] : coverage.lines)
      for (auto& [line, count] : counts) count.failed = 1;
  }
  base::log(base::LogLevel::kDebug, base::cat("trace: ", coverage.n_failed, " failed, ", coverage.n_passed, " passed, ",
                                              coverage.lines.size(), " files"));
  return coverage;
}

}  // namespace agent
