// SPDX-License-Identifier: Apache-2.0
#include "agent/trace/tracers.h"

#include <algorithm>
#include <array>

#include "agent/check/first_tests.h"
#include "agent/trace/cpp_cases.h"
#include "agent/trace/cpp_elf.h"
#include "agent/trace/cpp_lines.h"
#include "agent/trace/cpp_runtime.h"
#include "agent/trace/cpp_tracer.h"
#include "agent/trace/go_tracer.h"
#include "agent/trace/hang_tracer.h"
#include "agent/trace/node_lines.h"
#include "agent/trace/node_tests.h"
#include "agent/trace/node_tracer.h"
#include "agent/trace/python_tracer.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostFailing = 50, kLongestName = 500;
constexpr double kGoShare =
    1. / 3;  // of the time of a traced run, for a test program of Go that hangs: the rest builds it

void add_python(const TraceTask& task, TraceKit& kit) {
  kit.files.insert(kit.files.end(), {{"sitecustomize.py", kTracerModule},
                                     {"graft_trace_pytest.py", kPytestModule},
                                     {"graft_trace_hang.py", kHangModule}});
  kit.environment["PYTHONPATH"] = task.folder;
  kit.environment["PYTEST_PLUGINS"] = "graft_trace_pytest";
  kit.environment["PYTHONDONTWRITEBYTECODE"] = "1";
  kit.environment["PYTHONHASHSEED"] = "0";
  kit.environment["GRAFT_FIRST"] = first_tests_value(task.failing);
  kit.check = with_python_path(std::move(kit.check), task.folder);
}

// As node reads it: words that hold spaces in quotes.
std::string node_quoted(std::string_view word) {
  std::string quoted = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// What neither a shell nor a list of options needs quotes for.
bool is_plain(std::string_view path) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/.-+@";
  return path.find_first_not_of(kPlain) == std::string_view::npos;
}

// A check that sets a list of options itself, `NODE_OPTIONS=`, keeps its own; these come in front.
std::string with_options(std::string check, std::string_view variable, std::string_view options) {
  for (size_t at = check.find(variable); at != std::string::npos; at = check.find(variable, at)) {
    at += variable.size();
    const bool quoted = at < check.size() && (check[at] == '"' || check[at] == '\'');
    check.insert(quoted ? at + 1 : at, base::cat(quoted ? "" : "'", options, " ", quoted ? "" : "'"));
  }
  return check;
}

std::string failing_value(const std::vector<std::string>& failing) {
  std::string value;
  size_t n = 0;
  for (const std::string& name : failing) {
    if (name.size() > kLongestName || name.find('\n') != std::string::npos) continue;
    if (++n > kMostFailing) break;
    value += (value.empty() ? "" : "\n") + name;
  }
  return value;
}

void add_node(const TraceTask& task, TraceKit& kit) {
  kit.files.insert(kit.files.end(), {{"graft_trace_node.cjs", kNodeModule},
                                     {"graft_trace_lines.cjs", kNodeLinesModule},
                                     {"graft_trace_tests.cjs", kNodeTestsModule}});
  const std::string module = task.folder + "/graft_trace_node.cjs";
  kit.environment["NODE_OPTIONS"] = "--require " + node_quoted(module);
  if (is_plain(module)) kit.check = with_options(std::move(kit.check), "NODE_OPTIONS=", "--require " + module);
}

// The test program ends itself and says where each of its goroutines stands. Its time begins when it is built.
void add_go_watch(const TraceTask& task, TraceKit& kit) {
  const std::string options = base::cat("-timeout=", std::max(1, static_cast<int>(kGoShare * task.seconds)), "s");
  kit.environment["GOFLAGS"] = options;
  kit.check = with_options(std::move(kit.check), "GOFLAGS=", options);
}

void add_go(const TraceTask& task, TraceKit& kit) {
  if (task.hangs) return add_go_watch(task, kit);
  if (!is_plain(task.folder)) return;
  kit.files.push_back({"graft_trace_go.sh", kGoScript, 0755});
  const std::string options = base::cat(
      "-exec=", task.folder, "/graft_trace_go.sh -coverpkg=./... -coverprofile=", task.folder, "/all.profile");
  kit.environment["GOFLAGS"] = options;
  kit.environment["GOCOVERDIR"] = task.folder;  // programs that -coverpkg reaches as well would warn without
  kit.environment["GRAFT_TRACE_UNTIL_DATE"] = std::to_string(task.until_date);
  kit.check = with_options(std::move(kit.check), "GOFLAGS=", options);
}

