#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds `graft model tokenize` against Hugging Face tokenizers on the files of some folders and on text made to be awkward.

    python3 tests/data/engine/tokenizer/compare_corpus.py GRAFT FOLDER... [--most MB] [--merges N] [--variant NAME]...

Files of one suffix are joined to texts of about 128 KB, at most --most megabytes (3) of each suffix. A byte-level BPE of --merges
merges (24,000) is learnt from a sample, and everything is tokenised with it under every pre-tokenizer of make.py, one with NFC and
one with `ignore_merges` besides. The library takes no bytes that are not UTF-8: what Graft makes of such must give the same bytes back.
Prints texts, tokens and differences of each, the first ones in full; the exit status is 1 if there are any.
A maker's tool: no test runs it. Needs tokenizers and numpy (PyPI).
"""
import argparse
import collections
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import tokenizers
from tokenizers import normalizers, pre_tokenizers, Regex

from make import TEXTS, VARIANTS, trained

CHUNK = 128 << 10
NFC_VARIANT, WHOLE_VARIANT = "qwen2, NFC", "llama-bpe, ignore_merges"


def corpus(folders, most):
    """({suffix: [texts]}, [bytes that are not UTF-8]), the files in an order that mixes the folders."""
    files = sorted(Path(at) / name for folder in folders for at, _, names in os.walk(folder) if ".git" not in Path(at).parts for name in names)
    random.Random(0).shuffle(files)
    texts, invalid, taken, open_text = collections.defaultdict(list), [], collections.Counter(), collections.defaultdict(list)
    for path in files:
        suffix = path.suffix.lower() or "none"
        if taken[suffix] >= most or not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()[:CHUNK]
        if len(data) == CHUNK:  # not in the middle of a character
            data = data[:data.rfind(b"\n") + 1]
        try:
            text = data.decode()
        except UnicodeDecodeError:
            if len(invalid) < 30:
                invalid.append(data[:CHUNK // 8])
            continue
        if "\0" in text or not text:
            continue
        taken[suffix] += len(data)
        open_text[suffix].append(text)
        if sum(map(len, open_text[suffix])) > CHUNK or taken[suffix] >= most:
            texts[suffix].append("".join(open_text.pop(suffix)))
    others = []
    for suffix, rest in open_text.items():
        (others if taken[suffix] < CHUNK // 8 else texts[suffix]).append("".join(rest))
    texts["others"] = ["".join(others[i:i + 20]) for i in range(0, len(others), 20)]
    return texts, invalid


def awkward(rng, size):
    """Text of `size` parts: every plane, marks, unassigned characters, runs of blanks and digits, joiners, contractions."""
    assigned = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co")]
    marks = [c for c in assigned if unicodedata.category(c).startswith("M")]
    digits = [c for c in assigned if unicodedata.category(c).startswith("N")]
    blanks = [" ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u3000",
              "\u180e", "\u200b", "\ufeff"]

    def word():
        start = rng.randrange(0x110000)
        if 0xD800 <= start < 0xE000:
            start = 0x61
        return "".join(chr(start + rng.randrange(min(24, 0x110000 - start))) for _ in range(rng.randrange(1, 9)) if start < 0xD7E0 or start >= 0xE000)

    kinds = [
        word,
        lambda: "".join(rng.choice(assigned) for _ in range(rng.randrange(1, 12))),
        lambda: "".join(rng.choice("aeiouéÀßΩЖ中あ한") + "".join(rng.choice(marks) for _ in range(rng.randrange(4))) for _ in range(5)),
        lambda: rng.choice(blanks) * rng.choice((1, 2, 3, 7, 40, 130, 700)),
        lambda: "".join(rng.choice(blanks) for _ in range(rng.randrange(1, 9))),
        lambda: "".join(rng.choice("0123456789") for _ in range(rng.choice((1, 2, 3, 4, 10, 200)))),
        lambda: "".join(rng.choice(digits) for _ in range(rng.randrange(1, 8))),
        lambda: rng.choice(("I", "we", "THEY", "é", "你", "1", "_", " ", "")) + rng.choice("'’`") +
        "".join(rng.choice((str.upper, str.lower))(c) for c in rng.choice(("s", "t", "re", "ve", "m", "ll", "d", "ſ", "x", "lll", "K"))),
        lambda: "\u200d".join(rng.choice("👨👩👧🏽❤️🏳🌈🇩🇪1️⃣") for _ in range(rng.randrange(1, 5))),
        lambda: "".join(rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¿«»—…、。！") for _ in range(rng.randrange(1, 20))),
        lambda: "".join(rng.choice("aAbBzZſKéÉǅʰ") for _ in range(rng.choice((3, 9, 300)))),
        lambda: rng.choice(TEXTS),
        lambda: "".join(chr(0xAC00 + rng.randrange(11172)) if rng.random() < 0.5 else chr(0x1100 + rng.randrange(256)) for _ in range(6)),
    ]
    return "".join(rng.choice(kinds)() + rng.choice(("", "", " ", "\n")) for _ in range(size))


def damaged(rng, text):
    """Bytes that are not UTF-8."""
    data = bytearray(text.encode()[:CHUNK // 8])
    for _ in range(1 + len(data) // 40):
        at = rng.randrange(len(data) + 1)
        data[at:at + rng.randrange(3)] = rng.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4\xbd", b"\x80\x80",
                                                     bytes(rng.randrange(256) for _ in range(4))))
    return bytes(data)


def write_model(folder, n_vocab):
    """The smallest model there is: `graft model` wants one around a tokenizer."""
    width = 2
    shapes = {"embed_tokens": (n_vocab, width), "norm": (width,), "layers.0.input_layernorm": (width,),
              "layers.0.post_attention_layernorm": (width,)}
    shapes |= {f"layers.0.self_attn.{n}_proj": (width, width) for n in "qkvo"} | {f"layers.0.mlp.{n}_proj": (width, width) for n in ("gate", "up", "down")}
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[f"model.{name}.weight"] = dict(dtype="F16", shape=shape, data_offsets=[at, at + size])
        at += size
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    (folder / "config.json").write_text(json.dumps(dict(
        architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=n_vocab, hidden_size=width, intermediate_size=width,
        num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1, rms_norm_eps=1e-5, max_position_embeddings=64,
        tie_word_embeddings=True)))


def graft(program, folder, data, *options):
    return subprocess.run([program, "model", "tokenize", folder, *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def first_difference(tokenizer, want, got):
    at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
    def shown(ids):
        return [tokenizer.decode([i], skip_special_tokens=False) for i in ids[max(0, at - 3):at + 5]]
    return f"token {at}: library {shown(want)}, graft {shown(got)}"


def variants():
    for name, pre in VARIANTS.items():
        yield name, pre, None, False
    yield NFC_VARIANT, VARIANTS["qwen2"], normalizers.NFC(), False
    yield WHOLE_VARIANT, VARIANTS["llama-bpe"], None, True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graft")
    parser.add_argument("folder", nargs="+")
    parser.add_argument("--most", type=float, default=3.0, help="megabytes of one suffix")
    parser.add_argument("--merges", type=int, default=24000)
    parser.add_argument("--variant", action="append")
    args = parser.parse_args()
    rng = random.Random(1)
    by_suffix, invalid = corpus(args.folder, int(args.most * 1e6))
    texts = [(suffix, text) for suffix, rows in sorted(by_suffix.items()) for text in rows]
    sizes = {suffix: sum(len(t.encode()) for t in rows) for suffix, rows in by_suffix.items()}
    sample = [text[:20000] for _, text in rng.sample(texts, min(len(texts), 250))]
    texts += [("awkward", awkward(rng, n)) for n in [4] * 20 + [900] * 40]
    invalid += [damaged(rng, rng.choice(texts)[1]) for _ in range(30)] + [bytes(rng.randrange(256) for _ in range(4000))]
    n_bytes = sum(len(text.encode()) for _, text in texts)
    print(f"tokenizers {tokenizers.__version__}: {len(texts)} texts, {n_bytes / 1e6:.1f} MB, {len(sizes) - 1} suffixes and others; {len(invalid)} that are not UTF-8")
    print(", ".join(f"{suffix} {size / 1e6:.1f}" for suffix, size in sorted(sizes.items(), key=lambda s: -s[1]) if size > 1e5), flush=True)
    # Pieces that no cut respects, of a length that training can bear.
    tokenizer = trained(sample, 257 + args.merges, pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[\s\S]{1,100}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))
    tokenizer.encode_special_tokens = True
    n_wrong = 0
    for name, pre, normalizer, whole in variants():
        if args.variant and name not in args.variant:
            continue
        tokenizer.pre_tokenizer, tokenizer.normalizer = pre, normalizer
        saved = json.loads(tokenizer.to_str())
        saved["model"]["ignore_merges"] = whole
        mine = tokenizers.Tokenizer.from_str(json.dumps(saved))
        mine.encode_special_tokens = True
        n_tokens, differ, lost = 0, 0, 0
        with tempfile.TemporaryDirectory() as at:
            folder = Path(at)
            write_model(folder, mine.get_vocab_size())
            mine.save(str(folder / "tokenizer.json"))
            for where, text in texts:
                want, got = mine.encode(text, add_special_tokens=False).ids, json.loads(graft(args.graft, folder, text.encode()))
                n_tokens += len(want)
                if want != got:
                    differ += 1
                    if differ <= 3:
                        print(f"  {name}, {where}: {first_difference(mine, want, got)}", flush=True)
            for data in invalid if normalizer is None else []:  # NFC does not give every text back
                lost += graft(args.graft, folder, graft(args.graft, folder, data), "--decode") != data
        print(f"{name}: {n_tokens} tokens, {differ} texts differ, {lost} not UTF-8 come back otherwise", flush=True)
        n_wrong += differ + lost
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
