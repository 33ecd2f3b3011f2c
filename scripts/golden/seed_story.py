"""SEED-Story's ViT, resamplers and SDXL adapter as functions of named weights, in float32.

Written from the description of the networks with PyTorch's own attention, norms and interpolation, so that neither the
published classes nor ours are in it. `make_reference.py --against` compares it with what the published classes gave.
"""

import math

import torch
import torch.nn.functional as F


def norm(w, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def grid_resize(table, count):
    """A square table of positions for `count` tokens: bicubic without antialiasing, as F.interpolate has it."""
    side, want = math.isqrt(table.shape[0]), math.isqrt(count)
    if side == want:
        return table
    square = table.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    square = F.interpolate(square, size=(want, want), mode="bicubic", align_corners=False)
    return square.permute(0, 2, 3, 1).reshape(count, -1)


def attention(q, k, v, heads):
    """(n, tokens, width) each, heads side by side."""
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    q, k, v = split(q), split(k), split(v)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(-2)


# ---- resampler --------------------------------------------------------------------------------------------------


def resampler_shapes(queries, dim, kv_dim):
    shapes = {"pos_embed": (queries, dim), "query": (queries, dim)}
    if kv_dim != dim:
        shapes["kv_proj.weight"] = (dim, kv_dim)
    shapes |= {
        "attn.in_proj_weight": (3 * dim, dim), "attn.in_proj_bias": (3 * dim,), "attn.out_proj.weight": (dim, dim),
        "attn.out_proj.bias": (dim,)
    }
    for name in ("ln_q", "ln_kv"):
        shapes |= {name + ".weight": (dim,), name + ".bias": (dim,)}
    return shapes


def resampler(w, x, heads, eps):
    if "kv_proj.weight" in w:
        x = F.linear(x, w["kv_proj.weight"])
    kv = norm(w, "ln_kv", x, eps)
    q = (norm(w, "ln_q", w["query"], eps) + w["pos_embed"]).expand(x.shape[0], -1, -1)
    k = kv + grid_resize(w["pos_embed"], x.shape[1])
    out, _ = F.multi_head_attention_forward(q.transpose(0, 1),
                                            k.transpose(0, 1),
                                            kv.transpose(0, 1),
                                            q.shape[-1],
                                            heads,
                                            w["attn.in_proj_weight"],
                                            w["attn.in_proj_bias"],
                                            None,
                                            None,
                                            False,
                                            0.0,
                                            w["attn.out_proj.weight"],
                                            w["attn.out_proj.bias"],
                                            training=False,
                                            need_weights=False)
    return out.transpose(0, 1)


# ---- ViT --------------------------------------------------------------------------------------------------------


def vit_shapes(patch, width, layers, mlp, table, queries, out_dim):
    shapes = {"conv1.weight": (width, 3, patch, patch), "positional_embedding": (table, width)}
    shapes |= {"ln_pre.weight": (width,), "ln_pre.bias": (width,)}
    for i in range(layers):
        p = f"transformer.resblocks.{i}."
        for name, rows, cols in (("attn.in_proj", 3 * width, width), ("attn.out_proj", width, width),
                                 ("mlp.c_fc", mlp, width), ("mlp.c_proj", width, mlp)):
            shapes |= {p + name + ".weight": (rows, cols), p + name + ".bias": (rows,)}
        for name in ("ln_1", "ln_2"):
            shapes |= {p + name + ".weight": (width,), p + name + ".bias": (width,)}
    shapes |= {"attn_pool." + k: v for k, v in resampler_shapes(queries, out_dim, width).items()}
    return shapes | {"ln_post.weight": (out_dim,), "ln_post.bias": (out_dim,), "proj": (out_dim, out_dim)}


def vit(w, image, patch, heads, pool_heads, eps):
    """(tokens after block 0, output). One head's rows of in_proj are [q | k | v]; proj is used untransposed."""
    x = F.conv2d(image, w["conv1.weight"], stride=patch).flatten(2).transpose(1, 2)
    x = norm(w, "ln_pre", x + grid_resize(w["positional_embedding"], x.shape[1]), eps)
    block0, i = None, 0
    while f"transformer.resblocks.{i}.ln_1.weight" in w:
        p = f"transformer.resblocks.{i}."
        linear = lambda name, y: F.linear(y, w[p + name + ".weight"], w[p + name + ".bias"])
        qkv = linear("attn.in_proj", norm(w, p + "ln_1", x, eps)).unflatten(-1, (heads, 3, -1))
        q, k, v = (qkv[..., part, :].flatten(-2) for part in range(3))
        x = x + linear("attn.out_proj", attention(q, k, v, heads))
        x = x + linear("mlp.c_proj", F.gelu(linear("mlp.c_fc", norm(w, p + "ln_2", x, eps))))
        block0 = x if i == 0 else block0
        i += 1
    pool = {k[len("attn_pool."):]: v for k, v in w.items() if k.startswith("attn_pool.")}
    return block0, norm(w, "ln_post", resampler(pool, x, pool_heads, eps), eps) @ w["proj"]


# ---- adapter (ResamplerXLV2) ------------------------------------------------------------------------------------


def adapter_shapes(dim, depth, heads, dim_head, queries, embedding_dim, output1, output2, ff_mult):
    inner = heads * dim_head
    shapes = {"latents": (1, queries, dim), "proj_in.weight": (dim, embedding_dim), "proj_in.bias": (dim,)}
    for i in range(depth):
        p = f"layers.{i}."
        for name in ("0.norm1", "0.norm2", "1.0"):
            shapes |= {p + name + ".weight": (dim,), p + name + ".bias": (dim,)}
        shapes |= {
            p + "0.to_q.weight": (inner, dim), p + "0.to_kv.weight": (2 * inner, dim), p + "0.to_out.weight":
                (dim, inner), p + "1.1.weight": (ff_mult * dim, dim), p + "1.3.weight": (dim, ff_mult * dim)
        }
    shapes |= {"norm_out.weight": (dim,), "norm_out.bias": (dim,)}
    for name, rows in (("unet_proj_1", output1), ("unet_proj_2", output2), ("unet_attnpool.k_proj", dim),
                       ("unet_attnpool.q_proj", dim), ("unet_attnpool.v_proj", dim), ("unet_attnpool.c_proj", output2)):
        shapes |= {name + ".weight": (rows, dim), name + ".bias": (rows,)}
    return shapes | {"unet_attnpool.positional_embedding": (queries + 1, dim)}


def adapter(w, x, heads, eps):
    """(prompt, pooled). The normalisation is over the tokens: F.normalize's default axis, which the weights know."""
    x = F.linear(F.normalize(x), w["proj_in.weight"], w["proj_in.bias"])
    z = w["latents"].expand(x.shape[0], -1, -1)
    i = 0
    while f"layers.{i}.0.to_q.weight" in w:
        p = f"layers.{i}."
        y = norm(w, p + "0.norm2", z, eps)
        k, v = F.linear(torch.cat([norm(w, p + "0.norm1", x, eps), y], 1), w[p + "0.to_kv.weight"]).chunk(2, -1)
        z = z + F.linear(attention(F.linear(y, w[p + "0.to_q.weight"]), k, v, heads), w[p + "0.to_out.weight"])
        y = F.gelu(F.linear(norm(w, p + "1.0", z, eps), w[p + "1.1.weight"]))
        z = z + F.linear(y, w[p + "1.3.weight"])
        i += 1
    z = norm(w, "norm_out", z, eps)
    prompt = torch.cat([F.linear(z, w[f"unet_proj_{i}.weight"], w[f"unet_proj_{i}.bias"]) for i in (1, 2)], -1)
    s = torch.cat([z.mean(1, keepdim=True), z], 1) + w["unet_attnpool.positional_embedding"]
    q, k, v = (F.linear(s, w[f"unet_attnpool.{n}_proj.weight"], w[f"unet_attnpool.{n}_proj.bias"]) for n in "qkv")
    pooled = F.linear(attention(q, k, v, heads)[:, 0], w["unet_attnpool.c_proj.weight"], w["unet_attnpool.c_proj.bias"])
    return prompt, pooled
