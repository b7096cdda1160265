// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/pre_tokenizer.h: cuts text into the pieces inside which BPE merges.
//
// A pre-tokenizer is a list of splits, each applied to the pieces of the one before; matches and the text between them
// both become pieces ("isolated"). Splits are named by the regular expression that tokenizer.json gives. There is no regex
// engine: a few whole expressions are known and written by hand, and one small form is compiled,
//     \s? CLASS [+ | {1,n}]      with CLASS one of [ranges], \p{L}, \p{M}, \p{N}, \p{P}, \p{S}, \s      and      \s+$
// Anything else is refused by name. Text is bytes: one that is not UTF-8 is a character of no class.
//
// Cost     Linear in the text for every split.
// Source   Expressions of GPT-2, cl100k/Llama 3, Qwen 2 and 3.5, Seed-Coder, o200k/gpt-oss, Mistral's tekken and DeepSeek LLM, Coder and V3,
//          as Oniguruma matches them.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/tokenizer/unicode_class.h"

namespace engine {

// A set of code points: ranges (inclusive) and whole Unicode classes.
struct CharacterClass {
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  UnicodeClasses classes = 0;
  bool contains(uint32_t code_point, bool valid) const;
  bool operator==(const CharacterClass&) const = default;
};

struct ClassSplit {  // \s? CLASS, `min` 1
  CharacterClass set;
  bool space_before = false;
  int max = 0;  // 0: no limit
  bool operator==(const ClassSplit&) const = default;
};
enum class WholeSplit { kGpt2, kCl100k, kO200k, kDeepseekV3, kTrailingSpace };
// One of the whole expressions. The last three members tell the relatives of kCl100k and kO200k apart.
struct KnownSplit {
  WholeSplit kind;
  int max_digits = 0;              // of a piece; 0: no limit
  bool marks_in_words = false;     // kCl100k: \p{M} beside \p{L} in words, and not among signs
  bool line_ends_of_signs = true;  // kCl100k: a run of signs takes the line ends after it
  bool contractions = true;        // kO200k: a word takes 's, 'll and the like after it
  bool operator==(const KnownSplit&) const = default;
};
using Split = std::variant<ClassSplit, KnownSplit>;

// kInvalidArgument quoting an expression that is not one of the above.
base::Result<Split> compile_split(std::string_view expression);

// Splits by the name that GGUF files carry in tokenizer.ggml.pre; kInvalidArgument for other names.
base::Result<std::vector<Split>> splits_named(std::string_view name);

// Pieces of `text` in order, views into it; together they are `text`.
std::vector<std::string_view> pre_tokenize(const std::vector<Split>& splits, std::string_view text);

}  // namespace engine
