// ToPixels (ops.h): y <- 255 clamp(x / 2 + 0.5, 0, 1), half to even; bad <- how many of x are not finite.
//
// Numbers  Each step of the formula is rounded in f32, so that a picture's bytes do not depend on the instructions.
// Error    None: the bytes are those of the formula in f32.
#include <atomic>
#include <cmath>

#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

// Half to even for v of [0, 2^22): the sum has no bits behind the point. Unlike nearbyint() it is no call.
uint8_t rounded(float v) {
  constexpr float kNoFraction = 0x1.8p23f;
  return uint8_t(int32_t((v + kNoFraction) - kNoFraction));
}

}  // namespace

template <>
void execute(const ToPixels& op, ExecContext& context) {
  Tensor x = op.x, y = op.y;
  join_pixels({&x, &y});
  std::atomic<int32_t> bad = 0;
  parallel_rows(context.pool, x.rows(), x.cols(), [&](int64_t begin, int64_t end) {
    int32_t wrong = 0;
    for (int64_t row = begin; row < end; ++row) {
      const float* from = row_of(x, row);
      uint8_t* to = y.as<uint8_t>() + row_offset(y, row);
      for (int64_t i = 0; i < x.cols(); ++i) {
        const float unit = from[i] / 2 + 0.5f;
        to[i] = rounded((unit > 0 ? unit < 1 ? unit : 1 : 0) * 255);
        wrong += std::isfinite(from[i]) ? 0 : 1;
      }
    }
    bad += wrong;
  });
  op.bad.as<int32_t>()[0] = bad;
}

}  // namespace seedstory::cpu
