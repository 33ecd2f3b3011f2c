"""Stages tokenizer, llm-text and llm: captions, and the features of the pictures that go with them."""
import os
import random

import numpy as np
import torch
import torch.nn.functional as F

from common import Data, Optimizer, Run
from models import Agent
from tokens import PICTURE_TOKENS, Tokenizer, chunk, train_tokenizer
from world import tell


TOKENS = 256  # rows that --batch counts as one story


def collate(chunks, device):
    """Chunks padded to one length, and the mask: earlier text and pictures, and of queries only one's own frame's. Without pictures
    the order of the rows is the mask."""
    length = max(len(c.ids) for c in chunks)

    def table(name, fill):
        return torch.tensor([getattr(c, name) + [fill] * (length - len(c.ids)) for c in chunks], device=device)

    ids, pos, kind, block, target, weight = (table(n, f) for n, f in (("ids", 0), ("pos", 1 << 20), ("kind", 0), ("block", -1), ("target", -100), ("weight", 1.0)))
    if not any(c.queried or c.pictured for c in chunks):
        return ids, pos.clamp(max=4095), kind, target, "causal", weight
    same = block[:, :, None] == block[:, None, :]
    from_query, to_query = (kind == 1)[:, :, None], (kind == 1)[:, None, :]
    allowed = (pos[:, None, :] <= pos[:, :, None]) & (~to_query | (from_query & same)) & ~(from_query & same & (kind == 2)[:, None, :])
    mask = torch.zeros(allowed.shape, device=device).masked_fill_(~allowed, -1e4)[:, None]
    return ids, pos.clamp(max=4095), kind, target, mask, weight


class Batches:
    """Batches of chunks of nearly one length, of about `tokens` rows each: little of a batch is padding."""

    def __init__(self, make, tokens, rng, pool=96):
        self.make, self.tokens, self.rng, self.pool, self.ready = make, tokens, rng, pool, []

    def __next__(self):
        if not self.ready:
            chunks = sorted((self.make() for _ in range(self.pool)), key=lambda c: len(c.ids))
            while chunks:
                number = 1
                while number < len(chunks) and (number + 1) * len(chunks[number].ids) <= self.tokens:
                    number += 1
                self.ready.append(chunks[:number])
                chunks = chunks[number:]
            self.rng.shuffle(self.ready)
        return self.ready.pop()


def pictured(tok, data, rng, ready):
    number = rng.randrange(ready)
    c = chunk(tok, data.stories[number], rng, query_share=0.8)
    c.story = number
    return c


def forward(agent, batch, pictures):
    """Last hidden states; `pictures` are the features behind the picture rows, in row order."""
    ids, pos, kind, _, mask, _ = batch
    x = agent.llm.embed(ids)
    if len(pictures):
        x = x.masked_scatter((kind == 2)[..., None], agent.input_resampler(pictures).to(x.dtype))
    return agent.llm(x, pos, mask)


def regressed(agent, hidden, kind):
    return agent.output_resampler(hidden[kind == 1].view(-1, PICTURE_TOKENS, hidden.shape[-1]))


def feature_loss(got, want):
    """Direction by the cosine, as in SEED-Story; the length with little weight, since the adapter does see it."""
    size = (got.square().mean(-1).add(1e-6).sqrt() - want.square().mean(-1).sqrt()).square().mean()
    return (1 - F.cosine_similarity(got, want, dim=-1)).mean(), size


@torch.no_grad()
def held_out(agent, tok, data, features, device, stories=40):
    """Perplexity of a caption token and cosine of the features, on held-out stories from their start, true pictures in context."""
    rng, nll, tokens, cosine, count = random.Random(5), 0.0, 0, 0.0, 0
    for number in range(min(stories, len(data.stories))):
        c = chunk(tok, data.stories[number], rng, pictures=features is not None, first=0, start_picture=False, query_share=1.0)
        batch = collate([c], device)
        at = data.first[number]
        pictures = features[at + np.array(c.pictured)].float().to(device) if c.pictured else ()
        hidden = forward(agent, batch, pictures)
        keep = batch[3] >= 0
        nll += float(F.cross_entropy(agent.llm.lm_head(hidden[keep]), batch[3][keep], reduction="sum"))
        tokens += int(keep.sum())
        if features is not None:
            loss, _ = feature_loss(regressed(agent, hidden, batch[2]), features[at + np.array(c.queried)].float().to(device))
            cosine += (1 - float(loss)) * len(c.queried)
            count += len(c.queried)
    return float(np.exp(nll / tokens)), cosine / max(1, count)


