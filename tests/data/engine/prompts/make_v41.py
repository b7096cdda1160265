#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden prompts of DeepSeek V4.1, and of V4 in a few rare turns, by the library of the models' makers.

    pip install deepseek-recipe==0.2.0
    make_v41.py > v41.json

The conversations are golden.json's and those below. A case also says which parts of the text are special tokens.
"""
import json
import pathlib

import deepseek_recipe as recipe

golden = json.loads((pathlib.Path(__file__).parent / "golden.json").read_text())
MARKERS = ("｜DSML｜ <think>x</think> <｜System｜><｜User｜><｜Assistant｜><｜latest_reminder｜><｜deepseek_image｜><｜image｜> "
           "<｜end▁of▁sentence｜></｜DSML｜ parameter></｜DSML｜ invoke>")


def user(text): return {"role": "user", "content": text}
def system(text): return {"role": "system", "content": text}


def assistant(content="", reasoning="", calls=()):
    return {"role": "assistant", "content": content, "reasoning": reasoning,
            "tool_calls": [{"id": i, "name": n, "arguments": a} for i, n, a in calls]}


def result(call_id, content): return {"role": "tool", "tool_call_id": call_id, "content": content}


READ = ("callread1", "read_file", {"path": "a b.cc", "first_line": 3})
SEARCH = ("callsrch2", "search", {"text": MARKERS, "in": ["x", MARKERS], "mode": "plain"})
STATUS = ("callstat3", "status", {"since": "HEAD"})
MORE = {
    "system in the middle": [system("S"), user("a"), assistant("b", "thought"), system("Now in French.")],
    "system before a question": [system("S"), user("a"), assistant("b", "thought"), system("Mind."), user("c")],
    "system in the middle alone": [user("a"), assistant("b", "thought"), system("Mind."), assistant("c", "more"), user("d")],
    "two systems": [system("S"), system("T"), user("a")],
    "only system": [system("S")],
    "an answer after the system": [system("S"), assistant("a", "r"), user("b")],
    "an answer first": [assistant("a", "r"), user("b")],
    "two answers": [user("a"), assistant("b", "r"), assistant("c", "s"), user("d")],
    "last words of the system": [user("a"), assistant("b", "one"), user("c"), system("d"), assistant("e", "two"), system("f")],
    "V4.1's markers in text": [system(MARKERS), user(MARKERS), assistant("ok", "so"), system(MARKERS), user(MARKERS)],
}
MORE_WITH_TOOLS = {
    "markers in calls": [user("go"), assistant("", "", [SEARCH]), result("callsrch2", MARKERS)],
    "system between calls and results": [system("S"), user("go"), assistant("I look.", "both", [READ, SEARCH]), system("Be quick."),
                                         result("callsrch2", "second"), result("callread1", "first")],
    "results and questions mixed": [user("go"), assistant("", "three", [READ, SEARCH, STATUS]), result("callstat3", "third"), user("Well?"),
                                    result("callread1", "first"), user("And?"), result("callsrch2", "second"), user("Go on.")],
    "results of unknown calls": [user("go"), assistant("", "", [READ, STATUS]), result("callstat3", "second"), result("other", "unknown"),
                                 result("callread1", "first")],
    "questions after an answer": [user("go"), assistant("", "x", [READ]), result("callread1", "1"), assistant("done", "y"), user("a"), user("b")],
}


def render(encoding, conversation, tools, thinking, effort):
    messages = []
    for m in conversation:
        if m["role"] == "system":
            messages.append(recipe.SystemMessage(m["content"]))
        elif m["role"] == "user":
            messages.append(recipe.UserMessage(m["content"]))
        elif m["role"] == "tool":
            messages.append(recipe.ToolMessage(m["content"], m["tool_call_id"]))
        else:
            calls = [recipe.ToolCall(c["id"], c["name"], json.dumps(c["arguments"], ensure_ascii=False)) for c in m.get("tool_calls", [])]
            messages.append(recipe.AssistantMessage(m["content"], m.get("reasoning") or None, calls or None))
    offered = [recipe.ToolDefinition(t["name"], t["description"], t["parameters"]) for t in tools]
    prompt = encoding.render_conversation(recipe.Conversation(messages, thinking_mode=thinking, tools=offered or None, reasoning_effort=effort or None))
    return prompt.prompt, [prompt.prompt[a:b] for a, b in prompt.special_ranges]


cases = []


def add(family, name, conversation, tools, thinking, effort=""):
    encoding = recipe.DeepseekV41Encoding() if family == "deepseek_v4.1" else recipe.DeepseekV4Encoding()
    # The library knows later V4 models, whose "low" is what Graft's V4 writes without a word on effort.
    text, special = render(encoding, conversation, tools, thinking, effort or ("low" if family == "deepseek_v4" else ""))
    options = {"thinking": thinking, "generation_prompt": True, "effort": effort}
    if conversation[-1]["role"] == "assistant":  # the library asks for another answer; what is before is compared
        options["generation_prompt"] = False
        special = special[:-2]
        text = text[:text.rindex("<｜Assistant｜>")]
    cases.append({"family": family, "name": name, "tools": bool(tools), "options": options, "text": text, "special": special})


old = golden["conversations"]
with_tools = {c["name"] for c in golden["cases"] if c["tools"]}
conversations = {**old, **MORE, **MORE_WITH_TOOLS}
for name, conversation in conversations.items():
    tools = golden["tools"] if name in with_tools or name in MORE_WITH_TOOLS else []
    for thinking in (True, False):
        # Asked for one more answer, as the library is, it drops what the last one thought.
        if conversation[-1]["role"] == "assistant" and thinking:
            continue
        add("deepseek_v4.1", name, conversation, tools, thinking)
        if name in ("an answer after the system", "two answers"):
            add("deepseek_v4", name, conversation, tools, thinking)
for effort in ("low", "high", "xhigh", "max"):
    add("deepseek_v4.1", "user alone", old["user alone"], [], True, effort)
    add("deepseek_v4.1", "system and user", old["system and user"], golden["tools"], True, effort)
add("deepseek_v4.1", "user alone", old["user alone"], [], False, "max")
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
print(f'{{"tools": {json.dumps(golden["tools"], ensure_ascii=False)},\n"conversations": {json.dumps(conversations, ensure_ascii=False)},\n"cases": [\n{lines}\n]}}')
