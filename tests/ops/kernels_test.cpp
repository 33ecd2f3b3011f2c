// The kernel sets of the CPU backend against each other: whatever the machine can run gives the bits of the portable
// one.
#include "cpu/simd/kernels.h"

#include <cmath>
#include <cstring>

#include "ops/emulated_bf16.h"
#include "ops/harness.h"

using namespace seedstory;
using namespace seedstory::cpu;

namespace {

std::vector<float> normal(uint64_t seed, int64_t count, double scale = 1) {
  Inputs in(seed);
  const Tensor t = in.normal(DType::f32, {count}, scale);
  return {t.as<float>(), t.as<float>() + count};
}

// run(set, where to write `count` floats), compared over the sets by their bits.
template <class Run>
void expect_same_bits(int64_t count, Run&& run) {
  std::vector<float> expected(static_cast<size_t>(count), -7.0f);
  run(kPortableKernels, expected.data());
  for (const Kernels* set : kernel_sets()) {
    INFO(set->name());
    std::vector<float> got(static_cast<size_t>(count), -7.0f);
    run(*set, got.data());
    CHECK(std::memcmp(got.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  }
}

// Of rows and panels that lie behind each other.
template <class A, class B>
GemmArgs<A, B> product_of(int64_t rows, int64_t panels, int64_t depth, const std::vector<A>& a, const B* b, float* c,
                          bool accumulate = false) {
  return {.rows = rows,
          .panels = panels,
          .depth = depth,
          .a = a.data(),
          .a_stride = depth,
          .b = b,
          .panel_stride = depth * kNR,
          .c = c,
          .c_stride = panels * kNR,
          .accumulate = accumulate};
}

}  // namespace

TEST_CASE("Matrix products have the same bits on every instruction set", "[kernels]") {
  for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17})
    for (int64_t panels : {1, 2, 3, 4, 5, 7})
      for (bool accumulate : {false, true}) {
        const int64_t depth = 37, columns = panels * kNR;
        const auto a = normal(1, rows * depth), b = normal(2, depth * columns);
        expect_same_bits(rows * columns, [&](const Kernels& set, float* c) {
          set.multiply(product_of(rows, panels, depth, a, b.data(), c, accumulate));
        });
      }
}

TEST_CASE("Products with bf16 and with half a panel have the same bits on every instruction set", "[kernels]") {
  const int64_t depth = 37, panels = 5, columns = panels * kNR;
  Inputs in(3);
  const Tensor b = in.normal(DType::bf16, {depth * columns});
  const auto* bits = static_cast<const uint16_t*>(b.data);
  std::vector<float> wide(static_cast<size_t>(depth * columns));
  kPortableKernels.widen_bf16(depth * columns, bits, wide.data());
  expect_same_bits(depth * columns, [&](const Kernels& set, float* y) { set.widen_bf16(depth * columns, bits, y); });
  for (int64_t rows : {1, 2, 5, 6, 11, 12, 13, 25})
    for (bool accumulate : {false, true}) {
      const auto a = normal(1, rows * depth);
      const auto product = [&](const auto* values, float* c) {
        return product_of(rows, panels, depth, a, values, c, accumulate);
      };
      expect_same_bits(rows * columns, [&](const Kernels& set, float* c) { set.gemm_bf16(product(bits, c)); });
      expect_same_bits(rows * columns,
                       [&](const Kernels& set, float* c) { set.gemm_half_width(product(wide.data(), c)); });
      INFO("and those of the product in f32");
      std::vector<float> whole(static_cast<size_t>(rows * columns), -7.0f), other = whole, half = whole;
      kPortableKernels.multiply(product(wide.data(), whole.data()));
      kPortableKernels.gemm_bf16(product(bits, other.data()));
      kPortableKernels.gemm_half_width(product(wide.data(), half.data()));
      CHECK(whole == other);
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t j = 0; j < kNR / 2; ++j)
          CHECK(half[size_t(row * columns + j)] == whole[size_t(row * columns + j)]);
    }
}

TEST_CASE("Products over lines have the bits of the others", "[kernels]") {
  const int64_t depth = 37, columns = 72;
  const auto w = normal(1, depth * kNR), x = normal(2, depth * columns);
  std::vector<int64_t> offsets;
  for (int64_t k = 0; k < depth; ++k) offsets.push_back((k * 5 % depth) * columns + k % 7);
  std::vector<float> turned(size_t(kNR * depth));
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t j = 0; j < kNR; ++j) turned[size_t(j * depth + k)] = w[size_t(k * kNR + j)];
  for (int64_t places : {kNR, 2 * kNR, 3 * kNR}) {
    INFO(places << " places");
    std::vector<float> panels(size_t(depth * places)), whole(size_t(kNR * places));
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < places; ++j)
        panels[size_t((j / kNR * depth + k) * kNR + j % kNR)] = x[size_t(offsets[size_t(k)] + j)];
    kPortableKernels.multiply(product_of(kNR, places / kNR, depth, turned, panels.data(), whole.data()));
    for (int64_t count = 1; count <= kNR; ++count) {
      INFO(count << " columns");
      const auto run = [&](const Kernels& set, float* c) {
        set.conv_direct({.columns = count,
                         .depth = depth,
                         .w = w.data(),
                         .x = x.data(),
                         .offsets = offsets.data(),
                         .places = places,
                         .c = c});
      };
      expect_same_bits(kNR * places, run);
      std::vector<float> got(whole.size());
      run(kPortableKernels, got.data());
      CHECK(std::equal(whole.begin(), whole.begin() + count * places, got.begin()));
    }
  }
}

