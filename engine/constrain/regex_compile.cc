// SPDX-License-Identifier: Apache-2.0
// compile_regex of engine/constrain/regex.h. Assertions are taken apart first: a pattern becomes alternatives, each a
// row of parts without assertions and of ^, $ and lookaheads between them; what these mean is then settled from the
// right.
#include "base/strings.h"
#include "engine/constrain/regex.h"

namespace engine {
namespace {

using Kind = RegexNode::Kind;
using Row = std::vector<int>;  // nodes

constexpr size_t kMaxRows = 256;

struct NotSupported {
  const char* what;
};

class Compiler {
 public:
  Compiler(ExprStore& store, const Regex& regex, Spelling spelling)
      : store_(store),
        regex_(regex),
        any_(store.repeat(one_character(store, CodePoints::all(), spelling), 0, kNoLimit)),
        spelling_(spelling),
        plain_(regex.nodes.size(), kUnknown) {}

  ExprId compile(RegexMatch match) {
    const bool whole = match == RegexMatch::kWhole;
    return rows_to_expr(regex_.root, whole, whole, false);
  }

 private:
  static constexpr ExprId kUnknown = UINT32_MAX;
  const RegexNode& node(int id) const { return regex_.nodes[static_cast<size_t>(id)]; }

  // The language of `root`, where what stands before is nothing (`at_begin`) or any text, and so after it.
  ExprId rows_to_expr(int root, bool at_begin, bool at_end, bool ahead) {
    std::vector<ExprId> all;
    for (const Row& row : rows(root)) all.push_back(row_to_expr(row, at_begin, at_end, ahead));
    return store_.alt(std::move(all));
  }

  // `ahead`: the row is a lookahead's; what is before it is another matter.
  ExprId row_to_expr(const Row& row, bool at_begin, bool at_end, bool ahead) {
    size_t from = 0, to = row.size();
    for (size_t i = 0; i < row.size(); ++i)
      if (node(row[i]).kind == Kind::kBegin) from = i + 1;
    for (size_t i = row.size(); i-- > 0;)
      if (node(row[i]).kind == Kind::kEnd) to = i;
    if (ahead && from > 0) throw NotSupported{"^ inside a lookahead is not supported"};
    // Before ^ and after $ there is no text: parts there must take none.
    const bool begins = at_begin || from > 0, ends = at_end || to < row.size();
    ExprId rest = ends ? kEmptyText : any_;
    for (size_t i = row.size(); i-- > 0;) {
      const RegexNode& part = node(row[i]);
      if (part.kind == Kind::kBegin || part.kind == Kind::kEnd) continue;
      if (part.kind == Kind::kLookahead) {
        const ExprId shown = rows_to_expr(part.of[0], true, false, true);
        rest = store_.both(rest, part.negative ? store_.complement(shown) : shown);
      } else if (i < from || i >= to) {
        if (!store_.nullable(plain(row[i]))) return kNothing;
      } else {
        rest = store_.concat(plain(row[i]), rest);
      }
    }
    return begins || ahead ? rest : store_.concat(any_, rest);
  }

  std::vector<Row> rows(int id) {
    const RegexNode& n = node(id);
    if (!n.asserts || n.kind == Kind::kBegin || n.kind == Kind::kEnd || n.kind == Kind::kLookahead) return {{id}};
    std::vector<Row> all;
    if (n.kind == Kind::kAlt) {
      for (const int part : n.of)
        for (Row& row : rows(part)) all.push_back(std::move(row));
    } else if (n.kind == Kind::kConcat) {
      all.push_back({});
      for (const int part : n.of) {
        const std::vector<Row> next = rows(part);
        std::vector<Row> longer;
        if (all.size() * next.size() > kMaxRows) throw NotSupported{"assertions stand in too many alternatives"};
        for (const Row& front : all)
          for (const Row& back : next) {
            longer.push_back(front);
            longer.back().insert(longer.back().end(), back.begin(), back.end());
          }
        all = std::move(longer);
      }
    } else {
      throw NotSupported{"^, $ and lookahead inside a repeat are not supported"};
    }
    if (all.size() > kMaxRows) throw NotSupported{"assertions stand in too many alternatives"};
    return all;
  }

  // A node without assertions.
  ExprId plain(int id) {
    ExprId& known = plain_[static_cast<size_t>(id)];
    if (known != kUnknown) return known;
    const RegexNode& n = node(id);
    ExprId made = kEmptyText;
    switch (n.kind) {
      case Kind::kSet:
        made = one_character(store_, n.set, spelling_);
        break;
      case Kind::kConcat:
        for (size_t i = n.of.size(); i-- > 0;) made = store_.concat(plain(n.of[i]), made);
        break;
      case Kind::kAlt: {
        std::vector<ExprId> parts;
        for (const int part : n.of) parts.push_back(plain(part));
        made = store_.alt(std::move(parts));
        break;
      }
      case Kind::kRepeat:
        made = store_.repeat(plain(n.of[0]), n.min, n.max);
        break;
      default:
        break;
    }
    return plain_[static_cast<size_t>(id)] = made;
  }

  ExprStore& store_;
  const Regex& regex_;
  const ExprId any_;  // any text
  const Spelling spelling_;
  std::vector<ExprId> plain_;  // by node
};

}  // namespace

base::Result<ExprId> compile_regex(ExprStore& store, std::string_view pattern, RegexMatch match, Spelling spelling) {
  auto regex = parse_regex(pattern);
  if (!regex) return std::move(regex).error();
  try {
    return Compiler(store, *regex, spelling).compile(match);
  } catch (const NotSupported& problem) {
    return base::invalid(
        base::cat("Pattern `", pattern.substr(0, 80), pattern.size() > 80 ? "...`: " : "`: ", problem.what, "."));
  }
}

}  // namespace engine
