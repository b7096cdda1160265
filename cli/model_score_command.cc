// SPDX-License-Identifier: Apache-2.0
// `graft model score`: bits per byte of text files under a model, alone and with the memory of the open file and the model's table.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/memory/text_score.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/model_option.h"

namespace cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;
constexpr int kUsualContext = 1024;

struct Options {
  std::filesystem::path model;
  std::vector<std::filesystem::path> files;
  int n_ctx = 0;  // 0: kUsualContext, or the model's own where that is less
  uint64_t memory_limit = 0;  // as engine::LoadOptions
};

base::Json as_json(const agent::TextScore& score) {
  return {{"bytes", score.n_bytes},
          {"tokens", score.n_tokens},
          {"bits_per_byte", score.bits_per_byte()},
          {"bits_per_byte_with_memory", score.bits_per_byte_with_memory()}};
}

void print_row(const std::string& name, const agent::TextScore& score) {
  std::printf("%10llu bytes  %8llu tokens  %7.4f bits/byte  %7.4f with memory  %s\n",
              static_cast<unsigned long long>(score.n_bytes), static_cast<unsigned long long>(score.n_tokens),
              score.bits_per_byte(), score.bits_per_byte_with_memory(), name.c_str());
}

base::Status score_files(const Options& options, const Context& context) {
  engine::LoadOptions load;
  load.memory_limit = options.memory_limit;
  auto engine = engine::Engine::load(context.folder / options.model, load);
  if (!engine) return std::move(engine).error();
  const engine::ModelInfo& info = (*engine)->info();
  const int n_ctx = options.n_ctx > 0 ? options.n_ctx : std::min(kUsualContext, info.n_ctx_train);
  if (n_ctx > info.n_ctx_train)
    return base::invalid(base::cat("--context ", n_ctx, " is more than the ", info.n_ctx_train,
                                   " tokens that the model was trained on."));
  auto session = (*engine)->open_session(n_ctx);
  if (!session) return std::move(session).error();
  base::Json rows = base::Json::array();
  agent::TextScore total;
  for (const auto& file : options.files) {
    auto text = base::read_file(context.folder / file, kMaxTextBytes);
    if (!text) return std::move(text).error();
    auto score = agent::score_text(**session, *text, context.stop);
    if (!score) return std::move(score).error().in(file.string());
    total.add(*score);
    if (!context.json) {
      print_row(file.string(), *score);
      continue;
    }
    base::Json row = as_json(*score);
    row["file"] = base::to_valid_utf8(file.string());
    rows.push_back(std::move(row));
  }
  if (context.json)
    std::printf("%s\n",
                base::dump_json({{"model", info.name}, {"context", n_ctx}, {"files", rows}, {"total", as_json(total)}})
                    .c_str());
  else if (options.files.size() > 1)
    print_row("all", total);
  return base::ok();
}

}  // namespace

void add_model_score_command(CLI::App& app, Context& context) {
  CLI::App* command = app.get_subcommand("model")->add_subcommand(
      "score", "Bits per byte of text files, alone and with the memory of the open file and the model's table of n-grams");
  command->fallthrough();
  const auto options = std::make_shared<Options>();
  add_model_option(*command, options->model)->required();
  add_memory_option(*command, options->memory_limit);
  command->add_option("FILE", options->files, "Text files, each read from its start")->required();
  command
      ->add_option("--context", options->n_ctx,
                   base::cat("Tokens that the model sees at a time; ", kUsualContext, " or what it was trained on"))
      ->check(CLI::Range(agent::kLeastContext, 1 << 20));
  command->callback([options, &context] {
    if (base::Status done = score_files(*options, context); !done) context.fail(done.error());
  });
}

}  // namespace cli
