#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fit the gate of agent/memory/expert_mixture.h -> agent/memory/gate_weights.inc, by the likelihood of text that neither model nor table has seen.

    fit_mixture.py --corpus DIR --tokenizer tokenizer.json --gguf ../graft-tiny.gguf --table ../graft-tiny.ngrams

The packages are those with role gate in sources.tsv, none held out. Each step counts twice, with the table and without: other models have none. Three kinds of
places: text from its start, with the memory of what was read of it; rests of lines, cut at random, with the file around the cut in
the memory; the same with the package's other files too. A report compares both halves, each under weights fitted on the other.
"""
import argparse
import collections
import functools
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import mixture
from tokenizer import BOS, EOT, MIDDLE, PREFIX, SUFFIX

sys.path += [str(Path(__file__).resolve().parents[2] / folder) for folder in ('bench/completion', 'models/eval')]
from completions import around  # noqa: E402
from export import load_gguf_into  # noqa: E402
from model import Model  # noqa: E402
from ngram_table import Table  # noqa: E402
from rest_of_line import places  # noqa: E402
from trainer_logits import config_of  # noqa: E402

PREFIX_CHARACTERS, SUFFIX_CHARACTERS = 1455, 485  # of the prompt, as agent/complete.cc shows a model with a context of 1,024
SIDE_BYTES, AROUND_TOKENS = 128 << 10, 85_000  # of the memory, as agent/memory/file_memory.cc
OPEN_END = r'( ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+)$'  # near enough agent/complete/open_end.h

Step = collections.namedtuple('Step', 'place own there q file')  # q: what each expert gives the token that came


class Steps:
    def __init__(self, tokenizer_path, gguf, table):
        self.tokenizer = Tokenizer.from_file(tokenizer_path)
        self.model = load_gguf_into(Model(config_of(gguf)), gguf).eval()
        texts = [self.tokenizer.decode([i]) for i in range(self.tokenizer.get_vocab_size())]
        self.ends_line = np.array([i == EOT or '\n' in text or '\r' in text for i, text in enumerate(texts)])
        self.breaks = np.array(['\n' in text for text in texts])
        self.table = Table(table) if table else None
        self.steps = []

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    @torch.no_grad()
    def log_p(self, tokens):
        return self.model.logits(torch.tensor([tokens]))[0].float().log_softmax(-1).double().numpy()

    def add(self, log_p, context, memory, token, file):
        """token: what came next; None: any that ends the line."""
        found, longest = mixture.experts(memory, context, self.table)
        if not found:
            return
        own, there = np.zeros((mixture.EXPERTS, mixture.EXPERT_FEATURES)), np.zeros(mixture.EXPERTS, bool)
        q = np.zeros(mixture.EXPERTS)
        there[0], q[0] = True, np.exp(log_p[self.ends_line if token is None else token]).sum()
        for number, (seen, tokens, shares) in found.items():
            own[number], there[number] = mixture.expert_features(log_p, seen, tokens, shares), True
            q[number] = shares[self.ends_line[tokens] if token is None else tokens == token].sum()
        self.steps.append(Step(mixture.place_features(log_p, longest), own, there, q, file))

    def read(self, text, file):
        """From left to right, with the memory of the text itself."""
        tokens = self.encode(text)[:1000]
        logs, memory = self.log_p([BOS, *tokens]), mixture.Memory([tokens], self.breaks)
        for i in range(1, len(tokens)):
            self.add(logs[i], tokens[max(0, i - mixture.CONTEXT):i], memory.up_to(i + 1), tokens[i], file)

    def finish_line(self, prefix, rest, suffix, others, file):
        """others: token lists of the files around, the nearest first"""
        tail = mixture.re.search(OPEN_END, prefix[-64:])
        open_ = tail.group(1) if tail else ''
        closed = prefix[:len(prefix) - len(open_)]
        before, after, middle = self.encode(closed[-SIDE_BYTES:]), self.encode(suffix[:SIDE_BYTES]), self.encode(open_ + rest)
        near, n_tokens = [], 0
        for other in others:
            if n_tokens <= AROUND_TOKENS:
                near.append(other)
                n_tokens += len(other)
        memory = mixture.Memory([*reversed(near), after, before], self.breaks)
        seen = closed if len(closed) <= PREFIX_CHARACTERS else closed[-PREFIX_CHARACTERS:].partition('\n')[2]
        prompt = [BOS, SUFFIX, *self.encode(suffix[:SUFFIX_CHARACTERS]), PREFIX, *self.encode(seen), MIDDLE]
        logs = self.log_p([*prompt, *middle])[len(prompt) - 1:]
        for i in range(len(middle) + 1):
            self.add(logs[i], (before + middle[:i])[-mixture.CONTEXT:], memory, middle[i] if i < len(middle) else None, file)


def columns_of(steps):
    columns = [np.array(column) for column in zip(*steps)]
    return [torch.tensor(column, dtype=torch.bool if column.dtype == bool else torch.float32) for column in columns]


def collect(args):
    """Part by part; with --cache, parts that are there are taken from there."""
    rows = [json.loads(line) for line in open(f'{args.corpus}/{args.split}.jsonl')]
    random.Random(3).shuffle(rows)
    rows.sort(key=lambda row: row['lang'])
    by_language = collections.defaultdict(list)
    for row in rows:
        by_language[row['lang']].append(row)
    numbered = list(enumerate(rows))
    steps, found = Steps(args.tokenizer, args.gguf, args.table), places([(row['lang'], row['text']) for row in rows], args.places, 11)
    encode = functools.cache(steps.encode)  # files of a package stand around many places

    def texts(lang):
        used = 0
        for number, row in numbered:
            if row['lang'] == lang and used < args.characters:
                steps.read(row['text'][:6000], number)
                used += len(row['text'][:6000])

    def lines(lang, with_others):
        for prefix, rest, suffix, number in found[lang]:
            others = [encode(text) for text in around(rows[number], by_language[lang])] if with_others else []
            steps.finish_line(prefix, rest, suffix, others, number)

    parts = []
    for kind, run in (('texts', texts), ('lines', lambda lang: lines(lang, False)), ('lines-around', lambda lang: lines(lang, True))):
        for lang in sorted(by_language):
            path = Path(args.cache, f'{kind}-{lang}-{args.places}-{args.characters}.pt') if args.cache else None
            if path and path.is_file():
                parts.append(torch.load(path))
                continue
            steps.steps = []
            run(lang)
            parts.append(columns_of(steps.steps))
            if path:
                torch.save(parts[-1], path)
            print(len(steps.steps), f'steps: {kind}, {lang}', flush=True)
    return [torch.cat(column) for column in zip(*parts)]


class Gate(torch.nn.Module):
    """As mixture.gate(), of many places at once."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterDict({name: torch.zeros(shape) for name, shape in mixture.SHAPES.items()})
        with torch.no_grad():
            self.weights['place'][0, 0] = 2
            self.weights['hidden'].normal_(0, mixture.INPUTS ** -0.5, generator=torch.Generator().manual_seed(1))

    def nats(self, place, own, there, q):
        w = self.weights
        flags = there[:, 1:, None].float()
        of_experts = torch.cat((own[:, 1:] * flags / torch.tensor(mixture.EXPERT_SCALE).float(), flags), 2)
        x = torch.cat((place / 2, of_experts.flatten(1)), 1) @ w['hidden'].T + w['hidden_bias']
        scores = torch.nn.functional.silu(x) @ w['out'].T + w['out_bias'] + place @ w['place'].T + (own * w['expert']).sum(2)
        return -(scores.masked_fill(~there, -1e9).softmax(1) * q).sum(1).clamp_min(1e-9).log()


