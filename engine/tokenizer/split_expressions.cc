// SPDX-License-Identifier: Apache-2.0
// From regular expressions, as tokenizer.json and GGUF's names give them, to splits.
#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "base/utf8.h"
#include "engine/formats/tensor_table.h"
#include "engine/tokenizer/pre_tokenizer.h"

namespace engine {
namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kCl100k =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepseekV3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// The letters of DeepSeek LLM's tokenizer.json: cased letters as Unicode 12 lists them. As numbers, because text tools that
// normalise would change them.
constexpr std::pair<uint32_t, uint32_t> kCasedLetters[] = {
    {0x41, 0x5a},       {0x61, 0x7a},       {0xb5, 0xb5},       {0xc0, 0xd6},       {0xd8, 0xf6},
    {0xf8, 0x1ba},      {0x1bc, 0x1bf},     {0x1c4, 0x293},     {0x295, 0x2af},     {0x370, 0x373},
    {0x376, 0x376},     {0x377, 0x377},     {0x37b, 0x37d},     {0x37f, 0x37f},     {0x386, 0x386},
    {0x388, 0x38a},     {0x38c, 0x38c},     {0x38e, 0x3a1},     {0x3a3, 0x3f5},     {0x3f7, 0x481},
    {0x48a, 0x52f},     {0x531, 0x556},     {0x10a0, 0x10c5},   {0x13a0, 0x13f5},   {0x13f8, 0x13fd},
    {0x1c90, 0x1cba},   {0x1cbd, 0x1cbf},   {0x1d00, 0x1d2b},   {0x1d6b, 0x1d77},   {0x1d79, 0x1d9a},
    {0x1e00, 0x1f15},   {0x1f18, 0x1f1d},   {0x1f20, 0x1f45},   {0x1f48, 0x1f4d},   {0x1f50, 0x1f57},
    {0x1f59, 0x1f59},   {0x1f5b, 0x1f5b},   {0x1f5d, 0x1f5d},   {0x1f5f, 0x1f7d},   {0x1f80, 0x1fb4},
    {0x1fb6, 0x1fbc},   {0x1fbe, 0x1fbe},   {0x1fc2, 0x1fc4},   {0x1fc6, 0x1fcc},   {0x1fd0, 0x1fd3},
    {0x1fd6, 0x1fdb},   {0x1fe0, 0x1fec},   {0x1ff2, 0x1ff4},   {0x1ff6, 0x1ffc},   {0x2102, 0x2102},
    {0x2107, 0x2107},   {0x210a, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211d},   {0x2124, 0x2124},
    {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212a, 0x212d},   {0x212f, 0x2134},   {0x2139, 0x2139},
    {0x213c, 0x213f},   {0x2145, 0x2149},   {0x214e, 0x214e},   {0x2183, 0x2183},   {0x2184, 0x2184},
    {0x2c00, 0x2c7b},   {0x2c7e, 0x2ce4},   {0x2ceb, 0x2cee},   {0x2cf2, 0x2cf2},   {0x2cf3, 0x2cf3},
    {0xa640, 0xa66d},   {0xa680, 0xa69b},   {0xa722, 0xa76f},   {0xa771, 0xa787},   {0xa78b, 0xa78e},
    {0xab70, 0xabbf},   {0xfb00, 0xfb06},   {0xfb13, 0xfb17},   {0xff21, 0xff3a},   {0xff41, 0xff5a},
    {0x10400, 0x1044f}, {0x104b0, 0x104d3}, {0x104d8, 0x104fb}, {0x10c80, 0x10cb2}, {0x10cc0, 0x10cf2},
    {0x118a0, 0x118df}, {0x1e900, 0x1e943}};

struct Reader {
  std::string_view rest;

