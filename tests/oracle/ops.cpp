// Every op as its formula in ops.h reads, on tensors spread out as doubles. Slow on purpose.
#include <algorithm>
#include <cmath>

#include "oracle/oracle.h"

namespace seedstory::oracle {
namespace {

using Values = std::vector<double>;

size_t at(int64_t i) {
  return size_t(i);
}

Values magnitudes(const Values& values) {
  Values out;
  for (double v : values) out.push_back(std::fabs(v));
  return out;
}

Exact plain(Values values) {
  Values size = magnitudes(values);
  return {std::move(values), std::move(size)};
}

double round_to(DType type, double v) {
  double bits = 0;
  put(type, &bits, v);
  return get(type, &bits);
}

double activate(Activation act, double x) {
  if (act == Activation::gelu) return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  if (act == Activation::silu) return x / (1 + std::exp(-x));
  return x;
}

// How much an error before the activation may grow by it: the largest slope of GELU is 1.13, of SiLU 1.10.
constexpr double kSlope = 1.13;

// One element of x wT + bias, and the magnitude that its error grows with.
struct Sum {
  double value, size;
};
Sum element_of(const Values& x, const Values& w, const Values& bias, int64_t k, int64_t row, int64_t col) {
  Sum s{bias.empty() ? 0 : bias[at(col)], bias.empty() ? 0 : std::fabs(bias[at(col)])};
  for (int64_t i = 0; i < k; ++i) {
    const double term = x[at(row * k + i)] * w[at(col * k + i)];
    s.value += term;
    s.size += std::fabs(term);
  }
  return s;
}

}  // namespace

template <>
Expected oracle(const Linear& op) {
  const int64_t rows = op.x.dim[0], k = op.x.dim[1], n = op.w.values.dim[0];
  const Values x = read(op.x), w = read(op.w), bias = read(op.bias), residual = read(op.residual);
  Exact y;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < n; ++col) {
      const Sum sum = element_of(x, w, bias, k, row, col);
      const double more = op.residual ? residual[at(row * n + col)] : 0;
      const double activated = activate(op.act, sum.value);
      y.value.push_back(activated + more);
      y.magnitude.push_back(kSlope * sum.size + std::fabs(activated) + std::fabs(more));
    }
  return {{"y", y}};
}

template <>
Expected oracle(const GatedLinear& op) {
  const int64_t rows = op.x.dim[0], k = op.x.dim[1], n = op.w.values.dim[0] / 2;
  const Values x = read(op.x), w = read(op.w), bias = read(op.bias);
  Exact y;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < n; ++col) {
      const Sum a = element_of(x, w, bias, k, row, col), g = element_of(x, w, bias, k, row, n + col);
      const double gate = activate(op.act, g.value);
      y.value.push_back(a.value * gate);
      // An error of either sum is multiplied by the other factor; GELU and SiLU are within kSlope |g|.
      y.magnitude.push_back(a.size * std::fabs(gate) + std::fabs(a.value) * kSlope * g.size +
                            std::fabs(a.value * g.value));
    }
  return {{"y", y}};
}

template <>
Expected oracle(const Conv2d& op) {
  const int64_t h = op.x.dim[1], w = op.x.dim[2], in_c = op.x.dim[3], scale = op.upsample2x ? 2 : 1;
  const int64_t out_c = op.w.values.dim[0], kh = op.w.values.dim[2], kw = op.w.values.dim[3];
  const Values x = read(op.x), weights = read(op.w), bias = read(op.bias), residual = read(op.residual);
  Exact y;
  for (int64_t n = 0; n < op.y.dim[0]; ++n)
    for (int64_t row = 0; row < op.y.dim[1]; ++row)
      for (int64_t col = 0; col < op.y.dim[2]; ++col)
        for (int64_t out = 0; out < out_c; ++out) {
          double sum = op.bias ? bias[at(out)] : 0;
          sum += op.residual ? residual[y.value.size()] : 0;
          double size = std::fabs(op.bias ? bias[at(out)] : 0) + std::fabs(op.residual ? residual[y.value.size()] : 0);
          for (int64_t i = 0; i < kh; ++i)
            for (int64_t j = 0; j < kw; ++j) {
              const int64_t from_row = row * op.stride + i - op.pad_begin,
                            from_col = col * op.stride + j - op.pad_begin;
              if (from_row < 0 || from_row >= h * scale || from_col < 0 || from_col >= w * scale) continue;
              for (int64_t c = 0; c < in_c; ++c) {
                const double term = x[at(((n * h + from_row / scale) * w + from_col / scale) * in_c + c)] *
                                    weights[at(((out * in_c + c) * kh + i) * kw + j)];
                sum += term;
                size += std::fabs(term);
              }
            }
          y.value.push_back(sum);
          y.magnitude.push_back(size);
        }
  return {{"y", y}};
}

