"""Tells a story with an exported model in PyTorch, step for step as the engine does it. For evaluation and as a reference."""
import torch

from tokens import BOS, EOS, IMG, IMG_END, PICTURE_TOKENS, VOCAB


class Sampler:
    """Euler on the SDXL schedule with classifier-free guidance, from a feature to pixels."""

    def __init__(self, config, made, steps=12, guidance=2.5, seed=42):
        s = config["scheduler"]
        beta = torch.linspace(s["beta_start"] ** 0.5, s["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - beta, 0)
        t = torch.arange(steps - 1, -1, -1) * (1000 // steps) + s["steps_offset"]
        sigma = ((1 - kept) / kept).sqrt()[t]
        self.t, self.sigma = t, torch.cat([sigma, torch.zeros(1)]).float()
        self.made, self.guidance, self.factor, self.seed = made, guidance, config["vae"]["scaling_factor"], seed
        size = config["vit"]["image_size"]
        self.side = size // 8
        self.nothing = made["vit"](torch.zeros(1, 3, size, size))

    @torch.no_grad()
    def __call__(self, features):
        model, n = self.made["detokenizer"], len(features)
        noise = torch.randn(1, 4, self.side, self.side, generator=torch.Generator().manual_seed(self.seed))
        x = noise.expand(n, -1, -1, -1) * (self.sigma[0] ** 2 + 1).sqrt()
        prompt, added = model.condition(torch.cat([self.nothing.expand(n, -1, -1), features]))
        for t, s, s_next in zip(self.t, self.sigma[:-1], self.sigma[1:]):
            scaled = x / (s ** 2 + 1).sqrt()
            v = model.unet(torch.cat([scaled, scaled]), t, encoder_hidden_states=prompt, added_cond_kwargs=added).sample
            without, given = v.chunk(2)
            v = without + self.guidance * (given - without)
            clean = scaled / (s ** 2 + 1).sqrt() - v * s / (s ** 2 + 1).sqrt()
            x = x + (x - clean) / s * (s_next - s)
        y = self.made["vae"].decode(x / self.factor).sample
        return ((y / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


class Teller:
    """Captions and features, frame by frame; the whole context is run again for each token, which is slow and plain."""

    def __init__(self, config, made, tok, temperature=0.0, seed=0):
        self.agent, self.tok, self.temperature = made["llm"], tok, temperature
        self.generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def hidden(self, ids, pictures):
        ids = torch.tensor([ids])
        x = self.agent.llm.embed(ids)
        at = (ids[0] >= VOCAB) & (ids[0] < IMG)
        if pictures:
            x[0, torch.nonzero(at)[:PICTURE_TOKENS * len(pictures), 0]] = self.agent.input_resampler(torch.cat(pictures)).flatten(0, 1)
        n = ids.shape[1]
        mask = torch.full((n, n), -1e4).triu(1)
        return self.agent.llm(x, torch.arange(n)[None], mask)[0]

    @torch.no_grad()
    def tell(self, prompt, frames, window=8, given=None):
        """Yields (caption, feature). `given`: captions to use instead of writing them."""
        image = [IMG] + [VOCAB + k for k in range(PICTURE_TOKENS)]
        ids, history, pictures = [BOS] + self.tok.first.encode(prompt), [], []
        for k in range(frames):
            left = frames - k
            if len(history) > window:
                # the window slides: what is before its first frame goes, and that frame's [INST] with it
                history, pictures = history[1:], pictures[1:]
                (first_left, first), rest = history[0], history[1:]
                ids = [BOS] + self.tok.first.encode(f"{first_left}| {first}") + image + [IMG_END]
                for l, c in rest:
                    ids += self.tok.later.encode(f"[INST]{l}| {c}") + image + [IMG_END]
            ids = ids + self.tok.later.encode(f"[INST]{left}|")
            start = len(ids)
            if given:
                ids += self.tok.later.encode(" " + given[k]) + [IMG]
            else:
                while len(ids) - start < 60:
                    logits = self.agent.llm.lm_head(self.hidden(ids, pictures)[-1])
                    logits[[EOS] + list(range(VOCAB, IMG)) + [IMG_END]] = -1e9
                    if self.temperature:
                        choice = int(torch.multinomial((logits / self.temperature).softmax(-1), 1, generator=self.generator))
                    else:
                        choice = int(logits.argmax())
                    ids.append(choice)
                    if choice == IMG:
                        break
                else:
                    ids.append(IMG)
            caption = self.tok.decode(ids[start:-1]).strip()
            ids += image[1:]
            hidden = self.hidden(ids, pictures)[-PICTURE_TOKENS:]
            feature = self.agent.output_resampler(hidden[None])
            pictures.append(feature)
            history.append((left, caption))
            ids = ids + [IMG_END]
            yield caption, feature
