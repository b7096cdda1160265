#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws configurations of every family for compare_random.py: every branch, awkward sizes, and config.json files as they are
found beside released checkpoints: keys left out, null, of older spelling.

draw(FAMILY, random.Random) gives a configuration of transformers; spell(JSON, random.Random) writes its config.json otherwise.
"""
import random

import transformers

from make_families import HEAVY, SLIDING, SPARSE

FULL = "full_attention"
WINDOW = "sliding_attention"

# What Graft asks for by name, as every released config.json has it. Of V4 alone: its window.
NEEDED = set("""model_type architectures rms_norm_eps max_position_embeddings vocab_size hidden_size num_hidden_layers
             num_attention_heads intermediate_size moe_intermediate_size num_experts_per_tok num_local_experts num_experts index_topk
             index_n_heads index_head_dim kv_lora_rank v_head_dim qk_nope_head_dim qk_rope_head_dim hc_mult hc_sinkhorn_iters hc_eps swiglu_limit
             routed_scaling_factor o_groups o_lora_rank q_lora_rank""".split())
NEEDED_V4 = NEEDED | {"sliding_window"}


def some(rng, *choices):
    return rng.choice(choices)


def yarn(rng, mscale=False):
    scaled = dict(rope_type="yarn", factor=some(rng, 1.0, 2.5, 4.0, 16),
                  original_max_position_embeddings=some(rng, 8, 32, 64, 4096))
    if rng.random() < 0.5:
        scaled.update(beta_fast=some(rng, 32.0, 16, 4.0), beta_slow=some(rng, 1.0, 2, 0.5))
    if rng.random() < 0.3:
        scaled.update(truncate=some(rng, True, False))
    if mscale and rng.random() < 0.8:
        scaled.update(some(rng, dict(mscale=1.0, mscale_all_dim=1.0), dict(mscale=0.707, mscale_all_dim=0.707),
                           dict(mscale=1.0, mscale_all_dim=0.5), dict(mscale=0.8, mscale_all_dim=1.2)))
    elif rng.random() < 0.2:
        scaled.update(attention_factor=some(rng, 1.0, 1.3, 0.8))
    return scaled


def rope(rng, kinds=("default", "llama3", "linear", "yarn"), mscale=False):
    kind = "dynamic" if rng.random() < 0.03 else rng.choice(kinds)
    drawn = dict(rope_type=kind)
    if kind == "yarn":
        drawn = yarn(rng, mscale)
    elif kind == "llama3":
        low = some(rng, 1.0, 0.5, 2)
        drawn.update(factor=some(rng, 8.0, 2, 32.0), low_freq_factor=low, high_freq_factor=low * some(rng, 4.0, 1.5),
                     original_max_position_embeddings=some(rng, 16, 64, 200))
    elif kind in ("linear", "dynamic"):
        drawn.update(factor=some(rng, 1.0, 2, 4.0))
    return dict(drawn, rope_theta=some(rng, 10000.0, 500, 1e6, 5e5, 150000.0))


def sizes(rng):
    heads = some(rng, 1, 2, 3, 4, 6, 8)
    keys = rng.choice([n for n in range(1, heads + 1) if heads % n == 0])
    return dict(vocab_size=some(rng, 64, 97, 131, 200, 255), num_hidden_layers=some(rng, 1, 2, 3, 4), num_attention_heads=heads,
                num_key_value_heads=keys, intermediate_size=some(rng, 8, 33, 48, 70, 128), rms_norm_eps=some(rng, 1e-6, 1e-5, 1e-2),
                max_position_embeddings=some(rng, 16, 128, 512, 4096), tie_word_embeddings=rng.random() < 0.3, bos_token_id=0,
                eos_token_id=1)


def widths(rng, heads, head_dims=(2, 8, 12, 16, 20, 32, 64)):
    hidden = heads * max(2 * rng.randint(1, 1 + 48 // heads), -(-24 // heads))
    whole = hidden // heads % 2 == 0 and rng.random() < 0.4
    return dict(hidden_size=hidden, head_dim=hidden // heads if whole else rng.choice(head_dims))


def windows(rng, layers):
    drawn = dict(use_sliding_window=rng.random() < 0.6, sliding_window=some(rng, 1, 5, 9, 16, 33, 4096))
    if rng.random() < 0.4:
        drawn["layer_types"] = [rng.choice((FULL, WINDOW)) for _ in range(layers)]
        if WINDOW in drawn["layer_types"]:
            drawn["use_sliding_window"] = True  # else transformers has a windowed layer without a window
    if rng.random() < 0.7:
        drawn["max_window_layers"] = rng.randint(0, layers)
    return drawn


def llama(rng):
    s = sizes(rng)
    return transformers.LlamaConfig(**s, **widths(rng, s["num_attention_heads"]), rope_parameters=rope(rng),
                                    attention_bias=rng.random() < 0.3, mlp_bias=rng.random() < 0.2)


def mistral(rng):
    s = sizes(rng)
    return transformers.MistralConfig(**s, **widths(rng, s["num_attention_heads"]), rope_parameters=rope(rng),
                                      sliding_window=some(rng, None, 1, 4, 9, 16, 64, 4096))


def qwen2(rng):
    s = sizes(rng)
    w = widths(rng, s["num_attention_heads"])
    return transformers.Qwen2Config(**s, **w, rope_parameters=rope(rng), **windows(rng, s["num_hidden_layers"]))


def qwen3(rng):
    s = sizes(rng)
    return transformers.Qwen3Config(**s, **widths(rng, s["num_attention_heads"], (8, 12, 16, 32, 128)), rope_parameters=rope(rng),
                                    attention_bias=rng.random() < 0.3, **windows(rng, s["num_hidden_layers"]))


def experts(rng, name):
    n = some(rng, 1, 2, 5, 8, 16)
    return {name: n, "num_experts_per_tok": some(rng, 1, min(2, n), min(3, n), n)}


def qwen3_moe(rng):
    s = sizes(rng)
    layers = s["num_hidden_layers"]
    w = windows(rng, layers)
    w.pop("layer_types", None), w.pop("max_window_layers", None)
    if rng.random() < 0.4:  # as released: what GGUF can say
        w["use_sliding_window"], sparse = False, dict(norm_topk_prob=True)
    else:
        sparse = dict(norm_topk_prob=rng.random() < 0.5, decoder_sparse_step=some(rng, 1, 1, 2, 3),
                      mlp_only_layers=rng.sample(range(layers), some(rng, 0, 0, min(1, layers))))
    return transformers.Qwen3MoeConfig(
        **s, **widths(rng, s["num_attention_heads"], (8, 12, 16, 32, 128)), **w, **experts(rng, "num_experts"),
        rope_parameters=rope(rng), attention_bias=rng.random() < 0.3, moe_intermediate_size=some(rng, 8, 17, 24, 48), **sparse)


def gpt_oss(rng):
    s = sizes(rng)
    kinds = {} if rng.random() < 0.5 else dict(layer_types=[rng.choice((FULL, WINDOW)) for _ in range(s["num_hidden_layers"])])
    limit = {} if rng.random() < 0.4 else dict(swiglu_limit=some(rng, 0.7, 2.0, 7.0), swiglu_alpha=some(rng, 1.702, 1.0))
    return transformers.GptOssConfig(
        **{**s, "intermediate_size": some(rng, 8, 17, 24, 48)}, **widths(rng, s["num_attention_heads"], (8, 12, 16, 64)),
        **experts(rng, "num_local_experts"), sliding_window=some(rng, 1, 5, 8, 16, 128), rope_parameters=rope(rng),
        attention_bias=rng.random() < 0.8, **kinds, **limit)


def latent(rng, low_rank=None):
    s = sizes(rng)
    layers, heads = s["num_hidden_layers"], s["num_attention_heads"]
    groups = some(rng, 1, 2, 4)
    n = groups * some(rng, 2, 3, 4)
    used_groups = rng.randint(1, groups)
    used = rng.randint(1, used_groups * n // groups)
    low = rng.random() < 0.6 if low_rank is None else low_rank
    return dict(s, num_key_value_heads=heads, hidden_size=heads * rng.randint(-(-24 // heads), 96 // heads),
                q_lora_rank=some(rng, 12, 24, 33) if low else None, kv_lora_rank=some(rng, 9, 16, 32, 48),
                qk_nope_head_dim=some(rng, 8, 16, 17, 32), qk_rope_head_dim=some(rng, 2, 8, 16), v_head_dim=some(rng, 8, 16, 24, 31),
                moe_intermediate_size=some(rng, 8, 17, 24), n_routed_experts=n, n_shared_experts=some(rng, 1, 1, 2, 3), n_group=groups,
                topk_group=used_groups, num_experts_per_tok=used, first_k_dense_replace=rng.randint(0, layers),
                routed_scaling_factor=some(rng, 1.0, 2.5, 16.0), rope_parameters=rope(rng, ("default", "yarn", "yarn"), True))


def deepseek_v2(rng):
    drawn = latent(rng)
    method = some(rng, "greedy", "group_limited_greedy")
    if method == "greedy" and rng.random() < 0.5:
        drawn.update(n_group=None, topk_group=None, num_experts_per_tok=some(rng, 1, 2, drawn["n_routed_experts"]))
    drawn.update(kv_lora_rank=some(rng, 10, 16, 32, 48), qk_nope_head_dim=some(rng, 8, 16, 18, 32))  # transformers fails at odd ones
    return transformers.DeepseekV2Config(**drawn, topk_method=method, norm_topk_prob=False)  # transformers does not read the last


def deepseek_v3(rng):
    return transformers.DeepseekV3Config(**latent(rng), norm_topk_prob=rng.random() < 0.6)


def deepseek_v32(rng):
    drawn = latent(rng, low_rank=True)
    # Many heads: with few, keys that no head likes tie at 0, and torch's order among them is its own.
    return transformers.DeepseekV32Config(
        **drawn, norm_topk_prob=rng.random() < 0.6, index_n_heads=some(rng, 16, 24), index_topk=some(rng, 1, 5, 8, 2048),
        index_head_dim=drawn["qk_rope_head_dim"] + some(rng, 0, 8, 16))


def deepseek_v4(rng):
    layers = rng.randint(1, 4)
    head_dim = some(rng, 16, 32, 40)
    part = some(rng, 0.25, 0.5, 1.0)
    rope_dim = int(head_dim * part)
    n = some(rng, 2, 5, 8)
    groups = some(rng, 1, 2)
    compress = rope(rng, ("default", "yarn"))
    if compress["rope_type"] == "yarn":
        compress["attention_factor"] = 1.0
    kinds = [rng.choice((SLIDING, SPARSE, HEAVY)) for _ in range(layers)]
    return transformers.DeepseekV4Config(
        vocab_size=some(rng, 64, 97, 200), hidden_size=some(rng, 24, 33, 64), num_hidden_layers=layers,
        num_attention_heads=groups * some(rng, 1, 2, 3),
        head_dim=head_dim, q_lora_rank=some(rng, 12, 24, 33), o_groups=groups, o_lora_rank=some(rng, 8, 12, 17),
        sliding_window=some(rng, 1, 4, 8, 128), layer_types=kinds, compress_rates={SPARSE: 4, HEAVY: some(rng, 8, 16, 128)},
        index_n_heads=some(rng, 16, 24), index_head_dim=rope_dim + some(rng, 0, 8), index_topk=some(rng, 1, 3, 512),
        n_routed_experts=n, num_experts_per_tok=some(rng, 1, 2, n), moe_intermediate_size=some(rng, 8, 17, 24), swiglu_limit=some(rng, 0.5, 2.0, 10.0),
        routed_scaling_factor=some(rng, 1.0, 1.5, 2.5), scoring_func=some(rng, "sqrtsoftplus", "sqrtsoftplus", "sigmoid"),
        hc_mult=some(rng, 1, 2, 3, 4), hc_sinkhorn_iters=some(rng, 1, 3, 20), hc_eps=some(rng, 1e-6, 1e-3),
        rms_norm_eps=some(rng, 1e-6, 1e-2),
        mlp_layer_types=[rng.choice(("hash_moe", "moe")) for _ in range(layers)], max_position_embeddings=512,
        partial_rotary_factor=part,
        rope_parameters=dict(main=dict(rope_type="default", rope_theta=some(rng, 10000.0, 500.0), partial_rotary_factor=part),
                             compress=dict(compress, partial_rotary_factor=part)))


FAMILIES = {f.__name__: f for f in (llama, mistral, qwen2, qwen3, qwen3_moe, gpt_oss,
                                    deepseek_v2, deepseek_v3, deepseek_v32, deepseek_v4)}


def draw(family, rng):
    return FAMILIES[family](rng)


def as_published_v4(out):
    """DeepSeek's own keys in the place of transformers'."""
    rope = out.pop("rope_parameters")
    out["rope_theta"], out["compress_rope_theta"] = rope["main"]["rope_theta"], rope["compress"]["rope_theta"]
    if rope["compress"]["rope_type"] == "yarn":
        out["rope_scaling"] = dict(type="yarn", **{k: v for k, v in rope["compress"].items() if k in (
            "factor", "original_max_position_embeddings", "beta_fast", "beta_slow")})
    out["compress_ratios"] = [{SLIDING: 0, SPARSE: 4, HEAVY: 128}[kind] for kind in out.pop("layer_types")] + [0]
    kinds = out["mlp_layer_types"]
    if kinds == sorted(kinds):  # "hash_moe" goes first
        out["num_hash_layers"] = out.pop("mlp_layer_types").count("hash_moe")
    out.pop("compress_rates"), out.pop("partial_rotary_factor")
    out.update(topk_method="noaux_tc")


def spell(saved, rng):
    """config.json otherwise: `saved` is what transformers wrote."""
    out = dict(saved)
    if rng.random() < 0.5:
        out["torch_dtype"] = out.pop("dtype", None)
    if out["model_type"] == "qwen3_moe" and rng.random() < 0.5:
        out["num_experts"] = out.pop("num_local_experts")
    if out["model_type"] != "deepseek_v4" and rng.random() < 0.5:
        scaling = dict(out.pop("rope_parameters"))
        if rng.random() < 0.8:
            out["rope_theta"] = scaling.pop("rope_theta")
        kind = scaling.pop("rope_type")
        out["rope_scaling"] = None
        if kind != "default" or "rope_theta" in scaling:
            out["rope_scaling"] = dict(scaling, **{rng.choice(("type", "rope_type")): kind})
    if out["model_type"] == "deepseek_v4" and out["compress_rates"][HEAVY] == 128 and rng.random() < 0.6:
        as_published_v4(out)
    if rng.random() < 0.6:
        usual = type(transformers.AutoConfig.for_model(out["model_type"]))().to_dict()
        needed = NEEDED_V4 if out["model_type"] == "deepseek_v4" else NEEDED
        for key in list(out):
            if key not in needed and key in usual and usual[key] == out[key] and rng.random() < 0.7:
                del out[key]
    scaling = out.get("rope_scaling") or out.get("rope_parameters") or {}
    if "original_max_position_embeddings" in scaling and rng.random() < 0.15:
        out["original_max_position_embeddings"] = some(rng, scaling["original_max_position_embeddings"], 24)
    if out["model_type"] not in ("deepseek_v4",) and rng.random() < 0.2:
        out["partial_rotary_factor"] = None
    for key in ("attention_bias", "mlp_bias", "layer_types", "mlp_only_layers", "rope_scaling", "n_group", "topk_group"):
        if out.get(key, 0) is None and rng.random() < 0.5:
            del out[key]
    if out["model_type"].startswith("deepseek_v3") or out["model_type"] == "deepseek_v2":
        if rng.random() < 0.5:
            out.update(moe_layer_freq=1, ep_size=1, seq_aux=True, aux_loss_alpha=0.001, pretraining_tp=1)
            if out["model_type"] != "deepseek_v2":
                out.update(scoring_func="sigmoid", topk_method="noaux_tc")
            else:
                out.update(scoring_func="softmax")
    return out
