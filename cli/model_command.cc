// SPDX-License-Identifier: Apache-2.0
// `graft model info|tokenize|verify`: what a model file holds, its tokenizer, and whether it is whole.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/memory/ngram_table.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "engine/memory_need.h"
#include "engine/model_file.h"
#include "engine/prompts.h"

namespace cli {
namespace {

using base::in_units;

struct ModelOptions {
  std::filesystem::path model;
  bool decode = false;         // tokenize
  bool special = false;        // tokenize
  std::filesystem::path chat;  // tokenize: a conversation in JSON
};

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text.empty() ? "none" : text;
}

// The table of n-grams beside the model, where one lies there (agent/memory/ngram_table.h).
struct TableBeside {
  std::filesystem::path path;
  base::Result<agent::NgramTable> table;
};

std::optional<TableBeside> table_beside(const engine::ModelFile& model) {
  std::filesystem::path path = agent::NgramTable::path_beside(model.info());
  if (path.empty()) return std::nullopt;
  auto table = agent::NgramTable::open_for(model.info(), path, [&](engine::Token token) {
    return model.detokenize({&token, 1});
  });
  return TableBeside{std::move(path), std::move(table)};
}

base::Json json_of(const std::optional<TableBeside>& beside) {
  if (!beside) return {};
  const base::Result<agent::NgramTable>& table = beside->table;
  if (!table) return {{"path", beside->path.string()}, {"used", false}, {"problem", table.error().message}};
  return {{"path", beside->path.string()},
          {"used", true},
          {"n_ngrams", table->n_ngrams()},
          {"longest", table->longest_context() + 1},
          {"bytes", table->n_bytes()}};
}

std::string in_words(const TableBeside& beside) {
  const base::Result<agent::NgramTable>& table = beside.table;
  if (!table) return "not used: " + table.error().message;
  char millions[64];
  std::snprintf(millions, sizeof millions, "%.2f million", static_cast<double>(table->n_ngrams()) / 1e6);
  return base::cat(millions, " of up to ", table->longest_context() + 1,
                   " tokens, for completions: ", beside.path.filename().string(), ", ", in_units(table->n_bytes()));
}

void print_json(const engine::ModelFile& model) {
  const engine::ModelInfo& info = model.info();
  const engine::SpecialTokens& special = model.special_tokens();
  const auto id = [](const std::optional<engine::Token>& token) { return token ? base::Json(*token) : base::Json(); };
  const engine::MemoryNeed memory = engine::memory_need(info);
  const base::Json report = {
      {"name", info.name},
      {"family", info.family},
      {"container", info.container},
      {"weight_types", info.weight_types},
      {"capabilities", info.capabilities},
      {"chat_format", model.chat_format() ? base::Json(model.chat_format()->name()) : base::Json()},
      {"has_draft_layer", info.has_draft_layer},
      {"notes", info.notes},
      {"has_tokenizer", info.has_tokenizer},
      {"n_layers", info.n_layers},
      {"hidden_size", info.hidden_size},
      {"n_heads", info.n_heads},
      {"n_vocab", info.n_vocab},
      {"n_experts", info.n_experts},
      {"n_experts_used", info.n_experts_used},
      {"n_ctx_train", info.n_ctx_train},
      {"n_parameters", info.n_parameters},
      {"n_active_parameters", info.n_active_parameters},
      {"weight_bytes", info.weight_bytes},
      {"decode_bytes_per_token", info.decode_bytes_per_token},
      {"kv_bytes_per_token", info.kv_bytes_per_token},
      {"ngram_table", json_of(table_beside(model))},
      {"special_tokens",
       {{"bos", id(special.bos)},
        {"eos", id(special.eos)},
        {"fim_prefix", id(special.fim_prefix)},
        {"fim_suffix", id(special.fim_suffix)},
        {"fim_middle", id(special.fim_middle)}}},
      {"memory_needed_bytes", memory.all()},
      {"memory_available_bytes", memory.known() ? base::Json(memory.available) : base::Json()},
      {"fits", memory.known() ? base::Json(memory.fits()) : base::Json()}};
  std::printf("%s\n", base::dump_json(report).c_str());
}

void print_table(const engine::ModelFile& model) {
  const engine::ModelInfo& info = model.info();
  const auto row = [](const char* name, const std::string& value) { std::printf("%-18s %s\n", name, value.c_str()); };
  row("name", info.name);
  row("family", info.family);
  row("container", info.container + ", " + joined(info.weight_types));
  row("capabilities", joined(info.capabilities));
  row("conversations", model.chat_format() ? "as " + std::string(model.chat_format()->name()) : "none");
  for (const std::string& note : info.notes) row("note", note);
  row("layers", base::cat(info.n_layers, info.has_draft_layer ? " and one for drafts" : "", ", hidden size ",
                          info.hidden_size, ", ", info.n_heads, " heads"));
  if (info.n_experts > 0) row("experts", base::cat(info.n_experts, ", ", info.n_experts_used, " per token"));
  row("vocabulary", base::cat(info.n_vocab, " tokens", info.has_tokenizer ? "" : ", no tokenizer"));
  row("context", base::cat(info.n_ctx_train, " tokens"));
  char millions[64];
  std::snprintf(millions, sizeof millions, "%.2f million, %.2f million per token",
                static_cast<double>(info.n_parameters) / 1e6, static_cast<double>(info.n_active_parameters) / 1e6);
  row("parameters", millions);
  row("weights",
      in_units(info.weight_bytes) + ", " + in_units(info.decode_bytes_per_token) + " read per decoded token");
  row("cache", in_units(info.kv_bytes_per_token) + " per token of context");
  if (const auto beside = table_beside(model)) row("n-grams beside it", in_words(*beside));
  const engine::MemoryNeed memory = engine::memory_need(info);
  const std::string need = in_units(memory.all()) + " with a full context";
  row("fits here", !memory.known() ? need + "; this system does not say how much memory is free"
                   : memory.fits() ? "yes: " + need + ", " + in_units(memory.available) + " available"
                                   : "no: " + need + ", but only " + in_units(memory.available) + " available");
}

std::string read_stdin() {
  std::string text;
  char chunk[1 << 16];
  for (size_t n = 0; (n = std::fread(chunk, 1, sizeof chunk, stdin)) > 0;) text.append(chunk, n);
  return text;
}

base::Result<std::vector<engine::Token>> token_ids(const std::string& json_text) {
  auto json = base::parse_json(json_text);
  if (!json) return std::move(json).error().in("token ids on stdin");
  if (!json->is_array()) return base::invalid("token ids on stdin: a JSON array of whole numbers is needed");
  std::vector<engine::Token> tokens;
  for (const base::Json& item : *json) {
    if (!item.is_number_integer() || item.get<int64_t>() < 0 || item.get<int64_t>() > INT32_MAX)
      return base::invalid(
          base::cat("token ids on stdin: element ", tokens.size(), " is ", base::dump_json(item), ", not a token id"));
    tokens.push_back(static_cast<engine::Token>(item.get<int64_t>()));
  }
  return tokens;
}

// A conversation as the model reads it: ids, or with --json the pieces too.
void tokenize_chat(const engine::ModelFile& model, const std::filesystem::path& path, Context& context) {
  const engine::ChatFormat* format = model.chat_format();
  if (format == nullptr)
    return context.fail(base::invalid("The model " + model.info().name +
                                      " was not trained on conversations that Graft knows the format of."));
  constexpr uint64_t kMaxConversationBytes = uint64_t{64} << 20;
  auto text = base::read_file(path, kMaxConversationBytes);
  if (!text) return context.fail(text.error());
  auto conversation = engine::conversation_from_json(*text);
  if (!conversation) return context.fail(std::move(conversation).error().in(path.string()));
  auto pieces = format->render(conversation->messages, conversation->tools, conversation->options);
  if (!pieces) return context.fail(std::move(pieces).error().in(path.string()));
  const base::Json ids(format->tokens(*pieces, [&](std::string_view plain) { return model.tokenize(plain); }));
  if (!context.json) {
    std::printf("%s\n", base::dump_json(ids).c_str());
    return;
  }
  base::Json list = base::Json::array();
  for (const engine::PromptPiece& piece : *pieces)
    list.push_back({{"text", piece.text}, {"token", piece.token ? base::Json(*piece.token) : base::Json()}});
  std::printf("%s\n", base::dump_json({{"format", format->name()}, {"pieces", list}, {"tokens", ids}}).c_str());
}

void tokenize(const engine::ModelFile& model, const ModelOptions& options, Context& context) {
  if (!model.info().has_tokenizer)
    return context.fail(
        base::invalid("The model " + model.info().name + " came without a tokenizer (tokenizer.json)."));
  if (!options.chat.empty()) return tokenize_chat(model, context.folder / options.chat, context);
  if (!options.decode) {
    std::string line = base::dump_json(base::Json(model.tokenize(read_stdin(), options.special)));
    std::printf("%s\n", line.c_str());
    return;
  }
  auto tokens = token_ids(read_stdin());
  if (!tokens) return context.fail(tokens.error());
  for (size_t i = 0; i < tokens->size(); ++i)
    if ((*tokens)[i] >= model.info().n_vocab)
      return context.fail(base::invalid(base::cat("token ids on stdin: element ", i, " is ", (*tokens)[i],
                                                  "; the model has ", model.info().n_vocab, " tokens")));
  const std::string text = model.detokenize(*tokens);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

struct CheckedBytes {
  uint64_t weights = 0, table = 0;
};

// The structure of model and table is checked by opening them, then every weight is read.
base::Status check_all(const std::filesystem::path& path, CheckedBytes& bytes_of, Context& context) {
  auto model = engine::open_model_file(path);
  if (!model) return std::move(model).error();
  if (const auto beside = table_beside(**model)) {
    // One of another vocabulary is not damaged, but neither is what lies there whole.
    if (!beside->table && beside->table.error().code == base::ErrorCode::kInvalidArgument)
      return base::corrupt(beside->table.error().message);
    if (!beside->table) return beside->table.error();
    bytes_of.table = beside->table->n_bytes();
  }
  const uint64_t weight_bytes = bytes_of.weights = (*model)->info().weight_bytes;
  const bool show = ::isatty(STDERR_FILENO) != 0;
  int shown = -1;
  const auto progress = [&](uint64_t bytes) {
    const int percent = weight_bytes == 0 ? 100 : static_cast<int>(100 * bytes / weight_bytes);
    if (show && percent != shown) std::fprintf(stderr, "\rreading weights %3d %%", shown = percent);
  };
  base::Status verified = (*model)->verify(progress, context.stop);
  if (show) std::fprintf(stderr, "\r\033[K");
  return verified;
}

void verify(const std::filesystem::path& path, Context& context) {
  CheckedBytes bytes;
  const base::Status verified = check_all(path, bytes, context);
  if (!verified && verified.error().code != base::ErrorCode::kCorrupt) return context.fail(verified.error());
  context.exit_code = verified ? 0 : 1;  // 1: the honest "no"
  if (context.json) {
    const base::Json report =
        verified ? base::Json{{"whole", true}, {"weight_bytes", bytes.weights}, {"ngram_table_bytes", bytes.table}}
                 : base::Json{{"whole", false}, {"problem", verified.error().message}};
    std::printf("%s\n", base::dump_json(report).c_str());
  } else if (verified) {
    std::printf("whole: the structure and all %s of weights%s\n", in_units(bytes.weights).c_str(),
                bytes.table == 0 ? "" : (", and the table of n-grams beside them, " + in_units(bytes.table)).c_str());
  } else {
    std::printf("damaged: %s\n", verified.error().message.c_str());
  }
}

}  // namespace

void add_model_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("model", "Look at a model, run its tokenizer, measure it");
  command->require_subcommand(1);
  command->fallthrough();
  const auto options = std::make_shared<ModelOptions>();
  const auto add = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* sub = command->add_subcommand(name, help);
    sub->fallthrough();
    add_model_option(*sub, options->model)->required();
    sub->callback(std::move(action));
    return sub;
  };
  const auto with_model = [options, &context](auto action) {
    return [options, &context, action] {
      auto model = engine::open_model_file(context.folder / options->model);
      if (!model) return context.fail(model.error());
      action(**model);
    };
  };
  add("info", "Family, shapes, sizes, capabilities, and whether it fits here",
      with_model(
          [&context](const engine::ModelFile& model) { context.json ? print_json(model) : print_table(model); }));
  CLI::App* tokens = add("tokenize", "Text on stdin to a JSON array of token ids",
                         with_model([options, &context](const auto& model) { tokenize(model, *options, context); }));
  tokens->add_flag("--decode", options->decode, "The way back: a JSON array of ids on stdin to text");
  tokens
      ->add_option("--chat", options->chat,
                   "A conversation in a JSON file to the ids of its prompt; with --json also its pieces")
      ->excludes("--decode");
  tokens->add_flag("--special", options->special, "Special tokens written in the text count as such");
  add("verify", "Check the structure and read every weight",
      [options, &context] { verify(context.folder / options->model, context); });
}

}  // namespace cli
