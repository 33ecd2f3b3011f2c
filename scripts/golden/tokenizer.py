"""Makes tests/data/tokenizer: a small LLaMA-like SentencePiece model and what transformers' slow LlamaTokenizer does.

    pip install transformers==4.34.1 tokenizers==0.14.1 sentencepiece==0.2.0 protobuf
    python scripts/golden/tokenizer.py

The added ids are in another order than the published ones, and there are fewer: nothing may count on either.
"""
import io
import json
import os
import random
import tempfile

import sentencepiece
from transformers import LlamaTokenizer

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "data", "tokenizer")
ADDED = ["</img>", "<img>"] + [f"<img_{k:05}>" for k in range(4)]

TEXTS = [
    "", " ", "  ", "   three", "Ann runs", " Ann", "Ann ", "a  b   c", "[INST]The owl sings.", "the owl [INST] sings",
    "<img>", "</img>", "<img_00003>", "<img><img_00000><img_00001><img_00002><img_00003></img>",
    "The owl<img><img_00000></img>[INST]Ann runs.", "The owl <img> </img> sings", " <img> ", "<img_00000> <img_00001>",
    "<s>Ann</s>", "<s> Ann </s> runs", "<unk>", "a<unk>b", "<unk><unk>", "<s><img>", "<img_99999>", "<img", "img>",
    "<<img>>", "<img_0000", "<0x41>", "\u2581", "\u2581Ann", "a\u2581\u2581b", "\u2581<img>\u2581", "x\ny\tz", "\n", "\n\n<img>\n",
    "h\u00e9llo w\u00f6rld", "\u65e5\u672c\u8a9e", "\U0001f98a!", "a\u00a0b", "\ufb01", "e\u0301", "\u2026\u2014\u201cq\u201d", "\u0000", "12 345",
]
CALLS = ["[INST]Ann runs.", "The owl sings in the wood. "]


def corpus():
    rng = random.Random(1)
    who = ["Ann", "the owl", "a small fox", "the old bear", "Tim"]
    does = ["runs", "sings", "finds a key", "sees the moon", "walks home"]
    where = ["in the wood", "by the river", "at night", "under a tree", "in the snow"]
    for _ in range(400):
        line = f"{rng.choice(who)} {rng.choice(does)} {rng.choice(where)}."
        yield ("[INST]" if rng.random() < 0.2 else "") + line[0].upper() + line[1:]


def train(path):
    model = io.BytesIO()  # a model written to a file holds the file's path
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus(), model_writer=model, vocab_size=420, model_type="bpe", byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=True, split_digits=True, allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2)
    with open(path, "wb") as f:
        f.write(model.getvalue())


def tokenizer(model, legacy, folder):
    first = sentencepiece.SentencePieceProcessor(model_file=model).get_piece_size()
    token = lambda content, special: dict(content=content, lstrip=False, rstrip=False, normalized=False,
                                          single_word=False, special=special)
    decoder = {i: token(t, True) for i, t in enumerate(["<unk>", "<s>", "</s>"])}
    decoder.update({first + i: token(t, "_" not in t) for i, t in enumerate(ADDED)})
    config = dict(added_tokens_decoder=decoder, additional_special_tokens=["<img>", "</img>"], bos_token="<s>",
                  eos_token="</s>", unk_token="<unk>", pad_token="<unk>", clean_up_tokenization_spaces=False,
                  legacy=legacy, tokenizer_class="LlamaTokenizer")
    os.makedirs(folder)
    with open(model, "rb") as src, open(f"{folder}/tokenizer.model", "wb") as dst:
        dst.write(src.read())
    with open(f"{folder}/tokenizer_config.json", "w") as f:
        json.dump(config, f)
    return LlamaTokenizer.from_pretrained(folder), {t: first + i for i, t in enumerate(ADDED)}


def random_texts(rng, count):
    parts = ADDED + ["<s>", "</s>", "<unk>", " ", "  ", "\u2581", "the", " owl", "Ann", ".", "[INST]", "\u00e9", "\U0001f98a", "\n", "x", "<"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(1, 9))) for _ in range(count)]


def main():
    os.makedirs(OUT, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        model = os.path.join(tmp, "tokenizer.model")
        train(model)
        both = {legacy: tokenizer(model, legacy, os.path.join(tmp, str(legacy))) for legacy in (True, False)}
        with open(model, "rb") as src, open(os.path.join(OUT, "tokenizer.model"), "wb") as dst:
            dst.write(src.read())
    added = both[True][1]
    with open(os.path.join(OUT, "added_tokens.json"), "w") as f:
        json.dump(added, f, indent=2)
    rng = random.Random(2)
    size = max(added.values()) + 1
    ordinary = [i for i in range(size) if i < 3 or i > 258]  # bytes of their own are rarely UTF-8, but some come too
    runs = [[rng.choice(ordinary if rng.random() < 0.9 else range(size)) for _ in range(rng.randint(1, 10))] for _ in range(120)]
    expected = {}
    for legacy, (tok, _) in both.items():
        lines = [dict(text=t, ids=tok.encode(t, add_special_tokens=False)) for t in TEXTS + CALLS + random_texts(random.Random(3), 120)]
        for line in lines:
            line["decoded"] = tok.decode(line["ids"], skip_special_tokens=False)
        expected["legacy" if legacy else "modern"] = dict(
            encode=lines, decode=[dict(ids=run, decoded=tok.decode(run, skip_special_tokens=False)) for run in runs])
    with open(os.path.join(OUT, "expected.json"), "w") as f:
        json.dump(expected, f, separators=(",", ":"))


main()
