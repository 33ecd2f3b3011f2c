"""Stage vae: pictures to latents and back. Afterwards `--decoder-only` goes on with the decoder while other stages train."""
import numpy as np
import torch
import torch.nn.functional as F

from common import Data, Optimizer, Run
from models import make_vae, vae_input


def edges(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def picture_loss(y, x):
    """Absolute and squared error, and the error of the gradients, without which flat art comes out soft."""
    (yv, yh), (xv, xh) = edges(y), edges(x)
    return F.l1_loss(y, x) + F.mse_loss(y, x) + 0.6 * (F.l1_loss(yv, xv) + F.l1_loss(yh, xh))


@torch.no_grad()
def decibels(vae, frames):
    error = [F.mse_loss(vae.decode(vae.encode(vae_input(f[None])).latent_dist.mode()).sample.clamp(-1, 1), vae_input(f[None])) for f in frames]
    return float(np.mean([-10 * np.log10(float(e) / 4) for e in error]))


def train(args, config):
    data, held = Data(args.data), Data(args.held)
    vae = make_vae(config).to(args.device)
    half = config["vae"]["latent_channels"]
    with torch.no_grad():  # near-silent noise at first, or the decoder learns to ignore the latents
        vae.quant_conv.bias[half:] = -8
        vae.quant_conv.weight[half:] *= 0.1
    parts = {"vae": vae}
    if args.decoder_only:
        vae.load_state_dict(torch.load(args.work + "/vae.pt", map_location=args.device, weights_only=False)["vae"])
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
        latents = np.load(args.work + "/latents.npy", mmap_mode="r")  # of this very encoder, by the stage cache
    run = Run(args, "decoder" if args.decoder_only else "vae", parts)
    optimizer = Optimizer(vae, args.rate or 2e-3)
    rng = np.random.default_rng(run.step)
    test = held.frames[:: max(1, len(held.frames) // 48)]
    while run.more():
        if args.decoder_only:
            ready = int(open(args.work + "/latents.npy.count").read())
            pick = np.sort(rng.integers(0, ready, args.batch))
            x = vae_input(data.frames[pick]).to(args.device)
            z = torch.from_numpy(latents[pick].astype(np.float32)).to(args.device)
            loss = picture_loss(vae.decode(z + 0.05 * z.std() * torch.randn_like(z)).sample, x)
        else:
            # crops first: more different scenes a minute; they keep to the latent grid. Whole frames teach the borders and the middle attention
            whole = run.progress > 0.6
            frames = data.frames[np.sort(rng.integers(0, len(data.frames), args.batch if whole else 4 * args.batch))]
            if not whole:
                y, x = 8 * rng.integers(0, frames.shape[1] // 16 + 1, 2)
                frames = frames[:, y:y + frames.shape[1] // 2, x:x + frames.shape[2] // 2]
            x = vae_input(frames).to(args.device)
            code = vae.encode(x).latent_dist
            loss = picture_loss(vae.decode(code.sample()).sample, x) + 2e-5 * code.kl().mean() / x[0, 0].numel() * 64
        loss.backward()
        optimizer.step(run.scale)
        if run.step % 150 == 149:
            run.say(f"held-out {decibels(vae, test[:16]):.2f} dB")
        run.more(loss=loss)
    run.save()
    run.say(f"held-out {decibels(vae, test):.2f} dB on {len(test)} pictures")