  bool take(std::string_view literal) {
    if (!rest.starts_with(literal)) return false;
    rest.remove_prefix(literal.size());
    return true;
  }
  std::optional<uint32_t> code_point() {
    if (rest.empty()) return std::nullopt;
    const base::CodePoint c = base::decode_utf8(rest);
    if (!c.valid) return std::nullopt;
    rest.remove_prefix(static_cast<size_t>(c.n_bytes));
    return c.value;
  }
};

// \p{L} and its sisters, and \s.
std::optional<UnicodeClasses> take_property(Reader& r) {
  constexpr std::pair<std::string_view, UnicodeClasses> kProperties[] = {
      {R"(\p{L})", kLetterClasses},
      {R"(\p{M})", class_bit(UnicodeClass::kMark)},
      {R"(\p{N})", class_bit(UnicodeClass::kNumber)},
      {R"(\p{P})", class_bit(UnicodeClass::kPunctuation)},
      {R"(\p{S})", class_bit(UnicodeClass::kSymbol)},
      {R"(\s)", class_bit(UnicodeClass::kSpace)}};
  for (const auto& [text, classes] : kProperties)
    if (r.take(text)) return classes;
  return std::nullopt;
}

// One character of a bracket: itself, or escaped.
std::optional<uint32_t> take_member(Reader& r) {
  if (!r.take("\\")) return r.rest.starts_with("[") || r.rest.starts_with("&&") ? std::nullopt : r.code_point();
  const auto c = r.code_point();
  if (!c) return std::nullopt;
  if (*c == 'r') return '\r';
  if (*c == 'n') return '\n';
  if (*c == 't') return '\t';
  constexpr std::string_view kEscaped = R"(-\[]^.$*+?(){}|/"'#&~ )";
  if (*c < 128 && kEscaped.find(static_cast<char>(*c)) != std::string_view::npos) return c;
  return std::nullopt;
}

std::optional<CharacterClass> take_bracket(Reader& r) {  // after "["
  CharacterClass set;
  while (!r.take("]")) {
    if (const auto property = take_property(r)) {
      set.classes = static_cast<UnicodeClasses>(set.classes | *property);
      continue;
    }
    const auto first = take_member(r);
    if (!first) return std::nullopt;
    std::optional<uint32_t> last = first;
    if (r.rest.starts_with("-") && !r.rest.starts_with("-]")) {
      r.take("-");
      last = take_member(r);
    }
    if (!last || *last < *first) return std::nullopt;
    set.ranges.emplace_back(*first, *last);
  }
  return set;
}

// \s? CLASS [+ | {1,n}]
std::optional<ClassSplit> class_split(std::string_view expression) {
  Reader r{expression};
  ClassSplit split;
  if (expression.size() > 3) split.space_before = r.take(R"(\s?)");
  if (const auto property = take_property(r)) {
    split.set.classes = *property;
  } else {
    if (!r.take("[") || r.rest.starts_with("^")) return std::nullopt;
    const auto set = take_bracket(r);
    if (!set) return std::nullopt;
    split.set = *set;
  }
  if (r.take("+")) {
    split.max = 0;
  } else if (r.rest.size() == 5 && r.rest.starts_with("{1,") && r.rest[3] >= '1' && r.rest[3] <= '9' &&
             r.rest[4] == '}') {
    split.max = r.rest[3] - '0';
    r.rest = {};
  } else {
    split.max = 1;
  }
  if (!r.rest.empty()) return std::nullopt;
  return split;
}

// Some files hold line ends themselves where others write \r and \n.
std::string with_escaped_line_ends(std::string_view expression) {
  std::string out;
  for (const char c : expression) out += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

base::Result<std::vector<Split>> compile_all(std::initializer_list<std::string_view> expressions) {
  std::vector<Split> splits;
  for (const std::string_view expression : expressions) {
    auto split = compile_split(expression);
    if (!split) return std::move(split).error();
    splits.push_back(std::move(*split));
  }
  return splits;
}

}  // namespace

base::Result<Split> compile_split(std::string_view expression) {
  constexpr std::pair<std::string_view, KnownSplit> kKnown[] = {
      {kGpt2, {WholeSplit::kGpt2}},
      {kCl100k, {WholeSplit::kCl100k}},
      {kLlama3, {WholeSplit::kCl100k, 3}},
      {kQwen2, {WholeSplit::kCl100k, 1}},
      {kQwen35, {WholeSplit::kCl100k, 1, true}},
      {kSeedCoder, {WholeSplit::kCl100k, 1, false, false}},
      {kO200k, {WholeSplit::kO200k, 3}},
      {kTekken, {WholeSplit::kO200k, 1, false, true, false}},
      {kDeepseekV3, {WholeSplit::kDeepseekV3}},
      {R"(\s+$)", {WholeSplit::kTrailingSpace}}};
  const std::string spelled = with_escaped_line_ends(expression);
  for (const auto& [text, split] : kKnown)
    if (spelled == text) return Split(split);
  if (auto split = class_split(expression)) return Split(*std::move(split));
  return base::invalid(
      base::cat("the pre-tokenizer splits by the expression ", shown_name(expression), ", which Graft does not know"));
}

base::Result<std::vector<Split>> splits_named(std::string_view name) {
  constexpr std::string_view kLineEnd = "[\r\n]", kHan = "[一-龥ࠀ-一가-퟿]+";
  if (name == "gpt-2" || name == "default") return compile_all({kGpt2});
  if (name == "llama3" || name == "llama-bpe" || name == "llama-v3") return compile_all({kLlama3});
  if (name == "qwen2" || name == "deepseek-r1-qwen") return compile_all({kQwen2});
  if (name == "qwen35") return compile_all({kQwen35});
  if (name == "seed-coder") return compile_all({kSeedCoder});
  if (name == "gpt-4o" || name == "llama4") return compile_all({kO200k});
  if (name == "tekken") return compile_all({kTekken});
  if (name == "starcoder" || name == "smollm" || name == "refact" || name == "command-r")
    return compile_all({R"(\p{N})", kGpt2});
  if (name == "deepseek-v3" || name == "joyai-llm")
    return compile_all({R"(\p{N}{1,3})", "[一-龥\u3040-ゟ゠-ヿ]+", kDeepseekV3});
  if (name == "deepseek-llm") {
    auto splits = compile_all({kLineEnd, "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", R"(\s+$)", kHan, R"(\p{N}+)"});
    ClassSplit words{{{std::begin(kCasedLetters), std::end(kCasedLetters)}}, true, 0};
    if (splits) splits->insert(splits->begin() + 1, std::move(words));
    return splits;
  }
  if (name == "deepseek-coder") return compile_all({kLineEnd, R"(\s?\p{L}+)", R"(\s?\p{P}+)", kHan, R"(\p{N})"});
  return base::invalid(base::cat("the pre-tokenizer \"", shown_name(name),
                                 "\" is not known; known are gpt-2, default, llama-bpe, qwen2, qwen35, seed-coder, gpt-4o, tekken, "
                                 "starcoder, smollm, deepseek-llm, deepseek-coder and deepseek-v3"));
}

}  // namespace engine
