// SPDX-License-Identifier: Apache-2.0
// `graft model quantize`: a model as a GGUF file in another type.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "engine/quantize_model.h"

namespace cli {
namespace {

struct Options {
  std::filesystem::path model, out;
  engine::QuantizeOptions engine;
};

void print_report(const engine::QuantizeReport& report, const std::filesystem::path& out, bool json) {
  if (json) {
    const base::Json document = {{"file", out.string()},
                                 {"stored_weight_bytes", report.stored_bytes},
                                 {"written_weight_bytes", report.written_bytes},
                                 {"tensors_by_type", report.tensors_by_type},
                                 {"fallbacks", report.fallbacks}};
    std::printf("%s\n", base::dump_json(document).c_str());
    return;
  }
  for (const std::string& fallback : report.fallbacks) std::printf("%s\n", fallback.c_str());
  std::printf("%s: %.2f MB of weights, from %.2f MB\n", out.string().c_str(),
              static_cast<double>(report.written_bytes) / 1e6, static_cast<double>(report.stored_bytes) / 1e6);
  for (const auto& [type, n] : report.tensors_by_type) std::printf("%6d tensors  %s\n", n, type.c_str());
}

void quantize(Options& options, Context& context) {
  const bool show = ::isatty(STDERR_FILENO) != 0;
  int shown = -1;
  options.engine.stop = context.stop;
  options.engine.progress = [&](uint64_t done, uint64_t total, std::string_view tensor) {
    const int percent = total == 0 ? 100 : static_cast<int>(100 * done / total);
    if (show && percent != shown)
      std::fprintf(stderr, "\r\033[Kwriting %3d %%  %.*s", shown = percent, static_cast<int>(tensor.size()),
                   tensor.data());
  };
  const std::filesystem::path out = context.folder / options.out;
  const auto report = engine::quantize_model(context.folder / options.model, out, options.engine);
  if (show) std::fprintf(stderr, "\r\033[K");
  if (!report) {
    base::Error error = report.error();
    if (error.code == base::ErrorCode::kDenied && !options.engine.replace)
      error.message += "; --force replaces a file that is there";
    return context.fail(error);
  }
  print_report(*report, out, context.json);
}

}  // namespace

void add_model_quantize_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.get_subcommand("model")->add_subcommand("quantize", "Write a model as a GGUF file in another type");
  command->fallthrough();
  const auto options = std::make_shared<Options>();
  add_model_option(*command, options->model)->required();
  command->add_option("--type", options->engine.type, "Type of the matrices; norms, biases and routers stay F32")
      ->required()
      ->check(CLI::IsMember(engine::quantize_types()));
  command->add_option("--out", options->out, "The file to write")->required();
  command
      ->add_option("--keep", options->engine.keep,
                   "Shell pattern; tensors of these names keep the type they are stored in (may be repeated)")
      ->type_name("PATTERN");
  command->add_flag("--force", options->engine.replace, "Replace the file if it is there");
  command->add_option("--threads", options->engine.n_threads, "0: one for each core")->check(CLI::Range(0, 1024));
  command->callback([options, &context] { quantize(*options, context); });
}

}  // namespace cli
