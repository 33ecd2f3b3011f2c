// What each op of ops.h demands of its tensors, and what a perfect implementation of it costs.
#include "seedstory/ops.h"

#include <fmt/format.h>

#include <string_view>

namespace seedstory {
namespace {

using Dims = std::initializer_list<int64_t>;

std::string str(Dims dims) {
  return fmt::format("({})", fmt::join(dims, ", "));
}

// Throws the op's one kind of message: which field, what came, what was expected.
class ShapeCheck {
 public:
  explicit ShapeCheck(const char* op) : op_(op) {}

  [[noreturn]] void fail(std::string_view field, std::string_view came, std::string_view expected) const {
    seedstory::fail(fmt::format("{}: {} is {}, expected {}", op_, field, came, expected));
  }

  // `axes` names the dimensions, "(rows, k)": these fix the sizes that the other tensors must have.
  void rank(const char* field, const Tensor& t, int rank, const char* axes) const {
    if (!t) fail(field, "absent", axes);
    if (t.rank != rank) fail(field, t.str(), axes);
    unit_stride(field, t);
  }
  void floats(const char* field, const Tensor& t, int rank, const char* axes) const {
    this->rank(field, t, rank, axes);
    float_type(field, t);
  }
  void float_type(const char* field, const Tensor& t) const {
    if (t.dtype != DType::f32 && t.dtype != DType::f16 && t.dtype != DType::bf16)
      fail(field, t.str(), "f32, f16 or bf16");
  }

  void shape(const char* field, const Tensor& t, DType type, Dims dims) const {
    if (!t) fail(field, "absent", name_of(type) + str(dims));
    bool same = t.rank == int(dims.size());
    for (int axis = 0; same && axis < t.rank; ++axis) same = t.dim[axis] == dims.begin()[axis];
    if (t.dtype != type) fail(field, t.str(), name_of(type) + str(dims));
    if (!same) fail(field, t.str(), str(dims));
    unit_stride(field, t);
  }
  // Of the type of what it is multiplied with, in blocks, or of any format beside f32.
  void weight(const Weight& w, DType type, Dims dims) const {
    const auto& format = row_of(w.format());
    if (format.values != w.values.dtype) fail("w", w.str(), "f32, f16, bf16, q8 or q4");
    shape("w", w.values, type == DType::f32 || format.block != 0 ? w.values.dtype : type, dims);
    if (format.block == 0) {
      if (w.scales) fail("w.scales", w.scales.str(), fmt::format("absent beside {}", w.str()));
      return;
    }
    if (!w.values.contiguous()) fail("w", fmt::format("{} with gaps", w.str()), "contiguous");
    multiple("k of w", w.values.dim[1], kWeightBlock);
    const int64_t *d = w.values.dim, blocks = d[1] / kWeightBlock;
    if (dims.size() == 2)
      shape("w.scales", w.scales, DType::f16, {d[0], blocks});
    else
      shape("w.scales", w.scales, DType::f16, {d[0], blocks, d[2], d[3]});
    if (!w.scales.contiguous()) fail("w.scales", w.scales.str() + " with gaps", "contiguous");
  }
  void vector(const char* field, const Tensor& t, Dims dims) const { shape(field, t, DType::f32, dims); }
  void optional_vector(const char* field, const Tensor& t, Dims dims) const {
    if (t) vector(field, t, dims);
  }
  void like(const char* field, const Tensor& t, const Tensor& model) const {
    if (!t) fail(field, "absent", model.str());
    if (t.dtype != model.dtype || !same_shape(t, model)) fail(field, t.str(), model.str());
    unit_stride(field, t);
  }

