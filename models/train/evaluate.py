#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything the card says about the trained model -> evaluation.json.

1  bits per byte on held-out files and packages as stored in the GGUF (and in f32 for Python), beside the 6-gram and xz
2  ranking: is the true line more likely than its one-edit mutants, left to right with the text that follows, and as a fill-in
3  fill-in: rest of a line (cut at a random character; after a word) and whole line, greedy, exact match. Judged without decoding: greedy decoding gives the true text
   (in its usual tokens) and stops exactly if every token of it, then the end token or a newline, is the most likely in turn
2 and 3 use held-out packages only. Intervals are 95 % Wilson intervals.
"""
import argparse
import json
import math
import pathlib
import random
import re
import sys

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import held_out
from export import load_gguf_into
from model import Config, Model
from scoring import text_nats
from tokenizer import BOS, EOT, MIDDLE, PREFIX, SUFFIX

WINDOW, STRIDE = 1024, 768  # the last rows of the training are this long


def wilson(hits, n, z=1.96):
    if n == 0:
        return (0.0, 0.0)
    p, d = hits / n, 1 + z * z / n
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return round((centre - half) / d, 3), round((centre + half) / d, 3)


def rate(hits, n):
    return {'n': n, 'rate': round(hits / max(1, n), 3), 'interval': wilson(hits, n)}


class FillIn:
    def __init__(self, tokenizer, room=WINDOW - 80):
        self.tokenizer, self.room = tokenizer, room

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prompt(self, prefix, suffix):
        """The far ends go first when it is too long, the suffix at most a third."""
        after = self.encode(suffix)[:self.room // 3]
        before = self.encode(prefix)[-(self.room - len(after)):]
        return [BOS, SUFFIX, *after, PREFIX, *before, MIDDLE]


@torch.no_grad()
def score_middles(model, fill, prefix, suffix, middles):
    """-> for each middle: ln p of it with its end token, how many of its tokens greedy decoding would give before it errs"""
    prompt = fill.prompt(prefix, suffix)
    rows = [prompt + fill.encode(m) + [EOT] for m in middles]
    width = max(map(len, rows))
    logits = model.logits(torch.tensor([row + [EOT] * (width - len(row)) for row in rows]))
    out = []
    for row, scores in zip(rows, logits):
        targets, scores = torch.tensor(row[len(prompt):]), scores[len(prompt) - 1:len(row) - 1]
        log_p = F.log_softmax(scores, dim=-1).gather(1, targets[:, None]).sum().item()
        best = scores.argmax(-1)
        hits = best == targets
        hits[-1] |= fill.tokenizer.decode([int(best[-1])], skip_special_tokens=False).startswith('\n')  # ends a line as well
        out.append((log_p, hits.long().cumprod(0).sum().item(), len(targets)))
    return out


@torch.no_grad()
def left_to_right(model, fill, prefix, suffix, lines):
    """-> for each line: ln p of it and of the start of the suffix, after the prefix alone"""
    before = [BOS, *fill.encode(prefix)]
    rows = [before + fill.encode(line + suffix[:80]) for line in lines]
    width = max(map(len, rows))
    logits = model.logits(torch.tensor([row + [EOT] * (width - len(row)) for row in rows]))
    return [scores[len(before) - 1:len(row) - 1].log_softmax(-1).gather(1, torch.tensor(row[len(before):])[:, None]).sum().item()
            for row, scores in zip(rows, logits)]


def measure_bits(model, stored, tokenizer, corpus, baselines):
    result = {}
    for split in held_out.SPLITS:
        for lang, texts in held_out.texts(corpus, split).items():
            size = sum(len(t.encode()) for t in texts)
            row = {f'{name}.{k}': v for name, b in baselines.items() for k, v in b.get(f'{split}/{lang}', {}).items()}
            for name, candidate in {'gguf': stored, 'f32': model}.items():
                if name == 'gguf' or lang == 'python':
                    nats = sum(text_nats(candidate, tokenizer.encode(t, add_special_tokens=False).ids, WINDOW, STRIDE) for t in texts)
                    row[name] = nats / math.log(2) / size
            result[f'{split}/{lang}'] = row
            print(split, lang, {k: round(v, 3) for k, v in row.items()}, file=sys.stderr, flush=True)
    return result


def measure_fill_in(model, fill, corpus, count):
    result = {}
    for group in held_out.GROUPS:
        rng = random.Random(11)
        hits = {'rest_of_line': 0, 'after_a_word': 0, 'whole_line': 0, 'first_token_after_a_word': 0}
        places = held_out.lines_of(corpus, group, count, lambda line: True, seed=2)
        for prefix, line, suffix in places:
            words = [m.end() for m in re.finditer(r'\w+|[^\w\s]', line)][:-1] or [1]
            for name, cut in (('rest_of_line', rng.randint(1, len(line) - 2)), ('after_a_word', rng.choice(words)), ('whole_line', 0)):
                _, right, n = score_middles(model, fill, prefix + line[:cut], suffix, [line[cut:]])[0]
                hits[name] += right == n
                if name == 'after_a_word':
                    hits['first_token_after_a_word'] += right > 0
        result[group] = {name: rate(n, len(places)) for name, n in hits.items()}
        print(group, result[group], file=sys.stderr, flush=True)
    return result


def measure_ranking(model, fill, corpus, count, baselines, ways):
    result = {}
    for group in held_out.GROUPS:
        places = held_out.ranking_places(corpus, group, count)
        result[group] = {'by_chance': round(sum(1 / len(lines) for _, _, lines in places) / max(1, len(places)), 3),
                         **{name: b.get(f'ranking/{group}') for name, b in baselines.items()}}
        for way in ways:
            first = 0
            for prefix, suffix, lines in places:
                if way == 'left_to_right':
                    scores = left_to_right(model, fill, prefix, suffix, lines)
                else:
                    scores = [log_p for log_p, _, _ in score_middles(model, fill, prefix, suffix, lines)]
                first += scores[0] > max(scores[1:])
            result[group][way] = rate(first, len(places))
        print(group, result[group], file=sys.stderr, flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--run', required=True)
    parser.add_argument('--corpus', required=True)
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--gguf', required=True)
    parser.add_argument('--baselines', nargs='+', default=[], help='NAME=FILE of baselines.py')
    parser.add_argument('--out', required=True)
    parser.add_argument('--parts', default='bits,ranking,fill_in')
    parser.add_argument('--ways', default='left_to_right,fill_in', help='how mutants are ranked')
    parser.add_argument('--lines', type=int, default=120, help='places a language group for fill-in and ranking')
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    run = pathlib.Path(args.run)
    state = torch.load(run / 'last.pt')
    model = Model(Config.load(run / 'config.json')).eval()
    model.load_state_dict(state['model'])
    stored = load_gguf_into(model, args.gguf)
    tokenizer = Tokenizer.from_file(args.tokenizer)
    fill = FillIn(tokenizer)
    baselines = {name: json.load(open(path)) for name, path in (b.split('=', 1) for b in args.baselines)}
    result = {'minutes': state['spent'] / 60, 'steps': state['step'], 'tokens': state['tokens']}
    if 'bits' in args.parts:
        result['bits_per_byte'] = measure_bits(model, stored, tokenizer, args.corpus, baselines)
    if 'ranking' in args.parts:
        result['ranking'] = measure_ranking(stored, fill, args.corpus, args.lines, baselines, args.ways.split(','))
    if 'fill_in' in args.parts:
        result['fill_in'] = measure_fill_in(stored, fill, args.corpus, args.lines)
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    main()
