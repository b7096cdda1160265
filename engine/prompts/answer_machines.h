// SPDX-License-Identifier: Apache-2.0
// engine/prompts/answer_machines.h: one machine for each way in which models write reasoning and calls. The order of a
// family's first markers is the machine's: see each.
#pragma once
#include <memory>

#include "engine/prompts/family.h"

namespace engine {

// <think>, </think>, <tool_call>, </tool_call>: calls as {"name", "arguments"} between tags. Qwen2.5, Qwen3.
std::unique_ptr<AnswerMachine> tagged_json_machine(AnswerStart start);
// The same markers: calls as <function=NAME> with <parameter=KEY> tags. Qwen3-Coder.
std::unique_ptr<AnswerMachine> tagged_xml_machine(AnswerStart start);
// <think>, </think>, DSML: DeepSeek V3.2 and V4; V4.1, whose tags have a space behind the token.
std::unique_ptr<AnswerMachine> dsml_machine(AnswerStart start);
std::unique_ptr<AnswerMachine> spaced_dsml_machine(AnswerStart start);
// <think>, </think>, calls begin, calls end, call begin, call end, separator. V3 and R1, with type and code fence;
// V3.1.
std::unique_ptr<AnswerMachine> deepseek_fenced_machine(AnswerStart start);
std::unique_ptr<AnswerMachine> deepseek_bare_machine(AnswerStart start);
// Text alone: DeepSeek V2, Llama 3.
std::unique_ptr<AnswerMachine> text_machine(AnswerStart start);
// <|python_tag|>: an answer that begins with it or is one object {"name", "parameters"}. Llama 3.1.
std::unique_ptr<AnswerMachine> bare_json_machine(AnswerStart start);
// [TOOL_CALLS], [ARGS], [CALL_ID]: an array of objects, or a name and arguments after each [TOOL_CALLS].
std::unique_ptr<AnswerMachine> mistral_machine(AnswerStart start);
// <|start|>, <|message|>, <|channel|>, <|end|>, <|call|>, <|return|>, <|constrain|>: gpt-oss. Begins within a header.
std::unique_ptr<AnswerMachine> harmony_machine(AnswerStart start);

}  // namespace engine
