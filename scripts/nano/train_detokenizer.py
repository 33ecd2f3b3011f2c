"""Stages cache, detokenizer and adapt: from a feature back to a picture, in the VAE's latent space.

cache         encodes all frames once: features (ViT) and latents (VAE), resumable, so that it can run beside other stages
detokenizer   velocity prediction from ViT features; 8 % of the features are those of a zero picture, the unconditional case
adapt         the same on features that the language model regresses, which are smoother than true ones
"""
import os
import random

import numpy as np
import torch
import torch.nn.functional as F

from common import Data, Optimizer, Run
from models import Agent, Detokenizer, ViT, make_vae, vae_input, vit_input


def load(work, stage, part, module, averaged=True):
    state = torch.load(os.path.join(work, stage + ".pt"), map_location="cpu", weights_only=False)
    module.load_state_dict(state["average." + part][0] if averaged and "average." + part in state else state[part])
    return module.eval().requires_grad_(False)


def create(path, shape):
    if not os.path.exists(path):
        np.lib.format.open_memmap(path, "w+", np.float16, shape)
    return np.load(path, mmap_mode="r+")


def cache(args, config):
    """features.npy needs the ViT, latents.npy the VAE; what lacks its checkpoint is left for a later call."""
    vit_config = config["vit"]
    for data, suffix in ((Data(args.held), "-held"), (Data(args.data), "")):
        total = len(data.frames)
        for name, shape in (("features", (vit_config["queries"], vit_config["output_dim"])), ("latents", (4, 16, 16))):
            stage = {"features": "vit", "latents": "vae"}[name]
            if not os.path.exists(os.path.join(args.work, stage + ".pt")):
                print(f"no {stage}.pt: {name} left out")
                continue
            path = os.path.join(args.work, f"{name}{suffix}.npy")
            counter = path + ".count"
            if args.fresh:
                open(counter, "w").write("0")
            table = create(path, (total,) + shape)
            done = int(open(counter).read()) if os.path.exists(counter) else 0
            if name == "features":
                module = load(args.work, "vit", "vit", ViT(**vit_config)).to(args.device)
                encode = lambda f: module(vit_input(f).to(args.device))
            else:
                module = load(args.work, "vae", "vae", make_vae(config)).to(args.device)
                encode = lambda f: module.encode(vae_input(f).to(args.device)).latent_dist.mode()
            end = min(total, done + (args.limit or total))
            with torch.no_grad():
                for i in range(done, end, 32):
                    table[i:min(i + 32, end)] = encode(data.frames[i:min(i + 32, end)]).cpu().numpy()
                    open(counter, "w").write(str(min(i + 32, end)))
            table.flush()
            print(f"{name}{suffix}: {end} of {total}", flush=True)


def count(path):
    return int(open(path + ".count").read())


class Noise:
    """The forward process and its velocity."""

    def __init__(self, config, device):
        s = config["scheduler"]
        beta = torch.linspace(s["beta_start"] ** 0.5, s["beta_end"] ** 0.5, s["num_train_timesteps"], dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - beta, 0)
        self.a, self.b = kept.sqrt().float().to(device), (1 - kept).sqrt().float().to(device)

    def mix(self, x, t, noise):
        a, b = self.a[t].view(-1, 1, 1, 1), self.b[t].view(-1, 1, 1, 1)
        return a * x + b * noise, a * noise - b * x


