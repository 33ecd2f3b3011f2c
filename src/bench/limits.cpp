// Multiply-adds and bytes of memory a second.
#include "bench/limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "bench/fma_loop.h"
#include "story/plan.h"

namespace seedstory {
namespace {

const FmaLoop& loop_of(CpuSet set, WeightFormat weight_format) {
  if (weight_format == WeightFormat::bf16 && set == CpuSet::amx) return kAmxFma;
  if (weight_format == WeightFormat::bf16 && set == CpuSet::avx512_bf16) return kAvx512Bf16Fma;
  if (set == CpuSet::amx || set == CpuSet::avx512_bf16 || set == CpuSet::avx512) return kAvx512Fma;
  return set == CpuSet::avx2 || set == CpuSet::avx_vnni ? kAvx2Fma : kPortableFma;
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
  std::vector<std::thread> context;
  context.reserve(rates.size());
  for (int t = 0; t < threads; ++t)
    context.emplace_back([&, t] {
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
  for (std::thread& thread : context) thread.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

double measure_flops(int threads, const FmaLoop& loop) {
  constexpr double kAPiece = 16e6;  // multiply-adds: 0.2 ms of f32 in AVX2
  const auto rounds = int64_t(kAPiece / loop.a_round) + 1;
  std::atomic<float> kept{0};
  return rate(threads, 100, 2.0 * loop.a_round * double(rounds), [&](int, int) { kept = loop.run(rounds, 0.999f); });
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

Limits measure_limits(int threads, CpuSet set, WeightFormat weight_format) {
  return {.flops = measure_flops(threads, loop_of(set, weight_format)),
          .bytes = measure_bytes(threads),
          .source = "multiply-adds in registers, copy"};
}

Limits measure_limits(Backend& backend, NumberTypes types) {
  const Rates rates = measure_rates(backend, types);
  return {.flops = rates.flops, .bytes = rates.bytes, .source = "measured by two products of these kernels"};
}

}  // namespace seedstory
