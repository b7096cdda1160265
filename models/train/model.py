# SPDX-License-Identifier: Apache-2.0
"""DeepSeek-V2 as a training model: MLA, first layers dense, then shared + routed experts with softmax top-k.

Shapes   tokens [B, T] int64; hidden [B*T, D]; logits never exist as a whole (see LinearCrossEntropy)
Layout   weights are kept as the Hugging Face checkpoint has them, except that the experts of a layer are two stacks:
         gate_up [E, 2*Im, D] (gate rows first) and down [E, D, Im]
RoPE     interleaved pairs, as in the released checkpoints
Source   arXiv:2405.04434, sections 2.1 and 2.2; the forward pass equals transformers' DeepseekV2ForCausalLM
         (export.py --check holds the two together)
"""
import dataclasses
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Config:
    vocab_size: int = 4096
    hidden_size: int = 256
    num_hidden_layers: int = 5
    num_attention_heads: int = 4
    kv_lora_rank: int = 64
    qk_nope_head_dim: int = 32
    qk_rope_head_dim: int = 16
    v_head_dim: int = 48
    intermediate_size: int = 640
    first_k_dense_replace: int = 1
    n_routed_experts: int = 16
    num_experts_per_tok: int = 2
    n_shared_experts: int = 1
    moe_intermediate_size: int = 96
    routed_scaling_factor: float = 2.0
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    max_position_embeddings: int = 1024

    def save(self, path):
        pathlib.Path(path).write_text(json.dumps(dataclasses.asdict(self), indent=1) + '\n')

    @staticmethod
    def load(path):
        return Config(**json.loads(pathlib.Path(path).read_text()))


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


def rope_tables(length, config):
    """-> cos, sin [length, rope/2]"""
    half = torch.arange(0, config.qk_rope_head_dim, 2).float() / config.qk_rope_head_dim
    angles = torch.arange(length).float()[:, None] * (config.rope_theta ** -half)[None, :]
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    """x [..., T, heads, rope], pairs (0,1), (2,3)...; cos and sin [T, 1, rope/2]"""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class CausalAttention(torch.autograd.Function):
    """softmax(q k^T / sqrt(d)) v under a causal mask, in blocks of queries that never look at later keys.

    q, k [N, T, d], v [N, T, dv] -> [N, T, dv]; probabilities are kept for the way back in the type of q.
    """

    BLOCK = 128

    @staticmethod
    def forward(ctx, q, k, v):
        length, scale = q.shape[1], q.shape[2] ** -0.5
        out, kept = torch.empty_like(v), []
        mask = torch.full((CausalAttention.BLOCK, CausalAttention.BLOCK), float('-inf')).triu(1)
        for low in range(0, length, CausalAttention.BLOCK):
            high = min(length, low + CausalAttention.BLOCK)
            scores = torch.bmm(q[:, low:high], k[:, :high].transpose(1, 2)).float().mul_(scale)
            scores[:, :, low:high] += mask[:high - low, :high - low]
            kept.append(scores.softmax(-1).to(q.dtype))
            out[:, low:high] = torch.bmm(kept[-1], v[:, :high])
        ctx.save_for_backward(q, k, v, out, *kept)
        return out

    @staticmethod
    def backward(ctx, grad):
        q, k, v, out, *kept = ctx.saved_tensors
        scale = q.shape[2] ** -0.5
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k, dtype=torch.float32), torch.zeros_like(v, dtype=torch.float32)
        dots = (grad.float() * out.float()).sum(-1, keepdim=True)
        low = 0
        for p in kept:
            high = low + p.shape[1]
            g = grad[:, low:high]
            dv[:, :high] += torch.bmm(p.transpose(1, 2), g)
            ds = torch.bmm(g, v[:, :high].transpose(1, 2)).float().sub_(dots[:, low:high]).mul_(p).mul_(scale).to(q.dtype)
            dq[:, low:high] = torch.bmm(ds, k[:, :high])
            dk[:, :high] += torch.bmm(ds.transpose(1, 2), q[:, low:high])
            low = high
        return dq, dk.to(k.dtype), dv.to(v.dtype)


