# SPDX-License-Identifier: Apache-2.0
"""Mutants of a Python function by the standard library's syntax tree, apart from the product's own, to judge tests by.

Operators exchanged, comparisons moved by one, constants changed, conditions negated, results dropped. Equivalent mutants are not told
apart: no suite can kill all.
"""

from __future__ import annotations

import ast
import copy
import random

COMPARISONS = {ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt, ast.LtE],
               ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is]}
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Add,
          ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift}


def _changes(node: ast.AST) -> list[ast.AST]:
    """What this node may become."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return [_with(node, ops=[op()]) for op in COMPARISONS.get(type(node.ops[0]), [])]
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in BINARY:
        return [_with(node, op=BINARY[type(node.op)]())]
    if isinstance(node, ast.BoolOp):
        return [_with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        return [node.operand]
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return [ast.Constant(not node.value)]
        if isinstance(node.value, (int, float)):
            return [ast.Constant(node.value + 1), ast.Constant(node.value - 1)]
        if isinstance(node.value, str):
            return [ast.Constant(node.value + "x")]
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        return [_with(node, test=ast.UnaryOp(ast.Not(), node.test))]
    if isinstance(node, ast.Return) and node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        return [ast.Return(ast.Constant(None))]
    return []


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_docstring(parent: ast.AST, node: ast.AST) -> bool:
    return isinstance(parent, ast.Expr) and isinstance(node, ast.Constant) and isinstance(node.value, str)


def mutants(source: str, function: str, at_most: int, seed: int) -> list[str]:
    """Sources with one change each inside the top-level `function`, without its docstring and annotations."""
    tree = ast.parse(source)
    target = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function), None)
    if target is None:
        return []
    found: list[str] = []

    def walk(parent: ast.AST) -> None:
        for name, value in ast.iter_fields(parent):
            if name in ("annotation", "returns", "args", "decorator_list"):
                continue
            children = value if isinstance(value, list) else [value]
            for i, child in enumerate(children):
                if not isinstance(child, ast.AST):
                    continue
                for change in [] if _is_docstring(parent, child) else _changes(child):
                    ast.copy_location(change, child)
                    _put(parent, name, value, i, change)
                    found.append(ast.unparse(ast.fix_missing_locations(tree)))
                    _put(parent, name, value, i, child)
                walk(child)

    walk(target)
    original = ast.unparse(ast.parse(source))
    different = [m for m in dict.fromkeys(found) if m != original]
    return different if len(different) <= at_most else random.Random(seed).sample(different, at_most)


def _put(parent: ast.AST, name: str, value: object, i: int, child: ast.AST) -> None:
    if isinstance(value, list):
        value[i] = child
    else:
        setattr(parent, name, child)
