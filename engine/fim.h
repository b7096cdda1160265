// SPDX-License-Identifier: Apache-2.0
// engine/fim.h: fill-in-the-middle prompts.
//
// Order    psm: [bos] PREFIX before SUFFIX after MIDDLE      (DeepSeek: fim_begin, fim_hole, fim_end)
//          spm: [bos] SUFFIX after PREFIX before MIDDLE
//          The model writes the missing text next and ends it with one of the model's end tokens.
// Source   Bavarian et al., arXiv:2207.14255.
#pragma once
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {

enum class FimOrder { kPsm, kSpm };

struct FimFormat {
  Token prefix, suffix, middle;
  FimOrder order = FimOrder::kPsm;
  std::optional<Token> bos;  // put first
};

// A prompt of at most `max_tokens`. Where the texts need more, the start of the prefix and the end of the suffix are left
// out; the suffix keeps at most a third of the room, and either gives the other what it does not need. kExhausted where not
// even the marks fit. request.max_prompt_tokens is the caller's to resolve; request.path is not used by any known format.
base::Result<std::vector<Token>> make_fim_prompt(const Tokenizer& tokenizer, const FimFormat& format,
                                                 const FimRequest& request, int max_tokens);

}  // namespace engine
