"""The tokenizer and the token form of a story: exactly what the engine builds at run time.

    BOS prompt [INST]3| caption IMG [INST]2| caption IMG [INST]1| caption IMG EOS        IMG = <img><img_00000>..<img_00015></img>

`[INST]` and the number of frames left (this one included) are given at each call; a caption begins with a space. With a start picture
the first text is followed at once by IMG. After the window has dropped pictures the context is BOS + the text after the first </img>
without its [INST].
"""
import io
import json
import os
import random
import re

import sentencepiece

from world import tell

VOCAB, PICTURE_TOKENS = 2048, 16
BOS, EOS = 1, 2
KNOWN = 1.5  # what a caption's token weighs more in the loss where its word is known: the prompt has it, or it is someone met before
IMG = VOCAB + PICTURE_TOKENS
IMG_END = IMG + 1
# words of prompts that ask for nothing
COMMON = set("the and with for was had her his its has who that this what where when about from into one day story tell called named".split())
ADDED = {**{f"<img_{k:05d}>": VOCAB + k for k in range(PICTURE_TOKENS)}, "<img>": IMG, "</img>": IMG_END}


def train_tokenizer(work, seed):
    """SentencePiece BPE on freshly told stories; names made of syllables keep it able to spell."""
    rng = random.Random(seed + 77)

    def lines():
        for _ in range(6000):
            story = tell(rng)
            yield story["prompt"]
            for left, caption in zip(range(len(story["captions"]), 0, -1), story["captions"]):
                yield f"[INST]{left}| {caption}"

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines(), model_writer=model, model_type="bpe", vocab_size=VOCAB, byte_fallback=True, normalization_rule_name="identity",
        add_dummy_prefix=True, remove_extra_whitespaces=False, user_defined_symbols=["[INST]"], split_digits=True, unk_id=0, bos_id=BOS, eos_id=EOS,
        pad_id=-1, character_coverage=1.0, minloglevel=2)
    with open(os.path.join(work, "tokenizer.model"), "wb") as f:
        f.write(model.getvalue())
    with open(os.path.join(work, "added_tokens.json"), "w") as f:
        json.dump(ADDED, f, indent=1)


class Tokenizer:
    """legacy = false: only the first piece of a whole string gets SentencePiece's space in front."""

    def __init__(self, directory):
        from sentencepiece import sentencepiece_model_pb2
        with open(os.path.join(directory, "tokenizer.model"), "rb") as f:
            proto = f.read()
        self.first = sentencepiece.SentencePieceProcessor(model_proto=proto)
        model = sentencepiece_model_pb2.ModelProto.FromString(proto)
        model.normalizer_spec.add_dummy_prefix = False
        self.later = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
        assert self.first.get_piece_size() == VOCAB

    def known(self, ids, text):
        """Of each piece: is it part of a word that `text` has too? Words of one or two letters do not count."""
        words = set(re.findall(r"[a-z]{3,}", text.lower())) - COMMON
        out, begin, word = [], 0, ""
        for k, piece in enumerate(self.later.id_to_piece(list(ids)) + ["\u2581"]):
            letters = re.sub("[^a-z]", "", piece.lower())
            if piece.startswith("\u2581") or not letters:
                out += [word in words] * (k - begin)
                begin, word = k, ""
            word += letters
        return out

    def decode(self, ids):
        return self.first.decode([i for i in ids if i < VOCAB])


class Chunk:
    """Some frames of a story as rows of ids with positions. Rows are text, learned queries (kind 1) or picture tokens (kind 2).

    A trained frame has its queries and its picture tokens at the same positions; nobody but a frame's own queries sees queries. So one
    pass trains every frame of the chunk, each as the `last picture` of its context.
    """

    def __init__(self):
        self.ids, self.pos, self.kind, self.block, self.target, self.weight = [], [], [], [], [], []
        self.at, self.story = 0, None
        self.queried, self.pictured = [], []  # frame numbers in row order

    def text(self, ids, targets, weights=None):
        self.weight += weights or [1.0] * len(ids)
        for i, t in zip(ids, targets):
            self.ids.append(i)
            self.pos.append(self.at)
            self.kind.append(0)
            self.block.append(-1)
            self.target.append(t)
            self.at += 1

    def rows(self, kind, frame):
        for k in range(PICTURE_TOKENS):
            self.ids.append(VOCAB + k)
            self.pos.append(self.at + k)
            self.kind.append(kind)
            self.block.append(frame)
            self.target.append(-100)
        self.weight += [1.0] * PICTURE_TOKENS


def met(truth):
    """Names and kinds of all who are seen in these frames: a later caption that mixes them up is the slip that a reader sees first."""
    return " ".join({f"{who['name']} {who['species']}" for frame in truth for who in frame["who"]})


def chunk(tok, story, rng, pictures=True, longest=9, first=None, start_picture=None, query_share=0.5):
    """A training chunk of a story. Most begin at the start; others where a window of 8 pictures would. `pictures=False` leaves the
    picture rows out but keeps their positions: the language alone, for half the work."""
    captions, n = story["captions"], len(story["captions"])
    if first is None:
        first = rng.randrange(1, n - 8) if n >= 10 and rng.random() < 0.35 else 0
    if start_picture is None:
        start_picture = first == 0 and rng.random() < 0.08 and n >= 2
    last = min(n, first + longest)
    c = Chunk()
    c.text([BOS], [-100])

    def picture(k, ask):
        c.text([IMG], [-100])
        if pictures:
            if ask:
                c.rows(1, k)
                c.queried.append(k)
            if k < last - 1 or last == n:
                c.rows(2, k)
                c.pictured.append(k)
        c.at += PICTURE_TOKENS
        if k < last - 1:
            c.text([IMG_END], [-100])
        elif last == n:
            c.text([IMG_END], [EOS])

    if first == 0:
        opening = captions[0] if start_picture and rng.random() < 0.5 else story["prompt"]
        ids = tok.first.encode(opening)
        c.text(ids, [-100] * len(ids))
        if start_picture:
            picture(0, False)
    for k in range(first + bool(start_picture), last):
        bare = k == first and first > 0
        prefix = (tok.first if bare else tok.later).encode(f"{n - k}|" if bare else f"[INST]{n - k}|")
        ids = prefix + tok.later.encode(" " + captions[k])
        # what the prompt asked for counts more, and so does who is who; the target of a piece is the next one
        known = tok.known(ids[len(prefix):], f"{story['prompt']} {met(story['truth'][first:k])}")
        weights = [1.0] * (len(prefix) - 1) + [1.0 + KNOWN * w for w in known] + [1.0]
        # in a window nothing is known of the story at first; there the text is context, not target
        learn = first == 0 or k >= first + 3
        c.text(ids, [-100] * (len(prefix) - 1) + (ids[len(prefix):] + [IMG] if learn else [-100] * (len(ids) - len(prefix) + 1)), weights)
        picture(k, learn and (k == last - 1 or rng.random() < query_share))
    return c
