// SPDX-License-Identifier: Apache-2.0
// engine/constrain/grammar.h: grammars in GBNF, the notation that llama.cpp reads.
//
// Takes    name ::= alternatives, rule `root` is the whole language; "texts" and [classes] with escapes \n \r \t \\ \"
//          \[ \] \xhh \uhhhh \Uhhhhhhhh, . (any character), ( ) groups, * + ? {m} {m,} {m,n}, # comments. A line break
//          ends a rule outside of groups, but for one before |.
// Refuses  Rules that begin with themselves (left recursion), tokens by name or number (<...>): kInvalidArgument with
//          the line.
// Bounds   1 MB of text, 50,000 rules, groups nested 200 deep.
// Source   llama.cpp, grammars/README.md.
#pragma once
#include <string_view>

#include "base/result.h"
#include "engine/constrain/automaton.h"

namespace engine {

base::Result<ExprId> compile_grammar(ExprStore& store, Automaton& automaton, std::string_view text);

}  // namespace engine
