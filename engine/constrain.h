// SPDX-License-Identifier: Apache-2.0
// engine/constrain.h: what a model may write, as masks over its tokens.
//
// What     A Constraint is a set of texts, as UTF-8 bytes; a ConstraintState is a place in one of them. A token is
//          allowed where what it writes can be completed to a text of the set, wherever the token's ends fall: inside
//          characters, across parts of the grammar. Tokens that end generation are allowed where the text is whole.
// Owns     A Constraint keeps its Vocabulary and everything that masks were made of; a state keeps its Constraint.
// Threads  A Constraint may be shared: calls of its states take turns. A state belongs to one thread at a time.
// Errors   kInvalidArgument: the constraint cannot be read, asks for something that is not supported (a JSON Schema
//          names the place by its pointer), or no text fits it. kExhausted: it is too large, or a step of it takes too
//          much work; the state stays as it was.
// Bounds   Work and memory of each call, whatever the constraint: see engine/constrain/constraint.cc.
// Format   docs/constrained-decoding.md says which expressions, grammars and schemas are taken, and how exactly.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace engine {

class Vocabulary;
class ConstraintCore;

// A file that an edit may change. Line operations name it by the front of its content hash, as git has it: 7 digits or more.
struct EditableFile {
  std::string_view path, text, hash = {};
};
// Of docs/edit-formats.md.
enum class EditSyntax { kSearchReplace, kLineOps };

class Constraint : public std::enable_shared_from_this<Constraint> {
 public:
  using Made = base::Result<std::shared_ptr<const Constraint>>;

  // The JSON texts that are valid under `schema`, itself JSON.
  static Made from_json_schema(std::string_view schema, std::shared_ptr<const Vocabulary> vocabulary);
  // The texts that `pattern` (ECMA-262) matches from end to end.
  static Made from_regex(std::string_view pattern, std::shared_ptr<const Vocabulary> vocabulary);
  // The texts of rule `root` of a grammar in GBNF, as llama.cpp reads it.
  static Made from_grammar(std::string_view grammar, std::shared_ptr<const Vocabulary> vocabulary);
  // One of `choices`, each at least one byte.
  static Made from_choices(std::span<const std::string> choices, std::shared_ptr<const Vocabulary> vocabulary);
  // One of `names`, and then nothing or any text that does not go on with the name: what may follow `.` in a program.
  static Made from_identifiers(std::span<const std::string> names, std::shared_ptr<const Vocabulary> vocabulary);
  // A span of whole lines, at most `max_lines`, that occurs once in `text`: what an edit may name as its place.
  static Made from_unique_spans(std::string_view text, uint32_t max_lines,
                                std::shared_ptr<const Vocabulary> vocabulary);
  // An edit of some of `files` that applies to them and changes something: engine/constrain/edit_grammar.h. Old lines are at most `max_lines`
  // in one place. kInvalidArgument: a file that is not UTF-8 or has carriage returns within lines, a path that the format cannot write, no file
  // with a place to edit.
  static Made from_edits(EditSyntax syntax, std::span<const EditableFile> files, uint32_t max_lines, std::shared_ptr<const Vocabulary> vocabulary);

  ~Constraint();
  Constraint(const Constraint&) = delete;
  Constraint& operator=(const Constraint&) = delete;

  const Vocabulary& vocabulary() const;

 private:
  friend class ConstraintState;
  friend class ConstraintCore;
  explicit Constraint(std::unique_ptr<ConstraintCore> core);
  std::unique_ptr<ConstraintCore> core_;
};

// Cheap to copy: a few bytes per accepted token.
class ConstraintState {
 public:
  explicit ConstraintState(std::shared_ptr<const Constraint> constraint);

  // bits: [(n_vocab + 31) / 32]; bit t % 32 of word t / 32 is set where token t may follow. All zero after an end
  // token. While the text is not whole, at least one token is allowed if every byte is some token.
  base::Status mask(std::span<uint32_t> bits) const;
  // kInvalidArgument where the mask does not allow `token`; the state stays.
  base::Status accept(Token token);
  // Text that came another way than by tokens; counts as one step.
  base::Status accept_text(std::string_view text);
  // Whether the text so far is one of the set.
  base::Result<bool> can_end() const;
  // What must come next, byte by byte, up to `max_bytes`: a front of every text that can follow.
  base::Result<std::string> forced(size_t max_bytes = 4096) const;

  // Steps accepted, an end token included.
  size_t n_accepted() const { return path_.size() - 1; }
  // Back to the first `n_accepted` steps.
  void rewind(size_t n_accepted) { path_.resize(std::min(path_.size(), n_accepted + 1)); }
  const Constraint& constraint() const { return *constraint_; }

 private:
  std::shared_ptr<const Constraint> constraint_;
  std::vector<uint32_t> path_;  // states, the first at the start
};

}  // namespace engine
