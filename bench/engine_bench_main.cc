// SPDX-License-Identifier: Apache-2.0
// engine_bench [--cuda] [--cache=f32|bf16] [--activations=8|16] [--shape=NAME] [--type=TYPE] [--profile] [--batch=N] [--text] MODEL [prompt=512] [generate=64] [depth=0] [threads=0]
// [repeat=5]: one JSON line, or text. The same measurement as `graft model bench`, for builds of the engine alone. With a
// shape, MODEL is "-".
#include <charconv>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"
#include "bench/engine_bench.h"

int main(int argc, char** argv) {
  bench::EngineBenchOptions options;
  bool usable = true, text = false;
  int at = 1;
  for (; at < argc && std::string_view(argv[at]).starts_with("--"); ++at) {
    const std::string_view flag = argv[at];
    if (flag == "--cache=f32") options.cache = engine::CacheType::kF32;
    else if (flag == "--cache=bf16") options.cache = engine::CacheType::kBf16;
    else if (flag == "--activations=8") options.activations = engine::ActivationType::k8Bit;
    else if (flag == "--activations=16") options.activations = engine::ActivationType::k16Bit;
    else if (flag == "--cuda") options.backend = engine::Backend::kCuda;
    else if (flag.starts_with("--shape=")) options.shape = flag.substr(8);
    else if (flag.starts_with("--type=")) options.weight_type = flag.substr(7);
    else if (flag.starts_with("--batch=")) {
      const char* const end = argv[at] + flag.size();
      usable = usable && std::from_chars(argv[at] + 8, end, options.batch).ptr == end;
    }
    else if (flag == "--profile") options.profile = true;
    else if (flag == "--text") text = true;
    else usable = false;
  }
  int* const fields[] = {&options.prompt, &options.generate, &options.depth, &options.threads, &options.repeat};
  const int model = at++;
  usable = usable && argc > model && argc <= model + 6;
  for (int i = 0; usable && at < argc; ++i, ++at) {
    const char* end = argv[at] + std::strlen(argv[at]);
    usable = std::from_chars(argv[at], end, *fields[i]).ptr == end;
  }
  if (!usable) {
    std::fprintf(stderr, "usage: engine_bench [--cuda] [--cache=f32|bf16] [--activations=8|16] [--shape=NAME] [--type=TYPE] [--profile] [--batch=N] [--text] MODEL [prompt] [generate] "
                         "[depth] [threads] [repeat]\n");
    return 2;
  }
  const auto report = bench::run_engine_bench(argv[model], options, [](const std::string&) {}, {});
  if (!report) {
    std::fprintf(stderr, "engine_bench: %s\n", report.error().message.c_str());
    return 2;
  }
  std::printf("%s\n", text ? bench::to_text(*report).c_str() : base::dump_json(bench::to_json(*report)).c_str());
  return 0;
}