def without_table(columns):
    place, own, there, q, file = columns
    there = there.clone()
    there[:, 1 + len(mixture.MATCHES):][:, :len(mixture.TABLE_CONTEXTS)] = False
    return place, own, there, q, file


def fit(columns, epochs=(6, 12), batch=1024):
    """First the sums alone, which are the larger part, then all."""
    data = [torch.cat(both) for both in zip(columns, without_table(columns))][:4]
    gate, order = Gate(), torch.Generator().manual_seed(2)
    sums = [gate.weights['place'], gate.weights['expert']]
    net = [p for name, p in gate.weights.items() if name not in ('place', 'expert')]
    for n_epochs, groups in zip(epochs, ([{'params': sums, 'lr': 0.02}],
                                         [{'params': sums, 'lr': 4e-3, 'weight_decay': 0}, {'params': net, 'lr': 4e-3, 'weight_decay': 0.02}])):
        optimizer = torch.optim.AdamW(groups, weight_decay=0)
        n_steps = n_epochs * (len(data[0]) // batch)
        falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / n_steps)
        for _ in range(n_epochs):
            for rows in torch.randperm(len(data[0]), generator=order)[:len(data[0]) // batch * batch].view(-1, batch):
                loss = gate.nats(*(column[rows] for column in data)).mean() + 1e-4 * sum((p ** 2).sum() for p in sums)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                falling.step()
    return gate.requires_grad_(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--corpus', required=True, help='folder with gate.jsonl')
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--gguf', required=True)
    parser.add_argument('--table', help='the table of n-grams')
    parser.add_argument('--split', default='gate', help='of the corpus')
    parser.add_argument('--places', type=int, default=240, help='lines of each language, with and without other files')
    parser.add_argument('--characters', type=int, default=40_000, help='of texts of each language')
    parser.add_argument('--cache', help='folder: keep there what is collected, so that a run can be ended and goes on')
    args = parser.parse_args()
    if args.cache:
        Path(args.cache).mkdir(parents=True, exist_ok=True)
    columns = collect(args)
    odd = columns[4].long() % 2 == 1
    for name, mine in (('odd', odd), ('even', ~odd)):
        gate = fit([column[mine] for column in columns])
        rest = [column[~mine] for column in columns]
        print(f'fitted on {name} files: the others {gate.nats(*rest[:4]).mean():.4f} nats a token, without the table '
              f'{gate.nats(*without_table(rest)[:4]).mean():.4f}; model alone {-rest[3][:, 0].clamp_min(1e-9).log().mean():.4f}')
    mixture.write_weights({name: p.numpy() for name, p in fit(columns).weights.items()})


if __name__ == '__main__':
    main()
