#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tiny FP8 and MXFP4 checkpoints in tests/data/engine/families, and tests/data/engine/stored_scales.bin.

Models: built as make_families.py does, the matrices then rounded to what the file can hold (torch.float8_e4m3fn in blocks with
a scale each, or E2M1 with E8M0 scales); the logits are those of Hugging Face transformers on the rounded values.

stored_scales.bin, f32: all 256 codes of torch.float8_e4m3fn, all 256 of torch.float8_e8m0fnu; then a matrix [5, 72] of E4M3
bytes, its scales [3, 3] (f32, blocks of 2 x 32), its values; then [3, 64] packed E2M1 [3, 32], E8M0 scales [3, 2], its values, -0 as 0.

Needs what make_families.py needs; run once, the results are committed:
    python3 tests/data/engine/make_stored_scales.py [NAME...]
"""
import json
import shutil
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

from make_families import GROUPED, HERE, MLA, N_TOKENS, PLAIN, clear_model, write_golden, yarn

E2M1 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])


def fp8(weight, block, kind):
    """E4M3 values, scales of `kind` for blocks of block[0] x block[1], and what both stand for."""
    rows, columns = -(-weight.shape[0] // block[0]), -(-weight.shape[1] // block[1])
    scales = torch.empty(rows, columns)
    for r in range(rows):
        for c in range(columns):
            amax = weight[r * block[0]:(r + 1) * block[0], c * block[1]:(c + 1) * block[1]].abs().max()
            scales[r, c] = amax / 448
    if kind == torch.float8_e8m0fnu:
        scales = torch.exp2(torch.ceil(torch.log2(scales)))
    scales = scales.to(kind)
    full = scales.float().repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[:weight.shape[0], :weight.shape[1]]
    values = (weight / full).clamp(-448, 448).to(torch.float8_e4m3fn)
    return values, scales, values.float() * full


def mxfp4(weight):
    """[..., n] to packed bytes [..., n / 32, 16], E8M0 bytes [..., n / 32], and what both stand for."""
    blocks = weight.unflatten(-1, (-1, 32))
    exponent = (torch.floor(torch.log2(blocks.abs().amax(-1))) - 2 + 127).clamp(0, 254)
    scale = torch.exp2(exponent - 127).unsqueeze(-1)
    codes = (blocks.unsqueeze(-1) / scale.unsqueeze(-1) - E2M1[:16]).abs().argmin(-1)
    packed = (codes[..., ::2] | codes[..., 1::2] << 4).to(torch.uint8)
    return packed, exponent.to(torch.uint8), (E2M1[codes] * scale).flatten(-2)


def round_fp8(model, block, kind, scale_name):
    """Rounds the model's matrices in place; returns the tensors of its file by their published names."""
    out, tied = {}, model.config.tie_word_embeddings
    for name, p in model.state_dict().items():
        experts = ".mlp.experts." in name
        plain = p.dim() < 2 or any(part in name for part in ("embed_tokens", "lm_head", "mlp.gate.", "router"))
        if plain and not experts:
            if not (tied and name == "lm_head.weight"):
                out[name] = p.to(torch.bfloat16) if p.dtype == torch.float32 and "correction_bias" not in name else p.clone()
            continue
        if not experts:
            values, scales, rounded = fp8(p, block, kind)
            out[name], out[name.removesuffix(".weight") + scale_name] = values, scales
            p.copy_(rounded)
            continue
        base, part = name.rsplit(".", 1)
        for e in range(p.shape[0]):
            half = p.shape[1] // 2
            pieces = {"gate_proj": slice(0, half), "up_proj": slice(half, None)} if part == "gate_up_proj" else {"down_proj": slice(None)}
            for ours, at in pieces.items():
                values, scales, rounded = fp8(p[e, at], block, kind)
                out[f"{base}.{e}.{ours}.weight"], out[f"{base}.{e}.{ours}{scale_name}"] = values, scales
                p[e, at] = rounded
    return out, dict(quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", weight_block_size=list(block))


def round_mxfp4(model):
    out = {}
    for name, p in model.state_dict().items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            out[name] = p.to(torch.bfloat16)
            continue
        packed, exponents, rounded = mxfp4(p.transpose(1, 2).contiguous())  # experts are [E, in, out] there
        out[name + "_blocks"], out[name + "_scales"] = packed, exponents
        p.copy_(rounded.transpose(1, 2))
    return out, dict(quant_method="mxfp4", modules_to_not_convert=["lm_head"])


CASES = {
    "deepseek_v3_fp8": (lambda: transformers.DeepseekV3Config(**MLA, rope_parameters=yarn(mscale=1.0, mscale_all_dim=1.0)),
                        lambda m: round_fp8(m, (32, 32), torch.float32, ".weight_scale_inv")),
    "qwen3_fp8": (lambda: transformers.Qwen3Config(**{**GROUPED, "hidden_size": 72, "num_hidden_layers": 2}, rope_parameters=PLAIN),
                  lambda m: round_fp8(m, (64, 64), torch.bfloat16, ".weight_scale_inv")),
    "qwen3_moe_fp8": (lambda: transformers.Qwen3MoeConfig(**{**GROUPED, "num_hidden_layers": 2}, num_experts=4, num_experts_per_tok=2,
                                                          moe_intermediate_size=24, norm_topk_prob=True, rope_parameters=PLAIN),
                      lambda m: round_fp8(m, (24, 32), torch.float8_e8m0fnu, ".scale")),
    "gpt_oss_mxfp4": (lambda: transformers.GptOssConfig(**{**GROUPED, "intermediate_size": 32, "hidden_size": 64, "num_hidden_layers": 2},
                                                        num_local_experts=4, num_experts_per_tok=2, sliding_window=8,
                                                        rope_parameters=yarn(truncate=False)), round_mxfp4),
}


@torch.no_grad()
def make(name):
    config_of, rounded = CASES[name]
    config = config_of()
    tokens = torch.randint(2, config.vocab_size, (N_TOKENS,), generator=torch.Generator().manual_seed(7)).tolist()
    seed, _, (tensors, quantization), exact, greedy, gap, error = clear_model(name, config, tokens, rounded)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(config.to_dict() | {"quantization_config": quantization, "dtype": "bfloat16"}, indent=1, default=str) + "\n")
    write_golden(folder, config, tokens, exact, greedy)
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{name}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {gap:.1e}, {size} KiB", flush=True)


