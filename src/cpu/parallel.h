// Work over the backend's threads. Every function here cuts by index alone, and an op's result may not depend on where
// the cuts fall: one element belongs to one thread, which computes it from start to end.
#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace seedstory::cpu {

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// For a product of so many multiply-adds: all threads, where each has some 3 us of them.
inline int threads_for(double multiply_adds, int threads) {
  return multiply_adds < 2 * 64 * 1024 ? 1 : threads;
}

// body(begin, end) over [0, count) in equal contiguous parts, none smaller than `grain`: below that, waking a thread
// costs more than it brings.
template <class Body>
void parallel(int threads, int64_t count, int64_t grain, Body&& body) {
  const int64_t parts = std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, threads);
  if (parts == 1) {
    if (count > 0) body(int64_t(0), count);
    return;
  }
#pragma omp parallel num_threads(int(parts))
  {
    // The pool may be smaller than asked for: cut by what came.
    const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
    const int64_t begin = count * me / team, end = count * (me + 1) / team;
    if (begin < end) body(begin, end);
  }
}

// body(task, thread) for each task of [0, count). A thread has a run of neighbours, the same ones in every op that is
// cut the same way, so that what it wrote is still in its cache; when it is through it takes what the others have left.
template <class Body>
void parallel_tasks(int threads, int64_t count, Body&& body) {
  const int64_t most = std::clamp<int64_t>(count, 1, threads);
  if (most == 1) {
    for (int64_t task = 0; task < count; ++task) body(task, 0);
    return;
  }
  struct alignas(64) Run {
    std::atomic<int64_t> next;
    int64_t end;
  };
  std::vector<Run> runs(static_cast<size_t>(most));
  for (int64_t i = 0; i < most; ++i) {
    runs[size_t(i)].next = count * i / most;
    runs[size_t(i)].end = count * (i + 1) / most;
  }
  // The pool may be smaller than asked for: then the runs of those that did not come are left for the others.
#pragma omp parallel num_threads(int(most))
  for (int64_t i = 0, me = omp_get_thread_num(); i < most; ++i) {
    Run& run = runs[size_t((me + i) % most)];
    for (int64_t task; (task = run.next.fetch_add(1, std::memory_order_relaxed)) < run.end;) body(task, int(me));
  }
}

// Rows of `cols` elements, as many to a thread as make its share worth while.
template <class Body>
void parallel_rows(int threads, int64_t rows, int64_t cols, Body&& body) {
  constexpr int64_t kGrainElements = 4 * 1024;  // some 1 us of light work or more, a wake-up
  parallel(threads, rows, kGrainElements / std::max<int64_t>(cols, 1) + 1, body);
}

}  // namespace seedstory::cpu
