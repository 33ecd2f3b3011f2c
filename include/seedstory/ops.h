// The ops: what a model is written in and what a backend runs.
//
// A struct is the whole contract: named tensors with their shapes, the formula, its source, and where we differ. Unless
// an op says otherwise its activations share one type T of f32, f16 and bf16; vectors (bias, norm weights) are f32; a
// weight of a product is of T, or q8 or q4, or of any format beside f32 (weight.h); the last axis is contiguous;
// outputs do not overlap inputs; and sums are accumulated in f32 or wider. Pictures and feature maps are NHWC.
//
// Determinism. The same op at the same shapes gives the same bits on the same machine, always. Within one class of row
// counts (a backend says which) a row's bits do not depend on the other rows. The CPU has one class: a row gives the
// same bits alone, in a prompt, or in a batch.
//
//   check()  throws Error: which field is wrong, what came, what was expected
//   cost()   flops and bytes of a perfect implementation: every tensor through memory once
//   each(f)  visits f(field name, tensor, Access) in declaration order
#pragma once

#include <variant>

#include "seedstory/weight.h"

namespace seedstory {

struct Cost {
  double flops = 0;  // 2 x multiply-accumulates
  double bytes = 0;
};

enum class Access { in, out, inout };

// Exact GELU, 0.5 x (1 + erf(x / sqrt 2)); SiLU, x / (1 + e^-x).
enum class Activation { none, gelu, silu };

// y <- act(x wT + bias) + residual.
//
// Every element of y is one sum. Its order depends on k, n and the class of row counts, never on the number of threads.
struct Linear {
  static constexpr const char* name = "Linear";

  Tensor y;         // (rows, n)  out; may be the residual; T or f32
  Tensor x;         // (rows, k)  in
  Weight w;         // (n, k)     in
  Tensor bias;      // f32 (n)    in, optional
  Tensor residual;  // (rows, n)  in, optional; as y
  Activation act = Activation::none;
  DType compute_type = DType::f32;  // where x is f32 and w is not, x may be rounded to this for the product

  WeightUse weight_use() const { return WeightUse::linear; }
  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("w", w.values, Access::in), f("w.scales", w.scales, Access::in),
        f("bias", bias, Access::in), f("residual", residual, Access::in);
  }
};

// y <- a * act(g), where [a | g] = x wT + bias: the first product of a feed-forward and its gate. The two halves of w
// and bias lie one above the other: the value, then the gate, as in diffusers' GEGLU.
//
// Shazeer 2020 (arXiv:2002.05202): SwiGLU with SiLU, GEGLU with GELU. An element's sums are those of Linear.
struct GatedLinear {
  static constexpr const char* name = "GatedLinear";

  Tensor y;     // (rows, n)  out
  Tensor x;     // (rows, k)  in
  Weight w;     // (2 n, k)   in, [a; g]
  Tensor bias;  // f32 (2 n)  in, optional
  Activation act = Activation::silu;
  DType compute_type = DType::f32;  // as in Linear

  WeightUse weight_use() const { return WeightUse::gated_linear; }
  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("w", w.values, Access::in), f("w.scales", w.scales, Access::in),
        f("bias", bias, Access::in);
  }
};

// y <- x * w + bias + residual: a 2-d cross-correlation with zero padding, as torch.nn.Conv2d.
//
// With `doubled` x is read as a picture of twice its height and width, every pixel as 2x2 of it: diffusers' Upsample2D,
// nearest neighbour and a 3x3 convolution, in one. A kernel need not make that picture: an output pixel sees 2x2 pixels
// of x, with taps that are sums of w's.
struct Conv2d {
  static constexpr const char* name = "Conv2d";

  Tensor y;                        // (n, out_h, out_w, out_c)  out; may be the residual
  Tensor x;                        // (n, h, w, in_c)           in
  Weight w;                        // (out_c, in_c, kh, kw)     in
  Tensor bias;                     // f32 (out_c)               in, optional
  Tensor residual;                 // as y                      in, optional
  int stride = 1;                  // both axes
  int pad_begin = 0, pad_end = 0;  // rows above and columns to the left; rows below and columns to the right
  bool upsample2x = false;         // then 3x3, stride 1, padding 1

