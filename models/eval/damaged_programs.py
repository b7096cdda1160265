# SPDX-License-Identifier: Apache-2.0
"""Programs of TheAlgorithms/Python damaged in one place, repaired by `graft fix` with their doctests as the judge.

`wrong-literals`: a character of a text left out, added, replaced or swapped with its neighbour, or another number that is not one more
or less. `missing-checks`: a check of the arguments that raises an error is gone. `missing-conversions`: `f(x)` became `x`, of the
functions that convert a value. `wrong-operators`: another sign of calculation. Which place is drawn by the file's name. Damage that
no doctest notices is left out, as are programs whose own doctests fail here.
"""

from __future__ import annotations

import ast
import random
from pathlib import Path

import sets
from measure import Kit
from repair_task import RepairTask
from repairs import Repairs

MAX_BYTES = 12_000
CONVERSIONS = frozenset("abs int float str len list tuple set sorted reversed sum max min round ord chr bool".split())
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitXor: "^", ast.BitAnd: "&",
         ast.BitOr: "|", ast.LShift: "<<", ast.RShift: ">>"}
TEXT_SHARE = 0.75  # of changes, where a program has both


class DamagedPrograms(Repairs):
    title = "repair"

    def missing(self, kit: Kit) -> list[str]:
        return sets.THE_ALGORITHMS.missing(kit.sets)

    def damaged(self, text: str, draw: random.Random) -> str | None:
        """`text` with its damage; None where there is no place for it."""
        raise NotImplementedError

    def tasks(self, kit: Kit) -> list[RepairTask]:
        root = kit.sets / "the-algorithms"
        made = (task for path in sorted(root.rglob("*.py")) if (task := self.task(path, path.relative_to(root).as_posix())))
        return self.chosen(kit, list(made), 60)

    def task(self, path: Path, key: str) -> RepairTask | None:
        text = path.read_text(errors="replace")
        if ">>>" not in text or len(text) > MAX_BYTES or "test" in path.name:
            return None
        try:
            broken = self.damaged(text, random.Random(key))
        except (SyntaxError, ValueError):
            return None
        if broken is None:
            return None
        return RepairTask(key=key, broken={path.name: broken}, correct={path.name: text}, check=f"python3 -m doctest {path.name}",
                          check_seconds=10, sandboxed=True)


class WrongLiterals(DamagedPrograms):
    name, of_set = "wrong-literals", "one literal wrong, TheAlgorithms/Python"

    def damaged(self, text: str, draw: random.Random) -> str | None:
        return with_wrong_literal(text, draw)


class MissingChecks(DamagedPrograms):
    name, of_set = "missing-checks", "a check of arguments gone, TheAlgorithms/Python"

    def damaged(self, text: str, draw: random.Random) -> str | None:
        return without_check(text, draw)


class MissingConversions(DamagedPrograms):
    name, of_set = "missing-conversions", "a conversion gone, TheAlgorithms/Python"

    def damaged(self, text: str, draw: random.Random) -> str | None:
        calls = [
            node
            for node in code_of_functions(text)
            if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords and isinstance(node.func, ast.Name) and node.func.id in CONVERSIONS
        ]
        if not calls:
            return None
        call = draw.choice(calls)
        return with_other(text, call, source_of(text, call.args[0]))


class WrongOperators(DamagedPrograms):
    name, of_set = "wrong-operators", "another sign of calculation, TheAlgorithms/Python"

    def damaged(self, text: str, draw: random.Random) -> str | None:
        operations = [node for node in code_of_functions(text) if isinstance(node, ast.BinOp) and type(node.op) in SIGNS]
        if not operations:
            return None
        one = draw.choice(operations)
        other = draw.choice([sign for sign in SIGNS.values() if sign != SIGNS[type(one.op)]])
        return with_other(text, one, f"{source_of(text, one.left)} {other} {source_of(text, one.right)}")


def code_of_functions(text: str) -> list[ast.expr]:
    """Expressions on one line, in functions above the part that runs as a script."""
    script = text.find("\nif __name__")
    last_line = text.count("\n", 0, script) + 1 if script >= 0 else len(text)
    return [
        node
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.expr) and node.lineno == node.end_lineno and node.lineno <= last_line
    ]


def source_of(text: str, node: ast.expr) -> str:
    return text.split("\n")[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()


def with_other(text: str, node: ast.expr, other: str) -> str:
    lines = text.split("\n")
    line = lines[node.lineno - 1].encode()
    lines[node.lineno - 1] = line[: node.col_offset].decode() + other + line[node.end_col_offset :].decode()
    return "\n".join(lines)


def without_check(text: str, draw: random.Random) -> str | None:
    """Without one `if ...: raise ...` that stands in the body of a function which does something else as well."""
    checks = [
        node
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef) and len(function.body) > 2
        for node in function.body
        if isinstance(node, ast.If) and not node.orelse and len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
    ]
    if not checks:
        return None
    one = draw.choice(checks)
    lines = text.split("\n")
    return "\n".join(lines[: one.lineno - 1] + lines[one.end_lineno :])


def with_wrong_literal(text: str, draw: random.Random) -> str | None:
    """`text` with one literal of its code changed; None where it has none that can be."""
    literals = code_literals(text)
    texts = [one for one in literals if isinstance(one.value, str)]
    numbers = [one for one in literals if not isinstance(one.value, str)]
    pool = texts if texts and (not numbers or draw.random() < TEXT_SHARE) else numbers
    if not pool:
        return None
    one = draw.choice(pool)
    source = source_of(text, one)
    other = wrong_text(source, one.value, draw) if isinstance(one.value, str) else wrong_number(one.value, draw)
    if other is None or other == source:
        return None
    return with_other(text, one, other)


def code_literals(text: str) -> list[ast.Constant]:
    """Short texts and numbers above two on one line, above the part that runs as a script, without documentation."""
    tree = ast.parse(text)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    script = text.find("\nif __name__")
    last_line = text.count("\n", 0, script) + 1 if script >= 0 else len(text)
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in documentation and node.lineno == node.end_lineno and node.lineno <= last_line
        and ((isinstance(node.value, str) and 1 <= len(node.value) <= 40) or (type(node.value) in (int, float) and node.value > 2))
    ]


def wrong_text(source: str, value: str, draw: random.Random) -> str | None:
    if source[:1] not in "'\"" or source.startswith(source[0] * 3) or "\\" in source:
        return None  # a part of a longer text, or one in several parts
    at = draw.randrange(len(value))
    mark = draw.choice("abxyz019-_,. ")
    others = (
        value[:at] + value[at + 1 :],
        value[:at] + mark + value[at:],
        value[:at] + mark + value[at + 1 :],
        value[:at] + value[at + 1 : at + 2] + value[at] + value[at + 2 :],
    )
    return source[0] + draw.choice(others) + source[0]


def wrong_number(value: float, draw: random.Random) -> str:
    half = value // 2 if isinstance(value, int) else value / 2
    return repr(draw.choice((value * 10, value + draw.choice((3, 7, 20)), half)))
