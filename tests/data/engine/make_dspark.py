#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/engine/families/deepseek_v4_dspark: a DeepSeek-V4 model with DSpark's blocks for drafts, and what they guess.

The folder is as make_families.py makes it, with the stages' tensors as "mtp.N.*" under the names that DeepSeek publishes, their matrices
in FP8 with a scale for each block as in released checkpoints (and so the experts, as in those named Base). For each
L in 1 .. tokens - 1, draft.f32 holds what is guessed behind tokens[: L + 1] where the states of tokens[:L] are known: the block's
logits [BLOCK, n_vocab], each row given the likeliest tokens before it, then its confidences [BLOCK].

transformers leaves these blocks out. Written here from their description, whole sequences, no cache; the layers' hyper-connections,
mixtures, projections and rotation are transformers' modules. A seed counts only as make_families.py says, and if each guess is
clear.

Needs torch, transformers and safetensors (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_dspark.py
"""
import json
import shutil

import safetensors.torch
import torch
from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4HyperHead, apply_rotary_pos_emb

from make_drafts_v4 import rounded
from make_stored_scales import fp8
from make_families import HEAVY, HERE, N_TOKENS, SLIDING, SPARSE, build, deepseek_v4, publish_v4, run, write_golden

NAME, N_LAYERS, N_STAGES, BLOCK, NOISE, RANK, TARGETS = "deepseek_v4_dspark", 2, 3, 4, 95, 32, [0, 1]
FP8_BLOCK = (32, 32)
PUBLISHED = {"self_attn.q_a_proj.weight": "attn.wq_a.weight", "self_attn.q_b_proj.weight": "attn.wq_b.weight",
             "self_attn.kv_proj.weight": "attn.wkv.weight", "self_attn.o_a_proj.weight": "attn.wo_a.weight",
             "self_attn.o_b_proj.weight": "attn.wo_b.weight", "mlp.shared_experts.gate_proj.weight": "ffn.shared_experts.w1.weight",
             "mlp.shared_experts.down_proj.weight": "ffn.shared_experts.w2.weight",
             "mlp.shared_experts.up_proj.weight": "ffn.shared_experts.w3.weight"}


class Spark:
    """The last of the model's layers become the stages'."""

    def __init__(self, model, seed):
        config, inner = model.config, model.model
        self.model, self.all_layers, self.stages = model, inner.layers, inner.layers[N_LAYERS:]
        inner.layers = inner.layers[:N_LAYERS]
        config.num_hidden_layers = N_LAYERS
        generator = torch.Generator().manual_seed(1000 + seed)
        d, s, v = config.hidden_size, config.hc_mult, config.vocab_size
        gain = lambda: rounded(0.5 + torch.rand(d, generator=generator))
        normal = lambda *shape: rounded(torch.randn(*shape, generator=generator) / shape[-1] ** 0.5)
        last = f"mtp.{N_STAGES - 1}."
        self.extra = {"mtp.0.main_proj.weight": normal(d, len(TARGETS) * d), "mtp.0.main_norm.weight": gain(),
                      last + "norm.weight": gain(), last + "hc_head_fn": normal(s, s * d),
                      last + "hc_head_base": rounded(torch.randn(s, generator=generator)),
                      last + "hc_head_scale": rounded(0.5 + torch.rand(1, generator=generator)),
                      last + "markov_head.markov_w1.weight": rounded(torch.randn(v, RANK, generator=generator)),
                      last + "markov_head.markov_w2.weight": normal(v, RANK),
                      last + "confidence_head.proj.weight": normal(1, d + RANK)}
        self.last, self.stored = last, {}
        for stage, layer in enumerate(self.stages):
            for name, p in layer.named_parameters():
                if p.dim() == 3:
                    for e in range(p.shape[0]):
                        halves = p.data[e].chunk(2) if "gate_up" in name else [p.data[e]]
                        for which, half in zip(("w1", "w3") if "gate_up" in name else ("w2",), halves):
                            self.store(f"mtp.{stage}.ffn.experts.{e}.{which}.weight", half)
                elif p.dim() == 2 and ("self_attn" in name or "shared_experts" in name):
                    self.store(f"mtp.{stage}." + PUBLISHED[name], p.data)
        self.store("mtp.0.main_proj.weight", self.extra["mtp.0.main_proj.weight"])
        self.head = DeepseekV4HyperHead(config)
        for part in ("fn", "base", "scale"):
            getattr(self.head, f"hc_{part}").data.copy_(self.extra[last + f"hc_head_{part}"])

    def store(self, name, matrix):
        """Rounds `matrix` to what the file holds of it."""
        values, scales, both = fp8(matrix, FP8_BLOCK, torch.float8_e8m0fnu)
        matrix.copy_(both)
        self.stored[name], self.stored[name.removesuffix("weight") + "scale"] = values, scales

    def double(self):
        self.model.double(), self.stages.double(), self.head.double()
        self.extra = {k: v.double() for k, v in self.extra.items()}

    def rms(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.model.config.rms_norm_eps) * self.extra[name]

    def targets(self, tokens):
        """[tokens, TARGETS D]: the mean of the streams behind each target layer."""
        kept, hooks = {}, []
        for layer in TARGETS:
            hooks.append(self.model.model.layers[layer].register_forward_hook(
                lambda _, args, out, layer=layer: kept.update({layer: (out[0] if isinstance(out, tuple) else out)[0].mean(1)})))
        self.model(torch.tensor([tokens]), use_cache=False)
        for hook in hooks:
            hook.remove()
        return torch.cat([kept[layer] for layer in TARGETS], -1)

    def turns(self, like, places):
        return self.model.model.rotary_emb(like, position_ids=places[None], layer_type="main")

    def keys(self, attention, x, places):
        cos, sin = self.turns(x, places)
        return apply_rotary_pos_emb(attention.kv_norm(attention.kv_proj(x))[None, None], cos, sin)[0, 0]

    def attend(self, attention, x, past, places):
        """x [BLOCK, D]; all rows see all of `past` and of the block."""
        cos, sin = self.turns(x, places)
        q = attention.q_b_proj(attention.q_a_norm(attention.q_a_proj(x))).view(len(x), -1, attention.head_dim).transpose(0, 1)
        q = apply_rotary_pos_emb(attention.q_b_norm(q)[None], cos, sin)[0]
        k = torch.cat([past, self.keys(attention, x, places)])
        scores = torch.cat([q @ k.T / attention.head_dim ** 0.5, attention.sinks[:, None, None].expand(-1, len(x), 1)], -1)
        out = torch.softmax(scores, -1)[..., :-1] @ k
        out = apply_rotary_pos_emb(out[None], cos, -sin)[0].transpose(0, 1)
        return attention.o_b_proj(attention.o_a_proj(out.reshape(1, len(x), attention.config.o_groups, -1)).flatten(2))[0]

    @torch.no_grad()
    def guess(self, targets, length, anchor):
        """(logits [BLOCK, V], confidences [BLOCK], smallest margin)"""
        main = self.rms(targets[:length] @ self.extra["mtp.0.main_proj.weight"].T, "mtp.0.main_norm.weight")
        places = torch.arange(length, length + BLOCK)
        x = self.model.model.embed_tokens(torch.tensor([anchor] + [NOISE] * (BLOCK - 1)))
        streams = x[None, :, None].expand(-1, -1, self.model.config.hc_mult, -1).contiguous()
        for stage in self.stages:
            past = self.keys(stage.self_attn, main, torch.arange(length))[-self.model.config.sliding_window:]
            for hc, half in ((stage.attn_hc, lambda u: self.attend(stage.self_attn, stage.input_layernorm(u)[0], past, places)[None]),
                             (stage.ffn_hc, lambda u: stage.mlp(stage.post_attention_layernorm(u)))):
                post, comb, u = hc(streams)
                streams = post.to(u.dtype)[..., None] * half(u)[:, :, None] + torch.einsum("btjk,btjd->btkd", comb.to(u.dtype), streams)
        h = self.head(streams)[0]
        logits = self.model.lm_head(self.rms(h, self.last + "norm.weight"))
        before, confidences, margin = anchor, [], 1e9
        for i in range(BLOCK):
            e = self.extra[self.last + "markov_head.markov_w1.weight"][before]
            logits[i] += self.extra[self.last + "markov_head.markov_w2.weight"] @ e
            confidences.append(torch.sigmoid(self.extra[self.last + "confidence_head.proj.weight"][0] @ torch.cat([h[i], e])))
            top = logits[i].topk(2)
            before, margin = int(top.indices[0]), min(margin, (top.values[0] - top.values[1]).item())
        return logits, torch.stack(confidences), margin

    def guesses(self, tokens):
        targets, out, margin = self.targets(tokens), [], 1e9
        for length in range(1, len(tokens)):
            logits, confidences, clear = self.guess(targets, length, tokens[length])
            out += [logits.flatten(), confidences]
            margin = min(margin, clear)
        return torch.cat(out), margin

    def save(self, folder):
        config = self.model.config
        self.model.model.layers, config.num_hidden_layers = self.all_layers, N_LAYERS + N_STAGES
        self.model.to(torch.bfloat16).save_pretrained(folder)
        publish_v4(folder)
        path = folder / "model.safetensors"
        tensors = safetensors.torch.load_file(path)
        tensors.pop("mtp.0.enorm.weight")
        for stage in range(N_STAGES):
            tensors = {k.replace(f"layers.{N_LAYERS + stage}.", f"mtp.{stage}."): v for k, v in tensors.items()}
        tensors.update({k: v.to(torch.bfloat16) for k, v in self.extra.items()})
        assert all(k in tensors for k in self.stored if k.endswith(".weight"))
        tensors.update(self.stored)
        safetensors.torch.save_file({k: v.clone().contiguous() for k, v in tensors.items()}, path, metadata=dict(format="pt"))
        path.chmod(0o644)
        saved = json.loads((folder / "config.json").read_text())
        saved.update(num_hidden_layers=N_LAYERS, num_nextn_predict_layers=N_STAGES, dspark_block_size=BLOCK,
                     quantization_config=dict(quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", scale_fmt="ue8m0",
                                              weight_block_size=list(FP8_BLOCK)),
                     dspark_noise_token_id=NOISE, dspark_target_layer_ids=TARGETS, dspark_markov_rank=RANK)
        (folder / "config.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
        (folder / "generation_config.json").unlink(missing_ok=True)


@torch.no_grad()
def main():
    tokens = torch.randint(2, NOISE, (N_TOKENS,), generator=torch.Generator().manual_seed(7)).tolist()
    for seed in range(1, 500):
        model = build(deepseek_v4([SPARSE, HEAVY] + [SLIDING] * N_STAGES, 1), seed)
        spark = Spark(model, seed)
        _, greedy, gap, whole = run(model, tokens)
        if gap < 5e-3 or len(set(greedy)) < 12:
            continue
        guesses, _ = spark.guesses(tokens)
        spark.double()
        exact, exact_greedy, _, exact_whole = run(model, tokens)
        exact_guesses, margin = spark.guesses(tokens)
        error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in ((whole, exact_whole), (guesses, exact_guesses)))
        if error < 2e-5 and greedy == exact_greedy and margin > 1e-3:
            break
        print(seed, error, margin, flush=True)
    else:
        raise SystemExit(f"{NAME}: no seed gives clear margins")
    folder = HERE / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_golden(folder, model.config, tokens, exact, greedy)
    (folder / "draft.f32").write_bytes(exact_guesses.float().numpy().astype("<f4").tobytes())
    spark.save(folder)
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{NAME}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {gap:.1e}, {size} KiB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
