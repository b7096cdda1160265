// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/fold_tokens.h: one id for all tokens whose texts differ in form, accents, case and blanks alone.
// Engram (kernels/engram.h) hashes these ids, so that "The", " the" and "THE" find the same rows.
//
// Steps    Of a token's text: form KC, accents off, lower case, runs of blanks, tabs and line ends to one blank, blanks
//          off both ends (a blank alone stays). Where nothing is left: the text as it was. Where the token's bytes are
//          no UTF-8 or it holds U+FFFD: its entry as the vocabulary spells it. Equal results share an id, counted by
//          first use.
// Note     Text in the older forms of Hangul and marks out of order count as Hugging Face tokenizers treat them.
// Source   The description of DeepSeek-V4.1's Engram; Hugging Face tokenizers, normalizers
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace engine {

struct FoldedTokens {
  std::vector<int32_t> ids;  // by token; -1 where there is no such token
  int n_ids = 0;
};

FoldedTokens fold_tokens(const Tokenizer& tokenizer);

// The steps for valid UTF-8; empty where nothing is left.
std::string fold_text(std::string_view text);

}  // namespace engine
