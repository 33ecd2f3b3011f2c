#include "ops/cases/attention.h"

#include <cstring>

#include "ops/kernel_set.h"

using namespace seedstory;

namespace {

// The Error line of src/cpu/ops/attention.cpp.
Tolerance tolerance(int64_t keys, int64_t dim, bool in_bf16 = false) {
  const double f32 = 0x1p-23 * (std::sqrt(double(dim)) + std::sqrt(double(keys)) + 4);
  return {.sum = in_bf16 ? f32 + 0x1p-8 : f32};
}

void expect_matches(const KernelSet& set, DType compute_type) {
  const bool in_bf16 = compute_type == DType::bf16 && set.kernels.bf16x2;
  for_attention_cases(DType::f32, [&](Attention op) {
    op.compute_type = compute_type;
    expect_matches_oracle(op, tolerance(op.k.dim[1], op.k.dim[3], in_bf16), set.backends);
  });
}

void expect_same_bits(const KernelSet& set, DType compute_type) {
  Inputs in(1);
  const Attention op{.y = in.uninitialized(DType::f32, {1, 90, 2, 48}),
                     .q = in.normal(DType::f32, {1, 90, 2, 48}),
                     .k = in.normal(DType::f32, {1, 333, 2, 48}),
                     .v = in.normal(DType::f32, {1, 333, 2, 48}),
                     .scale = 0.2f,
                     .compute_type = compute_type};
  const auto all = oracle::result(*set.backends[0], op);
  for (const auto& backend : set.backends) {
    CHECK(oracle::result(*backend, op) == all);
    Attention one = op;
    one.q = op.q.slice(1, 77, 78), one.y = op.y.slice(1, 77, 78);
    CHECK(oracle::result(*backend, one) == std::vector<double>(all.begin() + 77 * 96, all.begin() + 78 * 96));
  }
}

}  // namespace

TEST_CASE("Attention matches the oracle", "[ops]") {
  for (DType compute_type : {DType::f32, DType::bf16}) expect_matches(best_set(), compute_type);
}

TEST_CASE("Attention computes in bf16 where a machine does", "[ops]") {
  for (DType compute_type : {DType::f32, DType::bf16}) expect_matches(emulated_bf16_set(), compute_type);

  Inputs in(1);
  Attention op{.y = in.uninitialized(DType::f32, {1, 20, 2, 32}),
               .q = in.normal(DType::f32, {1, 20, 2, 32}),
               .k = in.normal(DType::f32, {1, 20, 2, 32}),
               .v = in.normal(DType::f32, {1, 20, 2, 32})};
  Backend& backend = *emulated_bf16_set().backends[0];
  const auto exact = oracle::result(backend, op);
  op.compute_type = DType::bf16;
  CHECK(oracle::result(backend, op) != exact);
}

TEST_CASE("Attention gives the same bits for any number of threads and queries", "[ops]") {
  expect_same_bits(best_set(), DType::f32);
}

TEST_CASE("Attention gives the same bits for any number of threads and queries in bf16", "[ops]") {
  expect_same_bits(emulated_bf16_set(), DType::bf16);
}

// A NaN whose low bits would act as an exponent if exp() did not look.
TEST_CASE("Attention passes a NaN on", "[ops]") {
  Inputs in(1);
  const Attention op{.y = in.uninitialized(DType::f32, {1, 3, 1, 16}),
                     .q = in.normal(DType::f32, {1, 3, 1, 16}),
                     .k = in.normal(DType::f32, {1, 40, 1, 16}),
                     .v = in.normal(DType::f32, {1, 40, 1, 16})};
  const uint32_t nan_bits = 0x7fc00001;
  std::memcpy(op.k.as<float>() + 17 * 16, &nan_bits, sizeof nan_bits);
  for (const auto& backend : backends())
    for (double y : oracle::result(*backend, op)) CHECK(std::isnan(y));
}

TEST_CASE("Attention says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const Attention good{.y = f32({2, 3, 4, 8}), .q = f32({2, 3, 4, 8}), .k = f32({2, 5, 4, 8}), .v = f32({2, 5, 4, 8})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &Attention::q, f32({3, 4, 8})) ==
        "Attention: q is f32(3, 4, 8), expected (n, queries, heads, head_dim)");
  CHECK(complaint(good, &Attention::k, f32({2, 5, 4, 7})) == "Attention: k is f32(2, 5, 4, 7), expected (2, 5, 4, 8)");
  CHECK(complaint(good, &Attention::v, f32({2, 6, 4, 8})) ==
        "Attention: v is f32(2, 6, 4, 8), expected f32(2, 5, 4, 8)");
  CHECK(complaint(good, &Attention::y, f32({2, 5, 4, 8})) ==
        "Attention: y is f32(2, 5, 4, 8), expected f32(2, 3, 4, 8)");
  CHECK(complaint(good, &Attention::k, f32({2, 0, 4, 8})) ==
        "Attention: v is f32(2, 5, 4, 8), expected f32(2, 0, 4, 8)");
  Attention empty = good;
  empty.k = empty.v = f32({2, 0, 4, 8});
  CHECK(complaint(empty) == "Attention: k is f32(2, 0, 4, 8), expected at least 1 in axis 1");
}
