// SPDX-License-Identifier: Apache-2.0
#include "agent/check/check_problem.h"

#include <algorithm>
#include <array>

#include "agent/check/test_counts.h"
#include "base/colours.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostDigits = 6;

enum class Problem { kNoCommand, kNothingThere, kNoTests, kNoModule, kNoNetwork };

// Words that one line of the output must hold, all of them.
struct Sign {
  Problem problem;
  std::array<std::string_view, 2> words;
  std::string_view ending = {};  // of the run; empty: any
  std::string_view unless = {};  // words that speak against it
};

constexpr std::array kSigns = {
    // Shells.
    Sign{Problem::kNoCommand, {": not found", ""}, "exit 127"},
    Sign{Problem::kNoCommand, {"command not found", ""}, "exit 127"},
    Sign{Problem::kNoCommand, {"No such file or directory", ""}, "exit 127"},
    Sign{Problem::kNoCommand, {"Permission denied", ""}, "exit 126"},
    // Build tools and runners of scripts.
    Sign{Problem::kNothingThere, {"*** No rule to make target", ""}, {}, "needed by"},
    Sign{Problem::kNothingThere, {"*** No targets specified and no makefile found", ""}},
    Sign{Problem::kNothingThere, {"npm", "issing script:"}}, Sign{Problem::kNothingThere, {"ERR_PNPM_NO_SCRIPT", ""}},
    Sign{Problem::kNothingThere, {"npm", "Could not read package.json"}},
    Sign{Problem::kNothingThere, {"ninja: error: loading 'build.ninja'", ""}},
    Sign{Problem::kNothingThere, {"does not appear to contain CMakeLists.txt", ""}},
    Sign{Problem::kNothingThere, {"could not find `Cargo.toml`", ""}},
    Sign{Problem::kNothingThere, {"cargo", "no such command"}},
    Sign{Problem::kNothingThere, {"error: no such command:", ""}},
    Sign{Problem::kNothingThere, {"go: cannot find main module", ""}},
    Sign{Problem::kNothingThere, {"does not contain main module", ""}},
    Sign{Problem::kNothingThere, {"go.mod file not found", ""}},
    Sign{Problem::kNothingThere, {"can't open file '", "[Errno 2]"}},
    Sign{Problem::kNothingThere, {"pattern ", ": no such file or directory"}},  // go test ./nosuch/...
    Sign{Problem::kNothingThere, {"stat ", ": directory not found"}},
    Sign{Problem::kNothingThere, {"no Go files in ", ""}},
    Sign{Problem::kNothingThere, {"error: no ", " target named `"}},  // cargo
    Sign{Problem::kNothingThere, {"error: package ID specification `", "did not match any packages"}},
    Sign{Problem::kNothingThere, {"does not contain this feature:", ""}},
    Sign{Problem::kNothingThere, {"there is no POM in this directory", ""}},
    Sign{Problem::kNothingThere, {"Unknown lifecycle phase ", ""}},
    Sign{Problem::kNothingThere, {"Could not find the selected project in the reactor", ""}},
    Sign{Problem::kNothingThere, {"Task '", "' not found in root project"}},       // Gradle
    Sign{Problem::kNothingThere, {"Failed to change working directory to ", ""}},  // ctest
    Sign{Problem::kNothingThere, {"Error: could not load cache", ""}},             // cmake --build
    Sign{Problem::kNothingThere, {"Error: ", " is not a directory"}},
    // Test tools without a test.
    Sign{Problem::kNoTests, {"file or directory not found:", ""}, "exit 4"},
    Sign{Problem::kNoTests, {"ERROR: not found:", ""}, "exit 4"},
    Sign{Problem::kNoTests, {"no tests ran", ""}, "exit 5"}, Sign{Problem::kNoTests, {"NO TESTS RAN", ""}, "exit 5"},
    Sign{Problem::kNoTests, {"deselected in", ""}, "exit 5"}, Sign{Problem::kNoTests, {"No test files found", ""}},
    Sign{Problem::kNoTests, {"No tests found, exiting with code 1", ""}},
    Sign{Problem::kNoTests, {"no test files found", ""}},
    Sign{Problem::kNoTests, {"No test configuration file found!", ""}},
    Sign{Problem::kNoTests, {"No tests matching pattern ", " were executed"}},  // Maven
    Sign{Problem::kNoTests, {"No tests were executed!", ""}},
    Sign{Problem::kNoTests, {"No tests found for given includes", ""}},  // Gradle
    Sign{Problem::kNoTests, {"No tests were found!!!", ""}},             // ctest
    // `python3 -m TOOL`; an import of the program comes with a traceback and its lines.
    Sign{Problem::kNoModule, {"/python", ": No module named "}},
    // Package managers that look for what is not there.
    Sign{Problem::kNoNetwork, {"getaddrinfo E", ""}}, Sign{Problem::kNoNetwork, {"Could not resolve host", ""}},
    Sign{Problem::kNoNetwork, {"Temporary failure in name resolution", ""}},
    Sign{Problem::kNoNetwork, {"dial tcp: lookup ", ""}},
    Sign{Problem::kNoNetwork, {"in offline mode", "has not been downloaded from it before"}},  // Maven
    Sign{Problem::kNoNetwork, {"Could not transfer artifact ", ""}},
    Sign{Problem::kNoNetwork, {"error: no matching package named `", ""}},  // cargo --offline
};

