// SPDX-License-Identifier: Apache-2.0
// `graft model generate`: what a model writes after a prompt, freely or under a constraint.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/growing_text.h"
#include "cli/model_option.h"
#include "cli/sampling_options.h"
#include "engine/constrain.h"
#include "engine/engine.h"
#include "tools/edit.h"

namespace cli {
namespace {

constexpr uint64_t kMaxFileBytes = 64 << 20;
constexpr uint32_t kMostEditLines = 50;  // old lines of an edit in one place
constexpr size_t kHashDigits = 10;

struct Options {
  std::filesystem::path model, prompt, schema, grammar, lora;
  std::string regex, edit;
  std::vector<std::filesystem::path> edit_files;
  engine::GenerateOptions generate;
  engine::CacheType cache = engine::CacheType::kAuto;
  engine::ActivationType activations = engine::ActivationType::kAuto;
  uint64_t memory_limit = 0;  // as engine::LoadOptions
};

// Edits of the files that are named, in their lines as they stand now.
engine::Constraint::Made edit_constraint(const Options& options, const Context& context, const engine::Engine& engine) {
  const auto syntax = options.edit == "line-ops" ? engine::EditSyntax::kLineOps : engine::EditSyntax::kSearchReplace;
  std::vector<std::string> paths, texts, hashes;
  for (const std::filesystem::path& path : options.edit_files) {
    auto text = base::read_file(context.folder / path, kMaxFileBytes);
    if (!text) return std::move(text).error();
    paths.push_back(path.lexically_normal().generic_string());
    hashes.push_back(tools::content_hash(*text).substr(0, kHashDigits));
    texts.push_back(std::move(*text));
  }
  std::vector<engine::EditableFile> files;
  for (size_t i = 0; i < paths.size(); ++i) files.push_back({paths[i], texts[i], hashes[i]});
  return engine::Constraint::from_edits(syntax, files, kMostEditLines, engine.vocabulary());
}

// Null where no constraint is asked for.
base::Result<std::shared_ptr<const engine::Constraint>> read_constraint(const Options& options, const Context& context,
                                                                        const engine::Engine& engine) {
  if (!options.regex.empty()) return engine::Constraint::from_regex(options.regex, engine.vocabulary());
  if (!options.edit.empty()) return edit_constraint(options, context, engine);
  const bool schema = !options.schema.empty();
  const std::filesystem::path& path = schema ? options.schema : options.grammar;
  if (path.empty()) return std::shared_ptr<const engine::Constraint>();
  auto text = base::read_file(context.folder / path, kMaxFileBytes);
  if (!text) return std::move(text).error();
  auto made = schema ? engine::Constraint::from_json_schema(*text, engine.vocabulary())
                     : engine::Constraint::from_grammar(*text, engine.vocabulary());
  if (!made) return std::move(made).error().in(path.string());
  return made;
}

const char* name_of(engine::StopReason reason) {
  switch (reason) {
    case engine::StopReason::kEndOfText:
      return "end_of_text";
    case engine::StopReason::kStopString:
      return "stop_string";
    case engine::StopReason::kMaxTokens:
      return "max_tokens";
    case engine::StopReason::kCaller:
      return "caller";
  }
  return "";
}

// Of each token: its own log-probability, and the likeliest ones' with theirs.
base::Json steps_of(const engine::Generated& made) {
  base::Json steps = base::Json::array();
  for (size_t i = 0; i < made.tokens.size(); ++i) {
    base::Json top = base::Json::array();
    for (const engine::TokenLogprob& one : made.top_logprobs[i]) top.push_back({{"token", one.token}, {"logprob", one.logprob}});
    steps.push_back({{"token", made.tokens[i]}, {"logprob", made.token_logprobs[i]}, {"top", top}});
  }
  return steps;
}

base::Status generate(const Options& options, const Context& context) {
  auto prompt = base::read_file(context.folder / options.prompt, kMaxFileBytes);
  if (!prompt) return std::move(prompt).error();
  engine::LoadOptions load;
  load.cache = options.cache;
  load.activations = options.activations;
  load.memory_limit = options.memory_limit;
  const bool drafts = options.generate.max_layer_draft_tokens > 0;
  if (!options.lora.empty() || drafts) load.backend = engine::Backend::kCpu;
  auto model = engine::Engine::load(context.folder / options.model, load);
  if (!model) return std::move(model).error();
  if (!(*model)->info().has_tokenizer)
    return base::invalid("The model " + (*model)->info().name + " came without a tokenizer (tokenizer.json).");
  auto constraint = read_constraint(options, context, **model);
  if (!constraint) return std::move(constraint).error();
  std::vector<engine::Token> tokens = (*model)->tokenize(*prompt);
  if (tokens.empty() && (*model)->special_tokens().bos) tokens = {*(*model)->special_tokens().bos};
  // Beyond the context that it was trained on the model writes nonsense; generate() names both numbers.
  const int n_ctx = std::min(static_cast<int>(tokens.size()) + std::max(1, options.generate.max_tokens), (*model)->info().n_ctx_train);
  engine::SessionOptions session_options;
  session_options.drafts = drafts;
  auto session = open_session(**model, n_ctx, options.lora.empty() ? options.lora : context.folder / options.lora, session_options);
  if (!session) return std::move(session).error();
  engine::GenerateOptions run = options.generate;
  std::optional<engine::ConstraintState> state;
  if (*constraint) run.constraint = &state.emplace(*constraint);
  GrowingText shown(stdout, run.stop);
  if (!context.json)
    run.keep_going = [&shown](std::string_view text) {
      shown.show(text);
      return true;
    };
  auto made = engine::generate(**session, tokens, run, context.stop);
  if (!made) return std::move(made).error();
  bool whole = true;
  if (state) {
    // After an end token nothing more may come; before it, the text may be whole all the same.
    auto can_end = state->can_end();
    whole = made->reason == engine::StopReason::kEndOfText || (can_end && *can_end);
  }
  if (context.json) {
    base::Json report = {{"text", made->text},
                         {"n_prompt_tokens", tokens.size()},
                         {"tokens", made->tokens},
                         {"logprob", made->logprob},
                         {"n_drafted", made->n_drafted},
                         {"n_accepted", made->n_accepted},
                         {"n_forced", made->n_forced},
                         {"reason", name_of(made->reason)}};
    if (state) report["whole"] = whole;
    if (run.n_top_logprobs > 0) report["steps"] = steps_of(*made);
    std::printf("%s\n", base::dump_json(report).c_str());
  } else {
    shown.finish(made->text);
    std::printf("\n");
    if (!whole && made->reason == engine::StopReason::kStopString)
      std::fprintf(stderr, "--stop ended the text before it was whole\n");
    else if (!whole)
      std::fprintf(stderr, "after %zu tokens (--max-tokens) the text is not whole yet\n", made->tokens.size());
  }
  return base::ok();
}

}  // namespace

void add_model_generate_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.get_subcommand("model")->add_subcommand("generate", "Text after a prompt, freely or under a constraint");
  command->fallthrough();
  const auto options = std::make_shared<Options>();
  add_model_option(*command, options->model)->required();
  command->add_option("--prompt", options->prompt, "A file with the text before")->required();
  add_lora_option(*command, options->lora);
  add_cache_option(*command, options->cache);
  add_activations_option(*command, options->activations);
  add_memory_option(*command, options->memory_limit);
  CLI::Option_group* constraints = command->add_option_group("constraint", "What the text must be");
  constraints->add_option("--schema", options->schema, "A JSON Schema (docs/constrained-decoding.md says which)");
  constraints->add_option("--regex", options->regex, "A regular expression, matched from end to end");
  constraints->add_option("--grammar", options->grammar, "A file with a grammar in GBNF");
  CLI::Option* edit = constraints->add_option("--edit", options->edit, "An edit of --edit-file, for graft apply --format (docs/edit-formats.md)")
                          ->check(CLI::IsMember({"search-replace", "line-ops"}));
  constraints->require_option(0, 1);
  CLI::Option* edit_files = command->add_option("--edit-file", options->edit_files, "A file that --edit may change; may be given again");
  edit->needs(edit_files);
  edit_files->needs(edit);
  command->add_option("--max-tokens", options->generate.max_tokens, "At most so many tokens")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  options->generate.max_draft_tokens = 16;
  command
      ->add_option("--copy-drafts", options->generate.max_draft_tokens,
                   "Up to so many tokens at once copied from before, and checked, where that saves time (docs/drafts.md); the text stays the same")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command
      ->add_option("--layer-drafts", options->generate.max_layer_draft_tokens,
                   "The same, guessed by the model's draft layer (multi-token prediction); computed on the CPU")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  add_sampling_options(*command, options->generate);
  command->callback([options, &context] {
    if (base::Status ran = generate(*options, context); !ran) context.fail(ran.error());
  });
}

}  // namespace cli
