# SPDX-License-Identifier: Apache-2.0
"""Places where the rest of a line is to be completed, and what `graft complete --batch` says there.

Shared by run.py and models/eval. Standard library only.
"""
import collections
import json
import random
import subprocess

ENDINGS = {".py": "python", ".c": "c", ".h": "cpp", ".cc": "cpp", ".cpp": "cpp", ".hpp": "cpp", ".js": "javascript", ".ts": "typescript",
           ".rs": "rust", ".go": "go", ".java": "java", ".sh": "bash"}
NOT_CODE = ("#", "//", "/*", "*", '"""', ">>>", "...")


def files_of(path):
    if path.is_file():
        return [(f["lang"], f["text"]) for f in map(json.loads, path.open())]
    return [(ENDINGS[p.suffix], p.read_text()) for p in sorted(path.rglob("*")) if p.suffix in ENDINGS and p.is_file()]


def places(files, count, seed):
    """-> {language: [(prefix, rest of the line, suffix, number of the file)]}, `count` each; comments, short and very long lines are left out."""
    by_language = collections.defaultdict(list)
    for number, (language, text) in enumerate(files):
        if len(text) < 200_000:
            by_language[language].append((text, number))
    chosen = {}
    for language, texts in sorted(by_language.items()):
        rng, found = random.Random(f"{seed} {language}"), []
        for _ in range(200 * count):
            if len(found) == count:
                break
            text, number = rng.choice(texts)
            lines = text.split("\n")
            at = rng.randrange(len(lines))
            line = lines[at].rstrip()
            code = line.strip()
            if not 6 <= len(code) <= 90 or code.startswith(NOT_CODE) or sum(c.isalpha() for c in code) < 3:
                continue
            start = len(line) - len(line.lstrip())
            cut = rng.randint(start + 1, len(line) - 2)
            before = "\n".join(lines[:at] + [line[:cut]])
            found.append((before, line[cut:], "\n" + "\n".join(lines[at + 1:]), number))
        chosen[language] = found
    return chosen


def complete(command, found, language, others=lambda number: []):
    """-> [(sureness, right?, completion)] of each of `found`, the first that an editor would be given, of any sureness. `command`: of `graft complete --batch`, with its model.

    `others`: the texts around a file, by its number, the nearest first.
    """
    lines = [json.dumps({"id": i, "prefix": p, "suffix": s, "language": language, "stop": ["\n"], "others": others(number), "as_shown": True})
             for i, (p, _, s, number) in enumerate(found)]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    rows = []
    for answer, (_, rest, _, _) in zip(map(json.loads, done.stdout.splitlines()), found):
        best = answer["completions"][0] if answer.get("completions") else {"text": "", "sureness": -99.0}
        rows.append((best["sureness"], best["text"].rstrip() == rest, best["text"]))
    return rows
