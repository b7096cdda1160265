# SPDX-License-Identifier: Apache-2.0
"""The baseline to beat: n-gram models over the same tokens (or bytes), static and adaptive.

Static    interpolated Kneser-Ney, one discount an order (Ney, Essen, Kneser 1994); lower orders count distinct left
          neighbours. n-grams are exact: the id of an n-gram is made from the id of its first n-1 tokens and its last token.
Adaptive  the static model, mixed with one that learns the file as it reads it: absolute discounting over the counts of
          this file so far, from order 1 up to the same order, resting on the static model below order 1.
"""
import math

import numpy as np


class StaticNgram:
    """order 6: five tokens of context. `tokens` int64, files separated by order-1 copies of `boundary`."""

    def __init__(self, tokens, n_vocab, order):
        self.n_vocab, self.order = n_vocab, order
        self.keys, ids, firsts, counts = [], [tokens], [None], []
        for n in range(1, order + 1):
            if n == 1:
                key = tokens.copy()
            else:
                key = ids[-1][:-1] * n_vocab + tokens[n - 1:]
            unique, first, inverse, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
            self.keys.append(unique)
            counts.append(count)
            ids.append(inverse.astype(np.int64))
            firsts.append(first)
        ids = ids[1:]
        for n in range(1, order):  # continuation counts: distinct (n+1)-grams by their last n tokens
            suffix = ids[n - 1][firsts[n + 1] + 1]
            counts[n - 1] = np.bincount(suffix, minlength=len(self.keys[n - 1]))
        self.counts, self.discount, self.context_total, self.context_kinds = counts, [], [], []
        for n in range(1, order + 1):
            c = counts[n - 1]
            ones, twos = (c == 1).sum(), (c == 2).sum()
            self.discount.append(float(ones / max(1, ones + 2 * twos)) or 0.5)
            if n > 1:
                prefix, n_prefix = self.keys[n - 1] // n_vocab, len(self.keys[n - 2])
                self.context_total.append(np.bincount(prefix, weights=c, minlength=n_prefix))
                self.context_kinds.append(np.bincount(prefix, weights=c > 0, minlength=n_prefix))

    def _find(self, n, key):
        """-> ids, -1 where the n-gram is unknown"""
        at = np.searchsorted(self.keys[n - 1], key)
        at[at == len(self.keys[n - 1])] = 0
        return np.where(self.keys[n - 1][at] == key, at, -1)

    def probabilities(self, tokens, skip):
        """p of tokens[skip:], each from the tokens before it; skip >= order - 1."""
        total = self.counts[0].sum()
        unigram = self._find(1, tokens)
        c = np.where(unigram >= 0, self.counts[0][unigram], 0)[skip:]
        d = self.discount[0]
        p = np.maximum(c - d, 0) / total + d * len(self.keys[0]) / total / self.n_vocab
        contexts = unigram  # contexts[i]: id of the n-1 tokens that end at i
        for n in range(2, self.order + 1):
            context = contexts[skip - 1:-1]
            known = context >= 0
            gram = np.where(known, self._find(n, np.maximum(context, 0) * self.n_vocab + tokens[skip:]), -1)
            c = np.where(gram >= 0, self.counts[n - 1][gram], 0)
            big = np.where(known, self.context_total[n - 2][context], 0)
            kinds = self.context_kinds[n - 2][context]
            d = self.discount[n - 1]
            mixed = np.maximum(c - d, 0) / np.maximum(big, 1) + d * kinds / np.maximum(big, 1) * p
            p = np.where(big > 0, mixed, p)
            if n < self.order:  # the n tokens ending at i: the n-1 tokens ending at i-1, then token i
                before = np.concatenate(([-1], contexts[:-1]))
                contexts = np.where(before >= 0, self._find(n, np.maximum(before, 0) * self.n_vocab + tokens), -1)
        return p


def adaptive_probabilities(tokens, skip, static_p, order, discount=0.5, static_share=0.25):
    """The file-adaptive mixture for one file; static_p from StaticNgram.probabilities on the same arguments."""
    seen = [dict() for _ in range(order)]  # context -> [total, {token: count}]
    sequence = tokens.tolist()
    out = np.empty(len(static_p))
    for i in range(skip, len(sequence)):
        token, p = sequence[i], static_p[i - skip]
        entries = []
        for n in range(order):
            context = tuple(sequence[i - n:i])
            entry = seen[n].setdefault(context, [0, {}])
            entries.append(entry)
            if entry[0]:
                count = entry[1].get(token, 0)
                p = (max(count - discount, 0) + discount * len(entry[1]) * p) / entry[0]
        out[i - skip] = static_share * static_p[i - skip] + (1 - static_share) * p
        for entry in entries:
            entry[0] += 1
            entry[1][token] = entry[1].get(token, 0) + 1
    return out


def join_files(files, boundary, order):
    """files: lists of ids -> one array, order-1 boundaries before each file."""
    pad = [boundary] * (order - 1)
    return np.concatenate([np.array(pad + ids, dtype=np.int64) for ids in files])


def bits(p):
    return float(-np.log2(p).sum())


def distribution_sums_to_one(model, context):
    """Check on the model itself: the probabilities of all tokens after `context` add up to 1."""
    rows = [model.probabilities(np.array([*context, w], dtype=np.int64), len(context))[0] for w in range(model.n_vocab)]
    return math.isclose(sum(rows), 1.0, rel_tol=1e-6)
