// SPDX-License-Identifier: Apache-2.0
// engine/load/special_tokens.h: which tokens begin and end text and mark the hole of a fill-in-the-middle prompt.
//
// A model's files say it by id or text; where they do not, tokens with the names that model families use are looked up in
// the vocabulary's added tokens: DeepSeek (fullwidth bars), Qwen, StarCoder.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/model_package.h"

namespace engine {

// What the files say, before it is checked against the tokenizer.
struct DeclaredTokens {
  std::optional<int64_t> bos, eos, fim_prefix, fim_suffix, fim_middle;
  std::vector<int64_t> more_ends;  // end of turn and the like
  std::string architecture;   // "model_type" or general.architecture
  std::string chat_template;  // the model's own, as text
  std::optional<bool> add_bos;
  std::string fim_order;                                 // "psm", "spm" or empty
  std::optional<std::vector<std::string>> capabilities;  // nothing: taken from the tokens found
};

// Fills special, add_bos, end_tokens, chat, fim and info.capabilities of a package whose tokenizer is set.
base::Status fill_special_tokens(const DeclaredTokens& declared, ModelPackage& package);

}  // namespace engine
