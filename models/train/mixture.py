# SPDX-License-Identifier: Apache-2.0
"""The mixture that completions are chosen by: agent/memory/text_memory.h and agent/memory/expert_mixture.h in plain numpy.

Expert 0 is the model, expert 1 + k the tokens that followed what the last MATCHES[k] tokens are, in the texts of a memory;
the experts behind those are what a table of n-grams (ngram_table.py) says comes after the last TABLE_CONTEXTS[k] tokens;
the last five know the memory by other contexts than a match: PLACE_EXPERTS.
"""
import re
from pathlib import Path

import numpy as np

MATCHES = (1, 2, 3, 4, 6, 8, 12, 16)
LONGEST = MATCHES[-1]
KEYS, MOST_PLACES = (6, 3, 1), 256  # of text_memory.cc: the nearest places that a key of so many tokens leads to
TABLE_CONTEXTS, TABLE_DISCOUNT = (2, 3, 4, 5), 0.75
# What the last tokens of the memory were, in any order; what stands in lines that begin the same; the same behind the same token;
# what followed the last token but one; what followed the last token most recently.
PLACE_EXPERTS = ('recent', 'in_line', 'behind_in_line', 'skipped', 'latest')
RECENT, MOST_SEEN, CONTEXT = 4096, 64, 256  # tokens; times that the latest counts; tokens of a context that are looked at
EXPERTS, PLACE_FEATURES, EXPERT_FEATURES = 1 + len(MATCHES) + len(TABLE_CONTEXTS) + len(PLACE_EXPERTS), 6, 6
HIDDEN = 16  # of the gate's net
EXPERT_SCALE = np.array([3, 2, 1, 1, 1, 5])
INPUTS = PLACE_FEATURES + (EXPERTS - 1) * (EXPERT_FEATURES + 1)
LEAST_LOG = -12
EDGE, NONE = -1, -2
NONE_AT_ALL = np.zeros(0, np.int32)
WEIGHTS = Path(__file__).resolve().parents[2] / 'agent' / 'gate_weights.inc'


def lines_of(tokens, breaks):
    """-> [len(tokens) + 1, 3]: before each token and behind the last the token that ended the line before (EDGE at a text's start), the
    first token of its line (NONE at its start), and the first of the line before. breaks: [vocabulary], tokens that hold a newline"""
    states = np.empty((len(tokens) + 1, 3), np.int32)
    opener, first, before = EDGE, NONE, NONE
    for i, token in enumerate(tokens):
        states[i] = opener, first, before
        if token == EDGE:
            opener, first, before = EDGE, NONE, NONE
        elif breaks[token]:
            opener, first, before = token, NONE, first
        elif first == NONE:
            first = token
    states[len(tokens)] = opener, first, before
    return states


class Memory:
    def __init__(self, texts, breaks):
        """texts: lists of tokens, the nearest last"""
        self.tokens = np.array([token for text in texts for token in (EDGE, *text)], dtype=np.int32)
        self.breaks = breaks
        self.lines = lines_of(self.tokens, breaks)

    def up_to(self, n):
        """The memory of the first n tokens, edges counted"""
        part = Memory.__new__(Memory)
        part.tokens, part.breaks, part.lines = self.tokens[:n], self.breaks, self.lines[:n + 1]
        return part

    def followers(self, context):
        """-> (tokens that followed the context's end, tokens matched before each, their places), the nearest first"""
        tokens, context = self.tokens, list(context)[-LONGEST:]
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
        return tokens[at[chosen]], matched[chosen], at[chosen]

    def by_place(self, context):
        """-> {name of PLACE_EXPERTS: tokens that came there}, without the latest"""
        tokens, context = self.tokens, [EDGE, *context[-CONTEXT:]]
        opener, first, before = lines_of(context, self.breaks)[-1]
        lines, real = self.lines[:-1], tokens >= 0
        same_line = real & (lines[:, 0] == opener) & (lines[:, 1] == first)
        found = {'recent': tokens[-RECENT:]}
        if first == NONE:
            found['behind_in_line'] = tokens[np.flatnonzero(same_line & (lines[:, 2] == before))[-MOST_PLACES:]]
        else:
            found['in_line'] = tokens[np.flatnonzero(same_line)[-MOST_PLACES:]]
            found['behind_in_line'] = tokens[1:][np.flatnonzero(same_line[1:] & (tokens[:-1] == context[-1]))[-MOST_PLACES:]]
        if context[-2] != EDGE:
            found['skipped'] = tokens[2:][np.flatnonzero((tokens[:-2] == context[-2]) & real[1:-1] & real[2:])[-MOST_PLACES:]]
        return found