  void at_least(const char* field, int64_t value, int64_t least) const {
    if (value < least) fail(field, std::to_string(value), "at least " + std::to_string(least));
  }
  void multiple(const char* field, int64_t value, int64_t of) const {
    if (of < 1 || value % of != 0) fail(field, std::to_string(value), "a multiple of " + std::to_string(of));
  }
  // The same for a tensor whose extent, not whose shape, is what matters.
  void extent(const char* field, const Tensor& t, int axis, int64_t least) const {
    if (t.dim[axis] < least) fail(field, t.str(), fmt::format("at least {} in axis {}", least, axis));
  }
  void not_empty(const char* field, const Tensor& t, int axis) const { extent(field, t, axis, 1); }

 private:
  void unit_stride(const char* field, const Tensor& t) const {
    if (t.rank > 0 && t.cols() > 1 && t.stride[t.rank - 1] != 1)
      fail(field, fmt::format("{} with stride {} in its last axis", t.str(), t.stride[t.rank - 1]), "stride 1");
  }

  const char* op_;
};

// Every tensor through memory once, in both directions where the op says so.
template <class Op>
double bytes_once(const Op& op) {
  double bytes = 0;
  op.each([&](const char*, const Tensor& t, Access access) {
    bytes += double(t.bytes()) * (access == Access::inout ? 2 : 1);
  });
  return bytes;
}

// Operations an element of what is not a matrix product; exp, erf, sqrt and division count as one.
double flops_of(Activation act) {
  switch (act) {
    case Activation::none:
      return 0;
    case Activation::gelu:
      return 5;
    case Activation::silu:
      return 4;
  }
  return 0;
}

}  // namespace

void Linear::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 2, "(rows, k)");
  check.rank("w", w.values, 2, "(n, k)");
  const int64_t rows = x.dim[0], n = w.values.dim[0];
  check.weight(w, x.dtype, {n, x.dim[1]});
  check.shape("y", y, y.dtype == DType::f32 ? DType::f32 : x.dtype, {rows, n});
  check.optional_vector("bias", bias, {n});
  if (residual) check.shape("residual", residual, y.dtype, {rows, n});
}

Cost Linear::cost() const {
  const double out = double(y.numel());
  return {.flops = out * (2.0 * double(x.cols()) + (bias ? 1 : 0) + (residual ? 1 : 0) + flops_of(act)),
          .bytes = bytes_once(*this)};
}

void GatedLinear::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 2, "(rows, k)");
  check.rank("w", w.values, 2, "(2 n, k)");
  check.multiple("rows of w", w.values.dim[0], 2);
  const int64_t rows = x.dim[0], n = w.values.dim[0] / 2;
  check.weight(w, x.dtype, {2 * n, x.dim[1]});
  check.shape("y", y, x.dtype, {rows, n});
  check.optional_vector("bias", bias, {2 * n});
}

Cost GatedLinear::cost() const {
  return {.flops = double(y.numel()) * (4.0 * double(x.cols()) + (bias ? 2 : 0) + flops_of(act) + 1),
          .bytes = bytes_once(*this)};
}

void Conv2d::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 4, "(n, h, w, in_c)");
  check.rank("w", w.values, 4, "(out_c, in_c, kh, kw)");
  const int64_t out_c = w.values.dim[0], kh = w.values.dim[2], kw = w.values.dim[3];
  check.weight(w, x.dtype, {out_c, x.dim[3], kh, kw});
  check.not_empty("w", w.values, 2), check.not_empty("w", w.values, 3);
  check.at_least("stride", stride, 1);
  check.at_least("pad_begin", pad_begin, 0);
  check.at_least("pad_end", pad_end, 0);
  if (upsample2x && (kh != 3 || kw != 3 || stride != 1 || pad_begin != 1 || pad_end != 1))
    check.fail("w", w.str(), "a 3x3 kernel, stride 1 and padding 1 over a doubled x");
  const int64_t scale = upsample2x ? 2 : 1;
  const int64_t tall = x.dim[1] * scale + pad_begin + pad_end, wide = x.dim[2] * scale + pad_begin + pad_end;
  if (tall < kh || wide < kw) check.fail("x", x.str(), fmt::format("at least {}x{} with its padding", kh, kw));
  check.shape("y", y, x.dtype, {x.dim[0], (tall - kh) / stride + 1, (wide - kw) / stride + 1, out_c});
  check.optional_vector("bias", bias, {out_c});
  if (residual) check.like("residual", residual, y);
}

