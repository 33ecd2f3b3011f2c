// What a block of each kernel that is on the way of a story costs, executed and counted: for scripts/check_budgets.
//
//   count_kernels FOLDER ARCH
//
// A line a kernel, cost of a block beside its steps, cost of a step; a step is what src/bench/paper.cpp calls one:
//   linear<f16, Tile<128, 128, 64, 32>, true, false> | mma issued exp shared loaded stored | the same of a step
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "../../cuda/cuda_backend.h"
#include "../../cuda/gemm_tiles.h"
#include "oracle/oracle.h"
#include "ptx.h"

using namespace seedstory;
using oracle::Inputs;

namespace {

struct Cost {
  double mma = 0;     // instructions of warps
  double issued = 0;  // all of them
  double exp = 0;     // of the unit for exponentials, roots and quotients
  double shared = 0;  // wavefronts; a shuffle is one
  double loaded = 0;  // sectors of 32 bytes; of loads that go through L1, only the bytes that are asked for
  double stored = 0;  // sectors

  template <class F>
  static Cost of(const Cost& a, const Cost& b, F&& f) {
    return {f(a.mma, b.mma),       f(a.issued, b.issued), f(a.exp, b.exp),
            f(a.shared, b.shared), f(a.loaded, b.loaded), f(a.stored, b.stored)};
  }
  void print() const { std::printf(" | %.6g %.6g %.6g %.6g %.6g %.6g", mma, issued, exp, shared, loaded, stored); }
};

// Blocks of the launch that was the last of each kernel.
std::map<std::string, int64_t> blocks_of;
void (*run_ptx)(const simt::Launch&) = nullptr;
void run_and_count_blocks(const simt::Launch& launch) {
  blocks_of[ptx::kernel_name(launch.kernel)] = int64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
  run_ptx(launch);
}

// Of a block, the mean of all.
Cost cost_of(const std::string& kernel) {
  const ptx::Counts counts = ptx::counts(kernel);
  Cost cost{.mma = double(counts[ptx::Class::mma]),
            .issued = double(counts.total),
            .exp = double(counts[ptx::Class::exp]),
            .shared = double(counts[ptx::Class::shared])};  // with the shuffles, which touch no memory
  for (const ptx::MemoryAccess& a : ptx::memory_accesses(kernel)) {
    const ptx::Traffic& t = a.traffic;
    if (a.space == ptx::Space::shared)
      cost.shared += double(t.took) - (a.cls == ptx::Class::shared ? double(t.requests) : 0);
    else if (a.space == ptx::Space::global)
      (a.store ? cost.stored : cost.loaded) += double(a.store || a.cls == ptx::Class::copy ? t.took : t.least);
  }
  const double blocks = double(blocks_of.at(kernel));
  return Cost::of(cost, cost, [&](double all, double) { return all / blocks; });
}

// What packs a weight at load.
bool is_at_load(const std::string& kernel) {
  return kernel.starts_with("conv2d_weights") || kernel.starts_with("block_panels") ||
         kernel.starts_with("elementwise");
}

// What op_of(steps) runs, in `less` and `more` steps a block; where these are more blocks, a block has none. `variant`:
// what the kernel's name does not say.
template <class OpOf>
void count(int less, int more, OpOf&& op_of, int multiprocessors = 108, const std::string& variant = "") {
  simt::multiprocessors = multiprocessors;
  const auto backend = make_cuda_backend();
  std::map<std::string, Cost> costs[2];
  std::map<std::string, int64_t> blocks[2];
  for (int i = 0; i < 2; ++i) {
    Inputs in(1);
    blocks_of.clear();
    ptx::clear_counts();
    oracle::result(*backend, op_of(in, i == 0 ? less : more));
    blocks[i] = blocks_of;
    for (const auto& [kernel, count] : blocks_of) costs[i][kernel] = cost_of(kernel);
  }
  for (const auto& [kernel, some] : costs[0]) {
    if (is_at_load(kernel)) continue;
    const Cost& all = costs[1].at(kernel);
    const bool has_steps = blocks[0].at(kernel) == blocks[1].at(kernel);
    const Cost step = Cost::of(some, all, [&](double a, double b) { return has_steps ? (b - a) / (more - less) : 0; });
    std::printf("%s%s", kernel.c_str(), variant.c_str());
    Cost::of(all, step, [&](double a, double of_step) { return a - more * of_step; }).print();
    step.print();
    std::printf("\n");
  }
}

// Steps of a product that are counted.
constexpr int kLess = 4, kMore = 8;

// A product of whole tiles, and a card on which this tile is the one of the list that is taken for it.
template <class List, class Tile>
struct Product {
  int64_t rows = Tile::rows, cols = Tile::cols;
  int multiprocessors = 0;