def table_expert(tokens, shares):
    """What a context's followers say, their known mass made one. How often the context was seen is guessed from the mass
    that is unknown, which grows with the kinds and falls with the times."""
    known = shares.sum()
    return TABLE_DISCOUNT * len(tokens) / max(0.01, 1 - known), tokens, shares / known


def counted(tokens):
    tokens, counts = np.unique(tokens[tokens >= 0], return_counts=True)
    return counts.sum(), tokens, counts / counts.sum()


def experts(memory, context, table=None):
    """-> ({number: (times seen, tokens, shares)}, longest match)"""
    context = list(context)
    if not context:
        return {}, 0
    followed, matched, places = memory.followers(context)
    found = {1 + k: counted(followed[matched >= n]) for k, n in enumerate(MATCHES) if (matched >= n).any()}
    for k, n in enumerate(TABLE_CONTEXTS if table else ()):
        tokens, shares = table.after(context[-n:]) if len(context) >= n else ((), ())
        if len(tokens):
            found[1 + len(MATCHES) + k] = table_expert(tokens, shares)
    by_place = memory.by_place(context)
    for k, name in enumerate(PLACE_EXPERTS, 1 + len(MATCHES) + len(TABLE_CONTEXTS)):
        if name == 'latest' and len(followed):
            found[k] = min(len(followed), MOST_SEEN), followed[places.argmax()][None], np.ones(1)
        elif (by_place.get(name, NONE_AT_ALL) >= 0).any():
            found[k] = counted(by_place[name])
    return found, int(matched.max(initial=0))


def place_features(log_p, longest_match):
    """log_p: natural logs of the model's distribution, [vocabulary]"""
    unsure, matched = -float((np.exp(log_p) * np.maximum(log_p, -1e9)).sum()), np.log1p(longest_match)
    return np.array([1, unsure, unsure * unsure / 4, -log_p.max(), matched, unsure * matched])


def expert_features(log_p, seen, tokens, shares):
    top = shares.argmax()
    return np.array([np.log1p(seen), np.log1p(len(tokens)), len(tokens) / seen, len(tokens) == 1, shares[top], max(LEAST_LOG, log_p[tokens[top]])])


def gate_input(place, own):
    """place: [PLACE_FEATURES]; own: {number: [EXPERT_FEATURES]} -> [INPUTS]: of each expert its features and that it is there"""
    of_experts = np.zeros((EXPERTS - 1, EXPERT_FEATURES + 1))
    for number, features in own.items():
        of_experts[number - 1] = *(features / EXPERT_SCALE), 1
    return np.concatenate((place / 2, of_experts.ravel()))


def gate(place, own, weights):
    """-> {number: share}, the model's under 0; a net's scores and, of each expert, a sum of its own"""
    x = gate_input(place, own) @ weights['hidden'].T + weights['hidden_bias']
    net = (x / (1 + np.exp(-x))) @ weights['out'].T + weights['out_bias']
    scores = {number: net[number] + place @ weights['place'][number] + (own[number] @ weights['expert'][number] if number else 0) for number in (0, *own)}
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


SHAPES = {'place': (EXPERTS, PLACE_FEATURES), 'expert': (EXPERTS, EXPERT_FEATURES), 'hidden': (HIDDEN, INPUTS), 'hidden_bias': (HIDDEN,),
          'out': (EXPERTS, HIDDEN), 'out_bias': (EXPERTS,)}
NAMES = {'place': 'kPlaceWeights[kExperts][kPlaceFeatures]', 'expert': 'kExpertWeights[kExperts][kExpertFeatures]', 'hidden': 'kHiddenWeights[kHidden][kInputs]',
         'hidden_bias': 'kHiddenBias[kHidden]', 'out': 'kOutWeights[kExperts][kHidden]', 'out_bias': 'kOutBias[kExperts]'}


def read_weights(path=WEIGHTS):
    """-> {name of SHAPES: array}"""
    text = path.read_text()
    return {name: np.array([float(x) for x in re.findall(r'(-?\d+\.\d+)f', text.split(NAMES[name])[1].split(';')[0])]).reshape(shape)
            for name, shape in SHAPES.items()}


def write_weights(weights, path=WEIGHTS):
    def rows(array):
        if array.ndim == 1:
            return '{' + ', '.join(f'{x:.4f}f' for x in array) + '}'
        return '{\n' + ',\n'.join('    ' + rows(row) for row in array) + '}'

    path.write_text('// SPDX-License-Identifier: Apache-2.0\n// Written by models/train/fit_mixture.py, for agent/memory/expert_mixture.cc: of experts a row each, the model first.\n'
                    + '// clang-format off\n' + ''.join(f'constexpr float {NAMES[name]} = {rows(np.asarray(weights[name]))};\n' for name in SHAPES) + '// clang-format on\n')
