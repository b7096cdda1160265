# SPDX-License-Identifier: Apache-2.0
"""Muon for matrices, AdamW for the rest, as one optimizer with one learning-rate factor.

Source   K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024): momentum, then five
         Newton-Schulz steps towards the nearest semi-orthogonal matrix.
"""
import torch


def orthogonalise(g, steps=5):
    """g [n, rows, cols] -> each matrix with singular values near 1; in bf16, as the source does"""
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic of the source
    tall = g.shape[1] > g.shape[2]
    x = (g.transpose(1, 2) if tall else g).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        xx = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(xx, xx, xx, beta=b, alpha=c), x, beta=a)
    return (x.transpose(1, 2) if tall else x).to(g.dtype)


def as_matrices(name, tensor):
    """A view [n, rows, cols]: one matrix per expert, gate and up apart."""
    if 'gate_up' in name:
        return tensor.view(-1, tensor.shape[-2] // 2, tensor.shape[-1])
    return tensor.view(-1, *tensor.shape[-2:])


class Optimizer:
    """With `exchange`, processes that hold the same gradients share the orthogonalising: each does every ranks-th matrix.

    exchange   (rank, ranks, shared buffer of as many floats as the model has, barrier)
    """

    def __init__(self, model, muon_lr=0.02, embed_lr=0.008, scalar_lr=0.008, weight_decay=0.02, exchange=None):
        self.muon_lr, self.weight_decay, self.step_count, self.exchange = muon_lr, weight_decay, 0, exchange
        self.groups, adam = {}, []
        for name, p in model.named_parameters():
            if p.dim() < 2 or name == 'embed_tokens.weight' or name.endswith('mlp.gate.weight'):
                adam.append({'params': [p], 'base': embed_lr if p.dim() == 2 else scalar_lr})
            else:  # same shape, one batched product
                self.groups.setdefault(as_matrices(name, p).shape[1:], []).append((name, p))
        self.momentum = {name: torch.zeros_like(p) for group in self.groups.values() for name, p in group}
        self.adam = torch.optim.AdamW(adam, lr=1.0, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)

    def _orthogonal(self, stacks):
        """stacks: one [n, rows, cols] a shape -> the same, orthogonalised"""
        if not self.exchange or self.exchange[1] == 1:
            return [orthogonalise(stack) for stack in stacks]
        rank, ranks, buffer, barrier = self.exchange
        out, at = [], 0
        for stack in stacks:
            out.append(buffer[at:at + stack.numel()].view_as(stack))
            out[-1][rank::ranks] = orthogonalise(stack[rank::ranks])
            at += stack.numel()
        barrier.wait()
        return out

    @torch.no_grad()
    def step(self, factor):
        self.step_count += 1
        beta = 0.85 + 0.10 * min(1.0, self.step_count / 300)
        stacks = []
        for group in self.groups.values():
            for name, p in group:
                self.momentum[name].lerp_(p.grad, 1 - beta)
            stacks.append(torch.cat([as_matrices(name, p.grad.lerp(self.momentum[name], beta)) for name, p in group]))
        lr = self.muon_lr * factor
        for ((rows, cols), group), updates in zip(self.groups.items(), self._orthogonal(stacks)):
            sizes = [as_matrices(name, p).shape[0] for name, p in group]
            for (name, p), u in zip(group, updates.split(sizes)):
                p.mul_(1 - lr * self.weight_decay)
                as_matrices(name, p).add_(u, alpha=-lr * max(1.0, rows / cols) ** 0.5)
        for group in self.adam.param_groups:
            group['lr'] = group['base'] * factor
        self.adam.step()

    def state(self):
        return {'momentum': self.momentum, 'adam': self.adam.state_dict(), 'steps': self.step_count}

    def load(self, state):
        self.momentum, self.step_count = state['momentum'], state['steps']
        self.adam.load_state_dict(state['adam'])
