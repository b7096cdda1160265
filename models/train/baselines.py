#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bits per byte of the static and the adaptive 6-gram and of xz on the held-out texts -> one JSON file for evaluate.py.

The n-gram is trained on all of train.jsonl with the model's own tokenizer: at least the text the network has read.
"""
import argparse
import json
import lzma
import sys

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
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(args.tokenizer)

    def encode(texts):
        return [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    train = [json.loads(line)['text'] for line in open(f'{args.corpus}/train.jsonl')]
    ids = [piece for start in range(0, len(train), 200) for piece in encode(train[start:start + 200])]
    print(f'{sum(map(len, ids)) / 1e6:.1f}M tokens to count', file=sys.stderr, flush=True)
    model = StaticNgram(join_files(ids, BOS, args.order), tokenizer.get_vocab_size(), args.order)
    skip, result = args.order - 1, {'order': args.order, 'training_bytes': sum(len(t.encode()) for t in train)}
    for split in held_out.SPLITS:
        for lang, texts in held_out.texts(args.corpus, split).items():
            static = adaptive = 0.0
            for file_ids in encode(texts):
                tokens = join_files([file_ids], BOS, args.order)
                p = model.probabilities(tokens, skip)
                static += bits(p)
                adaptive += bits(adaptive_probabilities(tokens, skip, p, args.order))
            data = ''.join(texts).encode()
            result[f'{split}/{lang}'] = {
                'files': len(texts), 'bytes': len(data), 'static': static / len(data), 'adaptive': adaptive / len(data),
                'xz': 8 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)) / len(data)}
            print(split, lang, result[f'{split}/{lang}'], file=sys.stderr, flush=True)
    json.dump(result, open(args.out, 'w'), indent=1)


if __name__ == '__main__':
    main()
