#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/engine/families: tiny models of random weights with the logits that Hugging Face transformers computes.

Each NAME/ holds config.json and model.safetensors (bf16) as transformers saves them, golden.json (tokens, greedy
continuation) and golden.f32 (logits of all tokens). Every branch of a family is taken; the sequences are longer than every
window. A seed counts only if f32 and f64 agree to 2e-5 and on every greedy token, so that no decision of the model (expert,
index row, token) hangs on a rounding.

Some are there as model.gguf too, in bf16, with llama.cpp's keys and tensor names.

Needs torch, transformers, safetensors and gguf (PyPI); run once, the results are committed:
    python3 tests/data/engine/make_families.py [NAME...]
"""
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import safetensors.torch
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

GROUPED = dict(vocab_size=96, hidden_size=36, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2, head_dim=12,
               intermediate_size=48, max_position_embeddings=512, tie_word_embeddings=False, rms_norm_eps=1e-5, bos_token_id=0,
               eos_token_id=1)
PLAIN = dict(rope_type="default", rope_theta=10000.0)

SLIDING, SPARSE, HEAVY = "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"


def deepseek_v4(layers, n_hash, scaled=True, **more):
    """Windows of 8 tokens; one entry of 4 (sparse, 3 of them are chosen) or 16 (heavy) tokens; limits that fire."""
    compress = dict(rope_theta=160000.0, partial_rotary_factor=0.25, rope_type="default")
    if scaled:
        compress.update(yarn(), rope_theta=160000.0, attention_factor=1.0)
    return transformers.DeepseekV4Config(**{**dict(
        vocab_size=96, hidden_size=32, num_hidden_layers=len(layers), num_attention_heads=4, head_dim=32, q_lora_rank=24,
        partial_rotary_factor=0.25, o_groups=2, o_lora_rank=12, sliding_window=8, layer_types=layers,
        compress_rates={SPARSE: 4, HEAVY: 16}, index_n_heads=16, index_head_dim=16, index_topk=3, n_routed_experts=8,
        num_experts_per_tok=3, moe_intermediate_size=24, swiglu_limit=0.5, routed_scaling_factor=1.5, hc_mult=4,
        mlp_layer_types=["hash_moe"] * n_hash + ["moe"] * (len(layers) - n_hash), max_position_embeddings=512,
        rope_parameters=dict(main=dict(PLAIN, partial_rotary_factor=0.25), compress=compress)), **more})

CASES = {
    # An epsilon that shows: the norms of latents have one of their own.
    "deepseek_v2": lambda: transformers.DeepseekV2Config(
        **{**MLA, "num_hidden_layers": 2, "norm_topk_prob": False, "rms_norm_eps": 0.02, "num_experts_per_tok": 2}, topk_method="group_limited_greedy",
        rope_parameters=yarn(mscale=0.707, mscale_all_dim=0.707)),
    "deepseek_v3": lambda: transformers.DeepseekV3Config(**MLA, rope_parameters=yarn(mscale=1.0, mscale_all_dim=1.0)),
    # 16 index heads: with few, keys that no head likes tie at 0, and torch's order among them is its own.
    "deepseek_v32": lambda: transformers.DeepseekV32Config(**MLA, rope_parameters=yarn(mscale=1.0, mscale_all_dim=1.0),
                                                           index_n_heads=16, index_head_dim=16, index_topk=8),
    "llama": lambda: transformers.LlamaConfig(**{**GROUPED, "tie_word_embeddings": True}, rope_parameters=dict(
        rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=64)),
    "llama_biased": lambda: transformers.LlamaConfig(**GROUPED, attention_bias=True, rope_parameters=PLAIN),
    "llama_linear": lambda: transformers.LlamaConfig(**{**GROUPED, "num_hidden_layers": 2, "tie_word_embeddings": True}, rope_parameters=dict(
        rope_type="linear", rope_theta=10000.0, factor=4.0)),
    # As the Granite code models have them.
    "llama_mlp_biased": lambda: transformers.LlamaConfig(**{**GROUPED, "num_hidden_layers": 2, "tie_word_embeddings": True},
                                                         attention_bias=True, mlp_bias=True, rope_parameters=PLAIN),
    "mistral": lambda: transformers.MistralConfig(**GROUPED, sliding_window=9, rope_parameters=PLAIN),
    "qwen2": lambda: transformers.Qwen2Config(**GROUPED, use_sliding_window=True, sliding_window=7, max_window_layers=1,
                                              rope_parameters=PLAIN),
    "qwen3": lambda: transformers.Qwen3Config(**GROUPED, rope_parameters=yarn()),
    "qwen3_moe": lambda: transformers.Qwen3MoeConfig(**GROUPED, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=24,
                                                     norm_topk_prob=True, mlp_only_layers=[1], rope_parameters=PLAIN),
    "qwen3_moe_sparse": lambda: transformers.Qwen3MoeConfig(**{**GROUPED, "num_hidden_layers": 2}, num_experts=6,
                                                            num_experts_per_tok=2, moe_intermediate_size=24,
                                                            norm_topk_prob=True, rope_parameters=PLAIN),
    # One expert for each token, whose weight is normalised too; every layer has a window.
    "qwen3_moe_one": lambda: transformers.Qwen3MoeConfig(
        **{**GROUPED, "num_hidden_layers": 2}, num_experts=4, num_experts_per_tok=1, moe_intermediate_size=24, norm_topk_prob=True,
        use_sliding_window=True, sliding_window=9, rope_parameters=PLAIN),
    "gpt_oss": lambda: transformers.GptOssConfig(**{**GROUPED, "intermediate_size": 24}, num_local_experts=6,
                                                 num_experts_per_tok=2, sliding_window=8, swiglu_limit=0.7,
                                                 rope_parameters=yarn(truncate=False)),
    # A GGUF file cannot say another limit than the released 7.
    "gpt_oss_limit_7": lambda: transformers.GptOssConfig(**{**GROUPED, "intermediate_size": 24, "num_hidden_layers": 2},
                                                         num_local_experts=4, num_experts_per_tok=2, sliding_window=8,
                                                         rope_parameters=yarn(truncate=False)),
    "deepseek_v4": lambda: deepseek_v4([SLIDING, SPARSE, HEAVY, SPARSE, HEAVY], 2),
    # Layers as V4-Pro begins with, no YaRN, three streams; under transformers' own tensor names.
    "deepseek_v4_renamed": lambda: deepseek_v4([HEAVY, SPARSE, SPARSE], 1, scaled=False, hc_mult=3, o_groups=1, index_head_dim=24),
}
LENGTHS = {"deepseek_v4": 75, "deepseek_v4_renamed": 70}  # beyond several windows of each kind


def build(config, seed, stored=torch.bfloat16):
    config._attn_implementation = config._experts_implementation = "eager"
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    every = list(model.named_parameters()) + [b for b in model.named_buffers() if b[0] in model.state_dict()]
    for name, p in every:
        values = torch.randn(p.shape, generator=generator)
        if "tid2eid" in name:  # some experts for each token, none twice
            p.copy_(torch.rand(p.shape[0], config.n_routed_experts, generator=generator).argsort(-1)[:, :p.shape[1]])
            continue
        if "sinks" in name or "position_bias" in name or "_hc.base" in name or "hc_base" in name:
            pass
        elif "correction_bias" in name:
            values = 0.1 * values
        elif name.endswith("bias"):
            values = 0.3 * values
        elif "norm" in name or "_hc.scale" in name or "hc_scale" in name:
            values = 0.5 + torch.rand(p.shape, generator=generator)
        elif "embed" in name:
            values = values * (0.15 if config.tie_word_embeddings else 1.0)  # tied: or every token predicts itself
        elif p.dim() == 3 and config.model_type == "gpt_oss":  # experts are [E, in, out] there
            values = values / p.shape[1] ** 0.5
        else:
            values = values / p.shape[-1] ** 0.5
        p.data.copy_(values.to(stored).float())  # what the file can hold
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


GGUF_NAMES = {
    "input_layernorm.weight": "attn_norm.weight", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.sinks": "attn_sinks.weight", "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.gate": "ffn_gate_inp", "mlp.router": "ffn_gate_inp", "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
    "self_attn.indexer.wq_b": "indexer.attn_q_b", "self_attn.indexer.wk": "indexer.attn_k",
    "self_attn.indexer.k_norm": "indexer.k_norm", "self_attn.indexer.weights_proj": "indexer.proj"}


V4_GGUF_NAMES = {  # of a layer; longer names first where one begins with another
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.sinks": "attn_sinks.weight",
    "self_attn.q_a_proj": "attn_q_a", "self_attn.q_a_norm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_proj": "attn_kv", "self_attn.kv_norm": "attn_kv_a_norm", "self_attn.o_a_proj": "attn_output_a",
    "self_attn.o_b_proj": "attn_output_b", "self_attn.compressor.indexer.q_b_proj": "indexer.attn_q_b",
    "self_attn.compressor.indexer.scorer.weights_proj": "indexer.proj", "mlp.gate": "ffn_gate_inp",
    "mlp.gate.tid2eid": "ffn_gate_tid2eid.weight", "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
    **{f"{half}_hc.{part}": f"hc_{half}_{part}.weight" for half in ("attn", "ffn") for part in ("fn", "base", "scale")},
    **{f"self_attn.compressor.{theirs}{part}": f"{ours}_compressor_{name}"
       for theirs, ours in (("", "attn"), ("indexer.", "indexer"))
       for part, name in (("kv_proj", "kv"), ("gate_proj", "gate"), ("position_bias", "ape.weight"), ("kv_norm", "norm"))}}


def v4_gguf_tensors(config, state):
    """By llama.cpp's names; with a part of a block for drafts, not read."""
    out = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"],
           "output.weight": state["lm_head.weight"]}
    out.update({f"output_hc_{part}.weight": state[f"model.hc_head.hc_{part}"] for part in ("fn", "base", "scale")})
    for name, value in state.items():
        if not name.startswith("model.layers."):
            continue
        layer, rest = name.removeprefix("model.layers.").split(".", 1)
        if rest == "mlp.experts.gate_up_proj":
            half = value.shape[1] // 2
            out[f"blk.{layer}.ffn_gate_exps.weight"] = np.ascontiguousarray(value[:, :half])
            out[f"blk.{layer}.ffn_up_exps.weight"] = np.ascontiguousarray(value[:, half:])
            continue
        if rest == "mlp.experts.down_proj":
            out[f"blk.{layer}.ffn_down_exps.weight"] = value
            continue
        theirs = max((t for t in V4_GGUF_NAMES if rest == t or rest.startswith(t + ".")), key=len)
        out[f"blk.{layer}." + V4_GGUF_NAMES[theirs] + rest[len(theirs):]] = value
    out[f"blk.{config.num_hidden_layers}.nextn.enorm.weight"] = np.ones(config.hidden_size, np.float32)
    return out


