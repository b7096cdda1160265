// SPDX-License-Identifier: Apache-2.0
#include "engine/model_package.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/gguf.h"
#include "engine/formats/gguf_split.h"
#include "engine/formats/safetensors.h"
#include "engine/load/special_tokens.h"
#include "engine/load/stored_scales.h"
#include "engine/word_hash.h"

namespace engine {
namespace {

using base::Json;

constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;
constexpr uint64_t kMaxTokenizerBytes = uint64_t{256} << 20;

std::optional<int64_t> id_of(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<int64_t>();
}

// A token's text in tokenizer_config.json: a string, or an object with "content".
std::optional<int64_t> named_token(const Tokenizer& tokenizer, const Json& config, const char* key) {
  if (!config.is_object() || !config.contains(key)) return std::nullopt;
  const Json& value = config[key];
  const auto text = value.is_object() ? base::json_string(value, "content") : base::json_string(config, key);
  if (const auto id = tokenizer.added_token(text)) return *id;
  return std::nullopt;
}

DeclaredTokens declared_in_folder(const Tokenizer& tokenizer, const Json& config, const Json& tokenizer_config) {
  DeclaredTokens d;
  const auto either = [&](const char* id_key, const char* text_key) {
    if (const auto id = config.contains(id_key) ? id_of(config[id_key]) : std::nullopt) return id;
    return named_token(tokenizer, tokenizer_config, text_key);
  };
  d.bos = either("bos_token_id", "bos_token");
  d.eos = either("eos_token_id", "eos_token");
  if (config.contains("eos_token_id") &&
      config["eos_token_id"].is_array())  // several: the first ends text, all end a turn
    for (const Json& item : config["eos_token_id"])
      if (const auto id = id_of(item)) {
        if (!d.eos) d.eos = id;
        d.more_ends.push_back(*id);
      }
  d.fim_prefix = named_token(tokenizer, tokenizer_config, "fim_prefix_token");
  d.fim_suffix = named_token(tokenizer, tokenizer_config, "fim_suffix_token");
  d.fim_middle = named_token(tokenizer, tokenizer_config, "fim_middle_token");
  if (tokenizer_config.is_object() && tokenizer_config.contains("add_bos_token"))
    d.add_bos = base::json_bool(tokenizer_config, "add_bos_token");
  if (config.contains("graft") && config["graft"].is_object()) {
    const Json& graft = config["graft"];
    d.fim_order = base::json_string(graft, "fim_order");
    if (graft.contains("capabilities") && graft["capabilities"].is_array()) {
      d.capabilities.emplace();
      for (const Json& name : graft["capabilities"])
        if (name.is_string()) d.capabilities->push_back(name.get<std::string>());
    }
  }
  return d;
}

// The text of a chat template: in tokenizer_config.json, one or several by name, or in a file beside it.
base::Result<std::string> template_text(const std::filesystem::path& folder, const Json& tokenizer_config) {
  std::string text = base::json_string(tokenizer_config, "chat_template");
  if (tokenizer_config.is_object() && tokenizer_config.contains("chat_template") &&
      tokenizer_config["chat_template"].is_array())
    for (const Json& named : tokenizer_config["chat_template"]) text += base::json_string(named, "template");
  auto file = base::read_file(folder / "chat_template.jinja", kMaxConfigBytes);
  if (!file && file.error().code != base::ErrorCode::kNotFound) return std::move(file).error();
  return file ? text + *file : text;
}

base::Result<Json> json_file(const std::filesystem::path& path, uint64_t max_bytes) {
  auto text = base::read_file(path, max_bytes);
  if (!text) return std::move(text).error();
  auto json = base::parse_json(*text);
  if (!json) return std::move(json).error().in(path.filename().string());
  return json;
}

// The tokenizer and what is said of its tokens. A model may come without: one for tests, or for a caller with a
// tokenizer of its own.
base::Status read_tokenizer(const std::filesystem::path& folder, const Json& config, ModelPackage& package) {
  auto text = base::read_file(folder / "tokenizer.json", kMaxTokenizerBytes);
  package.info.has_tokenizer = static_cast<bool>(text);
  if (!text)
    return text.error().code == base::ErrorCode::kNotFound ? base::ok() : base::Status(std::move(text).error());
  auto tokenizer = tokenizer_from_json(*text);
  if (!tokenizer) return std::move(tokenizer).error();
  package.tokenizer = std::move(*tokenizer);

  auto tokenizer_config = json_file(folder / "tokenizer_config.json", kMaxTokenizerBytes);
  if (!tokenizer_config && tokenizer_config.error().code != base::ErrorCode::kNotFound)
    return std::move(tokenizer_config).error();
  const Json no_config;
  const Json& about_tokens = tokenizer_config ? *tokenizer_config : no_config;
  DeclaredTokens declared = declared_in_folder(package.tokenizer, config, about_tokens);
  declared.architecture = base::json_string(config, "model_type");
  auto chat_template = template_text(folder, about_tokens);
  if (!chat_template) return std::move(chat_template).error();
  declared.chat_template = std::move(*chat_template);
  return fill_special_tokens(declared, package);
}

base::Result<ModelPackage> load_folder(const std::filesystem::path& folder) {
  ModelPackage package;
  auto config = json_file(folder / "config.json", kMaxConfigBytes);
  if (!config) return std::move(config).error();

  WordHash config_hash;
  const std::string config_text = base::dump_json(*config);
  config_hash.add(std::as_bytes(std::span(config_text)));
  package.config_hash = config_hash.value();

  auto stored = open_safetensors(folder);
  if (!stored) return std::move(stored).error();
  package.files = std::move(stored->files);
  package.tensors = std::move(stored->tensors);
  if (base::Status joined = join_stored_scales(*config, package.tensors); !joined) return std::move(joined).error();
  if (base::Status read = read_tokenizer(folder, *config, package); !read) return std::move(read).error();
  auto family = family_from_hf(*config, package.tensors, package.info.has_tokenizer ? &package.tokenizer : nullptr);
  if (!family) return std::move(family).error();
  package.family = std::move(*family);

  package.info.container = "safetensors";
  const std::filesystem::path normal = (folder / "").lexically_normal().parent_path();
  package.info.name = normal.filename().string();
  return package;
}

template <typename T>
const T* metadata(const GgufFile& gguf, std::string_view key) {
  const auto found = gguf.metadata.find(key);
  return found == gguf.metadata.end() ? nullptr : std::get_if<T>(&found->second.value);
}

std::optional<int64_t> metadata_id(const GgufFile& gguf, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (const auto* u = metadata<uint64_t>(gguf, key); u != nullptr && *u <= INT32_MAX) return static_cast<int64_t>(*u);
    if (const auto* s = metadata<int64_t>(gguf, key)) return *s;
  }
  return std::nullopt;
}

DeclaredTokens declared_in_gguf(const GgufFile& gguf) {
  DeclaredTokens d;
  d.bos = metadata_id(gguf, {"tokenizer.ggml.bos_token_id"});
  d.eos = metadata_id(gguf, {"tokenizer.ggml.eos_token_id"});
  // The second spelling is that of files from before 2024-10.
  d.fim_prefix = metadata_id(gguf, {"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"});
  d.fim_suffix = metadata_id(gguf, {"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"});
  d.fim_middle = metadata_id(gguf, {"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"});
  for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"})
    if (const auto id = metadata_id(gguf, {key})) d.more_ends.push_back(*id);
  if (const auto* add = metadata<bool>(gguf, "tokenizer.ggml.add_bos_token")) d.add_bos = *add;
  if (const auto* name = metadata<std::string_view>(gguf, "general.architecture")) d.architecture = *name;
  if (const auto* text = metadata<std::string_view>(gguf, "tokenizer.chat_template")) d.chat_template = *text;
  if (const auto* order = metadata<std::string_view>(gguf, "graft.fim_order")) d.fim_order = *order;
  if (const auto* array = metadata<GgufArray>(gguf, "graft.capabilities"))
    if (const auto names = string_elements(*array)) d.capabilities.emplace(names->begin(), names->end());
  return d;
}

// The file, or all parts of the model that it is one of.
base::Result<GgufFile> open_gguf(const std::filesystem::path& path, std::vector<base::MappedFile>& files) {
  const std::string name = path.filename().string();
  const auto read = [&](const std::filesystem::path& at) -> base::Result<GgufFile> {
    auto file = base::MappedFile::open(at);
    if (!file) return std::move(file).error();
    files.push_back(std::move(*file));
    return read_gguf_part(files.back().bytes(), at.filename().string());
  };
  auto one = read(path);
  if (!one) return one;
  const auto count = gguf_part_count(*one, name);
  if (!count) return count.error();
  if (*count == 1) return one;
  const auto names = gguf_part_names(name, *count);
  if (!names)
    return base::invalid(base::cat(name, ": one of ", *count, " parts of a model, whose names must end in -00001-of-",
                                   *count < 10 ? "0000" : *count < 100 ? "000" : *count < 1000 ? "00" : "0", *count,
                                   ".gguf and so on, so that the others are found beside it"));
  files.clear();
  std::vector<GgufFile> parts;
  for (const std::string& part : *names) {
    auto next = read(path.parent_path() / part);
    if (!next) return std::move(next).error();
    parts.push_back(std::move(*next));
  }
  return join_gguf_parts(std::move(parts), *names);
}

base::Result<ModelPackage> load_gguf(const std::filesystem::path& path) {
  ModelPackage package;
  auto gguf = open_gguf(path, package.files);
  if (!gguf) return std::move(gguf).error();
  auto family = family_from_gguf(*gguf);
  if (!family) return std::move(family).error();
  package.family = std::move(*family);
  package.tensors = std::move(gguf->tensors);
  WordHash config_hash;
  for (const base::MappedFile& file : package.files) {  // what stands in front of its weights
    std::span<const std::byte> head = file.bytes();
    for (const auto& [name, tensor] : package.tensors)
      if (tensor.view.data >= head.data() && tensor.view.data < head.data() + head.size())
        head = head.first(static_cast<size_t>(tensor.view.data - head.data()));
    config_hash.add(head);
  }
  package.config_hash = config_hash.value();
  const auto* tokenizer_kind = metadata<std::string_view>(*gguf, "tokenizer.ggml.model");
  const bool says_none = tokenizer_kind != nullptr && (*tokenizer_kind == "none" || *tokenizer_kind == "no_vocab");
  package.info.has_tokenizer = gguf->metadata.contains("tokenizer.ggml.model") && !says_none;
  if (package.info.has_tokenizer) {
    auto tokenizer = tokenizer_from_gguf(*gguf);
    if (!tokenizer) return std::move(tokenizer).error();
    package.tokenizer = std::move(*tokenizer);
    if (base::Status filled = fill_special_tokens(declared_in_gguf(*gguf), package); !filled)
      return std::move(filled).error();
  }
  package.info.container = "gguf";
  const auto* name = metadata<std::string_view>(*gguf, "general.name");
  std::string stem = path.stem().string();
  if (package.files.size() > 1) stem.resize(stem.size() - std::string_view("-00001-of-00002").size());  // open_gguf() saw it there
  package.info.name = name != nullptr ? shown_name(*name) : stem;
  return package;
}

}  // namespace

