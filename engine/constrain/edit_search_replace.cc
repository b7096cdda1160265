// SPDX-License-Identifier: Apache-2.0
// SEARCH/REPLACE blocks as a language: a file's path, then blocks whose SEARCH side is a span of lines that occurs once.
#include <algorithm>
#include <memory>

#include "base/strings.h"
#include "engine/constrain/edit_parts.h"
#include "engine/constrain/unique_spans.h"

namespace engine {
namespace {

constexpr size_t kUsualMark = 7, kLongestMark = 40;

// The length of the mark that a reader may see in `line`; 0: none.
size_t mark_length(std::string_view line) {
  line = base::trim(line);
  const size_t n = line.empty() ? 0 : std::min(line.find_first_not_of(line[0]), line.size());
  const std::string_view rest = base::trim(line.substr(n));
  const bool mark = n > 0 && ((line[0] == '<' && rest == "SEARCH") || (line[0] == '=' && rest.empty()) ||
                              (line[0] == '>' && rest == "REPLACE"));
  return mark ? n : 0;
}

// A length that no line of the files has: the usual one where it can be. 0 where all are taken.
size_t free_mark(const std::vector<GrammarFile>& files) {
  std::vector<bool> taken(kLongestMark + 1, false);
  for (const GrammarFile& file : files)
    for (const std::string_view line : file.lines)
      if (const size_t n = mark_length(line); n <= kLongestMark) taken[n] = true;
  for (size_t n = kUsualMark; n <= kLongestMark; ++n)
    if (!taken[n]) return n;
  return 0;
}

class SearchReplace : public Unfolding {
 public:
  SearchReplace(ExprStore& store, std::vector<GrammarFile> files, uint32_t max_lines, uint32_t family, size_t mark)
      : files_(std::move(files)), family_(family), named_(files_.size()) {
    search_ = std::string(mark, '<') + " SEARCH\n";
    divider_ = "\n" + std::string(mark, '=') + "\n";
    replace_ = std::string(mark, '>') + " REPLACE";
    for (size_t f = 0; f < files_.size(); ++f)
      spans_.emplace_back(
          store, files_[f].text, max_lines, [this, &store, f](uint32_t first, uint32_t n, uint32_t named) {
            return store.concat(store.text(divider_),
                                in_state(store, {Kind::kNewLines, static_cast<uint32_t>(f), first, n, named}));
          });
    new_lines_ = store.repeat(new_line(store, marks(store, mark)), 0, kNoLimit);
  }
  ExprId whole(ExprStore& store) { return files_left(store, 0); }

  bool nullable(uint32_t id) const override { return states_[id].kind == Kind::kAfterBlock; }
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const State s = states_[id];
    if (s.kind == Kind::kNewLines)
      return store.concat({other_than(store, new_lines_, text_of(s)), store.text(replace_),
                           in_state(store, {Kind::kAfterBlock, s.file, s.first + s.n, 0, s.named})});
    ExprId more = files_left(store, s.named);
    if (const ExprId span = spans_[s.file].from(s.first, s.named); span != kNothing)
      more = store.alt(more, store.concat(store.text(search_), span));
    return store.optional(store.concat(store.byte('\n'), store.optional(more)));
  }

 private:
  enum class Kind { kNewLines, kAfterBlock };
  struct State {
    Kind kind;
    uint32_t file, first, n,
        named;  // lines [first, first + n) are replaced; after a block the next begins at `first` or later
    auto operator<=>(const State&) const = default;
  };

  ExprId in_state(ExprStore& store, const State& s) {
    const auto [at, fresh] = ids_.try_emplace(s, static_cast<uint32_t>(states_.size()));
    if (fresh) states_.push_back(s);
    return store.unfolding(family_, at->second, false);
  }
  // A first block for each file that is not yet named and has a place.
  ExprId files_left(ExprStore& store, uint32_t named) {
    std::vector<std::pair<std::string, ExprId>> heads;
    for (size_t f = 0; f < files_.size(); ++f) {
      if (named_.has(named, f)) continue;
      const ExprId span = spans_[f].from(0, named_.with(named, f));
      if (span == kNothing) continue;
      heads.push_back({files_[f].path + "\n" + search_, span});
    }
    return one_of(store, heads);
  }
  // The old lines as the new ones are written.
  std::string text_of(const State& s) const {
    std::string text;
    for (uint32_t i = s.first; i < s.first + s.n; ++i) text.append(files_[s.file].lines[i]) += '\n';
    return text;
  }
  // Lines that a reader takes for one of the three marks.
  static ExprId marks(ExprStore& store, size_t mark) {
    const ExprId blanks = store.repeat(store.bytes(ByteSet::range(' ', ' ') | ByteSet::range('\t', '\t')), 0, kNoLimit);
    const auto line = [&](char letter, std::string_view word) {
      return store.concat({blanks, store.text(std::string(mark, letter)), blanks, store.text(word), blanks});
    };
    return store.alt({line('<', "SEARCH"), line('=', ""), line('>', "REPLACE")});
  }

  std::vector<GrammarFile> files_;
  const uint32_t family_;
  NamedFiles named_;
  std::string search_, divider_, replace_;
  std::vector<UniqueSpans> spans_;
  ExprId new_lines_ = kNothing;
  std::vector<State> states_;
  std::map<State, uint32_t> ids_;
};

}  // namespace

ExprId search_replace_edits(ExprStore& store, std::vector<GrammarFile> files, uint32_t max_lines) {
  const size_t mark = free_mark(files);
  if (mark == 0) return kNothing;
  const uint32_t family = store.add_family(nullptr);
  auto made = std::make_unique<SearchReplace>(store, std::move(files), max_lines, family, mark);
  SearchReplace& edits = *made;
  store.set_family(family, std::move(made));
  return edits.whole(store);
}

}  // namespace engine
