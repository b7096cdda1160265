// SPDX-License-Identifier: Apache-2.0
#include "agent/trace/trace_report.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/strings.h"

namespace agent {
namespace {

// So small that the counts of all reports of a check can be added up.
constexpr int64_t kMostCounted = 1'000'000, kMostCountedInAll = 1'000'000'000;
// More than any limit of a run: what lies beyond makes no difference.
constexpr double kMostCalmSeconds = 1e6;
constexpr int64_t kMostCalmBytes = int64_t{1} << 40;

int64_t as_int(const base::Json& value) {
  if (value.is_number_unsigned()) return static_cast<int64_t>(std::min<uint64_t>(value.get<uint64_t>(), INT64_MAX));
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

void add_count(int& sum, int64_t count) {
  sum = static_cast<int>(std::min(sum + std::clamp<int64_t>(count, 0, kMostCounted), kMostCountedInAll));
}

// 1-based; 0 for what is no line of a file.
int as_line(int64_t number) {
  return number >= 1 && number <= kMostTracedLine ? static_cast<int>(number) : 0;
}

// Digits at the front of `text`.
int line_at(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? as_line(number) : 0;
}

// `add(line, failed, passed, loaded)` for each line of a file of the tree.
template <typename Add>
void read_lines(const base::Json& report, const PathResolver& resolver, Coverage& coverage, Add add) {
  const auto lines = report.find("lines");
  if (lines == report.end() || !lines->is_object()) return;
  const bool all_code = base::json_bool(report, "all_code");
  for (const auto& [named, counts] : lines->items()) {
    const auto path = resolver.resolve(named);
    if (!path || !counts.is_object()) continue;
    if (all_code) coverage.all_code.insert(*path);
    for (const auto& [number, count] : counts.items()) {
      if (!count.is_array() || count.size() != 3) continue;
      const int at = line_at(number);
      if (at != 0) add(coverage.lines[*path][at], as_int(count[0]), as_int(count[1]), as_int(count[2]) != 0);
    }
  }
}

std::vector<std::pair<std::string, int>> read_lines_of(const base::Json& entry, const char* key,
                                                       const PathResolver& resolver) {
  std::vector<std::pair<std::string, int>> lines;
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) return lines;
  for (const base::Json& place : *found) {
    if (!place.is_array() || place.size() != 2 || !place[0].is_string()) continue;
    const int line = as_line(as_int(place[1]));
    if (const auto path = resolver.resolve(place[0].get<std::string>()); path && line != 0)
      lines.emplace_back(*path, line);
  }
  return lines;
}

void read_failures(const base::Json& failures, const PathResolver& resolver, Coverage& coverage) {
  if (!failures.is_array()) return;
  for (const base::Json& entry : failures) {
    if (coverage.failures.size() >= kMostTracedFailures) return;
    if (!entry.is_object()) continue;
    const auto hung = entry.find("hung");
    coverage.failures.push_back({base::json_string(entry, "test"), base::json_string(entry, "message"),
                                 read_lines_of(entry, "frames", resolver), hung != entry.end() && *hung == true,
                                 read_lines_of(entry, "loop", resolver), read_lines_of(entry, "called", resolver)});
  }
}

}  // namespace

void read_trace_report(std::string_view text, const PathResolver& resolver, Coverage& coverage) {
  const auto report = base::parse_json(text);
  if (!report || !report->is_object()) return;
  add_count(coverage.n_failed, base::json_int(*report, "failed"));
  add_count(coverage.n_passed, base::json_int(*report, "passed"));
  coverage.cut |= base::json_bool(*report, "cut");
  coverage.mixed |= base::json_bool(*report, "mixed");
  read_lines(*report, resolver, coverage, [](LineCount& line, int64_t failed, int64_t passed, bool loaded) {
    add_count(line.failed, failed);
    add_count(line.passed, passed);
    line.loaded |= loaded;
  });
  if (const auto failures = report->find("failures"); failures != report->end())
    read_failures(*failures, resolver, coverage);
  if (const auto seconds = report->find("calm_seconds"); seconds != report->end() && seconds->is_number())
    coverage.calm.seconds = std::min(coverage.calm.seconds + std::max(0., seconds->get<double>()), kMostCalmSeconds);
  const int64_t bytes = std::clamp<int64_t>(base::json_int(*report, "calm_bytes"), 0, kMostCalmBytes);
  coverage.calm.memory_bytes =
      std::min<uint64_t>(coverage.calm.memory_bytes + static_cast<uint64_t>(bytes), kMostCalmBytes);
}

void read_trace_run(std::string_view text, const PathResolver& resolver, Coverage& coverage) {
  const auto report = base::parse_json(text);
  if (!report || !report->is_object()) return;
  const std::string ended = base::json_string(*report, "run");
  if (ended != "failed" && ended != "passed") return;
  int LineCount::*const sum = ended == "failed" ? &LineCount::failed : &LineCount::passed;
  add_count(ended == "failed" ? coverage.n_failed : coverage.n_passed, 1);
  read_lines(*report, resolver, coverage, [sum](LineCount& line, int64_t, int64_t, bool loaded) {
    if (loaded) add_count(line.*sum, 1);
  });
}

bool read_go_profile(std::string_view text, bool failed, const PathResolver& resolver, Coverage& coverage) {
  constexpr int kLongestBlock = 10'000;
  std::set<std::pair<std::string, int>> ran;  // blocks may share a line
  for (const std::string_view line : base::split_lines(text)) {
    // file:line.column,line.column statements count
    const size_t comma = line.rfind(','), colon = line.rfind(':', comma), count = line.rfind(' ');
    if (comma == std::string_view::npos || colon == std::string_view::npos || count == std::string_view::npos ||
        count < comma || line.substr(count + 1) == "0")
      continue;
    const auto path = resolver.resolve(line.substr(0, colon));
    const int begin = line_at(line.substr(colon + 1)), end = line_at(line.substr(comma + 1));
    if (!path || begin == 0 || end < begin || end - begin > kLongestBlock) continue;
    for (int at = begin; at <= end; ++at) ran.emplace(*path, at);
  }
  if (ran.empty()) return false;
  add_count(failed ? coverage.n_failed : coverage.n_passed, 1);
  for (const auto& [path, at] : ran) {
    LineCount& line = coverage.lines[path][at];
    add_count(failed ? line.failed : line.passed, 1);
  }
  return true;
}

void read_trace_stack(std::string_view text, const PathResolver& resolver, Coverage& coverage) {
  constexpr std::string_view kFile = "  File \"", kLine = "\", line ";
  TracedFailure failure{"", "", {}, true, {}, {}};
  const auto end_thread = [&] {
    std::reverse(failure.frames.begin(), failure.frames.end());
    if (!failure.frames.empty() && coverage.failures.size() < kMostTracedFailures) coverage.failures.push_back(failure);
    failure.frames.clear();
  };
  for (const std::string_view line : base::split_lines(text)) {
    if (line.starts_with("Thread ") || line.starts_with("Current thread ")) end_thread();
    const size_t number = line.find(kLine, kFile.size());
    if (!line.starts_with(kFile) || number == std::string_view::npos) continue;
    const int row = line_at(line.substr(number + kLine.size()));
    if (row == 0) continue;
    if (const auto path = resolver.resolve(line.substr(kFile.size(), number - kFile.size())))
      failure.frames.emplace_back(*path, row);
  }
  end_thread();
}

bool read_go_stacks(std::string_view output, const PathResolver& resolver, Coverage& coverage) {
  constexpr std::string_view kOver = "panic: test timed out after ";
  if (output.find(kOver) == std::string_view::npos) return false;
  TracedFailure failure{"", "test timed out", {}, true, {}, {}};
  bool awake = false;
  const auto end_goroutine = [&] {
    failure.loop = failure.frames;  // one look at it: the loop may be any of its callers
    std::reverse(failure.frames.begin(), failure.frames.end());
    if ((awake || !failure.test.empty()) && !failure.frames.empty() && coverage.failures.size() < kMostTracedFailures)
      coverage.failures.push_back(failure);
    failure.frames.clear();
    failure.test.clear();
    awake = false;
  };
  std::string_view function;
  for (const std::string_view line : base::split_lines(output)) {
    if (line.starts_with("goroutine ")) {
      end_goroutine();
      awake = line.find("[run") != std::string_view::npos;  // [running], [runnable]
    } else if (line.starts_with("\t")) {
      // \t/shop/calc.go:7 +0x2c
      const size_t colon = line.rfind(':'), name = function.rfind('.');
      const int row = colon == std::string_view::npos ? 0 : line_at(line.substr(colon + 1));
      const auto path = row == 0 ? std::nullopt : resolver.resolve(base::trim(line.substr(0, colon)));
      if (!path) continue;
      if (!path->ends_with("_test.go"))
        failure.frames.emplace_back(*path, row);
      else if (name != std::string_view::npos && function.substr(name + 1).starts_with("Test"))
        failure.test = function.substr(name + 1);
    } else {
      function = line.substr(0, line.rfind('('));
    }
  }
  end_goroutine();
  return true;
}

}  // namespace agent
