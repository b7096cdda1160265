// SPDX-License-Identifier: Apache-2.0
// tests/tools/run_git.h: the real git, to compare with. It reads no configuration of the machine or the user.
#pragma once
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

namespace test {

struct GitResult {
  int status;
  std::string output;  // stdout and stderr
};

inline GitResult run_git(const std::filesystem::path& folder, const std::string& arguments) {
  const std::string command =
      "GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CEILING_DIRECTORIES='" + folder.parent_path().string() +
      "' git -C '" + folder.string() +
      "' -c user.name=t -c user.email=t@example.org -c init.defaultBranch=main -c core.autocrlf=false " + arguments +
      " 2>&1";
  GitResult result{-1, {}};
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> chunk;
  while (const size_t n = std::fread(chunk.data(), 1, chunk.size(), pipe)) result.output.append(chunk.data(), n);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

inline bool have_git() {
  return run_git("/", "--version").status == 0;
}

}  // namespace test
