#include <algorithm>
#include <cmath>

#include "ops/harness.h"

using namespace seedstory;

namespace {

// The Error line of src/cpu/ops/cache_attention.cpp.
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

// The cache has 9 rows more than there are tokens, and `slots` names 4 of these behind the length; q, k and v are views
// of one tensor.
CacheAttention attention(Inputs& in, int64_t rows, int64_t length, int64_t heads, int64_t dim) {
  const int64_t capacity = length + 9, ranks = length + 4, token = heads * dim;
  const Tensor qkv = in.normal(DType::f32, {rows + 1, 3 * token}).slice(0, 0, rows);
  return {.y = in.uninitialized(DType::f32, {rows, heads, dim}),
          .q = qkv.slice(1, 0, token).split(1, dim),
          .k = qkv.slice(1, token, 2 * token).split(1, dim),
          .v = qkv.slice(1, 2 * token, 3 * token).split(1, dim),
          .k_cache = in.normal(DType::f32, {capacity, heads, dim}),
          .v_cache = in.normal(DType::f32, {capacity, heads, dim}),
          .slots = in.slots(ranks, capacity),
          .length = in.values(DType::i32, {1}, {double(length)}),
          .rope = rope_table(in, ranks + 3, dim),
          .scale = 1 / std::sqrt(float(dim))};
}

// The rows [begin, end) of an op over a whole prompt, as a call of their own after those before.
CacheAttention chunk_of(Inputs& in, const CacheAttention& all, int64_t begin, int64_t end) {
  CacheAttention chunk = all;
  for (Tensor CacheAttention::*rows : {&CacheAttention::q, &CacheAttention::k, &CacheAttention::v, &CacheAttention::y})
    chunk.*rows = (all.*rows).slice(0, begin, end);
  chunk.length = in.values(DType::i32, {1}, {double(end)});
  return chunk;
}

float* vector_at(const Tensor& t, int64_t row, int64_t head) {
  return t.as<float>() + row * t.stride[0] + head * t.stride[1];
}

// Keys and values of the op's tokens in the cache already, as earlier calls leave them.
void fill_cache(const CacheAttention& op) {
  const auto* slots = op.slots.as<int32_t>();
  for (int64_t row = 0; row < op.q.dim[0]; ++row)
    for (int64_t head = 0; head < op.q.dim[1]; ++head) {
      std::copy_n(vector_at(op.k, row, head), op.q.dim[2], vector_at(op.k_cache, slots[row], head));
      std::copy_n(vector_at(op.v, row, head), op.q.dim[2], vector_at(op.v_cache, slots[row], head));
    }
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
      {128, 300, 2, 32, "a chunk of a prompt"},
      {2, 128, 2, 32, "the last two of a tile"},
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

TEST_CASE("CacheAttention reads and writes views", "[ops]") {
  Inputs in(1);
  CacheAttention op = attention(in, 6, 40, 2, 32);
  op.q = in.normal(DType::f32, {6, 3 * 64}).slice(1, 64, 128).split(1, 32);
  op.k = in.normal(DType::f32, {6, 2, 40}).slice(2, 3, 35);
  op.k_cache = in.normal(DType::f32, {2, 50, 2, 32}).slice(0, 1, 2).reshape({50, 2, 32}).slice(0, 0, 49);
  op.v_cache = in.normal(DType::f32, {50, 3, 40}).slice(1, 1, 3).slice(2, 8, 40).slice(0, 0, 49);
  op.y = in.uninitialized(DType::f32, {6, 2, 40}).slice(2, 0, 32);
  expect_matches_oracle(op, tolerance(40, 32));
}

TEST_CASE("CacheAttention writes the new tokens' slots and reads those of the others", "[ops]") {
  for (int64_t rows : {1, 5, 40}) {
    Inputs in(1);
    CacheAttention op = attention(in, rows, 40, 2, 32);
    // Whatever is in rows that no token before has, be it NaN, stays there and counts nothing.
    std::vector<bool> is_read(49, false);
    for (int64_t rank = 0; rank < 40 - rows; ++rank) is_read[size_t(op.slots.as<int32_t>()[rank])] = true;
    for (int64_t row = 0; row < 49; ++row)
      for (int64_t i = 0; i < 64 && !is_read[size_t(row)]; ++i)
        op.k_cache.as<float>()[row * 64 + i] = op.v_cache.as<float>()[row * 64 + i] = NAN;
    expect_matches_oracle(op, tolerance(40, 32));
    for (const auto& backend : backends()) {
      for (double y : oracle::result(*backend, op)) REQUIRE(std::isfinite(y));
      const auto keys = oracle::result(*backend, op, "k_cache"), values = oracle::result(*backend, op, "v_cache");
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < 64; ++i) {
          const auto to = size_t(op.slots.as<int32_t>()[40 - rows + row] * 64 + i);
          CHECK(keys[to] == vector_at(op.k, row, i / 32)[i % 32]);
          CHECK(values[to] == vector_at(op.v, row, i / 32)[i % 32]);
        }
    }
  }
}

// A prompt in one call, in chunks, and token by token must leave the same bits: the text may not depend on how it was
// fed. Rank r attends with the first r + 1 slots, whatever the call.
TEST_CASE("CacheAttention gives a query the same bits in any chunk", "[ops]") {
  for (int64_t dim : {32, 40, 128}) {
    const int64_t length = 300, heads = 2, token = heads * dim;
    Inputs in(1);
    const CacheAttention all = attention(in, length, length, heads, dim);
    fill_cache(all);
    const auto expected = oracle::result(*backends()[0], all);
    for (const auto& backend : backends()) {
      CHECK(oracle::result(*backend, all) == expected);
      struct {
        int64_t begin, end;
      } chunks[] = {{0, 1}, {1, 2}, {5, 12}, {100, 105}, {127, 130}, {128, 129}, {131, 300}, {200, 264}, {299, 300}};
      for (auto [begin, end] : chunks) {
        INFO("dim " << dim << ", rows " << begin << " to " << end);
        CHECK(oracle::result(*backend, chunk_of(in, all, begin, end)) ==
              std::vector<double>(expected.begin() + begin * token, expected.begin() + end * token));
      }
    }
  }
}

TEST_CASE("CacheAttention lets no token see a later one", "[ops]") {
  Inputs in(1);
  const CacheAttention op = attention(in, 150, 150, 1, 32);
  const auto before = oracle::result(*backends()[0], op);
  for (int64_t i = 0; i < 32; ++i)
    for (int64_t row : {149, 70}) vector_at(op.k, row, 0)[i] = vector_at(op.v, row, 0)[i] = NAN;
  for (const auto& backend : backends()) {
    const auto after = oracle::result(*backend, op);
    CHECK(std::vector<double>(after.begin(), after.begin() + 70 * 32) ==
          std::vector<double>(before.begin(), before.begin() + 70 * 32));
    CHECK(std::isnan(after[70 * 32]));
  }
}

TEST_CASE("CacheAttention says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const Tensor new_tokens = f32({3, 2, 8}), cache = f32({9, 2, 8});
  const CacheAttention good{.y = f32({3, 2, 8}),
                            .q = new_tokens,
                            .k = new_tokens,
                            .v = new_tokens,
                            .k_cache = cache,
                            .v_cache = cache,
                            .slots = in.integers({5}, 9),
                            .length = in.integers({1}, 9),
                            .rope = f32({6, 8})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &CacheAttention::q, f32({3, 16})) ==
        "CacheAttention: q is f32(3, 16), expected (rows, heads, head_dim)");
  CHECK(complaint(good, &CacheAttention::k, f32({2, 2, 8})) ==
        "CacheAttention: k is f32(2, 2, 8), expected f32(3, 2, 8)");
  CHECK(complaint(good, &CacheAttention::v, f32({3, 1, 8})) ==
        "CacheAttention: v is f32(3, 1, 8), expected f32(3, 2, 8)");
  CHECK(complaint(good, &CacheAttention::k_cache, f32({9, 1, 8})) ==
        "CacheAttention: k_cache is f32(9, 1, 8), expected (9, 2, 8)");
  CHECK(complaint(good, &CacheAttention::v_cache, f32({8, 2, 8})) ==
        "CacheAttention: v_cache is f32(8, 2, 8), expected f32(9, 2, 8)");
  CHECK(complaint(good, &CacheAttention::y, f32({2, 2, 8})) ==
        "CacheAttention: y is f32(2, 2, 8), expected f32(3, 2, 8)");
  CHECK(complaint(good, &CacheAttention::slots, in.integers({2}, 9)) ==
        "CacheAttention: slots is i32(2), expected at least 3 in axis 0");
  CHECK(complaint(good, &CacheAttention::slots, f32({5})) == "CacheAttention: slots is f32(5), expected i32(5)");
  CHECK(complaint(good, &CacheAttention::length, in.integers({5}, 9)) ==
        "CacheAttention: length is i32(5), expected (1)");
  CHECK(complaint(good, &CacheAttention::length, {}) == "CacheAttention: length is absent, expected i32(1)");
  CHECK(complaint(good, &CacheAttention::rope, f32({4, 8})) ==
        "CacheAttention: rope is f32(4, 8), expected at least 5 in axis 0");
  CHECK(complaint(good, &CacheAttention::rope, f32({6, 4})) == "CacheAttention: rope is f32(6, 4), expected (6, 8)");
  CacheAttention small = good;
  small.k_cache = small.v_cache = f32({2, 2, 8});
  CHECK(complaint(small) == "CacheAttention: k_cache is f32(2, 2, 8), expected at least 3 in axis 0");
  CacheAttention odd = good;
  odd.q = odd.k = odd.v = odd.y = f32({3, 2, 7});
  odd.k_cache = odd.v_cache = f32({9, 2, 7});
  CHECK(complaint(odd) == "CacheAttention: head_dim is 7, expected a multiple of 2");
}

TEST_CASE("CacheAttention refuses a length that its tensors have no room for", "[ops]") {
  for (int64_t length : {2, 9}) {
    Inputs in(1);
    CacheAttention op = attention(in, 3, 4, 2, 32);
    op.length = in.values(DType::i32, {1}, {double(length)});
    for (const auto& backend : backends())
      CHECK_THROWS_WITH(oracle::result(*backend, op),
                        "CacheAttention: length is " + std::to_string(length) + ", expected 3 to 8");
  }
}
