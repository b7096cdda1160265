// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/vocabulary.h"

#include <algorithm>

#include "base/utf8.h"

namespace engine {
namespace {

// Lengths at which plain ASCII is cut, and at which all that is neither that nor UTF-8: strings with a limit soon have
// no room for the longest tokens, but for the others.
constexpr int kCuts[] = {3, 6, 10, 20}, kOtherCuts[] = {4, 8, 16};
constexpr size_t kMaxPlainUtf8 = 12;     // bytes; each more makes the proof that all may follow longer, for few tokens
constexpr size_t kMaxTokenBytes = 4096;  // a longer token is never offered, and no vocabulary has one

constexpr size_t kUtf8Slice = std::size(kCuts) + 1, kSlices = kUtf8Slice + 1 + std::size(kOtherCuts) + 1;

size_t slice_of(std::string_view bytes) {
  bool ascii = true, plain = true;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    ascii &= byte < 0x80;
    plain &= byte >= 0x80 || is_plain_ascii(byte);
  }
  const auto cut = [&](std::span<const int> cuts) {
    const auto fits = [&](int most) { return static_cast<int>(bytes.size()) <= most; };
    return static_cast<size_t>(std::find_if(cuts.begin(), cuts.end(), fits) - cuts.begin());
  };
  if (ascii && plain) return cut(kCuts);
  if (plain && bytes.size() <= kMaxPlainUtf8 && base::is_utf8(bytes)) return kUtf8Slice;
  return kUtf8Slice + 1 + cut(kOtherCuts);
}

// Puts the trie of `order`, tokens sorted by their bytes, each once, none empty, into `slice`.
void make_trie(const std::vector<std::string>& bytes_of, const std::vector<Token>& order, Slice& slice) {
  struct Group {  // tokens [begin, end) agree in their first `depth` bytes, which lead to `node`
    size_t begin, end, depth;
    uint32_t node;
  };
  constexpr uint32_t kRoot = UINT32_MAX;
  std::vector<TrieNode>& nodes = slice.nodes;
  std::vector<Group> groups{{0, order.size(), 0, kRoot}};
  const auto bytes = [&](size_t i) { return std::string_view(bytes_of[static_cast<size_t>(order[i])]); };
  while (!groups.empty()) {
    Group group = groups.back();
    groups.pop_back();
    if (group.node != kRoot && bytes(group.begin).size() == group.depth) {
      nodes[group.node].token_ends = true;
      nodes[group.node].token = order[group.begin++];
    }
    const auto children = static_cast<uint32_t>(nodes.size());
    for (size_t from = group.begin; from < group.end;) {
      const char byte = bytes(from)[group.depth];
      size_t to = from + 1;
      while (to < group.end && bytes(to)[group.depth] == byte) ++to;
      groups.push_back({from, to, group.depth + 1, static_cast<uint32_t>(nodes.size())});
      nodes.push_back({static_cast<uint8_t>(byte), false, 0, 0, 0});
      from = to;
    }
    const auto n_children = static_cast<uint32_t>(nodes.size()) - children;
    if (group.node == kRoot) {
      slice.n_roots = n_children;
    } else {
      nodes[group.node].children = children;
      nodes[group.node].n_children = static_cast<uint16_t>(n_children);
    }
  }
}

}  // namespace

bool is_plain_ascii(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

bool Vocabulary::is_end(Token token) const {
  return std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

std::shared_ptr<const Vocabulary> Vocabulary::make(std::vector<std::string> bytes_of, std::vector<Token> ends) {
  std::shared_ptr<Vocabulary> made(new Vocabulary);
  for (const Token end : ends)
    if (end >= 0 && static_cast<size_t>(end) < bytes_of.size()) made->ends_.push_back(end);
  for (const Token end : made->ends_) bytes_of[static_cast<size_t>(end)].clear();
  for (std::string& bytes : bytes_of) {
    if (bytes.size() > kMaxTokenBytes) bytes.clear();
    made->max_bytes_ = std::max(made->max_bytes_, bytes.size());
  }
  made->bytes_of_ = std::move(bytes_of);

  std::vector<Token> order;
  for (Token token = 0; token < made->n_tokens(); ++token)
    if (!made->bytes_of(token).empty()) order.push_back(token);
  std::sort(order.begin(), order.end(), [&](Token a, Token b) {
    const auto x = made->bytes_of(a), y = made->bytes_of(b);
    return x != y ? x < y : a < b;
  });
  std::vector<std::vector<Token>> members(kSlices);
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && made->bytes_of(order[i]) == made->bytes_of(order[i - 1])) {
      made->twins_.push_back({made->twins_.empty() || made->twins_.back().second != order[i - 1]
                                  ? order[i - 1]
                                  : made->twins_.back().first,
                              order[i]});
      continue;
    }
    members[slice_of(made->bytes_of(order[i]))].push_back(order[i]);
  }
  for (size_t i = 0; i < kSlices; ++i) {
    if (members[i].empty()) continue;
    Slice slice;
    slice.text = i < kUtf8Slice ? SliceText::kPlainAscii : i == kUtf8Slice ? SliceText::kPlainUtf8 : SliceText::kAny;
    slice.max_bytes = 0;
    for (const Token token : members[i])
      slice.max_bytes = std::max(slice.max_bytes, static_cast<int>(made->bytes_of(token).size()));
    make_trie(made->bytes_of_, members[i], slice);
    slice.mask.assign(made->mask_words(), 0);
    for (const Token token : members[i]) slice.mask[static_cast<size_t>(token) / 32] |= 1u << (token % 32);
    made->slices_.push_back(std::move(slice));
  }
  return made;
}

std::shared_ptr<const Vocabulary> Vocabulary::of(const Engine& engine) {
  const int n = engine.info().n_vocab;
  std::vector<std::string> bytes_of(static_cast<size_t>(std::max(0, n)));
  std::vector<Token> ends;
  for (Token token = 0; token < n; ++token) {
    if (engine.ends_generation(token))
      ends.push_back(token);
    else if (!engine.is_special(token))
      bytes_of[static_cast<size_t>(token)] = engine.detokenize({&token, 1});
  }
  return make(std::move(bytes_of), std::move(ends));
}

}  // namespace engine
