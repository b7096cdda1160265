# SPDX-License-Identifier: Apache-2.0
"""Weights as a four-bit file will have them, for training that knows what rounding does to it.

Rounding  Q4_0: blocks of 32 along the rows that the GGUF will hold, levels -8 to 7, a scale in f16; of a few choices the one with the
          least squared error (`graft model quantize` tries more). Embedding, norms and routers stay: the file has them finer.
Gradient  That of the rounded weights, given to the weights (straight-through): the model is changed in place for a step, and
          changed back before the optimizer sees it.
"""
import torch

ENDS = (-8.5, -7.7, 6.6, 7.4)  # the level that a block's furthest value falls on


def rounded(x):
    """x [..., n], n a multiple of 32 -> the values that Q4_0 leaves of it"""
    blocks = x.reshape(-1, 32)
    far = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    best, scale = torch.full_like(far, -1.0), torch.zeros_like(far)
    for end in ENDS:
        q = (blocks * (end / far)).round_().clamp_(-8, 7)  # of a block of zeros: no numbers, never the best
        xq, qq = (blocks * q).sum(1, keepdim=True), (q * q).sum(1, keepdim=True)
        fit = xq * xq / qq
        better = fit > best
        best, scale = torch.where(better, fit, best), torch.where(better, xq / qq, scale)
    scale = scale.half().float()
    q = torch.where(scale == 0, torch.zeros(()), blocks / scale).round_().clamp_(-8, 7)
    return (q * scale).view(x.shape)


def rounded_as_stored(name, p, config):
    """A parameter of model.Model along the rows that the file has of it"""
    if not name.endswith('kv_b_proj.weight'):
        return rounded(p)
    # attn_k_b is stored the other way round (export.gguf_tensors).
    k, v = p.view(config.num_attention_heads, -1, p.shape[1]).split([config.qk_nope_head_dim, config.v_head_dim], dim=1)
    return torch.cat((rounded(k.transpose(1, 2).contiguous()).transpose(1, 2), rounded(v.contiguous())), dim=1).reshape(p.shape)


class FourBits:
    """exchange   (rank, ranks, shared buffer of as many floats as the model has, barrier): each process rounds its share"""

    def __init__(self, model, exchange):
        self.config, self.exchange, self.exact = model.c, exchange, []
        self.matrices = [(name, p) for name, p in model.named_parameters()
                         if p.dim() >= 2 and name != 'embed_tokens.weight' and not name.endswith('mlp.gate.weight')]

    @torch.no_grad()
    def round(self):
        rank, ranks, buffer, barrier = self.exchange
        slots, at = [], 0
        for i, (name, p) in enumerate(self.matrices):
            slots.append(buffer[at:at + p.numel()].view_as(p))
            at += p.numel()
            if i % ranks == rank:
                slots[-1].copy_(rounded_as_stored(name, p, self.config))
        barrier.wait()
        self.exact = [p.detach().clone() for _, p in self.matrices]
        for (_, p), slot in zip(self.matrices, slots):
            p.copy_(slot)

    @torch.no_grad()
    def restore(self):
        for (_, p), exact in zip(self.matrices, self.exact):
            p.copy_(exact)
        self.exact = []
