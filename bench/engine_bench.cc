// SPDX-License-Identifier: Apache-2.0
#include "bench/engine_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "bench/read_bandwidth.h"

namespace bench {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

uint64_t peak_memory() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

std::vector<engine::Token> some_tokens(int n, int n_vocab) {
  std::vector<engine::Token> tokens(static_cast<size_t>(n));
  uint32_t state = 12345;
  for (engine::Token& token : tokens) {
    state = state * 1664525U + 1013904223U;
    token = static_cast<engine::Token>((state >> 8) % static_cast<uint32_t>(n_vocab));
  }
  return tokens;
}

// `n` more sessions with the timeline of `session`: forks, or where there are none, the same evaluated anew.
base::Result<std::vector<std::unique_ptr<engine::Session>>> timelines_beside(const engine::Session& session, int n, std::stop_token stop) {
  std::vector<std::unique_ptr<engine::Session>> others;
  for (int i = 0; i < n; ++i) {
    auto other = session.fork();
    if (!other) {
      other = session.engine().open_session(session.n_ctx());
      if (!other) return std::move(other).error();
      if (base::Status ready = (*other)->append(session.tokens(), {}, stop); !ready) return std::move(ready).error();
    }
    others.push_back(std::move(*other));
  }
  return others;
}

struct Rounds {
  std::vector<double> prefill, decode;  // tokens per second
  std::vector<double> bandwidth;        // around each decode; bytes per second, on the CPU only
  uint64_t peak_memory = 0;             // without the bandwidth's buffer
};

base::Status measure(engine::Session& session, const EngineBenchOptions& options, Rounds& rounds,
                     const std::function<void(const std::string&)>& progress, std::stop_token stop) {
  const int threads = session.engine().compute().threads;
  const bool cpu = session.engine().compute().device.empty();
  std::optional<ReadBandwidth> memory;
  const int n_vocab = session.engine().info().n_vocab;
  const std::vector<engine::Token> tokens = some_tokens(options.depth + std::max(options.prompt, options.generate), n_vocab);
  const std::span<const engine::Token> after = std::span(tokens).subspan(static_cast<size_t>(options.depth));
  progress("context");
  if (base::Status ready = session.append(std::span(tokens).first(static_cast<size_t>(options.depth)), {}, stop); !ready) return ready;
  auto others = timelines_beside(session, options.batch - 1, stop);
  if (!others) return std::move(others).error();
  std::vector<engine::Session*> all = {&session};
  for (const auto& other : *others) all.push_back(other.get());
  // Token i of each timeline: other tokens in each, which go to other experts.
  std::vector<engine::Token> next(all.size());
  const auto step = [&](size_t i) {
    if (all.size() == 1) return session.append(after.subspan(i, 1), {}, stop);
    for (size_t s = 0; s < all.size(); ++s) next[s] = after[(i + s * 7) % after.size()];
    return session.engine().step(all, next, stop);
  };
  for (int round = 0; round <= options.repeat; ++round) {
    progress(round == 0 ? "warming up" : "round " + std::to_string(round) + " of " + std::to_string(options.repeat));
    session.rewind(options.depth);
    double start = now();
    if (base::Status ran = session.append(after.first(static_cast<size_t>(options.prompt)), {}, stop); !ran) return ran;
    if (round > 0 && options.prompt > 0) rounds.prefill.push_back(options.prompt / (now() - start));
    session.rewind(options.depth);
    for (const auto& other : *others) other->rewind(options.depth);
    const double before = memory ? memory->measure() : 0.0;
    start = now();
    for (size_t i = 0; i < static_cast<size_t>(options.generate); ++i)
      if (base::Status ran = step(i); !ran) return ran;
    const double seconds = now() - start;
    if (round > 0 && options.generate > 0) {
      rounds.decode.push_back(options.batch * options.generate / seconds);
      if (memory) rounds.bandwidth.push_back((before + memory->measure()) / 2);
    }
    if (round > 0) continue;
    rounds.peak_memory = peak_memory();
    if (cpu) memory.emplace(threads);
  }
  return base::ok();
}

nlohmann::json to_json(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.min}, {"max", spread.max}};
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}

