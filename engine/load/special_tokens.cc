// SPDX-License-Identifier: Apache-2.0
#include "engine/load/special_tokens.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace engine {
namespace {

constexpr std::array<std::string_view, 4> kCapabilities = {"fim", "line_edit", "tools", "thinking"};

// A declared id, checked; else the first of the families' names that the tokenizer has.
base::Result<std::optional<Token>> resolve(const Tokenizer& tokenizer, std::string_view what,
                                           std::optional<int64_t> declared,
                                           std::initializer_list<std::string_view> names) {
  if (declared) {
    if (*declared < 0 || *declared >= tokenizer.n_tokens())
      return base::corrupt(base::cat("the ", what, " token has the id ", *declared, "; the tokenizer has ",
                                     tokenizer.n_tokens(), " tokens"));
    return std::optional<Token>(static_cast<Token>(*declared));
  }
  for (const std::string_view name : names)
    if (auto id = tokenizer.added_token(name)) return id;
  return std::optional<Token>();
}

}  // namespace

base::Status fill_special_tokens(const DeclaredTokens& declared, ModelPackage& package) {
  const Tokenizer& t = package.tokenizer;
  SpecialTokens& special = package.special;
  struct Wanted {
    std::optional<Token>* place;
    std::string_view what;
    std::optional<int64_t> id;
    std::initializer_list<std::string_view> names;
  };
  const Wanted wanted[] = {
      {&special.bos, "begin-of-text", declared.bos, {"<｜begin▁of▁sentence｜>"}},
      {&special.eos, "end-of-text", declared.eos, {"<｜end▁of▁sentence｜>", "<|endoftext|>"}},
      {&special.fim_prefix, "FIM prefix", declared.fim_prefix, {"<｜fim▁begin｜>", "<|fim_prefix|>", "<fim_prefix>"}},
      {&special.fim_suffix, "FIM suffix", declared.fim_suffix, {"<｜fim▁hole｜>", "<|fim_suffix|>", "<fim_suffix>"}},
      {&special.fim_middle, "FIM middle", declared.fim_middle, {"<｜fim▁end｜>", "<|fim_middle|>", "<fim_middle>"}},
  };
  for (const Wanted& w : wanted) {
    auto found = resolve(t, w.what, w.id, w.names);
    if (!found) return std::move(found).error();
    *w.place = *found;
  }
  package.add_bos = declared.add_bos.value_or(special.bos.has_value()) && special.bos.has_value();

  std::vector<Token>& ends = package.end_tokens;
  for (const auto& token : {special.eos, special.fim_prefix, special.fim_suffix, special.fim_middle,
                            t.added_token("<|EOT|>"), t.added_token("<|im_end|>"), t.added_token("<|eot_id|>"),
                            t.added_token("<|eom_id|>"), t.added_token("<|return|>"), t.added_token("<|call|>")})
    if (token) ends.push_back(*token);
  for (const int64_t id : declared.more_ends) {
    auto end = resolve(t, "end-of-turn", id, {});
    if (!end) return std::move(end).error();
    ends.push_back(**end);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  package.chat_template = declared.chat_template;
  package.chat = find_chat_format(declared.architecture, declared.chat_template,
                                  [&](std::string_view text) { return t.added_token(text); });

  const bool has_marks = special.fim_prefix && special.fim_suffix && special.fim_middle;
  auto& capabilities = package.info.capabilities;
  if (declared.capabilities) {
    for (const std::string& name : *declared.capabilities)
      if (std::find(kCapabilities.begin(), kCapabilities.end(), name) != kCapabilities.end())
        capabilities.push_back(name);
  } else {
    if (has_marks) capabilities.emplace_back("fim");
    if (package.chat && package.chat->has_tools()) capabilities.emplace_back("tools");
    if (package.chat && package.chat->has_thinking()) capabilities.emplace_back("thinking");
  }
  const bool fim = std::find(capabilities.begin(), capabilities.end(), "fim") != capabilities.end();
  if (fim && !has_marks)
    return base::corrupt("the model declares \"fim\", but its tokenizer lacks a FIM prefix, suffix or middle token");
  if (!declared.fim_order.empty() && declared.fim_order != "psm" && declared.fim_order != "spm")
    return base::invalid(
        base::cat("graft.fim_order is \"", shown_name(declared.fim_order), "\"; Graft knows psm and spm"));
  if (fim)
    package.fim = FimFormat{*special.fim_prefix, *special.fim_suffix, *special.fim_middle,
                            declared.fim_order == "spm" ? FimOrder::kSpm : FimOrder::kPsm,
                            package.add_bos ? special.bos : std::nullopt};
  return base::ok();
}

}  // namespace engine