namespace {

// (x - mean) / sqrt(var + eps) of the elements that `members` names, and what an error of theirs can grow to: the
// subtraction may cancel, and the deviation carries the error of all of them.
struct Normalized {
  double mean = 0, deviation = 0, root_mean_square = 0;
  Normalized(const Values& x, const std::vector<size_t>& members, double eps) {
    double var = 0, squares = 0;
    for (size_t i : members) mean += x[i] / double(members.size());
    for (size_t i : members) var += (x[i] - mean) * (x[i] - mean) / double(members.size());
    for (size_t i : members) squares += x[i] * x[i] / double(members.size());
    deviation = std::sqrt(var + eps);
    root_mean_square = std::sqrt(squares);
  }
  double of(double x) const { return (x - mean) / deviation; }
  double magnitude(double x) const {
    return (std::fabs(x) + std::fabs(mean) + std::fabs(of(x)) * root_mean_square) / deviation;
  }
};

}  // namespace

template <>
Expected oracle(const LayerNorm& op) {
  const int64_t dim = op.x.cols();
  const Values x = read(op.x), w = read(op.w), b = read(op.b);
  Exact y;
  for (int64_t row = 0; row < op.x.rows(); ++row) {
    std::vector<size_t> members;
    for (int64_t i = 0; i < dim; ++i) members.push_back(at(row * dim + i));
    const Normalized normalized(x, members, op.eps);
    for (int64_t i = 0; i < dim; ++i) {
      const double v = x[at(row * dim + i)];
      y.value.push_back(normalized.of(v) * w[at(i)] + b[at(i)]);
      y.magnitude.push_back(normalized.magnitude(v) * std::fabs(w[at(i)]) + std::fabs(b[at(i)]));
    }
  }
  return {{"y", y}};
}

template <>
Expected oracle(const AddRmsNorm& op) {
  const int64_t rows = op.h.dim[0], dim = op.h.dim[1];
  const Values r = read(op.r), w = read(op.w);
  Values h = read(op.h), y;
  for (int64_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (int64_t i = 0; i < dim; ++i) {
      double& v = h[at(row * dim + i)];
      if (op.r) v = round_to(op.h.dtype, v + r[at(row * dim + i)]);
      squares += v * v;
    }
    for (int64_t i = 0; i < dim; ++i)
      y.push_back(h[at(row * dim + i)] / std::sqrt(squares / double(dim) + op.eps) * w[at(i)]);
  }
  return {{"y", plain(y)}, {"h", plain(h)}};
}

template <>
Expected oracle(const GroupNorm& op) {
  const int64_t pixels = op.x.dim[1] * op.x.dim[2], channels = op.x.dim[3], width = channels / op.groups;
  const Values w = read(op.w), b = read(op.b), shift = read(op.shift);
  Values s = read(op.x);
  Exact y{Values(s.size()), Values(s.size())};
  for (int64_t n = 0; n < op.x.dim[0]; ++n)
    for (int64_t group = 0; group < op.groups; ++group) {
      std::vector<size_t> members;
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        for (int64_t c = group * width; c < (group + 1) * width; ++c) {
          const size_t i = at((n * pixels + pixel) * channels + c);
          if (op.shift) s[i] += shift[at(n * channels + c)];
          members.push_back(i);
        }
      const Normalized normalized(s, members, op.eps);
      for (size_t i : members) {
        const size_t c = i % at(channels);
        const double v = normalized.of(s[i]) * w[c] + b[c];
        y.value[i] = activate(op.act, v);
        y.magnitude[i] = kSlope * (normalized.magnitude(s[i]) * std::fabs(w[c]) + std::fabs(b[c]));
      }
    }
  return {{"y", y}};
}

template <>
Expected oracle(const Add& op) {
  const Values a = read(op.a), b = read(op.b);
  Values y;
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t rest = int64_t(i), from = 0, step = 1;
    for (int axis = op.a.rank - 1; axis >= 0; --axis) {
      if (op.b.dim[axis] != 1) from += rest % op.a.dim[axis] * step;
      rest /= op.a.dim[axis];
      step *= op.b.dim[axis];
    }
    y.push_back(a[i] + b[at(from)]);
  }
  return {{"y", plain(y)}};
}

template <>
Expected oracle(const Convert& op) {
  Values y = read(op.x);
  for (double& v : y) v *= double(op.scale);
  return {{"y", plain(y)}};
}

template <>
Expected oracle(const Activate& op) {
  Exact y;
  for (double x : read(op.x)) {
    y.value.push_back(activate(op.act, x));
    y.magnitude.push_back(std::fabs(x));
  }
  return {{"y", y}};
}

