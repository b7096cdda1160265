// SPDX-License-Identifier: Apache-2.0
// tests/sandbox/process_lookup.h: finds processes by a word of their command line, to see that none stayed.
#pragma once
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace test {

// Seconds to sleep, a day and a fraction that tells the caller's processes from those of a test that runs beside it.
inline std::string nap(int which) { return "86421." + std::to_string(which) + "0" + std::to_string(::getpid()); }

// Processes of this machine whose arguments contain `word`.
inline int count_processes(const std::string& word) {
  int found = 0;
  std::error_code code;
  for (std::filesystem::directory_iterator it("/proc", code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ostringstream text;
    text << std::ifstream(it->path() / "cmdline", std::ios::binary).rdbuf();
    if (text.str().find(word) != std::string::npos) ++found;
  }
  return found;
}

// Waits until `condition` holds, at most 20 s.
template <typename Condition>
bool eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace test
