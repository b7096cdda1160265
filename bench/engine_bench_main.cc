// SPDX-License-Identifier: Apache-2.0
// engine_bench MODEL [prompt=512] [generate=64] [depth=0] [threads=0] [repeat=5]: one JSON line. The same measurement as
// `graft model bench --json`, for builds of the engine alone.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "bench/engine_bench.h"

int main(int argc, char** argv) {
  bench::EngineBenchOptions options;
  int* const fields[] = {&options.prompt, &options.generate, &options.depth, &options.threads, &options.repeat};
  bool usable = argc >= 2 && argc <= 7;
  for (int i = 2; usable && i < argc; ++i) {
    const char* end = argv[i] + std::strlen(argv[i]);
    usable = std::from_chars(argv[i], end, *fields[i - 2]).ptr == end;
  }
  if (!usable) {
    std::fprintf(stderr, "usage: engine_bench MODEL [prompt] [generate] [depth] [threads] [repeat]\n");
    return 2;
  }
  const auto report = bench::run_engine_bench(argv[1], options, [](const std::string&) {}, {});
  if (!report) {
    std::fprintf(stderr, "engine_bench: %s\n", report.error().message.c_str());
    return 2;
  }
  std::printf("%s\n", base::dump_json(bench::to_json(*report)).c_str());
  return 0;
}
