#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text -> the table of n-grams that completions consult beside the model: models/graft-tiny.ngrams (agent/memory/ngram_table.h).

    ngram_table.py --corpus DIR --tokenizer tokenizer.json --out ../graft-tiny.ngrams --entries 2.5e6

Counts   Each package counts an n-gram at most PACKAGE_MOST times, so that what is kept is said by several.
Shares   p(w | context) = (count - D) / total: absolute discounting, D from how many n-grams were counted once and twice
         (Ney, Essen, Kneser 1994). What is taken off and what is left out is the context's unknown mass.
Kept     n-grams by count * log(p / the interpolated p of one token less of context) (near Stolcke 1998), and their contexts.
"""
import argparse
import json
import struct

import numpy as np
from tokenizers import Tokenizer

from tokenizer import BOS

ORDER, TOKEN_BITS = 6, 12
PACKAGE_MOST, LEAST_COUNT, MOST_FOLLOWERS = 4, 4, 255
CLASSES = 16  # of shares: 2^(-class / 2)
SAMPLE = 64  # contexts a sample of where their followers begin
MAGIC, VERSION = b'GRAFTNGM', 1


def encode_packages(path, tokenizer):
    """-> [tokens of a package, uint16, BOS before each file]; the rows of a package stand together"""
    packages, texts, name = [], [], None

    def flush():
        if texts:
            packages.append(np.concatenate([np.array([BOS, *e.ids], np.uint16)
                                            for e in tokenizer.encode_batch(texts, add_special_tokens=False)]))

    for row in map(json.loads, open(path)):
        if row['package'] != name:
            flush()
            texts, name = [], row['package']
        texts.append(row['text'])
    flush()
    return packages


def keys_of(tokens, n, shorter):
    """Keys of the n-grams of one package, those over a file's edge left out. `shorter`: keys that an n-gram too long to be
    packed is known by, sorted: the place of its first n-1 tokens there, then its last token. Unknown ones are left out."""
    n_packed = min(n, 5)
    key = np.zeros(len(tokens) - n + 1, np.int64)
    for i in range(n_packed):
        key = key << TOKEN_BITS | tokens[i:len(tokens) - n + 1 + i]
    fits = np.ones(len(key), bool)
    for i in range(n):
        fits &= tokens[i:len(tokens) - n + 1 + i] != BOS
    key, last = key[fits], tokens[n - 1:][fits]
    if n > n_packed:
        at = np.minimum(np.searchsorted(shorter, key), len(shorter) - 1)
        known = shorter[at] == key
        key = at[known] << TOKEN_BITS | last[known]
    return key


class Counts:
    """All n-grams of one length: sorted keys with their counts."""

    def __init__(self, packages, n, shorter=None):
        parts = []
        for tokens in packages:
            if len(tokens) < n:
                continue
            key, count = np.unique(keys_of(tokens.astype(np.int64), n, shorter), return_counts=True)
            parts.append(np.repeat(key, np.minimum(count, PACKAGE_MOST)))
        everything = np.concatenate(parts)
        del parts
        everything.sort()
        starts = np.flatnonzero(np.concatenate(([True], everything[1:] != everything[:-1])))
        self.keys, self.counts = everything[starts], np.diff(np.append(starts, len(everything))).astype(np.int32)
        ones, twos = (self.counts == 1).sum(), (self.counts == 2).sum()
        self.discount = float(ones / max(1, ones + 2 * twos)) or 0.5
        contexts = self.keys >> TOKEN_BITS
        starts = np.flatnonzero(np.concatenate(([True], contexts[1:] != contexts[:-1])))
        self.contexts, self.kinds = contexts[starts], np.diff(np.append(starts, len(contexts)))
        self.totals = np.add.reduceat(self.counts, starts)
        print(f'{n}-grams: {len(everything)} counted, {len(self.keys)} kinds, discount {self.discount:.3f}', flush=True)

    def keep_common(self):
        """Drops n-grams below LEAST_COUNT, and adds what their context tells: share and unknown mass."""
        common = self.counts >= LEAST_COUNT
        self.keys, self.counts = self.keys[common], self.counts[common]
        at = np.searchsorted(self.contexts, self.keys >> TOKEN_BITS)
        self.share = (self.counts - self.discount) / self.totals[at]
        self.unknown = self.discount * self.kinds[at] / self.totals[at]
        del self.contexts, self.kinds, self.totals


def find(keys, wanted):
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    assert (keys[at] == wanted).all()
    return at


def count_all(packages):
    levels = {}
    for n in range(1, ORDER + 1):
        levels[n] = Counts(packages, n, levels[n - 1].keys if n > 5 else None)
        levels[n].keep_common()
    return levels


def suffix_places(levels, n):
    """Of each n-gram: where its last n-1 tokens stand among the shorter ones."""
    key = levels[n].keys
    if n <= 5:
        return find(levels[n - 1].keys, key & ((1 << TOKEN_BITS * (n - 1)) - 1))
    whole = levels[n - 1].keys[key >> TOKEN_BITS]  # of the first five tokens
    return find(levels[n - 1].keys, (whole & ((1 << TOKEN_BITS * (n - 2)) - 1)) << TOKEN_BITS | (key & ((1 << TOKEN_BITS) - 1)))


def gains(levels):
    """-> {n: nats that each n-gram is worth beside the next shorter one}"""
    p, out = {1: levels[1].share}, {}
    for n in range(2, ORDER + 1):
        lower = p[n - 1][suffix_places(levels, n)]
        p[n] = levels[n].share + levels[n].unknown * lower
        out[n] = levels[n].counts * np.log(p[n] / lower)
    return out


def context_places(levels, n):
    return levels[n].keys >> TOKEN_BITS if n > 5 else find(levels[n - 1].keys, levels[n].keys >> TOKEN_BITS)


def choose(levels, gain, n_entries, least_order):
    """-> {n: mask} of about n_entries n-grams in all, contexts with them"""
    def with_least(least):
        kept = {}
        for n in range(ORDER, 1, -1):
            kept[n] = gain[n] >= least if n >= least_order else np.zeros(len(gain[n]), bool)
            if n < ORDER:
                kept[n][context_places(levels, n + 1)[kept[n + 1]]] = True
        return kept

    low, high = 0.0, 1e6
    for _ in range(40):
        middle = (low * high) ** 0.5 if low else high / 64
        kept = with_least(middle)
        total = sum(int(mask.sum()) for mask in kept.values())
        if total > n_entries:
            low = middle
        else:
            high = middle
        if high / max(low, 1e-9) < 1.01:
            break
    return with_least(high)


def bytes_of(tokenizer, token):
    """GPT-2's alphabet back to bytes; special tokens as they are written"""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    back = {**{chr(b): b for b in visible}, **{chr(256 + i): b for i, b in enumerate(hidden)}}
    text = tokenizer.id_to_token(token)
    return bytes(back[c] for c in text) if all(c in back for c in text) else text.encode()


