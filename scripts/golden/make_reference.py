#!/usr/bin/env python3
"""Reference tensors for the tests: small random networks and what PyTorch's own libraries compute from them.

    python3 -m venv ref
    ref/bin/pip install torch==2.3.1 "numpy<2" safetensors pillow regex requests tqdm pyyaml packaging psutil \\
        importlib_metadata
    ref/bin/pip install --no-deps transformers==4.34.1 tokenizers==0.14.1 peft==0.4.0 diffusers==0.25.0 \\
        accelerate==0.25.0 huggingface_hub==0.20.3
    ref/bin/python scripts/golden/make_reference.py            # all of tests/data/reference
    ref/bin/python scripts/golden/make_reference.py unet_sdxl  # one of them, and what is printed about it
    ref/bin/python scripts/golden/make_reference.py --against DIR  # our ViT, resampler and adapter against a golden set

These are the versions that SEED-Story's own code runs on (--no-deps because the pins of tokenizers and diffusers on
huggingface_hub exclude each other on paper only). Newer ones change the last bits; a file's metadata names its own.

LLaMA, LoRA, UNet, VAE and the scheduler are transformers', peft's and diffusers'. The ViT, the resamplers and the SDXL
adapter are SEED-Story's own classes; seed_story.py writes them again with PyTorch's attention, norms and interpolation.

A file holds `weights.*` (f16: the numbers are exact in every type wider), `in.*` and `out.*` (f32). The weights are
drawn so that a mistake shows: the residual streams are small against eps, every bias counts. Each network is also run
with each weight set to zero, each eps ten times as large and GELU by tanh, and the script stops if an output moves by
less than twice the limit of the tests. What cannot show is named where it is skipped, with the reason.
"""

import argparse
import collections
import json
import os
import warnings

warnings.filterwarnings("ignore", ".*_register_pytree_node")
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

import torch
from safetensors import safe_open

import seed_story
from fixtures import OUT, draw, fill, flat_storage, generator, torch_save, write, write_network
from mistakes import check_functional, check_module, check_rounding, check_scale

MAKERS = {}


def fixture(make):
    MAKERS[make.__name__] = make
    return make


# ---- SEED-Story's own networks ----------------------------------------------------------------------------------


def vit(name, seed, image, patch, width, layers, heads, mlp, table, queries, out_dim, pool_heads, eps):
    shapes = seed_story.vit_shapes(patch, width, layers, mlp, table, queries, out_dim)
    # Patches arrive with variance 1; ln_pre makes the stream, and it must be small against eps.
    weights = draw(shapes, seed, [("ln_pre", 0.1), ("out_proj", 0.1), ("c_proj", 0.1), ("attn_pool.kv_proj", 0.2),
                                  ("in_proj", 3), ("c_fc.weight", 6), ("conv1", 0.1), ("positional_embedding", 0.1)])
    x = torch.randn(2, 3, image, image, generator=generator(seed + 1))

    def run(w):
        block0, y = seed_story.vit(w, x, patch, heads, pool_heads, eps)
        return {"block0": block0, "output": y}

    outputs = run(weights)
    check_functional(weights, run, outputs)
    write_network(name, weights, {"image": x}, outputs)


@fixture
def vit_bicubic():
    """A 4x4 position table on 6x6 patches (scale 2/3 down, not a power of two), 3x3 queries on 36 keys, head dim 5."""
    vit("vit_bicubic",
        10,
        image=18,
        patch=3,
        width=15,
        layers=2,
        heads=3,
        mlp=22,
        table=16,
        queries=9,
        out_dim=12,
        pool_heads=2,
        eps=1e-6)


@fixture
def vit_same_grid():
    """As many patches as table entries and queries: no table is resized. One layer, another eps."""
    vit("vit_same_grid",
        20,
        image=16,
        patch=4,
        width=12,
        layers=1,
        heads=1,
        mlp=30,
        table=16,
        queries=16,
        out_dim=8,
        pool_heads=4,
        eps=1e-5)


def resampler(name, seed, queries, keys, dim, kv_dim, heads, eps=1e-5):
    weights = draw(seed_story.resampler_shapes(queries, dim, kv_dim), seed, [("in_proj_weight", 3)])
    # As small as needed for eps to count in ln_kv; the queries likewise.
    weights["query"] = (weights["query"] * 0.02).half().float()
    x = 0.02 * torch.randn(2, keys, kv_dim, generator=generator(seed + 1))

    def run(w):
        return {"output": seed_story.resampler(w, x, heads, eps)}

    outputs = run(weights)
    check_functional(weights, run, outputs, gelu=False)
    write_network(name, weights, {"x": x}, outputs)


