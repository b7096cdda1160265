// SPDX-License-Identifier: Apache-2.0
// `graft model logits|bench`: what a model computes, and how fast.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "bench/engine_bench.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "engine/engine.h"

namespace cli {
namespace {

static_assert(std::endian::native == std::endian::little, "logits are written as they lie in memory");

constexpr uint64_t kMaxTokensFileBytes = 256 << 20;
constexpr size_t kTokensAtOnce = 64;  // logits of a large vocabulary take half a megabyte per token

struct Options {
  std::filesystem::path model, tokens, out, lora;
  std::string backend = "auto";
  bool reference = false;
  bench::EngineBenchOptions bench;
};

engine::Backend backend_of(const std::string& name) {
  return name == "cuda" ? engine::Backend::kCuda : name == "cpu" ? engine::Backend::kCpu : engine::Backend::kAuto;
}

// An adapter is computed on the CPU; who asks for the GPU beside it is told so by the engine.
engine::Backend cpu_for_adapter(const std::string& name) {
  return name == "auto" ? engine::Backend::kCpu : backend_of(name);
}

// Bytes on their way to the GPU, where somebody looks on.
std::function<void(uint64_t, uint64_t)> upload_progress() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [](uint64_t done, uint64_t total) {
    std::fprintf(stderr, "\r\033[Kloading onto the GPU: %d %%", total == 0 ? 100 : static_cast<int>(done * 100 / total));
    if (done >= total) std::fprintf(stderr, "\r\033[K");
  };
}

base::Result<std::vector<engine::Token>> read_tokens(const std::filesystem::path& path) {
  auto text = base::read_file(path, kMaxTokensFileBytes);
  if (!text) return std::move(text).error();
  auto json = base::parse_json(*text);
  if (!json) return std::move(json).error().in(path.string());
  if (!json->is_array() || json->empty()) return base::invalid(path.string() + ": A JSON array of token ids is needed.");
  std::vector<engine::Token> tokens;
  tokens.reserve(json->size());
  for (const base::Json& item : *json) {
    if (!item.is_number_integer() || item.get<int64_t>() < 0 || item.get<int64_t>() > INT32_MAX)
      return base::invalid(base::cat(path.string(), ": Element ", tokens.size(), " is ", base::dump_json(item), ", not a token id."));
    tokens.push_back(static_cast<engine::Token>(item.get<int64_t>()));
  }
  return tokens;
}

// Evaluates `tokens` and appends the logits of each to `out`, piece by piece.
base::Status write_logits(engine::Session& session, std::span<const engine::Token> tokens, std::ofstream& out, std::stop_token stop) {
  const auto n_vocab = static_cast<size_t>(session.engine().info().n_vocab);
  std::vector<float> logits(std::min(tokens.size(), kTokensAtOnce) * n_vocab);
  const bool show = ::isatty(STDERR_FILENO) != 0;
  for (size_t done = 0; done < tokens.size();) {
    const size_t n = std::min(kTokensAtOnce, tokens.size() - done);
    if (base::Status ran = session.append(tokens.subspan(done, n), std::span(logits).first(n * n_vocab), stop); !ran) return ran;
    out.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(n * n_vocab * sizeof(float)));
    if (!out) return base::Error{base::ErrorCode::kIo, "The logits could not be written. Is the disk full?"};
    done += n;
    if (show) std::fprintf(stderr, "\r%zu of %zu tokens", done, tokens.size());
  }
  if (show) std::fprintf(stderr, "\r\033[K");
  return base::ok();
}

base::Status logits(const Options& options, const Context& context) {
  auto tokens = read_tokens(context.folder / options.tokens);
  if (!tokens) return std::move(tokens).error();
  auto engine = engine::Engine::load(context.folder / options.model,
                                     {options.reference ? engine::Numerics::kReference : engine::Numerics::kFast, 0,
                                      options.lora.empty() ? backend_of(options.backend) : cpu_for_adapter(options.backend), upload_progress(), options.bench.cache, options.bench.activations, options.bench.memory_limit});
  if (!engine) return std::move(engine).error();
  auto session = open_session(**engine, static_cast<int>(std::min<size_t>(tokens->size(), INT32_MAX)),
                              options.lora.empty() ? options.lora : context.folder / options.lora);
  if (!session) return std::move(session).error();
  // Beside the target first: an unfinished run leaves no file that looks whole.
  const std::filesystem::path target = context.folder / options.out, unfinished = target.string() + ".part";
  std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
  if (!out) return base::Error{base::ErrorCode::kIo, unfinished.string() + ": This file cannot be written."};
  base::Status written = write_logits(**session, *tokens, out, context.stop);
  out.close();
  std::error_code failed;
  if (written && !out) written = base::Error{base::ErrorCode::kIo, unfinished.string() + ": The logits could not be written. Is the disk full?"};
  if (written) std::filesystem::rename(unfinished, target, failed);
  if (written && failed) written = base::Error{base::ErrorCode::kIo, target.string() + ": " + failed.message()};
  if (!written) std::filesystem::remove(unfinished, failed);
  return written;
}