  WeightUse weight_use() const { return upsample2x ? WeightUse::upsample_conv : WeightUse::conv; }
  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("w", w.values, Access::in), f("w.scales", w.scales, Access::in),
        f("bias", bias, Access::in), f("residual", residual, Access::in);
  }
};

// y <- (x - mean) / sqrt(var + eps) * w + b, over the last axis; var is the biased variance.
//
// Ba et al. 2016 (arXiv:1607.06450).
struct LayerNorm {
  static constexpr const char* name = "LayerNorm";

  Tensor y;           // (..., dim)  out; may be x
  Tensor x;           // (..., dim)  in
  Tensor w;           // f32 (dim)   in
  Tensor b;           // f32 (dim)   in
  float eps = 1e-5f;  // in units of x^2

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("w", w, Access::in), f("b", b, Access::in);
  }
};

// h <- h + r;  y <- h / sqrt(mean(h^2) + eps) * w, over the last axis.
//
// Zhang & Sennrich 2019 (arXiv:1910.07467). The sum is rounded to h's type and the mean is taken in f32, as in
// transformers' LlamaRMSNorm; that one also rounds before the * w, which we do not.
struct AddRmsNorm {
  static constexpr const char* name = "AddRmsNorm";

  Tensor y;           // (rows, dim)  out
  Tensor h;           // (rows, dim)  in and out: the residual stream
  Tensor r;           // (rows, dim)  in, optional: what the last block adds to it
  Tensor w;           // f32 (dim)    in
  float eps = 1e-5f;  // in units of h^2

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("h", h, Access::inout), f("r", r, Access::in), f("w", w, Access::in);
  }
};

// y <- act((s - mean) / sqrt(var + eps) * w + b), s = x + shift, over each group of channels of one picture.
//
// Wu & He 2018 (arXiv:1803.08494). `shift` is the time embedding of a ResNet block, added here because nothing else
// reads the sum.
struct GroupNorm {
  static constexpr const char* name = "GroupNorm";

  Tensor y;           // (n, h, w, c)  out; may be x
  Tensor x;           // (n, h, w, c)  in
  Tensor w;           // f32 (c)       in
  Tensor b;           // f32 (c)       in
  Tensor shift;       // f32 (n, c)    in, optional
  int groups = 32;    // divides c
  float eps = 1e-5f;  // in units of x^2
  Activation act = Activation::none;

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("w", w, Access::in), f("b", b, Access::in),
        f("shift", shift, Access::in);
  }
};

// y <- a + b, where an axis of b may have length 1 and is then repeated. b may be f32 beside 16 bits.
struct Add {
  static constexpr const char* name = "Add";

  Tensor y;  // (...)               out; may be a
  Tensor a;  // as y                in
  Tensor b;  // as y, or 1 per axis in

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("a", a, Access::in), f("b", b, Access::in);
  }
};

// y <- scale x, rounded to y's type, between views of one shape. How tensors are concatenated and change their type.
// Of one type and with scale 1 it moves bytes, of any type.
struct Convert {
  static constexpr const char* name = "Convert";

  Tensor y;  // (...)  out
  Tensor x;  // as y   in; the type may be another float
  float scale = 1;

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in);
  }
};

// y <- act(x), elementwise.
struct Activate {
  static constexpr const char* name = "Activate";

  Tensor y;  // (...)  out; may be x
  Tensor x;  // as y   in
  Activation act = Activation::silu;

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in);
  }
};

// y[i] <- table[ids[i]]. An id outside the table is an error on the host side (the backend may assume it is inside).
struct Embed {
  static constexpr const char* name = "Embed";

  Tensor y;      // (rows, dim)   out
  Tensor ids;    // i32 (rows)    in
  Tensor table;  // (vocab, dim)  in

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("ids", ids, Access::in), f("table", table, Access::in);
  }
};

// y <- softmax(scale q kT) v, per picture and head, no mask.
struct Attention {
  static constexpr const char* name = "Attention";

  Tensor y;  // (n, queries, heads, head_dim)  out
  Tensor q;  // (n, queries, heads, head_dim)  in
  Tensor k;  // (n, keys, heads, head_dim)     in
  Tensor v;  // (n, keys, heads, head_dim)     in
  float scale = 1;
  DType compute_type = DType::f32;  // q, k, v and the softmax may be rounded to this for the two products

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("q", q, Access::in), f("k", k, Access::in), f("v", v, Access::in);
  }
};

