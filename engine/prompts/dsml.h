// SPDX-License-Identifier: Apache-2.0
// engine/prompts/dsml.h: what the formats of DeepSeek V3.2, V4 and V4.1 share: calls as tags of the token ｜DSML｜.
#pragma once
#include <string>
#include <string_view>

#include "engine/prompts/family.h"

namespace engine {

// What follows the token in a tag. V4.1 puts a space before each word.
struct DsmlTags {
  std::string_view block, call, argument;
};
inline constexpr DsmlTags kV32Tags = {"function_calls", "invoke", "parameter"};
inline constexpr DsmlTags kV4Tags = {"tool_calls", "invoke", "parameter"};
inline constexpr DsmlTags kV41Tags = {" calls", " invoke", " parameter"};

// "\n\n", `head`, a function's object a line, `tail`; nothing without tools.
void dsml_tools(const RenderInput& in, std::string_view head, std::string_view tail, PieceWriter& out);
// "\n\n" and the block of a message's calls; nothing without calls.
void dsml_calls(const Message& message, const DsmlTags& tags, PieceWriter& out);

}  // namespace engine
