#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/engine/adapters: LoRA adapters in PEFT's layout for the tiny models of tests/data/engine/families, with the
logits of the changed models.

Each NAME/ holds adapter_config.json, adapter_model.safetensors, golden.json (the model's folder, tokens, greedy continuation)
and golden.f32 (logits of all tokens). Where the PEFT library can attach the adapter it writes the files and computes the
logits, which must be those of W + scale * B * A; experts, which transformers keeps stacked, are merged so alone. A seed counts
only as make_families.py says.

Needs torch, transformers, safetensors and peft (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_adapters.py [NAME...]
"""
import json
import re
import shutil
import sys
from pathlib import Path

import peft
import safetensors.torch
import torch
import transformers

from make_families import HERE as FAMILIES
from make_families import CASES as MODELS, run

HERE = Path(__file__).resolve().parent / "adapters"
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
DENSE = ["gate_proj", "up_proj", "down_proj"]
V4 = ["q_a_proj", "q_b_proj", "kv_proj", "o_b_proj", "weights_proj"]
LATENT = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"]

# model, options of adapter_config.json, targets, whether experts too
CASES = {
    "llama": ("llama", dict(r=3, lora_alpha=6), ATTENTION + DENSE, False),
    "qwen2": ("qwen2", dict(r=4, lora_alpha=6, use_rslora=True, rank_pattern={"layers.1.self_attn.q_proj": 7, "down_proj": 2},
                            alpha_pattern={"^model.layers.0.mlp.up_proj": 3, "v_proj": 20}), ATTENTION + DENSE, False),
    "qwen3": ("qwen3", dict(r=17, lora_alpha=8), ["q_proj", "v_proj", "gate_proj", "lm_head"], False),
    "mistral": ("mistral", dict(r=1, lora_alpha=1), ["k_proj", "o_proj", "up_proj"], False),
    "gpt_oss": ("gpt_oss", dict(r=2, lora_alpha=4), ATTENTION, False),
    "qwen3_moe": ("qwen3_moe", dict(r=2, lora_alpha=3), ATTENTION + DENSE, True),
    "deepseek_v3": ("deepseek_v3", dict(r=2, lora_alpha=4), LATENT + DENSE, True),
    "deepseek_v4_renamed": ("deepseek_v4_renamed", dict(r=2, lora_alpha=4), V4 + DENSE + ["lm_head"], True),
    "deepseek_v32": ("deepseek_v32", dict(r=3, lora_alpha=4), LATENT + ["wq_b", "wk", "weights_proj"], False),
}


def load(name):
    if name == "deepseek_v4_renamed":  # stored under the model's own names, which from_pretrained() does not expect
        config = MODELS[name]()
        config._attn_implementation = config._experts_implementation = "eager"
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        model.load_state_dict(safetensors.torch.load_file(FAMILIES / name / "model.safetensors"))
        return model.eval()
    model = transformers.AutoModelForCausalLM.from_pretrained(FAMILIES / name, dtype=torch.float32, attn_implementation="eager",
                                                              experts_implementation="eager")
    return model.eval()


def targets(model, ends, experts):
    """Names of the plain linear layers, then of those that older versions of transformers had for each expert."""
    names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n.split(".")[-1] in ends]
    for n, m in model.named_modules():
        if experts and n.endswith("mlp.experts"):
            names += [f"{n}.{e}.{end}" for e in range(m.gate_up_proj.shape[0]) for end in DENSE]
    return names


def weight(model, name):
    """What the module's weight is, as a view that can be added to."""
    found = re.fullmatch(r"(.*\.experts)\.(\d+)\.(\w+)", name)
    if not found:
        return model.get_submodule(name).weight
    experts, e = model.get_submodule(found[1]), int(found[2])
    both, half = experts.gate_up_proj[e], experts.gate_up_proj.shape[1] // 2
    return {"gate_proj": both[:half], "up_proj": both[half:], "down_proj": experts.down_proj[e]}[found[3]]


def matching(patterns, name, fallback):
    return next((v for k, v in patterns.items() if re.match(rf"(.*\.)?({k})$", name)), fallback)


def rank_and_scale(options, name):
    r = matching(options.get("rank_pattern", {}), name, options["r"])
    alpha = matching(options.get("alpha_pattern", {}), name, options["lora_alpha"])
    return r, alpha / (r ** 0.5 if options.get("use_rslora") else r)


@torch.no_grad()
def factors(model, options, names, seed):
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name in names:
        n_out, n_in = weight(model, name).shape
        r, scale = rank_and_scale(options, name)
        a = torch.randn(r, n_in, generator=generator) / n_in ** 0.5
        b = torch.randn(n_out, r, generator=generator) * 0.6 / (scale * r ** 0.5)
        made[name] = tuple(x.to(torch.bfloat16).float() for x in (a, b))  # what any float type holds
    return made


@torch.no_grad()
def merged(name, options, made, dtype):
    model = load(name).to(dtype)
    for module, (a, b) in made.items():
        weight(model, module).add_(rank_and_scale(options, module)[1] * (b.to(dtype) @ a.to(dtype)))
    return model


@torch.no_grad()
def by_peft(name, options, ends, made, folder, tokens):
    """Writes the adapter as the library does; its logits in f64."""
    model = peft.get_peft_model(load(name), peft.LoraConfig(target_modules=ends, task_type="CAUSAL_LM", **options))
    set_ = 0
    for n, p in model.named_parameters():
        found = re.fullmatch(r"base_model\.model\.(.*)\.lora_([AB])\.default\.weight", n)
        if found:
            p.copy_(made[found[1]]["AB".index(found[2])])
            set_ += 1
    assert set_ == 2 * len(made)
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = name
    config["target_modules"] = sorted(config["target_modules"])
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return model.double()(torch.tensor([tokens]), use_cache=False).logits[0]


def by_hand(name, options, ends, made, folder):
    config = dict(peft_type="LORA", task_type="CAUSAL_LM", base_model_name_or_path=name, bias="none", inference_mode=True,
                  target_modules=sorted(ends), **options)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tensors = {f"base_model.model.{n}.lora_{x}.weight": t.to(torch.bfloat16).contiguous() for n, ab in made.items() for x, t in zip("AB", ab)}
    safetensors.torch.save_file(tensors, folder / "adapter_model.safetensors", metadata=dict(format="pt"))


@torch.no_grad()
def make(case):
    name, options, ends, experts = CASES[case]
    tokens = json.loads((FAMILIES / name / "golden.json").read_text())["tokens"]
    base = load(name)
    names = targets(base, ends, experts)
    for seed in range(1, 500):
        made = factors(base, options, names, seed)
        _, greedy, gap, whole = run(merged(name, options, made, torch.float32), tokens)
        if gap < 5e-3 or len(set(greedy)) < 12:
            continue
        exact, exact_greedy, _, exact_whole = run(merged(name, options, made, torch.float64), tokens)
        error = ((whole - exact_whole).abs().max() / exact_whole.abs().max()).item()
        if error < 2e-5 and greedy == exact_greedy:
            break
    else:
        raise SystemExit(f"{case}: no seed gives clear margins")
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if experts:
        by_hand(name, options, ends, made, folder)
        library = "merged alone"
    else:
        theirs = by_peft(name, options, ends, made, folder, tokens)
        off = ((theirs - exact).abs().max() / exact.abs().max()).item()
        assert off < 1e-9, f"{case}: the library is {off} off"
        library = f"the library is {off:.0e} off"
    for file in folder.iterdir():
        file.chmod(0o644)
    if case == "mistral":  # both files in one, for fuzz/fuzz_adapter.cc
        config = json.dumps(json.loads((folder / "adapter_config.json").read_text())).encode()
        (folder / "fuzz_seed").write_bytes(config + b"\n" + (folder / "adapter_model.safetensors").read_bytes())
    plain = base.double()(torch.tensor([tokens]), use_cache=False).logits[0]
    changed = ((plain - exact).norm() / plain.norm()).item()
    (folder / "golden.f32").write_bytes(exact.float().numpy().astype("<f4").tobytes())
    (folder / "golden.json").write_text(json.dumps(dict(model=name, n_vocab=base.config.vocab_size, tokens=tokens, greedy=greedy)) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{case}: seed {seed}, f32 against f64 {error:.1e}, margin {gap:.1e}, logits changed by {changed:.2f}, {library}, {size} KiB",
          flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:] or CASES:
        make(case)
