#include "ops/harness.h"

using namespace seedstory;

constexpr Tolerance kExact{};

TEST_CASE("Copy concatenates and takes apart", "[ops]") {
  for (DType type : {DType::f32, DType::bf16, DType::i32, DType::u8}) {
    Inputs in(1);
    const Tensor x = in.integers({2, 3, 5, 8}, 100);
    std::vector<double> values = oracle::read(x);
    const Tensor from = in.values(type, {2, 3, 5, 8}, values);
    INFO(name_of(type));
    expect_matches_oracle(Copy{.y = in.room(type, {2, 3, 5, 8}), .x = from}, kExact);
    INFO("into channels of a wider tensor, out of rows of a taller one");
    const Tensor wide = in.room(type, {2, 3, 5, 20});
    expect_matches_oracle(Copy{.y = wide.slice(3, 4, 12), .x = from}, kExact);
    expect_matches_oracle(Copy{.y = wide.slice(1, 1, 3).slice(3, 4, 12), .x = from.slice(1, 0, 2)}, kExact);
  }
  Inputs in(2);
  INFO("enough for several threads");
  expect_matches_oracle(Copy{.y = in.room(DType::f32, {300, 300}), .x = in.normal(DType::f32, {300, 300})}, kExact);
  INFO("nothing");
  expect_matches_oracle(Copy{.y = in.room(DType::f32, {0, 3}), .x = in.normal(DType::f32, {0, 3})}, kExact);
}

TEST_CASE("Embed takes rows of the table", "[ops]") {
  Inputs in(1);
  expect_matches_oracle(
      Embed{.y = in.room(DType::f32, {9, 24}), .ids = in.integers({9}, 50), .table = in.normal(DType::f32, {50, 24})},
      kExact);
  expect_matches_oracle(
      Embed{.y = in.room(DType::f32, {0, 24}), .ids = in.integers({0}, 50), .table = in.normal(DType::f32, {50, 24})},
      kExact);
}

TEST_CASE("ScatterRows writes the slots and no others", "[ops]") {
  Inputs in(1);
  expect_matches_oracle(
      ScatterRows{.y = in.normal(DType::f32, {20, 24}), .x = in.normal(DType::f32, {7, 24}), .slots = in.slots(7, 20)},
      kExact);
  INFO("into a part of each row");
  expect_matches_oracle(ScatterRows{.y = in.normal(DType::f32, {20, 48}).slice(1, 8, 32),
                                    .x = in.normal(DType::f32, {7, 32}).slice(1, 8, 32),
                                    .slots = in.slots(7, 20)},
                        kExact);
}

TEST_CASE("Movement says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.room(DType::f32, dims); };
  CHECK(complaint(Copy{.y = f32({3, 8}), .x = f32({3, 9})}) == "Copy: y is f32(3, 8), expected f32(3, 9)");
  CHECK(complaint(Copy{.y = in.room(DType::f16, {3, 8}), .x = f32({3, 8})}) ==
        "Copy: y is f16(3, 8), expected f32(3, 8)");
  CHECK(complaint(Copy{.y = f32({3, 8})}) == "Copy: x is absent, expected (...)");

  const Embed embed{.y = f32({4, 8}), .ids = in.integers({4}, 9), .table = f32({9, 8})};
  CHECK(complaint(embed) == "");
  CHECK(complaint(embed, &Embed::table, f32({72})) == "Embed: table is f32(72), expected (vocab, dim)");
  CHECK(complaint(embed, &Embed::ids, f32({4})) == "Embed: ids is f32(4), expected i32(4)");
  CHECK(complaint(embed, &Embed::ids, {}) == "Embed: ids is absent, expected i32(rows)");
  CHECK(complaint(embed, &Embed::y, f32({5, 8})) == "Embed: y is f32(5, 8), expected (4, 8)");
  CHECK(complaint(embed, &Embed::table, f32({0, 8})) == "Embed: table is f32(0, 8), expected at least 1 in axis 0");

  const ScatterRows scatter{.y = f32({9, 8}), .x = f32({4, 8}), .slots = in.integers({4}, 9)};
  CHECK(complaint(scatter) == "");
  CHECK(complaint(scatter, &ScatterRows::slots, in.integers({3}, 9)) == "ScatterRows: slots is i32(3), expected (4)");
  CHECK(complaint(scatter, &ScatterRows::y, f32({9, 7})) == "ScatterRows: y is f32(9, 7), expected (9, 8)");
  CHECK(complaint(scatter, &ScatterRows::y, f32({3, 8})) ==
        "ScatterRows: y is f32(3, 8), expected at least 4 in axis 0");
  CHECK(complaint(scatter, &ScatterRows::x, f32({8})) == "ScatterRows: x is f32(8), expected (rows, dim)");
}