def train(args, config):
    if args.stage == "tokenizer":
        train_tokenizer(args.work, args.seed)
        return
    text_only = args.stage == "llm-text"
    tok = Tokenizer(args.work)
    data, held = Data(args.data), Data(args.held)
    agent = Agent(config).to(args.device)
    text_path = os.path.join(args.work, "llm-text.pt")
    warm = args.warm or (text_path if not text_only and os.path.exists(text_path) else None)
    if warm and not os.path.exists(os.path.join(args.work, args.stage + ".pt")):
        agent.load_state_dict(torch.load(warm, map_location=args.device, weights_only=False)["average.agent"][0])
    run = Run(args, args.stage, {"agent": agent}, averaged=("agent",))
    optimizer = Optimizer(agent, args.rate or 2e-3)
    features = predicted = known = None
    if not text_only:
        features = torch.from_numpy(np.load(os.path.join(args.work, "features.npy"), mmap_mode="r+"))
        features_held = torch.from_numpy(np.load(os.path.join(args.work, "features-held.npy"), mmap_mode="r+"))
        # the model's own features of each frame, as it last regressed them: fed back in place of true ones, as at run time
        predicted, known = torch.zeros_like(features), torch.zeros(len(features), dtype=torch.bool)
    else:
        features_held = None
    rng = random.Random(run.step + args.seed)
    ready = 0  # stories whose features are there; the cache may still be growing
    texts = Batches(lambda: chunk(tok, tell(rng), rng, pictures=False), args.batch * TOKENS, rng)
    shown_ones = Batches(lambda: pictured(tok, data, rng, ready), args.batch * TOKENS, rng)
    while run.more():
        if not text_only and (run.step % 100 == 0 or not ready):
            encoded = int(open(os.path.join(args.work, "features.npy.count")).read())
            ready = int(np.searchsorted(data.first, encoded, "right")) - 1
        # fresh text keeps the language from learning the rendered stories by heart, and costs half as much
        pictures = not text_only and rng.random() < (args.early_pictures if run.progress < args.early else 0.6)
        chunks = next(shown_ones if pictures else texts)
        numbers = [c.story for c in chunks]
        batch = collate(chunks, args.device)
        target = batch[3]
        seen = ()
        if pictures:
            shown = torch.tensor([data.first[i] + k for i, c in zip(numbers, chunks) for k in c.pictured])
            own = known[shown] & (torch.rand(len(shown)) < 0.6 * run.progress + 0.1)
            seen = torch.where(own[:, None, None], predicted[shown], features[shown]).float().to(args.device)
        hidden = forward(agent, batch, seen)
        keep = target >= 0
        weight = batch[5][keep]
        words = (F.cross_entropy(agent.llm.lm_head(hidden[keep]), target[keep], reduction="none") * weight).sum() / weight.sum()
        loss, figures = words, {"words": words.detach()}
        if pictures:
            asked = torch.tensor([data.first[i] + k for i, c in zip(numbers, chunks) for k in c.queried])
            got = regressed(agent, hidden, batch[2])
            apart, size = feature_loss(got, features[asked].float().to(args.device))
            predicted[asked] = got.detach().half().cpu()
            known[asked] = True
            loss = words + 4 * apart + 0.2 * size
            figures = {"words": words.detach(), "apart": apart.detach() / 0.6, "size": size.detach() / 0.6}
        loss.backward()
        optimizer.step(run.scale)
        if run.step % 250 == 249:
            perplexity, cosine = held_out(agent, tok, held, features_held, args.device)
            run.say(f"held-out caption perplexity {perplexity:.3f}, feature cosine {cosine:.4f}")
        run.more(**figures)
    agent.load_state_dict(run.averages["agent"].weights)
    perplexity, cosine = held_out(agent, tok, held, features_held, args.device, 120)
    run.say(f"held-out caption perplexity {perplexity:.3f}, feature cosine {cosine:.4f} (averaged weights)")
