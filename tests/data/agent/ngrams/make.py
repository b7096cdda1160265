#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""small.ngrams, and cases.json: what the text it is made of says by brute force. models/train/ngram_table.py makes the table."""
import collections
import json
import random
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[3] / 'models' / 'train'))
import ngram_table as table  # noqa: E402

VOCABULARY = 24  # token 0 begins a file, as <|bos|> does


def packages():
    rng = random.Random(8)
    chains = {n: [1 + rng.randrange(VOCABULARY - 1) for _ in range(3)] for n in range(VOCABULARY * VOCABULARY)}
    for _ in range(12):
        text = []
        for _ in range(5):
            text += [0, 1 + rng.randrange(VOCABULARY - 1), 1 + rng.randrange(VOCABULARY - 1)]
            for _ in range(700):
                text.append(rng.choices(chains[text[-2] * VOCABULARY + text[-1]], (8, 3, 1))[0] if rng.random() < 0.9 else 1 + rng.randrange(VOCABULARY - 1))
        yield text


def counts_by_definition(texts, n):
    """Counts of all n-grams without a 0, a package at most PACKAGE_MOST times each."""
    counts = collections.Counter()
    for text in texts:
        mine = collections.Counter(tuple(text[i:i + n]) for i in range(len(text) - n + 1) if 0 not in text[i:i + n])
        counts.update({gram: min(count, table.PACKAGE_MOST) for gram, count in mine.items()})
    return counts


def class_of(share):
    return min(table.CLASSES - 1, max(0, int(np.rint(-2 * np.log2(share)))))


def main():
    texts = list(packages())
    levels = table.count_all([np.array(text, np.uint16) for text in texts])
    kept = table.choose(levels, table.gains(levels), 3000, 3)
    table.write(levels, kept, VOCABULARY, [bytes([i]) for i in range(VOCABULARY)], HERE / 'small.ngrams')

    read, rng, cases = table.Table(HERE / 'small.ngrams'), random.Random(9), []
    for n in range(2, table.ORDER + 1):
        counts, totals = counts_by_definition(texts, n), collections.Counter()
        if n == table.ORDER:  # those of rare contexts were not counted
            common = counts_by_definition(texts, n - 1)
            counts = {gram: count for gram, count in counts.items() if common[gram[:-1]] >= table.LEAST_COUNT}
        ones, twos = (sum(count == k for count in counts.values()) for k in (1, 2))
        discount = ones / max(1, ones + 2 * twos) or 0.5
        for gram, count in counts.items():
            totals[gram[:-1]] += count
        for context in rng.sample(sorted(totals), min(60, len(totals))):
            tokens, shares = read.after(context)
            by_definition = {gram[-1]: class_of((count - discount) / totals[context]) for gram, count in counts.items()
                             if gram[:-1] == context and count >= table.LEAST_COUNT}
            assert all(by_definition[token] == class_of(share) for token, share in zip(tokens, shares)), context
            cases.append({'context': context, 'tokens': tokens.tolist(), 'shares': [round(float(x), 6) for x in shares]})
    assert sum(bool(case['tokens']) for case in cases) > 50
    (HERE / 'cases.json').write_text('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases) + '\n]\n')


if __name__ == '__main__':
    main()
