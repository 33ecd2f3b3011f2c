#include "ops/cases/gated_linear.h"

#include <span>

#include "ops/kernel_set.h"

using namespace seedstory;

namespace {

struct Case {
  int64_t rows, k, n;
  const char* why;
};
constexpr Case kCases[] = {
    {1, 8, 16, "one panel of each part"},
    {80, 256, 688, "nano prompt"},
    {13, 300, 48, "just enough rows to widen a panel of bf16"},
    {130, 520, 272, "blocks in every direction"},
    {65, 40, 104, "parts that end inside a panel"},
};
constexpr Case kInBlocks[] = {
    {1, 64, 100, "one row, parts that end inside a panel"},
    {33, 288, 40, "a depth of two pieces"},
};

void expect_matches(const KernelSet& set, WeightFormat format, DType compute_type) {
  const bool any_shape = format == WeightFormat::f32 || format == WeightFormat::bf16;
  for (auto [rows, k, n, why] : any_shape ? std::span<const Case>(kCases) : kInBlocks)
    for (Activation act : {Activation::gelu, Activation::silu})
      for (bool bias : {false, true}) {
        INFO(why << (bias ? ", bias" : "") << ", activation " << int(act) << ", w " << name_of(format));
        Inputs in(1);
        Tolerance tolerance = linear_tolerance(DType::f32, k);
        // x as the sum of two numbers in bf16, or as one
        if (format == WeightFormat::bf16 && set.kernels.bf16x2)
          tolerance.sum += compute_type == DType::f32 ? 0x1p-16 : 0x1p-9;
        expect_product(set,
                       GatedLinear{.y = in.uninitialized(DType::f32, {rows, n}),
                                   .x = in.normal(DType::f32, {rows, k}),
                                   .w = in.weight(format, {2 * n, k}),
                                   .bias = bias ? in.normal(DType::f32, {2 * n}) : Tensor{},
                                   .act = act,
                                   .compute_type = compute_type},
                       tolerance);
      }
}

}  // namespace

TEST_CASE("GatedLinear matches the oracle", "[ops]") {
  for_gated_linear_cases(
      DType::f32, [](const GatedLinear& op, int64_t k) { expect_matches_oracle(op, linear_tolerance(DType::f32, k)); });
}

TEST_CASE("GatedLinear takes weights of every format beside f32", "[ops]") {
  for (const auto& format : kWeightFormats) expect_matches(best_set(), format.value, DType::f32);
}

TEST_CASE("GatedLinear computes in bf16 where a machine does", "[ops]") {
  for (DType compute_type : {DType::f32, DType::bf16})
    expect_matches(emulated_bf16_set(), WeightFormat::bf16, compute_type);
}

// Its sums are those of Linear: the model may be written with either.
TEST_CASE("GatedLinear has the bits of Linear and a gate", "[ops]") {
  Inputs in(3);
  const int64_t n = 688, k = 256;
  const Tensor x = in.normal(DType::f32, {80, k}), w = in.normal(DType::f32, {2 * n, k});
  for (const auto& backend : backends()) {
    const auto both = oracle::result(*backend, Linear{.y = in.uninitialized(DType::f32, {80, 2 * n}), .x = x, .w = w});
    const auto gated = oracle::result(
        *backend, GatedLinear{.y = in.uninitialized(DType::f32, {80, n}), .x = x, .w = w, .act = Activation::none});
    bool same = true;
    for (int64_t row = 0; row < 80; ++row)
      for (int64_t i = 0; i < n; ++i)
        same &= gated[size_t(row * n + i)] ==
                double(float(both[size_t(row * 2 * n + i)]) * float(both[size_t((row * 2 + 1) * n + i)]));
    CHECK(same);
    for (auto [begin, end] : {std::pair{0, 1}, {79, 80}, {10, 17}, {31, 80}}) {
      INFO("rows " << begin << " to " << end << ", " << backend->name());
      const auto part = oracle::result(*backend, GatedLinear{.y = in.uninitialized(DType::f32, {end - begin, n}),
                                                             .x = x.slice(0, begin, end),
                                                             .w = w,
                                                             .act = Activation::none});
      CHECK(part == std::vector<double>(gated.begin() + begin * n, gated.begin() + end * n));
    }
  }
}

TEST_CASE("GatedLinear says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const GatedLinear good{.y = f32({3, 8}), .x = f32({3, 16}), .w = f32({16, 16}), .bias = f32({16})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &GatedLinear::x, f32({16})) == "GatedLinear: x is f32(16), expected (rows, k)");
  CHECK(complaint(good, &GatedLinear::w, Weight()) == "GatedLinear: w is absent, expected (2 n, k)");
  CHECK(complaint(good, &GatedLinear::w, Weight(f32({15, 16}))) ==
        "GatedLinear: rows of w is 15, expected a multiple of 2");
  CHECK(complaint(good, &GatedLinear::w, Weight(f32({16, 15}))) == "GatedLinear: w is f32(16, 15), expected (16, 16)");
  CHECK(complaint(good, &GatedLinear::w, Weight(in.uninitialized(DType::bf16, {16, 16}))) == "");
  CHECK(complaint(good, &GatedLinear::y, f32({3, 16})) == "GatedLinear: y is f32(3, 16), expected (3, 8)");
  CHECK(complaint(good, &GatedLinear::bias, f32({8})) == "GatedLinear: bias is f32(8), expected (16)");
}
