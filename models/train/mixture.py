# SPDX-License-Identifier: Apache-2.0
"""The mixture that completions are chosen by: agent/text_memory.h and agent/expert_mixture.h in plain numpy.

Expert 0 is the model, expert 1 + k the tokens that followed what the last MATCHES[k] tokens are, in the texts of a memory;
the experts behind those are what a table of n-grams (ngram_table.py) says comes after the last TABLE_CONTEXTS[k] tokens.
"""
import re
from pathlib import Path

import numpy as np

MATCHES = (1, 2, 3, 4, 6, 8, 12, 16)
LONGEST = MATCHES[-1]
KEYS, MOST_PLACES = (6, 3, 1), 256  # of text_memory.cc: the nearest places that a key of so many tokens leads to
TABLE_CONTEXTS, TABLE_DISCOUNT = (2, 3, 4, 5), 0.75
EXPERTS, PLACE_FEATURES, EXPERT_FEATURES = 1 + len(MATCHES) + len(TABLE_CONTEXTS), 6, 6
LEAST_LOG = -12
WEIGHTS = Path(__file__).resolve().parents[2] / 'agent' / 'gate_weights.inc'


class Memory:
    def __init__(self, texts):
        """texts: lists of tokens, the nearest last"""
        self.tokens = np.array([token for text in texts for token in (-1, *text)], dtype=np.int32)

    def followers(self, context):
        """-> (tokens that followed the context's end, tokens matched before each), the nearest first"""
        tokens, context = self.tokens, list(context)[-LONGEST:]
        if not context:
            return np.zeros(0, np.int32), np.zeros(0, np.int32)
        at = np.flatnonzero(tokens[:-1] == context[-1])[::-1] + 1
        at = at[tokens[at] >= 0]
        matched, live = np.ones(len(at), np.int32), np.arange(len(at))
        for n in range(1, len(context)):
            before = at[live] - 1 - n
            live = live[(before >= 0) & (tokens[np.maximum(before, 0)] == context[-1 - n])]
            matched[live] += 1
        chosen, longest_left = np.zeros(len(at), bool), LONGEST
        for key in KEYS:
            found = np.flatnonzero(matched >= key)[:MOST_PLACES]
            chosen[found[matched[found] <= longest_left]] = True
            longest_left = key - 1
        return tokens[at[chosen]], matched[chosen]


def table_expert(tokens, shares):
    """What a context's followers say, their known mass made one. How often the context was seen is guessed from the mass
    that is unknown, which grows with the kinds and falls with the times."""
    known = shares.sum()
    return TABLE_DISCOUNT * len(tokens) / max(0.01, 1 - known), tokens, shares / known


def experts(memory, context, table=None):
    """-> ({number: (times seen, tokens, shares)}, longest match)"""
    followed, matched = memory.followers(context)
    found = {}
    for k, n in enumerate(MATCHES):
        tokens, counts = np.unique(followed[matched >= n], return_counts=True)
        if len(tokens):
            found[1 + k] = (counts.sum(), tokens, counts / counts.sum())
    for k, n in enumerate(TABLE_CONTEXTS if table else ()):
        tokens, shares = table.after(context[-n:]) if len(context) >= n else ((), ())
        if len(tokens):
            found[1 + len(MATCHES) + k] = table_expert(tokens, shares)
    return found, int(matched.max(initial=0))


def place_features(log_p, longest_match):
    """log_p: natural logs of the model's distribution, [vocabulary]"""
    unsure, matched = -float((np.exp(log_p) * np.maximum(log_p, -1e9)).sum()), np.log1p(longest_match)
    return np.array([1, unsure, unsure * unsure / 4, -log_p.max(), matched, unsure * matched])


def expert_features(log_p, seen, tokens, shares):
    top = shares.argmax()
    return np.array([np.log1p(seen), np.log1p(len(tokens)), len(tokens) / seen, len(tokens) == 1, shares[top], max(LEAST_LOG, log_p[tokens[top]])])


def gate(place, own, weights):
    """place: [PLACE_FEATURES]; own: {number: [EXPERT_FEATURES]} -> {number: share}, the model's under 0"""
    of_place, of_expert = weights
    scores = {number: place @ of_place[number] + (own[number] @ of_expert[number] if number else 0) for number in (0, *own)}
    most = max(scores.values())
    total = sum(np.exp(score - most) for score in scores.values())
    return {number: np.exp(score - most) / total for number, score in scores.items()}


def mix(log_p, memory, context, weights, table=None):
    """-> natural logs of the mixture, [vocabulary]"""
    found, longest_match = experts(memory, context, table)
    if not found:
        return log_p
    own = {number: expert_features(log_p, *expert) for number, expert in found.items()}
    shares_of = gate(place_features(log_p, longest_match), own, weights)
    p = shares_of[0] * np.exp(log_p)
    for number, (_, tokens, shares) in found.items():
        p[tokens] += shares_of[number] * shares
    return np.log(p)


def read_weights(path=WEIGHTS):
    """-> (of the place [EXPERTS, PLACE_FEATURES], of the experts [EXPERTS, EXPERT_FEATURES])"""
    text = path.read_text()
    tables = [np.array([float(x) for x in re.findall(r'(-?\d+\.\d+)f', text.split(f'{name}[')[1].split(';')[0])]) for name in ('kPlaceWeights', 'kExpertWeights')]
    return tables[0].reshape(EXPERTS, PLACE_FEATURES), tables[1].reshape(EXPERTS, EXPERT_FEATURES)


def write_weights(of_place, of_expert, path=WEIGHTS):
    def table(name, size, rows):
        lines = ',\n'.join('    {' + ', '.join(f'{x:.4f}f' for x in row) + '}' for row in rows)
        return f'constexpr float {name}[kExperts][{size}] = {{\n{lines}}};\n'

    path.write_text('// SPDX-License-Identifier: Apache-2.0\n// Written by models/train/fit_mixture.py, for agent/expert_mixture.cc: a row an expert, the model first.\n'
                    + '// clang-format off\n' + table('kPlaceWeights', 'kPlaceFeatures', of_place) + table('kExpertWeights', 'kExpertFeatures', of_expert) + '// clang-format on\n')
