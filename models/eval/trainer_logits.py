#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logits of the trainer's model on a GGUF's own weights, for the measure in trainer.py. Needs torch, numpy and gguf.

    trainer_logits.py MODEL.gguf TOKENS.json OUT.f32      float32, little-endian, [n_tokens, vocabulary]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "train"))

import gguf  # noqa: E402
import torch  # noqa: E402
from export import load_gguf_into  # noqa: E402
from model import Config, Model  # noqa: E402


def config_of(path: str) -> Config:
    reader = gguf.GGUFReader(path)

    def value(key: str) -> float:
        field = reader.fields[f"deepseek2.{key}"]
        return field.parts[field.data[0]][0].item()

    shapes = {t.name: [int(n) for n in t.shape] for t in reader.tensors}
    head, rope = int(value("attention.key_length_mla")), int(value("rope.dimension_count"))
    return Config(
        vocab_size=shapes["token_embd.weight"][1],
        hidden_size=int(value("embedding_length")),
        num_hidden_layers=int(value("block_count")),
        num_attention_heads=int(value("attention.head_count")),
        kv_lora_rank=int(value("attention.kv_lora_rank")),
        qk_nope_head_dim=head - rope,
        qk_rope_head_dim=rope,
        v_head_dim=int(value("attention.value_length_mla")),
        intermediate_size=int(value("feed_forward_length")),
        first_k_dense_replace=int(value("leading_dense_block_count")),
        n_routed_experts=int(value("expert_count")),
        num_experts_per_tok=int(value("expert_used_count")),
        n_shared_experts=int(value("expert_shared_count")),
        moe_intermediate_size=int(value("expert_feed_forward_length")),
        routed_scaling_factor=float(value("expert_weights_scale")),
        rms_norm_eps=float(value("attention.layer_norm_rms_epsilon")),
        rope_theta=float(value("rope.freq_base")),
        max_position_embeddings=int(value("context_length")),
    )


@torch.no_grad()
def main() -> None:
    path, tokens, out = sys.argv[1:]
    torch.set_num_threads(1)
    model = load_gguf_into(Model(config_of(path)), path)
    logits = model.logits(torch.tensor([json.loads(Path(tokens).read_text())]))[0]
    Path(out).write_bytes(logits.to(torch.float32).numpy().astype("<f4").tobytes())


if __name__ == "__main__":
    main()