base::Result<EngineBenchReport> run_engine_bench(const std::filesystem::path& model, const EngineBenchOptions& options,
                                                 const std::function<void(const std::string& phase)>& progress,
                                                 std::stop_token stop) {
  if (options.prompt < 0 || options.generate < 0 || options.depth < 0 || options.threads < 0 || options.repeat < 1 || options.batch < 1)
    return base::invalid("bench: prompt, generate, depth and threads may not be negative, and repeat and batch must be at least 1.");
  EngineBenchReport report;
  report.options = options;
  progress("loading");
  const double start = now();
  engine::LoadOptions load{engine::Numerics::kFast, options.threads, options.backend, {}, options.cache, options.activations, options.memory_limit};
  auto engine = options.shape.empty() ? engine::Engine::load(model, load) : engine::Engine::synthetic(options.shape, options.weight_type, load);
  if (!engine) return std::move(engine).error();
  report.load_seconds = now() - start;
  report.model = (*engine)->info();
  report.threads = (*engine)->compute().threads;
  report.kernels = (*engine)->compute().kernels;
  report.activation_bits = (*engine)->compute().activation_bits;
  report.device = (*engine)->compute().device;
  const int64_t n_ctx = int64_t{options.depth} + std::max({options.prompt, options.generate, 1});
  if (n_ctx > INT32_MAX) return base::invalid("bench: depth, prompt and generate ask for more tokens than a session can hold.");
  auto session = (*engine)->open_session(static_cast<int>(n_ctx));
  if (!session) return std::move(session).error();
  Rounds rounds;
  if (base::Status measured = measure(**session, options, rounds, progress, stop); !measured) return std::move(measured).error();
  report.prefill_tokens_per_second = spread_of(rounds.prefill);
  report.decode_tokens_per_second = spread_of(rounds.decode);
  report.decode_bytes_per_token = static_cast<double>(report.model.decode_bytes_per_token) +
                                  static_cast<double>(report.model.kv_bytes_per_token) * (options.depth + options.generate / 2.0);
  report.peak_memory_bytes = rounds.peak_memory;
  if (options.profile) {
    (*session)->rewind(options.depth);
    auto profile = (*session)->profile_step();
    if (!profile) return std::move(profile).error();
    report.profile = std::move(*profile);
  }
  if (!report.device.empty()) {
    progress("memory bandwidth");
    session->reset();  // two buffers must fit beside the weights
    auto bandwidth = (*engine)->device_bandwidth();
    if (!bandwidth) return std::move(bandwidth).error();
    rounds.bandwidth.assign(rounds.decode.size(), *bandwidth);
  }
  report.read_bandwidth = spread_of(rounds.bandwidth).median;
  std::vector<double> fractions;
  for (size_t i = 0; i < rounds.bandwidth.size() && options.batch == 1; ++i)
    fractions.push_back(rounds.decode[i] * report.decode_bytes_per_token / rounds.bandwidth[i]);
  report.bandwidth_fraction = spread_of(fractions).median;
  return report;
}

nlohmann::json to_json(const EngineBenchReport& r) {
  const double rate = r.decode_tokens_per_second.median * r.decode_bytes_per_token;
  return {{"model", r.model.name},
          {"weight_types", r.model.weight_types},
          {"parameters", r.model.n_parameters},
          {"backend", r.device.empty() ? "cpu" : "cuda"},
          {"device", r.device},
          {"profile", r.profile},
          {"kernels", r.kernels},
          {"activation_bits", r.activation_bits},
          {"threads", r.threads},
          {"prompt", r.options.prompt},
          {"generate", r.options.generate},
          {"depth", r.options.depth},
          {"repeat", r.options.repeat},
          {"batch", r.options.batch},
          {"load_seconds", r.load_seconds},
          {"prefill_tokens_per_second", to_json(r.prefill_tokens_per_second)},
          {"decode_tokens_per_second", to_json(r.decode_tokens_per_second)},
          {"decode_bytes_per_token", r.decode_bytes_per_token},  // at batch 1, as the rates
          {"decode_bytes_per_second", r.options.batch == 1 ? rate : 0.0},
          {"read_bandwidth_bytes_per_second", r.read_bandwidth},
          {"decode_bandwidth_fraction", r.bandwidth_fraction},
          {"peak_memory_bytes", r.peak_memory_bytes}};
}

std::string to_text(const EngineBenchReport& r) {
  const double rate = r.decode_tokens_per_second.median * r.decode_bytes_per_token;
  char text[1024];
  const auto line = [&](const char* name, const Spread& s) {
    char out[160];
    std::snprintf(out, sizeof out, "%-10s %9.1f tokens/s   (%.1f to %.1f)\n", name, s.median, s.min, s.max);
    return std::string(out);
  };
  const std::string bits = r.activation_bits > 0 ? ", " + std::to_string(r.activation_bits) + "-bit activations" : "";
  const std::string where = r.device.empty() ? r.kernels + bits + ", " + std::to_string(r.threads) + " threads" : r.device;
  std::snprintf(text, sizeof text, "%s, %s, %d prompt, %d generated, depth %d, median of %d\n", r.model.name.c_str(), where.c_str(),
                r.options.prompt, r.options.generate, r.options.depth, r.options.repeat);
  std::string out = text;
  if (r.options.prompt > 0) out += line("prefill", r.prefill_tokens_per_second);
  if (r.options.generate > 0) out += line("decode", r.decode_tokens_per_second);
  if (r.options.batch > 1) {  // what a batch moves depends on how many experts its tokens share
    std::snprintf(text, sizeof text, "batch      %9d timelines\nload       %9.3f s\nmemory     %9.1f MB at most\n", r.options.batch, r.load_seconds,
                  static_cast<double>(r.peak_memory_bytes) / 1e6);
    return out + text + r.profile;
  }
  std::snprintf(text, sizeof text,
                "moved      %9.2f MB per decoded token, %.2f GB/s: %.0f %% of the %.2f GB/s that this machine reads\n"
                "load       %9.3f s\nmemory     %9.1f MB at most\n",
                r.decode_bytes_per_token / 1e6, rate / 1e9, 100 * r.bandwidth_fraction,
                r.read_bandwidth / 1e9, r.load_seconds, static_cast<double>(r.peak_memory_bytes) / 1e6);
  return out + text + r.profile;
}

}  // namespace bench
