// SPDX-License-Identifier: Apache-2.0
#include "agent/check/check_output.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "agent/check/failing_tests.h"
#include "agent/check/output_fingerprint.h"
#include "base/colours.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxLine = 2000;  // longer lines are data, not diagnostics
constexpr size_t kMaxPlaces = 2000;
constexpr size_t kMaxMessages = 200;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int number_at(std::string_view text, size_t& at) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) return 0;
  at = static_cast<size_t>(end - text.data());
  return value;
}

struct Found {
  std::string path;
  int line = 0, column = 0;
  size_t end = 0;        // where the rest of the line begins
  bool bracket = false;  // PATH:[LINE,COLUMN]
};

// File "PATH", line N
std::optional<Found> python_frame(std::string_view line, const PathResolver& resolver) {
  const size_t file = line.find("File \"");
  if (file == std::string_view::npos) return std::nullopt;
  const size_t quote = line.find('"', file + 6);
  if (quote == std::string_view::npos) return std::nullopt;
  size_t at = line.find("line ", quote);
  if (at == std::string_view::npos) return std::nullopt;
  at += 5;
  Found found;
  found.line = number_at(line, at);
  found.end = at;
  auto path = resolver.resolve(line.substr(file + 6, quote - file - 6));
  if (!path || found.line == 0) return std::nullopt;
  found.path = *path;
  return found;
}

// PATH:LINE, PATH:LINE:COLUMN, PATH(LINE,COLUMN), Maven's PATH:[LINE,COLUMN] anywhere in the
// line; the first that names a file of the tree.
std::optional<Found> path_and_line(std::string_view line, const PathResolver& resolver) {
  for (size_t mark = 1; mark + 1 < line.size(); ++mark) {
    const bool bracket = line.substr(mark).starts_with(":[");
    const size_t number = mark + (bracket ? 2 : 1);
    if ((line[mark] != ':' && line[mark] != '(') || number >= line.size() || !is_digit(line[number])) continue;
    size_t begin = mark;
    while (begin > 0 && std::string_view(" \t\"'`()<>[]|=,").find(line[begin - 1]) == std::string_view::npos) --begin;
    if (begin == mark) continue;
    std::string_view name = line.substr(begin, mark - begin);
    if (name.starts_with("file://")) name.remove_prefix(7);
    auto path = resolver.resolve(name);
    if (!path) continue;
    Found found;
    found.path = *path;
    size_t at = number;
    found.line = number_at(line, at);
    if (at < line.size() && (line[at] == ':' || line[at] == ',') && at + 1 < line.size() && is_digit(line[at + 1])) {
      ++at;
      found.column = number_at(line, at);
    }
    while (at < line.size() && std::string_view("):,]").find(line[at]) != std::string_view::npos) ++at;
    found.end = at;
    found.bracket = bracket;
    if (found.line > 0) return found;
  }
  return std::nullopt;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Go's compiler has no word for an error: what it says of one stands bare behind the place.
bool is_go_error(std::string_view tail) {
  static constexpr std::array<std::string_view, 11> kWords = {
      "imported and not used", "imported as ",          "declared and not used",
      "declared but not used", "undefined: ",           " undefined (type ",
      "cannot use ",           "assignment mismatch: ", "no new variables on left side",
      "syntax error: ",        "missing return"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view words) { return has(tail, words); });
}

PlaceKind kind_of(std::string_view rest, std::string_view path) {
  const std::string_view tail = base::trim(rest);
  if (path.ends_with(".go") && is_go_error(tail)) return PlaceKind::kError;
  if (has(tail, "CHECK") || has(tail, "REQUIRE") || has(tail, "FAILED:") || tail == "Failure" || has(tail, "Assert") ||
      has(tail, ":FAIL") || has(tail, "error: in \""))  // Unity, Boost.Test
    return PlaceKind::kAssertion;
  if (tail.starts_with("error") || tail.starts_with("fatal error") || has(tail, ": error") || has(tail, "ERROR:") ||
      has(tail, "undefined reference") || tail.starts_with("SyntaxError"))
    return PlaceKind::kError;
  if (tail.starts_with("warning") || has(tail, ": warning")) return PlaceKind::kWarning;
  if (tail.starts_with("note") || tail.starts_with("required from") || tail.starts_with("In ")) return PlaceKind::kNote;
  return PlaceKind::kFrame;
}

