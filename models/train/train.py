#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train the small model for a given number of minutes.

The schedule is a function of wall time: warm-up, constant, then linear to zero over the last part, so that a slow
machine ends with a finished model of fewer tokens. Rows are read once, in file order; --data may name several files,
each with the fraction of time at which it ends. SIGTERM saves and ends; the same command goes on from there, and the
time already spent counts. Rows of a step are shared out over processes of one thread each.

Files in --out   config.json, last.pt (weights, optimizer, place), log.tsv (minutes, step, tokens, loss, held-out bits per byte)
"""
import argparse
import json
import os
import pathlib
import signal
import sys
import time

import numpy as np
import torch
from tokenizers import Tokenizer

from export import load_gguf_into
from four_bits import FourBits
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
    parser.add_argument('--begin-with', metavar='GGUF', help='train these weights on (a run without a checkpoint of its own; '
                        'the rates want to be lower than for a new model)')
    parser.add_argument('--batch', type=int, default=4096, help='tokens of a step')
    parser.add_argument('--decay', type=float, default=0.75, help='last part of the time in which the rate falls to zero; '
                        'stable.pt keeps the state before it, for a longer run to go on from')
    parser.add_argument('--bf16', action='store_true', help='products in bf16 (weights, sums and the optimizer stay f32): '
                        'about 1.6 times as fast where the processor has AVX512-BF16')
    parser.add_argument('--four-bits', type=float, default=0, help='last part of the time in which every other step sees the weights as a file of four '
                        'bits has them: less is lost then by writing one')
    parser.add_argument('--checkpoint-minutes', type=float, default=6)
    parser.add_argument('--valid-minutes', type=float, default=15, help='how often the held-out files are measured')
    parser.add_argument('--balance', type=float, default=0.01, help='weight of the expert balance loss')
    parser.add_argument('--processes', type=int, default=2, help='one thread each, rows shared out')
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

    def next(self, fraction, rank, ranks):
        """-> inputs, targets: this process's share of the rows of one step"""
        part = next((i for i, (_, until) in enumerate(self.parts) if fraction < until), len(self.parts) - 1)
        data = self.parts[part][0]
        n = max(ranks, self.batch_tokens // (data.shape[1] - 1) // ranks * ranks)
        if self.place[part] + n > len(data):
            print('all rows were read: starting over', file=sys.stderr)
            self.place[part] = 0
        rows = torch.from_numpy(data[self.place[part] + rank:self.place[part] + n:ranks].astype(np.int64))
        self.place[part] += n
        return rows[:, :-1], rows[:, 1:]


class Gradients:
    """Gradients averaged over processes through shared memory: one meeting a step.

    Threads would meet at every operation, which on a busy machine costs more than the work.
    """

    def __init__(self, model, ranks):
        n = sum(p.numel() for p in model.parameters())
        self.slots = torch.zeros(ranks, n + 1).share_memory_()  # the last entry is the loss
        self.updates = torch.zeros(n).share_memory_()
        self.clock = torch.zeros(3, dtype=torch.float64).share_memory_()  # seconds spent; 1 to stop; 1 once SIGTERM has come
        self.barrier = torch.multiprocessing.get_context('spawn').Barrier(ranks)

    def mean(self, model, rank, loss):
        """Put the mean gradients in place -> mean loss"""
        parameters = list(model.parameters())
        torch.cat([p.grad.reshape(-1) for p in parameters] + [loss.detach().reshape(1)], out=self.slots[rank])
        self.barrier.wait()
        mean, at = self.slots.mean(0), 0
        for p in parameters:
            p.grad.copy_(mean[at:at + p.numel()].view_as(p))
            at += p.numel()
        return mean[-1].item()


def save(path, content):
    torch.save(content, f'{path}.part')
    os.replace(f'{path}.part', path)


class Journal:
    """What the first process alone does: the clock, the log, checkpoints."""

    def __init__(self, args, out, spent):
        self.args, self.out = args, out
        self.tokenizer = Tokenizer.from_file(args.tokenizer)
        self.valid = [json.loads(line)['text'][:4000] for line in open(args.valid)][:30]
        self.log = open(out / 'log.tsv', 'a', buffering=1)
        self.began, self.saved, self.measured, self.running = time.time() - spent, spent, spent, None

    def elapsed(self):
        return time.time() - self.began

    def checkpoint(self, model, optimizer, reader, step, tokens, name='last.pt'):
        save(self.out / name, {'model': model.state_dict(), 'optimizer': optimizer.state(), 'place': reader.place,
                                    'spent': self.elapsed(), 'step': step, 'tokens': tokens})
        self.saved = self.elapsed()

    def note(self, model, loss, balance, step, tokens, last=False):
        self.running = loss if self.running is None else 0.97 * self.running + 0.03 * loss
        done, bits = self.elapsed(), ''
        if last or done - self.measured > self.args.valid_minutes * 60:
            self.measured = done
            bits = f'{bits_per_byte(model, self.tokenizer, self.valid, stride=511):.4f}'
        if bits or step % 10 == 0:
            self.log.write(f'{done / 60:.2f}\t{step}\t{tokens}\t{self.running:.4f}\t{bits}\t{balance:.3f}\n')


def run(rank, ranks, args, gradients):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    signal.signal(signal.SIGTERM, lambda *_: gradients.clock.index_fill_(0, torch.tensor([2]), 1.0))
    out = pathlib.Path(args.out)
    config = Config.load(args.config) if args.config else Config()
    model = load_gguf_into(Model(config), args.begin_with).train() if args.begin_with else initialise(Model(config), args.seed)
    exchange = (rank, ranks, gradients.updates, gradients.barrier)
    optimizer, four_bits = Optimizer(model, args.muon_lr, args.embed_lr, exchange=exchange), FourBits(model, exchange)
    reader = Reader(args.data, args.batch)
    spent, step, tokens, stable = 0.0, 0, 0, (out / 'stable.pt').exists()
    if (out / 'last.pt').exists():
        state = torch.load(out / 'last.pt')
        model.load_state_dict(state['model'])
        optimizer.load(state['optimizer'])
        reader.place, spent, step, tokens = state['place'], state['spent'], state['step'], state['tokens']
    gradients.barrier.wait()  # nobody overwrites the checkpoint before all have read it
    journal = Journal(args, out, spent) if rank == 0 else None
    if rank == 0:
        config.save(out / 'config.json')
        print(f'{sum(p.numel() for p in model.parameters())} parameters, {active_parameters(config)} active', file=sys.stderr)
    budget = args.minutes * 60
    while True:
        if rank == 0:
            gradients.clock[0] = journal.elapsed()
            gradients.clock[1] = 1.0 if gradients.clock[0] >= budget or gradients.clock[2] else 0.0
        gradients.barrier.wait()
        if gradients.clock[1]:
            break
        fraction = gradients.clock[0].item() / budget
        factor = min(1.0, (step + 1) / 40, max(0.0, (1 - fraction) / args.decay))
        inputs, targets = reader.next(fraction, rank, ranks)
        if rank == 0 and not stable and fraction > 1 - args.decay:
            stable = True
            journal.checkpoint(model, optimizer, reader, step, tokens, 'stable.pt')
        rounds = fraction > 1 - args.four_bits and step % 2 == 1
        if rounds:
            four_bits.round()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=args.bf16):
            loss, balance = model.loss(inputs, targets)
        (loss + args.balance * balance).backward()
        if rounds:
            four_bits.restore()
        mean_loss = gradients.mean(model, rank, loss)
        optimizer.step(factor)
        model.zero_grad(set_to_none=False)
        step, tokens = step + 1, tokens + inputs.numel() * ranks
        if rank == 0:
            journal.note(model, mean_loss, balance.item(), step, tokens)
            if journal.elapsed() - journal.saved > args.checkpoint_minutes * 60:
                journal.checkpoint(model, optimizer, reader, step, tokens)
    if rank == 0:
        journal.checkpoint(model, optimizer, reader, step, tokens)
        if not gradients.clock[2]:
            journal.note(model, mean_loss, balance.item(), step, tokens, last=True)


def main():
    args = parse_arguments()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    config = Config.load(args.config) if args.config else Config()
    gradients = Gradients(Model(config), args.processes)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the group is told; the others save
    torch.multiprocessing.spawn(run, (args.processes, args, gradients), args.processes)


if __name__ == '__main__':
    main()