  explicit Product(int index) {
    for (rows = Tile::rows; rows <= 4 * Tile::rows; rows += Tile::rows)
      for (cols = Tile::cols; cols <= 16 * Tile::cols; cols += Tile::cols)
        for (multiprocessors = 1; multiprocessors <= 64; ++multiprocessors)
          if (List::best({rows, cols, kLess * kDepth}, multiprocessors) == index &&
              List::best({rows, cols, kMore * kDepth}, multiprocessors) == index)
            return;
    std::fprintf(stderr, "count_kernels: no product takes tile %d\n", index);
    std::exit(1);
  }
};

// Steps of kDepth of k.
template <class List, class Tile>
void count_products(DType type, WeightFormat format, int index) {
  const Product<List, Tile> p(index);
  const auto linear = [&](Activation act, bool ends) {
    return [=](Inputs& in, int steps) {
      Linear op{.y = in.uninitialized(type, {p.rows, p.cols}),
                .x = in.normal(type, {p.rows, steps * kDepth}),
                .w = in.weight(format, {p.cols, steps * kDepth})};
      op.bias = in.normal(DType::f32, {p.cols}), op.act = act;
      if (ends) op.residual = in.normal(type, {p.rows, p.cols});
      return op;
    };
  };
  count(kLess, kMore, linear(Activation::none, true), p.multiprocessors);
  count(kLess, kMore, linear(Activation::gelu, false), p.multiprocessors, " gelu");
  count(kLess, kMore, linear(Activation::silu, false), p.multiprocessors, " silu");
  for (const Activation act : {Activation::gelu, Activation::silu})
    count(
        kLess, kMore,
        [=](Inputs& in, int steps) {
          return GatedLinear{.y = in.uninitialized(type, {p.rows, p.cols / 2}),
                             .x = in.normal(type, {p.rows, steps * kDepth}),
                             .w = in.weight(format, {p.cols, steps * kDepth}),
                             .bias = in.normal(DType::f32, {p.cols}),
                             .act = act};
        },
        p.multiprocessors, act == Activation::gelu ? " gelu" : " silu");
}

template <class List>
void count_products(DType type, WeightFormat format) {
  for (int i = 0; i < List::count; ++i)
    List::with(i, [&]<class Tile>() { count_products<List, Tile>(type, format, i); });
}

// Steps of what the 8 warps of a block share of k in a turn.
void count_gemv(DType type, WeightFormat format) {
  constexpr int64_t kRows = 8, kCols = 32;
  const int64_t turn = format == WeightFormat::q4 ? 2048 : 1024;
  for (const Activation act : {Activation::none, Activation::silu})
    count(
        2, 4,
        [=](Inputs& in, int steps) {
          return Linear{.y = in.uninitialized(type, {kRows, kCols}),
                        .x = in.normal(type, {kRows, steps * turn}),
                        .w = in.weight(format, {kCols, steps * turn}),
                        .residual = in.normal(type, {kRows, kCols}),
                        .act = act};
        },
        108, act == Activation::none ? "" : " silu");
  count(
      2, 4,
      [=](Inputs& in, int steps) {
        return GatedLinear{.y = in.uninitialized(type, {kRows, kCols / 2}),
                           .x = in.normal(type, {kRows, steps * turn}),
                           .w = in.weight(format, {kCols, steps * turn}),
                           .act = Activation::silu};
      },
      108, " silu");
}

// Steps of kDepth of k, which is 9 taps of so many channels. One tile, on one multiprocessor.
void count_conv2d(DType type, int64_t pixels, int64_t out_c, int64_t less, int64_t more) {
  const auto steps_of = [](int64_t channels) { return int((9 * channels + kDepth - 1) / kDepth); };
  count(
      steps_of(less), steps_of(more),
      [=](Inputs& in, int steps) {
        const int64_t channels = steps == steps_of(less) ? less : more, columns = pixels / 8;
        return Conv2d{.y = in.uninitialized(type, {1, 8, columns, out_c}),
                      .x = in.normal(type, {1, 10, columns + 2, channels}),
                      .w = in.normal(type, {out_c, channels, 3, 3}),
                      .bias = in.normal(DType::f32, {out_c}),
                      .residual = in.normal(type, {1, 8, columns, out_c})};
      },
      1);
}

// Steps of so many keys: a tile of the kernel's.
void count_attention(DType type, int64_t dim, int64_t keys) {
  count(4, 12, [=](Inputs& in, int steps) {
    return Attention{.y = in.uninitialized(type, {1, 128, 1, dim}),
                     .q = in.normal(type, {1, 128, 1, dim}),
                     .k = in.normal(type, {1, steps * keys, 1, dim}),
                     .v = in.normal(type, {1, steps * keys, 1, dim}),
                     .scale = 1 / std::sqrt(float(dim))};
  });
}

// One row; steps of 64 ranks, which are a block of the first kernel's and a step of the second's.
void count_cache_attention(DType type) {
  count(4, 8, [=](Inputs& in, int steps) {
    const int64_t heads = 4, dim = 128, length = 64 * steps;
    return CacheAttention{.y = in.uninitialized(type, {1, heads, dim}),
                          .q = in.normal(type, {1, heads, dim}),
                          .k = in.normal(type, {1, heads, dim}),
                          .v = in.normal(type, {1, heads, dim}),
                          .k_cache = in.normal(type, {length, heads, dim}),
                          .v_cache = in.normal(type, {length, heads, dim}),
                          .slots = in.slots(length, length),
                          .length = in.values(DType::i32, {1}, {double(length)}),
                          .rope = in.normal(DType::f32, {length, dim}),
                          .scale = 0.1f};
  });
}

// Steps of 256 elements of a row.
void count_norms(DType type) {
  constexpr int kLayer[][2] = {{2, 3}, {4, 5}, {6, 8}, {12, 16}}, kRms[][2] = {{4, 8}, {12, 16}};
  for (const auto& [less, more] : kLayer)
    count(less, more, [=](Inputs& in, int steps) {
      return LayerNorm{.y = in.uninitialized(type, {8, steps * 256}),
                       .x = in.normal(type, {8, steps * 256}),
                       .w = in.normal(DType::f32, {steps * 256}),
                       .b = in.normal(DType::f32, {steps * 256})};
    });
  for (const auto& [less, more] : kRms)
    count(less, more, [=](Inputs& in, int steps) {
      return AddRmsNorm{.y = in.uninitialized(type, {2, steps * 256}),
                        .h = in.normal(type, {2, steps * 256}),
                        .r = in.normal(type, {2, steps * 256}),
                        .w = in.normal(DType::f32, {steps * 256})};
    });
}

// Steps of the pixels that a block takes at once, in slabs of so many channels.
void count_group_norm(DType type) {
  constexpr int64_t kChannels[][2] = {{128, 64}, {320, 80}, {960, 240}};  // of x, of a slab
  for (const auto& [channels, slab] : kChannels)
    for (const Activation act : {Activation::none, Activation::silu})
      count(
          4, 8,
          [=](Inputs& in, int steps) {
            const int64_t at_once = 256 / (slab / 8);
            return GroupNorm{.y = in.uninitialized(type, {1, steps, at_once, channels}),
                             .x = in.normal(type, {1, steps, at_once, channels}),
                             .w = in.normal(DType::f32, {channels}),
                             .b = in.normal(DType::f32, {channels}),
                             .act = act};
          },
          108, " " + std::to_string(slab) + " channels" + (act == Activation::silu ? " silu" : ""));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: count_kernels FOLDER ARCH\n"), 2;
  ptx::use_folder(argv[1], argv[2]);
  run_ptx = std::exchange(simt::instead_of_fibers, run_and_count_blocks);
  for (const DType type : {DType::f16, DType::bf16}) {
    const WeightFormat same = type == DType::f16 ? WeightFormat::f16 : WeightFormat::bf16;
    count_products<GemmTiles>(type, same);
    count_gemv(type, same);
    for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4}) {
      if (type != DType::f16) continue;  // what q8 and q4 are multiplied by
      count_products<BlockTiles>(type, format);
      count_gemv(type, format);
    }
    for (int i = 0; i < GemmTiles::count; ++i)
      GemmTiles::with(i, [&]<class Tile>() { count_conv2d(type, Tile::rows, Tile::cols, 128, 256); });
    count_conv2d(type, 128, 16, 128, 256);
    count_conv2d(type, 128, 64, 4, 12);
    for (const int64_t dim : {32, 64, 104, 128}) count_attention(type, dim, 64);
    for (const int capability : {80, 86}) {
      const simt::OnCard card(capability);
      count_attention(type, 512, 32);
    }
    count_cache_attention(type);
    count_norms(type);
    count_group_norm(type);
  }
}
