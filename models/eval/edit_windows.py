# SPDX-License-Identifier: Apache-2.0
"""Windows for the measure of repeated edits: a file, changes made to it, and the places where the same is to be done next, or none.

The places of one pattern are found by a small lexer of this file's own, so that the product's syntax trees do not judge themselves. A pattern is a callable
that gives all its places in a text; a window takes one pattern's places, changes the first one or two, and asks for the next. Windows without a next place
hold changes of the same kinds where nothing repeats, new code being typed, and changes taken back.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST_SITES, LEAST_SITES = 6, 2
MOST_TRIES = 200  # files that are asked for a window of a kind before it is given up
KEYWORDS = set(
    "and as assert async await break case catch char class const continue def default del delete do double elif else enum except export extends extern "
    "false False final finally float for from function global goto if import in inline instanceof int interface is lambda let long namespace new None nonlocal "
    "not null nullptr operator or override package pass private protected public raise readonly return self short signed sizeof static struct super switch "
    "template this throw true True try type typedef typename typeof undefined union unsigned using var virtual void volatile while with yield bool string "
    "number any never unknown size_t auto define include ifdef ifndef endif elif".split()
)
FRESH = "probe latch quota ledger beacon funnel gauge anchor cipher relay".split()
LITERALS = {"true", "false", "True", "False", "None", "null", "undefined", "nullptr", "NULL"}
SWAPS = {"==": "!=", "!=": "==", "<": "<=", ">": ">=", "<=": "<", ">=": ">", "+": "-", "-": "+", "&&": "||", "||": "&&", "===": "!==", "!==": "===", "and": "or", "or": "and"}


@dataclass(frozen=True)
class Token:
    kind: str  # name, number, string, comment, mark
    begin: int
    end: int
    text: str


@dataclass(frozen=True)
class Site:
    begin: int
    end: int
    new: str


@dataclass(frozen=True)
class Window:
    kind: str
    language: str
    text: str
    changes: tuple[tuple[int, int, str, float], ...]  # begin, end, text, seconds; one after the other, in characters
    now: str  # the text after them
    cursor: int
    rest: tuple[Site, ...]  # in `now`; the expected next one first; empty: nothing is to be offered
    old: str  # what the last change did, for the baseline: words and all
    new: str


def lex(text: str, language: str) -> list[Token]:
    comment = r"#[^\n]*" if language == "python" else r"//[^\n]*|/\*.*?\*/"
    strings = r"'''.*?'''|\"\"\".*?\"\"\"|" if language == "python" else r"`(?:\\.|[^`\\])*`|"
    strings += r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    marks = r"===|!==|\*\*|=>|->|::|\.\.\.|==|!=|<=|>=|&&|\|\||\+\+|--|\+=|-=|\S"
    pattern = re.compile(rf"(?P<comment>{comment})|(?P<string>{strings})|(?P<name>[A-Za-z_$][\w$]*)|(?P<number>\d[\w.]*)|(?P<mark>{marks})", re.S)
    return [Token(m.lastgroup or "", m.start(), m.end(), m.group()) for m in pattern.finditer(text)]


class Source:
    """A file with what patterns ask of it."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text, language
        self.tokens = [t for t in lex(text, language) if t.kind != "comment"]
        self.comments = [t for t in lex(text, language) if t.kind == "comment"]
        self.names = {t.text for t in self.tokens if t.kind == "name"}
        self.at: dict[str, list[int]] = defaultdict(list)  # tokens by text
        for i, token in enumerate(self.tokens):
            self.at[token.text].append(i)

    def token(self, i: int) -> str:
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def word(self, rng: random.Random) -> str:
        """A new name, or, of three times one, a name that the file has."""
        known = sorted(n for n in self.names if n not in KEYWORDS and len(n) > 2)
        return rng.choice(known) if known and rng.random() < 0.33 else self.fresh(rng)

    def fresh(self, rng: random.Random) -> str:
        free = [w for w in FRESH if not any(w in name for name in self.names)]
        return rng.choice(free or ["zq_" + rng.choice(FRESH)])

    def closing(self, i: int) -> int | None:
        """The token that closes the bracket at token i; within eight lines."""
        pairs, depth = {"(": ")", "[": "]", "{": "}"}, []
        for j in range(i, min(len(self.tokens), i + 200)):
            text = self.tokens[j].text
            if text in pairs:
                depth.append(pairs[text])
            elif depth and text == depth[-1]:
                depth.pop()
                if not depth:
                    return j
            elif text in pairs.values():
                return None
        return None

    def arguments(self, i: int) -> list[tuple[int, int]] | None:
        """Token ranges of the elements in the brackets at token i."""
        end = self.closing(i)
        if end is None:
            return None
        parts, begin, depth = [], i + 1, 0
        for j in range(i + 1, end):
            text = self.tokens[j].text
            depth += (text in "([{") - (text in ")]}") if len(text) == 1 else 0
            if text == "," and depth == 0:
                parts.append((begin, j))
                begin = j + 1
        if begin < end:
            parts.append((begin, end))
        return None if any(a == b for a, b in parts) else parts

    def span(self, a: int, b: int) -> str:
        return self.text[self.tokens[a].begin : self.tokens[b - 1].end]

    def calls(self) -> dict[str, list[int]]:
        """Name tokens that are called, by name; definitions are no calls."""
        found: dict[str, list[int]] = defaultdict(list)
        for i, token in enumerate(self.tokens):
            if token.kind != "name" or token.text in KEYWORDS or self.token(i + 1) != "(" or self.tokens[i + 1].begin != token.end:
                continue
            before = self.token(i - 1)
            end = self.closing(i + 1)
            defines = before in ("def", "class", "function", "new", "*", "&", ">") or (before and self.tokens[i - 1].kind == "name" and before not in ("return", "await", "in", "not", "and", "or", "if", "else", "yield", "assert", "case", "throw"))
            if end is not None and not defines and self.token(end + 1) not in ("{", "const", "override", "=>", "noexcept") and not (self.token(end + 1) == ":" and self.language == "typescript"):
                found[token.text].append(i)
        return found

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def indent(self, at: int) -> int:
        line = self.text[self.line_start(at) :].split("\n", 1)[0]
        return len(line) - len(line.lstrip())


