// SPDX-License-Identifier: Apache-2.0
#include "agent/coverage.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "agent/coverage_tracer.h"
#include "agent/hang_tracer.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr uint64_t kMaxTraceBytes = 64u << 20, kMaxStackBytes = 1u << 20;
// Of the time of a traced run: then the tracer writes what it knows and ends its process, before the sandbox does.
constexpr double kWatchedShare = .85;

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

std::vector<std::pair<std::string, int>> read_lines_of(const base::Json& entry, const char* key, const PathResolver& resolver) {
  std::vector<std::pair<std::string, int>> lines;
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) return lines;
  for (const base::Json& place : *found) {
    if (!place.is_array() || place.size() != 2 || !place[0].is_string()) continue;
    if (const auto path = resolver.resolve(place[0].get<std::string>())) lines.emplace_back(*path, as_int(place[1]));
  }
  return lines;
}

void read_failures(const base::Json& failures, const PathResolver& resolver, Coverage& coverage) {
  if (!failures.is_array()) return;
  for (const base::Json& entry : failures) {
    if (!entry.is_object()) continue;
    const auto hung = entry.find("hung");
    coverage.failures.push_back({base::json_string(entry, "test"), base::json_string(entry, "message"),
                                 read_lines_of(entry, "frames", resolver), hung != entry.end() && *hung == true,
                                 read_lines_of(entry, "loop", resolver), read_lines_of(entry, "called", resolver)});
  }
}

void read_report(const std::string& text, const PathResolver& resolver, Coverage& coverage) {
  const auto report = base::parse_json(text);
  if (!report || !report->is_object()) return;
  coverage.n_failed += static_cast<int>(base::json_int(*report, "failed"));
  coverage.n_passed += static_cast<int>(base::json_int(*report, "passed"));
  if (const auto lines = report->find("lines"); lines != report->end()) read_lines(*lines, resolver, coverage);
  if (const auto failures = report->find("failures"); failures != report->end())
    read_failures(*failures, resolver, coverage);
}

// What faulthandler writes of a process whose interpreter never came back: a block for each thread, innermost frame first.
void read_stack(std::string_view text, const PathResolver& resolver, Coverage& coverage) {
  constexpr std::string_view kFile = "  File \"", kLine = "\", line ";
  TracedFailure failure{"", "", {}, true, {}, {}};
  const auto end_thread = [&] {
    std::reverse(failure.frames.begin(), failure.frames.end());
    if (!failure.frames.empty()) coverage.failures.push_back(failure);
    failure.frames.clear();
  };
  for (const std::string_view line : base::split_lines(text)) {
    if (line.starts_with("Thread ") || line.starts_with("Current thread ")) end_thread();
    const size_t number = line.find(kLine);
    if (!line.starts_with(kFile) || number == std::string_view::npos) continue;
    const auto path = resolver.resolve(line.substr(kFile.size(), number - kFile.size()));
    if (path) failure.frames.emplace_back(*path, std::atoi(std::string(line.substr(number + kLine.size())).c_str()));
  }
  end_thread();
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
                     bool hangs, const PathResolver& resolver, std::stop_token stop) {
  Coverage coverage;
  auto workspace = sandbox::Workspace::create(root);
  if (!workspace) return coverage;
  const std::string folder = (root / kTraceFolder).string();
  const std::filesystem::path inside(kTraceFolder);
  if (!(*workspace)->write_file(inside / "sitecustomize.py", kTracerModule) ||
      !(*workspace)->write_file(inside / "graft_trace_pytest.py", kPytestModule) ||
      !(*workspace)->write_file(inside / "graft_trace_hang.py", kHangModule))
    return coverage;
  sandbox::Policy policy;
  policy.limits.wall = timeout;
  policy.environment = {
      {"PYTHONPATH", folder},      {"PYTEST_PLUGINS", "graft_trace_pytest"}, {"GRAFT_TRACE_ROOT", root.string()},
      {"GRAFT_TRACE_OUT", folder}, {"PYTHONDONTWRITEBYTECODE", "1"},         {"PYTHONHASHSEED", "0"}};
  // The clock is the whole machine's: the processes of one check share the moment.
  const std::chrono::duration<double> until = std::chrono::steady_clock::now().time_since_epoch() + kWatchedShare * timeout;
  policy.environment["GRAFT_TRACE_UNTIL"] = std::to_string(until.count());
  policy.environment["GRAFT_TRACE_HUNG"] = hangs ? "1" : "";
  auto outcome = (*workspace)->run(sandbox::shell_command(with_python_path(check, folder)), policy, stop);
  if (!outcome || outcome->ending == sandbox::Ending::kCancelled) return coverage;
  const auto changed = (*workspace)->changed_paths();
  if (!changed) return coverage;
  for (const std::filesystem::path& path : *changed) {
    if (path.parent_path() != inside) continue;
    if (path.extension() == ".json") {
      if (const auto text = (*workspace)->read_file(path, kMaxTraceBytes)) read_report(*text, resolver, coverage);
    } else if (path.extension() == ".stack") {
      if (const auto text = (*workspace)->read_file(path, kMaxStackBytes)) read_stack(*text, resolver, coverage);
    }
  }
  coverage.output = std::move(outcome->output);
  // A script without a test tool: the run itself is the one failing test.
  if (coverage.n_failed == 0 && coverage.n_passed == 0 && coverage.failures.empty()) {
    coverage.n_failed = 1;
    for (auto& [path, counts] : coverage.lines)
      for (auto& [line, count] : counts) count.failed = 1;
  }
  const auto n_hung = std::count_if(coverage.failures.begin(), coverage.failures.end(), [](const TracedFailure& f) { return f.hung; });
  base::log(base::LogLevel::kDebug, base::cat("trace: ", coverage.n_failed, " failed, ", n_hung, " places hang, ", coverage.n_passed, " passed, ",
                                              coverage.lines.size(), " files"));
  return coverage;
}

}  // namespace agent
