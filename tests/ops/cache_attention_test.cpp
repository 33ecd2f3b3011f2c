#include <cmath>

#include "ops/harness.h"

using namespace seedstory;

namespace {

// The Error line of src/cpu/cache_attention.cpp.
Tolerance tolerance(int64_t length, int64_t dim) {
  return {.sum = 0x1p-23 * (std::sqrt(double(dim)) + std::sqrt(double(length)) + 6)};
}

Tensor rope_table(Inputs& in, int64_t positions, int64_t dim) {
  std::vector<double> values;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t i = 0; i < dim; ++i) {
      const double angle = double(p) * std::pow(10000.0, -2.0 * double(i % (dim / 2)) / double(dim));
      values.push_back(i < dim / 2 ? std::cos(angle) : std::sin(angle));
    }
  return in.values(DType::f32, {positions, dim}, values);
}

CacheAttention attention(Inputs& in, int64_t rows, int64_t length, int64_t heads, int64_t dim) {
  const int64_t capacity = length + 9;
  return {.y = in.room(DType::f32, {rows, heads, dim}),
          .q = in.normal(DType::f32, {rows, heads, dim}),
          .k = in.normal(DType::f32, {capacity, heads, dim}),
          .v = in.normal(DType::f32, {capacity, heads, dim}),
          .slots = in.slots(length, capacity),
          .rope = rope_table(in, length + 3, dim),
          .scale = 1 / std::sqrt(float(dim))};
}

}  // namespace

TEST_CASE("CacheAttention matches the oracle", "[ops]") {
  struct {
    int64_t rows, length, heads, dim;
    const char* why;
  } cases[] = {
      {1, 1, 8, 32, "the first token"},
      {1, 333, 8, 32, "nano decode"},
      {18, 106, 8, 32, "nano: the tokens of one picture"},
      {150, 150, 2, 32, "a prompt from the start"},
      {5, 700, 2, 128, "LLaMA's head, many tiles"},
      {7, 20, 3, 40, "a head that fills no vector"},
      {0, 4, 2, 32, "no queries"},
  };
  for (auto [rows, length, heads, dim, why] : cases) {
    INFO(why);
    Inputs in(1);
    expect_matches_oracle(attention(in, rows, length, heads, dim), tolerance(length, dim));
  }
}

TEST_CASE("CacheAttention reads views", "[ops]") {
  Inputs in(1);
  CacheAttention op = attention(in, 6, 40, 2, 32);
  op.q = in.normal(DType::f32, {6, 3 * 64}).slice(1, 64, 128).split(1, 32);
  op.k = in.normal(DType::f32, {2, 50, 2, 32}).slice(0, 1, 2).reshape({50, 2, 32});
  op.v = in.normal(DType::f32, {50, 3, 40}).slice(1, 1, 3).slice(2, 8, 40);
  op.k.dim[0] = 49;
  op.v.dim[0] = 49;
  op.y = in.room(DType::f32, {6, 2, 40}).slice(2, 0, 32);
  expect_matches_oracle(op, tolerance(40, 32));
}

// A prompt in one call, in chunks, and token by token must leave the same bits: the text may not depend on how it was
// fed. Rank r attends with the first r + 1 slots, whatever the call.
TEST_CASE("CacheAttention gives a query the same bits in any chunk", "[ops]") {
  for (int64_t dim : {32, 40, 128}) {
    const int64_t length = 300, heads = 2, token = heads * dim;
    Inputs in(1);
    const CacheAttention all = attention(in, length, length, heads, dim);
    const auto expected = oracle::result(*backends()[0], all);
    for (const auto& backend : backends()) {
      CHECK(oracle::result(*backend, all) == expected);
      struct {
        int64_t begin, end;
      } chunks[] = {{0, 1}, {1, 2}, {5, 12}, {100, 105}, {127, 130}, {128, 129}, {131, 300}, {200, 264}, {299, 300}};
      for (auto [begin, end] : chunks) {
        INFO("dim " << dim << ", rows " << begin << " to " << end);
        CacheAttention chunk = all;
        chunk.q = all.q.slice(0, begin, end);
        chunk.y = all.y.slice(0, begin, end);
        chunk.slots = all.slots.slice(0, 0, end);
        CHECK(oracle::result(*backend, chunk) ==
              std::vector<double>(expected.begin() + begin * token, expected.begin() + end * token));
      }
    }
  }
}

TEST_CASE("CacheAttention lets no token see a later one", "[ops]") {
  Inputs in(1);
  const CacheAttention op = attention(in, 150, 150, 1, 32);
  const auto before = oracle::result(*backends()[0], op);
  const int64_t last = op.slots.as<int32_t>()[149], middle = op.slots.as<int32_t>()[70];
  for (int64_t i = 0; i < 32; ++i)
    for (int64_t slot : {last, middle}) op.k.as<float>()[slot * 32 + i] = op.v.as<float>()[slot * 32 + i] = NAN;
  for (const auto& backend : backends()) {
    const auto after = oracle::result(*backend, op);
    CHECK(std::vector<double>(after.begin(), after.begin() + 70 * 32) ==
          std::vector<double>(before.begin(), before.begin() + 70 * 32));
    CHECK(std::isnan(after[70 * 32]));
  }
}

TEST_CASE("CacheAttention says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.room(DType::f32, dims); };
  const CacheAttention good{.y = f32({3, 2, 8}),
                            .q = f32({3, 2, 8}),
                            .k = f32({9, 2, 8}),
                            .v = f32({9, 2, 8}),
                            .slots = in.integers({5}, 9),
                            .rope = f32({6, 8})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &CacheAttention::q, f32({3, 16})) ==
        "CacheAttention: q is f32(3, 16), expected (rows, heads, head_dim)");
  CHECK(complaint(good, &CacheAttention::k, f32({9, 1, 8})) == "CacheAttention: k is f32(9, 1, 8), expected (9, 2, 8)");
  CHECK(complaint(good, &CacheAttention::v, f32({8, 2, 8})) ==
        "CacheAttention: v is f32(8, 2, 8), expected f32(9, 2, 8)");
  CHECK(complaint(good, &CacheAttention::y, f32({2, 2, 8})) ==
        "CacheAttention: y is f32(2, 2, 8), expected f32(3, 2, 8)");
  CHECK(complaint(good, &CacheAttention::slots, in.integers({2}, 9)) ==
        "CacheAttention: slots is i32(2), expected at least 3 in axis 0");
  CHECK(complaint(good, &CacheAttention::slots, f32({5})) == "CacheAttention: slots is f32(5), expected i32(5)");
  CHECK(complaint(good, &CacheAttention::rope, f32({4, 8})) ==
        "CacheAttention: rope is f32(4, 8), expected at least 5 in axis 0");
  CHECK(complaint(good, &CacheAttention::rope, f32({6, 4})) == "CacheAttention: rope is f32(6, 4), expected (6, 8)");
  CacheAttention odd = good;
  odd.q = odd.y = f32({3, 2, 7});
  odd.k = odd.v = f32({9, 2, 7});
  CHECK(complaint(odd) == "CacheAttention: head_dim is 7, expected a multiple of 2");
}