bool shows(const Sign& sign, std::string_view line) {
  const auto holds = [&](std::string_view words) { return line.find(words) != std::string_view::npos; };
  return std::all_of(sign.words.begin(), sign.words.end(), holds) && (sign.unless.empty() || !holds(sign.unless));
}

std::string_view advice(Problem problem) {
  switch (problem) {
    case Problem::kNoCommand:
      return "The check's command cannot be run. Commands see the system's folders and the work tree; try it as `graft "
             "sandbox run -- CMD`.";
    case Problem::kNothingThere:
      return "The check asks for something that is not there. Name a command that works in the folder where graft runs "
             "(-C DIR).";
    case Problem::kNoTests:
      return "The check found no test. Name tests that are there.";
    case Problem::kNoModule:
      return "The check's tool is not installed for the Python that it runs in.";
    case Problem::kNoNetwork:
      return "The check wants the network, which the sandbox does not give. Install what it needs first.";
  }
  return {};
}

// The number at the front of `text`, which loses it; -1 where there is none.
int take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  const size_t digits = std::min({text.size(), text.find_first_not_of("0123456789"), kMostDigits});
  int number = digits == 0 ? -1 : 0;
  for (const char digit : text.substr(0, digits)) number = number * 10 + (digit - '0');
  text.remove_prefix(digits);
  return number;
}

// A step of a build that has others before it: ninja's [3/35], make's [ 12%] Building, Cargo's Compiling.
bool is_build_step(std::string_view line) {
  if (line.starts_with("Compiling ") || line.starts_with("> Task :compile")) return true;
  if (!line.starts_with("[")) return false;
  line.remove_prefix(1);
  const int done = take_number(line);
  if (done < 0) return false;
  if (line.starts_with("%] "))
    return done < 100 && (line.starts_with("%] Building ") || line.starts_with("%] Linking "));
  if (!line.starts_with("/")) return false;
  line.remove_prefix(1);
  return done < take_number(line) && line.starts_with("] ");
}

std::string_view last_line(std::string_view output) {
  const std::string_view text = base::trim(output);
  return base::trim(text.substr(text.rfind('\n') + 1));
}

}  // namespace

std::optional<std::string> check_problem(const CheckResult& first, const CheckReading& reading) {
  if (first.timed_out && is_build_step(base::without_colours(last_line(first.output))))
    return base::cat("The check was still building when the time of one run was over: it ", first.ending,
                     ". Allow it more (--check-timeout; in the editors graft.check.timeoutSeconds), or build less.");
  if (first.passed && ran_no_test(read_test_counts(first.output)))
    return base::cat("The check passes, but ran no test: its end says nothing of the code. ",
                     advice(Problem::kNoTests));
  if (first.passed || first.endless() || !reading.failing.empty() || !reading.places.empty()) return std::nullopt;
  for (const std::string_view line : base::split_lines(first.output))
    for (const Sign& sign : kSigns)
      if ((sign.ending.empty() || first.ending == sign.ending) && shows(sign, line))
        return base::cat(advice(sign.problem), " It ended with ", first.ending, " and said: ", base::trim(line));
  return std::nullopt;
}

}  // namespace agent
