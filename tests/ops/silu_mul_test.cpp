#include "ops/cases/silu_mul.h"

using namespace seedstory;

TEST_CASE("SiluMul matches the oracle", "[ops]") {
  // The Error line of src/cpu/elementwise.cpp.
  for_silu_mul_cases(DType::f32,
                     [](const SiluMul& op) { expect_matches_oracle(op, {.rel = 0x1p-21, .abs = 0x1p-118}); });
}

TEST_CASE("SiluMul says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.room(DType::f32, dims); };
  const Tensor right = f32({3, 8});
  CHECK(complaint(SiluMul{.y = right, .gate = right, .up = right}) == "");
  CHECK(complaint(SiluMul{.y = right, .gate = f32({8}), .up = right}) ==
        "SiluMul: gate is f32(8), expected (rows, dim)");
  CHECK(complaint(SiluMul{.y = right, .gate = right, .up = f32({3, 7})}) ==
        "SiluMul: up is f32(3, 7), expected f32(3, 8)");
  CHECK(complaint(SiluMul{.y = {}, .gate = right, .up = right}) == "SiluMul: y is absent, expected f32(3, 8)");
}
