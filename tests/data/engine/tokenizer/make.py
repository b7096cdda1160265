#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden tokenizations of Hugging Face tokenizers: one small BPE model under every pre-tokenizer that Graft knows.

    pip install tokenizers
    python3 tests/data/engine/tokenizer/make.py

base.json    a tokenizer.json; the test puts each of golden.json's pre-tokenizers into it
golden.json  {"texts": [...], "variants": {name: {"pre_tokenizer": {...}, "pieces": [[bytes per piece]...], "ids": [[...]...]}},
              "nfc": {"texts": [normalised...], "ids": [[...]...]}, "special_ids": [[...]...]}; nfc under qwen2's pre-tokenizer
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
CL100K = LLAMA3.replace("{1,3}", "+")
QWEN35 = QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+")
SEED_CODER = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1}|").replace(r"[^\s\p{L}\p{N}]+[\r\n]*", r"[^\s\p{L}\p{N}\r\n]+")
BEGIN, END = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD, CONTRACTION = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (f"{LEAD}{BEGIN}*{END}+{CONTRACTION}|{LEAD}{BEGIN}+{END}*{CONTRACTION}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = O200K.replace(CONTRACTION, "").replace("{1,3}", "")
DEEPSEEK_V3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
               r"""|\s*[\r\n]+|\s+(?!\S)|\s+""")
HAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
# DeepSeek LLM's letters: ranges as its tokenizer.json lists them, as numbers because some change under normalisation
CASED = [
    (0x41, 0x5a), (0x61, 0x7a), (0xb5, 0xb5), (0xc0, 0xd6), (0xd8, 0xf6), (0xf8, 0x1ba), (0x1bc, 0x1bf),
    (0x1c4, 0x293), (0x295, 0x2af), (0x370, 0x373), (0x376, 0x376), (0x377, 0x377), (0x37b, 0x37d), (0x37f, 0x37f),
    (0x386, 0x386), (0x388, 0x38a), (0x38c, 0x38c), (0x38e, 0x3a1), (0x3a3, 0x3f5), (0x3f7, 0x481), (0x48a, 0x52f),
    (0x531, 0x556), (0x10a0, 0x10c5), (0x13a0, 0x13f5), (0x13f8, 0x13fd), (0x1c90, 0x1cba), (0x1cbd, 0x1cbf),
    (0x1d00, 0x1d2b), (0x1d6b, 0x1d77), (0x1d79, 0x1d9a), (0x1e00, 0x1f15), (0x1f18, 0x1f1d), (0x1f20, 0x1f45),
    (0x1f48, 0x1f4d), (0x1f50, 0x1f57), (0x1f59, 0x1f59), (0x1f5b, 0x1f5b), (0x1f5d, 0x1f5d), (0x1f5f, 0x1f7d),
    (0x1f80, 0x1fb4), (0x1fb6, 0x1fbc), (0x1fbe, 0x1fbe), (0x1fc2, 0x1fc4), (0x1fc6, 0x1fcc), (0x1fd0, 0x1fd3),
    (0x1fd6, 0x1fdb), (0x1fe0, 0x1fec), (0x1ff2, 0x1ff4), (0x1ff6, 0x1ffc), (0x2102, 0x2102), (0x2107, 0x2107),
    (0x210a, 0x2113), (0x2115, 0x2115), (0x2119, 0x211d), (0x2124, 0x2124), (0x2126, 0x2126), (0x2128, 0x2128),
    (0x212a, 0x212d), (0x212f, 0x2134), (0x2139, 0x2139), (0x213c, 0x213f), (0x2145, 0x2149), (0x214e, 0x214e),
    (0x2183, 0x2183), (0x2184, 0x2184), (0x2c00, 0x2c7b), (0x2c7e, 0x2ce4), (0x2ceb, 0x2cee), (0x2cf2, 0x2cf2),
    (0x2cf3, 0x2cf3), (0xa640, 0xa66d), (0xa680, 0xa69b), (0xa722, 0xa76f), (0xa771, 0xa787), (0xa78b, 0xa78e),
    (0xab70, 0xabbf), (0xfb00, 0xfb06), (0xfb13, 0xfb17), (0xff21, 0xff3a), (0xff41, 0xff5a), (0x10400, 0x1044f),
    (0x104b0, 0x104d3), (0x104d8, 0x104fb), (0x10c80, 0x10cb2), (0x10cc0, 0x10cf2), (0x118a0, 0x118df),
    (0x1e900, 0x1e943),
]


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def cased_class():
    return "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in CASED)