@fixture
def resampler_up():
    """3x3 queries on 5x5 keys (position table 3 -> 5), three heads, the input narrower than dim: with kv_proj."""
    resampler("resampler_up", 30, queries=9, keys=25, dim=12, kv_dim=10, heads=3)


@fixture
def resampler_down():
    """4x4 queries on 3x3 keys (4 -> 3), one head, no kv_proj."""
    resampler("resampler_down", 40, queries=16, keys=9, dim=8, kv_dim=8, heads=1)


def adapter(name, seed, tokens, **sizes):
    weights = draw(seed_story.adapter_shapes(**sizes), seed, [(".1.1.weight", 6), ("proj_in", 0.1), ("to_out", 0.1),
                                                              ("1.3.weight", 0.1), ("to_q", 4), ("to_kv", 4), ("q_proj", 4), ("k_proj", 4)])
    weights["latents"] = (0.05 * weights["latents"]).half().float()
    x = torch.randn(2, tokens, sizes["embedding_dim"], generator=generator(seed + 1))

    def run(w):
        prompt, pooled = seed_story.adapter(w, x, sizes["heads"], 1e-5)
        return {"prompt": prompt, "pooled": pooled}

    outputs = run(weights)
    # A bias of the keys adds one number to all scores of a query: the softmax does not see it.
    check_functional(weights, run, outputs, blind=["k_proj.bias"])
    write_network(name, weights, {"x": x}, outputs)


@fixture
def adapter_odd():
    """Heads times dim_head is not dim (3 x 5, 12), seven tokens in, five queries, depth 2, a ff factor of 3."""
    adapter("adapter_odd",
            50,
            tokens=7,
            dim=12,
            depth=2,
            heads=3,
            dim_head=5,
            queries=5,
            embedding_dim=10,
            output1=6,
            output2=9,
            ff_mult=3)


# ---- LLaMA ------------------------------------------------------------------------------------------------------

LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LLM_GAINS = [("embed_tokens", 0.3), ("norm", 1), ("q_proj.weight", 4), ("k_proj.weight", 4), ("gate_proj", 3),
             ("lm_head", 3)]


def llama_model(theta, **sizes):
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(rope_theta=theta, tie_word_embeddings=False, **sizes))


def run_llama(model, inputs):
    """The tokens' embeddings, some rows of them replaced as pictures do, through the model in one causal pass."""
    with torch.no_grad():
        x = model.get_input_embeddings()(inputs["ids"].long()).unsqueeze(0)
        x[0, inputs["positions"].long()] = inputs["rows"]
        out = model(inputs_embeds=x, output_hidden_states=True, use_cache=False)
    return {"layer0": out.hidden_states[1][0], "hidden": out.hidden_states[-1][0], "logits": out.logits[0]}


def llama_inputs(seed, vocab, hidden, length, positions):
    g = generator(seed)
    return {
        "ids": torch.randint(0, vocab, (length,), generator=g,
                             dtype=torch.int32), "positions": torch.tensor(positions, dtype=torch.int32),
        "rows": 0.2 * torch.randn(len(positions), hidden, generator=g)
    }


@fixture
def llama_heads3():
    """Three heads of 6, a RoPE base and an eps that are not the published ones, an odd vocabulary."""
    model = llama_model(700.0,
                        vocab_size=37,
                        hidden_size=18,
                        num_hidden_layers=2,
                        num_attention_heads=3,
                        num_key_value_heads=3,
                        intermediate_size=29,
                        max_position_embeddings=64,
                        rms_norm_eps=1e-6)
    weights = fill(model, 60, LLM_GAINS + [("embed_tokens", 0.2), ("o_proj", 0.3), ("down_proj", 0.3)])
    inputs = llama_inputs(61, 37, 18, 23, [3, 4, 5, 12, 13, 14])
    outputs = run_llama(model, inputs)
    check_module(model, weights, lambda: run_llama(model, inputs), outputs, limit=1e-4, gelu=False)
    write_network("llama_heads3", weights, inputs, outputs)


