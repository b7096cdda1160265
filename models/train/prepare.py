#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Corpus -> rows of token ids (uint16, ROW+1 a row: inputs are [:-1], targets [1:]).

Left to right  <|bos|> text ... [<|eot|> at the end of the file]
Fill-in (SPM)  <|bos|><|fim_suffix|> suffix <|fim_prefix|> prefix <|fim_middle|> middle <|eot|>
A row holds at most one fill-in example, whole, and is filled up with left-to-right text. The cut is made on characters
and the three parts are tokenized apart, as they are when the model is used: a prefix may end inside a word.
Files are shuffled once, so the stream is a mix of languages and packages; it is meant to be read once.
"""
import argparse
import json
import random

import numpy as np
from tokenizers import Tokenizer

from corpus import GROUP
from tokenizer import BOS, EOT, MIDDLE, PREFIX, SUFFIX

FIM_SHARE = 0.62  # of rows; these rows give about half of their tokens to the example


def cut_span(text, rng):
    """-> (start, end) of the middle inside text, at least a third of the text left as prefix on average"""
    starts = [0] + [i + 1 for i, ch in enumerate(text[:-1]) if ch == '\n']
    line = rng.randrange(len(starts))
    begin = starts[line]
    end = text.find('\n', begin)
    end = len(text) if end < 0 else end
    body = begin + len(text[begin:end]) - len(text[begin:end].lstrip())  # first column after the indent
    kind = rng.random()
    if kind < 0.42:  # rest of the line
        return (rng.randint(body, end) if end > body else body), end
    if kind < 0.72:  # one whole line, half the time with the indent in the prefix
        return (begin if rng.random() < 0.5 else body), end
    if kind < 0.87:  # 2 to 5 lines
        last = min(line + rng.randint(1, 4), len(starts) - 1)
        end = text.find('\n', starts[last])
        return (begin if rng.random() < 0.5 else body), len(text) if end < 0 else end
    if end - body < 2:
        return body, end
    a, b = sorted((rng.randint(body, end), rng.randint(body, end)))  # inside one line
    return a, b


class Rows:
    def __init__(self, tokenizer, documents, row, rng):
        self.tokenizer, self.documents, self.row, self.rng = tokenizer, documents, row, rng
        self.text, self.at = '', 0

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def ensure(self):
        if self.at >= len(self.text):
            self.text, self.at = next(self.documents), 0

    def take(self, n_chars):
        """The next n_chars or so of the file at hand, up to a line end -> (text, ends the file)"""
        self.ensure()
        newline = self.text.find('\n', min(len(self.text), self.at + n_chars))
        end = len(self.text) if newline < 0 else newline + 1
        piece, self.at = self.text[self.at:end], end
        return piece, end >= len(self.text)

    def fim(self):
        size = self.rng.choice([0.25, 0.4, 0.6, 0.8]) * self.row
        text, _ = self.take(int(size * 2.5))
        text = text.rstrip('\n')
        for _ in range(8):
            start, end = cut_span(text, self.rng)
            if text[start:end].strip() or self.rng.random() < 0.1:
                break
        ids = [BOS, SUFFIX, *self.encode(text[end:]), PREFIX, *self.encode(text[:start]), MIDDLE,
               *self.encode(text[start:end]), EOT]
        return ids if len(ids) <= self.row + 1 else []

    def plain(self, room):
        self.ensure()
        start = self.at
        text, ends = self.take(int(room * 3.6))
        ids = [BOS, *self.encode(text)] + ([EOT] if ends else [])
        if len(ids) > room:  # go on later with the line that was cut
            ids = ids[:room]
            used = len(self.tokenizer.decode(ids[1:], skip_special_tokens=False))
            self.at = start + (text.rfind('\n', 0, used) + 1 or max(1, used))
        return ids

    def __iter__(self):
        while True:
            try:
                ids = self.fim() if self.rng.random() < FIM_SHARE else []
                while len(ids) < self.row + 1:
                    ids += self.plain(self.row + 1 - len(ids))
            except StopIteration:
                return
            yield ids


def mixed(files, room):
    """The first files of each group, as many characters as it has room for"""
    chosen = []
    for file in files:
        group = GROUP[file['lang']]
        if room.get(group, 0) > 0:
            room[group] -= len(file['text'])
            chosen.append(file)
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--corpus', required=True, help='train.jsonl')
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--row', type=int, default=512)
    parser.add_argument('--part', default='0:1', help='use files from this to that fraction of the corpus')
    parser.add_argument('--mix', help='megabytes of each language group, e.g. python=20,go=10; others are left out')
    parser.add_argument('--order', type=int, default=7, help='seed of the order of the files')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    files = [json.loads(line) for line in open(args.corpus)]
    rng = random.Random(args.seed)
    random.Random(args.order).shuffle(files)
    if args.mix:
        files = mixed(files, {group: float(size) * 1e6 for group, size in (part.split('=') for part in args.mix.split(','))})
        random.Random(args.order).shuffle(files)
    texts = [file['text'] for file in files]
    low, high = (float(x) for x in args.part.split(':'))
    texts = texts[int(low * len(texts)):int(high * len(texts))]
    rows = [row for row in Rows(Tokenizer.from_file(args.tokenizer), iter(texts), args.row, rng)]
    data = np.array(rows, dtype=np.uint16)
    # Neighbouring rows come from one file: mix them, so that a batch is not one file.
    np.random.default_rng(args.seed).shuffle(data)
    data.tofile(args.out)
    print(f'{len(data)} rows of {args.row}: {data.size / 1e6:.2f}M tokens from {sum(map(len, texts)) / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
