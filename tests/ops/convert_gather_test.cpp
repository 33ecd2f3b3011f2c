#include <cmath>

#include "ops/harness.h"

using namespace seedstory;

constexpr Tolerance kExact{};

TEST_CASE("Convert concatenates and takes apart", "[ops]") {
  for (DType type : {DType::f32, DType::bf16, DType::i32, DType::u8}) {
    Inputs in(1);
    const Tensor x = in.integers({2, 3, 5, 8}, 100);
    std::vector<double> values = oracle::read(x);
    const Tensor from = in.values(type, {2, 3, 5, 8}, values);
    INFO(name_of(type));
    expect_matches_oracle(Convert{.y = in.uninitialized(type, {2, 3, 5, 8}), .x = from}, kExact);
    INFO("into channels of a wider tensor, out of rows of a taller one");
    const Tensor wide = in.uninitialized(type, {2, 3, 5, 20});
    expect_matches_oracle(Convert{.y = wide.slice(3, 4, 12), .x = from}, kExact);
    expect_matches_oracle(Convert{.y = wide.slice(1, 1, 3).slice(3, 4, 12), .x = from.slice(1, 0, 2)}, kExact);
  }
  Inputs in(2);
  INFO("enough for several threads");
  expect_matches_oracle(Convert{.y = in.uninitialized(DType::f32, {300, 300}), .x = in.normal(DType::f32, {300, 300})},
                        kExact);
  INFO("nothing");
  expect_matches_oracle(Convert{.y = in.uninitialized(DType::f32, {0, 3}), .x = in.normal(DType::f32, {0, 3})}, kExact);
}

TEST_CASE("Convert rounds to the type of y", "[ops]") {
  // Ties, subnormals, what is too large for f16, and what is not a number.
  const std::vector<double> hard = {0,          -0.0,      1,         -1,        1.00048828125, 1.00146484375,
                                    65504,      65519.996, 65520,     -1e30,     0x1p-14,       0x1.ffcp-15,
                                    0x1p-24,    0x1p-25,   0x1.8p-25, 0x1p-26,   0x1p-126,      1.00390625,
                                    1.01171875, 3.4e38,    INFINITY,  -INFINITY, NAN,           0.1};
  const int64_t count = int64_t(hard.size());
  for (DType from : {DType::f32, DType::f16, DType::bf16})
    for (DType to : {DType::f32, DType::f16, DType::bf16})
      for (float scale : {1.0f, 0.5f, 7.67f}) {
        INFO(name_of(from) << " to " << name_of(to) << ", times " << scale);
        Inputs in(3);
        // The product is rounded to f32 first; below the smallest normal number half of the smallest.
        const Tolerance tolerance{.rel = scale == 7.67f || to != DType::f32 ? unit_roundoff(to) + 0x1p-24 : 0,
                                  .abs = to == DType::f16 ? 0x1p-25 : 0x1p-134};
        expect_matches_oracle(
            Convert{.y = in.uninitialized(to, {5, 40}), .x = in.normal(from, {5, 40}), .scale = scale}, tolerance);
        expect_matches_oracle(Convert{.y = in.uninitialized(to, {5, 40}).slice(1, 3, 27),
                                      .x = in.normal(from, {9, 24}).slice(0, 2, 7),
                                      .scale = scale},
                              tolerance);
        if (scale != 1) continue;
        const Tensor x = in.values(from, {1, count}, hard);
        for (const auto& backend : backends()) {
          const auto y = oracle::result(*backend, Convert{.y = in.uninitialized(to, {1, count}), .x = x});
          const auto exact = oracle::read(x);
          for (size_t i = 0; i < hard.size(); ++i) {
            INFO(exact[i]);
            double bits = 0;
            oracle::put(to, &bits, exact[i]);
            const double expected = oracle::get(to, &bits);
            CHECK((y[i] == expected || (std::isnan(y[i]) && std::isnan(expected))));
          }
        }
      }
}

TEST_CASE("Embed takes rows of the table", "[ops]") {
  Inputs in(1);
  expect_matches_oracle(Embed{.y = in.uninitialized(DType::f32, {9, 24}),
                              .ids = in.integers({9}, 50),
                              .table = in.normal(DType::f32, {50, 24})},
                        kExact);
  expect_matches_oracle(Embed{.y = in.uninitialized(DType::f32, {0, 24}),
                              .ids = in.integers({0}, 50),
                              .table = in.normal(DType::f32, {50, 24})},
                        kExact);
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
