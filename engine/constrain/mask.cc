// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/mask.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace engine {
namespace {

constexpr size_t kKeptBytes = size_t{64} << 20;  // of masks, for one constraint
constexpr size_t kMaxPastEnd = 4096;  // nodes below which tokens go on; more, and walking it all is no slower
constexpr size_t kMaxSearch = 400;    // pairs looked at to prove that a slice may follow as a whole

// Where in a UTF-8 character: 0 between characters; 1, 2, 3: so many continuation bytes to come; 4 to 7: after E0, ED,
// F0, F4, whose next byte has a narrower range. -1: no such byte here.
int utf8_step(int at, int byte) {
  switch (at) {
    case 0:
      if (byte < 0x80) return is_plain_ascii(static_cast<unsigned char>(byte)) ? 0 : -1;
      if (byte < 0xc2 || byte > 0xf4) return -1;
      if (byte < 0xe0) return 1;
      if (byte < 0xf0) return byte == 0xe0 ? 4 : byte == 0xed ? 5 : 2;
      return byte == 0xf0 ? 6 : byte == 0xf4 ? 7 : 3;
    case 4:
      return byte >= 0xa0 && byte <= 0xbf ? 1 : -1;
    case 5:
      return byte >= 0x80 && byte <= 0x9f ? 1 : -1;
    case 6:
      return byte >= 0x90 && byte <= 0xbf ? 2 : -1;
    case 7:
      return byte >= 0x80 && byte <= 0x8f ? 2 : -1;
    default:
      return byte >= 0x80 && byte <= 0xbf ? at - 1 : -1;
  }
}

void add_bits(std::span<uint32_t> to, std::span<const uint32_t> from) {
  for (size_t i = 0; i < to.size(); ++i) to[i] |= from[i];
}

void set_bit(std::span<uint32_t> bits, Token token) {
  bits[static_cast<size_t>(token) / 32] |= 1u << (token % 32);
}

}  // namespace

MaskMaker::MaskMaker(ExprStore& store, Automaton& automaton, std::shared_ptr<const Vocabulary> vocabulary)
    : store_(store), automaton_(automaton), vocabulary_(std::move(vocabulary)) {
  for (const Slice& slice : vocabulary_->slices())
    if (slice.text != SliceText::kAny) {
      int& most = max_plain_bytes_[slice.text == SliceText::kPlainUtf8];
      most = std::max(most, slice.max_bytes);
    }
}

void MaskMaker::mask(StateId state, std::span<uint32_t> bits) {
  if (const auto kept = masks_.find(state); kept != masks_.end()) {
    std::copy(kept->second.begin(), kept->second.end(), bits.begin());
    return;
  }
  make_room();
  std::fill(bits.begin(), bits.end(), 0);
  const std::span<const Item> found = automaton_.items(state);
  const std::vector<Item> items(found.begin(), found.end());
  for (const Item& item : items) add_item(item, bits);
  for (const auto& [token, twin] : vocabulary_->twins())
    if (bits[static_cast<size_t>(token) / 32] >> (token % 32) & 1) set_bit(bits, twin);
  if (automaton_.can_end(state))
    for (const Token end : vocabulary_->ends()) set_bit(bits, end);
  masks_.emplace(state, Bits(bits.begin(), bits.end()));
}

// A string of up to 64 characters is one of any number for the tokens that are shorter, so that most of its mask is one
// that was made before.
void MaskMaker::add_item(const Item& item, std::span<uint32_t> bits) {
  const std::span<const Slice> slices = vocabulary_->slices();
  std::vector<std::pair<ExprId, uint32_t>> parts;  // expression, slices
  for (size_t i = 0; i < slices.size(); ++i) {
    const ExprId expr = store_.unbounded_within(item.expr, static_cast<uint32_t>(slices[i].max_bytes));
    auto part = std::find_if(parts.begin(), parts.end(), [&](const auto& had) { return had.first == expr; });
    if (part == parts.end()) part = parts.insert(part, {expr, 0});
    part->second |= 1u << i;
  }
  for (const auto& [expr, set] : parts) add_part({expr, item.below}, set, bits);
}

void MaskMaker::add_part(const Item& item, uint32_t slices, std::span<uint32_t> bits) {
  if (item.below == kBottom) return add_bits(bits, whole_of(automaton_.alone(item), slices));
  const Split& split = split_of(item.expr, slices);
  if (!split.worth_it) return add_bits(bits, whole_of(automaton_.alone(item), slices));
  add_bits(bits, split.bits);
  const StateId below = automaton_.state_of_stack(item.below);
  for (const Node& node : split.past_end) {
    const std::vector<TrieNode>& nodes = vocabulary_->slices()[node.slice].nodes;
    walk({nodes[node.node].children, nodes[node.node].n_children, below}, nodes, bits, nullptr, 0);
  }
}

const MaskMaker::Split& MaskMaker::split_of(ExprId expr, uint32_t slices) {
  const uint64_t key = uint64_t{expr} << 32 | slices;
  if (const auto kept = splits_.find(key); kept != splits_.end()) return kept->second;
  Split split;
  split.bits.assign(vocabulary_->mask_words(), 0);
  walk_slices(automaton_.alone({expr, kBottom}), slices, split.bits, &split);
  if (!split.worth_it) split = {{}, {}, false};
  return splits_.emplace(key, std::move(split)).first->second;
}