def byte_level(use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


VARIANTS = {
    "gpt-2": byte_level(use_regex=True),
    "llama-bpe": pre_tokenizers.Sequence([split(LLAMA3), byte_level()]),
    "qwen2": pre_tokenizers.Sequence([split(QWEN2), byte_level()]),
    "qwen35": pre_tokenizers.Sequence([split(QWEN35), byte_level()]),
    "seed-coder": pre_tokenizers.Sequence([split(SEED_CODER), byte_level()]),
    "cl100k": pre_tokenizers.Sequence([split(CL100K), byte_level()]),
    "gpt-4o": pre_tokenizers.Sequence([split(O200K), byte_level()]),
    "gpt-4o, matches kept": pre_tokenizers.Sequence([split(O200K, "removed", True), byte_level()]),
    "tekken": pre_tokenizers.Sequence([split(TEKKEN), byte_level()]),
    "starcoder": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(use_regex=True)]),
    "deepseek-v3, line ends as they are": pre_tokenizers.Sequence([
        split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
        split(DEEPSEEK_V3.replace(r"\r\n", "\r\n")), byte_level()]),
    "deepseek-v3": pre_tokenizers.Sequence([
        split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK_V3), byte_level()]),
    "deepseek-llm": pre_tokenizers.Sequence([
        split("[\r\n]"), split(r"\s?[" + cased_class() + "]+"),
        split("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"), split(r"\s+$"), split(HAN),
        split(r"\p{N}+"), byte_level()]),
    "deepseek-coder": pre_tokenizers.Sequence([
        split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(HAN), split(r"\p{N}"), byte_level()]),
    "digits, then GPT-2": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(use_regex=True)]),
    "digit runs, matches kept": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=False), split(LLAMA3, "removed", True), byte_level()]),
}

CODE = """#include <vector>
int main(int argc, char** argv) {
\tstd::vector<int> values = {1, 22, 333, 4444, 55555};
    for (size_t i = 0; i < values.size(); ++i) sum += values[i];  // it's 100%
    return sum != 0x1F ? -1 : 0;
}

class Reader:
    def __init__(self, path: str) -> None:
        self.path = path

        if not self.path:
            raise ValueError(f"can't read {path!r}")
"""
PROSE = "We'll see what they've done: it's 3.14159, isn't it? I'D SAY SO, HE'LL GO. DON'T! John\u2019s \u201cquoted\u201d text\u2026"
CJK = "\u4f60\u597d\uff0c\u4e16\u754c\uff01 \u3053\u3093\u306b\u3061\u306f\u4e16\u754c\u3002\u30ab\u30bf\u30ab\u30ca \uc548\ub155\ud558\uc138\uc694 123\u5143"
MIXED = "\u00c9t\u00e9 na\u00efve stra\u00dfe \u0416\u0438\u0437\u043d\u044c \u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea \u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22"
CASES = ("HTTPServer XMLHttpRequest getURLFor_ID parseJSONtoXML iPhone IOError'S McDonald'll a/b//c ///x http://y/\n/ "
         "\u01c5ungla \u01c5\u01c5 \u02b0A A\u02b0b \u0301Ab AB\u0301c AB\u0301 X\u4f60Y \u4f60Xy \u00c9COLE \u00e9COLE \u0416\u0418\u0417\u043d\u044c")
DECOMPOSED = ("cafe\u0301 A\u030a \u212b e\u0323\u0302 e\u0302\u0323 \u1100\u1161\u11a8 \uac00\u11a8 \u1100\u1161\u11a7 \u0958 \ufb1d \u0344 \u2adc "
              "\U0001d15e \u0b47\u0b56 \u0cc6\u0cc2\u0cd5 q\u0307\u0323 \u0301\u0327x \u1e9b\u0323 \u0f71\u0f72\u0f74")
