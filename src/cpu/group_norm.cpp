// GroupNorm (ops.h):  y <- act((s - mean) / sqrt(var + eps) * w + b),  s = x + shift
#include <cmath>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {

void execute(const GroupNorm& op, Crew& crew) {
  const int64_t pixels = op.x.dim[1] * op.x.dim[2], channels = op.x.dim[3], width = channels / op.groups;
  const auto *w = op.w.as<float>(), *b = op.b.as<float>();
  parallel_tasks(crew.threads, op.x.dim[0] * op.groups, [&](int64_t task, int) {
    const int64_t n = task / op.groups, first = task % op.groups * width;
    const float* shift = op.shift ? row_of(op.shift, n) : nullptr;
    const auto at = [&](int64_t pixel, int64_t c) {
      return row_of(op.x, n * pixels + pixel)[c] + (shift ? shift[c] : 0.0f);
    };
    double sum = 0, squares = 0;
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      for (int64_t c = first; c < first + width; ++c) sum += at(pixel, c);
    const double mean = sum / double(pixels * width);
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      for (int64_t c = first; c < first + width; ++c) squares += (at(pixel, c) - mean) * (at(pixel, c) - mean);
    const double scale = 1 / std::sqrt(squares / double(pixels * width) + op.eps);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      float* y = row_of(op.y, n * pixels + pixel);
      for (int64_t c = first; c < first + width; ++c) {
        const double v = (at(pixel, c) - mean) * scale * w[c] + b[c];
        switch (op.act) {
          case Activation::none:
            y[c] = float(v);
            break;
          case Activation::silu:
            y[c] = float(v / (1 + std::exp(-v)));
            break;
          case Activation::gelu:
            y[c] = float(0.5 * v * std::erfc(-v * 0.70710678118654752440));
            break;
        }
      }
    }
  });
}

}  // namespace seedstory::cpu
