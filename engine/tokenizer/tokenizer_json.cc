// SPDX-License-Identifier: Apache-2.0
// tokenizer.json of Hugging Face tokenizers to Tokenizer.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/load/limits.h"
#include "engine/tokenizer/byte_level.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {
namespace {

using base::Json;

base::Error unsupported(std::string_view part) {
  return base::invalid(base::cat("tokenizer.json: ", part, ", which Graft does not support"));
}

bool is_null(const Json& object, const char* key) {
  return !object.contains(key) || object.at(key).is_null();
}

// Text must reach the model as it is: no normaliser, or Unicode's form C.
base::Status read_normalizer(const Json& normalizer, bool nested, TokenizerParts& parts) {
  if (normalizer.is_null()) return base::ok();
  const std::string type = base::json_string(normalizer, "type");
  if (type == "NFC") {
    parts.nfc = true;
    return base::ok();
  }
  if (type == "Sequence" && !nested && normalizer.contains("normalizers") && normalizer["normalizers"].is_array()) {
    for (const Json& inner : normalizer["normalizers"])
      if (base::Status read = read_normalizer(inner, true, parts); !read) return read;
    return base::ok();
  }
  return unsupported(base::cat("the normaliser \"", shown_name(type), "\" would change the text"));
}

base::Status read_split(const Json& split, std::vector<Split>& splits) {
  const Json& pattern = split.contains("pattern") ? split["pattern"] : Json();
  const std::string expression = base::json_string(pattern, "Regex");
  if (expression.empty()) return unsupported("a Split pre-tokenizer without a \"Regex\" pattern");
  auto compiled = compile_split(expression);
  if (!compiled) return std::move(compiled).error().in("tokenizer.json");
  const std::string behavior = base::json_string(split, "behavior");
  const bool inverted = base::json_bool(split, "invert");
  // "Removed" and inverted keeps the matches only; the same where the expression matches everything.
  const auto* known = std::get_if<KnownSplit>(&*compiled);
  const bool matches_all =
      known != nullptr &&
      (known->kind == WholeSplit::kGpt2 || known->kind == WholeSplit::kCl100k || known->kind == WholeSplit::kO200k);
  if (!(behavior == "Isolated" && !inverted) && !(behavior == "Removed" && inverted && matches_all))
    return unsupported(
        base::cat("a Split pre-tokenizer with behavior \"", shown_name(behavior), "\"", inverted ? ", inverted" : ""));
  splits.push_back(std::move(*compiled));
  return base::ok();
}

// One pre-tokenizer, or the parts of a Sequence. `byte_level`: whether text has been turned into the byte alphabet.
base::Status read_pre_tokenizer(const Json& part, bool nested, std::vector<Split>& splits, bool& byte_level) {
  const std::string type = base::json_string(part, "type");
  if (byte_level) return unsupported("a pre-tokenizer after ByteLevel");
  if (type == "Sequence" && !nested) {
    if (!part.contains("pretokenizers") || !part["pretokenizers"].is_array())
      return base::corrupt("tokenizer.json: a Sequence without \"pretokenizers\"");
    for (const Json& inner : part["pretokenizers"])
      if (base::Status read = read_pre_tokenizer(inner, true, splits, byte_level); !read) return read;
    return base::ok();
  }
  if (type == "Split") return read_split(part, splits);
  if (type == "Digits") {
    const bool alone = base::json_bool(part, "individual_digits");
    splits.push_back(ClassSplit{{{}, class_bit(UnicodeClass::kNumber)}, false, alone ? 1 : 0});
    return base::ok();
  }
  if (type == "ByteLevel") {
    if (base::json_bool(part, "add_prefix_space", true)) return unsupported("ByteLevel with add_prefix_space");
    if (base::json_bool(part, "use_regex", true)) splits.push_back(KnownSplit{WholeSplit::kGpt2});
    byte_level = true;
    return base::ok();
  }
  return unsupported(base::cat("the pre-tokenizer \"", shown_name(type), "\""));
}

base::Status check_model(const Json& model) {
  if (const std::string type = base::json_string(model, "type", "BPE"); type != "BPE")
    return unsupported(base::cat("the model \"", shown_name(type), "\""));
  if (!is_null(model, "dropout") && base::json_double(model, "dropout") != 0.0) return unsupported("BPE dropout");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!base::json_string(model, key).empty()) return unsupported(base::cat("the BPE model's ", key));
  if (base::json_bool(model, "byte_fallback")) return unsupported("the BPE model's byte_fallback");
  return base::ok();
}

base::Result<Token> checked_id(const Json& value, std::string_view name) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= static_cast<uint64_t>(kMaxVocab))
    return base::corrupt(
        base::cat("tokenizer.json: the id of ", shown_name(name), " must be a whole number below ", kMaxVocab));
  return static_cast<Token>(value.get<uint64_t>());
}

