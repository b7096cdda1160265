#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the files of `graft model quantize` against llama.cpp: does it load them, and compute the same?

    python3 tests/data/engine/compare_llama_cpp.py GRAFT LLAMA_CPP [FAMILY...] [--types TYPE...] [--seeds N] [--model FILE...]

LLAMA_CPP is a source folder with its shared libraries in build/bin; a small C program against its llama.h is compiled to drive it.
Each family gets N models of random weights (compare_random.py's, with rows of 256 values so that every type fits), written in each
type; both programs compute the logits of the same tokens from that file: Graft by its plain operators, llama.cpp as it does by default
on a CPU, where it rounds activations for all types but F32. Printed per family and type: the largest and the median error of a
token's logits over the largest of them, and how often the likeliest token is the same, of all and of those that are ahead by more
than twice the token's error. F32 must be within 1e-4 everywhere. Else the median of all models counts, as a rounding lets a router
choose other experts, of all tokens where a random model makes the same of each; of quantised types that of the middle model must be within
three times what Graft itself has with activations of 8 bits, printed beside it. Both also compute from an F32 file of the quantised values ("values"), which must be within F32's bound: what is left
between them is then the rounding of activations alone. --model: files as they are, on the tokens that they give this file's text.
A maker's tool: no test runs it. Needs what compare_random.py does, and a C compiler.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import transformers

from compare_random import computed, graft_model, save

TYPES = "F32 F16 BF16 Q8_0 Q6_K Q5_K Q4_K Q3_K Q2_K Q5_1 Q5_0 Q4_1 Q4_0 IQ4_NL MXFP4".split()
BOUND = {"F32": 1e-4, "F16": 3e-3, "BF16": 2e-2}
BOUND_OF = {("gpt_oss", "F32"): 2e-3,  # llama.cpp rounds the ends of YaRN's ramp, the released models do not
            ("deepseek_v2 without q_lora", "F16"): 6e-3}  # 27 layers
TIMES_OWN = 3
MOST_TRIES = 60

DRIVER = r"""
#include <stdio.h>
#include <stdlib.h>
#include "llama.h"
static void quiet(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}
int main(int argc, char **argv) {  // MODEL OUT TOKEN...
    int n = argc - 3;
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    struct llama_model *model = llama_model_load_from_file(argv[1], mp);
    if (!model) return 3;
    struct llama_context_params cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 512;
    cp.n_threads = cp.n_threads_batch = 1;
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *context = llama_init_from_model(model, cp);
    if (!context) return 4;
    struct llama_batch batch = llama_batch_init(n, 0, 1);
    batch.n_tokens = n;
    for (int i = 0; i < n; ++i) {
        batch.token[i] = atoi(argv[3 + i]);
        batch.pos[i] = i, batch.n_seq_id[i] = 1, batch.seq_id[i][0] = 0, batch.logits[i] = 1;
    }
    if (llama_decode(context, batch)) return 5;
    FILE *out = fopen(argv[2], "wb");
    int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    for (int i = 0; i < n; ++i) fwrite(llama_get_logits_ith(context, i), sizeof(float), n_vocab, out);
    return fclose(out) ? 6 : 0;
}
"""

# Rows of 256 values, and what llama.cpp takes of a family: no biases where none were released, groups of which some are left out,
# one epsilon for all norms, YaRN's usual ramp, no groups in V2 (llama.cpp adds up a group's two best experts as V3 does; V2 takes the best), layers without queries of low rank only where there are 27, every kind of V4's layers.
WIDE = dict(hidden_size=256, intermediate_size=256, vocab_size=320, num_attention_heads=4, max_position_embeddings=512)
GROUPED = dict(WIDE, num_key_value_heads=2, head_dim=64)
UNBIASED = dict(GROUPED, attention_bias=False)
EXPERTS = dict(moe_intermediate_size=256, n_routed_experts=8, num_experts_per_tok=3, n_group=4, topk_group=2)
LATENT = dict(WIDE, num_key_value_heads=4, kv_lora_rank=256, q_lora_rank=256, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=64,
              rms_norm_eps=1e-6, **EXPERTS)
V4_LAYERS = ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention", "compressed_sparse_attention"]
SIZES = {
    "llama": GROUPED,
    "mistral": dict(GROUPED, sliding_window=None),
    "qwen2": GROUPED,
    "qwen3": UNBIASED,
    "qwen3_moe": dict(UNBIASED, moe_intermediate_size=256),
    "gpt_oss": dict(GROUPED, attention_bias=True, tie_word_embeddings=False, num_hidden_layers=4, layer_types=["sliding_attention", "full_attention"] * 2),
    "deepseek_v2": dict(LATENT, n_group=1, topk_group=1, topk_method="greedy"),
    "deepseek_v2 without q_lora": dict(LATENT, q_lora_rank=None, num_hidden_layers=27, first_k_dense_replace=1, n_routed_experts=4,
                                       num_experts_per_tok=2, n_group=1, topk_group=1, intermediate_size=512),
    "deepseek_v3": LATENT,
    "deepseek_v32": dict(LATENT, index_head_dim=64),
    "deepseek_v4": dict(WIDE, q_lora_rank=256, head_dim=64, o_groups=2, o_lora_rank=256, moe_intermediate_size=256, n_routed_experts=8,
                        num_experts_per_tok=3, index_head_dim=64, hc_mult=4, scoring_func="sqrtsoftplus", num_hidden_layers=4,
                        layer_types=V4_LAYERS, mlp_layer_types=["hash_moe"] + ["moe"] * 3,
                        compress_rates={"compressed_sparse_attention": 4, "heavily_compressed_attention": 128})}
ROTATIONS = {"llama": ("default", "linear", "llama3", "yarn"), "mistral": ("default", "linear", "llama3", "yarn")}


def widened(family):
    def change(config):
        given = {k: v for k, v in config.to_dict().items() if k not in ("qk_head_dim", "model_type", "transformers_version")}
        rotation = given["rope_parameters"]
        if rotation.get("rope_type", "default") not in ROTATIONS.get(family, ("default", "linear", "yarn")):
            raise ValueError(f"rotation {rotation}")
        for part in (rotation, rotation.get("compress", {})):
            for key in ("beta_fast", "beta_slow"):
                part.pop(key, None)
        return type(config)(**{**given, **SIZES[family]})
    return change


def compile_driver(llama_cpp, folder):
    source, program, libraries = folder / "driver.c", folder / "driver", llama_cpp / "build/bin"
    source.write_text(DRIVER)
    subprocess.run(["cc", "-O1", "-o", program, source, f"-I{llama_cpp}/include", f"-I{llama_cpp}/ggml/include", f"-L{libraries}",
                    f"-Wl,-rpath,{libraries}", "-lllama", "-lggml", "-lggml-base"], check=True)
    return program


def of_llama_cpp(driver, model, tokens, folder):
    """(logits, why there are none)"""
    out = folder / "llama.f32"
    done = subprocess.run([driver, model, out, *map(str, tokens)], capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return None, f"exit status {done.returncode}: {lines[0] if lines else ''}"
    return np.fromfile(out, dtype="<f4").reshape(len(tokens), -1).astype(np.float64), ""


class Row:
    """What was found of one family and type."""

    def __init__(self, kind, family=""):
        self.kind, self.bound, self.errors, self.own = kind, BOUND_OF.get((family, kind), BOUND.get(kind)), [], []
        self.values, self.values_bound = [], BOUND_OF.get((family, "F32"), BOUND["F32"])
        self.same, self.clear, self.clear_same, self.problems = 0, 0, 0, []

    def add_values(self, name, want, got):
        self.values.append(float((np.abs(got - want).max(1) / np.abs(want).max(1)).max()))
        if not self.values[-1] <= self.values_bound:
            self.problems.append(f"{name}: the values as F32 differ by {self.values[-1]:.1e}")

    def add(self, name, want, got, own):
        if want.shape != got.shape:
            self.problems.append(f"{name}: shape {got.shape}, not {want.shape}")
            return
        top = np.abs(want).max(1)
        errors, own_errors = np.abs(got - want).max(1) / top, np.abs(own - want).max(1) / top
        self.errors.append(errors)
        self.own.append(own_errors)
        if self.kind == "F32" and not errors.max() <= self.bound:
            self.problems.append(f"{name}: error {errors.max():.1e}, first at token {int((errors > self.bound).argmax())}")
        order, same = np.sort(want, 1), want.argmax(1) == got.argmax(1)
        clear = order[:, -1] - order[:, -2] > 2 * errors * top
        self.same, self.clear, self.clear_same = self.same + int(same.sum()), self.clear + int(clear.sum()), self.clear_same + int(same[clear].sum())

    def __str__(self):
        errors, own = (np.concatenate(e or [np.array([np.nan])]) for e in (self.errors, self.own))
        bound = self.bound or TIMES_OWN * np.median(own)
        medians = sorted(float(np.median(e)) for e in self.errors)
        if self.kind != "F32" and medians and not medians[(len(medians) - 1) // 2] <= bound:
            self.problems.append(f"the middle model's median is not within {bound:.1e}")
        values = f", values {max(self.values):.1e}" if self.values else ""
        text = (f"{len(self.errors)} models, error {errors.max():.1e}, median {np.median(errors):.1e} (Graft's own {np.median(own):.1e}){values}, "
                f"likeliest {self.same} of {errors.size}, of the clear {self.clear_same} of {self.clear}")
        return text + "".join(f"\n    {p}" for p in self.problems)


def compare(args, driver, name, file, tokens, folder, row):
    # The plain operators on what the file holds: what llama.cpp would compute without rounding activations.
    want, message = computed(args.graft, folder, file, tokens, "--reference")
    got, why = of_llama_cpp(driver, file, tokens, folder) if want is not None else (None, message)
    if got is None:
        row.problems.append(f"{name}: {why}")
    else:
        own, _ = computed(args.graft, folder, file, tokens, "--activations", "8")
        row.add(name, want, got, own)


def compare_values(args, driver, name, file, tokens, folder, row):
    plain = folder / "values.gguf"
    if message := graft_model(args.graft, "quantize", file, "--type", "F32", "--out", plain, "--force"):
        row.problems.append(f"{name}: {message}")
        return
    want, message = computed(args.graft, folder, file, tokens, "--reference")
    got, why = of_llama_cpp(driver, plain, tokens, folder) if want is not None else (None, message)
    if got is None or got.shape != want.shape:
        row.problems.append(f"{name}: the values as F32: {why or got.shape}")
    else:
        row.add_values(name, want, got)


def models_of(args, family):
    """Folders with models that GGUF can say, of the first seeds that draw such."""
    found = 0
    for seed in range(MOST_TRIES):
        if found == args.seeds:
            return
        with tempfile.TemporaryDirectory() as at:
            folder = Path(at)
            try:
                save(family.split()[0], seed, folder, widened(family))
            except ValueError:
                continue
            if graft_model(args.graft, "quantize", folder, "--type", "F32", "--out", folder / "model.gguf"):
                continue  # what GGUF cannot say
            found += 1
            yield seed, folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graft")
    parser.add_argument("llama_cpp", type=Path)
    parser.add_argument("family", nargs="*")
    parser.add_argument("--types", nargs="+", default=TYPES)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--model", type=Path, nargs="+", default=[])
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    failed = False
    with tempfile.TemporaryDirectory() as at:
        scratch = Path(at)
        driver = compile_driver(args.llama_cpp.resolve(), scratch)
        for file in args.model:
            row, text = Row("Q8_0"), Path(__file__).read_bytes()
            ids = json.loads(subprocess.run([args.graft, "model", "tokenize", file], input=text, stdout=subprocess.PIPE, check=True).stdout)
            for at in range(0, len(ids) - 200, 200):
                compare(args, driver, f"token {at}", file, ids[at:at + 200], scratch, row)
            print(f"{file.name}: {row}", flush=True)
            failed |= bool(row.problems)
        for family in args.family or ([] if args.model else SIZES):
            rows = {kind: Row(kind, family) for kind in args.types}
            for seed, folder in models_of(args, family):
                tokens = [random.Random(seed).randrange(WIDE["vocab_size"]) for _ in range(96)]
                for kind, row in rows.items():
                    file = folder / "model.gguf"
                    if message := graft_model(args.graft, "quantize", folder, "--type", kind, "--out", file, "--force"):
                        row.problems.append(f"{seed}: {message}")
                    else:
                        compare(args, driver, f"seed {seed}", file, tokens, scratch, row)
                        if row.bound is None:
                            compare_values(args, driver, f"seed {seed}", file, tokens, scratch, row)
            for kind, row in rows.items():
                print(f"{family} {kind}: {row}", flush=True)
                failed |= bool(row.problems)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