// Causal attention over a cache whose keys are stored before RoPE. The op writes the new tokens' keys and values to the
// cache, then attends.
//
// slots[r] is the row of the cache that holds the token of rank r, for r < length; what follows in `slots` is not read.
// A token's position is its rank (the scheme of StreamingLLM, Xiao et al. 2023, arXiv:2309.17453). The new tokens are
// the last `rows` ranks: token i has rank_i = length - rows + i and sees ranks up to its own. `length` is a tensor, so
// that the op is the same from token to token; rows <= length <= dim 0 of slots, and the first `length` slots are
// distinct.
//
//   k_cache[slots[rank_i]] <- k_i;  v_cache[slots[rank_i]] <- v_i
//   y_i <- softmax_r(scale rot(q_i, rank_i) . rot(k_cache[slots[r]], r)) v_cache[slots[r]],  r <= rank_i
//   rot(x, p)[j] = x[j] cos - x[j + d/2] sin;  rot(x, p)[j + d/2] = x[j + d/2] cos + x[j] sin,  angle p theta^(-2j/d)
struct CacheAttention {
  static constexpr const char* name = "CacheAttention";

  Tensor y;        // (rows, heads, head_dim)      out
  Tensor q;        // (rows, heads, head_dim)      in, before RoPE
  Tensor k;        // (rows, heads, head_dim)      in, before RoPE
  Tensor v;        // (rows, heads, head_dim)      in
  Tensor k_cache;  // (capacity, heads, head_dim)  in and out: rows that no new token has keep their values
  Tensor v_cache;  // (capacity, heads, head_dim)  in and out: the same; of q's type, or of any beside f32, each its own
  Tensor slots;    // i32 (ranks)                  in, ranks >= rows
  Tensor length;   // i32 (1)                      in: tokens in the cache after this op
  Tensor rope;     // f32 (positions, head_dim)    in: [cos of d/2 angles | sin of them], positions >= ranks
  float scale = 1;

  void check() const;
  Cost cost() const;  // of the longest cache, length = ranks
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("q", q, Access::in), f("k", k, Access::in), f("v", v, Access::in),
        f("k_cache", k_cache, Access::inout), f("v_cache", v_cache, Access::inout), f("slots", slots, Access::in),
        f("length", length, Access::in), f("rope", rope, Access::in);
  }
};

// The greedy choice of the next token: the id of the largest logit, the lowest id where several are equal, under the
// rules of SEED-Story's logits processor (AutoImageTokenGenerationProcessor) and of ours. length <- length + 1.
//
//   l[i] = -inf if i = banned;  outside if i is one of outside_ids;  logits[i] else
//   id <- argmax l, or -1 if a logit that counts is not a number
struct PickToken {
  static constexpr const char* name = "PickToken";

  Tensor id;           // i32 (1)         out
  Tensor length;       // i32 (1)         in and out, optional: as CacheAttention reads it for the token that is chosen
  Tensor logits;       // f32 (1, vocab)  in, vocab >= 1
  Tensor outside_ids;  // i32 (n)         in, optional: below vocab
  float outside = 0;   // the published processor gives 0 to the logits of a picture's tokens outside a picture
  int banned = -1;     // this id is not chosen; -1: none

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("id", id, Access::out), f("length", length, Access::inout), f("logits", logits, Access::in),
        f("outside_ids", outside_ids, Access::in);
  }
};

// y <- x / max(||x||_2 over the token axis, 1e-12): each channel's values over the tokens get unit length.
//
// torch.nn.functional.normalize with its default dim = 1, as ResamplerXLV2 uses it (SEED-Story's code; over the
// channels may have been meant, but the weights were trained with this).
struct NormalizeTokens {
  static constexpr const char* name = "NormalizeTokens";

  Tensor y;  // (n, tokens, dim)  out; may be x
  Tensor x;  // (n, tokens, dim)  in

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in);
  }
};

// y <- mean of x over the token axis.
struct MeanTokens {
  static constexpr const char* name = "MeanTokens";

  Tensor y;  // (n, 1, dim)       out
  Tensor x;  // (n, tokens, dim)  in

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in);
  }
};

