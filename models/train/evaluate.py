#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything the card says about the trained model -> evaluation.json and the tables on stdout.

1  bits per byte on held-out files and packages, f32 and as stored in the GGUF, beside the 6-gram and xz
2  fill-in: rest of a line and whole line, greedy, exact match, held-out packages only
3  ranking: is the true line more likely than its one-edit mutants, judged as `graft fix` judges them
Intervals are 95 % Wilson intervals. Decoding runs on the Hugging Face directory, with its cache.
"""
import argparse
import json
import math
import pathlib
import random
import sys

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import DeepseekV2ForCausalLM

import held_out
from export import load_gguf_into
from model import Config, Model
from scoring import text_nats
from tokenizer import BOS, EOT, MIDDLE, PREFIX, SUFFIX

WINDOW, STRIDE = 1024, 512  # the last rows of the training are this long


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
def greedy(reference, tokenizer, prompt, most):
    """-> text up to the end token or the first newline"""
    out, cache, ids = [], None, torch.tensor([prompt])
    for _ in range(most):
        step = reference(ids, past_key_values=cache, use_cache=True)
        cache, token = step.past_key_values, int(step.logits[0, -1].argmax())
        if token == EOT:
            break
        out.append(token)
        if '\n' in tokenizer.decode(out[-1:], skip_special_tokens=False):
            break
        ids = torch.tensor([[token]])
    return tokenizer.decode(out, skip_special_tokens=False).split('\n')[0]


@torch.no_grad()
def middle_log_p(model, fill, prefix, suffix, middles):
    """ln p of each middle with its end token, after one prompt"""
    prompt = fill.prompt(prefix, suffix)
    rows = [prompt + fill.encode(m) + [EOT] for m in middles]
    width = max(map(len, rows))
    logits = model.logits(torch.tensor([row + [EOT] * (width - len(row)) for row in rows]))
    out = []
    for row, scores in zip(rows, logits):
        targets = torch.tensor(row[len(prompt):])
        log_p = F.log_softmax(scores[len(prompt) - 1:len(row) - 1], dim=-1)
        out.append(log_p.gather(1, targets[:, None]).sum().item())
    return out


def measure_bits(models, tokenizer, corpus, baselines):
    result = {}
    for split in held_out.SPLITS:
        for lang, texts in held_out.texts(corpus, split).items():
            size = sum(len(t.encode()) for t in texts)
            row = dict(baselines.get(f'{split}/{lang}', {}))
            for name, model in models.items():
                nats = sum(text_nats(model, tokenizer.encode(t, add_special_tokens=False).ids, WINDOW, STRIDE) for t in texts)
                row[name] = nats / math.log(2) / size
            result[f'{split}/{lang}'] = row
            print(split, lang, {k: round(v, 3) for k, v in row.items()}, file=sys.stderr, flush=True)
    return result


def measure_fill_in(reference, fill, corpus, count):
    result, samples = {}, []
    for group in held_out.GROUPS:
        rng = random.Random(11)
        rest = whole = 0
        places = held_out.lines_of(corpus, group, count, lambda line: True, seed=2)
        for prefix, line, suffix in places:
            cut = rng.randint(1, len(line) - 2)
            rest_got = greedy(reference, fill.tokenizer, fill.prompt(prefix + line[:cut], suffix), 48)
            whole_got = greedy(reference, fill.tokenizer, fill.prompt(prefix, suffix), 48)
            rest += rest_got.rstrip() == line[cut:]
            whole += whole_got.strip() == line
            samples.append((group, line[:cut], line[cut:], rest_got))
        result[group] = {'rest_of_line': rate(rest, len(places)), 'whole_line': rate(whole, len(places))}
        print(group, result[group], file=sys.stderr, flush=True)
    return result, samples


def measure_ranking(model, fill, corpus, count, baselines):
    result = {}
    for group in held_out.GROUPS:
        first = pairs = won = 0
        places = held_out.ranking_places(corpus, group, count)
        for prefix, suffix, lines in places:
            scores = middle_log_p(model, fill, prefix, suffix, lines)
            won += sum(scores[0] > s for s in scores[1:])
            pairs += len(lines) - 1
            first += scores[0] > max(scores[1:])
        by_chance = sum(1 / len(lines) for _, _, lines in places) / max(1, len(places))
        result[group] = {'true_line_first': rate(first, len(places)), 'pairs_won': rate(won, pairs), 'by_chance': round(by_chance, 3),
                         'ngram': baselines.get(f'ranking/{group}')}
        print(group, result[group], file=sys.stderr, flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--run', required=True)
    parser.add_argument('--corpus', required=True)
    parser.add_argument('--hugging-face', required=True)
    parser.add_argument('--gguf', required=True)
    parser.add_argument('--baselines', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--lines', type=int, default=200, help='places a language group for fill-in and ranking')
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    run = pathlib.Path(args.run)
    state = torch.load(run / 'last.pt')
    model = Model(Config.load(run / 'config.json')).eval()
    model.load_state_dict(state['model'])
    stored = load_gguf_into(model, args.gguf)
    tokenizer = Tokenizer.from_file(f'{args.hugging_face}/tokenizer.json')
    reference = DeepseekV2ForCausalLM.from_pretrained(args.hugging_face, dtype=torch.float32).eval()
    fill = FillIn(tokenizer)
    result = {'minutes': state['spent'] / 60, 'steps': state['step'], 'tokens': state['tokens']}
    baselines = json.load(open(args.baselines))
    result['bits_per_byte'] = measure_bits({'f32': model, 'gguf': stored}, tokenizer, args.corpus, baselines)
    result['ranking'] = measure_ranking(stored, fill, args.corpus, args.lines, baselines)
    result['fill_in'], samples = measure_fill_in(reference, fill, args.corpus, args.lines)
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + '\n')
    for group, left, right, got in random.Random(1).sample(samples, 12):
        print(f'{group}: {left!r} | {right!r} -> {got!r}')


if __name__ == '__main__':
    main()