const MaskMaker::Bits& MaskMaker::whole_of(StateId state, uint32_t slices) {
  const uint64_t key = uint64_t{state} << 32 | slices;
  if (const auto kept = wholes_.find(key); kept != wholes_.end()) return kept->second;
  Bits bits(vocabulary_->mask_words(), 0);
  walk_slices(state, slices, bits, nullptr);
  return wholes_.emplace(key, std::move(bits)).first->second;
}

void MaskMaker::walk_slices(StateId state, uint32_t set, Bits& bits, Split* split) {
  const std::span<const Slice> slices = vocabulary_->slices();
  for (uint32_t i = 0; i < slices.size(); ++i) {
    if ((set >> i & 1) == 0) continue;
    const Slice& slice = slices[i];
    if (takes_all(state, slice, split != nullptr)) {
      add_bits(bits, slice.mask);
      continue;
    }
    walk({0, slice.n_roots, state}, slice.nodes, bits, split ? &split->past_end : nullptr, i);
    if (split && split->past_end.size() > kMaxPastEnd) {
      split->worth_it = false;
      return;
    }
  }
}

void MaskMaker::walk(Block first, const std::vector<TrieNode>& nodes, std::span<uint32_t> bits,
                     std::vector<Node>* past_end, uint32_t slice) {
  blocks_.assign(1, first);
  uint64_t visited = 0;
  while (!blocks_.empty()) {
    const Block block = blocks_.back();
    blocks_.pop_back();
    visited += block.size;
    Automaton::Row row = automaton_.row(block.state);
    for (uint32_t i = block.begin; i < block.begin + block.size; ++i) {
      const TrieNode& node = nodes[i];
      StateId to = row[node.byte];
      if (to == kDeadState) continue;
      if (to == Automaton::kUnmadeState) {
        to = automaton_.next(block.state, node.byte);
        row = automaton_.row(block.state);
        if (to == kDeadState) continue;
      }
      if (node.token_ends) set_bit(bits, node.token);
      if (node.n_children == 0) continue;
      blocks_.push_back({node.children, node.n_children, to});
      if (past_end && automaton_.can_end(to)) past_end->push_back({slice, i});
    }
    if (past_end && past_end->size() > kMaxPastEnd) break;
  }
  store_.burn(visited / 32);
}

bool MaskMaker::takes_all(StateId state, const Slice& slice, bool without_end) {
  return slice.text != SliceText::kAny && plain_bytes(state, slice.text, without_end) >= slice.max_bytes;
}

// How many bytes any text of the kind may have and still may follow, up to the longest token; with `without_end`, also
// so that none of it, nor the empty text, is a whole string: then no token within goes on past an end.
int MaskMaker::plain_bytes(StateId state, SliceText text, bool without_end) {
  const uint64_t key = uint64_t{state} << 2 | (text == SliceText::kPlainUtf8 ? 2 : 0) | (without_end ? 1 : 0);
  if (const auto kept = plain_bytes_.find(key); kept != plain_bytes_.end()) return kept->second;
  StateId simpler = state;  // an object's other keys are any but the named ones: no need to look along each name
  if (automaton_.items(state).size() == 1 && !automaton_.can_end(state)) {
    const Item item = automaton_.items(state)[0];
    simpler = automaton_.alone({store_.without_exceptions(item.expr), item.below});
  }
  const int answer =
      simpler == state ? search_plain_bytes(state, text, without_end) : plain_bytes(simpler, text, without_end);
  plain_bytes_.emplace(key, answer);
  return answer;
}

int MaskMaker::search_plain_bytes(StateId start, SliceText text, bool without_end) {
  struct Place {
    StateId state;
    int at, depth;
  };
  const int most = max_plain_bytes_[text == SliceText::kPlainUtf8];
  const int first_beyond = text == SliceText::kPlainAscii ? 0x80 : 0x100;
  if (without_end && automaton_.can_end(start)) return 0;
  // Breadth first: the first text that may not follow is a shortest one.
  std::unordered_set<uint64_t> seen{uint64_t{start} << 3};
  std::vector<Place> queue{{start, 0, 0}};
  for (size_t i = 0; i < queue.size(); ++i) {
    const Place place = queue[i];
    if (place.depth >= most) break;
    if (queue.size() > kMaxSearch) return place.depth;
    store_.burn(2);
    const std::array<uint8_t, 256> classes = automaton_.classes(place.state);
    int class_before = -1, at_before = -1;
    for (int byte = 0x20; byte < first_beyond; ++byte) {
      const int at = utf8_step(place.at, byte);
      if (at < 0 || (classes[static_cast<size_t>(byte)] == class_before && at == at_before)) continue;
      class_before = classes[static_cast<size_t>(byte)];
      at_before = at;
      const StateId to = automaton_.next(place.state, static_cast<uint8_t>(byte));
      if (to == kDeadState || (without_end && automaton_.can_end(to))) return place.depth;
      if (seen.insert(uint64_t{to} << 3 | static_cast<uint64_t>(at)).second) queue.push_back({to, at, place.depth + 1});
    }
  }
  return most;
}

void MaskMaker::make_room() {
  const size_t kept = (masks_.size() + wholes_.size() + splits_.size()) * vocabulary_->mask_words() * 4;
  if (kept > kKeptBytes) {
    masks_.clear();
    wholes_.clear();
    splits_.clear();
  }
  if (plain_bytes_.size() > 1'000'000) plain_bytes_.clear();
}

}  // namespace engine
