# SPDX-License-Identifier: Apache-2.0
"""The texts and tasks everything is measured on: fixed samples of the two hold-outs."""
import json
import random
import re
from collections import defaultdict

SPLITS = ('heldout_files', 'heldout_packages')
LANGUAGES = ('python', 'c', 'cpp', 'javascript', 'typescript', 'go', 'rust', 'java')
GROUPS = {'python': ('python',), 'c-family': ('c', 'cpp'), 'js-ts': ('javascript', 'typescript')}


def texts(folder, split, budget=120_000, most=8_000):
    """-> {language: [text]}: the first `most` characters of shuffled files, up to `budget` characters a language"""
    out, used = defaultdict(list), defaultdict(int)
    files = [json.loads(line) for line in open(f'{folder}/{split}.jsonl')]
    random.Random(5).shuffle(files)
    for f in files:
        text = f['text'][:most]
        if used[f['lang']] + len(text) <= budget:
            out[f['lang']].append(text)
            used[f['lang']] += len(text)
    return {lang: out[lang] for lang in LANGUAGES if out[lang]}


NOT_CODE = ('#', '//', '/*', '*', '"""', '>>>', '...', 'import ', 'from ')


def lines_of(folder, group, count, wanted, seed):
    """`count` places in held-out packages: (prefix, line, suffix), line stripped of its indent, which stays in the prefix"""
    rng = random.Random(seed)
    files = [f['text'] for f in map(json.loads, open(f'{folder}/heldout_packages.jsonl')) if f['lang'] in GROUPS[group]]
    out, tries = [], 0
    while len(out) < count and tries < 200 * count:
        tries += 1
        text = rng.choice(files)
        lines = text.split('\n')
        at = rng.randrange(len(lines))
        line = lines[at].strip()
        if not 6 <= len(line) <= 90 or line.startswith(NOT_CODE) or len(re.findall('[A-Za-z]', line)) < 3 or not wanted(line):
            continue
        before = '\n'.join(lines[:at]) + ('\n' if at else '') + lines[at][:len(lines[at]) - len(lines[at].lstrip())]
        out.append((before[-1000:], line, ('\n' + '\n'.join(lines[at + 1:]))[:400]))
    return out


SWAPS = [(r'==', '!='), (r'!=', '=='), (r'<=', '<'), (r'>=', '>'), (r' < ', ' <= '), (r' > ', ' >= '), (r' \+ ', ' - '),
         (r' - ', ' + '), (r' \* ', ' / '), (r'\+=', '-='), (r'-=', '+='), (r'\band\b', 'or'), (r'\bor\b', 'and'),
         (r'\bTrue\b', 'False'), (r'\bFalse\b', 'True'), (r'\btrue\b', 'false'), (r'\bfalse\b', 'true'), (r'&&', '||'),
         (r'\|\|', '&&'), (r'\bis not\b', 'is'), (r'\bnot in\b', 'in'), (r'\bnot ', ''), (r'\[0\]', '[1]'), (r' \+ 1\b', ''),
         (r' - 1\b', ''), (r'\b0\b', '1'), (r'\b1\b', '0'), (r'\bmin\(', 'max('), (r'\bmax\(', 'min('), (r'\+\+', '--')]


def has_mutants(line):
    return bool(mutants(line))


def ranking_places(folder, group, count):
    """-> [(prefix, suffix, [true line, mutant, ...])]"""
    return [(prefix, suffix, [line, *mutants(line)[:8]])
            for prefix, line, suffix in lines_of(folder, group, count, has_mutants, seed=3)]


def mutants(line):
    """One-edit mutants of a line by operator, constant and condition swaps."""
    out = set()
    for pattern, other in SWAPS:
        for m in re.finditer(pattern, line):
            out.add(line[:m.start()] + other + line[m.end():])
    return sorted(out - {line})