TEST_CASE("Products in bf16 are products", "[kernels]") {
  std::vector<std::pair<const char*, const Bf16Kernels*>> sets = {{"emulated", &kEmulatedPairs}};
  for (const Kernels* set : kernel_sets())
    if (set->bf16x2) sets.emplace_back(set->name(), set->bf16x2);
  for (const auto& [name, bf16x2] : sets)
    for (int64_t rows : {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 50})
      for (int64_t panels : {1, 2, 3, 4, 5})
        for (int64_t depth : {2, 24, 32, 64, 70}) {
          INFO(name << ": " << rows << " rows, " << panels << " panels, depth " << depth);
          // Small whole numbers: exact in bf16, and so are their sums in f32, in any order.
          const int64_t columns = panels * kNR, stride = depth + 6;
          Inputs in(1);
          const Tensor x = in.integers({rows, depth}, 9), y = in.integers({depth, columns}, 9);
          std::vector<uint16_t> a(size_t(rows * stride), 0x7fc0), b(size_t(depth * columns));
          std::vector<float> expected(size_t(rows * columns)), got(expected.size(), 5);
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t k = 0; k < depth; ++k)
              a[size_t(row * stride + k)] = to_bf16(float(x.as<int32_t>()[row * depth + k]) - 4);
          for (int64_t k = 0; k < depth; ++k)
            for (int64_t j = 0; j < columns; ++j) {
              const auto value = float(y.as<int32_t>()[k * columns + j]) - 4;
              b[size_t(j / kNR * depth * kNR + k / 2 * 2 * kNR + j % kNR * 2 + k % 2)] = to_bf16(value);
              for (int64_t row = 0; row < rows; ++row)
                expected[size_t(row * columns + j)] += value * (float(x.as<int32_t>()[row * depth + k]) - 4);
            }
          const auto run = [&](bool accumulate) {
            GemmArgs product = product_of(rows, panels, depth, a, b.data(), got.data(), accumulate);
            product.a_stride = stride;
            bf16x2->multiply(product);
          };
          run(false);
          CHECK(got == expected);
          run(true);
          for (float& v : expected) v *= 2;
          CHECK(got == expected);
        }
}

TEST_CASE("A row of a product in bf16 has the same bits alone and among others", "[kernels]") {
  for (const Kernels* set : kernel_sets()) {
    if (!set->bf16x2) continue;
    INFO(set->name());
    constexpr int64_t kRows = 37, kDepth = 70, kColumns = 3 * kNR;
    const auto x = normal(1, kRows * kDepth), y = normal(2, kDepth * kColumns);
    std::vector<uint16_t> a(x.size()), b(y.size());
    set->bf16x2->split(int64_t(x.size()), x.data(), a.data(), nullptr);
    set->bf16x2->split(int64_t(y.size()), y.data(), b.data(), nullptr);
    std::vector<float> all(kRows * kColumns), one(kColumns);
    const auto run = [&](int64_t row, int64_t rows, float* c) {
      GemmArgs product = product_of(rows, 3, kDepth, a, b.data(), c);
      product.a += row * kDepth;
      set->bf16x2->multiply(product);
    };
    run(0, kRows, all.data());
    for (int64_t row = 0; row < kRows; ++row) {
      run(row, 1, one.data());
      CHECK(std::memcmp(one.data(), &all[size_t(row * kColumns)], one.size() * sizeof one[0]) == 0);
    }
  }
}

TEST_CASE("Numbers are split into two in bf16", "[kernels]") {
  const auto x = normal(1, 37);
  for (const Kernels* set : kernel_sets()) {
    if (!set->bf16x2) continue;
    INFO(set->name());
    std::vector<uint16_t> expected_high(40, 7), expected_low(40, 7), high(40, 7), low(40, 7);
    emulated_split(37, x.data(), expected_high.data(), expected_low.data());
    set->bf16x2->split(37, x.data(), high.data(), low.data());
    CHECK(high == expected_high);
    CHECK(low == expected_low);
  }
}

