#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train the byte-level BPE (GPT-2 pre-tokenizer) and write tokenizer.json."""
import argparse
import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

BOS, EOT, PREFIX, SUFFIX, MIDDLE, PAD = range(6)
SPECIAL = ['<|bos|>', '<|eot|>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>', '<|pad|>'] + [
    f'<|reserved_{i}|>' for i in range(10)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--corpus', required=True, help='train.jsonl')
    parser.add_argument('--out', required=True, help='tokenizer.json')
    parser.add_argument('--vocab', type=int, default=4096)
    parser.add_argument('--every', type=int, default=3, help='use one file in so many')
    args = parser.parse_args()

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=args.vocab, special_tokens=SPECIAL, show_progress=False, min_frequency=20,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), max_token_length=24)
    lines = open(args.corpus).readlines()[::args.every]
    tokenizer.train_from_iterator((json.loads(line)['text'] for line in lines), trainer)
    tokenizer.save(args.out)
    sample = [json.loads(line)['text'] for line in lines[:300]]
    n = sum(len(e.ids) for e in tokenizer.encode_batch(sample, add_special_tokens=False))
    print(f'vocabulary {tokenizer.get_vocab_size()}, {sum(len(s.encode()) for s in sample) / n:.3f} bytes per token')


if __name__ == '__main__':
    main()
