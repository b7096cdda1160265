# SPDX-License-Identifier: Apache-2.0
"""Single mistakes in a good file that a compiler should notice: tokens lost, doubled, swapped or mistyped, names misspelt, includes lost.

The families are DrRepair's (Yasunaga and Liang 2020, arXiv:2005.10636, section 4.2) and what is usually forgotten while typing. Only a
compiler says whether a corruption is an error: callers ask one.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\S")
CLOSERS = ")]}:;,"
OPENERS = "([{"
LINE_COMMENT = {"python": "#", "c": "//", "cpp": "//", "javascript": "//"}


@dataclass(frozen=True)
class Corruption:
    family: str
    text: str
    line: int  # from 1


def code_lines(text: str, language: str) -> list[int]:
    """Indices of lines that hold code and can be told to do so without a parser."""
    chosen, in_block = [], False
    for i, line in enumerate(text.split("\n")):
        code = line.strip()
        if language == "python" and '"""' in code:
            in_block ^= code.count('"""') % 2 == 1
            continue
        if language != "python" and "/*" in code:
            in_block = "*/" not in code.split("/*", 1)[1]
            continue
        if in_block:
            in_block = not (language != "python" and "*/" in code)
            continue
        if code and not code.startswith((LINE_COMMENT[language], "*", "#")) and sum(map(str.isalpha, code)) >= 3:
            chosen.append(i)
    return chosen


def corrupt(text: str, language: str, rng: random.Random) -> Corruption | None:
    """One corruption at a random line; None where the drawn family has no place there."""
    lines = text.split("\n")
    places = code_lines(text, language)
    if not places:
        return None
    family = rng.choice(["drop closer", "drop opener", "drop end of line", "double", "swap", "mistype punctuation", "misspell name", "drop include"])
    if family == "drop include":
        if language not in ("c", "cpp"):
            return None
        places = [i for i, line in enumerate(lines) if line.startswith("#include")]
        if not places:
            return None
        at = rng.choice(places)
        return Corruption(family, "\n".join(lines[:at] + lines[at + 1 :]), at + 1)
    at = rng.choice(places)
    new = _corrupt_line(lines[at], family, rng)
    if new is None or new == lines[at]:
        return None
    return Corruption(family, "\n".join(lines[:at] + [new] + lines[at + 1 :]), at + 1)


def _corrupt_line(line: str, family: str, rng: random.Random) -> str | None:
    tokens = [(m.start(), m.end(), m.group()) for m in TOKEN.finditer(line)]

    def pick(wanted) -> tuple[int, int, str] | None:
        found = [t for t in tokens if wanted(t[2])]
        return rng.choice(found) if found else None

    if family == "drop end of line":
        begin, _, last = tokens[-1]
        return line[:begin].rstrip() if last in CLOSERS + "{" else None
    if family in ("drop closer", "drop opener"):
        token = pick(lambda t: t in (CLOSERS if family == "drop closer" else OPENERS))
        return line[: token[0]] + line[token[1] :] if token else None
    if family == "double":
        token = pick(lambda t: not t[0].isalnum() and t not in "\"'`")
        return line[: token[1]] + token[2] + line[token[1] :] if token else None
    if family == "swap":
        if len(tokens) < 2:
            return None
        i = rng.randrange(len(tokens) - 1)
        (a, b, first), (c, d, second) = tokens[i], tokens[i + 1]
        return line[:a] + second + line[b:c] + first + line[d:]
    if family == "mistype punctuation":
        near = {")": "]", "]": ")", "}": ")", "(": "[", "[": "(", ":": ";", ";": ":", ",": ".", ".": ","}
        token = pick(lambda t: t in near)
        return line[: token[0]] + near[token[2]] + line[token[1] :] if token else None
    token = pick(lambda t: t[0].isalpha() and len(t) >= 4)  # misspell name
    if not token:
        return None
    i = rng.randrange(1, len(token[2]) - 1)
    name = token[2][:i] + token[2][i + 1] + token[2][i] + token[2][i + 2 :]
    return line[: token[0]] + name + line[token[1] :]
