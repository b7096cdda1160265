// SPDX-License-Identifier: Apache-2.0
// Constraint and ConstraintState of engine/constrain.h, but for what each kind of constraint compiles to.
#include <algorithm>
#include <new>

#include "base/strings.h"
#include "engine/constrain/core.h"
#include "engine/constrain/edit_grammar.h"
#include "engine/constrain/grammar.h"
#include "engine/constrain/regex.h"
#include "engine/constrain/schema.h"
#include "engine/constrain/unique_spans.h"

namespace engine {
namespace {

// Units of about 100 ns: what one call may take before it gives up. A mask of an ordinary constraint takes below
// 10,000.
constexpr uint64_t kCompileFuel = 40'000'000;
constexpr uint64_t kMaskFuel = 10'000'000;
constexpr uint64_t kAcceptFuel = 2'000'000;
constexpr size_t kMaxChoices = 1'000'000;
constexpr size_t kMaxSpanText = size_t{64} << 20;

base::Error too_much(std::string_view doing, const LimitExceeded& limit) {
  return {base::ErrorCode::kExhausted, base::cat(doing, " takes too much ", limit.what,
                                                 ". Make the constraint smaller: fewer alternatives, smaller counts.")};
}

// Runs `action`, which answers a base::Result, within bounds.
template <typename Action>
auto bounded(ExprStore& store, uint64_t fuel, std::string_view doing, Action action) -> decltype(action()) {
  store.set_fuel(fuel);
  try {
    return action();
  } catch (const LimitExceeded& limit) {
    return too_much(doing, limit);
  } catch (const std::bad_alloc&) {
    return too_much(doing, {"memory"});
  }
}

ByteSet identifier_bytes() {
  return ByteSet::range('a', 'z') | ByteSet::range('A', 'Z') | ByteSet::range('0', '9') | ByteSet::range('_', '_') |
         ByteSet::range('$', '$') | ByteSet::range(0x80, 0xff);  // letters beyond ASCII go on with a name
}

base::Status check_texts(std::span<const std::string> texts, std::string_view what) {
  if (texts.empty()) return base::invalid(base::cat("There are no ", what, " to take one from."));
  if (texts.size() > kMaxChoices)
    return base::invalid(base::cat("There are ", texts.size(), " ", what, "; ", kMaxChoices, " are the limit."));
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].empty()) return base::invalid(base::cat("Number ", i, " of the ", what, " is empty."));
  return base::ok();
}

ExprId one_of_texts(ExprStore& store, std::span<const std::string> texts, ExprId after) {
  std::vector<std::pair<std::string_view, ExprId>> pairs;
  for (const std::string& text : texts) pairs.push_back({text, after});
  return store.one_of(std::move(pairs));
}

}  // namespace

ConstraintCore::ConstraintCore(std::shared_ptr<const Vocabulary> vocabulary)
    : automaton(store), masks(store, automaton, std::move(vocabulary)) {}

Constraint::Made ConstraintCore::make(std::shared_ptr<const Vocabulary> vocabulary, std::string_view what,
                                      const Compile& compile) {
  auto core = std::make_unique<ConstraintCore>(std::move(vocabulary));
  ConstraintCore& c = *core;
  auto compiled = bounded(c.store, kCompileFuel, what, [&]() -> base::Status {
    auto language = compile(c.store, c.automaton);
    if (!language) return std::move(language).error().in(what);
    if (const auto rule = c.automaton.order_rules())
      return base::invalid(base::cat(what, ": rule ", *rule, " calls itself before it reads anything."));
    if (!c.store.alive(*language)) return base::invalid(base::cat(what, ": no text fits it."));
    c.start = c.automaton.start(*language);
    return base::ok();
  });
  if (!compiled) return std::move(compiled).error();
  return std::shared_ptr<const Constraint>(new Constraint(std::move(core)));
}

Constraint::Constraint(std::unique_ptr<ConstraintCore> core) : core_(std::move(core)) {}
Constraint::~Constraint() = default;
const Vocabulary& Constraint::vocabulary() const {
  return core_->masks.vocabulary();
}

Constraint::Made Constraint::from_json_schema(std::string_view schema, std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(std::move(vocabulary), "JSON Schema", [&](ExprStore& store, Automaton& automaton) {
    return compile_schema(store, automaton, schema);
  });
}

Constraint::Made Constraint::from_regex(std::string_view pattern, std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(std::move(vocabulary), "regular expression", [&](ExprStore& store, Automaton&) {
    return compile_regex(store, pattern, RegexMatch::kWhole, Spelling::kUtf8);
  });
}

Constraint::Made Constraint::from_grammar(std::string_view grammar, std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(std::move(vocabulary), "grammar", [&](ExprStore& store, Automaton& automaton) {
    return compile_grammar(store, automaton, grammar);
  });
}

