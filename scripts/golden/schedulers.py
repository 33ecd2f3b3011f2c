#!/usr/bin/env python3
"""What diffusers' schedulers do step by step: tests/data/reference/schedulers.safetensors.

    python3 -m venv ref
    ref/bin/pip install torch diffusers==0.42.1
    ref/bin/python scripts/golden/schedulers.py

Euler on the discrete schedule is in make_reference.py, made by the diffusers that SEED-Story runs on. That one's
DPM-Solver++ leaves noise in the picture; the versions since, and stable-diffusion.cpp, step to sigma 0. So these are
made by a version of today, with the settings that a pipeline takes over from SDXL's scheduler_config.json, and alpha 1
at DDIM's end.

`levels.METHOD.SCHEDULER.STEPS.{timesteps,sigmas}`, and guided walks `walk.METHOD.SCHEDULER.PREDICTION.STEPS.*`: `start`,
and of each step `input`, `model` (random: what a model would say) and `latent`. `guidance` is one number. Names of methods
and schedulers are ours.
"""

import os
import platform

import diffusers
import torch
from safetensors.torch import save_file

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "data", "reference")
SDXL = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
            timestep_spacing="leading", steps_offset=1)
GUIDANCE = 7.5


def scheduler(method, spacing, prediction="epsilon"):
    config = SDXL | {"prediction_type": prediction}
    if method == "ddim":
        return diffusers.DDIMScheduler(**config, clip_sample=False, set_alpha_to_one=True)
    config["use_karras_sigmas"] = spacing == "karras"
    if method == "dpm++2m":
        return diffusers.DPMSolverMultistepScheduler(**config, algorithm_type="dpmsolver++", solver_order=2,
                                                     solver_type="midpoint", final_sigmas_type="zero")
    return diffusers.EulerDiscreteScheduler(**config)


def levels(tensors, method, spacing, steps):
    s = scheduler(method, spacing)
    s.set_timesteps(steps)
    name = f"levels.{method}.{spacing}.{steps}."
    tensors[name + "timesteps"] = s.timesteps.float()
    if method != "ddim":  # which has none
        tensors[name + "sigmas"] = s.sigmas.float()


def walk(tensors, method, spacing, prediction, steps):
    s = scheduler(method, spacing, prediction)
    s.set_timesteps(steps)
    g = torch.Generator().manual_seed(160 + steps)
    shape = (1, 4, 2, 3)
    x = torch.randn(shape, generator=g) * s.init_noise_sigma
    name = f"walk.{method}.{spacing}.{prediction}.{steps}."
    tensors[name + "start"] = x.clone()
    for j, t in enumerate(s.timesteps):
        scaled = s.scale_model_input(torch.cat([x, x]), t)
        m = torch.randn((2,) + shape[1:], generator=g)
        u, c = m.chunk(2)
        x = s.step(u + GUIDANCE * (c - u), t, x).prev_sample
        tensors |= {f"{name}{j}.input": scaled, f"{name}{j}.model": m, f"{name}{j}.latent": x.clone()}


def main():
    tensors = {"guidance": torch.tensor([GUIDANCE])}
    for method, spacing in (("euler", "karras"), ("dpm++2m", "discrete"), ("dpm++2m", "karras"), ("ddim", "discrete")):
        for steps in (1, 2, 3, 10, 20, 25, 30, 50, 333, 999):
            levels(tensors, method, spacing, steps)
        for prediction in ("epsilon", "v_prediction"):
            for steps in (1, 2, 5, 16):
                walk(tensors, method, spacing, prediction, steps)
    # A stride of one: the end is a timestep of the training.
    walk(tensors, "ddim", "discrete", "epsilon", 999)
    tensors = {k: v for k, v in tensors.items() if not k.startswith("walk.ddim.discrete.epsilon.999.") or
               k.split(".")[-1] == "start" or k.split(".")[-2] in ("997", "998")}
    made_by = f"scripts/golden/schedulers.py with torch {torch.__version__}, diffusers {diffusers.__version__} on {platform.machine()}"
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, os.path.join(OUT, "schedulers.safetensors"),
              metadata={"made_by": made_by})


main()
