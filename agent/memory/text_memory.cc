// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/text_memory.h"

#include <algorithm>
#include <bit>

namespace agent {
namespace {

using engine::Token;

constexpr Token kEdge = LineState::kEdge;        // stands before each text and matches nothing
constexpr std::array<size_t, 3> kKeys{6, 3, 1};  // tokens of a match's keys
// Places looked at for one key, nearest first. What a text said last is what it says next; the rest is only counted
// less exactly.
constexpr size_t kMostPlaces = 256;
constexpr size_t kMostTokens = 1u << 24;
constexpr size_t kRecentTokens = 4096;
constexpr size_t kMostSeen = 64;                          // times that the latest counts
constexpr double kDiscount = 0.75, kLeastUnknown = 0.01;  // of a table

// `tokens`, any order -> an expert; none for none.
void add_counted(size_t number, std::vector<Token> tokens, std::vector<Expert>& experts) {
  if (tokens.empty()) return;
  std::sort(tokens.begin(), tokens.end());
  Expert expert{.number = number, .n_seen = static_cast<double>(tokens.size()), .shares = {}};
  for (const Token token : tokens) {
    if (expert.shares.empty() || expert.shares.back().token != token) expert.shares.push_back({token, 0});
    expert.shares.back().share += 1 / expert.n_seen;
  }
  experts.push_back(std::move(expert));
}

}  // namespace

LineBreaks line_breaks_of(const engine::Engine& model) {
  auto breaks = std::make_shared<std::vector<bool>>();
  if (!model.info().has_tokenizer) return breaks;
  for (Token token = 0; token < model.info().n_vocab; ++token)
    breaks->push_back(model.detokenize({&token, 1}).find('\n') != std::string::npos);
  return breaks;
}

void LineState::pass(Token token, bool breaks) {
  if (token == kEdge) {
    *this = {};
  } else if (breaks) {
    *this = {.ended_by = token, .first = kNone, .before = first};
  } else if (first == kNone) {
    first = token;
  }
}

TextMemory::TextMemory(LineBreaks breaks) : breaks_(std::move(breaks)) {}

bool TextMemory::breaks(Token token) const {
  return breaks_ && token >= 0 && static_cast<size_t>(token) < breaks_->size() &&
         (*breaks_)[static_cast<size_t>(token)];
}

uint32_t TextMemory::Key::hash() const {
  uint64_t h = 0x9e3779b97f4a7c15U;
  for (size_t i = 0; i < n; ++i) h = (h ^ static_cast<uint32_t>(values[i])) * 0xbf58476d1ce4e5b9U, h ^= h >> 29;
  return static_cast<uint32_t>(h >> 16);
}

// `before`: what stands before the place, edges of texts among it; `line`: the state there.
TextMemory::Key TextMemory::key_of(Way way, std::span<const Token> before, const LineState& line) {
  const auto back = [&](size_t n) { return before.size() < n ? kEdge : before[before.size() - n]; };
  switch (way) {
    case kWayInLine:
      if (line.first == LineState::kNone) return {};
      return {{line.ended_by, line.first}, 2};
    case kWayBehind:
      return {{line.ended_by, line.first, line.first == LineState::kNone ? line.before : back(1)}, 3};
    case kWaySkipped:
      if (back(1) == kEdge || back(2) == kEdge) return {};
      return {{back(2)}, 1};
    default: {
      Key key{{}, kKeys[way]};
      for (size_t n = 1; n <= key.n; ++n) {
        key.values[key.n - n] = back(n);
        if (back(n) == kEdge) return {};
      }
      return key;
    }
  }
}

TextMemory::Key TextMemory::key_at(Way way, size_t position) const {
  if (tokens_[position] == kEdge) return {};
  return key_of(way, std::span(tokens_).first(position), lines_[position]);
}

void TextMemory::clear() {
  tokens_.clear(), lines_.clear(), recent_.clear();
  end_ = {};
  for (Chains& chains : chains_) chains.last.clear(), chains.before.clear();
}

void TextMemory::add(std::span<const Token> text) {
  const Token edge = kEdge;
  extend({&edge, 1});
  extend(text);
}

void TextMemory::extend(std::span<const Token> more) {
  if (tokens_.empty() && (more.empty() || more.front() != kEdge)) add({});
  if (more.size() > kMostTokens - std::min(kMostTokens, tokens_.size())) return;
  for (const Token token : more) {
    lines_.push_back(end_);
    end_.pass(token, breaks(token));
    tokens_.push_back(token);
    count_recent(tokens_.size() - 1);
  }
  for (size_t way = 0; way < kWays; ++way) link(static_cast<Way>(way));
}

void TextMemory::count_recent(size_t position) {
  if (position >= kRecentTokens && tokens_[position - kRecentTokens] >= 0)
    --recent_[static_cast<size_t>(tokens_[position - kRecentTokens])];
  if (tokens_[position] < 0) return;
  const auto token = static_cast<size_t>(tokens_[position]);
  if (token >= recent_.size()) recent_.resize(token + 1);
  ++recent_[token];
}

void TextMemory::link(Way way) {
  Chains& chains = chains_[way];
  size_t unlinked = chains.before.size();
  chains.before.resize(tokens_.size(), -1);
  if (chains.last.size() < tokens_.size()) {  // too many would share a hash
    chains.last.assign(std::bit_ceil(2 * tokens_.size()), -1);
    unlinked = 0;
  }
  for (size_t position = unlinked; position < tokens_.size(); ++position) {
    const Key key = key_at(way, position);
    if (key.n == 0) continue;
    int32_t& last = chains.last[key.hash() & (chains.last.size() - 1)];
    chains.before[position] = last;
    last = static_cast<int32_t>(position);
  }
}

// Calls visit(position) of the places of a key, the latest first.
template <typename Visit>
void TextMemory::visit(Way way, const Key& key, Visit visit) const {
  const Chains& chains = chains_[way];
  if (key.n == 0 || chains.last.empty()) return;
  size_t n_places = 0;
  for (int32_t at = chains.last[key.hash() & (chains.last.size() - 1)]; at >= 0 && n_places < kMostPlaces;
       at = chains.before[static_cast<size_t>(at)], ++n_places)
    if (key_at(way, static_cast<size_t>(at)) == key) visit(static_cast<size_t>(at));
}

std::vector<TextMemory::Follower> TextMemory::followers(std::span<const Token> context) const {
  std::vector<Follower> found;
  size_t longest_left = kLongestMatch;  // longer matches were found under a longer key
  for (const Way way : {kMatch6, kMatch3, kMatch1}) {
    visit(way, key_of(way, context, {}), [&](size_t position) {
      size_t n = kKeys[way];
      while (n < kLongestMatch && n < context.size() && n < position &&
             tokens_[position - 1 - n] == context[context.size() - 1 - n])
        ++n;
      if (n <= longest_left) found.push_back({tokens_[position], static_cast<uint32_t>(n), position});
    });
    longest_left = kKeys[way] - 1;
  }
  return found;
}

TextMemory::Knowledge TextMemory::knowledge(std::span<const Token> context, size_t n_vocab) const {
  Knowledge known;
  if (context.empty()) return known;
  context = context.last(std::min(context.size(), kContext));
  std::vector<Follower> found = followers(context);
  std::erase_if(found, [&](const Follower& f) { return static_cast<size_t>(f.token) >= n_vocab; });
  for (const Follower& f : found) known.longest_match = std::max<size_t>(known.longest_match, f.n_matched);
  ask_matches(found, known.experts);
  ask_table(context, n_vocab, known.experts);
  ask_places(context, n_vocab, found, known.experts);
  return known;
}

void TextMemory::ask_matches(std::span<const Follower> found, std::vector<Expert>& experts) const {
  for (size_t k = 0; k < kMemoryExperts; ++k) {
    std::vector<Token> tokens;
    for (const Follower& f : found)
      if (f.n_matched >= kMemoryMatches[k]) tokens.push_back(f.token);
    add_counted(1 + k, std::move(tokens), experts);
  }
}

// How often a context was seen is guessed from its unknown mass, which absolute discounting makes of kinds and times.
void TextMemory::ask_table(std::span<const Token> context, size_t n_vocab, std::vector<Expert>& experts) const {
  for (size_t k = 0; table_ && k < kTableExperts; ++k) {
    if (kTableContexts[k] > context.size()) break;
    Expert expert{
        .number = 1 + kMemoryExperts + k, .n_seen = 0, .shares = table_->after(context.last(kTableContexts[k]))};
    std::erase_if(expert.shares, [&](const Share& share) { return static_cast<size_t>(share.token) >= n_vocab; });
    if (expert.shares.empty()) continue;
    double known = 0;
    for (const Share& share : expert.shares) known += share.share;
    for (Share& share : expert.shares) share.share /= known;
    expert.n_seen = kDiscount * static_cast<double>(expert.shares.size()) / std::max(kLeastUnknown, 1 - known);
    experts.push_back(std::move(expert));
  }
}

void TextMemory::ask_places(std::span<const Token> context, size_t n_vocab, std::span<const Follower> found,
                            std::vector<Expert>& experts) const {
  Expert recent{.number = kRecent, .n_seen = 0, .shares = {}};
  for (size_t token = 0; token < std::min(n_vocab, recent_.size()); ++token) {
    if (recent_[token] == 0) continue;
    recent.shares.push_back({static_cast<Token>(token), static_cast<double>(recent_[token])});
    recent.n_seen += recent.shares.back().share;
  }
  for (Share& share : recent.shares) share.share /= recent.n_seen;
  if (!recent.shares.empty()) experts.push_back(std::move(recent));

  LineState line;
  for (const Token token : context) line.pass(token, breaks(token));
  const auto ask = [&](PlaceExpert number, Way way) {
    std::vector<Token> tokens;
    visit(way, key_of(way, context, line), [&](size_t position) {
      if (static_cast<size_t>(tokens_[position]) < n_vocab) tokens.push_back(tokens_[position]);
    });
    add_counted(number, std::move(tokens), experts);
  };
  ask(kInLine, kWayInLine);
  ask(kBehindInLine, kWayBehind);
  ask(kSkipped, kWaySkipped);

  if (found.empty()) return;
  const auto latest = std::max_element(found.begin(), found.end(),
                                       [](const Follower& a, const Follower& b) { return a.position < b.position; });
  experts.push_back({.number = kLatest,
                     .n_seen = static_cast<double>(std::min(found.size(), kMostSeen)),
                     .shares = {{latest->token, 1}}});
}

void TextMemory::mix(std::span<const Token> context, std::span<float> logits) const {
  const Knowledge known = knowledge(context, logits.size());
  mix_experts(known.experts, known.longest_match, logits);
}

}  // namespace agent