@fixture
def lora_rank3():
    """peft's LoRA of rank 3 and alpha 5, not merged, in the container of the published file: bf16 base matrices, the
    rest f32 views of one storage, `original_module` copies that must be ignored, `_metadata`."""
    from peft import LoraConfig, get_peft_model

    base = llama_model(10000.0,
                       vocab_size=32,
                       hidden_size=16,
                       num_hidden_layers=2,
                       num_attention_heads=2,
                       num_key_value_heads=2,
                       intermediate_size=24,
                       max_position_embeddings=64,
                       rms_norm_eps=1e-5)
    model = get_peft_model(
        base,
        LoraConfig(r=3,
                   lora_alpha=5,
                   target_modules=LORA_TARGETS,
                   bias="none",
                   modules_to_save=["input_layernorm", "post_attention_layernorm", "norm"]))
    fill(model, 70, LLM_GAINS)
    state = model.state_dict()
    for name, value in state.items():  # the base matrices are bf16 in the file
        if name.endswith("proj.weight"):
            value.copy_(value.bfloat16().float())
    inputs = llama_inputs(71, 32, 16, 11, [2, 3])
    outputs = run_llama(model, inputs)
    weights = {k: v.clone() for k, v in state.items()}
    check_module(model,
                 weights,
                 lambda: run_llama(model, inputs),
                 outputs,
                 limit=1e-4,
                 gelu=False,
                 blind=["inv_freq", "original_module"])
    check_scale(model, lambda: run_llama(model, inputs), outputs)

    saved = model.state_dict()
    flat = flat_storage({k: v for k, v in saved.items() if not k.endswith("proj.weight")})
    file = collections.OrderedDict()
    for name, value in saved.items():
        file["llm." + name] = flat.get(name, value.bfloat16())
    file._metadata = saved._metadata
    torch_save(file, "lora_rank3.bin")
    write_network("lora_rank3", {}, inputs, outputs)


# ---- UNet -------------------------------------------------------------------------------------------------------


def unet_model(channels, down, up, depth, heads, layers, groups, cross, ids, pooled, eps=1e-5, prediction=None):
    from diffusers import UNet2DConditionModel

    kind = {True: "CrossAttn%sBlock2D", False: "%sBlock2D"}
    return UNet2DConditionModel(sample_size=8,
                                in_channels=4,
                                out_channels=4,
                                block_out_channels=channels,
                                down_block_types=tuple(kind[a] % "Down" for a in down),
                                up_block_types=tuple(kind[a] % "Up" for a in up),
                                layers_per_block=layers,
                                transformer_layers_per_block=depth,
                                attention_head_dim=heads,
                                norm_num_groups=groups,
                                norm_eps=eps,
                                cross_attention_dim=cross,
                                use_linear_projection=True,
                                addition_embed_type="text_time",
                                addition_time_embed_dim=ids,
                                projection_class_embeddings_input_dim=pooled + 6 * ids)


# Everything that writes to a residual stream is quiet, what feeds a softmax or a gate is loud.
UNET_GAINS = [("conv_in", 0.03), ("conv2", 0.1), ("to_out", 0.2), ("net.2", 0.2), ("proj_in", 0.1), ("to_q", 3),
              ("to_k", 3), ("net.0.proj.weight", 5), ("conv1", 0.1), ("time_emb_proj", 0.1), ("shortcut.bias", 0.1),
              ("samplers.0.conv.bias", 0.1), ("proj_out.bias", 0.05), ("proj_out", 0.5)]


def unet_inputs(seed, height, width, tokens, cross, pooled, timestep):
    g = generator(seed)
    return {
        "latent": torch.randn(2, 4, height, width, generator=g), "timestep": torch.tensor([timestep],
                                                                                          dtype=torch.float32),
        "prompt": torch.randn(2, tokens, cross, generator=g), "pooled": torch.randn(2, pooled, generator=g),
        "time_ids": torch.tensor([[height * 8, width * 8, 3, 5, height * 8, width * 8]] * 2, dtype=torch.float32)
    }


def run_unet(model, inputs):
    seen = {}
    hooks = [
        model.down_blocks[0].register_forward_hook(lambda m, i, o: seen.update(down0=o[0])),
        model.mid_block.register_forward_hook(lambda m, i, o: seen.update(mid=o))
    ]
    with torch.no_grad():
        y = model(inputs["latent"],
                  inputs["timestep"][0],
                  encoder_hidden_states=inputs["prompt"],
                  added_cond_kwargs={"text_embeds": inputs["pooled"], "time_ids": inputs["time_ids"]}).sample
    for hook in hooks:
        hook.remove()
    return {"down0": seen["down0"], "mid": seen["mid"], "output": y}