Cost Conv2d::cost() const {
  const int64_t* d = w.values.dim;
  const double taps = double(d[1] * (upsample2x ? 4 : d[2] * d[3]));
  return {.flops = double(y.numel()) * (2 * taps + (bias ? 1 : 0) + (residual ? 1 : 0)), .bytes = bytes_once(*this)};
}

void LayerNorm::check() const {
  const ShapeCheck check(name);
  if (!x) check.fail("x", "absent", "(..., dim)");
  check.float_type("x", x);
  check.like("x", x, x);
  check.like("y", y, x);
  check.vector("w", w, {x.cols()});
  check.vector("b", b, {x.cols()});
}

Cost LayerNorm::cost() const {
  return {.flops = 7.0 * double(x.numel()), .bytes = bytes_once(*this)};
}

void AddRmsNorm::check() const {
  const ShapeCheck check(name);
  check.floats("h", h, 2, "(rows, dim)");
  check.like("y", y, h);
  if (r) check.like("r", r, h);
  check.vector("w", w, {h.dim[1]});
}

Cost AddRmsNorm::cost() const {
  // Without r the residual stream is only read.
  return {.flops = (r ? 5.0 : 4.0) * double(h.numel()), .bytes = bytes_once(*this) - (r ? 0 : double(h.bytes()))};
}

void GroupNorm::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 4, "(n, h, w, c)");
  check.like("y", y, x);
  check.at_least("groups", groups, 1);
  check.multiple("c", x.dim[3], groups);
  check.vector("w", w, {x.dim[3]});
  check.vector("b", b, {x.dim[3]});
  check.optional_vector("shift", shift, {x.dim[0], x.dim[3]});
}

Cost GroupNorm::cost() const {
  return {.flops = double(x.numel()) * (7 + (shift ? 1 : 0) + flops_of(act)), .bytes = bytes_once(*this)};
}

void Add::check() const {
  const ShapeCheck check(name);
  if (!a) check.fail("a", "absent", "(...)");
  check.float_type("a", a);
  check.like("a", a, a);
  check.like("y", y, a);
  if (!b) check.fail("b", "absent", a.str());
  bool fits = b.rank == a.rank && (b.dtype == a.dtype || b.dtype == DType::f32);
  for (int axis = 0; fits && axis < a.rank; ++axis) fits = b.dim[axis] == a.dim[axis] || b.dim[axis] == 1;
  if (!fits) check.fail("b", b.str(), a.str() + ", or 1 per axis");
  check.like("b", b, b);
}

Cost Add::cost() const {
  return {.flops = double(y.numel()), .bytes = bytes_once(*this)};
}

void Convert::check() const {
  const ShapeCheck check(name);
  if (!x) check.fail("x", "absent", "(...)");
  check.like("x", x, x);
  if (y && y.dtype == x.dtype && scale == 1) return check.like("y", y, x);
  check.float_type("x", x);
  if (!y) check.fail("y", "absent", "a float type of the shape of " + x.str());
  check.float_type("y", y);
  Tensor as_x = y;
  as_x.dtype = x.dtype;
  check.like("y", as_x, x);
}

Cost Convert::cost() const {
  return {.flops = scale == 1 ? 0.0 : double(y.numel()), .bytes = bytes_once(*this)};
}

void Activate::check() const {
  const ShapeCheck check(name);
  if (!x) check.fail("x", "absent", "(...)");
  check.float_type("x", x);
  check.like("x", x, x);
  check.like("y", y, x);
}

