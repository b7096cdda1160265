# SPDX-License-Identifier: Apache-2.0
"""Bits per byte of texts under the model, each byte predicted from at most one context window of this text."""
import math

import torch
import torch.nn.functional as F

from tokenizer import BOS


@torch.no_grad()
def text_nats(model, ids, window, stride):
    """Sum of -ln p over ids. Windows overlap: each predicts only the tokens that the one before did not reach."""
    assert 0 < stride < window
    total, start = 0.0, 0
    while start < len(ids):
        begin = max(0, start - (window - 1 - stride))
        end = min(len(ids), begin + window - 1)
        row = torch.tensor([[BOS] + ids[begin:end]])
        logits = model.logits(row)[0, :-1]
        losses = F.cross_entropy(logits, row[0, 1:], reduction='none')
        total += losses[start - begin:].sum().item()
        start = end
    return total


def bits_per_byte(model, tokenizer, texts, window=512, stride=256):
    nats = bytes_ = 0
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        nats += text_nats(model, ids, window, stride)
        bytes_ += len(text.encode())
    return nats / math.log(2) / bytes_