def unet(name, seed, height, width, tokens, timestep, **sizes):
    model = unet_model(**sizes)
    weights = fill(model, seed, UNET_GAINS)
    inputs = unet_inputs(seed + 1, height, width, tokens, sizes["cross"], sizes["pooled"], timestep)
    outputs = run_unet(model, inputs)
    check_rounding(model, lambda: run_unet(model, inputs), outputs)
    check_module(model, weights, lambda: run_unet(model, inputs), outputs, gelu=any(sizes["depth"]))
    write_network(name, weights, inputs, outputs)


@fixture
def unet_sdxl():
    """SDXL's plan in small: three levels, two layers a block, no attention at the top, 1 and 2 transformer layers;
    pictures taller than wide."""
    unet("unet_sdxl",
         4080,
         height=12,
         width=8,
         tokens=5,
         timestep=981,
         channels=(4, 8, 12),
         down=(False, True, True),
         up=(True, True, False),
         depth=(1, 1, 2),
         heads=(1, 2, 3),
         layers=2,
         groups=2,
         cross=10,
         ids=4,
         pooled=7)


@fixture
def unet_upside_down():
    """Attention at the top only, one layer a block, groups of an odd size, other heads a level, wide pictures."""
    unet("unet_upside_down",
         90,
         height=4,
         width=10,
         tokens=3,
         timestep=1,
         channels=(6, 15),
         down=(True, False),
         up=(False, True),
         depth=(2, 1),
         heads=(2, 5),
         layers=1,
         groups=3,
         cross=8,
         ids=2,
         pooled=5)


@fixture
def unet_depth0():
    """Four levels, all with attention, whose transformers have 0, 1, 2 and 0 layers (0: norm and projections only), an
    eps that is not the published one, three tokens of prompt."""
    unet("unet_depth0",
         3100,
         height=8,
         width=16,
         tokens=3,
         timestep=501,
         channels=(4, 4, 8, 8),
         down=(True,) * 4,
         up=(True,) * 4,
         depth=(0, 1, 2, 0),
         heads=(1, 2, 2, 4),
         layers=1,
         groups=2,
         cross=6,
         ids=4,
         pooled=3,
         eps=1e-4)


@fixture
def unet_override():
    """A base UNet of one level, three adapted files as the published de-tokenizer may be (keys behind `unet.`), and
    the outputs of each: (a) to_k and to_v only, (b) those in f32 and the frozen rest in bf16, (c) all of it in f32."""
    sizes = dict(channels=(6,),
                 down=(True,),
                 up=(True,),
                 depth=(1,),
                 heads=(2,),
                 layers=1,
                 groups=2,
                 cross=6,
                 ids=2,
                 pooled=3)
    model = unet_model(**sizes)
    weights = fill(model, 110, UNET_GAINS)
    inputs = unet_inputs(111, 4, 4, 3, 6, 3, 301)
    outputs = {"base": run_unet(model, inputs)["output"]}
    other = draw({k: v.shape for k, v in weights.items()}, 112, UNET_GAINS)
    trained = {k: v for k, v in other.items() if k.endswith(("to_k.weight", "to_v.weight"))}
    cases = {"a": trained, "b": {k: trained.get(k, v.bfloat16()) for k, v in weights.items()}, "c": other}
    for case, file in cases.items():
        model.load_state_dict(weights | {k: v.float() for k, v in file.items()})
        outputs[case] = run_unet(model, inputs)["output"]
        check_rounding(model, lambda: run_unet(model, inputs), run_unet(model, inputs))
        flat = flat_storage({k: v for k, v in file.items() if v.dtype == torch.float32})
        torch_save(collections.OrderedDict(("unet." + k, flat.get(k, v)) for k, v in file.items()),
                   f"unet_override_{case}.bin")
    for case in cases:
        moved = (outputs[case] - outputs["base"]).abs().max() / outputs["base"].abs().max()
        print(f"  {case} against base: {moved:.1e}")
    write_network("unet_override", weights, inputs, outputs)


# ---- VAE --------------------------------------------------------------------------------------------------------

VAE_GAINS = [("conv_in", 0.03), ("conv1", 0.1), ("conv2", 0.1), ("to_out", 0.1), ("to_q", 6), ("to_k", 6),
             ("shortcut.bias", 0.1), ("samplers.0.conv.bias", 0.1)]


