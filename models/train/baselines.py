#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bits per byte of the 6-gram and of xz on the held-out texts, and how the 6-gram ranks mutants -> JSON for evaluate.py.

The n-gram counts the model's own tokens: all of train.jsonl, or with --rows only the rows the network has read.
"""
import argparse
import json
import lzma
import sys

import numpy as np
from tokenizers import Tokenizer

import held_out
from ngram import StaticNgram, adaptive_probabilities, bits, join_files
from tokenizer import BOS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--corpus', required=True, help='folder with the three jsonl files')
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--order', type=int, default=6)
    parser.add_argument('--lines', type=int, default=120, help='places a language group for the ranking; as in evaluate.py')
    parser.add_argument('--rows', nargs='+', help='FILE:ROW:COUNT, the rows of prepare.py to count in place of train.jsonl')
    parser.add_argument('--static-only', action='store_true')
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(args.tokenizer)

    def encode(texts):
        return [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    if args.rows:
        ids = []
        for path, row, count in (spec.rsplit(':', 2) for spec in args.rows):
            ids += np.fromfile(path, dtype=np.uint16).reshape(-1, int(row) + 1)[:int(count)].tolist()
    else:
        train = [json.loads(line)['text'] for line in open(f'{args.corpus}/train.jsonl')]
        ids = [piece for start in range(0, len(train), 200) for piece in encode(train[start:start + 200])]
    n_tokens = sum(map(len, ids))
    print(f'{n_tokens / 1e6:.1f}M tokens to count', file=sys.stderr, flush=True)
    model = StaticNgram(join_files(ids, BOS, args.order), tokenizer.get_vocab_size(), args.order)
    skip, result = args.order - 1, {'order': args.order, 'tokens': n_tokens}
    for split in held_out.SPLITS:
        for lang, texts in held_out.texts(args.corpus, split).items():
            static = adaptive = 0.0
            for file_ids in encode(texts):
                tokens = join_files([file_ids], BOS, args.order)
                p = model.probabilities(tokens, skip)
                static += bits(p)
                adaptive += 0 if args.static_only else bits(adaptive_probabilities(tokens, skip, p, args.order))
            data = ''.join(texts).encode()
            row = {'static': static / len(data)}
            if not args.static_only:
                row |= {'files': len(texts), 'bytes': len(data), 'adaptive': adaptive / len(data),
                        'xz': 8 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)) / len(data)}
            result[f'{split}/{lang}'] = row
            print(split, lang, result[f'{split}/{lang}'], file=sys.stderr, flush=True)
    for group in held_out.GROUPS:
        first = pairs = won = 0
        places = held_out.ranking_places(args.corpus, group, args.lines)
        for prefix, suffix, lines in places:
            before = encode([prefix])[0][-skip:]
            scores = [-bits(model.probabilities(join_files([before + ids], BOS, args.order), skip + len(before)))
                      for ids in encode([line + suffix[:40] for line in lines])]
            won += sum(scores[0] > s for s in scores[1:])
            pairs += len(lines) - 1
            first += scores[0] > max(scores[1:])
        result[f'ranking/{group}'] = {'true_line_first': first / max(1, len(places)), 'pairs_won': won / max(1, pairs)}
        print(group, result[f'ranking/{group}'], file=sys.stderr, flush=True)
    with open(args.out, 'w') as stream:
        json.dump(result, stream, indent=1)


if __name__ == '__main__':
    main()
