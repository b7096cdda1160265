#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/engine/families/deepseek_v41_dspark: a DeepSeek-V4.1 model with DSpark's stages for drafts, and what they guess.

The folder is as make_deepseek_v41.py makes it, in bf16, with the stages' tensors as "mtp.N.*" under the published names. draft.f32 is as
make_dspark.py says: for each L in 1 .. tokens - 1 what is guessed behind tokens[: L + 1] where the states of tokens[:L] are known, logits
[BLOCK, n_vocab], then confidences [BLOCK].

There is no public implementation that could be called. Written from the description of the model: what differs from V4's is that the
targets are read in front of their layers, behind Engram; that streams are read as the half layer before said, the first alone at first,
and so at the end; and that the stages' mixtures have experts of their own number. A seed counts as in make_deepseek_v41.py, and only if
each guess is clear.

Needs torch, safetensors, tokenizers, numpy and gguf (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_dspark_v41.py
"""
import json
import shutil

import safetensors.torch
import torch

from make_deepseek_v41 import FAMILIES, Hashes, Network, TEXT, compressed_ids, make_tokenizer, run, weights

NAME, N_STAGES, N_TOKENS, BLOCK, RANK, TARGETS = "deepseek_v41_dspark", 2, 30, 3, 32, [1, 2, 3]
CONFIG = {**TEXT, "num_hidden_layers": 4, "compress_ratios": [0, 0, 2, 2] + [0] * N_STAGES, "kv_source_layer_ids": [2],
          "index_source_layer_ids": [2], "candidate_source_layer_id": -1, "engram_layer_ids": [1], "num_nextn_predict_layers": N_STAGES,
          "dspark_block_size": BLOCK, "dspark_noise_token_id": 299, "dspark_target_layer_ids": TARGETS, "dspark_markov_rank": RANK,
          "dspark_n_routed_experts": 6, "dspark_num_experts_per_tok": 2}
for key in ("candidate_topk_blocks", "candidate_block_size"):
    CONFIG.pop(key)


def stage_config(c):
    """Of one stage, as if it were a model of one layer."""
    return {**c, "num_hidden_layers": 1, "compress_ratios": [0], "kv_source_layer_ids": [], "index_source_layer_ids": [],
            "engram_layer_ids": [], "n_routed_experts": c["dspark_n_routed_experts"], "num_experts_per_tok": c["dspark_num_experts_per_tok"]}


def stage_weights(c, seed):
    """By published names."""
    out, d, last = {}, c["hidden_size"], f"mtp.{N_STAGES - 1}."
    for stage in range(N_STAGES):
        drawn = weights(stage_config(c), None, 1000 * (stage + 1) + seed)
        out |= {k.replace("layers.0.", f"mtp.{stage}."): v for k, v in drawn.items() if k.startswith("layers.0.")}
    generator = torch.Generator().manual_seed(9000 + seed)
    rounded = lambda v: v.to(torch.bfloat16).float()
    normal = lambda *shape: rounded(torch.randn(*shape, generator=generator) / shape[-1] ** 0.5)
    gain = lambda: rounded(0.5 + torch.rand(d, generator=generator))
    return out | {"mtp.0.main_proj.weight": normal(d, len(TARGETS) * d), "mtp.0.main_norm.weight": gain(), last + "norm.weight": gain(),
                  last + "markov_head.embed.weight": rounded(torch.randn(c["vocab_size"], RANK, generator=generator)),
                  last + "markov_head.head.weight": normal(c["vocab_size"], RANK),
                  last + "confidence_head.proj.weight": normal(1, d + RANK)}


class Spark:
    def __init__(self, net, extra):
        self.net, self.w, self.c = net, {**net.w, **extra}, net.c
        self.stages = [Network(stage_config(net.c), {"embed.weight": net.w["embed.weight"], **{
            k.replace(f"mtp.{stage}.", "layers.0."): v for k, v in extra.items()}}, None)
                       for stage in range(N_STAGES)]
        self.last = f"mtp.{N_STAGES - 1}."

    def keys(self, stage, x, places):
        a = "layers.0.attn."
        return stage.turn(stage.rms(x @ stage.w[a + "wkv.weight"].T, a + "kv_norm.weight"), places, False)

    def attend(self, stage, x, past, places):
        """x [BLOCK, D]; all rows see all of `past` and of the block."""
        a, c = "layers.0.attn.", self.c
        low = stage.rms(x @ stage.w[a + "wq_a.weight"].T, a + "q_norm.weight")
        q = stage.turn((low @ stage.w[a + "wq_b.weight"].T).unflatten(1, (c["num_attention_heads"], -1)), places, False)
        rows = torch.cat([past, self.keys(stage, x, places)])
        score = torch.einsum("thd,sd->ths", q, rows) * c["head_dim"] ** -0.5
        sink = stage.w[a + "attn_sink"][None, :, None].expand(len(x), -1, 1)
        share = torch.softmax(torch.cat([score, sink], -1), -1)[..., :-1]
        out = stage.turn(torch.einsum("ths,sd->thd", share, rows), places, False, back=True)
        low = torch.einsum("tgi,gri->tgr", out.reshape(len(x), c["o_groups"], -1),
                           stage.w[a + "wo_a.weight"].unflatten(0, (c["o_groups"], -1)))
        return low.flatten(1) @ stage.w[a + "wo_b.weight"].T

    def rms(self, x, gain):
        return self.net.rms(x) * self.w[gain]

    def guess(self, targets, length, anchor):
        """(logits [BLOCK, V], confidences [BLOCK], smallest margin)"""
        c, kind = self.c, self.net.kind
        main = self.rms(targets[:length] @ self.w["mtp.0.main_proj.weight"].T, "mtp.0.main_norm.weight")
        places = range(length, length + BLOCK)
        x = self.w["embed.weight"][[anchor] + [c["dspark_noise_token_id"]] * (BLOCK - 1)][:, None].expand(-1, c["hc_mult"], -1)
        read = torch.zeros(BLOCK, c["hc_mult"], dtype=kind)
        read[:, 0] = 1
        for stage in self.stages:
            past = self.keys(stage, main, range(length))[-c["sliding_window"]:]
            for half in ("attn", "ffn"):
                pre, post, carry = stage.mixes(x, f"layers.0.hc_{half}")
                y = stage.rms((read[..., None] * x).sum(1), f"layers.0.{half}_norm.weight")
                y = self.attend(stage, y, past, places) if half == "attn" else stage.mixture(0, y)
                x = post[..., None] * y[:, None] + torch.einsum("tjk,tjd->tkd", carry, x)
                read = pre
        h = (read[..., None] * x).sum(1)
        logits = self.rms(h, self.last + "norm.weight") @ self.w["head.weight"].T
        before, confidences, margin = anchor, [], 1e9
        for i in range(BLOCK):
            e = self.w[self.last + "markov_head.embed.weight"][before]
            logits[i] += self.w[self.last + "markov_head.head.weight"] @ e
            confidences.append(torch.sigmoid(self.w[self.last + "confidence_head.proj.weight"][0] @ torch.cat([h[i], e])))
            top = logits[i].topk(2)
            before, margin = int(top.indices[0]), min(margin, (top.values[0] - top.values[1]).item())
        return logits, torch.stack(confidences), margin

    @torch.no_grad()
    def guesses(self, tokens):
        self.net.logits(tokens)
        targets, out, margin = torch.cat([self.net.entered[l] for l in TARGETS], -1), [], 1e9
        for length in range(1, len(tokens)):
            logits, confidences, clear = self.guess(targets, length, tokens[length])
            out += [logits.flatten(), confidences]
            margin = min(margin, clear)
        return torch.cat(out), margin


def main():
    folder, c, tokenizer = FAMILIES / NAME, dict(CONFIG), make_tokenizer()
    ids, n_ids = compressed_ids(tokenizer, c["vocab_size"])
    hashes = Hashes(c, ids, n_ids)
    c["engram_compressed_vocab_size"], c["engram_num_embeddings"] = n_ids, [hashes.n_rows(l) for l in c["engram_layer_ids"]]
    tokens = torch.randint(3, c["vocab_size"] - 8, (N_TOKENS,), generator=torch.Generator().manual_seed(7)).tolist()
    wide = lambda w: {k: v.double() for k, v in w.items()}
    for seed in range(1, 2000):
        w, extra = weights(c, hashes, seed), stage_weights(c, seed)
        net = Network(c, w, hashes)
        found = run(net, tokens)
        if found is None or len(set(found[1])) < 12:
            continue
        exact_net = Network(c, wide(w), hashes)
        again = run(exact_net, tokens)
        if again is None or again[1] != found[1]:
            continue
        guesses, _ = Spark(net, extra).guesses(tokens)
        exact_guesses, margin = Spark(exact_net, wide(extra)).guesses(tokens)
        error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in ((found[3], again[3]), (guesses.double(), exact_guesses)))
        print(seed, error, margin, flush=True)
        if error < 2e-5 and margin > 1e-3:
            break
    else:
        raise SystemExit(f"{NAME}: no seed gives clear margins")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stored = {k: v.to(torch.bfloat16) for k, v in {**w, **extra}.items()}
    safetensors.torch.save_file(stored, folder / "model.safetensors", metadata=dict(format="pt"))
    (folder / "model.safetensors").chmod(0o644)
    c.pop("candidate_source_layer_id")
    config = dict(architectures=["DeepseekV41ForCausalLM"], model_type="deepseek_v41", text_config=c)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "golden.f32").write_bytes(again[0].float().numpy().astype("<f4").tobytes())
    (folder / "golden.json").write_text(json.dumps(dict(n_vocab=c["vocab_size"], tokens=tokens, greedy=found[1])) + "\n")
    (folder / "draft.f32").write_bytes(exact_guesses.float().numpy().astype("<f4").tobytes())
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{NAME}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {found[2]:.1e}, {size} KiB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