Constraint::Made Constraint::from_choices(std::span<const std::string> choices,
                                          std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(std::move(vocabulary), "choices",
                              [&](ExprStore& store, Automaton&) -> base::Result<ExprId> {
                                if (base::Status bad = check_texts(choices, "choices"); !bad)
                                  return std::move(bad).error();
                                return one_of_texts(store, choices, kEmptyText);
                              });
}

Constraint::Made Constraint::from_identifiers(std::span<const std::string> names,
                                              std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(std::move(vocabulary), "identifiers",
                              [&](ExprStore& store, Automaton&) -> base::Result<ExprId> {
                                if (base::Status bad = check_texts(names, "names"); !bad) return std::move(bad).error();
                                const ExprId other = store.bytes(ByteSet::all() - identifier_bytes());
                                return one_of_texts(store, names, store.optional(store.concat(other, kAnyBytes)));
                              });
}

Constraint::Made Constraint::from_unique_spans(std::string_view text, uint32_t max_lines,
                                               std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(
      std::move(vocabulary), "unique spans", [&](ExprStore& store, Automaton&) -> base::Result<ExprId> {
        if (text.size() > kMaxSpanText)
          return base::invalid(base::cat("The text has ", text.size(), " bytes; ", kMaxSpanText, " are the limit."));
        return unique_spans(store, text, max_lines);
      });
}

Constraint::Made Constraint::from_edits(EditSyntax syntax, std::span<const EditableFile> files, uint32_t max_lines,
                                        std::shared_ptr<const Vocabulary> vocabulary) {
  return ConstraintCore::make(std::move(vocabulary), "edits", [&](ExprStore& store, Automaton&) {
    return compile_edits(store, syntax, files, max_lines);
  });
}

ConstraintState::ConstraintState(std::shared_ptr<const Constraint> constraint)
    : constraint_(std::move(constraint)), path_{constraint_->core_->start} {}

base::Status ConstraintState::mask(std::span<uint32_t> bits) const {
  ConstraintCore& core = *constraint_->core_;
  if (bits.size() != core.masks.vocabulary().mask_words())
    return base::invalid(base::cat("A mask of this vocabulary has ", core.masks.vocabulary().mask_words(),
                                   " words, not ", bits.size(), "."));
  const std::lock_guard lock(core.mutex);
  return bounded(core.store, kMaskFuel, "A mask", [&]() -> base::Status {
    core.masks.mask(path_.back(), bits);
    return base::ok();
  });
}

base::Status ConstraintState::accept(Token token) {
  ConstraintCore& core = *constraint_->core_;
  const Vocabulary& vocabulary = core.masks.vocabulary();
  if (token < 0 || token >= vocabulary.n_tokens())
    return base::invalid(
        base::cat("Token id ", token, " is not in the vocabulary of ", vocabulary.n_tokens(), " tokens."));
  if (vocabulary.is_end(token)) {
    const std::lock_guard lock(core.mutex);
    if (!core.automaton.can_end(path_.back()))
      return base::invalid("The text may not end here: the constraint asks for more.");
    path_.push_back(kDeadState);
    return base::ok();
  }
  if (vocabulary.bytes_of(token).empty()) return base::invalid(base::cat("Token ", token, " writes no text."));
  return accept_text(vocabulary.bytes_of(token));
}

base::Status ConstraintState::accept_text(std::string_view text) {
  ConstraintCore& core = *constraint_->core_;
  const std::lock_guard lock(core.mutex);
  return bounded(core.store, kAcceptFuel, "A step", [&]() -> base::Status {
    StateId state = path_.back();
    for (size_t i = 0; i < text.size(); ++i) {
      state = core.automaton.next(state, static_cast<uint8_t>(text[i]));
      if (state == kDeadState)
        return base::invalid(base::cat("The constraint does not allow byte ", i, " of this step."));
    }
    path_.push_back(state);
    return base::ok();
  });
}

base::Result<bool> ConstraintState::can_end() const {
  ConstraintCore& core = *constraint_->core_;
  const std::lock_guard lock(core.mutex);
  return core.automaton.can_end(path_.back());
}

base::Result<std::string> ConstraintState::forced(size_t max_bytes) const {
  ConstraintCore& core = *constraint_->core_;
  const std::lock_guard lock(core.mutex);
  return bounded(core.store, kAcceptFuel, "A step", [&]() -> base::Result<std::string> {
    std::string text;
    StateId state = path_.back();
    while (text.size() < max_bytes && !core.automaton.can_end(state)) {
      const std::optional<uint8_t> byte = core.automaton.only_byte(state);
      if (!byte) break;
      text += static_cast<char>(*byte);
      state = core.automaton.next(state, *byte);
    }
    return text;
  });
}

}  // namespace engine
