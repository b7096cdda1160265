#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the models of tests/data/engine/families with a layer for drafts (multi-token prediction), and what it computes.

NAME/ is as make_families.py makes it, with the draft layer's tensors under the names that DeepSeek publishes them by, experts one
by one. draft.f32 holds the draft layer's logits for each pair of a position's state and the next token, [tokens - 1, n_vocab],
then those of N_FURTHER guesses that follow the last pair, each from the layer's own result and the likeliest token.

transformers leaves such layers out. Here one of its decoder layers is run by its own model class with the masks and rotations
that it makes, between the norms and the joining product that DeepSeek-V3 (arXiv:2412.19437, section 2.2) describes; the state is
the one behind the final norm, as in vLLM and SGLang. A seed counts only as make_families.py says.

Needs torch, transformers and safetensors (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_drafts.py
"""
import shutil

import safetensors.torch
import torch

from make_families import CASES, HERE, N_TOKENS, build, run, write_golden

N_LAYERS, N_FURTHER = 2, 3
MODELS = {"deepseek_v3_draft": "deepseek_v3", "deepseek_v32_draft": "deepseek_v32"}


def config_of(name, n_layers):
    made = CASES[name]().to_dict()
    kind = type(CASES[name]())
    for key in ("mlp_layer_types", "layer_types", "indexer_types"):
        made.pop(key, None)
    return kind(**{**made, "num_hidden_layers": n_layers})


class Draft:
    """The last of the model's layers becomes the draft layer."""

    def __init__(self, model, seed):
        config, inner = model.config, model.model
        self.model, self.layer = model, inner.layers[N_LAYERS]
        inner.layers = inner.layers[:N_LAYERS]
        config.num_hidden_layers = N_LAYERS
        generator = torch.Generator().manual_seed(1000 + seed)
        d = config.hidden_size
        gain = lambda: (0.5 + torch.rand(d, generator=generator)).to(torch.bfloat16).float()
        self.extra = {"enorm.weight": gain(), "hnorm.weight": gain(), "shared_head.norm.weight": gain(),
                      "eh_proj.weight": (torch.randn(d, 2 * d, generator=generator) / (2 * d) ** 0.5).to(torch.bfloat16).float()}

    def double(self):
        self.model.double(), self.layer.double()
        self.extra = {k: v.double() for k, v in self.extra.items()}

    def rms(self, x, name):
        gain = self.extra[name + ".weight"]
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.model.config.rms_norm_eps) * gain

    def through_layer(self, u):
        inner, config = self.model.model, self.model.config
        kept, norm = inner.layers, inner.norm
        inner.layers, inner.norm, config.num_hidden_layers = torch.nn.ModuleList([self.layer]), torch.nn.Identity(), 1
        attention = self.layer.self_attn
        index, attention.layer_idx = attention.layer_idx, 0
        try:
            return inner(inputs_embeds=u[None], use_cache=False).last_hidden_state[0]
        finally:
            inner.layers, inner.norm, config.num_hidden_layers, attention.layer_idx = kept, norm, N_LAYERS, index

    @torch.no_grad()
    def logits(self, tokens):
        inner = self.model.model
        states = inner(torch.tensor([tokens]), use_cache=False).last_hidden_state[0][:-1]
        following, out = tokens[1:], []
        for step in range(1 + N_FURTHER):
            embedded = inner.embed_tokens(torch.tensor(following))
            u = torch.cat([self.rms(embedded, "enorm"), self.rms(states, "hnorm")], -1) @ self.extra["eh_proj.weight"].T
            g = self.through_layer(u)
            logits = self.model.lm_head(self.rms(g, "shared_head.norm"))
            out.append(logits if step == 0 else logits[-1:])
            states, following = torch.cat([states, g[-1:]]), following + [int(logits[-1].argmax())]
        return torch.cat(out)

    def tensors(self):
        config = self.model.config
        made = {k: v for k, v in self.model.state_dict().items()}
        p = f"model.layers.{N_LAYERS}."
        for name, value in self.layer.state_dict().items():
            if name == "mlp.experts.gate_up_proj":
                for e, both in enumerate(value):
                    made[f"{p}mlp.experts.{e}.gate_proj.weight"], made[f"{p}mlp.experts.{e}.up_proj.weight"] = both.chunk(2)
            elif name == "mlp.experts.down_proj":
                for e, down in enumerate(value):
                    made[f"{p}mlp.experts.{e}.down_proj.weight"] = down
            else:
                made[p + name] = value
        made.update({p + k: v for k, v in self.extra.items()})
        made[p + "embed_tokens.weight"] = made["model.embed_tokens.weight"]
        made[p + "shared_head.head.weight"] = made["lm_head.weight"]
        assert made[p + "shared_head.head.weight"].shape[0] == config.vocab_size
        return {k: v.to(torch.bfloat16).clone().contiguous() for k, v in made.items()}


@torch.no_grad()
def make(name, base):
    tokens = torch.randint(2, 96, (N_TOKENS,), generator=torch.Generator().manual_seed(7)).tolist()
    for seed in range(1, 500):
        model = build(config_of(base, N_LAYERS + 1), seed)
        draft = Draft(model, seed)
        _, greedy, gap, whole = run(model, tokens)
        if gap < 5e-3 or len(set(greedy)) < 12:
            continue
        guesses = draft.logits(tokens)
        draft.double()
        exact, exact_greedy, _, exact_whole = run(model, tokens)
        exact_guesses = draft.logits(tokens)
        error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in ((whole, exact_whole), (guesses, exact_guesses)))
        if error < 2e-5 and greedy == exact_greedy:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear margins")
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = config_of(base, N_LAYERS)
    config.num_nextn_predict_layers = 1
    config.architectures = [type(model).__name__]
    config.dtype = "bfloat16"
    config.save_pretrained(folder)
    safetensors.torch.save_file(draft.tensors(), folder / "model.safetensors", metadata=dict(format="pt"))
    (folder / "model.safetensors").chmod(0o644)
    write_golden(folder, config, tokens, exact, greedy)
    (folder / "draft.f32").write_bytes(exact_guesses.float().numpy().astype("<f4").tobytes())
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{name}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {gap:.1e}, {size} KiB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case, model in MODELS.items():
        make(case, model)