def add_v4_keys(w, config):
    """What write_gguf leaves out, by llama.cpp's keys."""
    def put(key, value):
        {bool: w.add_bool, int: w.add_uint32, float: w.add_float32, str: w.add_string, list: w.add_array}[type(value)](
            "deepseek4." + key, value)
    kinds = {SLIDING: 0, SPARSE: config.compress_rates[SPARSE], HEAVY: config.compress_rates[HEAVY]}
    rope = config.rope_parameters["compress"]
    for key, value in {
            "vocab_size": config.vocab_size, "nextn_predict_layers": 1, "attention.key_length": config.head_dim,
            "attention.value_length": config.head_dim, "attention.q_lora_rank": config.q_lora_rank,
            "attention.output_group_count": config.o_groups, "attention.output_lora_rank": config.o_lora_rank,
            "attention.sliding_window": config.sliding_window, "attention.indexer.head_count": config.index_n_heads,
            "attention.indexer.key_length": config.index_head_dim, "attention.indexer.top_k": config.index_topk,
            "attention.compress_ratios": [kinds[k] for k in config.layer_types] + [0],
            "attention.compress_rope_freq_base": rope["rope_theta"],
            "rope.dimension_count": int(config.head_dim * rope["partial_rotary_factor"]),
            "rope.scaling.type": "yarn", "rope.scaling.factor": rope["factor"],
            "rope.scaling.original_context_length": rope["original_max_position_embeddings"],
            "rope.scaling.yarn_beta_fast": rope["beta_fast"], "rope.scaling.yarn_beta_slow": rope["beta_slow"],
            "hyper_connection.count": config.hc_mult, "hyper_connection.sinkhorn_iterations": config.hc_sinkhorn_iters,
            "hyper_connection.epsilon": config.hc_eps, "expert_count": config.n_routed_experts,
            "expert_used_count": config.num_experts_per_tok, "expert_shared_count": config.n_shared_experts,
            "expert_feed_forward_length": config.moe_intermediate_size, "expert_weights_norm": True,
            "expert_weights_scale": config.routed_scaling_factor, "expert_gating_func": 4,  # sqrtsoftplus
            "hash_layer_count": config.mlp_layer_types.count("hash_moe"),
            "swiglu_clamp_exp": [config.swiglu_limit] * (config.num_hidden_layers + 1)}.items():
        put(key, value)