def codes():
    every = torch.arange(256, dtype=torch.uint8)
    parts = [every.view(torch.float8_e4m3fn).float(), every.view(torch.float8_e8m0fnu).float()]
    random = torch.Generator().manual_seed(3)
    values, scales, rounded = fp8(torch.randn(5, 72, generator=random), (2, 32), torch.float32)
    out = b"".join(p.numpy().astype("<f4").tobytes() for p in parts)
    out += values.view(torch.uint8).numpy().tobytes() + scales.numpy().astype("<f4").tobytes() + rounded.numpy().astype("<f4").tobytes()
    packed = torch.randint(0, 256, (3, 32), dtype=torch.uint8, generator=random)
    exponents = torch.tensor([[127, 120], [0, 254], [1, 130]], dtype=torch.uint8)
    numbers = torch.stack((E2M1[(packed & 15).long()], E2M1[(packed >> 4).long()]), -1).flatten(1)
    scale = exponents.view(torch.float8_e8m0fnu).float().repeat_interleave(32, 1)
    # + 0: a packed negative zero counts as 0, as in ggml's MXFP4.
    out += packed.numpy().tobytes() + exponents.numpy().tobytes() + (numbers * scale + 0.0).numpy().astype("<f4").tobytes()
    (HERE.parent / "stored_scales.bin").write_bytes(out)


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.seterr(all="raise")
    codes()
    for case in sys.argv[1:] or CASES:
        make(case)
