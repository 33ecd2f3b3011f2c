// What the kernels execute, counted: the figures of docs/kernels that no card is needed for.
#include <cmath>
#include <ctime>

#include "../../cuda/cuda_backend.h"
#include "ops/harness.h"
#include "ptx.h"

namespace seedstory {
namespace {

using ptx::Class;
using ptx::Space;

// One multiprocessor, so that a tile is taken for a product of its size.
class OneMultiprocessor {
 public:
  OneMultiprocessor() { simt::multiprocessors = 1; }
  ~OneMultiprocessor() { simt::multiprocessors = before_; }
  OneMultiprocessor(const OneMultiprocessor&) = delete;
  OneMultiprocessor& operator=(const OneMultiprocessor&) = delete;

 private:
  int before_ = simt::multiprocessors;
};

template <class Op>
ptx::Counts counts_of(const std::string& kernel, const Op& op) {
  const OneMultiprocessor one;
  const auto be = make_cuda_backend();
  ptx::clear_counts();
  oracle::result(*be, op);
  return ptx::counts(kernel);
}

// Of a tile of n columns of w, which are half as many of y with a gate.
ptx::Counts counts_of_linear(const std::string& kernel, bool gate, int64_t rows, int64_t k, int64_t n) {
  Inputs in(1);
  const Tensor y = in.uninitialized(DType::f16, {rows, gate ? n / 2 : n}), x = in.normal(DType::f16, {rows, k}),
               w = in.normal(DType::f16, {n, k});
  return gate ? counts_of(kernel, GatedLinear{.y = y, .x = x, .w = w})
              : counts_of(kernel, Linear{.y = y, .x = x, .w = w});
}

TEST_CASE("The main loop of Linear and GatedLinear executes what its schedule says", "[ptx]") {
  struct {
    const char* tile;
    int64_t rows, n;                // of one block
    uint64_t warps, mma, ldmatrix;  // of a warp for 32 of k
    double instructions;            // a mma at most: the issue limit of docs/kernels/linear.md
  } cases[] = {
      {"Tile<128, 160, 64, 40>", 128, 160, 8, 40, 13, 3.5}, {"Tile<80, 160, 80, 40>", 80, 160, 4, 50, 15, 3.5},
      {"Tile<128, 128, 64, 32>", 128, 128, 8, 32, 12, 3.5}, {"Tile<112, 64, 112, 16>", 112, 64, 4, 28, 16, 5.1},
      {"Tile<80, 64, 80, 16>", 80, 64, 4, 20, 12, 5.7},     {"Tile<16, 64, 16, 16>", 16, 64, 4, 4, 4, 14},
  };
  for (const auto& [tile, rows, n, warps, mma, ldmatrix, instructions] : cases)
    for (bool gate : {false, true}) {
      const std::string kernel = "linear<f16, " + std::string(tile) + ", true, " + (gate ? "true>" : "false>");
      INFO(kernel);
      const ptx::Counts less = counts_of_linear(kernel, gate, rows, 512, n),
                        more = counts_of_linear(kernel, gate, rows, 1024, n);
      const auto grown = [&](Class c) { return more[c] - less[c]; };
      const uint64_t steps = 512 / 32;
      CHECK(grown(Class::mma) == warps * mma * steps);
      CHECK(grown(Class::ldmatrix) == warps * ldmatrix * steps);
      CHECK(grown(Class::copy) == uint64_t(rows + n) * 512 / 8 / 32);
      CHECK(grown(Class::shared) == 0);
      CHECK(grown(Class::global) == 0);
      CHECK(grown(Class::exp) == 0);
      const double each = double(more.total - less.total) / double(grown(Class::mma));
      WARN(kernel << ": " << each << " PTX instructions a mma");
      CHECK(each <= instructions);
    }
}

// What all accesses of a kernel to a space, loads or stores, of so many bytes a lane took together: those whose
// instruction begins with `which`.
ptx::Traffic traffic(const std::string& kernel, Space space, bool store, int bytes, const std::string& which = "") {
  ptx::Traffic sum;
  for (const ptx::MemoryAccess& a : ptx::memory_accesses(kernel)) {
    if (a.space != space || a.store != store || a.bytes != bytes || a.text.rfind(which, 0) != 0) continue;
    sum.requests += a.traffic.requests;
    sum.took += a.traffic.took;
    sum.least += a.traffic.least;
  }
  return sum;
}

// Each access of so many bytes a lane takes no more than it must, but for instructions that begin with `but_for`. Says
// whether there is one.
bool takes_the_least(const std::string& kernel, Space space, int bytes, const std::string& but_for = "none") {
  bool any = false;
  for (const ptx::MemoryAccess& a : ptx::memory_accesses(kernel)) {
    if (a.space != space || a.bytes != bytes || a.text.rfind(but_for, 0) == 0) continue;
    INFO(kernel << ": " << a.text << ": " << a.traffic.requests << " requests took " << a.traffic.took);
    CHECK(a.traffic.took == a.traffic.least);
    any = true;
  }
  return any;
}

// One tile: no bank conflicts, and whole sectors. `biases`: loads of bias in a thread. With a gate a row of 80 columns
// is 20 lanes, and of 40 lanes' wavefronts one of five has parts of two rows that meet in a bank.
template <class Op>
void expect_tile_without_conflicts(const Op& op, const std::string& kernel, uint64_t warps, uint64_t biases) {
  const OneMultiprocessor one;
  const auto be = make_cuda_backend();
  ptx::clear_counts();
  oracle::result(*be, op);
  const int y_bytes = 4 * int(size_of(op.y.dtype));
  const char* const sums_back = "ld.shared.v4";
  const ptx::Traffic back = traffic(kernel, Space::shared, false, 16, sums_back);
  CHECK(5 * back.took == (op.y.cols() == 80 ? 6 : 5) * back.least);
  CHECK(takes_the_least(kernel, Space::shared, 16, sums_back));  // copies and ldmatrix, as swizzle.cuh says
  CHECK(takes_the_least(kernel, Space::shared, 8));              // sums on their way to shared memory: 8 columns more
  CHECK(takes_the_least(kernel, Space::global, 16));             // x and w, bias
  CHECK(takes_the_least(kernel, Space::global, y_bytes));        // residual and y, 4 columns at once
  CHECK(traffic(kernel, Space::global, true, y_bytes).took == uint64_t(op.y.bytes() / 32));
  const auto copies = uint64_t((op.x.bytes() + op.w.values.bytes()) / 16 / 32);
  if (y_bytes == 8) CHECK(traffic(kernel, Space::global, false, 16).requests == copies + warps * biases);
}

TEST_CASE("Linear's tiles are without bank conflicts, its rows whole sectors", "[ptx]") {
  struct {
    const char* kernel;
    int64_t rows, n;
    uint64_t warps;
  } cases[] = {{"linear<f16, Tile<128, 160, 64, 40>, true, false>", 128, 160, 8},
               {"linear<f16, Tile<80, 160, 80, 40>, true, false>", 80, 160, 4},
               {"linear<f16, Tile<128, 128, 64, 32>, true, false>", 128, 128, 8},
               {"linear<f16, Tile<112, 64, 112, 16>, true, false>", 112, 64, 4},
               {"linear<f16, Tile<80, 64, 80, 16>, true, false>", 80, 64, 4},
               {"linear<f16, Tile<16, 64, 16, 16>, true, false>", 16, 64, 4}};
  for (const auto& [kernel, rows, n, warps] : cases)
    for (DType y_type : {DType::f16, DType::f32}) {
      INFO(kernel << ", y in " << name_of(y_type));
      Inputs in(1);
      expect_tile_without_conflicts(Linear{.y = in.uninitialized(y_type, {rows, n}),
                                           .x = in.normal(DType::f16, {rows, 128}),
                                           .w = in.normal(DType::f16, {n, 128}),
                                           .bias = in.normal(DType::f32, {n}),
                                           .residual = in.normal(y_type, {rows, n})},
                                    kernel, warps, 1);
    }
}

TEST_CASE("GatedLinear's tiles are without bank conflicts, its rows whole sectors", "[ptx]") {
  struct {
    const char* kernel;
    int64_t rows, n;
    uint64_t warps;
  } cases[] = {{"linear<f16, Tile<128, 160, 64, 40>, true, true>", 128, 80, 8},
               {"linear<f16, Tile<80, 160, 80, 40>, true, true>", 80, 80, 4},
               {"linear<f16, Tile<128, 128, 64, 32>, true, true>", 128, 64, 8},
               {"linear<f16, Tile<16, 64, 16, 16>, true, true>", 16, 32, 4}};
  for (const auto& [kernel, rows, n, warps] : cases) {
    INFO(kernel);
    Inputs in(1);
    expect_tile_without_conflicts(GatedLinear{.y = in.uninitialized(DType::f16, {rows, n}),
                                              .x = in.normal(DType::f16, {rows, 128}),
                                              .w = in.normal(DType::f16, {2 * n, 128}),
                                              .bias = in.normal(DType::f32, {2 * n})},
                                  kernel, warps, 2);
  }
}

// No padding: a row of pixels less.
Conv2d unpadded_conv2d(Inputs& in, DType type, int64_t h, int64_t w, int64_t in_c, int64_t out_c) {
  return {.y = in.uninitialized(type, {1, h, w, out_c}),
          .x = in.normal(type, {1, h + 2, w + 2, in_c}),
          .w = in.normal(type, {out_c, in_c, 3, 3})};
}

constexpr const char* kTallConv2d = "conv2d<f16, Tile<128, 16, 16, 16>, true>";

// 8 rows of so many pixels of y, and so many channels, are one tile.
struct ConvTile {
  const char* kernel;
  int64_t columns, out_c;
  uint64_t warps;
};
constexpr ConvTile kConvTiles[] = {
    {"conv2d<f16, Tile<128, 160, 64, 40>, true>", 16, 160, 8}, {"conv2d<f16, Tile<80, 160, 80, 40>, true>", 10, 160, 4},
    {"conv2d<f16, Tile<128, 128, 64, 32>, true>", 16, 128, 8}, {"conv2d<f16, Tile<112, 64, 112, 16>, true>", 14, 64, 4},
    {"conv2d<f16, Tile<80, 64, 80, 16>, true>", 10, 64, 4},    {"conv2d<f16, Tile<16, 64, 16, 16>, true>", 2, 64, 4}};

TEST_CASE("Conv2d's main loop executes what its schedule says", "[ptx]") {
  struct {
    ConvTile tile;
    uint64_t mma, ldmatrix;  // of a warp for 32 of k
    double instructions;     // a mma at most
  } cases[] = {{kConvTiles[0], 40, 13, 3.6},          {kConvTiles[1], 50, 15, 3.6}, {kConvTiles[2], 32, 12, 3.6},
               {kConvTiles[3], 28, 16, 5.8},          {kConvTiles[4], 20, 12, 6.4}, {kConvTiles[5], 4, 4, 15.1},
               {{kTallConv2d, 16, 16, 8}, 4, 4, 15.6}};
  for (const auto& [tile, mma, ldmatrix, instructions] : cases) {
    const auto& [kernel, columns, out_c, warps] = tile;
    INFO(kernel);
    Inputs in(1);
    const ptx::Counts less = counts_of(kernel, unpadded_conv2d(in, DType::f16, 8, columns, 64, out_c)),
                      more = counts_of(kernel, unpadded_conv2d(in, DType::f16, 8, columns, 128, out_c));
    const auto grown = [&](Class c) { return more[c] - less[c]; };
    const uint64_t k = 9 * 64;
    CHECK(grown(Class::mma) == warps * mma * k / 32);
    CHECK(grown(Class::ldmatrix) == warps * ldmatrix * k / 32);
    CHECK(grown(Class::copy) == uint64_t(8 * columns + out_c) * k / 8 / 32);
    CHECK(grown(Class::shared) == 0);
    CHECK(grown(Class::global) == 0);
    const double each = double(more.total - less.total) / double(grown(Class::mma));
    WARN(kernel << ": " << each << " PTX instructions a mma");
    CHECK(each <= instructions);
  }
}

TEST_CASE("Conv2d's tiles are without bank conflicts, its pixels whole sectors", "[ptx]") {
  for (const auto& [kernel, columns, out_c, warps] : kConvTiles)
    for (bool upsample2x : {false, true}) {
      INFO(kernel << (upsample2x ? ", doubled" : ""));
      Inputs in(1);
      Conv2d op = unpadded_conv2d(in, DType::f16, 8, columns, 64, out_c);
      if (upsample2x) {
        op.x = in.normal(DType::f16, {1, 8, columns, 64});
        op.y = in.uninitialized(DType::f16, {1, 16, 2 * columns, out_c});
        op.upsample2x = true, op.pad_begin = op.pad_end = 1;
      }
      op.bias = in.normal(DType::f32, {out_c}),
      op.residual = in.normal(DType::f16, {1, op.y.dim[1], op.y.dim[2], out_c});
      counts_of(kernel, op);
      CHECK(takes_the_least(kernel, Space::shared, 16));
      CHECK(takes_the_least(kernel, Space::shared, 8));
      CHECK(takes_the_least(kernel, Space::global, 16));
      CHECK(takes_the_least(kernel, Space::global, 8));  // residual and y
      CHECK(traffic(kernel, Space::global, true, 8).took == uint64_t(op.y.bytes() / 32));
      // Beside the copies: bias, once a thread. A warp whose pixels are all outside of x copies nothing: of each of the
      // four products one line of pixels, a request for 8 of them and 32 of k, under a row of taps, 128 of k.
      const uint64_t k = upsample2x ? 4 * 4 * 64 : 9 * 64, products = upsample2x ? 4 : 1;
      const uint64_t outside = upsample2x ? 4 * uint64_t(columns / 8) * 4 : 0;
      CHECK(traffic(kernel, Space::global, false, 16).requests ==
            uint64_t(8 * columns + out_c) * k / 8 / 32 + products * warps - outside);
    }
}

TEST_CASE("Conv2d to few channels is without bank conflicts but for one, and says what its stores take", "[ptx]") {
  struct {
    int64_t out_c;
    uint64_t back, stored;  // of the sums' way back, of y: times the least
    const char* why;
  } cases[] = {
      {16, 2, 1, "8 lanes' sums are two rows, 24 floats apart: half of a row meets the other one in its banks"},
      {8, 1, 1, "of two rows only the first halves"},
      {4, 1, 4, "8 bytes of a pixel are no 16: numbers of 2 bytes, one by one, beside 9 taps of x"},
      {3, 1, 4, "the same, 6 bytes"},
  };
  for (const auto& [out_c, back, stored, why] : cases) {
    INFO(out_c << " channels: " << why);
    Inputs in(1);
    Conv2d op = unpadded_conv2d(in, DType::f16, 8, 16, 64, out_c);
    op.bias = in.normal(DType::f32, {out_c}), op.residual = in.normal(DType::f16, {1, 8, 16, out_c});
    counts_of(kTallConv2d, op);
    const char* const sums_back = "ld.shared.v4";
    const ptx::Traffic read = traffic(kTallConv2d, Space::shared, false, 16, sums_back);
    CHECK(read.requests == 8 * 16 * 4 / 32);
    CHECK(read.took == back * read.least);
    CHECK(takes_the_least(kTallConv2d, Space::shared, 16, sums_back));  // copies and ldmatrix
    CHECK(takes_the_least(kTallConv2d, Space::shared, 8));              // sums on their way to shared memory
    CHECK(takes_the_least(kTallConv2d, Space::global, 16));             // x and w, bias
    const ptx::Traffic y = traffic(kTallConv2d, Space::global, true, stored == 1 ? 8 : 2);
    CHECK(y.took == stored * uint64_t(op.y.bytes() / 32));
  }
}

// The UNet's first convolution in small: 4 channels, with more taps, so that k grows by whole steps.
TEST_CASE("Conv2d of few channels brings each number by itself, and the rest as the other tiles", "[ptx]") {
  const std::string kernel = "conv2d<f16, Tile<16, 64, 16, 16>, false>";
  Inputs in(1);
  const auto of_taps = [&](int64_t kh) {
    return counts_of(kernel, Conv2d{.y = in.uninitialized(DType::f16, {1, 4, 4, 64}),
                                    .x = in.normal(DType::f16, {1, kh + 3, 11, 4}),
                                    .w = in.normal(DType::f16, {64, 4, kh, 8}),
                                    .bias = in.normal(DType::f32, {64})});
  };
  const ptx::Counts less = of_taps(8), more = of_taps(16);
  const auto grown = [&](Class c) { return more[c] - less[c]; };
  const uint64_t steps = 8 * 8 * 4 / 32, pieces = 2;  // of x, in a step: two warps have one a lane
  CHECK(grown(Class::mma) == 4 * 4 * steps);
  CHECK(grown(Class::ldmatrix) == 4 * 4 * steps);
  CHECK(grown(Class::copy) == 64 * 4 / 32 * steps);
  CHECK(grown(Class::global) + grown(Class::shared) == (8 + 1) * pieces * steps);  // 8 numbers, then their piece
  const double each = double(more.total - less.total) / double(grown(Class::mma));
  WARN(kernel << ": " << each << " PTX instructions a mma");
  CHECK(each <= 67);  // addresses and masks of x, a number at a time: issue slots are the limit of this tile

  CHECK(takes_the_least(kernel, Space::shared, 16));  // pieces and copies, ldmatrix, the sums' way back
  CHECK(takes_the_least(kernel, Space::shared, 8));
  CHECK(takes_the_least(kernel, Space::global, 16));  // w, bias
  CHECK(traffic(kernel, Space::global, true, 8).took == 4 * 4 * 64 * 2 / 32);
  // 32 lanes' numbers lie 16 bytes apart, in 6 sectors: two lines of 4 pixels, 88 bytes each. The other loads of a
  // piece find them in L1.
  const ptx::Traffic x = traffic(kernel, Space::global, false, 2);
  CHECK(x.requests == 8 * pieces * 2 * steps);
  CHECK(x.took == 6 * x.requests);
}

TEST_CASE("Conv2d in f32 reads its tiles without bank conflicts and writes them with two", "[ptx]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  ptx::clear_counts();
  oracle::result(*be, unpadded_conv2d(in, DType::f32, 4, 16, 32, 64));
  CHECK(takes_the_least("conv2d_f32", Space::shared, 16));
  const ptx::Traffic written = traffic("conv2d_f32", Space::shared, true, 4);
  CHECK(written.requests == uint64_t(2 * 64 * 9 * 32 / 32));
  CHECK(written.took == 2 * written.requests);
  const ptx::Traffic read = traffic("conv2d_f32", Space::global, false, 4);
  CHECK(read.took == read.least);
}

TEST_CASE("Linear of few rows reads each byte of w once, in 16 bytes and whole sectors", "[ptx]") {
  const auto be = make_cuda_backend();
  for (int64_t rows : {1, 8}) {
    Inputs in(1);
    const int64_t n = 32, k = 4096;
    const Linear op{.y = in.uninitialized(DType::f16, {rows, n}),
                    .x = in.normal(DType::f16, {rows, k}),
                    .w = in.normal(DType::f16, {n, k})};
    const char* const kernel = "linear_gemv<f16, true, false>";
    ptx::clear_counts();
    oracle::result(*be, op);
    CHECK(takes_the_least(kernel, Space::global, 16));
    // A block of 16 rows of w reads all of x.
    const auto sectors = uint64_t(op.w.values.bytes() + n / 16 * op.x.bytes()) / 32;
    CHECK(traffic(kernel, Space::global, false, 16).took == sectors);
    CHECK(traffic(kernel, Space::global, true, 2).took == uint64_t(op.y.bytes() / 32));
    const ptx::Counts counts = ptx::counts(kernel);
    CHECK(counts[Class::mma] == uint64_t(n / 16 * k / 16));
    // 4 KiB of w in a turn of a warp: what a multiprocessor asks of it is far below its issue slots.
    const double a_turn = double(counts.total) / double(op.w.values.bytes() / 4096);
    WARN(kernel << ", " << rows << " rows: " << a_turn << " PTX instructions for 4 KiB of w");
    CHECK(a_turn <= 160);
    // The warps' sums: written without conflicts, read in two wavefronts.
    CHECK(traffic(kernel, Space::shared, true, 4).took == traffic(kernel, Space::shared, true, 4).requests);
    CHECK(traffic(kernel, Space::shared, false, 4).took <= 2 * traffic(kernel, Space::shared, false, 4).requests);
  }
}

// Weights in blocks: f16 by q8 and q4.
struct Blocks {
  WeightFormat format;
  int64_t bits;
};
constexpr Blocks kBlocks[] = {{WeightFormat::q8, 8}, {WeightFormat::q4, 4}};

TEST_CASE("Linear of few rows by weights in blocks reads what they are stored in, and no sector more", "[ptx]") {
  const auto be = make_cuda_backend();
  for (const auto& [format, bits] : kBlocks)
    for (int64_t rows : {1, 8}) {
      Inputs in(1);
      const int64_t n = 32, k = 4096;
      const Linear op{.y = in.uninitialized(DType::f16, {rows, n}),
                      .x = in.normal(DType::f16, {rows, k}),
                      .w = in.weight(format, {n, k})};
      const std::string kernel = "linear_gemv_blocks<f16, " + std::to_string(bits) + ", true, false>";
      ptx::clear_counts();
      oracle::result(*be, op);
      CHECK(takes_the_least(kernel, Space::global, 16));
      CHECK(takes_the_least(kernel, Space::global, 4));
      // Each integer and scale once, in whole sectors; a block of 16 rows of w reads all of x.
      const ptx::Traffic pieces = traffic(kernel, Space::global, false, 16),
                         scales = traffic(kernel, Space::global, false, 4);
      CHECK(pieces.took == uint64_t(op.w.values.bytes() + n / 16 * op.x.bytes()) / 32);
      CHECK(scales.took == uint64_t(op.w.scales.bytes()) / 32);
      CHECK(pieces.requests == uint64_t(op.w.values.bytes() / 512 + n / 16 * k / 32));
      const ptx::Counts counts = ptx::counts(kernel);
      CHECK(counts[Class::mma] == uint64_t(n / 16 * k / 16));
      // 512 bytes, of 2 or 4 mma. A multiprocessor of an A100 has some 150 issue slots while they come from memory; the
      // machine code, which scripts/check_budgets holds to that, has one lop3 where PTX has an and and an or.
      const double a_piece = double(counts.total) / double(op.w.values.bytes() / 512);
      WARN(kernel << ", " << rows << " rows: " << a_piece << " PTX instructions for 512 bytes of w");
      CHECK(a_piece <= (bits == 8 ? 72 : 154));
      CHECK(traffic(kernel, Space::shared, true, 4).took == traffic(kernel, Space::shared, true, 4).requests);
      CHECK(traffic(kernel, Space::shared, false, 4).took <= 2 * traffic(kernel, Space::shared, false, 4).requests);
    }
}

TEST_CASE("Products by weights in blocks execute what their schedule says, without bank conflicts", "[ptx]") {
  struct {
    const char* tile;
    int64_t rows, n;                // of one block
    uint64_t warps, mma, ldmatrix;  // of a warp for 32 of k
    double q8, q4;                  // instructions for a mma at most
  } cases[] = {
      {"Tile<80, 160, 80, 40>", 80, 160, 4, 50, 15, 6, 6.5},
      {"Tile<128, 128, 64, 32>", 128, 128, 8, 32, 12, 6, 6},
      {"Tile<80, 64, 80, 16>", 80, 64, 4, 20, 12, 9, 9},
      {"Tile<16, 64, 16, 16>", 16, 64, 4, 4, 4, 28, 29},
  };
  for (const auto& [format, bits] : kBlocks)
    for (const auto& [tile, rows, n, warps, mma, ldmatrix, q8, q4] : cases) {
      const std::string kernel = "linear_blocks<f16, " + std::to_string(bits) + ", " + tile + ", true, false>";
      INFO(kernel);
      const auto of_k = [&, rows = rows, n = n, format = format](int64_t k) {
        Inputs in(1);
        return counts_of(kernel, Linear{.y = in.uninitialized(DType::f16, {rows, n}),
                                        .x = in.normal(DType::f16, {rows, k}),
                                        .w = in.weight(format, {n, k})});
      };
      const ptx::Counts less = of_k(512), more = of_k(1024);
      const auto grown = [&](Class c) { return more[c] - less[c]; };
      const uint64_t steps = 512 / 32, panels = uint64_t(n) / 16;
      CHECK(grown(Class::mma) == warps * mma * steps);
      CHECK(grown(Class::ldmatrix) == warps * ldmatrix * steps);
      CHECK(grown(Class::copy) == uint64_t(rows) * 512 / 8 / 32);
      CHECK(grown(Class::shared) == 0);
      // Pieces and scales; two rows of a lane into the stage, by generic stores.
      CHECK(grown(Class::global) == panels * (steps * uint64_t(bits) / 8 + steps + 2 * steps));
      // Of k = 1024.
      CHECK(takes_the_least(kernel, Space::shared, 16));
      CHECK(takes_the_least(kernel, Space::shared, 8));
      CHECK(takes_the_least(kernel, Space::global, 16));
      CHECK(takes_the_least(kernel, Space::global, 4));
      CHECK(traffic(kernel, Space::global, false, 4).took == panels * 1024 / 32);
      const double each = double(more.total - less.total) / double(grown(Class::mma));
      WARN(kernel << ": " << each << " PTX instructions a mma");
      CHECK(each <= (bits == 8 ? q8 : q4));
    }
}

TEST_CASE("Linear and GatedLinear in f32 are without bank conflicts, their rows whole sectors", "[ptx]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  const Tensor x = in.normal(DType::f32, {64, 64}), w = in.normal(DType::f32, {64, 64});
  const auto expect_without_conflicts = [&](const auto& op, const char* kernel, int y_bytes) {
    INFO(kernel);
    ptx::clear_counts();
    oracle::result(*be, op);
    CHECK(takes_the_least(kernel, Space::shared, 16));
    CHECK(takes_the_least(kernel, Space::shared, 4));
    CHECK(takes_the_least(kernel, Space::global, 4));
    CHECK(takes_the_least(kernel, Space::global, y_bytes));
    CHECK(traffic(kernel, Space::shared, true, 4).requests == uint64_t(2 * 64 * 64 / 32));
    CHECK(traffic(kernel, Space::global, true, y_bytes).took == uint64_t(op.y.bytes() / 32));
  };
  expect_without_conflicts(Linear{.y = in.uninitialized(DType::f32, {64, 64}), .x = x, .w = w}, "linear_f32<false>",
                           16);
  expect_without_conflicts(GatedLinear{.y = in.uninitialized(DType::f32, {64, 32}), .x = x, .w = w}, "linear_f32<true>",
                           8);
}

Attention attention_of(Inputs& in, DType type, int64_t queries, int64_t keys, int64_t dim) {
  return {.y = in.uninitialized(type, {1, queries, 1, dim}),
          .q = in.normal(type, {1, queries, 1, dim}),
          .k = in.normal(type, {1, keys, 1, dim}),
          .v = in.normal(type, {1, keys, 1, dim}),
          .scale = 1 / std::sqrt(float(dim))};
}

ptx::Counts counts_of_attention(const std::string& kernel, int64_t queries, int64_t keys, int64_t dim) {
  const auto be = make_cuda_backend();
  Inputs in(1);
  ptx::clear_counts();
  oracle::result(*be, attention_of(in, DType::f16, queries, keys, dim));
  return ptx::counts(kernel);
}

TEST_CASE("Attention's main loop executes what its schedule says", "[ptx]") {
  struct {
    const char* kernel;
    int64_t queries, dim;    // of one block of four warps
    uint64_t mma, ldmatrix;  // of a warp for 64 keys
    uint64_t blocks;         // of 16 queries in a warp
    double instructions;     // a mma at most: the issue limit of docs/kernels/attention.md
  } cases[] = {
      {"attention<f16, Tile<32>, true>", 128, 32, 64, 16, 2, 10.7},
      {"attention<f16, Tile<64>, true>", 128, 64, 128, 32, 2, 6.8},
      {"attention<f16, Tile<104>, true>", 128, 104, 216, 68, 2, 6.3},
      {"attention<f16, Tile<128>, true>", 64, 128, 128, 64, 1, 6.6},
  };
  for (const auto& [kernel, queries, dim, mma, ldmatrix, blocks, instructions] : cases) {
    INFO(kernel);
    const ptx::Counts less = counts_of_attention(kernel, queries, 512, dim),
                      more = counts_of_attention(kernel, queries, 1024, dim);
    const auto grown = [&](Class c) { return more[c] - less[c]; };
    const uint64_t tiles = 4 * 512 / 64;  // of four warps
    CHECK(grown(Class::mma) == mma * tiles);
    CHECK(grown(Class::ldmatrix) == ldmatrix * tiles);
    // A weight a lane, and at most the factors of two rows.
    CHECK(grown(Class::exp) >= blocks * (16 * 64 / 32) * tiles);
    CHECK(grown(Class::exp) <= blocks * (16 * 64 / 32 + 2) * tiles);
    CHECK(grown(Class::shared) == blocks * 2 * 2 * tiles);  // shuffles of two maxima
    CHECK(grown(Class::global) == 0);
    const double each = double(more.total - less.total) / double(grown(Class::mma));
    WARN(kernel << ": " << each << " PTX instructions a mma");
    CHECK(each <= instructions);
  }
}

TEST_CASE("Attention's tiles are without bank conflicts, its vectors whole sectors", "[ptx]") {
  struct {
    const char* kernel;
    int64_t dim;
  } cases[] = {{"attention<f16, Tile<32>, true>", 32},
               {"attention<f16, Tile<64>, true>", 64},
               {"attention<f16, Tile<104>, true>", 104},
               {"attention<f16, Tile<128>, true>", 128}};
  for (const auto& [kernel, dim] : cases) {
    counts_of_attention(kernel, 128, 128, dim);
    CHECK(takes_the_least(kernel, Space::shared, 16));  // copies and ldmatrix
    CHECK(takes_the_least(kernel, Space::shared, 4));   // y on its way out
    CHECK(takes_the_least(kernel, Space::global, 16));
  }
}

TEST_CASE("AddRmsNorm reads and writes a row once, in 16 bytes", "[ptx]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  ptx::clear_counts();
  oracle::result(*be, AddRmsNorm{.y = in.uninitialized(DType::f16, {3, 4096}),
                                 .h = in.normal(DType::f16, {3, 4096}),
                                 .r = in.normal(DType::f16, {3, 4096}),
                                 .w = in.normal(DType::f32, {4096})});
  const char* const kernel = "add_rms_norm<f16, Vec<f16, 8>, 2>";
  const ptx::Counts counts = ptx::counts(kernel);
  const uint64_t warps = 3 * 8;
  CHECK(counts[Class::exp] == warps);  // one rsqrt a thread
  const uint64_t chunks = 2;
  const ptx::Traffic read = traffic(kernel, Space::global, false, 16),
                     written = traffic(kernel, Space::global, true, 16);
  CHECK(counts[Class::global] == read.requests + written.requests);
  CHECK(written.requests == warps * chunks * 2);  // h and y
  CHECK(written.took == written.least);
  // h and r in whole sectors; of w two loads of 16 bytes, 32 from lane to lane, of which the second finds L1 filled.
  CHECK(read.requests == warps * chunks * (2 + 2));
  CHECK(read.took == warps * chunks * (2 * 16 + 2 * 32));
  CHECK(takes_the_least(kernel, Space::shared, 4));
  CHECK(takes_the_least(kernel, Space::shared, 16));
}

// What a kernel took for one op. `bytes`: of a lane, where each access takes no more than it must.
template <class Op>
void expect_unbroken_stretches(const Op& op, const std::string& kernel, std::initializer_list<int> bytes,
                               uint64_t global) {
  const auto be = make_cuda_backend();
  ptx::clear_counts();
  oracle::result(*be, op);
  INFO(kernel);
  CHECK(ptx::counts(kernel)[Class::global] == global);
  for (int each : bytes) CHECK(takes_the_least(kernel, Space::global, each));
}

TEST_CASE("Elementwise ops take each tensor once, 16 bytes of the widest type", "[ptx]") {
  Inputs in(1);
  const auto room = [&](DType type) { return in.uninitialized(type, {64, 64}); };
  const auto full = [&](DType type) { return in.normal(type, {64, 64}); };
  expect_unbroken_stretches(Add{.y = room(DType::f16), .a = full(DType::f16), .b = full(DType::f16)},
                            "elementwise<Sum<f16, f16>, 8>", {16}, 64 * 64 / 8 / 32 * 3);
  expect_unbroken_stretches(Add{.y = room(DType::bf16), .a = full(DType::bf16), .b = full(DType::f32)},
                            "elementwise<Sum<bf16, float>, 4>", {8, 16}, 64 * 64 / 4 / 32 * 3);
  expect_unbroken_stretches(Convert{.y = room(DType::f16), .x = full(DType::f32)}, "elementwise<Scale<f16, float>, 4>",
                            {8, 16}, 64 * 64 / 4 / 32 * 2);
  expect_unbroken_stretches(Convert{.y = room(DType::bf16), .x = full(DType::bf16)},
                            "elementwise<Move<unsigned short>, 8>", {16}, 64 * 64 / 8 / 32 * 2);
  expect_unbroken_stretches(Activate{.y = room(DType::f16), .x = full(DType::f16)}, "elementwise<Activated<f16>, 8>",
                            {16}, 64 * 64 / 8 / 32 * 2);
}

TEST_CASE("Embed, ToPixels and SchedulerStep take each tensor once, in unbroken stretches", "[ptx]") {
  Inputs in(1);
  expect_unbroken_stretches(Embed{.y = in.uninitialized(DType::f16, {2, 2048}),
                                  .ids = in.integers({2}, 9),
                                  .table = in.normal(DType::f16, {9, 2048})},
                            "embed<Vec<unsigned char, 16> >", {16}, 2 * 2048 / 8 / 32 * 3);  // and the id
  expect_unbroken_stretches(ToPixels{.y = in.uninitialized(DType::u8, {1, 16, 64, 4}),
                                     .x = in.normal(DType::f16, {1, 16, 64, 4}),
                                     .bad = in.uninitialized(DType::i32, {1})},
                            "to_pixels<f16, 8>", {8, 16}, 16 * 64 * 4 / 8 / 32 * 2);
  // x, both halves of m and the history in, x and the history out; the step and seven coefficients.
  expect_unbroken_stretches(SchedulerStep{.x = in.normal(DType::f32, {1, 8, 16, 4}),
                                          .m = in.normal(DType::f16, {2, 8, 16, 4}),
                                          .history = in.normal(DType::f32, {1, 8, 16, 4}),
                                          .coefficients = in.normal(DType::f32, {1, kStepColumns}),
                                          .step = in.values(DType::i32, {1}, {0})},
                            "scheduler_step<f16, 4>", {8, 16}, 8 * 16 * 4 / 4 / 32 * (6 + 8));
}

TEST_CASE("PickToken reads a logit once, in 16 bytes, and token reductions whole sectors", "[ptx]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  ptx::clear_counts();
  oracle::result(*be, PickToken{.id = in.uninitialized(DType::i32, {1}), .logits = in.normal(DType::f32, {1, 32768})},
                 "id");
  CHECK(takes_the_least("pick_token<4>", Space::global, 16));
  CHECK(traffic("pick_token<4>", Space::global, false, 16).requests == 32768 / 4 / 32);

  ptx::clear_counts();
  oracle::result(
      *be, NormalizeTokens{.y = in.uninitialized(DType::f16, {2, 64, 192}), .x = in.normal(DType::f16, {2, 64, 192})});
  CHECK(takes_the_least("normalize_tokens<f16>", Space::global, 2));
  CHECK(takes_the_least("normalize_tokens<f16>", Space::shared, 4));
  CHECK(traffic("normalize_tokens<f16>", Space::global, false, 2).requests == 2 * 2 * 64 * 192 / 32);  // twice
}

TEST_CASE("LayerNorm reads and writes a row once, in 16 bytes", "[ptx]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  ptx::clear_counts();
  oracle::result(*be, LayerNorm{.y = in.uninitialized(DType::f16, {6, 1280}),
                                .x = in.normal(DType::f16, {6, 1280}),
                                .w = in.normal(DType::f32, {1280}),
                                .b = in.normal(DType::f32, {1280})});
  const char* const kernel = "layer_norm<f16, Vec<f16, 8>, 5>";
  const uint64_t warps = 6, chunks = 5;
  CHECK(ptx::counts(kernel)[Class::exp] == warps);             // one rsqrt a lane
  CHECK(ptx::counts(kernel)[Class::shared] == warps * 3 * 5);  // the shuffles of three sums, nothing else
  const ptx::Traffic read = traffic(kernel, Space::global, false, 16),
                     written = traffic(kernel, Space::global, true, 16);
  CHECK(ptx::counts(kernel)[Class::global] == read.requests + written.requests);
  CHECK(written.requests == warps * chunks);
  CHECK(written.took == written.least);
  // x in whole sectors; of w and b two loads of 16 bytes, 32 from lane to lane, of which the second finds L1 filled.
  CHECK(read.requests == warps * chunks * (1 + 4));
  CHECK(read.took == warps * chunks * (16 + 4 * 32));
}

TEST_CASE("GroupNorm reads x twice and writes y once, in 16 bytes and whole sectors", "[ptx]") {
  const auto be = make_cuda_backend();
  for (const int64_t channels : {320, 640, 128}) {
    INFO(channels);
    Inputs in(1);
    ptx::clear_counts();
    oracle::result(*be, GroupNorm{.y = in.uninitialized(DType::f16, {1, 16, 16, channels}),
                                  .x = in.normal(DType::f16, {1, 16, 16, channels}),
                                  .w = in.normal(DType::f32, {channels}),
                                  .b = in.normal(DType::f32, {channels})});
    const char *const moments = "group_moments<f16, Vec<f16, 8> >", *const scale = "group_scale<f16, Vec<f16, 8> >";
    const auto sectors = uint64_t(16 * 16 * channels * 2 / 32);
    CHECK(takes_the_least(moments, Space::global, 16));
    CHECK(traffic(moments, Space::global, false, 16).took == sectors);
    CHECK(traffic(scale, Space::global, true, 16).took == sectors);
    // Beside x, each thread of a piece of 256 pixels has w and b of its 8 channels: mostly from L1.
    CHECK(traffic(scale, Space::global, false, 16).took == sectors + sectors / 4);
  }
}

CacheAttention cache_attention_of(Inputs& in, int64_t rows, int64_t length, int64_t heads) {
  return {.y = in.uninitialized(DType::f16, {rows, heads, 128}),
          .q = in.normal(DType::f16, {rows, heads, 128}),
          .k = in.normal(DType::f16, {rows, heads, 128}),
          .v = in.normal(DType::f16, {rows, heads, 128}),
          .k_cache = in.normal(DType::f16, {length, heads, 128}),
          .v_cache = in.normal(DType::f16, {length, heads, 128}),
          .slots = in.slots(length, length),
          .length = in.values(DType::i32, {1}, {double(length)}),
          .rope = in.normal(DType::f32, {length, 128}),
          .scale = 0.1f};
}

TEST_CASE("CacheAttention of one row reads the cache once, in 16 bytes and whole sectors", "[ptx]") {
  const auto be = make_cuda_backend();
  const uint64_t heads = 4, length = 256, chunks = 4;
  Inputs in(1);
  const CacheAttention op = cache_attention_of(in, 1, int64_t(length), int64_t(heads));
  ptx::clear_counts();
  oracle::result(*be, op);
  const char *const rows = "cache_attention<f16, Vec<f16, 8>, 1>", *const merge = "merge_chunks<f16>";
  // Sectors. Of the table a lane takes cosines and sines in four loads, 32 bytes from lane to lane: the second of two
  // finds L1 filled by the first, and the block's four heads find what the first of them has brought.
  const uint64_t vector = 128 * 2 / 32, table = 2 * 128 * 4 / 32;
  const uint64_t cache = heads * length * 2 * vector, tables = heads * (length + chunks) * table;
  CHECK(traffic(rows, Space::global, false, 16).took == cache + tables + heads * chunks * vector);
  CHECK(traffic(rows, Space::global, true, 16).took == heads * 2 * vector);
  uint64_t all = 0;
  for (const char* kernel : {rows, merge})
    for (const ptx::MemoryAccess& a : ptx::memory_accesses(kernel))
      if (a.space == Space::global) all += a.traffic.took;
  const double bytes = 32 * double(all - tables + length * table / 2), least = op.cost().bytes;
  WARN(rows << " and " << merge << ": " << bytes / least << " of the least bytes, the table once");
  CHECK(bytes <= 1.05 * least);
}

TEST_CASE("CacheAttention of a few rows reads the cache once for all of them", "[ptx]") {
  const auto be = make_cuda_backend();
  const uint64_t heads = 2, length = 256, chunks = 4, vector = 128 * 2 / 32, table = 2 * 128 * 4 / 32;
  const char* const kernel = "cache_attention_rows<f16, Vec<f16, 8>, 1>";
  for (uint64_t rows : {2, 8}) {
    INFO(rows << " rows");
    Inputs in(1);
    ptx::clear_counts();
    oracle::result(*be, cache_attention_of(in, int64_t(rows), int64_t(length), int64_t(heads)));
    // Keys, values and the table once a head, whatever the rows; and each row's q with its row of the table in a chunk.
    const uint64_t cache = heads * length * (2 * vector + table), queries = heads * rows * chunks * (vector + table);
    CHECK(traffic(kernel, Space::global, false, 16).took == cache + queries);
    CHECK(traffic(kernel, Space::global, true, 16).took == heads * rows * 2 * vector);  // new keys and values
    // Rotated keys are 32 bytes from lane to lane: two wavefronts for one. Values are not.
    const ptx::Traffic shared = traffic(kernel, Space::shared, false, 16);
    WARN(kernel << ", " << rows << " rows: " << double(shared.took) / double(shared.least)
                << " of the least wavefronts");
    CHECK(shared.took <= 2 * shared.least);
  }
}

TEST_CASE("CacheAttention of many rows executes what its schedule says", "[ptx]") {
  const auto be = make_cuda_backend();
  const char* const kernel = "flash_cache_attention<f16, 128>";
  const auto counts_at = [&](int64_t length) {
    Inputs in(1);
    ptx::clear_counts();
    oracle::result(*be, cache_attention_of(in, 66, length, 1));
    CHECK(takes_the_least(kernel, Space::shared, 16));  // copies, rotations and ldmatrix, as swizzle.cuh says
    CHECK(takes_the_least(kernel, Space::shared, 4));   // y on its way
    return ptx::counts(kernel);
  };
  const ptx::Counts less = counts_at(128), more = counts_at(192);
  const auto grown = [&](Class c) { return more[c] - less[c]; };
  const uint64_t warps = 5, tile = 64;
  CHECK(grown(Class::mma) == warps * 2 * 8 * 8);
  CHECK(grown(Class::ldmatrix) == warps * (8 * 4 + 4 * 8));
  CHECK(grown(Class::copy) == 2 * tile * 128 / 8 / 32);
  const double each = double(more.total - less.total) / double(grown(Class::mma));
  WARN(kernel << ": " << each << " PTX instructions a mma");
  CHECK(each <= 12);
}

TEST_CASE("Every kernel that a launch names is an entry of nvcc's", "[ptx]") {
  CHECK(simt::known_kernels().size() > 20);
  for (const simt::Known& kernel : simt::known_kernels()) {
    INFO(kernel.name);
    CHECK_NOTHROW(ptx::counts(ptx::kernel_name(kernel.name)));
  }
}

// Not a test: ptx_compute_80_tests "[speed]" prints it.
TEST_CASE("Warp instructions a second", "[.speed]") {
  const std::clock_t start = std::clock();
  const ptx::Counts counts =
      counts_of_linear("linear<f16, Tile<128, 128, 64, 32>, true, false>", false, 512, 2048, 512);
  const double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
  WARN(double(counts.total) / seconds / 1e6
       << " M warp instructions a second of one core, the backend around them included");
}

}  // namespace
}  // namespace seedstory
