#pragma once

#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones. Bits are moved: no tolerance.
template <class Run>
void for_move_cases(Run&& run) {
  for (DType type : {DType::f32, DType::bf16, DType::i32, DType::u8}) {
    Inputs in(1);
    const Tensor x = in.integers({2, 3, 5, 8}, 100);
    std::vector<double> values = oracle::read(x);
    const Tensor from = in.values(type, {2, 3, 5, 8}, values);
    INFO(name_of(type));
    run(Convert{.y = in.uninitialized(type, {2, 3, 5, 8}), .x = from});
    INFO("into channels of a wider tensor, out of rows of a taller one");
    const Tensor wide = in.uninitialized(type, {2, 3, 5, 20});
    run(Convert{.y = wide.slice(3, 4, 12), .x = from});
    run(Convert{.y = wide.slice(1, 1, 3).slice(3, 4, 12), .x = from.slice(1, 0, 2)});
  }
  Inputs in(2);
  {
    INFO("enough for several threads");
    run(Convert{.y = in.uninitialized(DType::f32, {300, 300}), .x = in.normal(DType::f32, {300, 300})});
  }
  INFO("nothing");
  run(Convert{.y = in.uninitialized(DType::f32, {0, 3}), .x = in.normal(DType::f32, {0, 3})});
}

// run(op, tolerance) for each pair of types and some factors.
template <class Run>
void for_convert_cases(Run&& run) {
  for (DType from : {DType::f32, DType::f16, DType::bf16})
    for (DType to : {DType::f32, DType::f16, DType::bf16})
      for (float scale : {1.0f, 0.5f, 7.67f}) {
        INFO(name_of(from) << " to " << name_of(to) << ", times " << scale);
        Inputs in(3);
        // The product is rounded to f32 first; below the smallest normal number half of the smallest.
        const Tolerance tolerance{.rel = scale == 7.67f || to != DType::f32 ? unit_roundoff(to) + 0x1p-24 : 0,
                                  .abs = to == DType::f16 ? 0x1p-25 : 0x1p-134};
        run(Convert{.y = in.uninitialized(to, {5, 40}), .x = in.normal(from, {5, 40}), .scale = scale}, tolerance);
        run(Convert{.y = in.uninitialized(to, {5, 40}).slice(1, 3, 27),
                    .x = in.normal(from, {9, 24}).slice(0, 2, 7),
                    .scale = scale},
            tolerance);
      }
}

// run(op) for each pair of types: y is exactly what oracle::put makes of x, or NaN. Ties, subnormals, what is too large
// for f16, and what is not a number.
template <class Run>
void for_rounding_cases(Run&& run) {
  const std::vector<double> hard = {0,          -0.0,      1,         -1,        1.00048828125, 1.00146484375,
                                    65504,      65519.996, 65520,     -1e30,     0x1p-14,       0x1.ffcp-15,
                                    0x1p-24,    0x1p-25,   0x1.8p-25, 0x1p-26,   0x1p-126,      1.00390625,
                                    1.01171875, 3.4e38,    INFINITY,  -INFINITY, NAN,           0.1};
  const int64_t count = int64_t(hard.size());
  for (DType from : {DType::f32, DType::f16, DType::bf16})
    for (DType to : {DType::f32, DType::f16, DType::bf16}) {
      INFO(name_of(from) << " to " << name_of(to));
      Inputs in(3);
      run(Convert{.y = in.uninitialized(to, {1, count}), .x = in.values(from, {1, count}, hard)});
    }
}

// On this backend y is what for_rounding_cases says.
inline void expect_exact_rounding(Backend& backend, const Convert& op) {
  const auto y = oracle::result(backend, op), exact = oracle::read(op.x);
  for (size_t i = 0; i < y.size(); ++i) {
    INFO(exact[i]);
    double bits = 0;
    oracle::put(op.y.dtype, &bits, exact[i]);
    const double expected = oracle::get(op.y.dtype, &bits);
    CHECK((y[i] == expected || (std::isnan(y[i]) && std::isnan(expected))));
  }
}

template <class Run>
void for_embed_cases(DType type, Run&& run) {
  Inputs in(1);
  run(Embed{.y = in.uninitialized(type, {9, 24}), .ids = in.integers({9}, 50), .table = in.normal(type, {50, 24})});
  run(Embed{.y = in.uninitialized(type, {0, 24}), .ids = in.integers({0}, 50), .table = in.normal(type, {50, 24})});
}

}  // namespace seedstory
