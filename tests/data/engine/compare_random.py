#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds `graft model logits` against Hugging Face transformers on models of random configurations and weights.

    python3 tests/data/engine/compare_random.py GRAFT [FAMILY...] [--seeds FIRST:END] [--keep FOLDER]

Each seed draws a configuration (random_configs.py), fills a model with weights that make every branch matter, saves it in f32,
f16 or bf16, in one or more files, with a config.json of one spelling or another, and reads it back with transformers: what that
computes is the truth, in f64. Graft computes the same tokens by its plain operators and by its fast path, and once more from the
GGUF file (F32) that it writes of the model, unless it says that GGUF cannot hold it. A seed is
  agreed     all within 1e-4 of the largest logit, and the likeliest token the same wherever it is clear
  refused    Graft names a reason
  unclear    a decision (expert, row) hangs on a rounding: transformers' own f32 and f64 differ by more than 2e-5, or, looked at
             where Graft differs, its f64 jumps when every weight is changed by a millionth
  DIFFERS    anything else
The exit status is 1 if any differs. A maker's tool: no test runs it. Needs torch, transformers, safetensors and gguf (PyPI).
"""
import argparse
import collections
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from make_families import build
from random_configs import FAMILIES, draw, spell

BOUND, OWN_BOUND = 1e-4, 2e-5


def loaded(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                             experts_implementation="eager").eval()


def logits_of(model, tokens):
    return model(torch.tensor([tokens]), use_cache=False).logits[0].double().numpy()


def error_of(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


@torch.no_grad()
def reference(folder, tokens):
    """(logits in f64, how far f32 is from them) as transformers computes them from the folder."""
    model = loaded(folder)
    narrow, exact = logits_of(model, tokens), logits_of(model.double(), tokens)
    return exact, error_of(narrow, exact)


@torch.no_grad()
def jumps(folder, tokens, want):
    """Whether weights that differ by a millionth give something else altogether."""
    model = loaded(folder).double()
    whole = [(p, p.clone()) for p in model.parameters()]
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        for p, value in whole:
            p.copy_(value * (1 + 1e-6 * torch.randn(p.shape, generator=generator, dtype=p.dtype)))
        if error_of(logits_of(model, tokens), want) > BOUND:
            return True
    return False


def save(family, seed, folder, change=lambda config: config):
    rng = random.Random(f"{family} {seed}")
    config = change(draw(family, rng))
    stored = rng.choice((torch.float32, torch.float16, torch.bfloat16))
    model = build(config, seed, stored)
    model.to(stored)
    if rng.random() < 0.3:  # as some are released: small tensors wider than the matrices
        for name, p in model.named_parameters():
            if p.dim() == 1 or "gate.weight" in name:
                p.data = p.data.float()
    model.save_pretrained(folder, max_shard_size=rng.choice(("5GB", "5GB", "60KB")))
    path = folder / "config.json"
    path.write_text(json.dumps(spell(json.loads(path.read_text()), rng), indent=2) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)
    return [rng.randrange(config.vocab_size) for _ in range(rng.choice((1, 7, 40, 40, 90, 300)))]


def graft_model(graft, *arguments):
    """The message of a refusal, or nothing."""
    done = subprocess.run([graft, "model", *arguments], capture_output=True, text=True)
    if done.returncode < 0 or done.returncode > 2:
        raise SystemExit(f"{arguments}: exit status {done.returncode}\n{done.stderr}")
    return done.stderr.strip() if done.returncode != 0 else ""


def computed(graft, folder, model, tokens, *options):
    """(logits, message of a refusal)"""
    (folder / "tokens.json").write_text(json.dumps(tokens))
    message = graft_model(graft, "logits", model, "--tokens", folder / "tokens.json", "--out", folder / "out.f32", "--backend", "cpu",
                          *options)
    if message:
        return None, message
    return np.fromfile(folder / "out.f32", dtype="<f4").reshape(len(tokens), -1).astype(np.float64), ""


def compare(got, want):
    """Why they differ, or nothing."""
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    top = np.abs(want).max()
    if not (error := error_of(got, want)) <= BOUND:
        return f"error {error:.2e}, first at token {int((np.abs(got - want).max(1) > BOUND * top).argmax())}"
    order = np.sort(want, 1)
    clear = order[:, -1] - order[:, -2] > 2 * BOUND * top
    wrong = clear & (got.argmax(1) != want.argmax(1))
    return f"another likeliest token at {int(wrong.argmax())}" if wrong.any() else ""


def judge(graft, family, seed, folder):
    try:
        tokens = save(family, seed, folder)
        want, own = reference(folder, tokens)
    except Exception as error:  # a configuration or spelling that transformers itself cannot read
        return "not read by transformers", f"{type(error).__name__}: {error}".splitlines()[0]
    found, beside = [], "with GGUF"
    written = folder / "written.gguf"
    for name, model, options in (("plain", folder, ["--reference"]), ("fast", folder, []), ("GGUF", written, ["--reference"])):
        if model == written and (message := graft_model(graft, "quantize", folder, "--type", "F32", "--out", written)):
            if "GGUF cannot say" not in message:
                found.append(f"quantize: {message}")
            beside = "without GGUF"
            break
        got, message = computed(graft, folder, model, tokens, *options)
        if got is None and model == written:
            found.append(f"GGUF: {message}")
            break
        if got is None:
            return "refused", message
        if problem := compare(got, want):
            found.append(f"{name}: {problem}")
    if not own <= OWN_BOUND or (found and jumps(folder, tokens, want)):
        return "unclear", f"transformers' f32 against f64: {own:.1e}; {found}"
    return ("DIFFERS", "; ".join(found)) if found else ("agreed", beside)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graft")
    parser.add_argument("family", nargs="*")
    parser.add_argument("--seeds", default="0:40")
    parser.add_argument("--keep", type=Path, help="where to leave the models that differ or are refused")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    first, end = map(int, args.seeds.split(":"))
    counts = collections.Counter()
    for family in args.family or FAMILIES:
        mine = collections.Counter()
        for seed in range(first, end):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                verdict, why = judge(args.graft, family, seed, folder)
                mine[verdict if verdict != "agreed" else f"agreed {why}"] += 1
                if verdict != "agreed":
                    print(f"  {family} {seed}: {verdict}: {why}".replace(name, "…"), flush=True)
                if verdict in ("DIFFERS", "refused") and args.keep:
                    shutil.copytree(folder, args.keep / f"{family}-{seed}", dirs_exist_ok=True)
        print(f"{family}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(mine.items())), flush=True)
        counts += mine
    print(f"transformers {transformers.__version__}: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())))
    sys.exit(1 if counts["DIFFERS"] else 0)


if __name__ == "__main__":
    main()