base::Status bench_model(const Options& options, const Context& context) {
  const bool show = ::isatty(STDERR_FILENO) != 0;
  const auto progress = [show](const std::string& phase) {
    if (show) std::fprintf(stderr, "\r\033[K%s", phase.c_str());
  };
  if (options.model.empty() == options.bench.shape.empty()) return base::invalid("model bench: give a MODEL, or a --shape in its place.");
  bench::EngineBenchOptions settings = options.bench;
  settings.backend = backend_of(options.backend);
  const auto report = bench::run_engine_bench(context.folder / options.model, settings, progress, context.stop);
  if (show) std::fprintf(stderr, "\r\033[K");
  if (!report) return report.error();
  if (context.json)
    std::printf("%s\n", base::dump_json(bench::to_json(*report)).c_str());
  else
    std::printf("%s", bench::to_text(*report).c_str());
  return base::ok();
}

}  // namespace

void add_model_bench_command(CLI::App& app, Context& context) {
  CLI::App* model = app.get_subcommand("model");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* help, base::Status (*action)(const Options&, const Context&)) {
    CLI::App* sub = model->add_subcommand(name, help);
    sub->fallthrough();
    add_model_option(*sub, options->model);
    add_memory_option(*sub, options->bench.memory_limit);
    sub->add_option("--backend", options->backend, "Where to compute; auto: on the GPU where there is one and the model is worth it")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
        ->capture_default_str();
    sub->callback([options, &context, action] {
      if (const base::Status done = action(*options, context); !done) context.fail(done.error());
    });
    return sub;
  };
  CLI::App* run = add("logits", "Evaluate token ids and write the logits of each", logits);
  run->get_option("MODEL")->required();
  run->add_option("--tokens", options->tokens, "A JSON array of token ids")->required()->type_name("FILE.json");
  run->add_option("--out", options->out, "float32, little-endian, [n_tokens, vocabulary]")->required()->type_name("FILE.f32");
  add_lora_option(*run, options->lora);
  add_cache_option(*run, options->bench.cache);
  add_activations_option(*run, options->bench.activations);
  run->add_flag("--reference", options->reference, "Take the plain operators that define the result; on a GPU: f32 throughout");
  CLI::App* measure = add("bench", "Measure prefill and decode", bench_model);
  measure->add_option("--prompt", options->bench.prompt, "Tokens of prefill")->check(CLI::NonNegativeNumber)->capture_default_str();
  measure->add_option("--generate", options->bench.generate, "Tokens to decode")->check(CLI::NonNegativeNumber)->capture_default_str();
  measure->add_option("--depth", options->bench.depth, "Tokens of context before both")->check(CLI::NonNegativeNumber)->capture_default_str();
  measure->add_option("--batch", options->bench.batch, "Timelines that decode together; the tokens of all count")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  add_cache_option(*measure, options->bench.cache);
  add_activations_option(*measure, options->bench.activations);
  measure->add_option("--threads", options->bench.threads, "0: all cores")->check(CLI::NonNegativeNumber)->capture_default_str();
  measure->add_option("--repeat", options->bench.repeat, "Rounds that count")->check(CLI::PositiveNumber)->capture_default_str();
  measure->add_option("--shape", options->bench.shape, "In place of MODEL: a well-known model's shape with arbitrary weights, on the GPU")
      ->type_name("v2-lite|v3-slice|v3.2-slice|v4-flash|v4-slice|llama-3-8b|qwen3-30b-a3b|gpt-oss-20b");
  measure->add_option("--type", options->bench.weight_type, "Of the weights of a --shape: bf16, q8_0, q4_0, ...")->capture_default_str();
  measure->add_flag("--profile", options->bench.profile, "A table of the GPU's kernels in one decode step");
}

}  // namespace cli