Cost Activate::cost() const {
  return {.flops = double(y.numel()) * flops_of(act), .bytes = bytes_once(*this)};
}

void Embed::check() const {
  const ShapeCheck check(name);
  check.floats("table", table, 2, "(vocab, dim)");
  check.rank("ids", ids, 1, "i32(rows)");
  check.shape("ids", ids, DType::i32, {ids.dim[0]});
  check.shape("y", y, table.dtype, {ids.dim[0], table.dim[1]});
  if (ids.dim[0] > 0) check.not_empty("table", table, 0);
}

Cost Embed::cost() const {
  return {.flops = 0, .bytes = double(2 * y.bytes() + ids.bytes())};
}

void Attention::check() const {
  const ShapeCheck check(name);
  check.floats("q", q, 4, "(n, queries, heads, head_dim)");
  check.rank("k", k, 4, "(n, keys, heads, head_dim)");
  check.shape("k", k, q.dtype, {q.dim[0], k.dim[1], q.dim[2], q.dim[3]});
  check.like("v", v, k);
  check.like("y", y, q);
  if (q.numel() > 0) check.not_empty("k", k, 1);
}

Cost Attention::cost() const {
  return {.flops = (4.0 * double(q.dim[3]) + 4) * double(q.dim[0] * q.dim[1] * q.dim[2]) * double(k.dim[1]),
          .bytes = bytes_once(*this)};
}

void CacheAttention::check() const {
  const ShapeCheck check(name);
  check.floats("q", q, 3, "(rows, heads, head_dim)");
  check.multiple("head_dim", q.dim[2], 2);
  check.like("k", k, q);
  check.like("v", v, q);
  check.like("y", y, q);
  check.floats("k_cache", k_cache, 3, "(capacity, heads, head_dim)");
  const auto type_of = [&](const Tensor& cache) { return q.dtype == DType::f32 ? cache.dtype : q.dtype; };
  check.shape("k_cache", k_cache, type_of(k_cache), {k_cache.dim[0], q.dim[1], q.dim[2]});
  check.floats("v_cache", v_cache, 3, "(capacity, heads, head_dim)");
  check.shape("v_cache", v_cache, type_of(v_cache), {k_cache.dim[0], q.dim[1], q.dim[2]});
  check.extent("k_cache", k_cache, 0, q.dim[0]);
  check.rank("slots", slots, 1, "i32(ranks)");
  check.shape("slots", slots, DType::i32, {slots.dim[0]});
  check.extent("slots", slots, 0, q.dim[0]);
  check.shape("length", length, DType::i32, {1});
  check.rank("rope", rope, 2, "(positions, head_dim)");
  check.shape("rope", rope, DType::f32, {rope.dim[0], q.dim[2]});
  check.extent("rope", rope, 0, slots.dim[0]);
}

Cost CacheAttention::cost() const {
  const double rows = double(q.dim[0]), heads = double(q.dim[1]), dim = double(q.dim[2]);
  const double length = double(slots.dim[0]), seen = rows * length - rows * (rows - 1) / 2;
  const double token = heads * dim * double(size_of(q.dtype));
  const double cached = heads * dim * double(size_of(k_cache.dtype) + size_of(v_cache.dtype));
  // q, k, v in and y out; k, v into the cache; the cache's other tokens in.
  return {.flops = (4 * dim + 4) * heads * seen + 3 * dim * heads * (rows + length),
          .bytes = token * 4 * rows + cached * length + length * (4 + dim * 4) + 4};
}

void PickToken::check() const {
  const ShapeCheck check(name);
  check.rank("logits", logits, 2, "f32(1, vocab)");
  check.shape("logits", logits, DType::f32, {1, logits.dim[1]});
  check.not_empty("logits", logits, 1);
  check.shape("id", id, DType::i32, {1});
  if (length) check.shape("length", length, DType::i32, {1});
  if (outside_ids) check.rank("outside_ids", outside_ids, 1, "i32(n)");
  if (outside_ids) check.shape("outside_ids", outside_ids, DType::i32, {outside_ids.dim[0]});
  check.at_least("banned", banned, -1);
}