// A line that says why a test failed.
bool is_message(std::string_view line) {
  const std::string_view text = base::trim(line);
  if (line.starts_with("E  ") || text.starts_with("values: ") || text.starts_with("AssertionError")) return true;
  if (text.starts_with("Expected") || text.starts_with("Actual") || text.starts_with("Which is:") ||
      text.starts_with("Received"))
    return true;
  if (has(text, "Error: ") || has(text, "Exception: ") || text.ends_with("Error")) return true;
  if (has(text, "was never awaited") || has(text, "AddressSanitizer") || has(text, "runtime error:")) return true;
  if (text.starts_with("error: ") || text.starts_with("error[")) return true;
  if (has(text, "fatal error:") || has(text, " error: ") || has(text, "undefined reference")) return true;
  return has(text, "Segmentation fault") || has(text, "timed out") || has(text, "SIGSEGV") || has(text, "SIGABRT") ||
         has(text, "***Exception: SegFault") ||
         has(text, "panicked at") || has(text, "THREW exception") || has(text, "did NOT throw") || has(text, "no exception was thrown") ||
         has(text, "terminate called");
}

// In a backtrace the innermost frame is last for Python and first elsewhere; count the frames on its inner side.
void count_frames(std::vector<Place>& places, const std::vector<size_t>& run, bool innermost_last) {
  for (size_t i = 0; i < run.size(); ++i)
    places[run[i]].frames_below = static_cast<int>(innermost_last ? run.size() - 1 - i : i);
}

// The part of `shown` that `marks` underlines: "    foo(a b)" over "        ^^^", as CPython, node and compilers draw
// it.
void read_underline(std::string_view shown, std::string_view marks, Place& place) {
  const size_t indent = shown.find_first_not_of(" \t"), begin = marks.find_first_not_of(" \t");
  if (indent == std::string_view::npos || begin == std::string_view::npos || begin < indent ||
      marks.find('^') == std::string_view::npos || base::trim(marks).find_first_not_of("^~") != std::string_view::npos)
    return;
  place.mark_begin = static_cast<int>(begin - indent) + 1;
  place.mark_end = place.mark_begin + static_cast<int>(base::trim(marks).size());
}

bool refuses_to_build(std::string_view line) {
  return has(line, "SyntaxError") || has(line, "IndentationError") || has(line, "TabError") ||
         has(line, "ld returned") || has(line, "error: could not compile") || has(line, "[build failed]") ||
         has(line, "ImportError while") || has(line, "errors during collection") ||
         has(line, "error during collection");
}

// A program that ended by a signal, in the words of shells, make, ctest, test libraries and runtimes.
bool tells_crash(std::string_view line) {
  return has(line, "Segmentation fault") || has(line, "SIGSEGV") || has(line, "SIGABRT") || has(line, "SIGFPE") ||
         has(line, "SIGILL") || has(line, "SIGBUS") || has(line, "core dumped") || has(line, "***Exception") ||
         has(line, "Subprocess aborted") || has(line, "terminate called") || has(line, "Fatal Python error");
}

// "TypeError: ..." of CPython, behind "E   " of pytest; empty where the line says no such thing.
std::string_view python_error(std::string_view line) {
  std::string_view text = base::trim(line);
  if (text.starts_with("E  ")) text = base::trim(text.substr(1));
  const size_t colon = text.find(": ");
  if (colon == std::string_view::npos || !text.substr(0, colon).ends_with("Error") ||
      text.substr(0, colon).find(' ') != std::string_view::npos)
    return {};
  return text;
}

}  // namespace

PathResolver::PathResolver(std::filesystem::path root, std::vector<std::string> files)
    : root_(root.lexically_normal().string()) {
  while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
  for (std::string& path : files) {
    const size_t slash = path.rfind('/');
    by_name_.emplace(slash == std::string::npos ? path : path.substr(slash + 1), path);
    files_.insert(std::move(path));
  }
}

std::optional<std::string> PathResolver::resolve(std::string_view named) const {
  if (named.empty() || named.size() > 1024) return std::nullopt;
  std::string path = std::filesystem::path(named).lexically_normal().string();
  if (path.starts_with(root_ + "/")) path = path.substr(root_.size() + 1);
  if (files_.contains(path)) return path;
  const bool absolute = path.starts_with('/');
  while (path.starts_with("../")) path = path.substr(3);
  if (files_.contains(path)) return path;
  const size_t slash = path.rfind('/');
  const std::string last = slash == std::string::npos ? path : path.substr(slash + 1);
  std::optional<std::string> match;
  const auto [first, end] = by_name_.equal_range(last);
  for (auto it = first; it != end; ++it) {
    const std::string& candidate = it->second;
    // A path from another folder of the tree: one of the two ends with the other.
    const bool fits = candidate == path || candidate.ends_with("/" + path) ||
                      (absolute && path.ends_with("/" + candidate) && has(candidate, "/"));
    if (!fits) continue;
    if (match) return std::nullopt;  // two files of that name: better none than the wrong one
    match = candidate;
  }
  return match;
}

