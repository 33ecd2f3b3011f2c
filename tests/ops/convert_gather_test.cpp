#include "ops/cases/convert_gather.h"

using namespace seedstory;

constexpr Tolerance kExact{};

TEST_CASE("Convert concatenates and takes apart", "[ops]") {
  for_move_cases([](const Convert& op) { expect_matches_oracle(op, kExact); });
}

TEST_CASE("Convert rounds to the type of y", "[ops]") {
  for_convert_cases([](const Convert& op, Tolerance tolerance) { expect_matches_oracle(op, tolerance); });
  for_rounding_cases([](const Convert& op) {
    for (const auto& backend : backends()) expect_exact_rounding(*backend, op);
  });
}

TEST_CASE("Embed takes rows of the table", "[ops]") {
  for_embed_cases(DType::f32, [](const Embed& op) { expect_matches_oracle(op, kExact); });
}

TEST_CASE("Movement says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  CHECK(complaint(Convert{.y = f32({3, 8}), .x = f32({3, 9})}) == "Convert: y is f32(3, 8), expected f32(3, 9)");
  CHECK(complaint(Convert{.y = in.uninitialized(DType::f16, {3, 8}), .x = f32({3, 8})}) == "");
  CHECK(complaint(Convert{.y = in.uninitialized(DType::f16, {3, 9}), .x = f32({3, 8}), .scale = 2}) ==
        "Convert: y is f32(3, 9), expected f32(3, 8)");
  CHECK(complaint(Convert{.y = in.uninitialized(DType::i32, {3, 8}), .x = f32({3, 8})}) ==
        "Convert: y is i32(3, 8), expected f32, f16 or bf16");
  const Tensor whole = in.integers({3, 8}, 9);
  CHECK(complaint(Convert{.y = whole, .x = whole}) == "");
  CHECK(complaint(Convert{.y = whole, .x = whole, .scale = 2}) == "Convert: x is i32(3, 8), expected f32, f16 or bf16");
  CHECK(complaint(Convert{.x = f32({3, 8})}) ==
        "Convert: y is absent, expected a float type of the shape of f32(3, 8)");
  CHECK(complaint(Convert{.y = f32({3, 8})}) == "Convert: x is absent, expected (...)");

  const Embed embed{.y = f32({4, 8}), .ids = in.integers({4}, 9), .table = f32({9, 8})};
  CHECK(complaint(embed) == "");
  CHECK(complaint(embed, &Embed::table, f32({72})) == "Embed: table is f32(72), expected (vocab, dim)");
  CHECK(complaint(embed, &Embed::ids, f32({4})) == "Embed: ids is f32(4), expected i32(4)");
  CHECK(complaint(embed, &Embed::ids, {}) == "Embed: ids is absent, expected i32(rows)");
  CHECK(complaint(embed, &Embed::y, f32({5, 8})) == "Embed: y is f32(5, 8), expected (4, 8)");
  CHECK(complaint(embed, &Embed::table, f32({0, 8})) == "Embed: table is f32(0, 8), expected at least 1 in axis 0");
}