void add_cpp(const TraceTask& task, TraceKit& kit) {
  if (!task.sources || !is_plain(task.folder)) return;
  const std::string folder = base::cat(task.folder, "/cpp");
  kit.files.insert(kit.files.end(), {{"cpp/cc1", kCompilerScript, 0755},
                                     {"cpp/cc1plus", kCompilerScript, 0755},
                                     {"cpp/collect2", kCompilerScript, 0755},
                                     {"cpp/begin", kBuildBeginScript, 0755},
                                     {"cpp/sources", *task.sources},
                                     {"cpp/report", kBuildReportScript, 0755},
                                     {"cpp/graft_trace_run.c", kRuntimeSource},
                                     {"cpp/graft_trace_cases.h", kCasesSource},
                                     {"cpp/graft_trace_elf.h", kElfSource},
                                     {"cpp/graft_trace_lines.c", kLinesSource}});
  kit.environment["COMPILER_PATH"] = folder;
  kit.environment["CCACHE_DISABLE"] = "1";  // it would give back what was compiled without
  kit.check = base::cat(folder, "/begin\n", kit.check);
  kit.report = base::cat(folder, "/report ", task.root);
  kit.leaves = ".run";
}

template <size_t N>
bool ends_with_any(std::string_view text, const std::array<std::string_view, N>& ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return text.ends_with(end); });
}

template <size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

}  // namespace

TraceKit trace_kit(const TraceTask& task) {
  TraceKit kit;
  kit.check = task.check;
  kit.environment = {{"GRAFT_TRACE_ROOT", task.root},
                     {"GRAFT_TRACE_OUT", task.folder},
                     {"GRAFT_TRACE_UNTIL", std::to_string(task.until)},
                     {"GRAFT_TRACE_FAILING", failing_value(task.failing)},
                     {"GRAFT_TRACE_HUNG", task.hangs ? "1" : ""}};
  add_python(task, kit);
  add_node(task, kit);
  add_go(task, kit);
  add_cpp(task, kit);
  return kit;
}

TracedLanguages traced_languages(const std::vector<std::string>& paths, std::string_view check,
                                 std::string_view output) {
  constexpr std::array<std::string_view, 8> kScripts{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"};
  constexpr std::array<std::string_view, 11> kNodeWords{"node", "npm",  "npx",    "yarn", "pnpm", "mocha",
                                                        "jest", "tsx ", "vitest", ".js",  ".mjs"};
  constexpr std::array<std::string_view, 6> kNodeSays{".js:", ".mjs:", ".cjs:", ".ts:", ".tsx:", "node:internal"};
  TracedLanguages found;
  constexpr std::array<std::string_view, 2> kGoSays{"_test.go:", "--- FAIL: "};
  constexpr std::array<std::string_view, 6> kSources{".c", ".cc", ".cpp", ".cxx", ".c++", ".C"};
  constexpr std::array<std::string_view, 8> kBuildWords{"make", "ctest", "ninja", "meson", "gcc", "g++", "cc ", "c++"};
  constexpr std::array<std::string_view, 7> kBuildSays{".c:", ".cc:", ".cpp:", ".cxx:", ".h:", ".hpp:", "g++ "};
  bool has_python = false, has_scripts = false, has_go = false, has_sources = false;
  for (const std::string& path : paths) {
    has_python |= path.ends_with(".py");
    has_go |= path.ends_with("_test.go");
    has_scripts |= ends_with_any(path, kScripts);
    has_sources |= ends_with_any(path, kSources);
  }
  found.python =
      has_python && (check.find("py") != std::string_view::npos || output.find(".py") != std::string_view::npos);
  found.node = has_scripts && (has_any(check, kNodeWords) || has_any(output, kNodeSays));
  found.go = has_go && (check.find("go test") != std::string_view::npos || has_any(output, kGoSays));
  found.cpp = has_sources && (has_any(check, kBuildWords) || has_any(output, kBuildSays));
  return found;
}

}  // namespace agent
