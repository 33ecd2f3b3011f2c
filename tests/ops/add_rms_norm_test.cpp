#include "ops/cases/add_rms_norm.h"

using namespace seedstory;

TEST_CASE("AddRmsNorm matches the oracle", "[ops]") {
  for_add_rms_norm_cases(DType::f32, [](const AddRmsNorm& op) { expect_matches_oracle(op, {.rel = 0x1p-21}); });
}

TEST_CASE("AddRmsNorm says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const AddRmsNorm good{.y = f32({3, 64}), .h = f32({3, 64}), .r = f32({3, 64}), .w = f32({64})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &AddRmsNorm::h, f32({64})) == "AddRmsNorm: h is f32(64), expected (rows, dim)");
  CHECK(complaint(good, &AddRmsNorm::y, f32({3, 63})) == "AddRmsNorm: y is f32(3, 63), expected f32(3, 64)");
  CHECK(complaint(good, &AddRmsNorm::r, f32({2, 64})) == "AddRmsNorm: r is f32(2, 64), expected f32(3, 64)");
  CHECK(complaint(good, &AddRmsNorm::w, f32({63})) == "AddRmsNorm: w is f32(63), expected (64)");
  CHECK(complaint(good, &AddRmsNorm::w, in.uninitialized(DType::f16, {64})) ==
        "AddRmsNorm: w is f16(64), expected f32(64)");
}
