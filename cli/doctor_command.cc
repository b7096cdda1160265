// SPDX-License-Identifier: Apache-2.0
// `graft doctor`: what works on this machine, what does not and what would help, one line each.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/default_model.h"
#include "engine/engine.h"
#include "sandbox/sandbox.h"

namespace cli {
namespace {

namespace fs = std::filesystem;
using base::cat;

// kMissing: not there and not needed; kBroken: Graft's work cannot be done without it.
enum class Mark { kOk, kWarning, kMissing, kBroken };
struct Finding {
  std::string name;
  Mark mark;
  std::string text;
  std::string fix;  // one line, where there is one
};

const char* name_of(Mark mark) {
  switch (mark) {
    case Mark::kOk: return "ok";
    case Mark::kWarning: return "warn";
    case Mark::kMissing: return "missing";
    case Mark::kBroken: return "broken";
  }
  return "broken";
}

std::optional<fs::path> find_in_path(const char* program) {
  const char* const path = std::getenv("PATH");
  const std::string folders = path != nullptr ? path : "";
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    const fs::path file = fs::path(folders.substr(begin, end - begin)) / program;
    begin = end + 1;
    std::error_code code;
    if (file.is_absolute() && fs::is_regular_file(file, code) && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return std::nullopt;
}

// The first line that a program of the user prints about its version; "" where it says nothing within two seconds.
std::string version_line(const fs::path& program) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return "";
  base::UniqueFd read_end(fds[0]), write_end(fds[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string name = program.string(), option = "--version";
  char* const argv[] = {name.data(), option.data(), nullptr};
  pid_t pid = -1;
  const int rc = ::posix_spawn(&pid, name.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0) return "";
  write_end.reset();
  std::string text;
  char chunk[256];
  for (pollfd ready{read_end.get(), POLLIN, 0}; text.find('\n') == std::string::npos && ::poll(&ready, 1, 2000) == 1;) {
    const ssize_t n = ::read(read_end.get(), chunk, sizeof chunk);
    if (n <= 0) break;
    text.append(chunk, static_cast<size_t>(n));
  }
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return base::to_valid_utf8(base::trim(std::string_view(text).substr(0, text.find('\n'))));
}

// "key   : value" of a file in /proc.
std::string proc_value(const char* file, std::string_view key) {
  const auto text = base::read_file(file, 1 << 20);
  if (!text) return "";
  for (const std::string_view line : base::split_lines(*text)) {
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && base::trim(line.substr(0, colon)) == key)
      return std::string(base::trim(line.substr(colon + 1)));
  }
  return "";
}

Finding check_binary() {
  std::error_code code;
  const fs::path self = fs::read_symlink("/proc/self/exe", code);
#ifdef NDEBUG
  const char* const kind = "release build";
#else
  const char* const kind = "development build";
#endif
  return {"binary", Mark::kOk, cat("graft ", GRAFT_VERSION, ", ", kind, ", ", self.string()), ""};
}

Finding check_cpu() {
  std::string text = cat(proc_value("/proc/cpuinfo", "model name"), ", ", std::thread::hardware_concurrency(), " threads");
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2) text += ", AVX2";
  if (__builtin_cpu_supports("avx512f")) text += ", AVX-512";
  if (__builtin_cpu_supports("avx512vnni")) text += ", VNNI";
  if (__builtin_cpu_supports("avx512bf16")) text += ", BF16";
  if (!avx2) return {"cpu", Mark::kWarning, text + "; without AVX2 the engine takes its plain, slow path", ""};
#endif
  return {"cpu", Mark::kOk, text, ""};
}

Finding check_memory() {
  const uint64_t total = std::strtoull(proc_value("/proc/meminfo", "MemTotal").c_str(), nullptr, 10) >> 10;
  const uint64_t free = base::available_memory() >> 20;
  const std::string text = cat(free, " of ", total, " MiB available");
  if (free < 1024) return {"memory", Mark::kWarning, text + "; builds and checks may run out of it", ""};
  return {"memory", Mark::kOk, text, ""};
}

Finding check_model() {
  const auto model = find_default_model();
  if (!model) return {"model", Mark::kWarning, "no model is installed; repairs come from syntax alone", ""};
  std::error_code code;
  return {"model", Mark::kOk, cat(model->string(), ", ", fs::file_size(*model, code) >> 10, " KiB"), ""};
}

Finding check_sandbox() {
  const sandbox::Isolation& isolation = sandbox::probe_isolation();
  if (!isolation.available) return {"sandbox", Mark::kBroken, isolation.kind, isolation.fix};
  if (!isolation.overlay)
    return {"sandbox", Mark::kWarning, isolation.kind + "; each workspace is a full copy, which takes time and space", ""};
  if (!isolation.memory_of_tree)
    return {"sandbox", Mark::kWarning, isolation.kind + "; no control group may be made, so memory is bounded per process", ""};
  return {"sandbox", Mark::kOk, isolation.kind, ""};
}

Finding check_gpu() {
  const auto gpu = engine::describe_gpu();
  if (!gpu) return {"gpu", Mark::kMissing, cat("the CPU does all work: ", gpu.error().message), ""};
  return {"gpu", Mark::kOk, *gpu, ""};
}

Finding check_program(const char* name, const char* program, bool ask_version, const char* use) {
  const auto path = find_in_path(program);
  if (!path) return {name, Mark::kMissing, cat(program, " is not in PATH; ", use), ""};
  const std::string version = ask_version ? version_line(*path) : "";
  if (ask_version && version.empty())
    return {name, Mark::kWarning, cat(path->string(), " does not tell its version, so it may not work"), ""};
  return {name, Mark::kOk, cat(version.empty() ? program : version, ", ", path->string()), ""};
}

std::vector<Finding> examine() {
  return {check_binary(),
          check_cpu(),
          check_memory(),
          check_model(),
          check_sandbox(),
          check_gpu(),
          check_program("git", "git", true, "Graft reads repositories by itself"),
          check_program("neovim", "nvim", true, "the Neovim plugin needs 0.10 or newer"),
          check_program("vscode", "code", false, "the VS Code plugin needs it, or a relative of it"),
          check_program("c++", "clangd", false, "its diagnostics would help with C and C++"),
          check_program("python", "pyright-langserver", false, "its diagnostics would help with Python"),
          check_program("typescript", "typescript-language-server", false, "its diagnostics would help with JavaScript and TypeScript"),
          check_program("go", "gopls", false, "its diagnostics would help with Go"),
          check_program("rust", "rust-analyzer", true, "its diagnostics would help with Rust")};
}

void print_text(const std::vector<Finding>& findings) {
  const bool colour = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  constexpr const char* kColours[] = {"\033[32m", "\033[33m", "\033[2m", "\033[31m"};  // by Mark
  for (const Finding& finding : findings) {
    std::printf("%s%-8s%s %-11s %s\n", colour ? kColours[static_cast<int>(finding.mark)] : "", name_of(finding.mark),
                colour ? "\033[0m" : "", finding.name.c_str(), finding.text.c_str());
    if (!finding.fix.empty()) std::printf("%20s to fix it: %s\n", "", finding.fix.c_str());
  }
}

void print_json(const std::vector<Finding>& findings, bool healthy) {
  base::Json checks = base::Json::array();
  for (const Finding& finding : findings)
    checks.push_back({{"name", finding.name}, {"mark", name_of(finding.mark)}, {"text", finding.text}, {"fix", finding.fix}});
  std::printf("%s\n", base::dump_json({{"healthy", healthy}, {"checks", std::move(checks)}}).c_str());
}

}  // namespace

void add_doctor_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("doctor", "Say what works on this machine, and what would help");
  command->callback([&context] {
    const std::vector<Finding> findings = examine();
    bool healthy = true;
    for (const Finding& finding : findings) healthy &= finding.mark != Mark::kBroken;
    if (context.json) print_json(findings, healthy);
    else print_text(findings);
    context.exit_code = healthy ? 0 : 2;
  });
}

}  // namespace cli
