// SPDX-License-Identifier: Apache-2.0
// engine/constrain/expression.h: languages of byte strings as expressions, and their derivatives.
//
// What     An expression stands for a set of byte strings: regular operators, intersection and complement, calls of
//          rules (for what nests), and unfoldings: automata whose states are made when they are first reached. Equal
//          expressions have equal ids, so a set of expressions reached by reading bytes stays small and can be
//          memoised.
// Owns     A store owns its expressions; ids mean something in one store alone, and stay as long as it lives.
// Threads  One at a time.
// Bounds   Work is counted. LimitExceeded is thrown past a bound and caught at engine/constrain.h; what was memoised
//          until then stays right.
// Source   Brzozowski, Derivatives of Regular Expressions, 1964; Antimirov, Partial Derivatives, 1996 (arcs).
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/constrain/byte_set.h"
#include "engine/constrain/id_table.h"

namespace engine {

using ExprId = uint32_t;
using RuleId = uint32_t;
inline constexpr ExprId kNothing = 0;    // no string at all
inline constexpr ExprId kEmptyText = 1;  // the empty string alone
inline constexpr ExprId kAnyBytes = 2;   // every byte string
inline constexpr uint32_t kNoLimit = UINT32_MAX;

// Thrown inside engine/constrain alone.
struct LimitExceeded {
  const char* what;
};

// A byte of `bytes`, then `then`. Arcs of one expression do not overlap.
struct Arc {
  ByteSet bytes;
  ExprId then;
};
// A string of rule `rule`, then `then`.
struct CallArc {
  RuleId rule;
  ExprId then;
};

class ExprStore;

// A family of languages, one per state, given by equations: an automaton that is too large to be written out.
class Unfolding {
 public:
  virtual ~Unfolding() = default;
  virtual bool nullable(uint32_t state) const = 0;
  // An equal expression, in which states of this family stand behind a byte or a call. Never kNothing: a state that
  // cannot be completed must not be reachable.
  virtual ExprId unfold(ExprStore& store, uint32_t state) = 0;
};

class ExprStore {
 public:
  ExprStore();
  ExprStore(const ExprStore&) = delete;
  ExprStore& operator=(const ExprStore&) = delete;

  ExprId bytes(const ByteSet& set);
  ExprId byte(int value);
  ExprId text(std::string_view text);
  ExprId concat(ExprId a, ExprId b);
  ExprId concat(std::initializer_list<ExprId> parts);
  ExprId alt(ExprId a, ExprId b);
  ExprId alt(std::vector<ExprId> parts);
  // `a` and `b` must not call rules.
  ExprId both(ExprId a, ExprId b);
  ExprId complement(ExprId a);
  ExprId repeat(ExprId a, uint32_t min, uint32_t max);
  ExprId optional(ExprId a) { return alt(kEmptyText, a); }
  // Rules never have the empty string; who calls one that may be empty writes optional(call(rule)).
  ExprId call(RuleId rule);
  // `calls`: whether what it unfolds to may call rules.
  ExprId unfolding(uint32_t family, uint32_t state, bool calls);
  uint32_t add_family(std::unique_ptr<Unfolding> family);
  // For a family that knows its own number: add_family(nullptr) first.
  void set_family(uint32_t family, std::unique_ptr<Unfolding> made) { families_[family] = std::move(made); }
  // One of many texts, each with what follows it; shared fronts are written once. Equal texts are alternatives.
  ExprId one_of(std::vector<std::pair<std::string_view, ExprId>> texts);
  // `a` without the empty string.
  ExprId non_empty(ExprId a);

  bool nullable(ExprId a) const { return nodes_[a].flags & kNullable; }
  bool has_calls(ExprId a) const { return nodes_[a].flags & kHasCalls; }
  // How many operators are nested, along what is read first; recursion here is as deep as this.
  int height(ExprId a) const { return nodes_[a].height; }

  // What can be read first, and what is left then. Valid until the next call.
  std::span<const Arc> arcs(ExprId a);
  std::span<const CallArc> calls(ExprId a);
  // Whether some string is in `a`; rules count as having one.
  bool alive(ExprId a);
  // Where `a` is a repeat of anything any number of times, less finitely many texts, and then a tail: the same without
  // the exception, else `a`. Both can be gone on with after the same texts.
  ExprId without_exceptions(ExprId a);
  // Where `a` begins with a repeat that cannot end within the next `n` bytes, the same with one that never does (and
  // needs no more turns than those bytes could be): each text of up to `n` bytes may follow the one where it may follow
  // the other, and ends it where it ends it.
  ExprId unbounded_within(ExprId a, uint32_t n);
  // Whether `text` is in `a`, which must not call rules.
  bool matches(ExprId a, std::string_view text);

  size_t size() const { return nodes_.size(); }
  // Work that may still be done before LimitExceeded, about 100 ns a unit. Set anew for each request from outside.
  void set_fuel(uint64_t fuel) { fuel_ = fuel; }
  void burn(uint64_t amount = 1) {
    if (fuel_ < amount) throw LimitExceeded{"work"};
    fuel_ -= amount;
  }

 private:
  enum class Kind : uint8_t { kVoid, kEpsilon, kBytes, kConcat, kAlt, kBoth, kComplement, kRepeat, kCall, kUnfolding };
  enum Flag : uint8_t { kNullable = 1, kHasCalls = 2, kMayBeDead = 4, kKnownAlive = 8, kKnownDead = 16, kFinite = 32 };
  struct Node {
    Kind kind;
    uint8_t flags;
    uint16_t height;
    uint32_t a, b, c;  // kBytes: set; kConcat: two; kAlt, kBoth: list [a, a + b); kRepeat: of, min, max; kCall: rule;
                       // kUnfolding: family, state
  };
  struct Range {
    uint32_t begin, size;
  };
  static constexpr uint32_t kUnknown = UINT32_MAX;

  ExprId intern(Node node, std::span<const ExprId> list);
  std::vector<ExprId> list_of(ExprId a) const;
  std::vector<Arc> make_arcs(ExprId a);
  std::vector<CallArc> make_calls(ExprId a);
  std::vector<Arc> merged(std::vector<Arc> arcs);
  std::vector<Arc> disjoint(std::vector<Arc> arcs);
  bool search_alive(ExprId a);
  uint32_t least_bytes(ExprId a) const;
  static uint64_t hash(const Node& node, std::span<const ExprId> list);

  std::vector<Node> nodes_;
  std::vector<ExprId> lists_;
  IdTable ids_;
  std::vector<ByteSet> sets_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> set_ids_;
  std::vector<std::unique_ptr<Unfolding>> families_;
  std::vector<Range> arc_ranges_, call_ranges_;  // by expression
  std::vector<Arc> arcs_;
  std::vector<CallArc> calls_;
  uint64_t fuel_ = UINT64_MAX;
  int alive_level_ = 0;
};

}  // namespace engine
