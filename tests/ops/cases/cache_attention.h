#pragma once

#include <algorithm>
#include <cmath>

#include "ops/harness.h"

namespace seedstory {

inline Tensor rope_table(Inputs& in, int64_t positions, int64_t dim) {
  std::vector<double> values;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t i = 0; i < dim; ++i) {
      const double angle = double(p) * std::pow(10000.0, -2.0 * double(i % (dim / 2)) / double(dim));
      values.push_back(i < dim / 2 ? std::cos(angle) : std::sin(angle));
    }
  return in.values(DType::f32, {positions, dim}, values);
}

// Rows of the caches that hold no token before the op's become NaN: they stay there, and count nothing.
inline void poison_unread(const CacheAttention& op) {
  const std::vector<double> slots = oracle::read(op.slots);
  const auto before = size_t(oracle::read(op.length)[0]) - size_t(op.q.dim[0]);
  for (int64_t row = 0; row < op.k_cache.dim[0]; ++row) {
    if (std::count(slots.begin(), slots.begin() + std::ptrdiff_t(before), double(row)) > 0) continue;
    for (const Tensor& cache : {op.k_cache, op.v_cache}) {
      const Tensor of_row = cache.slice(0, row, row + 1);
      oracle::write(of_row, std::vector<double>(size_t(of_row.numel()), NAN));
    }
  }
}

// The cache has 9 rows more than there are tokens, and `slots`, in no order, names 4 of these behind the length; q, k
// and v are views of one tensor.
inline CacheAttention cache_attention(Inputs& in, DType type, int64_t rows, int64_t length, int64_t heads,
                                      int64_t dim) {
  const int64_t capacity = length + 9, ranks = length + 4, token = heads * dim;
  const Tensor qkv = in.normal(type, {rows + 1, 3 * token}).slice(0, 0, rows);
  const CacheAttention op{.y = in.uninitialized(type, {rows, heads, dim}),
                          .q = qkv.slice(1, 0, token).split(1, dim),
                          .k = qkv.slice(1, token, 2 * token).split(1, dim),
                          .v = qkv.slice(1, 2 * token, 3 * token).split(1, dim),
                          .k_cache = in.normal(type, {capacity, heads, dim}),
                          .v_cache = in.normal(type, {capacity, heads, dim}),
                          .slots = in.slots(ranks, capacity),
                          .length = in.values(DType::i32, {1}, {double(length)}),
                          .rope = rope_table(in, ranks + 3, dim),
                          .scale = 1 / std::sqrt(float(dim))};
  poison_unread(op);
  return op;
}

// Keys and values of a whole prompt in the cache already, as earlier calls leave them.
inline void fill_cache(const CacheAttention& op) {
  const std::vector<double> slots = oracle::read(op.slots);
  for (int64_t row = 0; row < op.q.dim[0]; ++row) {
    const auto slot = int64_t(slots[size_t(row)]);
    oracle::write(op.k_cache.slice(0, slot, slot + 1), oracle::read(op.k.slice(0, row, row + 1)));
    oracle::write(op.v_cache.slice(0, slot, slot + 1), oracle::read(op.v.slice(0, row, row + 1)));
  }
}

// The rows [begin, end) of an op over a whole prompt, as a call of their own after those before.
inline CacheAttention chunk_of(Inputs& in, const CacheAttention& all, int64_t begin, int64_t end) {
  CacheAttention chunk = all;
  for (Tensor CacheAttention::*rows : {&CacheAttention::q, &CacheAttention::k, &CacheAttention::v, &CacheAttention::y})
    chunk.*rows = (all.*rows).slice(0, begin, end);
  chunk.length = in.values(DType::i32, {1}, {double(end)});
  return chunk;
}

// run(op, length) for each case; every backend's tests run these same ones.
template <class Run>
void for_cache_attention_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t rows, length, heads, dim;
    const char* why;
  } cases[] = {
      {1, 1, 8, 32, "the first token"},
      {1, 333, 8, 32, "nano decode"},
      {18, 106, 8, 32, "nano: the tokens of one picture"},
      {170, 170, 2, 32, "a prompt from the start, more rows than a block has"},
      {128, 300, 2, 32, "a chunk of a prompt"},
      {2, 128, 2, 32, "the last two of a tile"},
      {5, 700, 2, 128, "LLaMA's head, many tiles"},
      {8, 130, 3, 64, "as many rows as a token's class has, the first two of a tile"},
      {9, 65, 1, 48, "one row more, three quarters of a head of 64"},
      {66, 330, 1, 128, "LLaMA: the tokens of one picture"},
      {7, 20, 3, 40, "a head that fills no vector"},
      {0, 4, 2, 32, "no queries"},
  };
  for (auto [rows, length, heads, dim, why] : cases) {
    INFO(rows << " of " << length << ", heads of " << dim << ": " << why);
    Inputs in(1);
    run(cache_attention(in, type, rows, length, heads, dim), length);
  }
  INFO("views in which nothing is aligned");
  for (int64_t rows : {6, 20}) {
    Inputs in(1);
    CacheAttention op = cache_attention(in, type, rows, 40, 2, 32);
    op.q = in.normal(type, {rows, 3 * 64}).slice(1, 64, 128).split(1, 32);
    op.k = in.normal(type, {rows, 2, 40}).slice(2, 3, 35);
    op.k_cache = in.normal(type, {2, 50, 2, 32}).slice(0, 1, 2).reshape({50, 2, 32}).slice(0, 0, 49);
    op.v_cache = in.normal(type, {50, 3, 40}).slice(1, 1, 3).slice(2, 8, 40).slice(0, 0, 49);
    op.y = in.uninitialized(type, {rows, 2, 40}).slice(2, 0, 32);
    poison_unread(op);
    run(op, 40);
  }
}

}  // namespace seedstory