def vae(name, seed, height, width, rename=lambda name, value: (name, value), **sizes):
    from diffusers import AutoencoderKL

    levels = len(sizes["block_out_channels"])
    model = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels,
                          up_block_types=("UpDecoderBlock2D",) * levels,
                          latent_channels=4,
                          **sizes)
    weights = fill(model, seed, VAE_GAINS)
    g = generator(seed + 1)
    scale = 2**(levels - 1)
    inputs = {
        "latent": torch.randn(1, 4, height, width, generator=g),
        "image": torch.rand(1, 3, height * scale, width * scale, generator=g) * 2 - 1
    }

    def run():
        with torch.no_grad():
            code = model.encode(inputs["image"]).latent_dist
            return {"decoded": model.decode(inputs["latent"]).sample, "mean": code.mean, "logvar": code.logvar}

    outputs = run()
    check_rounding(model, run, outputs)
    assert outputs["logvar"].abs().max() < 20  # diffusers clamps to [-30, 20]
    check_module(model, weights, run, outputs, gelu=False, blind=["to_k.bias"])  # softmax does not see it
    write_network(name, dict(rename(k, v) for k, v in weights.items()), inputs, outputs)


@fixture
def vae_one_layer():
    """Three levels, one layer a block, two groups, a wide picture."""
    vae("vae_one_layer", 120, height=3, width=5, block_out_channels=(4, 8, 8), layers_per_block=1, norm_num_groups=2)


@fixture
def vae_old_names():
    """The attention's deprecated names (query, key, value, proj_attn) and, as in files converted from the first code,
    1x1 convolutions for matrices. Two layers a block, two levels, three groups."""
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def rename(name, value):
        for new, old in names.items():
            if f".{new}." in name:
                name = name.replace(new, old)
                if value.dim() == 2:
                    value = value[:, :, None, None]
        return name, value

    vae("vae_old_names",
        130,
        height=6,
        width=3,
        rename=rename,
        block_out_channels=(6, 9),
        layers_per_block=2,
        norm_num_groups=3)


# ---- scheduler --------------------------------------------------------------------------------------------------


@fixture
def euler():
    """Timesteps, sigmas and whole guided trajectories of EulerDiscreteScheduler. `NAME.STEPS.*`; the numbers of each
    configuration are repeated in the test."""
    from diffusers import EulerDiscreteScheduler

    def scheduler(**config):
        return EulerDiscreteScheduler(**({
            "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
            "timestep_spacing": "leading", "steps_offset": 1
        } | config))

    tensors = {}
    for name, config, counts in (("sdxl", {}, (1, 2, 3, 7, 12, 20, 30, 50, 333, 999, 1000)),
                                 ("short", dict(num_train_timesteps=100,
                                                beta_start=0.002,
                                                beta_end=0.05,
                                                steps_offset=0), (1, 6, 100))):
        for steps in counts:
            s = scheduler(**config)
            s.set_timesteps(steps)
            tensors[f"{name}.{steps}.timesteps"] = s.timesteps.float()
            tensors[f"{name}.{steps}.sigmas"] = s.sigmas.float()
            tensors[f"{name}.{steps}.init_noise_sigma"] = torch.tensor([float(s.init_noise_sigma)])

    shape = (1, 4, 3, 5)
    for prediction, steps, guidance in (("epsilon", 4, 7.5), ("v_prediction", 6, 2.5)):
        s = scheduler(prediction_type=prediction)
        s.set_timesteps(steps)
        g = generator(140 + steps)
        x = torch.randn(shape, generator=g) * s.init_noise_sigma
        name = f"walk.{prediction}."
        tensors[name + "start"] = x.clone()
        for j, t in enumerate(s.timesteps):
            scaled = s.scale_model_input(torch.cat([x, x]), t)
            m = torch.randn((2,) + shape[1:], generator=g)
            u, c = m.chunk(2)
            x = s.step(u + guidance * (c - u), t, x).prev_sample
            tensors |= {f"{name}{j}.input": scaled, f"{name}{j}.model": m, f"{name}{j}.latent": x.clone()}
    write("euler.safetensors", tensors)


# ---- containers ----------------------------------------------------------------------------------------------------