EMOJI = "\U0001f600\U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f flag \U0001f1e9\U0001f1ea"

TEXTS = [
    CODE, PROSE, CJK, MIXED, EMOJI, CASES, DECOMPOSED, "", " ", "  ", "\n", "\r\n", " \n ", "a", " a", "  a", "a  ", "a \n\n  b\n", "\t\tx\t",
    "1", "12", "123", "1234", "12345 67", "v1.2.3-rc4", "3,000,000", "\u0663\u0664 \u2163 \u00bd x\u00b2", "'s", "'S", "'\u017fx", "'ll've", " 's",
    "it''s", "don't'", "x = y+z;\n\n\n", "!!!\n", "...\r\n\r\nnext", "(foo)", "#define X", "_private", "__init__", "$var",
    "@decorator\ndef f(): pass", "a.b->c::d", "<<<>>>", "\\n\\t", "`code`", "\u00a0nbsp\u00a0", "\u3000\u5168\u89d2\u3000\uff21\uff22\uff23\u3000\uff01",
    "\u2003em space", "\u2028line\u2029para", "\x00\x01\x1f\x7f", "e\u0301 combining \u0301", "\u0301start", " \u0301", "\ufeffbom",
    "\ufffd replacement", "\u200bzero", " " * 100, "x" + " " * 50 + "y", " " * 33 + "\n" + " " * 17, "\n" * 40, "-" * 80,
    "=" * 7 + "\n", "ab" * 60, "1" * 50, "\u4f60" * 30, "\u1fbe\u2126\u212a\u1fd3", "\u00b5m \u01c5 \u0250 \u10d0 \u13a0 \uab70",
    "\u2018a\u2019 \u201cb\u201d \u3001\u3002", "caf\u00e9 \u00a31 \u20ac2 \u00a53 \u00a9\u00ae\u2122 \u00b1\u00d7\u00f7 \u221e\u2211\u222b \u2190\u2191\u2192", "a\tb\t\tc", "end with space ",
    "\U00010400\U0001e900 \U0001d400", "\U00020000\U0002ebf0", "\u1c89\ua7cb new letters", "mixed\u4f60English\u597d123\u3042",
    "<|end|> <user> \uff5cbar\uff5c <|end", "  <|end|>  <user>\n", "<|end|><|end|>", "hello<user>world",
]


def trained(texts, vocab_size, pieces=byte_level(), **more):
    """A byte-level BPE of `texts`, learnt without cutting by words, so that merges cross the borders of every pre-tokenizer and a
    wrong cut changes the ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = pieces
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False, special_tokens=["<|end|>"],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), **more)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken("<user>", normalized=True), AddedToken("<|end", normalized=False)])
    return tokenizer


def main():
    tokenizer = trained(TEXTS[:5] + [t for t in TEXTS for _ in range(2)], 800)
    tokenizer.save(str(HERE / "base.json"), pretty=False)
    tokenizer.encode_special_tokens = True  # special tokens in text stay text

    golden = {"texts": TEXTS, "variants": {}}
    for name, pre in VARIANTS.items():
        tokenizer.pre_tokenizer = pre
        pieces = [[len(text[a:b].encode()) for _, (a, b) in pre.pre_tokenize_str(text)] for text in TEXTS]
        for text, lengths in zip(TEXTS, pieces):
            assert sum(lengths) == len(text.encode())
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        for text, row in zip(TEXTS, ids):
            assert tokenizer.decode(row, skip_special_tokens=False) == text, (name, text)
        golden["variants"][name] = {"pre_tokenizer": json.loads(tokenizer.to_str())["pre_tokenizer"], "pieces": pieces, "ids": ids}
    tokenizer.pre_tokenizer = VARIANTS["qwen2"]
    tokenizer.normalizer = normalizers.NFC()
    golden["nfc"] = {"texts": [tokenizer.normalizer.normalize_str(text) for text in TEXTS],
                     "ids": [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]}
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = VARIANTS["digit runs, matches kept"]
    tokenizer.encode_special_tokens = False
    golden["special_ids"] = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]  # of the last variant
    (HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
