"""The parts of a SEED-Story model at toy width, with the tensor names of the published checkpoints.

ViT (Qwen-VL's), agent resamplers and LLaMA are written out; UNet and VAE are diffusers' classes. Attention without a mask is a
plain product and softmax: on a CPU its backward is much faster than the fused one. With a mask it is the other way round.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn


# The sizes of the shipped model. Every number is data: it goes into model.json, and the engine reads it from there.
CONFIG = {
    "vit": dict(image_size=128, patch_size=16, width=160, layers=5, heads=5, mlp=640, queries=64, output_dim=160, attn_pool_heads=5, ln_eps=1e-6),
    "llm": dict(hidden=192, layers=4, heads=6, ffn=512, vocab=2066, rms_norm_eps=1e-5, rope_theta=10000.0, max_positions=4096),
    "input_resampler": dict(queries=16, dim=192, kv_dim=160, heads=6),
    "output_resampler": dict(queries=64, dim=160, kv_dim=192, heads=5),
    "adapter": dict(dim=192, depth=2, heads=6, dim_head=32, queries=32, embedding_dim=160, output1=64, output2=128, ff_mult=4),
    "unet": dict(sample_size=16, in_channels=4, out_channels=4, block_out_channels=[64, 96, 160],
                 down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                 up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], layers_per_block=1,
                 transformer_layers_per_block=[1, 1, 1], attention_head_dim=[2, 3, 5], cross_attention_dim=192, norm_num_groups=16, norm_eps=1e-5,
                 act_fn="silu", use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=32,
                 projection_class_embeddings_input_dim=320, flip_sin_to_cos=True, freq_shift=0),
    "vae": dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=[8, 24, 48, 96], layers_per_block=1, norm_num_groups=8,
                act_fn="silu", scaling_factor=1.0),
    "scheduler": dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading",
                      steps_offset=1, prediction_type="v_prediction"),
}


def attention(q, k, v, heads, mask=None):
    """softmax(q k^T / sqrt(head dim) + mask) v; (batch, tokens, width) in and out. `mask`: a table, "causal" or none."""
    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = split(q), split(k), split(v)
    if isinstance(mask, str):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
    if mask is not None:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def sincos(dim, grid):
    """2-D sin-cos table (grid*grid, dim): first half the column, second half the row."""
    omega = 1e4 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    half = torch.arange(grid, dtype=torch.float64)[:, None] * omega
    half = torch.cat([half.sin(), half.cos()], 1)
    column, row = half[None].expand(grid, grid, -1), half[:, None].expand(grid, grid, -1)
    return torch.cat([column, row], -1).reshape(grid * grid, dim).float()


def resize_table(table, tokens):
    if len(table) == tokens:
        return table
    old, new = math.isqrt(len(table)), math.isqrt(tokens)
    image = table.T.reshape(1, -1, old, old)
    return F.interpolate(image, (new, new), mode="bicubic", align_corners=False).reshape(-1, tokens).T


class Heads(nn.Module):
    """The parameters of nn.MultiheadAttention under its names."""

    def __init__(self, dim):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.randn(3 * dim, dim) * dim ** -0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)


class Resampler(nn.Module):
    """A fixed number of learned queries attend to any square number of tokens. No residual, no MLP."""

    def __init__(self, queries, dim, kv_dim, heads, eps=1e-5):
        super().__init__()
        self.heads = heads
        self.pos_embed = nn.Parameter(sincos(dim, math.isqrt(queries)), requires_grad=False)
        self.query = nn.Parameter(torch.randn(queries, dim) * 0.02)
        self.kv_proj = nn.Linear(kv_dim, dim, bias=False) if kv_dim != dim else None
        self.attn = Heads(dim)
        self.ln_q, self.ln_kv = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)

    def forward(self, x):
        if self.kv_proj is not None:
            x = self.kv_proj(x)
        kv = self.ln_kv(x)
        wq, wk, wv = self.attn.in_proj_weight.chunk(3)
        bq, bk, bv = self.attn.in_proj_bias.chunk(3)
        q = F.linear(self.ln_q(self.query) + self.pos_embed, wq, bq).expand(len(x), -1, -1)
        k = F.linear(kv + resize_table(self.pos_embed, x.shape[1]), wk, bk)
        return self.attn.out_proj(attention(q, k, F.linear(kv, wv, bv), self.heads))


class VitAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        # the rows of in_proj go head by head, each [q | k | v]
        q, k, v = self.in_proj(x).unflatten(-1, (self.heads, 3, -1)).unbind(-2)
        return self.out_proj(attention(q.flatten(2), k.flatten(2), v.flatten(2), self.heads))


class VitBlock(nn.Module):
    def __init__(self, width, heads, mlp, eps):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=eps), nn.LayerNorm(width, eps=eps)
        self.attn = VitAttention(width, heads)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, mlp), "c_proj": nn.Linear(mlp, width)})

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


class ViT(nn.Module):
    def __init__(self, image_size, patch_size, width, layers, heads, mlp, queries, output_dim, attn_pool_heads, ln_eps):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch_size, patch_size, bias=False)
        self.positional_embedding = nn.Parameter(torch.randn((image_size // patch_size) ** 2, width) * 0.1)
        self.ln_pre = nn.LayerNorm(width, eps=ln_eps)
        self.transformer = nn.ModuleDict({"resblocks": nn.ModuleList(VitBlock(width, heads, mlp, ln_eps) for _ in range(layers))})
        self.attn_pool = Resampler(queries, output_dim, width, attn_pool_heads, ln_eps)
        self.ln_post = nn.LayerNorm(output_dim, eps=ln_eps)
        self.proj = nn.Parameter(torch.randn(output_dim, output_dim) * output_dim ** -0.5)

    def forward(self, image):
        x = self.conv1(image).flatten(2).transpose(1, 2)
        x = self.ln_pre(x + resize_table(self.positional_embedding, x.shape[1]))
        for block in self.transformer["resblocks"]:
            x = block(x)
        return self.ln_post(self.attn_pool(x)) @ self.proj


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class LlamaAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(hidden, hidden, bias=False) for _ in range(4))

    def forward(self, x, rope, mask):
        cos, sin = rope

        def rotate(y):
            y = y.unflatten(-1, (self.heads, -1))
            a, b = y.chunk(2, -1)
            return (y * cos + torch.cat([-b, a], -1) * sin).flatten(-2)

        return self.o_proj(attention(rotate(self.q_proj(x)), rotate(self.k_proj(x)), self.v_proj(x), self.heads, mask))


class LlamaLayer(nn.Module):
    def __init__(self, hidden, heads, ffn, eps):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(hidden, eps), RMSNorm(hidden, eps)
        self.self_attn = LlamaAttention(hidden, heads)
        self.mlp = nn.ModuleDict({"gate_proj": nn.Linear(hidden, ffn, bias=False), "up_proj": nn.Linear(hidden, ffn, bias=False),
                                  "down_proj": nn.Linear(ffn, hidden, bias=False)})

    def forward(self, x, rope, mask):
        x = x + self.self_attn(self.input_layernorm(x), rope, mask)
        y = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y))


class Llama(nn.Module):
    def __init__(self, hidden, layers, heads, ffn, vocab, rms_norm_eps, rope_theta, max_positions):
        super().__init__()
        self.head_dim, self.theta = hidden // heads, rope_theta
        self.model = nn.ModuleDict({"embed_tokens": nn.Embedding(vocab, hidden),
                                    "layers": nn.ModuleList(LlamaLayer(hidden, heads, ffn, rms_norm_eps) for _ in range(layers)),
                                    "norm": RMSNorm(hidden, rms_norm_eps)})
        self.lm_head = nn.Linear(hidden, vocab, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:  # what adds to the residual stream starts smaller
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers) if "o_proj" in name or "down_proj" in name else 0.02)
        nn.init.normal_(self.model["embed_tokens"].weight, std=0.1)

    def embed(self, ids):
        return self.model["embed_tokens"](ids)

    def forward(self, x, position, mask):
        """Rows of embeddings in, the last hidden states (after the final norm) out. `mask` is added to the scores."""
        angle = position[..., None].float() * self.theta ** (-torch.arange(0, self.head_dim, 2, device=x.device) / self.head_dim)
        angle = torch.cat([angle, angle], -1)[..., None, :]
        rope = angle.cos(), angle.sin()
        for layer in self.model["layers"]:
            x = layer(x, rope, mask)
        return self.model["norm"](x)


class Agent(nn.Module):
    """LLaMA with the two resamplers that carry pictures in and out."""

    def __init__(self, config):
        super().__init__()
        self.llm = Llama(**config["llm"])
        self.input_resampler = Resampler(**config["input_resampler"])
        self.output_resampler = Resampler(**config["output_resampler"])


class PerceiverAttention(nn.Module):
    def __init__(self, dim, dim_head, heads):
        super().__init__()
        self.heads, inner = heads, dim_head * heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_q, self.to_kv, self.to_out = nn.Linear(dim, inner, bias=False), nn.Linear(dim, 2 * inner, bias=False), nn.Linear(inner, dim, bias=False)

    def forward(self, x, z):
        x, z = self.norm1(x), self.norm2(z)
        k, v = self.to_kv(torch.cat([x, z], 1)).chunk(2, -1)
        return self.to_out(attention(self.to_q(z), k, v, self.heads))


class AttentionPool(nn.Module):
    def __init__(self, tokens, dim, heads, output):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(tokens + 1, dim) * dim ** -0.5)
        self.k_proj, self.q_proj, self.v_proj = (nn.Linear(dim, dim) for _ in range(3))
        self.c_proj = nn.Linear(dim, output)

    def forward(self, x):
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        return self.c_proj(attention(self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x), self.heads))[:, 0]


class Adapter(nn.Module):
    """ResamplerXLV2: features in; what SDXL takes for a prompt (tokens and one pooled vector) out."""

    def __init__(self, dim, depth, heads, dim_head, queries, embedding_dim, output1, output2, ff_mult):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(1, queries, dim) * dim ** -0.5)
        self.proj_in = nn.Linear(embedding_dim, dim)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(dim, dim_head, heads),
                           nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, ff_mult * dim, bias=False), nn.GELU(), nn.Linear(ff_mult * dim, dim, bias=False))])
            for _ in range(depth))
        self.norm_out = nn.LayerNorm(dim)
        self.unet_proj_1, self.unet_proj_2 = nn.Linear(dim, output1), nn.Linear(dim, output2)
        self.unet_attnpool = AttentionPool(queries, dim, heads, output2)

    def forward(self, x):
        x = self.proj_in(F.normalize(x))  # over the token axis, as the published code has it
        z = self.latents.expand(len(x), -1, -1)
        for attend, ff in self.layers:
            z = attend(x, z) + z
            z = ff(z) + z
        hidden = self.norm_out(z)
        return torch.cat([self.unet_proj_1(hidden), self.unet_proj_2(hidden)], -1), self.unet_attnpool(hidden)


class Detokenizer(nn.Module):
    """Adapter and UNet: from a feature and a noisy latent to the predicted velocity."""

    def __init__(self, config):
        super().__init__()
        from diffusers import UNet2DConditionModel
        from diffusers.models.attention_processor import AttnProcessor
        self.resampler = Adapter(**config["adapter"])
        self.unet = UNet2DConditionModel(**config["unet"])
        self.unet.set_attn_processor(AttnProcessor())
        self.size = float(config["vit"]["image_size"])

    def condition(self, feature):
        prompt, pooled = self.resampler(feature)
        ids = torch.tensor([self.size, self.size, 0, 0, self.size, self.size], device=feature.device).expand(len(feature), 6)
        return prompt, {"text_embeds": pooled, "time_ids": ids}

    def forward(self, latent, t, feature):
        prompt, added = self.condition(feature)
        return self.unet(latent, t, encoder_hidden_states=prompt, added_cond_kwargs=added).sample


def make_vae(config):
    from diffusers import AutoencoderKL
    from diffusers.models.attention_processor import AttnProcessor
    levels = len(config["vae"]["block_out_channels"])
    vae = AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * levels, up_block_types=["UpDecoderBlock2D"] * levels, **config["vae"])
    vae.set_attn_processor(AttnProcessor())
    return vae


MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def vit_input(frames):
    """uint8 (n, h, w, 3) to the normalised picture the ViT sees."""
    x = torch.as_tensor(frames).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v, device=x.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (x - mean) / std


def vae_input(frames):
    return torch.as_tensor(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
