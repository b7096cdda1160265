// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/failing_regions.h"

#include <algorithm>

#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxRegions = 40;

bool starts_definition(std::string_view line) {
  return !line.empty() && line[0] != ' ' && line[0] != '\t' && line[0] != '}' && line[0] != '#' && line[0] != '/';
}

// Test macros are no functions for the grammar: go by the left margin.
TestRegion region_around(const CodeFile& file, int line) {
  if (const tools::Symbol* function = CodeBase::function_at(file, line))
    return {&file, file.line_of(function->range.begin), file.line_of(function->range.end), line};
  auto text = [&](int i) {
    const tools::Range range = file.line_range(i);
    return std::string_view(file.text()).substr(range.begin, range.end - range.begin);
  };
  int begin = std::min(line, file.n_lines()), end = begin;
  while (begin > 1 && !starts_definition(text(begin))) --begin;
  while (end < file.n_lines() && (end == begin || !starts_definition(text(end + 1))) && end - begin < 200) {
    ++end;
    if (text(end).starts_with("}")) break;
  }
  return {&file, begin, end, line};
}

// ctest knows a program and no functions: it is often named as its file is.
void add_file_of_test(const CodeBase& code, std::string_view name, std::vector<TestRegion>& regions) {
  for (const auto& [path, file] : code.files()) {
    if (file.editable || regions.size() >= kMaxRegions) continue;
    const std::string_view last = std::string_view(path).substr(path.rfind('/') + 1);
    if (last.substr(0, last.rfind('.')) == name) regions.push_back({&file, 1, file.n_lines(), 0});
  }
}

void add_named_tests(const CodeBase& code, const CheckReading& reading, std::vector<TestRegion>& regions) {
  for (const std::string& name : reading.failing) {
    const size_t known = regions.size();
    std::string_view last = name;
    for (std::string_view mark : {"::", " ", "(", "["}) {
      if (mark == "::") {
        if (const size_t at = last.rfind(mark); at != std::string_view::npos) last.remove_prefix(at + 2);
      } else if (const size_t at = last.find(mark); at != std::string_view::npos && at > 0) {
        last = last.substr(0, at);
      }
    }
    for (const auto& [path, file] : code.files()) {
      if ((file.editable && file.tests.empty()) || regions.size() >= kMaxRegions) continue;
      const auto judges = [&](tools::Range range) { return !file.editable || file.in_test(range); };
      bool found = false;
      for (const tools::Symbol& symbol : file.symbols)
        if (symbol.name == last && judges(symbol.range)) {
          regions.push_back({&file, file.line_of(symbol.range.begin), file.line_of(symbol.range.end), 0});
          found = true;
        }
      if (found) continue;
      const size_t quoted = file.text().find(base::cat("\"", name, "\""));
      if (quoted != std::string::npos && judges({quoted, quoted + 1})) {
        TestRegion region = region_around(file, file.line_of(quoted));
        region.at = 0;
        regions.push_back(region);
      }
    }
    if (regions.size() == known) add_file_of_test(code, last, regions);
  }
}

}  // namespace

std::vector<TestRegion> failing_regions(const CodeBase& code, const CheckReading& reading, const Coverage& coverage) {
  std::vector<TestRegion> regions;
  auto add = [&](const std::string& path, int line) {
    const CodeFile* file = code.file(path);
    if (file == nullptr || line < 1 || regions.size() >= kMaxRegions) return;
    if (file->editable && !file->is_test_line(line)) return;
    regions.push_back(region_around(*file, line));
  };
  for (const Place& place : reading.places)
    if (place.kind == PlaceKind::kAssertion || place.kind == PlaceKind::kFrame || place.kind == PlaceKind::kError)
      add(place.path, place.line);
  for (const TracedFailure& failure : coverage.failures)
    for (const auto& [path, line] : failure.frames) add(path, line);
  if (regions.empty()) add_named_tests(code, reading, regions);
  return regions;
}

}  // namespace agent