template <>
Expected oracle(const Embed& op) {
  const Values ids = read(op.ids), table = read(op.table);
  const int64_t dim = op.table.dim[1];
  Values y;
  for (double id : ids)
    for (int64_t i = 0; i < dim; ++i) y.push_back(table[at(int64_t(id) * dim + i)]);
  return {{"y", plain(y)}};
}

namespace {

// One query against `keys` keys; key(r) and value(r) give the vectors. Appends dim elements to y. An error in a score
// is an error of the same relative size in its weight, hence the factor on the magnitude.
template <class Key, class Value>
void attend(const Values& q, int64_t keys, double scale, Key&& key, Value&& value, Exact& y) {
  Values score;
  double top = -INFINITY, score_size = 0, sum = 0;
  for (int64_t r = 0; r < keys; ++r) {
    const Values k = key(r);
    double dot = 0, size = 0;
    for (size_t i = 0; i < q.size(); ++i) dot += q[i] * k[i], size += std::fabs(q[i] * k[i]);
    score.push_back(dot * scale);
    top = std::max(top, score.back());
    score_size = std::max(score_size, size * std::fabs(scale));
  }
  for (double& s : score) sum += s = std::exp(s - top);
  Values out(q.size()), size(q.size());
  for (int64_t r = 0; r < keys; ++r) {
    const Values v = value(r);
    for (size_t i = 0; i < q.size(); ++i) {
      out[i] += score[at(r)] / sum * v[i];
      size[i] += score[at(r)] / sum * std::fabs(v[i]) * (1 + score_size);
    }
  }
  y.value.insert(y.value.end(), out.begin(), out.end());
  y.magnitude.insert(y.magnitude.end(), size.begin(), size.end());
}

Values part(const Values& x, int64_t begin, int64_t count) {
  return Values(x.begin() + begin, x.begin() + begin + count);
}

Values rotate(const Values& x, const Values& rope, int64_t position) {
  const int64_t dim = int64_t(x.size()), half = dim / 2;
  Values out(x.size());
  for (int64_t j = 0; j < half; ++j) {
    const double c = rope[at(position * dim + j)], s = rope[at(position * dim + half + j)];
    out[at(j)] = x[at(j)] * c - x[at(j + half)] * s;
    out[at(j + half)] = x[at(j + half)] * c + x[at(j)] * s;
  }
  return out;
}

}  // namespace

template <>
Expected oracle(const Attention& op) {
  const int64_t queries = op.q.dim[1], heads = op.q.dim[2], dim = op.q.dim[3], keys = op.k.dim[1];
  const Values q = read(op.q), k = read(op.k), v = read(op.v);
  Exact y;
  for (int64_t n = 0; n < op.q.dim[0]; ++n)
    for (int64_t query = 0; query < queries; ++query)
      for (int64_t head = 0; head < heads; ++head)
        attend(
            part(q, ((n * queries + query) * heads + head) * dim, dim), keys, op.scale,
            [&](int64_t key) { return part(k, ((n * keys + key) * heads + head) * dim, dim); },
            [&](int64_t key) { return part(v, ((n * keys + key) * heads + head) * dim, dim); }, y);
  return {{"y", y}};
}

template <>
Expected oracle(const CacheAttention& op) {
  const int64_t rows = op.q.dim[0], heads = op.q.dim[1], dim = op.q.dim[2], token = heads * dim;
  const int64_t length = int64_t(read(op.length)[0]);
  const Values q = read(op.q), k = read(op.k), v = read(op.v), slots = read(op.slots), rope = read(op.rope);
  Values keys = read(op.k_cache), values = read(op.v_cache);
  const auto cached = [](const Tensor& cache, double x) {
    double bits = 0;
    put(cache.dtype, &bits, x);
    return get(cache.dtype, &bits);
  };
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < token; ++i) {
      const int64_t to = int64_t(slots[at(length - rows + row)]) * token + i;
      keys[at(to)] = cached(op.k_cache, k[at(row * token + i)]);
      values[at(to)] = cached(op.v_cache, v[at(row * token + i)]);
    }
  Exact y;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t rank = length - rows + row;
      const auto of_rank = [&](const Values& cache, int64_t r) {
        return part(cache, (int64_t(slots[at(r)]) * heads + head) * dim, dim);
      };
      attend(
          rotate(part(q, (row * heads + head) * dim, dim), rope, rank), rank + 1, op.scale,
          [&](int64_t r) { return rotate(of_rank(keys, r), rope, r); }, [&](int64_t r) { return of_rank(values, r); },
          y);
    }
  // On the way to the cache there is one rounding at most, to nearest: no error is allowed.
  return {{"y", y}, {"k_cache", {keys, Values(keys.size())}}, {"v_cache", {values, Values(values.size())}}};
}