def fingerprint(texts):
    """FNV-1a, 64 bits, over each token's bytes and a byte 0xFF behind it: a table belongs to one vocabulary."""
    value = 0xCBF29CE484222325
    for text in texts:
        for byte in (*text, 0xFF):
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def write(levels, kept, n_vocab, vocabulary, out):
    """agent/memory/ngram_table.h describes the file."""
    sections, sizes = [], []
    above = None  # numbers of the contexts that are kept, [all n-1-grams] -> place among the kept
    for n in range(2, ORDER + 1):
        at = np.flatnonzero(kept[n])
        context = context_places(levels, n)[at] if n > 2 else levels[2].keys[at] >> TOKEN_BITS
        parent = above[context] if n > 2 else context
        at, parent = at[parent >= 0], parent[parent >= 0]  # a context may have been one follower too many
        n_parents = sizes[-1] if n > 2 else n_vocab
        if n > 2:  # contexts with very many followers keep the commonest
            order = np.lexsort((-levels[n].counts[at], parent))
            rank = np.arange(len(at)) - np.searchsorted(parent[order], parent[order])
            fits = np.zeros(len(at), bool)
            fits[order[rank < MOST_FOLLOWERS]] = True
            at, parent = at[fits], parent[fits]
        followers = np.bincount(parent, minlength=n_parents)
        begins = np.concatenate(([0], np.cumsum(followers)))
        if n == 2:
            sections.append(begins.astype('<u4').tobytes())
        else:
            sections += [begins[:-1:SAMPLE].astype('<u4').tobytes(), followers.astype(np.uint8).tobytes()]
        classes = np.clip(np.rint(-2 * np.log2(np.maximum(levels[n].share[at], 1e-9))), 0, CLASSES - 1).astype(np.int64)
        sections.append(((levels[n].keys[at] & ((1 << TOKEN_BITS) - 1)) << 4 | classes).astype('<u2').tobytes())
        sizes.append(len(at))
        above = np.full(len(kept[n]), -1, np.int64)
        above[at] = np.arange(len(at))
    with open(out, 'wb') as stream:
        stream.write(MAGIC + struct.pack('<IIIIQ', VERSION, n_vocab, ORDER, 0, fingerprint(vocabulary)) + struct.pack(f'<{ORDER - 1}Q', *sizes))
        for section in sections:
            stream.write(section + b'\0' * (-len(section) % 8))
    print(f'{out}: {dict(zip(range(2, ORDER + 1), sizes))} n-grams')


