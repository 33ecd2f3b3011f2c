#!/usr/bin/env python3
"""Inputs and outputs of every part of an exported model, computed here in f32 from the dequantised weights, to check the engine against.

    reference.py --model weights/nano --data DIR --out DIR

vit: input, output. agent: ids (a prompt, a caption, a picture, the next call), feature put into the picture rows, hidden, logits, and what
the output resampler makes of the last 16 rows. detokenizer: feature, prompt, pooled, latent, t, v. vae: latent (already divided by the
scaling factor), picture.
"""
import argparse
import os

import numpy as np
import torch
from safetensors.torch import save_file

from export import load_model
from models import vit_input
from tokens import BOS, IMG, IMG_END, PICTURE_TOKENS, VOCAB, Tokenizer


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, help="directory of make_data.py, for one picture")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.manual_seed(0)
    config, made = load_model(args.model)
    tok = Tokenizer(args.model)

    def save(name, **tensors):
        save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(args.out, name + ".safetensors"))

    frame = np.load(os.path.join(args.data, "frames.npy"), mmap_mode="r")[:1]
    image = vit_input(frame)
    feature = made["vit"](image)
    save("vit", pixels=torch.from_numpy(frame.copy()), input=image, output=feature)

    image_ids = [IMG] + [VOCAB + k for k in range(PICTURE_TOKENS)]
    ids = ([BOS] + tok.first.encode("A little fox finds a red lantern in the snow.") + tok.later.encode("[INST]4| Mia the fox waved in the snow.") + image_ids
           + [IMG_END] + tok.later.encode("[INST]3| Mia saw a red lantern on the ground.") + image_ids)
    agent, n = made["llm"], len(ids)
    rows = agent.llm.embed(torch.tensor([ids]))
    at = ids.index(IMG) + 1
    resampled = agent.input_resampler(feature)
    rows[0, at:at + PICTURE_TOKENS] = resampled[0]
    hidden = agent.llm(rows, torch.arange(n)[None], torch.full((n, n), -1e4).triu(1))
    regressed = agent.output_resampler(hidden[:, -PICTURE_TOKENS:])
    save("agent", ids=torch.tensor(ids), picture_at=torch.tensor([at]), picture_feature=feature, input_resampler=resampled, hidden=hidden[0],
         logits=agent.llm.lm_head(hidden[0]), output_resampler=regressed)

    model, side = made["detokenizer"], config["vit"]["image_size"] // 8
    latent, t = torch.randn(1, 4, side, side), torch.tensor(501)
    prompt, added = model.condition(feature)
    save("detokenizer", feature=feature, prompt=prompt, pooled=added["text_embeds"], time_ids=added["time_ids"][0], latent=latent, t=t[None],
         v=model(latent, t, feature))

    code = made["vae"].encode(torch.from_numpy(frame.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1).latent_dist.mode()
    save("vae", latent=code, picture=made["vae"].decode(code).sample)
    print("written to", args.out)


if __name__ == "__main__":
    main()