template <>
Expected oracle(const PickToken& op) {
  Values l = read(op.logits), length = op.length ? read(op.length) : Values();
  for (double id : read(op.outside_ids)) l[at(int64_t(id))] = op.outside;
  if (op.banned >= 0 && op.banned < int64_t(l.size())) l[at(op.banned)] = -INFINITY;
  double best = -1;
  for (size_t i = 0; i < l.size(); ++i)
    if (best < 0 || l[i] > l[at(int64_t(best))]) best = double(i);
  for (double v : l)
    if (std::isnan(v)) best = -1;
  for (double& v : length) ++v;
  return {{"id", plain({best})}, {"length", plain(length)}};
}

template <>
Expected oracle(const NormalizeTokens& op) {
  const int64_t tokens = op.x.dim[1], dim = op.x.dim[2];
  Values x = read(op.x);
  for (int64_t n = 0; n < op.x.dim[0]; ++n)
    for (int64_t c = 0; c < dim; ++c) {
      double squares = 0;
      for (int64_t token = 0; token < tokens; ++token) squares += std::pow(x[at((n * tokens + token) * dim + c)], 2);
      for (int64_t token = 0; token < tokens; ++token)
        x[at((n * tokens + token) * dim + c)] /= std::max(std::sqrt(squares), 1e-12);
    }
  return {{"y", plain(x)}};
}

template <>
Expected oracle(const MeanTokens& op) {
  const int64_t tokens = op.x.dim[1], dim = op.x.dim[2];
  const Values x = read(op.x);
  Exact y;
  for (int64_t n = 0; n < op.x.dim[0]; ++n)
    for (int64_t c = 0; c < dim; ++c) {
      double sum = 0, size = 0;
      for (int64_t token = 0; token < tokens; ++token) {
        sum += x[at((n * tokens + token) * dim + c)];
        size += std::fabs(x[at((n * tokens + token) * dim + c)]);
      }
      y.value.push_back(sum / double(tokens));
      y.magnitude.push_back(size / double(tokens));
    }
  return {{"y", y}};
}

template <>
Expected oracle(const Sinusoid& op) {
  const int64_t dim = op.y.dim[1], half = dim / 2;
  Exact y;
  for (double t : read(op.t))
    for (int64_t i = 0; i < dim; ++i) {
      const double exponent = std::log(10000.0) * double(i % half) / double(half);
      const double angle = t * std::exp(-exponent);
      y.value.push_back(i < half ? std::cos(angle) : std::sin(angle));
      // An f32 frequency is off by its own rounding and by that of its exponent.
      y.magnitude.push_back(std::fabs(angle) * (1 + exponent));
    }
  return {{"y", y}};
}

namespace {

// The row that `step` names.
Values row_of_step(const Tensor& coefficients, const Tensor& step) {
  return part(read(coefficients), int64_t(read(step)[0]) * kStepColumns, kStepColumns);
}

}  // namespace

template <>
Expected oracle(const ScaleInput& op) {
  const double input = row_of_step(op.coefficients, op.step)[0];
  const Values x = read(op.x);
  Values y;
  for (int64_t copy = 0; copy < op.y.dim[0] / std::max<int64_t>(op.x.dim[0], 1); ++copy)
    for (double v : x) y.push_back(v * input);
  return {{"y", plain(y)}};
}

template <>
Expected oracle(const SchedulerStep& op) {
  const Values c = row_of_step(op.coefficients, op.step), x = read(op.x), m = read(op.m), h = read(op.history);
  Exact latent, history;
  const auto add_to = [](Exact& exact, std::initializer_list<double> terms) {
    exact.value.push_back(0), exact.magnitude.push_back(0);
    for (double term : terms) exact.value.back() += term, exact.magnitude.back() += std::fabs(term);
  };
  const bool guided = m.size() > x.size();
  for (size_t i = 0; i < x.size(); ++i) {
    const double uncond = guided ? m[i] : 0, cond = guided ? m[x.size() + i] : m[i];
    const double kept = op.history && c[4] != 0 ? c[4] * h[i] : 0;
    add_to(latent, {c[1] * x[i], c[2] * uncond, c[3] * cond, kept});
    if (op.history) add_to(history, {c[5] * x[i], c[6] * uncond, c[7] * cond});
  }
  return {{"x", latent}, {"history", history}, {"step", plain({read(op.step)[0] + 1})}};
}

template <>
Expected oracle(const ToPixels& op) {
  Values y;
  double bad = 0;
  for (double x : read(op.x)) {
    bad += std::isfinite(x) ? 0 : 1;
    // In f32, as the formula stands: the last place decides where a value lies halfway.
    const float unit = float(float(x) / 2) + 0.5f;
    y.push_back(std::isnan(x) ? 0 : std::nearbyint(std::clamp(unit, 0.0f, 1.0f) * 255.0f));
  }
  return {{"y", plain(y)}, {"bad", plain({bad})}};
}

}  // namespace seedstory::oracle