class Table:
    """The same file, read."""

    def __init__(self, path):
        data = open(path, 'rb').read()
        assert data[:8] == MAGIC
        _, n_vocab, self.order, _, self.fingerprint = struct.unpack_from('<IIIIQ', data, 8)
        sizes, at = struct.unpack_from(f'<{self.order - 1}Q', data, 32), 32 + 8 * (self.order - 1)

        def section(dtype, count):
            nonlocal at
            array = np.frombuffer(data, dtype, count, at)
            at += (array.nbytes + 7) // 8 * 8
            return array

        self.first, self.entries, self.samples, self.followers = section('<u4', n_vocab + 1), [], [], []
        self.entries.append(section('<u2', sizes[0]))
        for n in range(1, self.order - 1):
            self.samples.append(section('<u4', (sizes[n - 1] + SAMPLE - 1) // SAMPLE))
            self.followers.append(section(np.uint8, sizes[n - 1]))
            self.entries.append(section('<u2', sizes[n]))

    def after(self, context):
        """-> (tokens, shares), of one context of 1 to order - 1 tokens; empty where it is unknown"""
        begin, end = int(self.first[context[0]]), int(self.first[context[0] + 1])
        for level, token in enumerate(context[1:]):
            entries = self.entries[level][begin:end]
            at = int(np.searchsorted(entries >> 4, token))
            if at == len(entries) or entries[at] >> 4 != token:
                return np.zeros(0, np.int64), np.zeros(0)
            number = begin + at
            sample = number // SAMPLE
            begin = int(self.samples[level][sample]) + int(self.followers[level][sample * SAMPLE:number].sum())
            end = begin + int(self.followers[level][number])
        entries = self.entries[len(context) - 1][begin:end]
        return (entries >> 4).astype(np.int64), 2.0 ** (-(entries & 15).astype(np.float64) / 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--corpus', required=True, help='folder with table.jsonl')
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--entries', type=float, default=2.5e6)
    parser.add_argument('--least-order', type=int, default=3, help='shorter n-grams are kept as contexts of longer ones alone')
    parser.add_argument('--out', required=True)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(args.tokenizer)
    levels = count_all(encode_packages(f'{args.corpus}/table.jsonl', tokenizer))
    kept = choose(levels, gains(levels), int(args.entries), args.least_order)
    vocabulary = [bytes_of(tokenizer, i) for i in range(tokenizer.get_vocab_size())]
    write(levels, kept, tokenizer.get_vocab_size(), vocabulary, args.out)


if __name__ == '__main__':
    main()