Pattern = Callable[[Source, random.Random], Iterator[list[Site]]]


def some(rng: random.Random, groups: dict[str, list[int]], least: int = LEAST_SITES) -> list[str]:
    names = sorted(k for k, v in groups.items() if least <= len(v) <= MOST_SITES)
    rng.shuffle(names)
    return names[:6]


def in_one_scope(source: Source, places: list[int]) -> bool:
    """All in one block whose first line holds the first of them, as far as indentation tells."""
    first, last = source.tokens[places[0]].begin, source.tokens[places[-1]].end
    if source.text.count("\n", first, last) > 40:
        return False
    base = source.indent(first)
    for line in source.text[first:last].split("\n")[1:]:
        if line.strip() and len(line) - len(line.lstrip()) < base:
            return False
        if line.strip() and len(line) - len(line.lstrip()) == base and re.match(r"\s*(def |async def |class |function |\}\s*$)", line):
            return False
    return True


def declares(source: Source, i: int) -> bool:
    before, after = source.token(i - 1), source.token(i + 1)
    if source.language == "python":
        return before in ("def", "class", "import", "as", "for") or (after == "=" and source.text[source.line_start(source.tokens[i].begin) : source.tokens[i].begin].strip() == "")
    if source.language in ("javascript", "typescript"):
        return before in ("const", "let", "var", "function", "class", "import", "interface", "type")
    return after in ("=", ";", ",", ")") and i > 0 and (source.tokens[i - 1].kind == "name" or before in ("*", "&")) and before not in ("return", "goto", "case", "else", "delete", "new", "sizeof", "typedef")


