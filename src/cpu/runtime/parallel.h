// Work over the backend's threads. Every function here cuts by index alone, and an op's result may not depend on where
// the cuts fall: one element belongs to one piece, which computes it from start to end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/runtime/thread_pool.h"

namespace seedstory::cpu {

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// For a product of so many multiply-adds: all threads, where each has some 3 us of them.
inline int threads_for(double multiply_adds, int threads) {
  return multiply_adds < 2 * 64 * 1024 ? 1 : threads;
}

// body(begin, end) over [0, count) in contiguous parts of at least `grain`: below that, handing a part over costs more
// than it brings. More parts than threads, so that a thread that lost its core does not hold the others.
template <class Body>
void parallel(ThreadPool& pool, int64_t count, int64_t grain, Body&& body) {
  if (count <= 0) return;
  constexpr int64_t kPartsAThread = 4;
  const int64_t most_parts = pool.threads() == 1 ? 1 : pool.threads() * kPartsAThread;
  const int64_t parts = std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, most_parts);
  pool.run(parts, pool.threads(), [&](int64_t part, int) { body(count * part / parts, count * (part + 1) / parts); });
}

// Rows of `cols` elements, as many to a thread as make its share worth while.
template <class Body>
void parallel_rows(ThreadPool& pool, int64_t rows, int64_t cols, Body&& body) {
  constexpr int64_t kGrainElements = 4 * 1024;  // some 1 us of light work or more, a wake-up
  parallel(pool, rows, kGrainElements / std::max<int64_t>(cols, 1) + 1, body);
}

}  // namespace seedstory::cpu
