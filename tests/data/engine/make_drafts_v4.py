#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the models of tests/data/engine/families with DeepSeek-V4's serial block for drafts, and what it computes.

NAME/ is as make_families.py makes it, with the block's tensors as "mtp.0.*": under the names that DeepSeek publishes, and in
NAME "deepseek_v4_renamed_draft" under those of transformers' modules. draft.f32 holds the block's logits for each pair of a
position's streams and the next token, [tokens - 1, n_vocab], then those of N_FURTHER guesses that follow the last pair, each from
the block's own streams and the likeliest token.

transformers leaves the block out. Here its decoder layer and head collapse run between the norms and products that join token and
streams as DeepSeek-V4's own program does (and vLLM and llama.cpp after it): the streams are those before the model's head collapse,
and the pair of position i and the token at i + 1 stands at position i. A seed counts only as make_families.py says, and if
the likeliest token of each guess is clear.

Needs torch, transformers and safetensors (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_drafts_v4.py
"""
import json
import shutil

import safetensors.torch
import torch
from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4HyperHead

from make_families import HEAVY, HERE, N_TOKENS, SLIDING, SPARSE, build, deepseek_v4, publish_v4, run, write_golden

N_FURTHER, N_LAYERS = 3, 2
MODELS = {
    "deepseek_v4_draft": lambda: deepseek_v4([SPARSE, HEAVY, SLIDING], 1),
    "deepseek_v4_renamed_draft": lambda: deepseek_v4([SLIDING, SPARSE, SLIDING], 1, scaled=False, hc_mult=3, o_groups=1),
}


def rounded(values):
    return values.to(torch.bfloat16).float()  # what the file can hold


class Draft:
    """The last of the model's layers becomes the block's."""

    def __init__(self, model, seed):
        config, inner = model.config, model.model
        self.model, self.all_layers, self.layer = model, inner.layers, inner.layers[N_LAYERS]
        inner.layers = inner.layers[:N_LAYERS]
        config.num_hidden_layers = N_LAYERS
        generator = torch.Generator().manual_seed(1000 + seed)
        d, s = config.hidden_size, config.hc_mult
        gain = lambda: rounded(0.5 + torch.rand(d, generator=generator))
        normal = lambda *shape: rounded(torch.randn(*shape, generator=generator) / shape[-1] ** 0.5)
        self.extra = {"enorm.weight": gain(), "hnorm.weight": gain(), "norm.weight": gain(), "e_proj.weight": normal(d, d),
                      "h_proj.weight": normal(d, d), "hc_head_fn": normal(s, s * d),
                      "hc_head_base": rounded(torch.randn(s, generator=generator)),
                      "hc_head_scale": rounded(0.5 + torch.rand(1, generator=generator))}
        self.head = DeepseekV4HyperHead(config)
        for part in ("fn", "base", "scale"):
            getattr(self.head, f"hc_{part}").data.copy_(self.extra[f"hc_head_{part}"])

    def double(self):
        self.model.double(), self.layer.double(), self.head.double()
        self.extra = {k: v.double() for k, v in self.extra.items()}

    def rms(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.model.config.rms_norm_eps) * self.extra[name + ".weight"]

    def streams(self, tokens):
        kept = []
        hook = self.model.model.hc_head.register_forward_pre_hook(lambda _, args: kept.append(args[0][0]))
        try:
            self.model(torch.tensor([tokens]), use_cache=False)
        finally:
            hook.remove()
        return kept[0]

    def through_layer(self, x):
        inner, n = self.model.model, x.shape[0]
        places = torch.arange(n)
        turns = {kind: inner.rotary_emb(x[None, :, 0], position_ids=places[None], layer_type=kind) for kind in ("main", "compress")}
        age = places[:, None] - places[None]
        hidden = (age < 0) | (age >= self.model.config.sliding_window)
        mask = torch.zeros(n, n, dtype=x.dtype).masked_fill(hidden, torch.finfo(x.dtype).min)
        return self.layer(x[None], position_embeddings=turns, position_ids=places[None], attention_mask=mask[None, None])[0]

    @torch.no_grad()
    def logits(self, tokens):
        states, following, out = self.streams(tokens)[:-1], tokens[1:], []
        for step in range(1 + N_FURTHER):
            embedded = self.model.model.embed_tokens(torch.tensor(following))
            token = self.rms(embedded, "enorm") @ self.extra["e_proj.weight"].T
            x = token[:, None] + self.rms(states, "hnorm") @ self.extra["h_proj.weight"].T
            y = self.through_layer(x)
            logits = self.model.lm_head(self.rms(self.head(y[None])[0], "norm"))
            out.append(logits if step == 0 else logits[-1:])
            states, following = torch.cat([states, y[-1:]]), following + [int(logits[-1].argmax())]
        return torch.cat(out)

    def save(self, folder, renamed):
        """config.json and tensors, the draft block's last."""
        config, inner = self.model.config, self.model.model
        inner.layers, config.num_hidden_layers = self.all_layers, N_LAYERS + 1
        self.model.to(torch.bfloat16).save_pretrained(folder)
        extra = {k: v.to(torch.bfloat16) for k, v in self.extra.items()}
        path = folder / "model.safetensors"
        if renamed:
            tensors = {k.replace(f".layers.{N_LAYERS}.", ".mtp.0."): v for k, v in self.model.state_dict().items()}
            tensors.update({"model.mtp.0." + k.replace("hc_head_", "hc_head.hc_"): v for k, v in extra.items()})
        else:
            publish_v4(folder)
            tensors = {k.replace(f"layers.{N_LAYERS}.", "mtp.0."): v for k, v in safetensors.torch.load_file(path).items()}
            tensors.update({"mtp.0." + k: v for k, v in extra.items()})
        tensors = {k: v.clone().contiguous() for k, v in tensors.items()}
        safetensors.torch.save_file(tensors, path, metadata=dict(format="pt"))
        path.chmod(0o644)
        saved = json.loads((folder / "config.json").read_text())
        saved["num_hidden_layers"], saved["num_nextn_predict_layers"] = N_LAYERS, 1
        (folder / "config.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
        (folder / "generation_config.json").unlink(missing_ok=True)


def clear(guesses):
    top = guesses[-1 - N_FURTHER:].topk(2).values
    return (top[:, 0] - top[:, 1]).min().item() > 1e-2


@torch.no_grad()
def make(name):
    tokens = torch.randint(2, 96, (N_TOKENS,), generator=torch.Generator().manual_seed(7)).tolist()
    for seed in range(1, 500):
        model = build(MODELS[name](), seed)
        draft = Draft(model, seed)
        _, greedy, gap, whole = run(model, tokens)
        if gap < 5e-3 or len(set(greedy)) < 12:
            continue
        guesses = draft.logits(tokens)
        draft.double()
        exact, exact_greedy, _, exact_whole = run(model, tokens)
        exact_guesses = draft.logits(tokens)
        error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in ((whole, exact_whole), (guesses, exact_guesses)))
        if error < 2e-5 and greedy == exact_greedy and clear(exact_guesses):
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear margins")
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_golden(folder, model.config, tokens, exact, greedy)
    (folder / "draft.f32").write_bytes(exact_guesses.float().numpy().astype("<f4").tobytes())
    draft.save(folder, "renamed" in name)
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{name}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {gap:.1e}, {size} KiB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in MODELS:
        make(case)