def write_v4_gguf(path, name, config, state):
    w = gguf.GGUFWriter(path, "deepseek4")
    w.add_name(name)
    w.add_block_count(config.num_hidden_layers + 1)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(1)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    w.add_rope_freq_base(config.rope_parameters["main"]["rope_theta"])
    add_v4_keys(w, config)
    write_tensors(w, v4_gguf_tensors(config, state))


def write_tensors(w, tensors):
    for tensor, value in tensors.items():
        if "tid2eid" in tensor:
            w.add_tensor(tensor, value.astype(np.int32))
            continue
        kind = gguf.GGMLQuantizationType.F32 if value.ndim == 1 else gguf.GGMLQuantizationType.BF16
        w.add_tensor(tensor, gguf.quants.quantize(value, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def gguf_tensors(config, state):
    """By llama.cpp's names and layouts."""
    out = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"]}
    if not config.tie_word_embeddings:
        out["output.weight"] = state["lm_head.weight"]
    for name, value in state.items():
        if not name.startswith("model.layers."):
            continue
        layer, rest = name.removeprefix("model.layers.").split(".", 1)
        block = f"blk.{layer}."
        if rest.startswith("mlp.experts."):
            part, bias = rest.removeprefix("mlp.experts."), rest.endswith("_bias")
            end = "bias" if bias else "weight"
            if config.model_type == "gpt_oss":  # turned round, gate and up in turn
                value = value if bias else value.transpose(0, 2, 1)
                halves = {"gate": value[:, ::2], "up": value[:, 1::2]}
            else:
                half = value.shape[1] // 2
                halves = {"gate": value[:, :half], "up": value[:, half:]}
            for ours, rows in halves.items() if part.startswith("gate_up") else {"down": value}.items():
                out[f"{block}ffn_{ours}_exps.{end}"] = np.ascontiguousarray(rows)
            continue
        if config.model_type == "llama" and rest in ("self_attn.q_proj.weight", "self_attn.k_proj.weight"):
            heads = config.num_attention_heads if "q_proj" in rest else config.num_key_value_heads
            value = np.ascontiguousarray(value.reshape(heads, 2, config.head_dim // 2, -1).swapaxes(1, 2).reshape(value.shape))
        if config.model_type == "gpt_oss" and rest.startswith("post_attention_layernorm"):
            rest = rest.replace("post_attention_layernorm", "post_attention_norm")
            out[block + rest] = value
            continue
        if config.model_type == "deepseek_v32" and rest == "self_attn.kv_b_proj.weight":  # apart, keys turned round
            keys, values = np.split(value.reshape(config.num_attention_heads, -1, config.kv_lora_rank), [config.qk_nope_head_dim], 1)
            out[block + "attn_k_b.weight"] = np.ascontiguousarray(keys.swapaxes(1, 2))
            out[block + "attn_v_b.weight"] = np.ascontiguousarray(values)
            continue
        theirs = max((t for t in GGUF_NAMES if rest.startswith(t)), key=len)
        out[block + GGUF_NAMES[theirs] + rest[len(theirs):]] = value
    return out


def write_gguf(path, name, config, state):
    arch = {"deepseek_v3": "deepseek2", "deepseek_v32": "deepseek32", "llama": "llama", "qwen3_moe": "qwen3moe", "gpt_oss": "gpt-oss"}[config.model_type]
    w = gguf.GGUFWriter(path, arch)
    w.add_name(name)
    w.add_block_count(config.num_hidden_layers)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(1 if arch == "deepseek32" else config.num_key_value_heads)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    w.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "yarn":
        w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(rope["factor"])
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    tensors = gguf_tensors(config, state)
    if arch in ("deepseek2", "deepseek32"):
        w.add_leading_dense_block_count(config.first_k_dense_replace)
        w.add_q_lora_rank(config.q_lora_rank)
        w.add_kv_lora_rank(config.kv_lora_rank)
        if arch == "deepseek2":  # a form for each of the two
            w.add_key_length(config.qk_nope_head_dim + config.qk_rope_head_dim)
            w.add_value_length(config.v_head_dim)
        else:
            w.add_key_length(config.kv_lora_rank + config.qk_rope_head_dim)
            w.add_value_length(config.kv_lora_rank)
            w.add_key_length_mla(config.qk_nope_head_dim + config.qk_rope_head_dim)
            w.add_value_length_mla(config.v_head_dim)
            w.add_uint32("deepseek32.attention.indexer.head_count", config.index_n_heads)
            w.add_uint32("deepseek32.attention.indexer.key_length", config.index_head_dim)
            w.add_uint32("deepseek32.attention.indexer.top_k", config.index_topk)
        w.add_rope_dimension_count(config.qk_rope_head_dim)
        w.add_float32(arch + ".rope.scaling.yarn_log_multiplier", 0.1 * rope["mscale_all_dim"])
        w.add_expert_shared_count(config.n_shared_experts)
        w.add_expert_weights_scale(config.routed_scaling_factor)
        w.add_expert_weights_norm(config.norm_topk_prob)
        w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        w.add_expert_group_count(config.n_group)
        w.add_expert_group_used_count(config.topk_group)
    else:
        w.add_key_length(config.head_dim)
        w.add_value_length(config.head_dim)
        w.add_rope_dimension_count(config.head_dim)
    if rope["rope_type"] == "llama3":  # as llama.cpp's converter writes it: how many times slower each pair turns
        plain = 1.0 / rope["rope_theta"] ** (np.arange(0, config.head_dim, 2) / config.head_dim)
        turns = rope["original_max_position_embeddings"] * plain / (2 * np.pi)
        keep = np.clip((turns - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"]), 0, 1)
        tensors["rope_freqs.weight"] = (plain / ((1 - keep) * plain / rope["factor"] + keep * plain)).astype(np.float32)
    experts = getattr(config, "num_local_experts", 0)
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(config.num_experts_per_tok)
        w.add_expert_feed_forward_length(getattr(config, "moe_intermediate_size", config.intermediate_size))
    if arch == "gpt-oss":
        w.add_sliding_window(config.sliding_window)
    write_tensors(w, tensors)


def publish_v4(folder):
    """Tensor names and config.json as DeepSeek publishes them; transformers saves a mixture of its own and those."""
    published = {}
    for name, value in safetensors.torch.load_file(folder / "model.safetensors").items():
        name = name.removeprefix("model.").replace("embed_tokens.", "embed.").replace("hc_head.hc_", "hc_head_")
        published[name.replace(".attn.norm.", ".attn.kv_norm.")] = value
    published["mtp.0.enorm.weight"] = torch.ones(32)  # a block for drafts, not read
    safetensors.torch.save_file(published, folder / "model.safetensors", metadata=dict(format="pt"))
    config = json.loads((folder / "config.json").read_text())
    rope = config.pop("rope_parameters")["compress"]
    ratios = {SLIDING: 0, SPARSE: config["compress_rates"][SPARSE], HEAVY: config["compress_rates"][HEAVY]}
    config["compress_ratios"] = [ratios[kind] for kind in config.pop("layer_types")] + [0]
    config["num_hash_layers"] = config.pop("mlp_layer_types").count("hash_moe")
    config["rope_scaling"] = dict(type="yarn", **{k: rope[k] for k in (
        "factor", "original_max_position_embeddings", "beta_fast", "beta_slow")})
    config["topk_method"] = "noaux_tc"
    for key in ("compress_rates", "partial_rotary_factor"):
        config.pop(key)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


IN_GGUF = ("deepseek_v3", "deepseek_v32", "deepseek_v4", "llama", "qwen3_moe_sparse", "gpt_oss_limit_7")


def clear_model(name, config, tokens, change=lambda model: None):
    """The first seed whose model, changed, answers with clear margins and the same in f64: (seed, model in f64, what change gave,
    its logits in f64, greedy tokens, margin, error of f32)."""
    for seed in range(1, 500):
        model = build(config, seed)
        changed = change(model)
        _, greedy, gap, whole = run(model, tokens)
        if gap < 5e-3 or len(set(greedy)) < 12:
            continue
        exact, exact_greedy, _, exact_whole = run(model.double(), tokens)
        error = ((whole - exact_whole).abs().max() / exact_whole.abs().max()).item()
        if error < 2e-5 and greedy == exact_greedy:
            return seed, model, changed, exact, greedy, gap, error
    raise SystemExit(f"{name}: no seed gives clear margins")


def write_golden(folder, config, tokens, logits, greedy):
    (folder / "golden.f32").write_bytes(logits.float().numpy().astype("<f4").tobytes())
    (folder / "golden.json").write_text(json.dumps(dict(n_vocab=config.vocab_size, tokens=tokens, greedy=greedy)) + "\n")


@torch.no_grad()
def make(name):
    config = CASES[name]()
    length = LENGTHS.get(name, N_TOKENS)
    tokens = torch.randint(2, config.vocab_size, (length,), generator=torch.Generator().manual_seed(7)).tolist()
    seed, model, _, exact, greedy, gap, error = clear_model(name, config, tokens)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    state = {k: v.float().numpy() for k, v in model.state_dict().items()}
    model.to(torch.bfloat16).save_pretrained(folder)
    if name == "deepseek_v4":
        publish_v4(folder)
    elif name == "deepseek_v4_renamed":
        safetensors.torch.save_file(model.state_dict(), folder / "model.safetensors", metadata=dict(format="pt"))
    if name in IN_GGUF:
        (write_v4_gguf if config.model_type == "deepseek_v4" else write_gguf)(folder / "model.gguf", name, config, state)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    write_golden(folder, config, tokens, exact, greedy)
    size = sum(f.stat().st_size for f in folder.iterdir()) // 1024
    print(f"{name}: seed {seed}, f32 against f64 {error:.1e}, greedy margin {gap:.1e}, {size} KiB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:] or CASES:
        make(case)