@torch.no_grad()
def velocity_loss(model, noise, latents, features, seed=0):
    """Mean over a fixed set of times and noises; once with the right features, once with those of other pictures."""
    g = torch.Generator().manual_seed(seed)
    n = len(latents)
    t = torch.linspace(20, 980, n).long()[torch.randperm(n, generator=g)]
    e = torch.randn(latents.shape, generator=g)
    x, v = noise.mix(latents, t.to(latents.device), e.to(latents.device))
    other = torch.roll(features, n // 2 + 1, 0)
    return [float(np.mean([float(F.mse_loss(model(x[i:i + 32], t[i:i + 32].to(x.device), f[i:i + 32]), v[i:i + 32])) for i in range(0, n, 32)]))
            for f in (features, other)]


@torch.no_grad()
def regress_all(agent, work, data, features, device, limit_stories=None):
    """The language model's features of every frame of a story from its start, teacher-forced, own features half of the time."""
    from tokens import Tokenizer, chunk
    from train_llm import collate, forward, regressed
    tok, rng = Tokenizer(work), random.Random(3)
    out, known = torch.zeros_like(features), torch.zeros(len(features), dtype=torch.bool)
    for number in range(min(limit_stories or len(data.stories), len(data.stories))):
        story, at, n = data.stories[number], data.first[number], len(data.stories[number]["captions"])
        for first in range(0, n, 9):
            first = max(0, min(first, n - 9))
            c = chunk(tok, story, rng, first=first, start_picture=False, query_share=1.0)
            if not c.queried:
                continue
            shown, asked = at + torch.tensor(c.pictured, dtype=torch.long), at + torch.tensor(c.queried)
            own = known[shown] & (torch.rand(len(shown)) < 0.5)
            seen = torch.where(own[:, None, None], out[shown], features[shown]).float().to(device) if len(shown) else ()
            batch = collate([c], device)
            out[asked] = regressed(agent, forward(agent, batch, seen), batch[2]).half().cpu()
            known[asked] = True
    return out, known


def table(work, name):
    return torch.from_numpy(np.load(os.path.join(work, name), mmap_mode="r+"))


def train(args, config):
    if args.stage == "cache":
        cache(args, config)
        return
    adapt = args.stage == "adapt"
    work, device = args.work, args.device
    model = Detokenizer(config).to(device)
    if adapt and not os.path.exists(os.path.join(work, "adapt.pt")):
        model.load_state_dict(torch.load(os.path.join(work, "detokenizer.pt"), map_location=device, weights_only=False)["average.model"][0])
    model = model.to(memory_format=torch.channels_last)
    run = Run(args, args.stage, {"model": model}, averaged=("model",))
    optimizer = Optimizer(model, args.rate or (6e-4 if adapt else 1.5e-3))

    features, held_features = table(work, "features.npy"), table(work, "features-held.npy")
    latents, held_latents = table(work, "latents.npy"), table(work, "latents-held.npy")
    factor = 1 / float(latents[:min(2000, count(os.path.join(work, "latents.npy")))].float().std())
    vit = load(work, "vit", "vit", ViT(**config["vit"]))
    size = config["vit"]["image_size"]
    with torch.no_grad():
        nothing = vit(torch.zeros(1, 3, size, size)).to(device)  # the unconditional feature
    own = own_known = None
    if adapt:
        agent = load(work, "llm", "agent", Agent(config)).to(device)
        data = Data(args.data)
        encoded = min(count(os.path.join(work, n)) for n in ("features.npy", "latents.npy"))
        stories = int(np.searchsorted(data.first, encoded, "right")) - 1
        own, own_known = regress_all(agent, work, data, features, device, min(stories, args.limit or stories))
        held_features, known = regress_all(agent, work, Data(args.held), held_features, device, 40)
        held_latents, held_features = held_latents[known], held_features[known]
        regressed_at = torch.nonzero(own_known)[:, 0]
        run.say(f"{len(regressed_at)} features regressed")
        run.mark = run.clock()  # that was not training
    noise = Noise(config, device)
    rng = np.random.default_rng(run.step + args.seed)
    pick = np.linspace(0, len(held_latents) - 1, 192).astype(int)
    test = (held_latents[pick].float() * factor).to(device).contiguous(memory_format=torch.channels_last), held_features[pick].float().to(device)
    ready = 0
    while run.more():
        if run.step % 100 == 0 or ready == 0:  # the cache may still be growing
            ready = min(count(os.path.join(work, "latents.npy")), count(os.path.join(work, "features.npy")))
        i = torch.from_numpy(rng.integers(0, ready, args.batch))
        if adapt:
            i = torch.where(torch.rand(len(i)) < 0.8, regressed_at[torch.from_numpy(rng.integers(0, len(regressed_at), len(i)))], i)
        seen = features[i].float()
        if adapt:
            use = own_known[i] & (torch.rand(len(i)) < 0.85)
            seen = torch.where(use[:, None, None], own[i].float(), seen)
        # a little noise: regressed features are never exact
        seen = (seen + 0.1 * torch.randn_like(seen)).to(device)
        seen = torch.where(torch.rand(len(i), 1, 1, device=device) < 0.08, nothing, seen)
        x = (latents[i].float() * factor).to(device).contiguous(memory_format=torch.channels_last)
        t = torch.randint(0, 1000, (len(i),), device=device)
        noisy, velocity = noise.mix(x, t, torch.randn_like(x))
        loss = F.mse_loss(model(noisy, t, seen), velocity)
        loss.backward()
        optimizer.step(run.scale)
        if run.step % 400 == 399:
            run.say("held-out v-loss {:.4f}, with others' features {:.4f}".format(*velocity_loss(model, noise, *test)))
        run.more(loss=loss)
    model.load_state_dict(run.averages["model"].weights)
    run.say("held-out v-loss {:.4f}, with others' features {:.4f} (averaged weights)".format(*velocity_loss(model, noise, *test)))