base::Result<ModelPackage> load_model_package(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(path, ignored);
  auto package = folder ? load_folder(path) : load_gguf(path);
  if (!package) return std::move(package).error().in(base::cat("load model ", path.string()));
  package->family->describe(package->info);
  if (package->tokenizer.n_tokens() > package->info.n_vocab)
    return base::corrupt(base::cat("load model ", path.string(), ": the tokenizer has ", package->tokenizer.n_tokens(),
                                   " tokens, the embedding only ", package->info.n_vocab, " rows"));
  return package;
}

base::Status verify_weights(const ModelPackage& package, const std::function<void(uint64_t bytes)>& progress,
                            std::stop_token stop) {
  uint64_t bytes = 0;
  std::vector<float> row;
  for (const auto& [name, stored] : package.tensors) {
    const TensorView& view = stored.view;
    row.resize(static_cast<size_t>(view.n_in()));
    for (int64_t r = 0; r < view.n_rows(); ++r) {
      dequantize_row(view, r, row);
      bool finite = true;
      for (const float value : row) finite &= std::isfinite(value);
      if (!finite)
        return base::corrupt(base::cat(stored.file, ": tensor ", shown_name(name), ", row ", r, " at byte ",
                                       stored.file_offset + static_cast<uint64_t>(r * view.row_bytes()),
                                       ": a value is infinite or not a number"));
      if (r % 1024 == 0 && stop.stop_requested()) return base::cancelled();
    }
    bytes += static_cast<uint64_t>(view.size_bytes());
    if (progress) progress(bytes);
  }
  return base::ok();
}

}  // namespace engine