CheckReading read_check_output(std::string_view output, const PathResolver& resolver) {
  CheckReading reading;
  OutputFingerprint fingerprint;
  FailingTests failing;
  ComparedValuesReader compared;
  std::vector<size_t> run;  // places of the backtrace being read
  bool python_run = false;
  auto end_run = [&] {
    count_frames(reading.places, run, python_run);
    run.clear();
  };
  int lines_since_frame = 0;
  int since_place = 3;  // lines; the line itself and its underline may follow
  std::string shown;
  std::string pytest_error;  // pytest says what first, and where below
  std::string rust_error;  // rustc says what first and where on the next line
  for (std::string_view raw : base::split_lines(output)) {
    if (raw.size() > kMaxLine) continue;
    const std::string line = base::without_colours(raw);
    fingerprint.add(line);
    failing.read(line);
    compared.read(line);
    if (refuses_to_build(line)) reading.build_failed = true;
    if (tells_crash(line)) reading.crashed = true;
    if (line.starts_with("error[") || line.starts_with("error: ")) rust_error = line;
    if (is_message(line) && reading.messages.size() < kMaxMessages) {
      reading.messages.emplace_back(base::trim(line));
      read_symptoms(line, reading.symptoms);
    }
    if (const std::string_view error = python_error(line); !error.empty()) {
      if (line.starts_with("E  "))
        pytest_error = error;
      else if (python_run && !run.empty() && reading.places[run.back()].raised.empty())
        reading.places[run.back()].raised = error;
    }
    if (base::trim(line).starts_with("Traceback") || base::trim(line).starts_with("____")) end_run();
    std::optional<Found> found = python_frame(line, resolver);
    const bool python = found.has_value();
    if (!found) found = path_and_line(line, resolver);
    if (!found && !reading.places.empty() && base::trim(line).starts_with("symbol: ")) {
      std::string& message = reading.places.back().message;  // javac says what first, and of which symbol below
      if (has(message, "cannot find symbol") && !has(message, "symbol: ")) message += base::cat("; ", base::trim(line));
    }
    if (!found && since_place <= 2 && !reading.places.empty()) {
      if (since_place == 1) read_underline(shown, line, reading.places.back());
      shown = line;
      ++since_place;
    }
    if (!found || reading.places.size() >= kMaxPlaces) {
      if (!run.empty() && ++lines_since_frame > 60) end_run();
      continue;
    }
    since_place = 0;
    Place place{found->path,
                found->line,
                found->column,
                0,
                0,
                PlaceKind::kFrame,
                std::string(base::trim(std::string_view(line).substr(found->end))),
                0,
                {}};
    place.kind = python ? PlaceKind::kFrame : kind_of(place.message, place.path);
    if (!python && place.message.ends_with("Error") && pytest_error.starts_with(base::cat(place.message, ": ")))
      place.raised = std::exchange(pytest_error, {});
    if (found->bracket && line.starts_with("[ERROR]")) place.kind = PlaceKind::kError;
    if (found->bracket && line.starts_with("[WARNING]")) place.kind = PlaceKind::kWarning;
    if (base::trim(line).starts_with("--> ") && !rust_error.empty()) {
      place.kind = PlaceKind::kError;
      place.message = std::exchange(rust_error, {});
    }
    if (place.kind == PlaceKind::kError) {
      ++reading.n_errors;
      if (!has(line, "ERROR: ")) reading.build_failed = true;
    }
    // pytest's entries read "path:line: Error" and run outside in, as CPython's do.
    const bool outside_in = python || place.path.ends_with(".py");
    if (place.kind == PlaceKind::kFrame) {
      if (!run.empty() && outside_in != python_run) end_run();
      python_run = outside_in;
      run.push_back(reading.places.size());
      lines_since_frame = 0;
    }
    reading.places.push_back(std::move(place));
  }
  end_run();
  reading.failing = failing.names();
  reading.compared = compared.take();
  reading.fingerprint = fingerprint.value();
  return reading;
}

}  // namespace agent
