// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/ngram_table.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"

namespace agent {
namespace {

using engine::Token;

constexpr std::string_view kMagic = "GRAFTNGM";
constexpr uint32_t kVersion = 1, kMostOrder = 16, kMostVocabulary = 1u << 12;  // twelve bits a token
constexpr uint64_t kMostNgrams = uint64_t{1} << 30;
constexpr size_t kSample = 64;  // contexts
static_assert(std::endian::native == std::endian::little, "the file is used as it lies in memory");

// Takes a file apart from its start on.
class Parts {
 public:
  explicit Parts(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  base::Result<std::span<const T>> take(uint64_t count, std::string_view what) {
    const uint64_t left = bytes_.size() - at_;
    if (count > left / sizeof(T))
      return base::corrupt(
          base::cat("byte ", at_, ": ", what, " of ", count, " entries does not fit; ", left, " bytes are left"));
    const std::span<const T> part(reinterpret_cast<const T*>(bytes_.data() + at_), static_cast<size_t>(count));
    at_ += std::min((part.size_bytes() + 7) / 8 * 8, static_cast<size_t>(left));
    return part;
  }
  size_t n_left() const { return bytes_.size() - at_; }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

}  // namespace

base::Result<NgramTable> NgramTable::open(const std::filesystem::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return std::move(file).error();
  auto table = of(file->bytes());
  if (!table) return std::move(table).error().in("read the table of n-grams " + path.string());
  table->file_ = std::move(*file);
  return table;
}

base::Result<NgramTable> NgramTable::of(std::span<const std::byte> bytes) {
  NgramTable table;
  table.n_bytes_ = bytes.size();
  base::Status status = table.read(bytes);
  if (status) status = table.check();
  if (!status) return std::move(status).error();
  return table;
}

base::Status NgramTable::read(std::span<const std::byte> bytes) {
  Parts parts(bytes);
  const auto magic = parts.take<char>(kMagic.size(), "the file's mark");
  if (!magic) return magic.error();
  if (std::string_view(magic->data(), magic->size()) != kMagic)
    return base::corrupt("byte 0: this is no table of n-grams");
  const auto head = parts.take<uint32_t>(4, "the head");
  if (!head) return head.error();
  const uint32_t version = (*head)[0], n_vocab = (*head)[1], order = (*head)[2];
  if (version != kVersion)
    return base::corrupt(
        base::cat("byte 8: version ", version, " is not known; this program reads version ", kVersion));
  if (n_vocab == 0 || n_vocab > kMostVocabulary)
    return base::corrupt(
        base::cat("byte 12: a vocabulary of ", n_vocab, " tokens; 1 to ", kMostVocabulary, " are possible"));
  if (order < 2 || order > kMostOrder)
    return base::corrupt(base::cat("byte 16: n-grams of ", order, " tokens; 2 to ", kMostOrder, " are possible"));
  const auto mark = parts.take<uint64_t>(1, "the vocabulary's mark");
  if (!mark) return mark.error();
  vocabulary_ = (*mark)[0];
  const auto sizes = parts.take<uint64_t>(order - 1, "the numbers of n-grams");
  if (!sizes) return sizes.error();
  for (const uint64_t size : *sizes)
    if (size > kMostNgrams)
      return base::corrupt(
          base::cat("byte 32: ", size, " n-grams of one length; at most ", kMostNgrams, " are possible"));

  const auto begins = parts.take<uint32_t>(n_vocab + 1, "the index of tokens");
  if (!begins) return begins.error();
  begins_ = *begins;
  for (size_t i = 0; i < sizes->size(); ++i) {
    Level level;
    if (i > 0) {
      const auto samples = parts.take<uint32_t>(((*sizes)[i - 1] + kSample - 1) / kSample, "the index of contexts");
      if (!samples) return samples.error();
      const auto n_followers = parts.take<uint8_t>((*sizes)[i - 1], "the numbers of followers");
      if (!n_followers) return n_followers.error();
      level.samples = *samples, level.n_followers = *n_followers;
    }
    const auto followers = parts.take<uint16_t>((*sizes)[i], "n-grams");
    if (!followers) return followers.error();
    level.followers = *followers;
    levels_.push_back(level);
  }
  if (parts.n_left() > 0) return base::corrupt(base::cat(parts.n_left(), " bytes stand behind the last n-gram"));
  return base::ok();
}

// That every context's followers lie within their level, one context after the other.
base::Status NgramTable::check() const {
  if (begins_.front() != 0 || begins_.back() != levels_[0].followers.size() ||
      !std::is_sorted(begins_.begin(), begins_.end()))
    return base::corrupt("the index of tokens does not cover the 2-grams");
  for (size_t i = 1; i < levels_.size(); ++i) {
    const Level& level = levels_[i];
    uint64_t n = 0;
    for (size_t context = 0; context < level.n_followers.size(); ++context) {
      if (context % kSample == 0 && level.samples[context / kSample] != n)
        return base::corrupt(
            base::cat("the index of contexts of ", i + 1, " tokens is wrong from context ", context, " on"));
      n += level.n_followers[context];
    }
    if (n != level.followers.size())
      return base::corrupt(base::cat("contexts of ", i + 1, " tokens have ", n, " followers, and ",
                                     level.followers.size(), " are there"));
  }
  return base::ok();
}

size_t NgramTable::n_ngrams() const {
  size_t n = 0;
  for (const Level& level : levels_) n += level.followers.size();
  return n;
}

NgramTable::Range NgramTable::followers_of(size_t level, size_t context) const {
  if (level == 0) return {begins_[context], begins_[context + 1]};
  const Level& l = levels_[level];
  size_t begin = l.samples[context / kSample];
  for (size_t i = context / kSample * kSample; i < context; ++i) begin += l.n_followers[i];
  return {begin, begin + l.n_followers[context]};
}

std::vector<Share> NgramTable::after(std::span<const Token> context) const {
  const auto in_vocabulary = [&](Token token) { return token >= 0 && static_cast<size_t>(token) < n_vocab(); };
  if (context.empty() || context.size() > levels_.size() || !in_vocabulary(context[0])) return {};
  size_t number = static_cast<size_t>(context[0]);
  for (size_t level = 0; level + 1 < context.size(); ++level) {
    if (!in_vocabulary(context[level + 1])) return {};
    const Range range = followers_of(level, number);
    const auto followers = levels_[level].followers.subspan(range.begin, range.end - range.begin);
    const auto token = static_cast<uint16_t>(context[level + 1]);
    const auto found = std::lower_bound(followers.begin(), followers.end(), token,
                                        [](uint16_t gram, uint16_t t) { return gram >> 4 < t; });
    if (found == followers.end() || *found >> 4 != token) return {};
    number = range.begin + static_cast<size_t>(found - followers.begin());
  }
  const Range range = followers_of(context.size() - 1, number);
  std::vector<Share> shares;
  for (size_t i = range.begin; i < range.end; ++i) {
    const uint16_t gram = levels_[context.size() - 1].followers[i];
    const auto token = static_cast<Token>(gram >> 4);
    if (!in_vocabulary(token) || (!shares.empty() && shares.back().token >= token)) continue;  // a damaged file's
    shares.push_back({token, std::exp2(-(gram & 15) / 2.0)});
  }
  return shares;
}

uint64_t vocabulary_mark(int n_vocab, const SpellToken& spell) {
  uint64_t mark = 0xcbf29ce484222325U;
  const auto take = [&](uint8_t byte) { mark = (mark ^ byte) * 0x100000001b3U; };
  for (Token token = 0; token < n_vocab; ++token) {
    for (const char c : spell(token)) take(static_cast<uint8_t>(c));
    take(0xFF);
  }
  return mark;
}

std::filesystem::path NgramTable::path_beside(const engine::ModelInfo& model) {
  std::filesystem::path path = model.path;
  std::error_code error;
  if (path.empty() || !model.has_tokenizer ||
      !std::filesystem::is_regular_file(path.replace_extension(".ngrams"), error))
    return {};
  return path;
}

base::Result<NgramTable> NgramTable::open_for(const engine::ModelInfo& model, const std::filesystem::path& path,
                                              const SpellToken& spell) {
  auto table = open(path);
  if (!table) return table;
  if (table->n_vocab() != static_cast<size_t>(model.n_vocab) ||
      table->vocabulary() != vocabulary_mark(model.n_vocab, spell))
    return base::invalid(
        base::cat(path.string(), " was made for another vocabulary than ", model.name, "'s and is not used"));
  return table;
}

std::shared_ptr<const NgramTable> NgramTable::beside(const engine::Engine& model) {
  const std::filesystem::path path = path_beside(model.info());
  if (path.empty()) return nullptr;
  auto table = open_for(model.info(), path, [&](Token token) { return model.detokenize({&token, 1}); });
  if (table) return std::make_shared<const NgramTable>(std::move(*table));
  base::log(base::LogLevel::kWarning, table.error().message);
  return nullptr;
}

}  // namespace agent
