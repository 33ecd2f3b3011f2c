"""Weights by chance and the files that hold them."""

import os
import platform

import torch
from safetensors.torch import save_file

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OUT = os.path.join(ROOT, "tests", "data", "reference")


def generator(seed):
    return torch.Generator().manual_seed(seed)


def draw(shapes, seed, gains=()):
    """Weights by name. Matrices keep 0.4 of the variance that they get, so that residual streams stay small; norms
    have weights round 0.4; biases are as large as what they are added to. `gains`: (part of a name, factor)."""
    g = generator(seed)
    weights = {}
    for name, shape in shapes.items():
        noise = torch.randn(tuple(shape), generator=g)
        if len(shape) == 1 and name.endswith("weight"):  # of a norm
            value = 0.4 + 0.15 * noise
        elif len(shape) == 1:
            value = 0.1 * noise
        elif len(shape) == 2 or len(shape) == 4:
            value = noise * (0.6 / (noise.numel() // shape[0])**0.5)
        else:
            value = noise
        for part, gain in gains:
            if part in name:
                value = value * gain
        weights[name] = value.half().float()
    return weights


def fill(module, seed, gains=()):
    module.eval().requires_grad_(False)
    own = {k: v for k, v in module.state_dict().items() if not k.endswith("inv_freq")}
    weights = draw({k: v.shape for k, v in own.items()}, seed, gains)
    module.load_state_dict(weights, strict=False)
    return weights


def metadata():
    """One entry: safetensors writes several in an order that changes from run to run."""
    import diffusers
    import peft
    import transformers

    libraries = ", ".join(f"{m.__name__} {m.__version__}" for m in (torch, transformers, diffusers, peft))
    return {"made_by": f"scripts/golden/make_reference.py with {libraries} on {platform.machine()}"}


def write(name, tensors):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, path, metadata=metadata())
    os.chmod(path, 0o644)
    print(f"  {name}: {len(tensors)} tensors, {os.path.getsize(path)} bytes")


def write_network(name, weights, inputs, outputs):
    for k, v in outputs.items():
        assert torch.isfinite(v).all(), k
        print(f"  out.{k}: {tuple(v.shape)}, largest {v.abs().max():.3g}")
    write(name + ".safetensors", {"weights." + k: v.half() for k, v in weights.items()} |
          {"in." + k: v for k, v in inputs.items()} | {"out." + k: v for k, v in outputs.items()})


def flat_storage(tensors):
    """The same tensors as views of one flat f32 storage, as DeepSpeed's zero_to_fp32 leaves them."""
    flat = torch.cat([torch.full((5,), float("nan"))] + [v.float().reshape(-1) for v in tensors.values()])
    views, at = {}, 5
    for name, value in tensors.items():
        views[name] = flat[at:at + value.numel()].view(value.shape)
        at += value.numel()
    return views


def torch_save(state, name):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(state, path)
    print(f"  {name}: {len(state)} tensors, {os.path.getsize(path)} bytes")
