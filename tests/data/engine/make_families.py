#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/engine/families: tiny models of random weights with the logits that Hugging Face transformers computes.

Each NAME/ holds config.json and model.safetensors (bf16) as transformers saves them, golden.json (tokens, greedy
continuation) and golden.f32 (logits of all tokens). Every branch of a family is taken; the sequences are longer than every
window. A seed counts only if f32 and f64 agree to 2e-5 and on every greedy token, so that no decision of the model (expert,
index row, token) hangs on a rounding.

Needs torch, transformers and safetensors (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_families.py [NAME...]
"""
import json
import shutil
import sys
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent / "families"
N_TOKENS, N_GREEDY = 40, 64


def yarn(**more):
    return dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32, beta_fast=32.0,
                beta_slow=1.0, **more)


MLA = dict(vocab_size=96, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, q_lora_rank=24,
           kv_lora_rank=16, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, intermediate_size=48,
           moe_intermediate_size=24, n_routed_experts=8, n_shared_experts=1, num_experts_per_tok=3, first_k_dense_replace=1,
           n_group=4, topk_group=2, norm_topk_prob=True, routed_scaling_factor=2.5, max_position_embeddings=512,
           tie_word_embeddings=False, rms_norm_eps=1e-6, bos_token_id=0, eos_token_id=1)

CASES = {
    "deepseek_v3": lambda: transformers.DeepseekV3Config(**MLA, rope_parameters=yarn(mscale=1.0, mscale_all_dim=1.0)),
    # 16 index heads: with few, keys that no head likes tie at 0, and torch's order among them is its own.
    "deepseek_v32": lambda: transformers.DeepseekV32Config(**MLA, rope_parameters=yarn(mscale=1.0, mscale_all_dim=1.0),
                                                           index_n_heads=16, index_head_dim=16, index_topk=8),
}


def build(config, seed):
    config._attn_implementation = config._experts_implementation = "eager"
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    every = list(model.named_parameters()) + [b for b in model.named_buffers() if b[0] in model.state_dict()]
    for name, p in every:
        values = torch.randn(p.shape, generator=generator)
        if "sinks" in name:
            pass
        elif "correction_bias" in name:
            values = 0.1 * values
        elif name.endswith("bias"):
            values = 0.3 * values
        elif "norm" in name:
            values = 0.5 + torch.rand(p.shape, generator=generator)
        elif "embed" in name:
            values = values * (0.15 if config.tie_word_embeddings else 1.0)  # tied: or every token predicts itself
        elif p.dim() == 3 and config.model_type == "gpt_oss":  # experts are [E, in, out] there
            values = values / p.shape[1] ** 0.5
        else:
            values = values / p.shape[-1] ** 0.5
        p.data.copy_(values.to(torch.bfloat16).float())  # what the file can hold
    return model


@torch.no_grad()
def run(model, tokens):
    ids, greedy, gap = list(tokens), [], 1e9
    for step in range(N_GREEDY):
        out = model(torch.tensor([ids]), use_cache=False).logits[0].double()
        if step == 0:
            logits = out
        top = out[-1].topk(2)
        gap = min(gap, (top.values[0] - top.values[1]).item())
        greedy.append(int(top.indices[0]))
        ids.append(greedy[-1])
    return logits, greedy, gap, model(torch.tensor([ids]), use_cache=False).logits[0].double()


def make(name):
    config = CASES[name]()
    tokens = torch.randint(2, config.vocab_size, (N_TOKENS,), generator=torch.Generator().manual_seed(7)).tolist()
    for seed in range(1, 500):
        model = build(config, seed)
        logits, greedy, gap, whole = run(model, tokens)
        if gap < 5e-3 or len(set(greedy)) < 12:
            continue
        exact, exact_greedy, _, exact_whole = run(model.double(), tokens)
        error = ((whole - exact_whole).abs().max() / exact_whole.abs().max()).item()
        if error < 2e-5 and greedy == exact_greedy:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear margins")
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    (folder / "golden.f32").write_bytes(exact.float().numpy().astype("<f4").tobytes())
    (folder / "golden.json").write_text(json.dumps(dict(n_vocab=config.vocab_size, tokens=tokens, greedy=greedy)) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{name}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {gap:.1e}, {size} KiB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:] or CASES:
        make(case)