def rename(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    groups = {n: p for n, p in source.at.items() if source.tokens[p[0]].kind == "name" and n not in KEYWORDS and len(n) > 2 and len(p) >= 3}
    for name in some(rng, groups, 3):
        places = groups[name]
        if any(source.token(i - 1) in (".", "->", "::", "?.") or (source.token(i + 1) in ("=", ":") and source.token(i - 1) in ("(", ",", "{")) for i in places):
            continue
        if not declares(source, places[0]):
            continue
        top = source.indent(source.tokens[places[0]].begin) == 0
        again = sum(declares(source, i) for i in places) > 1
        if (top and not again) or in_one_scope(source, places):
            new = source.fresh(rng) if rng.random() < 0.5 else rng.choice(("new_", "my_")) + name
            if new not in source.names:
                yield [Site(source.tokens[i].begin, source.tokens[i].end, new) for i in places]


def callee(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = source.calls()
    calls = {n: p for n, p in calls.items() if len(p) == len(source.at[n])}
    for name in some(rng, calls):
        others = sorted(n for n in source.calls() if n != name)
        new = rng.choice(others) if others and rng.random() < 0.33 else source.fresh(rng)
        yield [Site(source.tokens[i].begin, source.tokens[i].end, new) for i in calls[name]]


def member(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for i, token in enumerate(source.tokens):
        if token.kind == "name" and source.token(i - 1) in (".", "->") and source.token(i + 1) != "(" and len(token.text) > 2:
            groups[token.text].append(i)
    for name in some(rng, groups):
        if len(groups[name]) == len(source.at[name]):
            new = source.word(rng)
            yield [Site(source.tokens[i].begin, source.tokens[i].end, new) for i in groups[name]]


def add_argument(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = source.calls()
    for name in some(rng, calls):
        word = source.word(rng)
        value = rng.choice([word, str(rng.randint(2, 99)), f'"{word}"', f"{word}=1" if source.language == "python" else word])
        front = rng.random() < 0.3 and "=" not in value
        sites = []
        for i in calls[name]:
            parts = source.arguments(i + 1)
            if not parts or source.span(*parts[-1]).startswith(("*", "...")) or (source.language == "python" and " for " in source.span(*parts[0])):
                break
            at = source.tokens[parts[0][0]].begin if front else source.tokens[parts[-1][1] - 1].end
            sites.append(Site(at, at, f"{value}, " if front else f", {value}"))
        else:
            # An element on a line of its own takes its line's style, and which style is a matter of taste.
            if all("\n" not in source.text[source.tokens[i].begin : source.tokens[source.closing(i + 1) or i].end] for i in calls[name]) and not nested(sites, source, calls[name]):
                yield sites


def nested(sites: list[Site], source: Source, calls: list[int]) -> bool:
    """A call among the arguments of another: after the first change the places move into one another."""
    spans = [(source.tokens[i].begin, source.tokens[source.closing(i + 1) or i].end) for i in calls]
    return any(a < c and d <= b for a, b in spans for c, d in spans if (a, b) != (c, d))


def wrap_argument(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = source.calls()
    for name in some(rng, calls):
        parts = [source.arguments(i + 1) for i in calls[name]]
        if all(p and len(p) == 1 and p[0][1] - p[0][0] <= 12 and "\n" not in source.span(*p[0]) and not re.search(r"\bfor\b|=>|^\*|=|^\.\.\.|\blambda\b", source.span(*p[0])) for p in parts) and not nested([], source, calls[name]):
            word = source.word(rng)
            yield [Site(source.tokens[p[0][0]].begin, source.tokens[p[0][1] - 1].end, f"{word}({source.span(*p[0])})") for p in parts if p]


def wrap_call(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = {n: p for n, p in source.calls().items() if all(source.token(i - 1) in ("=", "(", ",", "return", ":") for i in p)}
    for name in some(rng, calls):
        ends = [source.closing(i + 1) for i in calls[name]]
        spans = [source.text[source.tokens[i].begin : source.tokens[e].end] for i, e in zip(calls[name], ends) if e is not None]
        if any("\n" in s for s in spans) or nested([], source, calls[name]) or any(source.token(e + 1) in (".", "(", "[", "->") for e in ends if e is not None):
            continue
        word = source.word(rng)
        yield [Site(source.tokens[i].begin, source.tokens[i].begin + len(s), f"{word}({s})") for i, s in zip(calls[name], spans)]


def swap_arguments(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = source.calls()
    for name in some(rng, calls):
        sites = []
        for i in calls[name]:
            parts = source.arguments(i + 1)
            if not parts or len(parts) != 2 or any(b - a > 4 or "\n" in source.span(a, b) or re.search(r"=|\*|\.\.\.|\{", source.span(a, b)) for a, b in parts):
                break
            (a, b), (c, d) = parts
            if source.span(a, b) == source.span(c, d):
                break
            sites.append(Site(source.tokens[a].begin, source.tokens[d - 1].end, f"{source.span(c, d)}, {source.span(a, b)}"))
        else:
            yield sites


def to_method(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = {n: p for n, p in source.calls().items() if all(source.token(i - 1) not in (".", "->", "::") for i in p)}
    for name in some(rng, calls):
        parts = [source.arguments(i + 1) for i in calls[name]]
        if all(p and len(p) == 1 and re.fullmatch(r"[A-Za-z_][\w.]*", source.span(*p[0])) for p in parts):
            yield [Site(source.tokens[i].begin, source.tokens[source.closing(i + 1) or i].end, f"{source.span(*p[0])}.{name}()") for i, p in zip(calls[name], parts) if p]


def remove_argument(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = source.calls()
    for name in some(rng, calls):
        parts = [source.arguments(i + 1) for i in calls[name]]
        if not all(p and len(p) >= 2 and "\n" not in source.text[source.tokens[i].begin : source.tokens[p[-1][1]].end] for i, p in zip(calls[name], parts)) or nested([], source, calls[name]):
            continue
        if len({source.span(*p[-1]) for p in parts if p}) == 1:
            yield [Site(source.tokens[p[-2][1] - 1].end, source.tokens[p[-1][1] - 1].end, "") for p in parts if p]


def argument_value(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    calls = source.calls()
    for name in some(rng, calls, 2):
        parts = [source.arguments(i + 1) for i in calls[name]]
        if not all(parts):
            continue
        for k in range(min(len(p) for p in parts if p)):
            values = {source.span(*p[k]) for p in parts if p}
            value = next(iter(values))
            if len(values) == 1 and (value in LITERALS or re.fullmatch(r"\d+|\w+ *= *(\w+)", value)):
                new = re.sub(r"\w+$", source.word(rng), value)
                yield [Site(source.tokens[p[k][0]].begin, source.tokens[p[k][1] - 1].end, new) for p in parts if p]


def text_literal(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    groups = {t: p for t, p in source.at.items() if source.tokens[p[0]].kind == "string" and 5 <= len(t) <= 40 and "\n" not in t and re.fullmatch(r"[\w./ -]+", t[1:-1])}
    for text in some(rng, groups):
        new = text[0] + rng.choice((source.word(rng), text[1:-1] + "-" + source.word(rng))) + text[-1]
        yield [Site(source.tokens[i].begin, source.tokens[i].end, new) for i in groups[text]]


def sequences(source: Source) -> dict[tuple[str, ...], list[int]]:
    """Runs of three to five tokens of one line, with a swappable operator inside and a name at an end."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, token in enumerate(source.tokens):
        if token.kind != "mark" and token.text not in ("and", "or"):
            for n in (3, 5):
                run = source.tokens[i : i + n]
                if len(run) == n and run[0].kind == "name" and run[0].text not in KEYWORDS and run[-1].kind in ("name", "number") and run[n - 2].text in SWAPS and "\n" not in source.text[run[0].begin : run[-1].end]:
                    if n == 5 and run[1].text not in (".", "->"):
                        continue
                    if source.token(i - 1) in (".", "->", "::") or source.token(i + n) in (".", "(", "[", "->", "::"):
                        continue
                    found[tuple(t.text for t in run)].append(i)
    return found


def operator(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    groups = {" ".join(k): (k, p) for k, p in sequences(source).items()}
    for key in some(rng, {k: p for k, (_, p) in groups.items()}):
        run, places = groups[key]
        n = len(run)
        yield [Site(source.tokens[i + n - 2].begin, source.tokens[i + n - 2].end, SWAPS[run[n - 2]]) for i in places]


def api(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for i, token in enumerate(source.tokens):
        if token.kind == "name" and source.token(i + 1) in (".", "::", "->") and i + 2 < len(source.tokens) and source.tokens[i + 2].kind == "name":
            if source.token(i - 1) not in (".", "::", "->") and token.text not in ("self", "this"):
                groups[token.text + source.token(i + 1) + source.token(i + 2)].append(i)
    for key in some(rng, groups):
        sign = next(s for s in ("::", "->", ".") if s in key)
        new = sign.join((source.word(rng), source.word(rng)))
        yield [Site(source.tokens[i].begin, source.tokens[i + 2].end, new) for i in groups[key]]


def row(source: Source, rng: random.Random) -> Iterator[list[Site]]:
    """Lines one after the other that are one bracketed row each, with as many elements."""
    rows: list[tuple[int, int]] = []  # tokens of the brackets
    groups: list[list[tuple[int, int]]] = []
    for i, token in enumerate(source.tokens):
        if token.text not in ("(", "[", "{") or source.text[source.line_start(token.begin) : token.begin].strip():
            continue
        end = source.closing(i)
        if end is None or "\n" in source.text[token.begin : source.tokens[end].end] or source.token(end + 1) not in (",", "]", "}", ")"):
            continue
        parts = source.arguments(i)
        if not parts or len(parts) < 2:
            continue
        if rows and source.text.count("\n", source.tokens[rows[-1][1]].end, token.begin) == 1 and source.token(rows[-1][0]) == token.text and len(source.arguments(rows[-1][0]) or []) == len(parts):
            rows.append((i, end))
        else:
            rows = [(i, end)]
            groups.append(rows)
    for group in groups:
        # The whole list: a row of another shape may be meant too, and who knows.
        whole = source.token(group[0][0] - 1) in ("(", "[", "{") and (source.token(group[-1][1] + 1) in (")", "]", "}") or source.token(group[-1][1] + 2) in (")", "]", "}"))
        if whole and 3 <= len(group) <= MOST_SITES:
            value = rng.choice(("0", "1", source.word(rng), f'"{source.word(rng)}"'))
            yield [Site(source.tokens[(source.arguments(i) or [])[-1][1] - 1].end, source.tokens[(source.arguments(i) or [])[-1][1] - 1].end, f", {value}") for i, _ in group]


PATTERNS: dict[str, Pattern] = {
    f.__name__.replace("_", " "): f
    for f in (rename, callee, member, add_argument, wrap_argument, wrap_call, swap_arguments, to_method, remove_argument, argument_value, text_literal, operator, api, row)
}


# --- Changes where nothing repeats ---


def once_name(source: Source, rng: random.Random) -> Iterator[Site]:
    names = sorted(n for n, p in source.at.items() if len(p) == 1 and source.tokens[p[0]].kind == "name" and n not in KEYWORDS and len(n) > 2)
    if names:
        token = source.tokens[source.at[rng.choice(names)][0]]
        yield Site(token.begin, token.end, source.word(rng))


def once_call(source: Source, rng: random.Random) -> Iterator[Site]:
    names = sorted(n for n, p in source.calls().items() if len(p) == 1 and source.arguments(p[0] + 1))
    if names:
        parts = source.arguments(source.calls()[rng.choice(names)][0] + 1) or []
        at = source.tokens[parts[-1][1] - 1].end
        yield Site(at, at, ", " + source.word(rng))


def alone(source: Source, i: int) -> bool:
    """No second place in the file has the same token between the same neighbours on either side."""
    here = source.token(i)
    return all(j == i or (source.token(j - 1) != source.token(i - 1) and source.token(j + 1) != source.token(i + 1)) for j in source.at[here])


def other_variable(source: Source, rng: random.Random) -> Iterator[Site]:
    """One use of a name becomes another name of the file; the first stays in use elsewhere."""
    uses = [i for i, t in enumerate(source.tokens) if t.kind == "name" and t.text not in KEYWORDS and len(source.at[t.text]) >= 3 and source.token(i + 1) != "(" and source.token(i - 1) not in (".", "->", "::") and not declares(source, i) and alone(source, i)]
    names = sorted(n for n in source.names if n not in KEYWORDS and len(source.at[n]) >= 2)
    if uses and len(names) > 1:
        token = source.tokens[rng.choice(uses)]
        yield Site(token.begin, token.end, rng.choice([n for n in names if n != token.text]))


def other_number(source: Source, rng: random.Random) -> Iterator[Site]:
    uses = [i for i, t in enumerate(source.tokens) if t.kind == "number" and len(source.at[t.text]) >= 2 and alone(source, i)]
    if uses:
        token = source.tokens[rng.choice(uses)]
        yield Site(token.begin, token.end, str(rng.randint(2, 50)) if token.text != "7" else "8")


def other_operator(source: Source, rng: random.Random) -> Iterator[Site]:
    runs = [(k, p[0]) for k, p in sorted(sequences(source).items()) if len(p) == 1]
    runs = [(k, i) for k, i in runs if len(source.at[k[-2]]) >= 3 and alone(source, i + len(k) - 2)]
    if runs:
        run, i = rng.choice(runs)
        token = source.tokens[i + len(run) - 2]
        yield Site(token.begin, token.end, SWAPS[token.text])


def comment_word(source: Source, rng: random.Random) -> Iterator[Site]:
    if source.comments:
        comment = rng.choice(source.comments)
        words = list(re.finditer(r"[a-z]{3,}", comment.text))
        if words:
            word = rng.choice(words)
            yield Site(comment.begin + word.start(), comment.begin + word.end(), rng.choice(("other", "which", "value", "later")))


def a_line(source: Source, rng: random.Random) -> tuple[int, int] | None:
    lines = [m.span() for m in re.finditer(r"^[ \t]*\S[^\n]{8,}\n", source.text, re.M)]
    return rng.choice(lines) if lines else None


def new_line(source: Source, rng: random.Random) -> Iterator[Site]:
    """A line of the file, written again below another one."""
    source_line, at = a_line(source, rng), a_line(source, rng)
    if source_line and at:
        yield Site(at[1], at[1], source.text[slice(*source_line)])


def unfinished_line(source: Source, rng: random.Random) -> Iterator[Site]:
    for site in new_line(source, rng):
        yield Site(site.begin, site.end, site.new[: rng.randint(3, len(site.new) - 1)].rstrip() + "\n")


def gone_line(source: Source, rng: random.Random) -> Iterator[Site]:
    line = a_line(source, rng)
    if line:
        yield Site(*line, "")


def rest_of_line(source: Source, rng: random.Random) -> Iterator[Site]:
    """The end of a line written anew, with the end of another line."""
    here, there = a_line(source, rng), a_line(source, rng)
    if here and there:
        at, other = rng.randrange(here[0] + 4, here[1] - 2), rng.randrange(there[0] + 4, there[1] - 2)
        yield Site(at, here[1] - 1, source.text[other : there[1] - 1])


SINGLE: dict[str, Callable[[Source, random.Random], Iterator[Site]]] = {
    f.__name__.replace("_", " "): f
    for f in (once_name, once_call, other_variable, other_number, other_operator, comment_word, new_line, unfinished_line, gone_line, rest_of_line)
}


# --- Windows ---


def typed(text: str, site: Site, rng: random.Random) -> list[tuple[int, int, str, float]]:
    """A change as an editor reports it: whole, or letter by letter where it differs."""
    old = text[site.begin : site.end]
    if rng.random() < 0.5:
        return [(site.begin, site.end, site.new, 60.0)]
    head = 0
    while head < min(len(old), len(site.new)) and old[head] == site.new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(site.new)) - head and old[-1 - tail] == site.new[-1 - tail]:
        tail += 1
    begin, end = site.begin + head, site.end - tail
    changes = [(begin, end, "", 60.0)] if end > begin else []
    for n, letter in enumerate(site.new[head : len(site.new) - tail]):
        changes.append((begin + n, begin + n, letter, 0.2 if changes else 60.0))
    return changes


def with_word(text: str, site: Site) -> tuple[str, str]:
    """What the change did, grown to whole words, and by the word in front where nothing gave way."""
    begin, end = site.begin, site.end
    word = re.compile(r"\w")
    if begin == end:
        while begin > 0 and text[begin - 1] in " \t":
            begin -= 1
        begin -= 1 if begin > 0 else 0
    while begin > 0 and word.match(text[begin - 1]) and word.match(text[begin]):
        begin -= 1
    while end < len(text) and end > begin and word.match(text[end]) and word.match(text[end - 1]):
        end += 1
    return text[begin:end], text[begin : site.begin] + site.new + text[site.end : end]


def window(kind: str, source: Source, sites: list[Site], n_done: int, rng: random.Random) -> Window:
    """Changes the first `n_done` of the sites; the places behind come first among the rest."""
    text, done, rest = source.text, sites[:n_done], sites[n_done:]
    old, new = with_word(text, done[-1])
    changes, shift = [], 0
    for site in done:
        moved = Site(site.begin + shift, site.end + shift, site.new)
        changes += typed(text, moved, rng)
        text = text[: moved.begin] + moved.new + text[moved.end :]
        shift += len(site.new) - (site.end - site.begin)
    cursor = done[-1].end + shift
    return Window(kind, source.language, source.text, tuple(changes), text, cursor, tuple(Site(s.begin + shift, s.end + shift, s.new) for s in rest), old, new)


def repeated(source: Source, kind: str, rng: random.Random) -> Window | None:
    for sites in PATTERNS[kind](source, rng):
        sites = sorted(sites, key=lambda s: s.begin)
        apart = all(a.end <= b.begin for a, b in zip(sites, sites[1:]))
        if apart and len(sites) >= LEAST_SITES:
            return window(kind, source, sites, 1 if len(sites) == 2 else rng.choice((1, 2)), rng)
    return None


def silent(source: Source, kind: str, rng: random.Random) -> Window | None:
    if kind == "taken back":
        for site in SINGLE[rng.choice(("other variable", "once name", "other number"))](source, rng):
            one = window(kind, source, [site], 1, rng)
            back = (site.begin, site.begin + len(site.new), source.text[site.begin : site.end], 60.0)
            return Window(kind, one.language, one.text, (*one.changes, back), source.text, site.end, (), one.new, one.old)
        return None
    for site in SINGLE[kind](source, rng):
        if source.text[site.begin : site.end] != site.new:
            return window(kind, source, [site], 1, rng)
    return None


SILENT = (*SINGLE, "taken back")


def windows(files: list[tuple[str, str]], count: int, seed: int) -> list[Window]:
    """`count` windows with a next place and as many without, in a fixed random order; kinds take turns as far as the files have them."""
    rng = random.Random(seed)
    sources: dict[int, Source] = {}
    found: list[Window] = []
    for kinds, make in ((tuple(PATTERNS), repeated), (SILENT, silent)):
        n_kind: Counter[str] = Counter()
        while kinds and sum(n_kind.values()) < count:
            kind = min(kinds, key=lambda k: (n_kind[k], kinds.index(k)))
            for _ in range(MOST_TRIES):
                at = rng.randrange(len(files))
                language, text = files[at]
                if at not in sources:
                    sources[at] = Source(text, language)
                one = make(sources[at], kind, rng)
                if one:
                    n_kind[kind] += 1
                    found.append(one)
                    break
            else:
                kinds = tuple(k for k in kinds if k != kind)
    rng.shuffle(found)
    return found