Cost PickToken::cost() const {
  return {.flops = double(logits.numel()), .bytes = bytes_once(*this)};
}

void NormalizeTokens::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 3, "(n, tokens, dim)");
  check.like("y", y, x);
}

Cost NormalizeTokens::cost() const {
  return {.flops = 3.0 * double(x.numel()), .bytes = bytes_once(*this)};
}

void MeanTokens::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 3, "(n, tokens, dim)");
  check.shape("y", y, x.dtype, {x.dim[0], 1, x.dim[2]});
  check.not_empty("x", x, 1);
}

Cost MeanTokens::cost() const {
  return {.flops = double(x.numel()), .bytes = bytes_once(*this)};
}

void Sinusoid::check() const {
  const ShapeCheck check(name);
  check.floats("y", y, 2, "(rows, dim)");
  check.multiple("dim", y.dim[1], 2);
  check.shape("t", t, DType::f32, {y.dim[0]});
}

Cost Sinusoid::cost() const {
  return {.flops = 3.0 * double(y.numel()), .bytes = bytes_once(*this)};
}

namespace {

// n latents, and the pictures of a model's input or output for them: one each, or two under guidance.
void check_latents(const ShapeCheck& check, const Tensor& x, const char* field, const Tensor& pictures) {
  check.rank("x", x, 4, "(n, h, w, c)");
  check.shape("x", x, DType::f32, {x.dim[0], x.dim[1], x.dim[2], x.dim[3]});
  check.floats(field, pictures, 4, "(n or 2n, h, w, c)");
  const int64_t n = pictures.dim[0] == x.dim[0] ? x.dim[0] : 2 * x.dim[0];
  check.shape(field, pictures, pictures.dtype, {n, x.dim[1], x.dim[2], x.dim[3]});
}

void check_table(const ShapeCheck& check, const Tensor& coefficients, const Tensor& step) {
  check.rank("coefficients", coefficients, 2, "f32(steps, 8)");
  check.shape("coefficients", coefficients, DType::f32, {coefficients.dim[0], kStepColumns});
  check.not_empty("coefficients", coefficients, 0);
  check.shape("step", step, DType::i32, {1});
}

// Of the table one row is read.
double row_bytes(const Tensor& coefficients) {
  return double(kStepColumns * size_of(coefficients.dtype));
}

}  // namespace

void ScaleInput::check() const {
  const ShapeCheck check(name);
  check_latents(check, x, "y", y);
  check_table(check, coefficients, step);
}

Cost ScaleInput::cost() const {
  return {.flops = double(x.numel()),
          .bytes = bytes_once(*this) - double(coefficients.bytes()) + row_bytes(coefficients)};
}

void SchedulerStep::check() const {
  const ShapeCheck check(name);
  check_latents(check, x, "m", m);
  if (history) check.like("history", history, x);
  check_table(check, coefficients, step);
}

Cost SchedulerStep::cost() const {
  // One product of x, and one of each m with a sum; the same again for the history, which x reads as well.
  const double sum = double(x.numel()) + 2 * double(m.numel());
  return {.flops = sum + (history ? sum + 2 * double(x.numel()) : 0),
          .bytes = bytes_once(*this) - double(coefficients.bytes()) + row_bytes(coefficients)};
}

void ToPixels::check() const {
  const ShapeCheck check(name);
  check.floats("x", x, 4, "(n, h, w, c)");
  check.shape("y", y, DType::u8, {x.dim[0], x.dim[1], x.dim[2], x.dim[3]});
  check.shape("bad", bad, DType::i32, {1});
}

Cost ToPixels::cost() const {
  return {.flops = 5.0 * double(x.numel()), .bytes = bytes_once(*this)};
}

}  // namespace seedstory