class Attention(nn.Module):
    """Multi-head latent attention without query compression, in its expanded (prefill) form."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        heads, d = c.num_attention_heads, c.hidden_size
        self.q_proj = nn.Linear(d, heads * (c.qk_nope_head_dim + c.qk_rope_head_dim), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(d, c.kv_lora_rank + c.qk_rope_head_dim, bias=False)
        self.kv_a_layernorm = RmsNorm(c.kv_lora_rank, c.rms_norm_eps)
        self.kv_b_proj = nn.Linear(c.kv_lora_rank, heads * (c.qk_nope_head_dim + c.v_head_dim), bias=False)
        self.o_proj = nn.Linear(heads * c.v_head_dim, d, bias=False)

    def forward(self, x, batch, cos, sin):
        c, heads = self.c, self.c.num_attention_heads
        q = self.q_proj(x).view(batch, -1, heads, c.qk_nope_head_dim + c.qk_rope_head_dim)
        q_nope, q_rope = q.split([c.qk_nope_head_dim, c.qk_rope_head_dim], dim=-1)
        latent, k_rope = self.kv_a_proj_with_mqa(x).split([c.kv_lora_rank, c.qk_rope_head_dim], dim=-1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent))
        k_nope, v = kv.view(batch, -1, heads, c.qk_nope_head_dim + c.v_head_dim).split(
            [c.qk_nope_head_dim, c.v_head_dim], dim=-1)
        k_rope = rotate(k_rope.view(batch, -1, 1, c.qk_rope_head_dim), cos, sin).expand(-1, -1, heads, -1)
        q = torch.cat((q_nope, rotate(q_rope, cos, sin)), dim=-1).transpose(1, 2)
        k = torch.cat((k_nope, k_rope), dim=-1).transpose(1, 2)
        kind = v.dtype
        y = CausalAttention.apply(*(t.to(kind).flatten(0, 1).contiguous() for t in (q, k, v.transpose(1, 2))))
        return self.o_proj(y.unflatten(0, (batch, heads)).transpose(1, 2).reshape(x.shape[0], -1))


class Mlp(nn.Module):
    def __init__(self, width, intermediate):
        super().__init__()
        self.gate_up_proj = nn.Linear(width, 2 * intermediate, bias=False)  # gate rows first
        self.down_proj = nn.Linear(intermediate, width, bias=False)

    def forward(self, x):
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)


class Moe(nn.Module):
    """Tokens sorted by expert, one pair of products per expert; nothing is dropped.

    The rows of an expert are filled up to a multiple of MULTIPLE with rows that nobody reads: oneDNN makes code for every
    new shape, and with counts as they fall that costs more than the products.
    """

    MULTIPLE = 64

    def __init__(self, c):
        super().__init__()
        self.c = c
        e, im, d = c.n_routed_experts, c.moe_intermediate_size, c.hidden_size
        self.gate = nn.Linear(d, e, bias=False)
        self.gate_up = nn.Parameter(torch.empty(e, 2 * im, d))
        self.down = nn.Parameter(torch.empty(e, d, im))
        self.shared_experts = Mlp(d, im * c.n_shared_experts)
        self.balance_loss = None  # set by forward: 1 when the load is even

    def forward(self, x):
        c = self.c
        n, k = x.shape[0], c.num_experts_per_tok
        scores = self.gate(x).softmax(dim=-1)
        weights, ids = scores.topk(k, dim=-1)
        flat = ids.reshape(-1)
        counts = torch.bincount(flat, minlength=c.n_routed_experts)
        self.balance_loss = (scores.mean(0) * (counts / (n * k))).sum() * c.n_routed_experts
        padded = (counts + self.MULTIPLE - 1) // self.MULTIPLE * self.MULTIPLE
        order = flat.argsort()
        rank = torch.arange(n * k) - (counts.cumsum(0) - counts)[flat[order]]  # of a row within its expert
        slot = (padded.cumsum(0) - padded)[flat[order]] + rank
        source, position = torch.zeros(int(padded.sum()), dtype=torch.int64), torch.empty_like(order)
        source[slot], position[order] = order // k, slot
        chunks = x.index_select(0, source).split(padded.tolist())
        done = []
        for rows, gate_up, down in zip(chunks, self.gate_up.unbind(0), self.down.unbind(0)):
            gate, up = F.linear(rows, gate_up).chunk(2, dim=-1)
            done.append(F.linear(F.silu(gate) * up, down))
        routed = torch.cat(done).index_select(0, position).view(n, k, -1)
        routed = (routed * (weights * c.routed_scaling_factor)[:, :, None]).sum(1)
        return routed + self.shared_experts(x)


class Block(nn.Module):
    def __init__(self, c, index):
        super().__init__()
        self.input_layernorm = RmsNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RmsNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = Mlp(c.hidden_size, c.intermediate_size) if index < c.first_k_dense_replace else Moe(c)

    def forward(self, x, batch, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), batch, cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class LinearCrossEntropy(torch.autograd.Function):
    """Mean cross entropy of x @ w.T against targets, in row chunks that stay in cache; gradients are made on the way.

    Under autocast the products are in bf16; logits, sums and gradients stay f32.
    """

    CHUNK = 512

    @staticmethod
    def forward(ctx, x, w, targets):
        dx, dw = torch.empty_like(x), torch.zeros_like(w)
        total, n = 0.0, x.shape[0]
        low = torch.is_autocast_enabled('cpu')
        wl = w.bfloat16() if low else w
        for start in range(0, n, LinearCrossEntropy.CHUNK):
            rows = slice(start, min(start + LinearCrossEntropy.CHUNK, n))
            xs, ts = x[rows].to(wl.dtype), targets[rows]
            with torch.autocast('cpu', enabled=False):
                log_p = torch.log_softmax((xs @ wl.T).float(), dim=-1)
                total -= log_p.gather(1, ts[:, None]).sum().item()
                p = log_p.exp_()
                p[torch.arange(len(ts)), ts] -= 1.0
                p = p.to(wl.dtype)
                dx[rows] = p @ wl
                dw += p.T @ xs
        ctx.save_for_backward(dx / n, dw / n)
        return x.new_tensor(total / n)

    @staticmethod
    def backward(ctx, grad):
        dx, dw = ctx.saved_tensors
        return dx * grad, dw * grad, None


class Model(nn.Module):
    """The head is tied to the embedding."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Block(c, i) for i in range(c.num_hidden_layers))
        self.norm = RmsNorm(c.hidden_size, c.rms_norm_eps)
        cos, sin = rope_tables(8192, c)
        self.register_buffer('cos', cos[:, None, :], persistent=False)
        self.register_buffer('sin', sin[:, None, :], persistent=False)

    def hidden(self, tokens):
        """tokens [B, T] -> [B*T, D], after the last norm"""
        batch, length = tokens.shape
        x = self.embed_tokens(tokens).view(batch * length, -1)
        for layer in self.layers:
            x = layer(x, batch, self.cos[:length], self.sin[:length])
        return self.norm(x)

    def loss(self, tokens, targets):
        """-> (mean cross entropy in nats per token, mean balance loss of the expert layers)"""
        cross_entropy = LinearCrossEntropy.apply(self.hidden(tokens), self.embed_tokens.weight, targets.reshape(-1))
        balance = [layer.mlp.balance_loss for layer in self.layers if isinstance(layer.mlp, Moe)]
        return cross_entropy, sum(balance) / max(1, len(balance))

    @torch.no_grad()
    def logits(self, tokens):
        return self.hidden(tokens).view(*tokens.shape, -1) @ self.embed_tokens.weight.T


def initialise(model, seed):
    """Normal of width fan_in^-1/2; what writes into the residual stream starts at zero, the embedding small."""
    torch.manual_seed(seed)
    for name, p in model.named_parameters():
        if p.dim() < 2:
            continue
        if name == 'embed_tokens.weight':
            nn.init.normal_(p, std=0.02)
        elif 'o_proj' in name or 'down' in name:
            nn.init.zeros_(p)
        else:
            nn.init.normal_(p, std=1.0 / math.sqrt(p.shape[-1]))
    return model


def active_parameters(c):
    """Weights a token is multiplied with, head included, embedding look-up not."""
    model = Model(c)
    per_expert = 3 * c.hidden_size * c.moe_intermediate_size
    idle = (c.num_hidden_layers - c.first_k_dense_replace) * per_expert * (c.n_routed_experts - c.num_experts_per_tok)
    return sum(p.numel() for p in model.parameters()) - idle
