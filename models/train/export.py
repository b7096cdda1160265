#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoint -> a Hugging Face directory and one GGUF file.

Hugging Face  config.json, model.safetensors (f32), tokenizer.json, tokenizer_config.json; the head is tied
GGUF          architecture deepseek2 with attn_k_b and attn_v_b apart, as llama.cpp writes it since mid 2025; matrices in
              the chosen type, norms and router in F32; graft.capabilities and graft.fim_order say what it was trained for
--check       compares logits with transformers' DeepseekV2ForCausalLM on the written directory, and every tensor of the GGUF
              with the checkpoint
"""
import argparse
import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

from model import Config, Model
from tokenizer import BOS, EOT, MIDDLE, PAD, PREFIX, SPECIAL, SUFFIX

CAPABILITIES, FIM_ORDER = ['fim'], 'spm'  # <|bos|><|fim_suffix|>S<|fim_prefix|>P<|fim_middle|>M<|eot|>


def hugging_face_tensors(model):
    """-> dict of name to tensor, experts one by one as released checkpoints have them"""
    out = {}
    for name, p in model.state_dict().items():
        name, p = f'model.{name}', p.detach().clone()
        if name.endswith('mlp.gate_up'):
            for e, both in enumerate(p):
                gate, up = both.chunk(2)
                out[name.replace('gate_up', f'experts.{e}.gate_proj.weight')] = gate.clone()
                out[name.replace('gate_up', f'experts.{e}.up_proj.weight')] = up.clone()
        elif name.endswith('mlp.down'):
            for e, down in enumerate(p):
                out[name.replace('down', f'experts.{e}.down_proj.weight')] = down.clone()
        elif 'gate_up_proj' in name:
            gate, up = p.chunk(2)
            out[name.replace('gate_up', 'gate')], out[name.replace('gate_up', 'up')] = gate.clone(), up.clone()
        else:
            out[name] = p
    return out


def write_hugging_face(model, tokenizer_path, folder, context):
    folder.mkdir(parents=True, exist_ok=True)
    c = model.c
    config = {
        'architectures': ['DeepseekV2ForCausalLM'], 'model_type': 'deepseek_v2', 'torch_dtype': 'float32',
        'vocab_size': c.vocab_size, 'hidden_size': c.hidden_size, 'intermediate_size': c.intermediate_size,
        'moe_intermediate_size': c.moe_intermediate_size, 'num_hidden_layers': c.num_hidden_layers,
        'num_attention_heads': c.num_attention_heads, 'num_key_value_heads': c.num_attention_heads,
        'n_shared_experts': c.n_shared_experts, 'n_routed_experts': c.n_routed_experts,
        'num_experts_per_tok': c.num_experts_per_tok, 'routed_scaling_factor': c.routed_scaling_factor,
        'topk_method': 'greedy', 'n_group': 1, 'topk_group': 1, 'norm_topk_prob': False, 'scoring_func': 'softmax',
        'first_k_dense_replace': c.first_k_dense_replace, 'moe_layer_freq': 1, 'q_lora_rank': None,
        'kv_lora_rank': c.kv_lora_rank, 'qk_nope_head_dim': c.qk_nope_head_dim, 'qk_rope_head_dim': c.qk_rope_head_dim,
        'v_head_dim': c.v_head_dim, 'hidden_act': 'silu', 'rms_norm_eps': c.rms_norm_eps, 'rope_theta': c.rope_theta,
        'rope_scaling': None, 'attention_bias': False, 'max_position_embeddings': context, 'tie_word_embeddings': True,
        'bos_token_id': BOS, 'eos_token_id': EOT, 'pad_token_id': PAD,
        'graft': {'capabilities': CAPABILITIES, 'fim_order': FIM_ORDER},
    }
    (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
    (folder / 'tokenizer.json').write_bytes(pathlib.Path(tokenizer_path).read_bytes())
    (folder / 'tokenizer_config.json').write_text(json.dumps({
        'tokenizer_class': 'PreTrainedTokenizerFast', 'model_max_length': context, 'add_bos_token': True,
        'bos_token': SPECIAL[BOS], 'eos_token': SPECIAL[EOT], 'pad_token': SPECIAL[PAD],
        'fim_prefix_token': SPECIAL[PREFIX], 'fim_suffix_token': SPECIAL[SUFFIX], 'fim_middle_token': SPECIAL[MIDDLE],
    }, indent=2) + '\n')
    save_file(hugging_face_tensors(model), str(folder / 'model.safetensors'), metadata={'format': 'pt'})


def gguf_tensors(model):
    """-> dict of GGUF name to (float32 array, may be quantised)"""
    c, out = model.c, {}
    state = {k: v.detach().float().numpy() for k, v in model.state_dict().items()}
    out['token_embd.weight'] = (state['embed_tokens.weight'], True)
    out['output_norm.weight'] = (state['norm.weight'], False)
    for i in range(c.num_hidden_layers):
        def put(theirs, ours, quantised=True):
            array = ours if isinstance(ours, np.ndarray) else state[f'layers.{i}.{ours}']
            out[f'blk.{i}.{theirs}.weight'] = (np.ascontiguousarray(array), quantised)

        put('attn_norm', 'input_layernorm.weight', False)
        put('attn_q', 'self_attn.q_proj.weight')
        put('attn_kv_a_mqa', 'self_attn.kv_a_proj_with_mqa.weight')
        put('attn_kv_a_norm', 'self_attn.kv_a_layernorm.weight', False)
        kv_b = state[f'layers.{i}.self_attn.kv_b_proj.weight'].reshape(c.num_attention_heads, -1, c.kv_lora_rank)
        put('attn_k_b', kv_b[:, :c.qk_nope_head_dim].transpose(0, 2, 1))
        put('attn_v_b', kv_b[:, c.qk_nope_head_dim:])
        put('attn_output', 'self_attn.o_proj.weight')
        put('ffn_norm', 'post_attention_layernorm.weight', False)
        if i < c.first_k_dense_replace:
            gate, up = np.split(state[f'layers.{i}.mlp.gate_up_proj.weight'], 2)
            put('ffn_gate', gate)
            put('ffn_up', up)
            put('ffn_down', 'mlp.down_proj.weight')
            continue
        put('ffn_gate_inp', 'mlp.gate.weight', False)
        gate, up = np.split(state[f'layers.{i}.mlp.gate_up'], 2, axis=1)
        put('ffn_gate_exps', gate)
        put('ffn_up_exps', up)
        put('ffn_down_exps', 'mlp.down')
        gate, up = np.split(state[f'layers.{i}.mlp.shared_experts.gate_up_proj.weight'], 2)
        put('ffn_gate_shexp', gate)
        put('ffn_up_shexp', up)
        put('ffn_down_shexp', 'mlp.shared_experts.down_proj.weight')
    return out


def write_gguf(model, tokenizer_path, path, context, kind, name):
    c = model.c
    w = gguf.GGUFWriter(str(path), 'deepseek2')
    w.add_name(name)
    w.add_license('apache-2.0')
    w.add_size_label(f'{sum(p.numel() for p in model.parameters()) / 1e6:.1f}M')
    w.add_file_type({'Q8_0': gguf.LlamaFileType.MOSTLY_Q8_0, 'F32': gguf.LlamaFileType.ALL_F32, 'F16': gguf.LlamaFileType.MOSTLY_F16}[kind])
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_vocab_size(c.vocab_size)
    w.add_context_length(context)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_leading_dense_block_count(c.first_k_dense_replace)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(1)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_kv_lora_rank(c.kv_lora_rank)
    w.add_key_length(c.kv_lora_rank + c.qk_rope_head_dim)
    w.add_value_length(c.kv_lora_rank)
    w.add_key_length_mla(c.qk_nope_head_dim + c.qk_rope_head_dim)
    w.add_value_length_mla(c.v_head_dim)
    w.add_rope_dimension_count(c.qk_rope_head_dim)
    w.add_rope_freq_base(c.rope_theta)
    w.add_expert_count(c.n_routed_experts)
    w.add_expert_used_count(c.num_experts_per_tok)
    w.add_expert_shared_count(c.n_shared_experts)
    w.add_expert_feed_forward_length(c.moe_intermediate_size)
    w.add_expert_weights_scale(c.routed_scaling_factor)
    w.add_expert_weights_norm(False)
    w.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)

    tokenizer = json.loads(pathlib.Path(tokenizer_path).read_text())
    vocab = sorted(tokenizer['model']['vocab'].items(), key=lambda item: item[1])
    assert [i for _, i in vocab] == list(range(c.vocab_size))
    special = {t['id'] for t in tokenizer['added_tokens']}
    w.add_tokenizer_model('gpt2')
    w.add_tokenizer_pre('gpt-2')
    w.add_token_list([token for token, _ in vocab])
    w.add_token_types([gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for _, i in vocab])
    w.add_token_merges([m if isinstance(m, str) else ' '.join(m) for m in tokenizer['model']['merges']])
    w.add_bos_token_id(BOS)
    w.add_eos_token_id(EOT)
    w.add_eot_token_id(EOT)
    w.add_pad_token_id(PAD)
    w.add_add_bos_token(True)
    w.add_uint32('tokenizer.ggml.fim_pre_token_id', PREFIX)
    w.add_uint32('tokenizer.ggml.fim_suf_token_id', SUFFIX)
    w.add_uint32('tokenizer.ggml.fim_mid_token_id', MIDDLE)
    w.add_array('graft.capabilities', CAPABILITIES)
    w.add_string('graft.fim_order', FIM_ORDER)
    wanted = gguf.GGMLQuantizationType[kind]
    for tensor, (array, quantised) in gguf_tensors(model).items():
        use = wanted if quantised else gguf.GGMLQuantizationType.F32
        w.add_tensor(tensor, gguf.quants.quantize(array, use), raw_dtype=use)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def load_gguf_into(model, path):
    """Put the (dequantised) weights of a GGUF into a copy of the model: what the engine will compute with."""
    c = model.c
    read = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(str(path)).tensors}
    state = {'embed_tokens.weight': read['token_embd.weight'], 'norm.weight': read['output_norm.weight']}
    for i in range(c.num_hidden_layers):
        def get(name):
            return read[f'blk.{i}.{name}.weight']

        at = f'layers.{i}'
        state[f'{at}.input_layernorm.weight'] = get('attn_norm')
        state[f'{at}.self_attn.q_proj.weight'] = get('attn_q')
        state[f'{at}.self_attn.kv_a_proj_with_mqa.weight'] = get('attn_kv_a_mqa')
        state[f'{at}.self_attn.kv_a_layernorm.weight'] = get('attn_kv_a_norm')
        kv_b = np.concatenate((get('attn_k_b').transpose(0, 2, 1), get('attn_v_b')), axis=1)
        state[f'{at}.self_attn.kv_b_proj.weight'] = kv_b.reshape(-1, c.kv_lora_rank)
        state[f'{at}.self_attn.o_proj.weight'] = get('attn_output')
        state[f'{at}.post_attention_layernorm.weight'] = get('ffn_norm')
        if i < c.first_k_dense_replace:
            state[f'{at}.mlp.gate_up_proj.weight'] = np.concatenate((get('ffn_gate'), get('ffn_up')))
            state[f'{at}.mlp.down_proj.weight'] = get('ffn_down')
            continue
        state[f'{at}.mlp.gate.weight'] = get('ffn_gate_inp')
        state[f'{at}.mlp.gate_up'] = np.concatenate((get('ffn_gate_exps'), get('ffn_up_exps')), axis=1)
        state[f'{at}.mlp.down'] = get('ffn_down_exps')
        state[f'{at}.mlp.shared_experts.gate_up_proj.weight'] = np.concatenate((get('ffn_gate_shexp'), get('ffn_up_shexp')))
        state[f'{at}.mlp.shared_experts.down_proj.weight'] = get('ffn_down_shexp')
    copy = Model(c)
    copy.load_state_dict({k: torch.from_numpy(np.array(v, dtype=np.float32)) for k, v in state.items()})
    return copy.eval()


def check(model, folder, gguf_path):
    """Relative figures: largest difference over largest magnitude."""
    from transformers import AutoTokenizer, DeepseekV2ForCausalLM
    theirs = DeepseekV2ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = torch.randint(0, model.c.vocab_size, (2, 200), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        a, b = model.logits(tokens), theirs(tokens).logits
        q = load_gguf_into(model, gguf_path).logits(tokens)
    ours_to_theirs = ((a - b).abs().max() / b.abs().max()).item()
    gguf_to_ours = ((q - a).abs().max() / a.abs().max()).item()
    text = 'def f(x):\n    return "é" + x[10:]\n'
    same = AutoTokenizer.from_pretrained(folder).decode(AutoTokenizer.from_pretrained(folder)(text).input_ids, skip_special_tokens=True) == text
    print(f'logits against transformers: {ours_to_theirs:.2e}; GGUF weights against f32: {gguf_to_ours:.2e}; tokenizer round trip: {same}')
    if ours_to_theirs > 1e-4 or not same:
        sys.exit('the exported model differs from the reference implementation')


GOLDEN_TEXTS = ['def add(first, second):\n    """Return the sum of both."""\n    return first',
                'for (size_t i = 0; i < values.size(); ++i) {\n  total += values[i];\n}\nreturn']
GOLDEN_FILLS = [
    ('def area(width, height):\n    if width < 0:\n        raise ValueError("negative")\n    return width * ', '\n\n\ndef main():\n    print(area(2, 3))\n'),
    ('#include <stdio.h>\n\nint main(void)\n{\n\tint i;\n\tfor (i = 0; i < ', '\n\t\tprintf("%d", i);\n\t}\n\treturn 0;\n}\n'),
    ('import os\nimport sys\n\n\nclass Shape:\n    def __init__(', '\n        self.width = width\n        self.height = height\n'),
    ('def first(items):\n    if not items:\n        return None\n    return items', '\n\n\ndef last(items):\n    return items[-1]\n')]


@torch.no_grad()
def golden(model, gguf_path, tokenizer_path):
    """What any program that loads the GGUF must find: token ids, mean ln p of a text, first tokens of a greedy fill-in."""
    from tokenizers import Tokenizer
    tokenizer, stored = Tokenizer.from_file(tokenizer_path), load_gguf_into(model, gguf_path)

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    texts = []
    for text in GOLDEN_TEXTS:
        ids = [BOS, *encode(text)]
        log_p = stored.logits(torch.tensor([ids]))[0, :-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])
        texts.append({'text': text, 'tokens': ids[1:], 'logprob': log_p.sum().item()})
    fills = []
    for prefix, suffix in GOLDEN_FILLS:
        prompt = [BOS, SUFFIX, *encode(suffix), PREFIX, *encode(prefix), MIDDLE]
        ids, greedy = list(prompt), []
        while len(greedy) < 12 and ids[-1] != EOT:
            best = stored.logits(torch.tensor([ids]))[0, -1].topk(2)
            if best.values[0] - best.values[1] < 0.2:  # a near tie may fall either way elsewhere
                break
            greedy.append(int(best.indices[0]))
            ids.append(greedy[-1])
        fills.append({'prefix': prefix, 'suffix': suffix, 'prompt': prompt, 'greedy': greedy})
    return {'texts': texts, 'fill': max(fills, key=lambda f: len(f['greedy']))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--run', required=True, help='folder with config.json and last.pt')
    parser.add_argument('--tokenizer', required=True)
    parser.add_argument('--hugging-face', required=True, help='folder to write')
    parser.add_argument('--gguf', required=True, help='file to write')
    parser.add_argument('--type', default='Q8_0', choices=['Q8_0', 'F16', 'F32'])
    parser.add_argument('--context', type=int, default=1024, help='longest row of the training')
    parser.add_argument('--name', default='graft-tiny')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--blend', nargs=2, metavar=('GGUF', 'SHARE'), help='so much of the weights that the run began with: '
                        'a mean of both is often better than either')
    parser.add_argument('--golden', help='JSON file to write for the test of the shipped model')
    args = parser.parse_args()
    run = pathlib.Path(args.run)
    model = Model(Config.load(run / 'config.json')).eval()
    weights = torch.load(run / 'last.pt')['model']
    if args.blend:
        share, first = float(args.blend[1]), load_gguf_into(model, args.blend[0]).state_dict()
        weights = {name: share * first[name] + (1 - share) * weight for name, weight in weights.items()}
    model.load_state_dict(weights)
    write_hugging_face(model, args.tokenizer, pathlib.Path(args.hugging_face), args.context)
    write_gguf(model, args.tokenizer, args.gguf, args.context, args.type, args.name)
    if args.golden:
        pathlib.Path(args.golden).write_text(json.dumps(golden(model, args.gguf, args.tokenizer), indent=1) + '\n')
    if args.check:
        check(model, args.hugging_face, args.gguf)


if __name__ == '__main__':
    main()
