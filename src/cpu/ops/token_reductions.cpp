// NormalizeTokens and MeanTokens (ops.h): reductions over the token axis.
//
// Work   A thread owns columns of one picture and walks down the tokens, a line of columns at a time.
// Error  Against f64, relative: NormalizeTokens 2^-22, MeanTokens, of the mean magnitude, 2^-23: the sums are in f64.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kColumns = 32;  // a task: two cache lines of each token, 32 sums in registers or L1

// body(n, first, count): columns [first, first + count) of picture n.
template <class Body>
void for_columns(const Tensor& x, ExecContext& context, Body&& body) {
  const int64_t dim = x.dim[2], parts = (dim + kColumns - 1) / kColumns;
  const int64_t grain = 16 * 1024 / std::max<int64_t>(x.dim[1] * kColumns, 1) + 1;
  parallel(context.pool, x.dim[0] * parts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % parts * kColumns;
      body(task / parts, first, std::min(kColumns, dim - first));
    }
  });
}

}  // namespace

template <>
void execute(const NormalizeTokens& op, ExecContext& context) {
  const int64_t tokens = op.x.dim[1];
  for_columns(op.x, context, [&](int64_t n, int64_t first, int64_t count) {
    double squares[kColumns] = {};
    for (int64_t token = 0; token < tokens; ++token) {
      const float* x = row_of(op.x, n * tokens + token) + first;
      for (int64_t c = 0; c < count; ++c) squares[c] += double(x[c]) * x[c];
    }
    float scale[kColumns];
    for (int64_t c = 0; c < count; ++c) {
      const double norm = std::sqrt(squares[c]);
      scale[c] = float(1 / (norm < 1e-12 ? 1e-12 : norm));  // a NaN stays one
    }
    for (int64_t token = 0; token < tokens; ++token) {
      const float* x = row_of(op.x, n * tokens + token) + first;
      float* y = row_of(op.y, n * tokens + token) + first;
      for (int64_t c = 0; c < count; ++c) y[c] = x[c] * scale[c];
    }
  });
}

template <>
void execute(const MeanTokens& op, ExecContext& context) {
  const int64_t tokens = op.x.dim[1];
  for_columns(op.x, context, [&](int64_t n, int64_t first, int64_t count) {
    double sum[kColumns] = {};
    for (int64_t token = 0; token < tokens; ++token) {
      const float* x = row_of(op.x, n * tokens + token) + first;
      for (int64_t c = 0; c < count; ++c) sum[c] += double(x[c]);
    }
    float* y = row_of(op.y, n) + first;
    for (int64_t c = 0; c < count; ++c) y[c] = float(sum[c] / double(tokens));
  });
}

}  // namespace seedstory::cpu
