#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train the small model for a given number of minutes.

The schedule is a function of wall time: warm-up, constant, then linear to zero over the last part, so that a slow
machine ends with a finished model of fewer tokens. Rows are read once, in file order; --data may name several files,
each with the fraction of time at which it ends. A stopped run goes on from its last checkpoint; the time already
spent counts.

Files in --out   config.json, last.pt (weights, optimizer, place), log.tsv (minutes, step, tokens, loss, held-out bits per byte)
"""
import argparse
import json
import os
import pathlib
import sys
import time

import numpy as np
import torch
from tokenizers import Tokenizer

from model import Config, Model, active_parameters, initialise
from muon import Optimizer
from scoring import bits_per_byte


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', nargs='+', required=True, help='FILE:ROW:UNTIL, e.g. rows512.bin:512:0.8 rows1024.bin:1024:1')
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--valid', required=True, help='heldout_files.jsonl, for the log only')
    parser.add_argument('--out', required=True)
    parser.add_argument('--minutes', type=float, required=True)
    parser.add_argument('--config', help='config.json in place of the built-in shape')
    parser.add_argument('--batch', type=int, default=4096, help='tokens of a step')
    parser.add_argument('--decay', type=float, default=0.45, help='last part of the time in which the rate falls to zero')
    parser.add_argument('--checkpoint-minutes', type=float, default=6)
    parser.add_argument('--balance', type=float, default=0.01, help='weight of the expert balance loss')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--muon-lr', type=float, default=0.02)
    parser.add_argument('--embed-lr', type=float, default=0.008)
    return parser.parse_args()


class Reader:
    """Batches of rows; the place is a list of row numbers, one per file, so that a run can go on."""

    def __init__(self, specs, batch_tokens):
        self.parts, self.batch_tokens = [], batch_tokens
        for spec in specs:
            path, row, until = spec.rsplit(':', 2)
            data = np.memmap(path, dtype=np.uint16, mode='r').reshape(-1, int(row) + 1)
            self.parts.append((data, float(until)))
        self.place = [0] * len(self.parts)

    def next(self, fraction):
        part = next((i for i, (_, until) in enumerate(self.parts) if fraction < until), len(self.parts) - 1)
        data = self.parts[part][0]
        n = max(1, self.batch_tokens // (data.shape[1] - 1))
        if self.place[part] + n > len(data):
            print('all rows were read: starting over', file=sys.stderr)
            self.place[part] = 0
        rows = torch.from_numpy(data[self.place[part]:self.place[part] + n].astype(np.int64))
        self.place[part] += n
        return rows[:, :-1], rows[:, 1:]


def save(path, content):
    torch.save(content, f'{path}.part')
    os.replace(f'{path}.part', path)


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    config = Config.load(args.config) if args.config else Config()
    tokenizer = Tokenizer.from_file(args.tokenizer)
    valid = [json.loads(line) for line in open(args.valid)][:30]
    model = initialise(Model(config), args.seed)
    optimizer = Optimizer(model, args.muon_lr, args.embed_lr)
    reader = Reader(args.data, args.batch)
    spent, step, tokens = 0.0, 0, 0
    if (out / 'last.pt').exists():
        state = torch.load(out / 'last.pt')
        model.load_state_dict(state['model'])
        optimizer.load(state['optimizer'])
        reader.place, spent, step, tokens = state['place'], state['spent'], state['step'], state['tokens']
    config.save(out / 'config.json')
    log = open(out / 'log.tsv', 'a', buffering=1)
    print(f'{sum(p.numel() for p in model.parameters())} parameters, {active_parameters(config)} active', file=sys.stderr)

    budget, began, saved, running = args.minutes * 60, time.time() - spent, spent, None
    while True:
        now = time.time() - began
        if now >= budget:
            break
        fraction = now / budget
        factor = min(1.0, (step + 1) / 40, max(0.0, (1 - fraction) / args.decay))
        inputs, targets = reader.next(fraction)
        loss, balance = model.loss(inputs, targets)
        (loss + args.balance * balance).backward()
        optimizer.step(factor)
        model.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + inputs.numel()
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if step % 20 == 0:
            log.write(f'{now / 60:.2f}\t{step}\t{tokens}\t{running:.4f}\t\t{balance.item():.3f}\n')
        done = time.time() - began
        if done - saved > args.checkpoint_minutes * 60 or done >= budget:
            saved = done
            save(out / 'last.pt', {'model': model.state_dict(), 'optimizer': optimizer.state(), 'place': reader.place,
                                   'spent': done, 'step': step, 'tokens': tokens})
            bits = bits_per_byte(model, tokenizer, [v['text'][:4000] for v in valid], stride=511)
            log.write(f'{done / 60:.2f}\t{step}\t{tokens}\t{running:.4f}\t{bits:.4f}\t{balance.item():.3f}\n')
            print(f'{done / 60:.1f} min, step {step}, {tokens / 1e6:.2f}M tokens, loss {running:.3f}, held out {bits:.3f} bits per byte',
                  file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
