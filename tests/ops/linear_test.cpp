#include "ops/cases/linear.h"

using namespace seedstory;

TEST_CASE("Linear matches the oracle", "[ops]") {
  for_linear_cases(DType::f32,
                   [](const Linear& op, int64_t k) { expect_matches_oracle(op, linear_tolerance(DType::f32, k)); });
}

TEST_CASE("Linear says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.room(DType::f32, dims); };
  const Linear good{.y = f32({3, 8}), .x = f32({3, 16}), .w = f32({8, 16}), .bias = f32({8}), .residual = f32({3, 8})};
  CHECK(complaint(good) == "");
  const auto with = [&](Tensor Linear::*field, const Tensor& t) {
    Linear op = good;
    op.*field = t;
    return complaint(op);
  };
  CHECK(with(&Linear::x, {}) == "Linear: x is absent, expected (rows, k)");
  CHECK(with(&Linear::x, f32({16})) == "Linear: x is f32(16), expected (rows, k)");
  CHECK(with(&Linear::x, in.room(DType::i32, {3, 16})) == "Linear: x is i32(3, 16), expected f32, f16 or bf16");
  CHECK(with(&Linear::w, {}) == "Linear: w is absent, expected (n, k)");
  CHECK(with(&Linear::w, f32({8, 15})) == "Linear: w is f32(8, 15), expected (8, 16)");
  CHECK(with(&Linear::w, in.room(DType::bf16, {8, 16})) == "Linear: w is bf16(8, 16), expected f32(8, 16)");
  CHECK(with(&Linear::y, {}) == "Linear: y is absent, expected f32(3, 8)");
  CHECK(with(&Linear::y, f32({3, 9})) == "Linear: y is f32(3, 9), expected (3, 8)");
  CHECK(with(&Linear::bias, f32({7})) == "Linear: bias is f32(7), expected (8)");
  CHECK(with(&Linear::residual, f32({2, 8})) == "Linear: residual is f32(2, 8), expected (3, 8)");
  Tensor turned = f32({3, 16});
  turned.stride[0] = 1, turned.stride[1] = 3;
  CHECK(with(&Linear::x, turned) == "Linear: x is f32(3, 16) with stride 3 in its last axis, expected stride 1");
}
