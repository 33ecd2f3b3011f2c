#include "ops/cases/conv2d.h"

#include "ops/kernel_set.h"

using namespace seedstory;

namespace {

Tolerance tolerance(int64_t taps) {
  return conv2d_tolerance(DType::f32, taps);
}

Conv2d convolution(Inputs& in, int64_t n, int64_t size, int64_t in_c, int64_t out_c, int64_t kernel, int stride,
                   int pad_begin, int pad_end) {
  return square_conv2d(in, DType::f32, n, size, in_c, out_c, kernel, stride, pad_begin, pad_end);
}

// With bf16 weights a set of kernels may round x as well.
Tolerance bf16_tolerance(const KernelSet& set, int64_t taps) {
  Tolerance t = tolerance(taps);
  if (set.kernels.bf16x2) t.sum += 0x1p-8;
  return t;
}

void expect_takes_bf16_weights(const KernelSet& set) {
  for (int64_t out_c : {64, 24, 3})
    for (int64_t in_c : {40, 7})
      for (int64_t size : {7, 16}) {
        Inputs in(1);
        Conv2d op = convolution(in, 2, size, in_c, out_c, 3, 1, 1, 1);
        op.w = in.normal(DType::bf16, {out_c, in_c, 3, 3});
        expect_matches_oracle(op, bf16_tolerance(set, in_c * 9), set.backends);
      }
}

void expect_reads_doubled(const KernelSet& set) {
  for (const auto& [h, w, in_c, out_c] : kDoubledCases)
    for (const auto& format : kWeightFormats) {
      if (format.value > WeightFormat::bf16 && in_c % kWeightBlock != 0) continue;
      INFO(h << " x " << w << ", " << in_c << " to " << out_c << " channels, weights in " << format.name);
      Inputs in(1);
      const Conv2d op{.y = in.uninitialized(DType::f32, {2, 2 * h, 2 * w, out_c}),
                      .x = in.normal(DType::f32, {2, h, w, in_c}),
                      .w = in.weight(format.value, {out_c, in_c, 3, 3}),
                      .bias = in.normal(DType::f32, {out_c}),
                      .residual = in.normal(DType::f32, {2, 2 * h, 2 * w, out_c}),
                      .pad_begin = 1,
                      .pad_end = 1,
                      .upsample2x = true};
      const bool bf16 = format.value == WeightFormat::bf16;
      expect_product(set, op, bf16 ? bf16_tolerance(set, in_c * 9) : tolerance(in_c * 9));
      const auto first = oracle::result(*set.backends[0], op);
      for (const auto& backend : set.backends) CHECK(oracle::result(*backend, op) == first);
    }
}

}  // namespace

TEST_CASE("Conv2d matches the oracle", "[ops]") {
  for_conv2d_cases(DType::f32, [](const Conv2d& op, Tolerance t) { expect_matches_oracle(op, t); });
}

TEST_CASE("Conv2d takes bf16 weights beside f32", "[ops]") {
  expect_takes_bf16_weights(best_set());
}

TEST_CASE("Conv2d takes weights of every format beside f32", "[ops]") {
  for (const WeightFormat format : {WeightFormat::f16, WeightFormat::q8, WeightFormat::q4})
    for (int64_t out_c : {64, 24, 3})
      for (int64_t kernel : {1, 3})
        for (int64_t size : {7, 16}) {
          INFO(name_of(format) << ", " << out_c << " channels, kernel " << kernel << ", size " << size);
          Inputs in(1);
          Conv2d op = convolution(in, 2, size, 96, out_c, kernel, 1, kernel / 2, kernel / 2);
          op.w = in.weight(format, {out_c, 96, kernel, kernel});
          expect_product(best_set(), op, tolerance(96 * kernel * kernel));
        }
}

TEST_CASE("Conv2d computes in bf16 where a machine does", "[ops]") {
  expect_takes_bf16_weights(emulated_bf16_set());
}

TEST_CASE("Conv2d gives the same bits for any number of threads", "[ops]") {
  for (int64_t channels : {4, 20, 64})
    for (int64_t size : {8, 17}) {
      Inputs in(1);
      const Conv2d op = convolution(in, 2, size, channels, 64, 3, 1, 1, 1);
      const auto first = oracle::result(*backends()[0], op);
      for (const auto& backend : backends()) CHECK(oracle::result(*backend, op) == first);
    }
}

TEST_CASE("Conv2d reads x doubled", "[ops]") {
  expect_reads_doubled(best_set());
}

TEST_CASE("Conv2d reads x doubled in bf16", "[ops]") {
  expect_reads_doubled(emulated_bf16_set());
}

TEST_CASE("Conv2d says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const Conv2d good{.y = f32({1, 8, 8, 6}),
                    .x = f32({1, 8, 8, 5}),
                    .w = f32({6, 5, 3, 3}),
                    .bias = f32({6}),
                    .residual = f32({1, 8, 8, 6}),
                    .pad_begin = 1,
                    .pad_end = 1};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &Conv2d::x, f32({8, 8, 5})) == "Conv2d: x is f32(8, 8, 5), expected (n, h, w, in_c)");
  CHECK(complaint(good, &Conv2d::w, Weight(f32({6, 4, 3, 3}))) ==
        "Conv2d: w is f32(6, 4, 3, 3), expected (6, 5, 3, 3)");
  CHECK(complaint(good, &Conv2d::w, Weight(f32({6, 5, 0, 3}))) ==
        "Conv2d: w is f32(6, 5, 0, 3), expected at least 1 in axis 2");
  CHECK(complaint(good, &Conv2d::y, f32({1, 8, 7, 6})) == "Conv2d: y is f32(1, 8, 7, 6), expected (1, 8, 8, 6)");
  CHECK(complaint(good, &Conv2d::bias, f32({5})) == "Conv2d: bias is f32(5), expected (6)");
  CHECK(complaint(good, &Conv2d::residual, f32({1, 8, 8, 5})) ==
        "Conv2d: residual is f32(1, 8, 8, 5), expected f32(1, 8, 8, 6)");
  CHECK(complaint(good, &Conv2d::w, Weight(f32({6, 5, 11, 3}))) ==
        "Conv2d: x is f32(1, 8, 8, 5), expected at least 11x3 with its padding");
  CHECK(complaint(good, &Conv2d::w, Weight(in.uninitialized(DType::i4, {6, 5, 3, 3}))) ==
        "Conv2d: k of w is 5, expected a multiple of 32");
  Conv2d op = good;
  op.stride = 0;
  CHECK(complaint(op) == "Conv2d: stride is 0, expected at least 1");
  op = good;
  op.pad_end = -1;
  CHECK(complaint(op) == "Conv2d: pad_end is -1, expected at least 0");
  op = good;
  op.upsample2x = true;
  CHECK(complaint(op) == "Conv2d: y is f32(1, 8, 8, 6), expected (1, 16, 16, 6)");
  op.stride = 2;
  CHECK(complaint(op) ==
        "Conv2d: w is f32(6, 5, 3, 3), expected a 3x3 kernel, stride 1 and padding 1 over a doubled x");
}
