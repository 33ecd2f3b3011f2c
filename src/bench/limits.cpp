#include "bench/limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "bench/fma_loop.h"

namespace seedstory {
namespace {

const FmaLoop& fma_of_this_machine() {
  if (__builtin_cpu_supports("avx512f")) return kAvx512Fma;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kAvx2Fma : kPortableFma;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What all threads do a second together, where piece(thread, i) does `amount`. A piece takes less than a turn on a busy
// core, and of each thread's pieces the median counts: so other programs' turns do not.
template <class Piece>
double rate(int threads, int pieces, double amount, Piece&& piece) {
  std::atomic<int> waiting{threads};
  std::vector<double> rates(static_cast<size_t>(threads));
  std::vector<std::thread> crew;
  crew.reserve(rates.size());
  for (int t = 0; t < threads; ++t)
    crew.emplace_back([&, t] {
      std::vector<double> seconds;
      for (--waiting; waiting > 0;) std::this_thread::yield();
      for (int i = 0; i < pieces; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        piece(t, i);
        seconds.push_back(seconds_since(begin));
      }
      std::nth_element(seconds.begin(), seconds.begin() + pieces / 2, seconds.end());
      rates[size_t(t)] = amount / seconds[size_t(pieces / 2)];
    });
  for (std::thread& thread : crew) thread.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

double measure_flops(int threads) {
  constexpr int64_t kRounds = 50'000;  // some 0.2 ms
  const FmaLoop& fma = fma_of_this_machine();
  std::atomic<float> kept{0};
  return rate(threads, 100, 2.0 * kChains * fma.lanes * double(kRounds),
              [&](int, int) { kept = fma.run(kRounds, 0.999f); });
}

double measure_bytes(int threads) {
  constexpr size_t kBytes = 128 << 20;
  constexpr int kPieces = 32, kRounds = 4;
  // Zeroed, so that every page is there before a clock runs.
  const std::vector<char> from(kBytes);
  std::vector<char> to(kBytes);
  const size_t share = kBytes / size_t(threads), piece = share / kPieces;
  return rate(threads, kRounds * kPieces, 2.0 * double(piece), [&](int t, int i) {
    const size_t at = size_t(t) * share + size_t(i % kPieces) * piece;
    std::memcpy(&to[at], &from[at], piece);
  });
}

}  // namespace

Limits measure_limits(int threads) {
  return {.flops = measure_flops(threads), .bytes = measure_bytes(threads)};
}

}  // namespace seedstory
