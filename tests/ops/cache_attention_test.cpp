#include "ops/cases/cache_attention.h"

using namespace seedstory;

namespace {

// The Error line of src/cpu/ops/cache_attention.cpp.
Tolerance tolerance(int64_t length, int64_t dim) {
  return {.sum = 0x1p-23 * (std::sqrt(double(dim)) + std::sqrt(double(length)) + 6)};
}

CacheAttention attention(Inputs& in, int64_t rows, int64_t length, int64_t heads, int64_t dim) {
  return cache_attention(in, DType::f32, rows, length, heads, dim);
}

// The caches in these types, as tokens before left them.
void hold_in(Inputs& in, CacheAttention& op, DType k, DType v) {
  const auto* d = op.k_cache.dim;
  op.k_cache = in.normal(k, {d[0], d[1], d[2]});
  op.v_cache = in.normal(v, {d[0], d[1], d[2]});
  poison_unread(op);
}

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

float* vector_at(const Tensor& t, int64_t row, int64_t head) {
  return t.as<float>() + row * t.stride[0] + head * t.stride[1];
}

}  // namespace

TEST_CASE("CacheAttention matches the oracle", "[ops]") {
  for_cache_attention_cases(DType::f32, [](const CacheAttention& op, int64_t length) {
    expect_matches_oracle(op, tolerance(length, op.q.dim[2]));
  });
}

TEST_CASE("CacheAttention rounds what goes to a cache in 16 bits, and nothing else", "[ops]") {
  for (const auto& [rows, length, dim] : {std::tuple{1, 333, 32}, {3, 140, 40}, {5, 300, 128}, {7, 20, 10}})
    for (const DType k : kTypes)
      for (const DType v : kTypes) {
        INFO(rows << " of " << length << ", heads of " << dim << ", " << name_of(k) << " and " << name_of(v));
        Inputs in(1);
        CacheAttention op = attention(in, rows, length, 3, dim);
        hold_in(in, op, k, v);
        expect_matches_oracle(op, tolerance(length, dim));
      }
}

TEST_CASE("CacheAttention writes the new tokens' slots and reads those of the others", "[ops]") {
  for (int64_t rows : {1, 5, 40}) {
    Inputs in(1);
    const CacheAttention op = attention(in, rows, 40, 2, 32);
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
  for (const auto& [dim, type] : {std::pair{32, DType::f32}, {40, DType::f16}, {40, DType::f32}, {128, DType::bf16}}) {
    const int64_t length = 300, heads = 2, token = heads * dim;
    Inputs in(1);
    CacheAttention all = attention(in, length, length, heads, dim);
    hold_in(in, all, type, type);
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

// Heads share a thread and its buffers: the last thread's are fewer.
TEST_CASE("CacheAttention gives a head the same bits alone and among others", "[ops]") {
  for (const int64_t rows : {1, 3, 7})
    for (const int64_t heads : {5, 9}) {
      constexpr int64_t kLength = 300, kDim = 40;
      Inputs in(1);
      const CacheAttention all = attention(in, rows, kLength, heads, kDim);
      for (const auto& backend : backends()) {
        const auto expected = oracle::result(*backend, all);
        for (int64_t head = 0; head < heads; ++head) {
          INFO(rows << " rows, head " << head << " of " << heads << " on " << backend->name());
          CacheAttention one = all;
          one.each([&](const char*, const Tensor& t, Access) {
            if (t.rank == 3) const_cast<Tensor&>(t) = t.slice(1, head, head + 1);
          });
          const auto alone = oracle::result(*backend, one);
          for (int64_t row = 0; row < rows; ++row)
            CHECK(std::equal(alone.begin() + row * kDim, alone.begin() + (row + 1) * kDim,
                             expected.begin() + (row * heads + head) * kDim));
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
        "CacheAttention: v_cache is f32(8, 2, 8), expected (9, 2, 8)");
  CHECK(complaint(good, &CacheAttention::v_cache, in.integers({9, 2, 8}, 9)) ==
        "CacheAttention: v_cache is i32(9, 2, 8), expected f32, f16 or bf16");
  CHECK(complaint(good, &CacheAttention::k_cache, in.uninitialized(DType::bf16, {9, 2, 8})) == "");
  CacheAttention half = good;
  half.q = half.k = half.v = half.y = in.uninitialized(DType::f16, {3, 2, 8});
  CHECK(complaint(half) == "CacheAttention: k_cache is f32(9, 2, 8), expected f16(9, 2, 8)");
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