@fixture
def containers():
    """What files may look like: a torch zip with shared storages, offsets, strides, parameters and `_metadata`;
    safetensors in two shards of f16 and bf16; a torch zip in two shards. `expected.safetensors` has all numbers in f32.
    """
    g = generator(150)
    t = {f"block.{i}.weight": torch.randn(3, 4 + i, generator=g) for i in range(4)}
    flat = flat_storage(t)
    state = collections.OrderedDict(flat)
    state["first_row"] = flat["block.2.weight"][0]  # a view inside a view
    state["transposed"] = flat["block.1.weight"].t()  # strides (1, 5)
    state["every_other"] = flat["block.3.weight"][:, ::2]
    state["parameter"] = torch.nn.Parameter(torch.randn(2, 2, generator=g))
    state["half"] = torch.randn(5, generator=g).half()
    state["brain"] = torch.randn(2, 3, 2, 2, generator=g).bfloat16()
    state["empty"] = torch.zeros(0, 4)
    state._metadata = collections.OrderedDict([("", {"version": 1}), ("block", {"version": 2})])
    torch_save(state, "containers/shared.pt")
    expected = {k: v.detach().float().contiguous().clone() for k, v in state.items()}

    shards = {
        "model-00001-of-00002.safetensors": {
            "a": torch.randn(4, 3, generator=g).half(), "b": torch.randn(7, generator=g).half()
        }, "model-00002-of-00002.safetensors": {
            "c": torch.randn(2, 5, generator=g).bfloat16(), "d": torch.randn(3, generator=g)
        }
    }
    for file, tensors in shards.items():
        write("containers/" + file, tensors)
    write_index("containers/model.safetensors.index.json", shards)
    bins = {
        "pytorch_model-00001-of-00002.bin": {
            "transformer.visual.a": torch.randn(2, 2, generator=g).bfloat16(), "lm_head": torch.zeros(1)
        }, "pytorch_model-00002-of-00002.bin": {"transformer.visual.b": torch.randn(3, generator=g).bfloat16()}
    }
    for file, tensors in bins.items():
        torch_save(tensors, "containers/" + file)
    write_index("containers/pytorch_model.bin.index.json", bins)
    for tensors in (*shards.values(), *bins.values()):
        expected |= {k: v.float() for k, v in tensors.items()}
    write("containers/expected.safetensors", expected)


def write_index(name, shards):
    weight_map = {k: file for file, tensors in shards.items() for k in tensors}
    size = sum(v.numel() * v.element_size() for tensors in shards.values() for v in tensors.values())
    with open(os.path.join(OUT, name), "w") as f:
        json.dump({"metadata": {"total_size": size}, "weight_map": weight_map}, f, indent=2, sort_keys=True)
        f.write("\n")


# ---- our writing of SEED-Story's classes against what its own classes computed ----------------------------------


def against(golden):
    """`golden` has pretrained/ in the published layout, pretrained/seedstory.json and expected.safetensors."""
    sizes = json.load(open(f"{golden}/pretrained/seedstory.json"))
    with safe_open(f"{golden}/expected.safetensors", "pt") as f:
        want = {
            k: f.get_tensor(k) for k in f.keys() if k.startswith(("vit.", "input_resampler.", "adapter.", "generate."))
        }
    load = lambda path: {k: v.float() for k, v in torch.load(f"{golden}/pretrained/{path}", map_location="cpu").items()}
    part = lambda state, prefix: {k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)}
    v, a = sizes["vit"], sizes["adapter"]
    got = {}
    w = load("visual_tokenizer/qwen_vit_G.pt")
    got["vit.block.0"], got["vit.output"] = seed_story.vit(w, want["vit.input"], v["patch_size"], v["heads"],
                                                           v["attn_pool_heads"], v["ln_eps"])
    zero = seed_story.vit(w, torch.zeros_like(want["vit.input"]), v["patch_size"], v["heads"], v["attn_pool_heads"],
                          v["ln_eps"])[1]
    agent = load("seed_story/george_sft/pytorch_model.bin")
    got["input_resampler.output"] = seed_story.resampler(part(agent, "input_resampler."), want["vit.output"],
                                                         sizes["input_resampler"]["heads"], 1e-5)
    w = part(load("detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin"), "resampler.")
    feature = want["generate.feature.1"].reshape(1, -1, want["generate.feature.1"].shape[-1])
    for suffix, x in (("", feature), ("_uncond", zero)):
        got["adapter.prompt" + suffix], got["adapter.pooled" + suffix] = seed_story.adapter(w, x, a["heads"], 1e-5)
    for name, value in got.items():
        error = (value - want[name].reshape(value.shape)).abs().max() / want[name].abs().max()
        print(f"{'ok  ' if error < 2e-5 else 'FAIL'} {name}: {error:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="fixtures to make; all if none is named")
    parser.add_argument("--against", metavar="DIR")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.against:
        return against(options.against)
    for name in options.names or MAKERS:
        print(name)
        MAKERS[name]()


if __name__ == "__main__":
    main()