void place(std::vector<std::string>& entries, Token id, std::string bytes) {
  if (entries.size() <= static_cast<size_t>(id)) entries.resize(static_cast<size_t>(id) + 1);
  entries[static_cast<size_t>(id)] = std::move(bytes);
}

base::Status read_vocabulary(const Json& model, std::unordered_map<std::string, Token>& ids, TokenizerParts& parts) {
  if (!model.contains("vocab") || !model["vocab"].is_object())
    return base::corrupt("tokenizer.json: the model has no \"vocab\"");
  for (const auto& [text, value] : model["vocab"].items()) {
    const auto id = checked_id(value, text);
    if (!id) return id.error();
    if (static_cast<size_t>(*id) < parts.entries.size() && !parts.entries[static_cast<size_t>(*id)].empty())
      return base::corrupt(base::cat("tokenizer.json: two entries of the vocabulary have the id ", *id));
    place(parts.entries, *id, from_byte_level(text).value_or(text));
    ids.emplace(text, *id);
  }
  return base::ok();
}

base::Status read_merges(const Json& model, const std::unordered_map<std::string, Token>& ids, TokenizerParts& parts) {
  if (!model.contains("merges") || !model["merges"].is_array())
    return base::corrupt("tokenizer.json: the model has no \"merges\"");
  for (const Json& merge : model["merges"]) {
    const auto bad = [&](std::string_view problem) {
      return base::corrupt(base::cat("tokenizer.json: merge ", parts.merges.size(), " ", problem));
    };
    std::string left, right;
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const size_t space = text.find(' ');
      if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
        return bad("is not two entries with one space between them");
      left = text.substr(0, space), right = text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>(), right = merge[1].get<std::string>();
    } else {
      return bad("is neither a string nor a pair of strings");
    }
    const auto a = ids.find(left), b = ids.find(right), both = ids.find(left + right);
    if (a == ids.end() || b == ids.end() || both == ids.end())
      return bad(
          base::cat("names an entry that is not in the vocabulary: ", shown_name(a == ids.end()   ? left
                                                                                 : b == ids.end() ? right
                                                                                                  : left + right)));
    parts.merges.push_back({a->second, b->second, both->second});
  }
  return base::ok();
}

base::Status read_added_tokens(const Json& root, TokenizerParts& parts) {
  if (is_null(root, "added_tokens")) return base::ok();
  if (!root["added_tokens"].is_array()) return base::corrupt("tokenizer.json: \"added_tokens\" is no array");
  for (const Json& entry : root["added_tokens"]) {
    AddedToken added;
    added.text = base::json_string(entry, "content");
    const auto id = checked_id(entry.is_object() && entry.contains("id") ? entry["id"] : Json(), added.text);
    if (!id) return id.error();
    added.id = *id;
    added.special = base::json_bool(entry, "special");
    added.second_pass = base::json_bool(entry, "normalized");
    for (const char* key : {"single_word", "lstrip", "rstrip"})
      if (base::json_bool(entry, key))
        return unsupported(base::cat("the added token ", shown_name(added.text), " with ", key));
    if (parts.entries.size() <= static_cast<size_t>(added.id)) parts.entries.resize(static_cast<size_t>(added.id) + 1);
    parts.added.push_back(std::move(added));
  }
  return base::ok();
}

}  // namespace

base::Result<Tokenizer> tokenizer_from_json(std::string_view json_text) {
  auto parsed = base::parse_json(json_text);
  if (!parsed) return std::move(parsed).error().in("tokenizer.json");
  const Json& root = *parsed;
  if (!root.is_object() || !root.contains("model") || !root["model"].is_object())
    return base::corrupt("tokenizer.json: it has no \"model\"");
  TokenizerParts parts;
  if (root.contains("normalizer"))
    if (base::Status read = read_normalizer(root["normalizer"], false, parts); !read) return std::move(read).error();
  bool byte_level = false;
  if (is_null(root, "pre_tokenizer")) return unsupported("no pre-tokenizer");
  if (base::Status read = read_pre_tokenizer(root["pre_tokenizer"], false, parts.splits, byte_level); !read)
    return std::move(read).error();
  if (!byte_level) return unsupported("a pre-tokenizer without ByteLevel");
  const Json& model = root["model"];
  if (base::Status checked = check_model(model); !checked) return std::move(checked).error();
  parts.ignore_merges = base::json_bool(model, "ignore_merges");
  std::unordered_map<std::string, Token> ids;
  if (base::Status read = read_vocabulary(model, ids, parts); !read) return std::move(read).error();
  if (base::Status read = read_merges(model, ids, parts); !read) return std::move(read).error();
  if (base::Status read = read_added_tokens(root, parts); !read) return std::move(read).error();
  auto tokenizer = Tokenizer::make(std::move(parts));
  if (!tokenizer) return std::move(tokenizer).error().in("tokenizer.json");
  return tokenizer;
}

}  // namespace engine