// y[i] <- [cos(t_i f_0) .. cos(t_i f_(h-1)) | sin ..], h = dim/2, f_j = 10000^(-j/h).
//
// diffusers' Timesteps with flip_sin_to_cos and freq_shift 0, as SDXL uses it.
struct Sinusoid {
  static constexpr const char* name = "Sinusoid";

  Tensor y;  // (rows, dim)  out, dim even
  Tensor t;  // f32 (rows)   in

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("t", t, Access::in);
  }
};

// One step of a scheduler in numbers: a row of the table that SchedulerStep reads. In every scheduler that we have a
// step is linear in the latent x, in what the model says of it, m_u and m_c, and in one tensor h that the scheduler
// keeps from the step before. Whether the model predicts the noise or v, and how strong the guidance is, is in the
// numbers too.
struct StepCoefficients {
  float input;  // the model's input is this times x
  struct {
    float x, uncond, cond, history;
  } latent;  // x <- x x + uncond m_u + cond m_c + history h
  struct {
    float x, uncond, cond;
  } history;  // h <- x x + uncond m_u + cond m_c, of the x before the step
};
inline constexpr int64_t kStepColumns = sizeof(StepCoefficients) / sizeof(float);

// y <- input x, row `step` of the coefficients: what the model sees of n latents, without guidance once, with it twice.
struct ScaleInput {
  static constexpr const char* name = "ScaleInput";

  Tensor y;             // (n, h, w, c) or (2n, h, w, c)    out: [uncond x n, cond x n]
  Tensor x;             // f32 (n, h, w, c)                 in: the latents
  Tensor coefficients;  // f32 (steps, StepCoefficients)    in
  Tensor step;          // i32 (1)                          in, below steps (the backend may assume it is)

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("coefficients", coefficients, Access::in),
        f("step", step, Access::in);
  }
};

// x and h <- row `step` of the coefficients, applied to x, m and h (see StepCoefficients);  step <- step + 1.
//
// Every m is read once, x and h are written over. Without guidance m has n pictures and the columns `uncond` are not
// read; without `history` its columns are not. A history whose coefficient is 0 adds nothing, whatever it holds: a
// first step needs none. The latent stays f32.
struct SchedulerStep {
  static constexpr const char* name = "SchedulerStep";

  Tensor x;             // f32 (n, h, w, c)                 in and out: the latents
  Tensor m;             // (n, h, w, c) or (2n, h, w, c)    in: the model's output, [uncond x n, cond x n]
  Tensor history;       // f32 (n, h, w, c)                 in and out, optional
  Tensor coefficients;  // f32 (steps, StepCoefficients)    in
  Tensor step;          // i32 (1)                          in and out, below steps (the backend may assume it is)

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("x", x, Access::inout), f("m", m, Access::in), f("history", history, Access::inout),
        f("coefficients", coefficients, Access::in), f("step", step, Access::inout);
  }
};

// y <- 255 clamp(x / 2 + 0.5, 0, 1), rounded half to even;  bad <- how many of x are not finite. NaN gives 0.
struct ToPixels {
  static constexpr const char* name = "ToPixels";

  Tensor y;    // u8 (n, h, w, c)  out
  Tensor x;    // (n, h, w, c)     in: a decoder's picture, -1 to 1
  Tensor bad;  // i32 (1)          out

  void check() const;
  Cost cost() const;
  template <class F>
  void each(F&& f) const {
    f("y", y, Access::out), f("x", x, Access::in), f("bad", bad, Access::out);
  }
};

// The ops, here and nowhere else. What goes over all of them is made from this list: what a recording holds, what a
// backend is handed, what a test runs through.
template <template <class...> class List>
using OverOps =
    List<Linear, GatedLinear, Conv2d, LayerNorm, AddRmsNorm, GroupNorm, Add, Convert, Activate, Embed, Attention,
         CacheAttention, PickToken, NormalizeTokens, MeanTokens, Sinusoid, ScaleInput, SchedulerStep, ToPixels>;

template <class... Ops>
using VariantOfPointers = std::variant<const Ops*...>;

using AnyOp = OverOps<std::variant>;
using OpRef = OverOps<VariantOfPointers>;  // valid while the op is

template <class Op>
concept HasWeight = requires(const Op& op) {
  op.weight_use();
};

}  // namespace seedstory
