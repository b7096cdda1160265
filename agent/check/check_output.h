// SPDX-License-Identifier: Apache-2.0
// agent/check/check_output.h: what the output of a failing check tells: places, diagnostics, failing tests, symptoms.
//
// Reads the reports of gcc, clang, ld, CPython, pytest, unittest, doctest, Catch2, GoogleTest, ctest, node, jest,
// tsc, rustc, cargo, go, javac, JUnit and the sanitizers. They share one shape, `path:line[:column]`, so one scanner
// finds the places and tables of words say what they mean.
// Errors   None: text that nothing is known about gives an empty reading. The output is data; nothing in it is
//          obeyed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/check/compared_values.h"

namespace agent {

// Finds the file of the work tree that a tool means: absolute, relative to any folder, or by its bare name.
class PathResolver {
 public:
  PathResolver(std::filesystem::path root, std::vector<std::string> files);
  std::optional<std::string> resolve(std::string_view named) const;  // relative to the root; nothing if not in the tree

 private:
  std::string root_;
  std::set<std::string, std::less<>> files_;
  std::multimap<std::string, std::string, std::less<>> by_name_;  // last part of the path -> path
};

enum class PlaceKind { kError, kWarning, kNote, kFrame, kAssertion };

struct Place {
  std::string path;
  int line = 0;    // 1-based
  int column = 0;  // 1-based, 0 where not told
  // What is underlined with ^ below the line as it is shown: 1-based bytes of the line without its indentation, [begin, end);
  // 0 where nothing is.
  int mark_begin = 0, mark_end = 0;
  PlaceKind kind = PlaceKind::kFrame;
  std::string message;  // the rest of the line, for kError, kWarning and kNote
  // How many places of the tree follow in the same backtrace: 0 for the innermost frame.
  int frames_below = 0;
  std::string raised;  // of the innermost frame of a Python backtrace: "TypeError: ..."; empty where not told
};

enum class Symptom {
  kOffByOne,
  kSign,
  kTruthInverted,
  kNothing,
  kOrder,
  kTruncated,
  kEmptyInput,
  kMissingKey,
  kDivisionByZero,
  kIndex,
  kCoroutine,
  kUnknownName,
  kUnknownMember,
  kArity,
  kTypes,
  kTimeout,
  kCrash,
  kRecursion,
  kNoSuchHeader,
  kSyntax,
  kLink,
  kUnclosed,
  kNotRaised,
  kShort,
  kLong,
};

struct CheckReading {
  std::vector<Place> places;         // in order of the output
  std::vector<std::string> failing;  // names of failing tests, sorted, each once
  std::set<Symptom> symptoms;
  std::vector<std::string> messages;  // of failures: "assert 5 == 6", "KeyError: 'x'"
  std::vector<ComparedValues> compared;  // what failed assertions got and wanted
  bool build_failed = false;          // a compiler, linker or parser refused: no test has run
  int n_errors = 0;                   // error diagnostics
  bool crashed = false;               // a signal ended a program: of the tests behind that nothing is told
  // The output without what differs between two equal runs (times, addresses, temporary names).
  uint64_t fingerprint = 0;
};

CheckReading read_check_output(std::string_view output, const PathResolver& resolver);

// Adds the symptoms that one failure message shows.
void read_symptoms(std::string_view message, std::set<Symptom>& symptoms);

}  // namespace agent
