// AddRmsNorm (ops.h):  h <- h + r;  y <- h / sqrt(mean(h^2) + eps) * w
//
// Work   Two passes over a row, the second from L1.
// Error  Against f64, relative: 2^-21. Sixteen sums of dim / 16 squares each, all of one sign.
#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {

template <>
void execute(const AddRmsNorm& op, ExecContext& context) {
  const int64_t dim = op.h.dim[1];
  const auto* w = op.w.as<float>();
  parallel_rows(context.pool, op.h.dim[0], dim, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      context.kernels.add_rms_norm(dim, row_of(op.h, row), op.r ? row_of(op.r, row) : nullptr, w, op.eps,
                                   row_of(op.y, row));
  });
}

}  // namespace seedstory::cpu