TEST_CASE("Row kernels have the same bits on every instruction set", "[kernels]") {
  for (int64_t n : {1, 15, 16, 17, 100, 192}) {
    INFO(n);
    const auto x = normal(1, n, 3), y = normal(2, n), w = normal(3, n), rope = normal(4, 2 * n + 9),
               bf16x2 = normal(5, 2 * n);
    for (Activation act : {Activation::gelu, Activation::silu}) {
      expect_same_bits(n, [&](const Kernels& set, float* out) { set.activate(n, act, x.data(), out); });
      expect_same_bits(n, [&](const Kernels& set, float* out) {
        set.epilogue({.rows = 1,
                      .columns = n,
                      .c = x.data(),
                      .c_stride = n,
                      .bias = w.data(),
                      .act = act,
                      .residual = y.data(),
                      .residual_stride = n,
                      .y = out,
                      .y_stride = n});
      });
      expect_same_bits(n, [&](const Kernels& set, float* out) {
        set.scale_channels({.channels = n,
                            .pixels = 1,
                            .x = x.data(),
                            .x_stride = n,
                            .scale = w.data(),
                            .offset = y.data(),
                            .act = act,
                            .y = out,
                            .y_stride = n});
      });
    }
    for (Activation act : {Activation::gelu, Activation::silu})
      expect_same_bits(n, [&](const Kernels& set, float* out) {
        set.epilogue_gated({.rows = 1,
                            .columns = n,
                            .a = x.data(),
                            .g = y.data(),
                            .stride = n,
                            .a_bias = y.data(),
                            .g_bias = x.data(),
                            .act = act,
                            .y = out,
                            .y_stride = n});
      });
    expect_same_bits(n, [&](const Kernels& set, float* out) { set.add(n, y.data(), x.data(), out); });
    expect_same_bits(n, [&](const Kernels& set, float* out) { set.divide(n, x.data(), 3.1f, out); });
    expect_same_bits(
        n, [&](const Kernels& set, float* out) { set.layer_norm(n, x.data(), w.data(), y.data(), 1e-5f, out); });
    expect_same_bits(2 * n, [&](const Kernels& set, float* out) {
      std::copy(x.begin(), x.end(), out + n);
      set.add_rms_norm(n, out + n, y.data(), w.data(), 1e-5f, out);
    });
    expect_same_bits(2 * n,
                     [&](const Kernels& set, float* out) { set.apply_rope(n, bf16x2.data(), rope.data(), out); });
    const auto pixels = normal(6, 9 * n, 5);
    expect_same_bits(3 * n, [&](const Kernels& set, float* out) {
      set.channel_sums({.channels = n,
                        .pixels = 9,
                        .x = pixels.data(),
                        .stride = n,
                        .centre = out,
                        .first = out + n,
                        .second = out + 2 * n});
    });
    const float* rows[9];
    for (int64_t r = 0; r < 9; ++r) rows[r] = pixels.data() + r * n;
    expect_same_bits(n, [&](const Kernels& set, float* out) { set.weighted_sum(9, rope.data(), rows, n, out); });
    const auto many = normal(7, kNR * n);
    const float* columns[kNR];
    for (int64_t j = 0; j < kNR; ++j) columns[j] = many.data() + j * n;
    expect_same_bits(20 * n, [&](const Kernels& set, float* out) { set.transpose(columns, n, out, 20); });
    for (int64_t count : {int64_t(1), int64_t(9), kNR})
      expect_same_bits(kNR * n, [&](const Kernels& set, float* out) { set.pack_panel(columns, count, n, out); });
    const int64_t padded = (n + kNR - 1) / kNR * kNR;
    expect_same_bits(padded + 2 + 32, [&](const Kernels& set, float* out) {
      std::copy(x.begin(), x.end(), out);
      float *row_max = out + padded, *row_sum = row_max + 1;
      *row_max = 0.5f, *row_sum = 2.25f;
      set.online_softmax({.keys = n,
                          .scale = 0.7f,
                          .scores = out,
                          .row_max = row_max,
                          .row_sum = row_sum,
                          .dim = 32,
                          .out = out + padded + 2});
    });
  }
}

TEST_CASE("SiLU and GELU keep their error bounds", "[kernels]") {
  // Every 4099th float, the bounds that lane_math.h states.
  double worst_silu = 0, worst_gelu = 0;
  std::vector<float> x, silu, gelu;
  for (uint64_t bits = 0; bits < 0x100000000; bits += 4099) {
    const auto pattern = uint32_t(bits);
    float v;
    std::memcpy(&v, &pattern, sizeof v);
    if (std::isfinite(v)) x.push_back(v);
  }
  silu.resize(x.size()), gelu.resize(x.size());
  const Kernels& best = *kernel_sets().front();
  best.activate(int64_t(x.size()), Activation::silu, x.data(), silu.data());
  best.activate(int64_t(x.size()), Activation::gelu, x.data(), gelu.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double v = x[i], exact_silu = v / (1 + std::exp(-v)), exact_gelu = 0.5 * v * std::erfc(-v / std::sqrt(2.0));
    worst_silu = std::max(worst_silu, std::fabs(silu[i] - exact_silu) / (std::fabs(exact_silu) + 0x1p-98));
    worst_gelu = std::max(worst_gelu, std::fabs(gelu[i] - exact_gelu) / (std::fabs(v) + 0x1p-126));
  }
  CHECK(worst_silu < 0x1p-22);
  CHECK(worst_gelu < 0x1p-23);
}
