// CudaBackend and its kernels: the op tables that every backend runs. On the emulated device under every schedule, as
// PTX (tests/ptx), on a card (tests/gpu).
#include <simt.h>  // the include path says whose: this folder's or tests/gpu's

#include <cstring>
#include <memory>

#include "../../cuda/cuda_backend.h"
#include "../../cuda/device/gemm.cuh"
#include "../../cuda/kernels/block_panels.h"
#include "../../cuda/kernels/finish_product.h"
#include "../../cuda/kernels/round_int8.h"
#include "ops/cases/add_rms_norm.h"
#include "ops/cases/attention.h"
#include "ops/cases/cache_attention.h"
#include "ops/cases/conv2d.h"
#include "ops/cases/convert_gather.h"
#include "ops/cases/diffusion_step.h"
#include "ops/cases/elementwise.h"
#include "ops/cases/gated_linear.h"
#include "ops/cases/group_norm.h"
#include "ops/cases/layer_norm.h"
#include "ops/cases/linear.h"
#include "ops/cases/packed_weights.h"
#include "ops/cases/pick_token.h"
#include "ops/cases/token_reductions.h"
#include "seedstory/arena.h"

using namespace seedstory;

namespace {

constexpr DType kFloatTypes[] = {DType::f32, DType::f16, DType::bf16};

template <class Op>
void expect_however_run(Backend& be, const Op& op, const oracle::Expected& expected, Tolerance tolerance,
                        oracle::Weights weights) {
  simt::under_each_schedule([&] {
    INFO(simt::schedule.str());
    std::string wrong;
    oracle::run_copy(be, op, weights, [&](const oracle::Transfer& transfer) {
      std::vector<Tensor> outputs;
      op.each([&](const char* field, const Tensor& t, Access access) {
        if (!t || access == Access::in) return;
        outputs.push_back(t);
        wrong += oracle::compare(field, transfer.fetched(t), expected.at(field), tolerance);
      });
      wrong += transfer.damage(outputs);
    });
    CHECK(wrong == "");
  });
}

// As oracle::mismatch, under every schedule; the oracle itself is asked once.
template <class Op>
void expect_matches_oracle_however_run(const Op& op, Tolerance tolerance,
                                       oracle::Weights weights = oracle::Weights::as_they_are) {
  const auto be = make_cuda_backend();
  expect_however_run(*be, op, oracle::oracle(op), tolerance, weights);
}

// The Error line of add_rms_norm.cu.
constexpr double last_place(DType type) {
  return type == DType::f32 ? 0x1p-21 : 2 * unit_roundoff(type);
}

// Half the smallest number of the type.
constexpr double smallest(DType type) {
  return type == DType::f16 ? 0x1p-25 : 0x1p-126;
}

}  // namespace

TEST_CASE("CudaBackend has a kernel for every op", "[simt][ops]") {
  for (const char* name : make_cuda_backend()->lacking()) {
    INFO(name);
    CHECK(false);
  }
}

TEST_CASE("AddRmsNorm's kernel matches the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_add_rms_norm_cases(type, [&](const AddRmsNorm& op) {
      expect_matches_oracle_however_run(op, {.rel = last_place(type), .abs = smallest(type)});
    });
  }
}

TEST_CASE("AddRmsNorm's kernel takes rows of any alignment", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    Inputs in(3);
    const AddRmsNorm odd{.y = in.uninitialized(type, {3, 77}),
                         .h = in.normal(type, {3, 78}).slice(1, 1, 78),
                         .r = in.normal(type, {3, 77}),
                         .w = in.normal(DType::f32, {77})};
    expect_matches_oracle_however_run(odd, {.rel = last_place(type), .abs = smallest(type)});
    const AddRmsNorm odd_w{.y = in.uninitialized(type, {3, 80}),
                           .h = in.normal(type, {3, 80}),
                           .w = in.normal(DType::f32, {81}).slice(0, 1, 81)};
    expect_matches_oracle_however_run(odd_w, {.rel = last_place(type), .abs = smallest(type)});
  }
  Inputs in(4);
  const AddRmsNorm long_and_odd{.y = in.uninitialized(DType::f32, {1, 4097}),
                                .h = in.normal(DType::f32, {1, 4097}),
                                .w = in.normal(DType::f32, {4097})};
  CHECK(error_of([&] { oracle::mismatch(*be, long_and_odd, {}); }, ErrorKind::failed) ==
        "AddRmsNorm: chunks of a row: 17 is more than the CUDA kernels have");
}

TEST_CASE("LayerNorm's kernel matches the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_layer_norm_cases(type,
                         [&](const LayerNorm& op) { expect_matches_oracle_however_run(op, norm_tolerance(type)); });
  }
}

TEST_CASE("LayerNorm's kernel takes rows of every length and any alignment", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for (int64_t dim : {640, 1280, 2048, 4096}) {
      INFO(dim);
      Inputs in(2);
      const LayerNorm op{.y = in.uninitialized(type, {5, dim}),
                         .x = in.normal(type, {5, dim}),
                         .w = in.normal(DType::f32, {dim}),
                         .b = in.normal(DType::f32, {dim})};
      expect_matches_oracle_however_run(op, norm_tolerance(type));
    }
    Inputs in(3);
    const LayerNorm odd{.y = in.uninitialized(type, {3, 80}),
                        .x = in.normal(type, {3, 81}).slice(1, 1, 81),
                        .w = in.normal(DType::f32, {80}),
                        .b = in.normal(DType::f32, {80})};
    expect_matches_oracle_however_run(odd, norm_tolerance(type));
    const LayerNorm single{.y = in.uninitialized(type, {24}),
                           .x = in.normal(type, {24}),
                           .w = in.normal(DType::f32, {25}).slice(0, 1, 25),
                           .b = in.normal(DType::f32, {24})};
    expect_matches_oracle_however_run(single, norm_tolerance(type));
  }
  const auto be = make_cuda_backend();
  Inputs in(4);
  const LayerNorm long_and_odd{.y = in.uninitialized(DType::f32, {1, 2049}),
                               .x = in.normal(DType::f32, {1, 2049}),
                               .w = in.normal(DType::f32, {2049}),
                               .b = in.normal(DType::f32, {2049})};
  CHECK(error_of([&] { oracle::mismatch(*be, long_and_odd, {}); }, ErrorKind::failed) ==
        "LayerNorm: chunks of a row: 65 is more than the CUDA kernels have");
}

TEST_CASE("GroupNorm's kernels match the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_group_norm_cases(type,
                         [&](const GroupNorm& op) { expect_matches_oracle_however_run(op, norm_tolerance(type)); });
  }
}

TEST_CASE("GroupNorm's kernels take pictures of every size and any alignment", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    struct {
      int64_t h, w, c, gap;
      int groups;
      double mean;
      const char* why;
    } cases[] = {
        {17, 31, 320, 0, 32, 0, "three pieces of several slabs, the last ones shorter"},
        {3, 5, 120, 0, 12, 0, "a last slab of fewer groups"},
        {2, 2, 2560, 0, 32, 0, "the widest of the UNet"},
        {9, 30, 32, 1, 8, 0, "element by element"},
        {33, 65, 32, 8, 4, 300, "far from zero, in pieces"},
    };
    for (auto [h, w, c, gap, groups, mean, why] : cases) {
      INFO(why);
      Inputs in(2);
      const Tensor normal = in.normal(DType::f32, {1, h, w, c + gap});
      std::vector<double> values;
      for (int64_t i = 0; i < normal.numel(); ++i) values.push_back(mean + double(normal.as<float>()[i]));
      const GroupNorm op{.y = in.uninitialized(type, {1, h, w, c + gap}).slice(3, 0, c),
                         .x = in.values(type, {1, h, w, c + gap}, values).slice(3, gap, c + gap),
                         .w = in.normal(DType::f32, {c}),
                         .b = in.normal(DType::f32, {c}),
                         .shift = in.normal(DType::f32, {1, c}),
                         .groups = groups,
                         .act = Activation::silu};
      expect_matches_oracle_however_run(op, norm_tolerance(type));
    }
  }
  const auto be = make_cuda_backend();
  Inputs in(3);
  const GroupNorm wide{.y = in.uninitialized(DType::f32, {1, 1, 1, 2048}),
                       .x = in.normal(DType::f32, {1, 1, 1, 2048}),
                       .w = in.normal(DType::f32, {2048}),
                       .b = in.normal(DType::f32, {2048}),
                       .groups = 1};
  CHECK(error_of([&] { oracle::mismatch(*be, wide, {}); }, ErrorKind::failed) ==
        "GroupNorm: groups of 2048 channels of f32(1, 1, 1, 2048) are more than the CUDA kernels have");
}

TEST_CASE("A picture of GroupNorm has the same bits alone and among others", "[simt][ops]") {
  const auto be = make_cuda_backend();
  Inputs in(4);
  const Tensor x = in.normal(DType::f16, {3, 20, 30, 40}), w = in.normal(DType::f32, {40});
  const auto result = [&](const Tensor& of) {
    const Tensor y = in.uninitialized(DType::f16, {of.dim[0], 20, 30, 40});
    return oracle::result(*be, GroupNorm{.y = y, .x = of, .w = w, .b = w, .groups = 4});
  };
  const auto all = result(x), third = result(x.slice(0, 2, 3));
  CHECK(third == std::vector<double>(all.end() - 20 * 30 * 40, all.end()));
}

TEST_CASE("CudaBackend says what scratch memory an op takes, and takes that", "[simt][ops]") {
  const auto be = make_cuda_backend();
  Inputs in(5);
  const auto op_of = [&](int64_t size) {
    return GroupNorm{.y = in.uninitialized(DType::f16, {2, size, size, 64}),
                     .x = in.normal(DType::f16, {2, size, size, 64}),
                     .w = in.normal(DType::f32, {64}),
                     .b = in.normal(DType::f32, {64})};
  };
  const GroupNorm small = op_of(16), large = op_of(20);
  CHECK(be->scratch_bytes(&small) == 2 * 32 * 1 * 8);
  CHECK(be->scratch_bytes(&large) == 2 * 32 * 2 * 8);
  const Activate none{.y = small.y, .x = small.x};
  CHECK(be->scratch_bytes(&none) == 0);
  for (const GroupNorm* op : {&small, &large, &small})  // grows once; the small one then finds more than it takes
    CHECK(oracle::mismatch(*be, *op, norm_tolerance(DType::f16)) == "");
}

TEST_CASE("Linear's kernels match the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_linear_cases(
        type, [&](const Linear& op, int64_t k) { expect_matches_oracle_however_run(op, linear_tolerance(type, k)); });
  }
}

TEST_CASE("Linear's kernels take sizes and rows of any alignment", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    struct {
      int64_t rows, k, n, k_gap, n_gap;
      const char* why;
    } cases[] = {
        {17, 33, 65, 0, 0, "one more than a tile of everything"},
        {40, 61, 67, 3, 5, "aligned rows that end inside a vector"},
        {130, 33, 131, 7, 5, "the same in more than one wide tile"},
        {3, 1, 1, 0, 0, "next to nothing"},
        {2, 0, 8, 8, 0, "an empty sum"},
    };
    for (auto [rows, k, n, k_gap, n_gap, why] : cases) {
      INFO(why);
      Inputs in(5);
      const Linear op{.y = in.uninitialized(type, {rows, n + n_gap}).slice(1, 0, n),
                      .x = in.normal(type, {rows, k + k_gap}).slice(1, 0, k),
                      .w = in.normal(type, {n, k + k_gap}).slice(1, 0, k),
                      .bias = in.normal(DType::f32, {n}),
                      .residual = in.normal(type, {rows, n + n_gap}).slice(1, 0, n),
                      .act = Activation::gelu};
      expect_matches_oracle_however_run(op, linear_tolerance(type, k));
    }
  }
}

TEST_CASE("Linear's kernels give y in f32 beside 16 bits", "[simt][ops]") {
  for (DType type : {DType::f16, DType::bf16})
    for (auto [rows, n, gap] : {std::tuple{1, 72, 0}, {40, 136, 0}, {3, 65, 5}, {33, 130, 1}}) {
      INFO(name_of(type) << ", " << rows << " x " << n);
      Inputs in(7);
      const Linear op{.y = in.uninitialized(DType::f32, {rows, n + gap}).slice(1, 0, n),
                      .x = in.normal(type, {rows, 64}),
                      .w = in.normal(type, {n, 64}),
                      .bias = in.normal(DType::f32, {n}),
                      .residual = in.normal(DType::f32, {rows, n}),
                      .act = Activation::silu};
      expect_matches_oracle_however_run(op, linear_tolerance(DType::f32, 64));
    }
}

// Rows up to 8 have one order of k, more rows another; f32 has one for all.
TEST_CASE("A row of Linear has the same bits among the rows of its class, in any alignment", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    Inputs in(6);
    const int64_t k = 300, n = 40, gap = 4;
    const Tensor x = in.normal(type, {70, k + gap}).slice(1, 0, k), w = in.normal(type, {n, k + gap}).slice(1, 0, k);
    const auto part = [&](int64_t begin, int64_t end, int64_t y_gap = 0) {
      const Tensor y = in.uninitialized(type, {end - begin, n + y_gap}).slice(1, 0, n);
      return oracle::result(*be, Linear{.y = y, .x = x.slice(0, begin, end), .w = w}, "y",
                            oracle::Weights::as_they_are);
    };
    const auto many = part(0, 70), few = part(62, 70);
    const auto rows_of = [&](const std::vector<double>& y, int64_t begin, int64_t end) {
      return std::vector<double>(y.begin() + begin * n, y.begin() + end * n);
    };
    CHECK(part(61, 70) == rows_of(many, 61, 70));
    CHECK(part(11, 43) == rows_of(many, 11, 43));
    CHECK(part(11, 44) == rows_of(many, 11, 44));
    CHECK(part(50, 70, 1) == rows_of(many, 50, 70));  // rows of y at odd addresses
    CHECK(part(69, 70) == rows_of(few, 7, 8));
    CHECK(part(63, 66) == rows_of(few, 1, 4));
    CHECK(part(66, 70, 1) == rows_of(few, 4, 8));
    if (type == DType::f32) CHECK(few == rows_of(many, 62, 70));
    // The same numbers at addresses that are no multiples of 16 bytes.
    const auto shifted = [&](const Tensor& t) {
      std::vector<double> values;
      for (double v : oracle::read(t)) {
        if (int64_t(values.size()) % (k + 1) == 0) values.push_back(0);
        values.push_back(v);
      }
      return in.values(type, {t.dim[0], k + 1}, values).slice(1, 1, k + 1);
    };
    const Tensor odd_x = shifted(x), odd_w = shifted(w);
    const auto odd = [&](int64_t begin, int64_t end) {
      const Linear op{.y = in.uninitialized(type, {end - begin, n}), .x = odd_x.slice(0, begin, end), .w = odd_w};
      return oracle::result(*be, op, "y", oracle::Weights::as_they_are);
    };
    CHECK(odd(61, 70) == rows_of(many, 61, 70));
    CHECK(odd(62, 70) == few);
  }
}

namespace {

// In the order of GemmTiles.
enum TileIndex { k16x64, k80x64, k112x64, k128x128, k128x160, k80x160 };

// Of a product with 100 to 112 rows, 264 columns and k of 72: each tile once.
constexpr int kMultiprocessorsOfTiles[] = {9, 10, 5, 3, 1, 4};

}  // namespace

TEST_CASE("A product takes the tile that its multiprocessors finish first", "[simt]") {
  struct {
    const char* what;
    ProductSize product;
    TileIndex on_108, on_132;
    double least_share;  // of what an A100's tensor cores need alone, at least; 0: w's bytes are the limit
  } cases[] = {
      {"16 rows", {16, 4096, 4096}, k16x64, k16x64, 0},
      {"a picture's tokens, q", {66, 4096, 4096}, k80x64, k80x64, 0},
      {"a picture's tokens, qkv", {66, 12288, 4096}, k80x160, k80x160, 0},
      {"a picture's tokens, feed-forward", {66, 22016, 4096}, k80x160, k80x64, 0},
      {"a prompt of 104", {104, 4096, 4096}, k112x64, k80x64, 0},
      {"a prompt of 600", {600, 12288, 4096}, k80x160, k128x160, 0.85},
      {"the ViT's feed-forward", {1024, 8192, 1664}, k128x160, k128x128, 0.94},
      {"G1", {2048, 10240, 1280}, k80x160, k128x160, 0.94},
      {"G2", {2048, 1280, 5120}, k80x160, k128x160, 0.94},
      {"G3", {2048, 1280, 1280}, k80x160, k128x160, 0.94},
      {"G4", {2048, 3840, 1280}, k80x160, k128x160, 0.94},
      {"G5: GEGLU", {8192, 5120, 640}, k128x160, k80x160, 0.94},
      {"G5: down", {8192, 640, 2560}, k128x128, k128x160, 0.94},
      {"G5: out", {8192, 640, 640}, k80x160, k128x160, 0.94},
      {"G5: qkv", {8192, 1920, 640}, k80x160, k128x160, 0.94},
      {"C1: 320 to 320", {32768, 320, 9 * 320}, k80x160, k128x160, 0.94},
      {"C1: 960 to 320", {32768, 320, 9 * 960}, k80x160, k128x160, 0.94},
      {"C2: 640 to 640", {8192, 640, 9 * 640}, k128x128, k128x160, 0.94},
      {"C2: 1920 to 640", {8192, 640, 9 * 1920}, k128x128, k128x160, 0.94},
      {"C3: 1280 to 1280", {2048, 1280, 9 * 1280}, k80x160, k128x160, 0.94},
      {"C3: 2560 to 1280", {2048, 1280, 9 * 2560}, k80x160, k128x160, 0.94},
      {"C4: down 320", {8192, 320, 9 * 320}, k80x160, k128x160, 0.94},
      {"C4: down 640", {2048, 640, 9 * 640}, k80x160, k80x160, 0.94},
      {"C4: up 1280", {2048, 1280, 4 * 1280, 4}, k128x128, k128x160, 0.94},
      {"C4: up 640", {8192, 640, 4 * 640, 4}, k128x128, k128x160, 0.94},
  };
  for (const auto& [what, product, on_108, on_132, least_share] : cases) {
    INFO(what);
    const auto& [rows, cols, k, parts] = product;
    CHECK(GemmTiles::best(product, 108) == on_108);
    CHECK(GemmTiles::best(product, 132) == on_132);
    int64_t cycles = 0;
    GemmTiles::with(on_108, [&, size = product]<class Tile>() { cycles = cycles_of<Tile>(size, 108); });
    const double tensor_cores = double(rows) / 16 * double(cols) / 8 * double(k) / 16 * double(parts) * 8 / 4 / 108;
    CHECK(tensor_cores / double(cycles) >= least_share);
  }
}

namespace {

// Calls f() with a card on which each tile of the list is taken, and holds both ops to the same bits on all.
template <class List, class F>
void for_each_tile(const Linear& linear, const GatedLinear& gated, const int (&multiprocessors)[List::count], F&& f) {
  const ProductSize product{.rows = linear.x.rows(), .cols = linear.y.cols(), .k = linear.x.cols()};
  std::vector<std::vector<double>> of_linear, of_gated;
  for (int tile = 0; tile < List::count; ++tile) {
    INFO("tile " << tile);
    simt::multiprocessors = multiprocessors[tile];
    CHECK(List::best(product, simt::multiprocessors) == tile);
    f();
    of_linear.push_back(oracle::result(*make_cuda_backend(), linear));
    of_gated.push_back(oracle::result(*make_cuda_backend(), gated));
    CHECK(of_linear.back() == of_linear[0]);
    CHECK(of_gated.back() == of_gated[0]);
  }
  simt::multiprocessors = 108;
}

}  // namespace

TEST_CASE("Every tile of Linear and GatedLinear gives the same bits", "[simt][ops]") {
  for (DType type : {DType::f16, DType::bf16}) {
    Inputs in(9);
    const int64_t rows = 100, n = 264, k = 72;
    const Tensor x = in.normal(type, {rows, k}), w = in.normal(type, {n, k}), bias = in.normal(DType::f32, {n});
    const Linear linear{.y = in.uninitialized(type, {rows, n}), .x = x, .w = w, .bias = bias};
    const GatedLinear gated{.y = in.uninitialized(type, {rows, n / 2}), .x = x, .w = w, .bias = bias};
    INFO(name_of(type));
    for_each_tile<GemmTiles>(linear, gated, kMultiprocessorsOfTiles, [&] {
      expect_matches_oracle_however_run(linear, linear_tolerance(type, k));
      expect_matches_oracle_however_run(gated, linear_tolerance(type, k));
    });
  }
}

TEST_CASE("Every tile of Conv2d gives the same bits", "[simt][ops]") {
  for (DType type : {DType::f16, DType::bf16}) {
    Inputs in(9);
    const int64_t out_c = 264, in_c = 8;
    const Conv2d op{.y = in.uninitialized(type, {1, 10, 11, out_c}),
                    .x = in.normal(type, {1, 10, 11, in_c}),
                    .w = in.normal(type, {out_c, in_c, 3, 3}),
                    .bias = in.normal(DType::f32, {out_c}),
                    .pad_begin = 1,
                    .pad_end = 1};
    std::vector<std::vector<double>> results;
    for (int tile = k16x64; tile <= k80x160; ++tile) {
      INFO(name_of(type) << ", tile " << tile);
      simt::multiprocessors = kMultiprocessorsOfTiles[tile];
      CHECK(GemmTiles::best({10 * 11, out_c, in_c * 9}, simt::multiprocessors) == tile);
      expect_matches_oracle_however_run(op, conv2d_tolerance(type, in_c * 9), oracle::Weights::packed);
      results.push_back(oracle::result(*make_cuda_backend(), op));
      CHECK(results.back() == results[0]);
    }
  }
  simt::multiprocessors = 108;
}

TEST_CASE("Conv2d's kernels match the oracle", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const auto run = [&](const Conv2d& op, Tolerance tolerance) {
      expect_matches_oracle_however_run(op, tolerance, oracle::Weights::packed);
      CHECK(oracle::result(*be, op) == oracle::result(*be, op, "y", oracle::Weights::as_they_are));
    };
    for_conv2d_cases(type, run);
    for_doubled_cases(type, run);
  }
}

TEST_CASE("Conv2d's kernels take more pixels and channels than a tile has", "[simt][ops]") {
  struct {
    int64_t n, size, in_c, out_c, kernel;
    int stride, pad_begin, pad_end;
    bool upsample2x;
    int64_t gap;  // in elements: from pixel to pixel of x, and before the first one
    const char* why;
  } cases[] = {
      {2, 9, 40, 136, 3, 1, 1, 1, false, 0, "a wide tile and a bit, taps that begin inside a step"},
      {3, 15, 8, 152, 3, 2, 0, 1, false, 8, "the same with a stride, padding on one side"},
      {1, 12, 72, 264, 1, 1, 0, 0, false, 8, "one tap"},
      {2, 9, 16, 144, 3, 1, 1, 1, true, 0, "doubled"},
      {1, 13, 24, 12, 3, 1, 1, 1, false, 0, "more pixels than a tall tile"},
      {1, 9, 3, 72, 3, 1, 1, 1, false, 0, "a narrow tile and a bit, three channels"},
      {1, 6, 16, 72, 3, 1, 1, 1, false, 4, "the same at odd addresses"},
      {1, 5, 6, 70, 3, 1, 1, 1, true, 0, "the same doubled"},
      {1, 3, 8, 8, 16, 1, 9, 12, false, 0, "the most taps"},
      {1, 3, 1, 8, 15, 1, 9, 12, false, 0, "k ends in a step that goes on for two rows of taps"},
  };
  for (DType type : kFloatTypes)
    for (const auto& c : cases) {
      INFO(name_of(type) << ": " << c.why);
      Inputs in(7);
      const int64_t from = c.upsample2x ? 2 * c.size : c.size;
      const int64_t out = (from + c.pad_begin + c.pad_end - c.kernel) / c.stride + 1;
      const Conv2d op{.y = in.uninitialized(type, {c.n, out, out, c.out_c}),
                      .x = in.normal(type, {c.n, c.size, c.size, c.in_c + c.gap}).slice(3, c.gap, c.in_c + c.gap),
                      .w = in.normal(type, {c.out_c, c.in_c, c.kernel, c.kernel}),
                      .bias = in.normal(DType::f32, {c.out_c}),
                      .residual = in.normal(type, {c.n, out, out, c.out_c}),
                      .stride = c.stride,
                      .pad_begin = c.pad_begin,
                      .pad_end = c.pad_end,
                      .upsample2x = c.upsample2x};
      expect_matches_oracle_however_run(op, conv2d_tolerance(type, c.in_c * c.kernel * c.kernel, c.upsample2x),
                                        oracle::Weights::packed);
    }
}

TEST_CASE("Conv2d's kernels take weights of every format", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes)
    for (const auto& format : kWeightFormats)
      for (const auto& [size, kernel, upsample2x] :
           {std::tuple{int64_t{5}, int64_t{3}, false}, {5, 1, false}, {3, 3, true}}) {
        if (format.block == 0 && type != DType::f32) continue;
        INFO(name_of(type) << ", weights in " << format.name << ", " << kernel << (upsample2x ? ", doubled" : ""));
        Inputs in(8);
        const int64_t out = upsample2x ? 2 * size : size;
        const Conv2d op{.y = in.uninitialized(type, {1, out, out, 24}),
                        .x = in.normal(type, {1, size, size, 64}),
                        .w = in.weight(format.value, {24, 64, kernel, kernel}),
                        .pad_begin = int(kernel / 2),
                        .pad_end = int(kernel / 2),
                        .upsample2x = upsample2x};
        Tolerance tolerance = conv2d_tolerance(type, 64 * kernel * kernel, format.block > 0 || upsample2x);
        if (upsample2x && format.block == 0)
          tolerance.sum += unit_roundoff(format.values);  // packed sums are of w's type
        expect_matches_oracle(*be, op, tolerance);
      }
}

TEST_CASE("A picture of Conv2d has the same bits alone and among others", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for (bool upsample2x : {false, true}) {
      Inputs in(5);
      const Tensor x = in.normal(type, {3, 7, 9, 16}), w = in.normal(type, {24, 16, 3, 3});
      const int64_t h = upsample2x ? 14 : 7, wide = upsample2x ? 18 : 9;
      const auto result = [&](const Tensor& of) {
        return oracle::result(*be, Conv2d{.y = in.uninitialized(type, {of.dim[0], h, wide, 24}),
                                          .x = of,
                                          .w = w,
                                          .pad_begin = 1,
                                          .pad_end = 1,
                                          .upsample2x = upsample2x});
      };
      const auto all = result(x), third = result(x.slice(0, 2, 3));
      CHECK(third == std::vector<double>(all.end() - h * wide * 24, all.end()));
    }
  }
}

TEST_CASE("CudaBackend packs the weights of convolutions in their blocks, and takes rows of them", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (const WeightFormat format : {WeightFormat::f32, WeightFormat::f16, WeightFormat::bf16})
    for (const int64_t n : {1, 17})
      for (const int64_t k : {3, 32}) {
        expect_fills_its_block(*be, format, {n, k, 3, 3}, WeightUse::conv);
        expect_fills_its_block(*be, format, {n, k, 1, 1}, WeightUse::conv);
        expect_fills_its_block(*be, format, {n, k, 3, 3}, WeightUse::upsample_conv);
      }
  Inputs in(6);
  const Weight w(in.normal(DType::f32, {80, 8, 3, 3}));
  const Tensor x = in.normal(DType::f32, {1, 4, 4, 8});
  for (bool upsample2x : {false, true}) {
    const int64_t size = upsample2x ? 8 : 4;
    Conv2d op{.y = in.uninitialized(DType::f32, {1, size, size, 16}),
              .x = x,
              .w = w.rows(64, 80),
              .pad_begin = 1,
              .pad_end = 1,
              .upsample2x = upsample2x};
    const auto expected = oracle::result(*be, op, "y", oracle::Weights::as_they_are);
    const oracle::Packed packed(*be, w, op.weight_use());
    Arena arena(*be, 1 << 14);
    op.w = packed.weight().rows(64, 80), op.x = arena.make(DType::f32, {1, 4, 4, 8});
    be->upload(op.x, x.data);
    const Tensor y = std::exchange(op.y, arena.like(op.y));
    be->run(op);
    be->download(y.data, op.y);
    CHECK(oracle::read(y) == expected);
  }
}

namespace {

// What a block of memory with a packed weight says that row `row`, number `k` of the weight is.
double number_in_panels(const std::vector<unsigned char>& block, const BlockPanels& panels, int64_t rows, int64_t row,
                        int64_t k) {
  const bool is_gate = panels.gate && row >= rows / 2;
  const int64_t value_row = is_gate ? row - rows / 2 : row, height = panels.gate ? 8 : 16;
  const int64_t panel = value_row / height, in_panel = value_row % height + (is_gate ? 8 : 0);
  const int64_t half = in_panel / 8, lane = in_panel % 8 * 4 + k % 32 / 8, at_lane = k % 8, of_k = k / 32;
  const int64_t scale_at = panels.value_bytes() + (panel * panels.blocks + of_k) * 32 + in_panel % 8 * 4 + half * 2;
  const double scale = oracle::get(DType::f16, &block[size_t(scale_at)]);
  if (!panels.is_q4) {
    const int64_t at = (panel * panels.blocks + of_k) * 512 + lane * 16 + half * 8 + at_lane;
    return scale * double(static_cast<signed char>(block[size_t(at)]));
  }
  const int64_t at = (panel * panels.blocks / 2 + of_k / 2) * 512 + lane * 16 + (of_k % 2 * 2 + half) * 4;
  uint32_t word;
  std::memcpy(&word, &block[size_t(at)], 4);
  return scale * double(int(word >> (at_lane / 2 * 4 + at_lane % 2 * 16) & 15) - 8);
}

}  // namespace

TEST_CASE("CudaBackend packs weights in blocks as panels, number by number", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4})
    for (const WeightUse use : {WeightUse::linear, WeightUse::gated_linear})
      for (const auto& [n, k] : {std::pair{int64_t{48}, int64_t{128}}, {2, 32}, {40, 96}, {144, 64}}) {
        expect_fills_its_block(*be, format, {n, k}, use);
        Inputs in(1);
        const Weight w = in.weight(format, {n, k});
        const oracle::Packed packed(*be, w, use);
        const auto* made = dynamic_cast<const PackedBlocks*>(packed.weight().packed);
        REQUIRE(made);
        CHECK(made->rows == n);
        std::vector<unsigned char> block(size_t(made->panels.bytes()));
        be->download(block.data(), Tensor(packed.weight().values.data, DType::u8, {int64_t(block.size())}));
        std::vector<double> numbers;
        for (int64_t row = 0; row < n; ++row)
          for (int64_t i = 0; i < k; ++i) numbers.push_back(number_in_panels(block, made->panels, n, row, i));
        INFO(w.str() << (use == WeightUse::linear ? "" : " with gates"));
        CHECK(numbers == oracle::read(w));
      }
  // Whole panels and pieces: not a byte more than it is stored in.
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4}) {
    const int64_t dims[] = {4096, 11008};
    const Weight w(nullptr, format, dims, 2);
    CHECK(be->packed_bytes(w, WeightUse::linear) == w.bytes());
    CHECK(double(w.bytes()) == bits_of(format) / 8 * 4096 * 11008);
  }
}

TEST_CASE("GatedLinear's kernels match the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_gated_linear_cases(type, [&](const GatedLinear& op, int64_t k) {
      expect_matches_oracle_however_run(op, linear_tolerance(type, k));
    });
  }
}

TEST_CASE("GatedLinear's kernels take sizes and rows of any alignment", "[simt][ops]") {
  for (DType type : kFloatTypes)
    for (auto [rows, k, n, gap] : {std::tuple{17, 33, 33, 0}, {40, 64, 67, 5}, {130, 40, 65, 7}, {3, 1, 1, 0}}) {
      INFO(name_of(type) << ", " << rows << " x " << k << " x " << n);
      Inputs in(5);
      const GatedLinear op{.y = in.uninitialized(type, {rows, n + gap}).slice(1, 0, n),
                           .x = in.normal(type, {rows, k}),
                           .w = in.normal(type, {2 * n, k}),
                           .bias = in.normal(DType::f32, {2 * n}),
                           .act = Activation::gelu};
      expect_matches_oracle_however_run(op, linear_tolerance(type, k));
    }
}

namespace {

constexpr WeightFormat kBlockFormats[] = {WeightFormat::q8, WeightFormat::q4};

// The Error lines of linear_gemv_blocks.cu and linear_blocks.cu: only of more rows than 8 is a weight rounded.
Tolerance blocks_tolerance(DType type, int64_t rows, int64_t k) {
  Tolerance tolerance = linear_tolerance(type, k);
  if (rows > 8) tolerance.sum += unit_roundoff(type);
  return tolerance;
}

// f(type, format) for what products take.
template <class F>
void for_block_types(F&& f) {
  for (const DType type : {DType::f16, DType::bf16})
    for (const WeightFormat format : kBlockFormats) {
      INFO(name_of(type) << " by " << name_of(format));
      f(type, format);
    }
}

}  // namespace

TEST_CASE("Linear's kernels take weights in blocks", "[simt][ops]") {
  struct {
    int64_t rows, k, n, gap;
    const char* why;
  } cases[] = {
      {1, 256, 88, 0, "nano decode"},
      {8, 2080, 24, 0, "more than a turn of all warps, and a bit"},
      {3, 32, 1, 0, "one block, one column"},
      {5, 96, 40, 3, "an odd number of blocks; x at odd addresses"},
      {17, 96, 72, 0, "a narrow tile and a bit"},
      {13, 64, 40, 3, "element by element"},
      {65, 160, 104, 0, "edges in rows and columns"},
      {130, 64, 264, 0, "more rows than one block of any kernel"},
      {9, 0, 16, 0, "an empty sum"},
      {2, 0, 16, 0, "the same of few rows"},
  };
  for_block_types([&](DType type, WeightFormat format) {
    for (const auto& [rows, k, n, gap, why] : cases) {
      INFO(why);
      Inputs in(5);
      const Linear op{.y = in.uninitialized(type, {rows, n + gap}).slice(1, 0, n),
                      .x = in.normal(type, {rows, k + gap}).slice(1, 0, k),
                      .w = in.weight(format, {n, k}),
                      .bias = in.normal(DType::f32, {n}),
                      .residual = in.normal(type, {rows, n + gap}).slice(1, 0, n),
                      .act = Activation::gelu};
      expect_matches_oracle_however_run(op, blocks_tolerance(type, rows, k), oracle::Weights::packed);
      CHECK(oracle::result(*make_cuda_backend(), op) ==
            oracle::result(*make_cuda_backend(), op, "y", oracle::Weights::as_they_are));
    }
  });
}

namespace {

// What GatedLinear without an activation is by Linear's sums, of as many rows: values times gates, rounded once.
std::vector<double> gated_by_linear(Backend& be, Inputs& in, const GatedLinear& op) {
  const int64_t rows = op.y.rows(), n = op.y.cols();
  const auto sums = oracle::result(
      be, Linear{.y = in.uninitialized(DType::f32, {rows, 2 * n}), .x = op.x, .w = op.w, .bias = op.bias});
  std::vector<double> products;
  for (size_t row = 0; row < size_t(rows); ++row)
    for (size_t i = 0; i < size_t(n); ++i) {
      const size_t at = row * 2 * size_t(n) + i;
      products.push_back(double(float(sums[at]) * float(sums[at + size_t(n)])));
    }
  return oracle::result(
      be, Convert{.y = in.uninitialized(op.y.dtype, {rows, n}), .x = in.values(DType::f32, {rows, n}, products)});
}

}  // namespace

TEST_CASE("GatedLinear's kernels take weights in blocks, and have the bits of Linear and a gate", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for_block_types([&](DType type, WeightFormat format) {
    for (const auto& [rows, k, n] : {std::tuple{1, 288, 44}, {7, 32, 3}, {33, 96, 104}, {70, 64, 88}}) {
      INFO(rows << " x " << k << " x " << n);
      Inputs in(6);
      const Tensor x = in.normal(type, {rows, k}), b = in.normal(DType::f32, {2 * n});
      const Weight w = in.weight(format, {2 * n, k});
      const GatedLinear op{.y = in.uninitialized(type, {rows, n}), .x = x, .w = w, .bias = b};
      expect_matches_oracle_however_run(op, blocks_tolerance(type, rows, k), oracle::Weights::packed);
      GatedLinear plain = op;
      plain.act = Activation::none;
      CHECK(oracle::result(*be, plain) == gated_by_linear(*be, in, plain));
    }
  });
}

TEST_CASE("A row has the same bits among the rows of its class where weights are in blocks", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for_block_types([&](DType type, WeightFormat format) {
    Inputs in(6);
    const int64_t k = 288, n = 40;
    const Tensor x = in.normal(type, {70, k});
    const Weight w = in.weight(format, {n, k});
    const auto part = [&](int64_t begin, int64_t end) {
      return oracle::result(*be,
                            Linear{.y = in.uninitialized(type, {end - begin, n}), .x = x.slice(0, begin, end), .w = w});
    };
    const auto many = part(0, 70), few = part(62, 70);
    CHECK(part(61, 70) == std::vector<double>(many.begin() + 61 * n, many.end()));
    CHECK(part(11, 44) == std::vector<double>(many.begin() + 11 * n, many.begin() + 44 * n));
    CHECK(part(69, 70) == std::vector<double>(few.begin() + 7 * n, few.end()));
    CHECK(part(63, 66) == std::vector<double>(few.begin() + n, few.begin() + 4 * n));
  });
}

TEST_CASE("Every tile of products by weights in blocks gives the same bits", "[simt][ops]") {
  constexpr int kMultiprocessors[] = {9, 10, 3, 4};  // on which each of BlockTiles is taken
  for_block_types([&](DType type, WeightFormat format) {
    Inputs in(9);
    const int64_t rows = 100, n = 264, k = 96;
    const Tensor x = in.normal(type, {rows, k}), bias = in.normal(DType::f32, {n});
    const Weight w = in.weight(format, {n, k});
    const Linear linear{.y = in.uninitialized(type, {rows, n}), .x = x, .w = w, .bias = bias};
    const GatedLinear gated{.y = in.uninitialized(type, {rows, n / 2}), .x = x, .w = w, .bias = bias};
    for_each_tile<BlockTiles>(linear, gated, kMultiprocessors, [&] {
      expect_matches_oracle_however_run(linear, blocks_tolerance(type, rows, k), oracle::Weights::packed);
    });
  });
}

TEST_CASE("Linear reads some rows of a weight in panels, and says what it does not take", "[simt][ops]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  for (const WeightFormat format : kBlockFormats) {
    const Weight w = in.weight(format, {200, 96});
    const oracle::Packed packed(*be, w, WeightUse::linear), gated(*be, w, WeightUse::gated_linear);
    Arena arena(*be, 1 << 16);
    const Tensor x = in.normal(DType::f16, {9, 96}), on_card = arena.like(x);
    be->upload(on_card, x.data);
    for (const auto& [rows, begin, end] : {std::tuple{1, 64, 128}, {9, 128, 200}, {9, 0, 7}, {3, 192, 200}}) {
      INFO(name_of(format) << " rows " << begin << " to " << end);
      const Tensor y = in.uninitialized(DType::f16, {rows, end - begin}), there = arena.like(y);
      const Linear here{.y = y, .x = x.slice(0, 0, rows), .w = w.rows(begin, end)};
      be->run(Linear{.y = there, .x = on_card.slice(0, 0, rows), .w = packed.weight().rows(begin, end)});
      be->download(y.data, there);
      CHECK(oracle::read(y) == oracle::result(*be, here, "y", oracle::Weights::as_they_are));
    }
    const Tensor y = arena.make(DType::f16, {1, 64}), one = on_card.slice(0, 0, 1);
    CHECK(error_of([&] { be->run(Linear{.y = y, .x = one, .w = gated.weight().rows(0, 64)}); }, ErrorKind::failed) ==
          "Linear: w is packed, but not for this product in CUDA");
    const GatedLinear some{.y = arena.make(DType::f16, {1, 32}), .x = one, .w = gated.weight().rows(0, 64)};
    CHECK(error_of([&] { be->run(some); }, ErrorKind::failed) ==
          "GatedLinear: w is some rows of a packed weight, " + some.w.str() + ", whose gates lie beside its values");
    const Linear wide{
        .y = arena.make(DType::f32, {1, 200}), .x = arena.make(DType::f32, {1, 96}), .w = packed.weight()};
    CHECK(error_of([&] { be->run(wide); }, ErrorKind::failed) ==
          "Linear: w is " + wide.w.str() + " beside x in f32, the CUDA backend wants f16 or bf16 there");
  }
}

// Its sums are those of Linear, of as many rows.
TEST_CASE("GatedLinear's kernels have the bits of Linear and a gate", "[simt][ops]") {
  const auto be = make_cuda_backend();
  const int64_t n = 40, k = 304;
  for (DType type : kFloatTypes)
    for (auto [begin, end] : {std::pair{0, 70}, {69, 70}, {3, 11}, {11, 43}, {11, 44}}) {
      INFO(name_of(type) << ", rows " << begin << " to " << end);
      Inputs in(6);
      const int64_t rows = end - begin;
      const Tensor x = in.normal(type, {70, k}).slice(0, begin, end), w = in.normal(type, {2 * n, k});
      const Tensor b = in.normal(DType::f32, {2 * n});
      const GatedLinear op{.y = in.uninitialized(type, {rows, n}), .x = x, .w = w, .bias = b, .act = Activation::none};
      CHECK(oracle::result(*be, op) == gated_by_linear(*be, in, op));
    }
}

namespace {

// What finish_product() makes of tensors in host memory.
std::vector<double> finished(Backend& be, const UnfinishedProduct& op) {
  oracle::Transfer transfer(be);
  UnfinishedProduct there = op;
  for (Tensor UnfinishedProduct::*t :
       {&UnfinishedProduct::y, &UnfinishedProduct::product, &UnfinishedProduct::bias, &UnfinishedProduct::residual})
    if (op.*t) there.*t = transfer.there(op.*t);
  be.finish();  // it has a stream of its own
  finish_product(there, {});
  be.finish();
  transfer.fetch();
  CHECK(transfer.damage({op.y}) == "");
  return oracle::read(transfer.fetched(op.y));
}

// A product with the identity is its left side: Linear's oracle then knows the rest.
Tensor identity(Inputs& in, DType type, int64_t size) {
  std::vector<double> values(size_t(size * size), 0);
  for (int64_t i = 0; i < size; ++i) values[size_t(i * size + i)] = 1;
  return in.values(type, {size, size}, values);
}

}  // namespace

namespace {

struct Rounded {
  std::vector<int8_t> values;
  std::vector<float> scales;  // [row][block]
};

Rounded rounded(Backend& be, const Tensor& x) {
  const int64_t rows = x.rows(), k = x.cols(), blocks = k / kWeightBlock;
  oracle::Transfer transfer(be);
  const Tensor there = transfer.there(x);
  const int64_t bytes = Int8Rows::bytes(rows, k);
  const auto release = [&](void* p) { be.release(p); };
  const std::unique_ptr<void, decltype(release)> memory(be.allocate(bytes), release);  // given back if this throws
  const Tensor block(memory.get(), DType::u8, {bytes});
  be.finish();  // it has a stream of its own
  round_int8(there, {block.data, rows, k}, {});
  be.finish();
  std::vector<unsigned char> seen(size_t(block.bytes()));
  be.download(seen.data(), block);
  const Int8Rows here(seen.data(), rows, k);
  Rounded out = {{here.values, here.values + rows * k}, {}};
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t b = 0; b < blocks; ++b) out.scales.push_back(here.scales[b * here.stride + row]);
  return out;
}

// src/cpu/simd/kernels.h, in words. A double holds the product of two floats.
Rounded rounded_by_definition(const Tensor& x) {
  const std::vector<double> numbers = oracle::read(x);
  Rounded out;
  for (size_t begin = 0; begin < numbers.size(); begin += 32) {
    float largest = 0;
    bool finite = true;
    for (size_t i = begin; i < begin + 32; ++i)
      largest = std::fmax(largest, std::fabs(float(numbers[i]))), finite &= std::isfinite(numbers[i]);
    const bool counts = finite && largest >= 0x1p-100f;
    const float to_integers = counts ? 127 / largest : 0;
    for (size_t i = begin; i < begin + 32; ++i)
      out.values.push_back(int8_t(counts ? std::nearbyint(numbers[i] * double(to_integers)) : 0));
    out.scales.push_back(!finite ? NAN : counts ? largest / 127 : 0);
  }
  return out;
}

}  // namespace

TEST_CASE("Rows are rounded to int8 as the CPU rounds them", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : {DType::f16, DType::bf16})
    for (const int64_t first : {0, 8, 1}) {  // the last: no row starts at 16 bytes
      INFO(name_of(type) << " from column " << first);
      Inputs in(9);
      const Tensor x = in.normal(type, {11, 168}).slice(1, first, first + 160);
      std::vector<double> numbers = oracle::read(x);
      for (size_t i = 0; i < numbers.size(); ++i) numbers[i] *= std::exp2(int(i / 32 % 13) - 6);
      const auto set = [&](size_t row, size_t block, const std::vector<double>& to) {
        for (size_t i = 0; i < 32; ++i) numbers[row * 160 + block * 32 + i] = to[i % to.size()];
      };
      set(1, 0, {0, -0.0}), set(1, 1, {127, 0.5, 1.5, -2.5, 126.5, -126.5}), set(1, 4, {65504, -65504, 1e-7});
      set(10, 1, {1, 2, INFINITY}), set(10, 2, {-1, NAN}), set(10, 3, {-INFINITY});
      if (type == DType::bf16) set(2, 1, {0x1p-100, 0x1p-101}), set(2, 2, {0x1.fep-101}), set(2, 3, {3e38, 1e30});
      oracle::write(x, numbers);
      const Rounded expected = rounded_by_definition(x);
      simt::under_each_schedule([&] {
        const Rounded got = rounded(*be, x);
        CHECK(got.values == expected.values);
        for (size_t i = 0; i < expected.scales.size(); ++i) {
          INFO("block " << i);
          const bool is_nan = std::isnan(expected.scales[i]);
          REQUIRE((is_nan ? std::isnan(got.scales[i]) : got.scales[i] == expected.scales[i]));
        }
      });
    }
  Inputs in(1);
  CHECK(error_of(
            [&] {
              rounded(*be, in.normal(DType::f32, {1, 32}));
            },
            ErrorKind::failed) == "round_int8: x is f32(1, 32), expected f16 or bf16");
}

namespace {

std::unique_ptr<Backend> make_int8_backend() {
  return make_cuda_backend(0, false, Kernels::automatic, Products::int8);
}

// The oracle is asked about the rows as they are rounded.
template <class Op>
void expect_int8(Inputs& in, const Op& op) {
  const auto be = make_int8_backend();
  Op rounded = op;
  rounded.x = in.uninitialized(DType::f32, {op.x.rows(), op.x.cols()});
  oracle::write(rounded.x, oracle::rounded_to_int8(op.x));
  expect_however_run(*be, op, oracle::oracle(rounded), linear_tolerance(op.y.dtype, op.x.cols()),
                     oracle::Weights::packed);
}

}  // namespace

TEST_CASE("Linear's kernel in products of int8 matches the oracle of rounded rows", "[simt][ops]") {
  struct {
    int64_t rows, k, n;
    const char* why;
  } cases[] = {{1, 32, 4, "half of a step"},
               {64, 96, 128, "a tile, and a step that is not whole"},
               {130, 320, 132, "edges in rows and columns, and as many steps as the ring has, and one"},
               {5, 64, 7, "columns that are no fours"},
               {0, 64, 64, "no rows"}};
  for (DType type : {DType::f16, DType::bf16})
    for (const auto& [rows, k, n, why] : cases) {
      INFO(name_of(type) << " " << rows << " x " << k << " x " << n << ": " << why);
      Inputs in(1);
      expect_int8(in, Linear{.y = in.uninitialized(type, {rows, n}),
                             .x = in.normal(type, {rows, k}),
                             .w = in.weight(WeightFormat::q8, {n, k}),
                             .bias = in.normal(DType::f32, {n}),
                             .residual = in.normal(type, {rows, n}),
                             .act = Activation::gelu});
    }
  INFO("into f32, from parts of wider rows");
  Inputs in(2);
  expect_int8(in, Linear{.y = in.uninitialized(DType::f32, {9, 72}),
                         .x = in.normal(DType::f16, {9, 72}).slice(1, 4, 68),
                         .w = in.weight(WeightFormat::q8, {72, 64})});
}

TEST_CASE("GatedLinear's kernel in products of int8 matches the oracle of rounded rows", "[simt][ops]") {
  for (const auto& [rows, k, n] : {std::tuple{70, 96, 64}, {3, 64, 100}, {130, 32, 68}}) {
    INFO(rows << " x " << k << " x " << n);
    Inputs in(3);
    expect_int8(in, GatedLinear{.y = in.uninitialized(DType::f16, {rows, n}),
                                .x = in.normal(DType::f16, {rows, k}),
                                .w = in.weight(WeightFormat::q8, {2 * n, k}),
                                .bias = in.normal(DType::f32, {2 * n}),
                                .act = Activation::gelu});
  }
  Inputs in(4);
  CHECK(error_of(
            [&] {
              expect_int8(in, GatedLinear{.y = in.uninitialized(DType::f16, {1, 6}),
                                          .x = in.normal(DType::f16, {1, 32}),
                                          .w = in.weight(WeightFormat::q8, {12, 32}),
                                          .act = Activation::silu});
            },
            ErrorKind::failed) == "GatedLinear: y is f16(1, 6), products in int8 want columns by four");
}

TEST_CASE("A row's products of int8 have its bits among any rows, in each tile", "[simt][ops]") {
  const auto be = make_int8_backend();
  Inputs in(5);
  const Tensor x = in.normal(DType::f16, {140, 128});
  const oracle::Packed w(*be, in.weight(WeightFormat::q8, {192, 128}), WeightUse::linear);
  const auto y_of = [&](int64_t begin, int64_t end, int64_t from_column, int multiprocessors) {
    const int before = std::exchange(simt::multiprocessors, multiprocessors);
    oracle::Transfer transfer(*be);
    const Tensor y = in.uninitialized(DType::f32, {end - begin, 192 - from_column});
    be->run(Linear{
        .y = transfer.there(y), .x = transfer.there(x.slice(0, begin, end)), .w = w.weight().rows(from_column, 192)});
    transfer.fetch();
    simt::multiprocessors = before;
    return oracle::read(transfer.fetched(y));
  };
  const std::vector<double> all = y_of(0, 140, 0, 1);
  CHECK(y_of(0, 140, 0, 108) == all);
  const std::vector<double> few = y_of(131, 134, 64, 108);
  for (size_t i = 0; i < few.size(); ++i) REQUIRE(few[i] == all[(131 + i / 128) * 192 + 64 + i % 128]);
}

TEST_CASE("A number that is not finite is in all of its row's products of int8, and in no other's", "[simt][ops]") {
  const auto be = make_int8_backend();
  Inputs in(6);
  const Tensor x = in.normal(DType::f16, {3, 96}), y = in.uninitialized(DType::f32, {3, 8});
  std::vector<double> numbers = oracle::read(x);
  numbers[96 + 40] = -INFINITY;
  oracle::write(x, numbers);
  oracle::run_copy(*be, Linear{.y = y, .x = x, .w = in.weight(WeightFormat::q8, {8, 96})}, oracle::Weights::packed,
                   [&](const oracle::Transfer& transfer) {
                     const std::vector<double> got = oracle::read(transfer.fetched(y));
                     for (size_t i = 0; i < got.size(); ++i) CHECK(std::isnan(got[i]) == (i / 8 == 1));
                   });
}

TEST_CASE("Weights for products of int8 take what was said", "[simt]") {
  const auto be = make_int8_backend();
  expect_fills_its_block(*be, WeightFormat::q8, {68, 96}, WeightUse::linear);
  expect_fills_its_block(*be, WeightFormat::q8, {128, 64}, WeightUse::gated_linear);
}

TEST_CASE("What ends a library's product matches the oracle", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes)
    for (const auto& [rows, cols, gap, act] : {std::tuple{int64_t{33}, int64_t{72}, int64_t{0}, Activation::gelu},
                                               {5, 67, 5, Activation::silu},
                                               {1, 3, 1, Activation::none}}) {
      INFO(name_of(type) << ", " << rows << " x " << cols << " beside " << gap);
      Inputs in(8);
      const Tensor both = in.normal(type, {rows, 2 * cols}), bias = in.normal(DType::f32, {2 * cols});
      const Tensor product = in.normal(type, {rows, cols});
      const Linear linear{.y = in.uninitialized(type, {rows, cols + gap}).slice(1, 0, cols),
                          .x = product,
                          .w = identity(in, type, cols),
                          .bias = bias.slice(0, 0, cols),
                          .residual = in.normal(type, {rows, cols + gap}).slice(1, gap, cols + gap),
                          .act = act};
      const auto expect = [&](const auto& op, const UnfinishedProduct& unfinished) {
        simt::under_each_schedule([&] {
          const Tensor y = in.values(type, {rows, cols}, finished(*be, unfinished));
          CHECK(oracle::compare("y", y, oracle::oracle(op).at("y"), linear_tolerance(type, 1)) == "");
        });
      };
      expect(linear, {.y = linear.y, .product = product, .bias = linear.bias, .residual = linear.residual, .act = act});
      const GatedLinear gated{.y = linear.y, .x = both, .w = identity(in, type, 2 * cols), .bias = bias, .act = act};
      expect(gated, {.y = gated.y, .product = both, .bias = bias, .act = act, .has_gate = true});
    }
}

TEST_CASE("What ends a library's convolution goes to the pixels of a view", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    Inputs in(9);
    const Tensor product = in.normal(type, {2, 3, 5, 12});
    const Tensor y = in.uninitialized(type, {2, 4, 7, 20}).slice(1, 1, 4).slice(2, 1, 6).slice(3, 4, 16);
    const Tensor residual = in.normal(type, {2, 3, 6, 16}).slice(2, 0, 5).slice(3, 0, 12);
    Tensor w = identity(in, type, 12);
    w = w.reshape({12, 12, 1, 1});
    const Conv2d op{.y = y, .x = product, .w = w, .bias = in.normal(DType::f32, {12}), .residual = residual};
    const Tensor made = in.values(type, {2, 3, 5, 12},
                                  finished(*be, {.y = y, .product = product, .bias = op.bias, .residual = residual}));
    CHECK(oracle::compare("y", made, oracle::oracle(op).at("y"), conv2d_tolerance(type, 1)) == "");
  }
}

namespace {

// The Error lines of attention.cu and attention_f32.cu.
Tolerance attention_tolerance(const Attention& op) {
  const double rounding = op.y.dtype == DType::f32 ? 0 : unit_roundoff(op.y.dtype);
  const double f32 = 0x1p-23 * (std::sqrt(double(op.k.dim[3])) + std::sqrt(double(op.k.dim[1])) + 8);
  return {.rel = rounding, .sum = rounding + f32, .abs = smallest(op.y.dtype)};
}

}  // namespace

TEST_CASE("Attention's kernels match the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_attention_cases(type, [](const Attention& op) {
      expect_matches_oracle_however_run(op, attention_tolerance(op));
      if (op.q.dim[3] <= 128) return;
      INFO("99 KiB of shared memory");
      const simt::OnCard on(89);
      expect_matches_oracle_however_run(op, attention_tolerance(op));
    });
  }
}

TEST_CASE("Attention's kernels take vectors of any alignment", "[simt][ops]") {
  struct {
    int64_t dim, gap;
    const char* why;
  } cases[] = {{24, 3, "whole chunks at odd addresses"},
               {37, 3, "aligned vectors that end inside a chunk"},
               {37, 0, "neither"},
               {143, 1, "aligned, a wide head"},
               {201, 0, "neither, a wide head"}};
  for (DType type : kFloatTypes)
    for (auto [dim, gap, why] : cases) {
      INFO(name_of(type) << ", " << dim << ": " << why);
      Inputs in(2);
      const auto vectors = [&, dim = dim, gap = gap](int64_t tokens) {
        return in.normal(type, {1, tokens, 2, dim + gap}).slice(3, 0, dim);
      };
      const Attention op{.y = in.uninitialized(type, {1, 19, 2, dim + gap}).slice(3, 0, dim),
                         .q = vectors(19),
                         .k = vectors(67),
                         .v = vectors(67),
                         .scale = 0.3f};
      expect_matches_oracle_however_run(op, attention_tolerance(op));
      if (dim <= 128) continue;
      INFO("99 KiB of shared memory");
      const simt::OnCard on(89);
      expect_matches_oracle_however_run(op, attention_tolerance(op));
    }
}

// Whatever the other queries and pictures, the strides, the tile that a head is padded to, and the card.
TEST_CASE("A query of Attention has the same bits alone, in a batch, in any alignment", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes)
    for (int64_t dim : {40, 104, 200}) {
      INFO(name_of(type) << ", " << dim);
      Inputs in(6);
      const int64_t queries = 150, keys = 100, heads = 1, vectors = queries * heads * dim;
      const Attention op{.y = in.uninitialized(type, {2, queries, heads, dim}),
                         .q = in.normal(type, {2, queries, heads, dim}),
                         .k = in.normal(type, {2, keys, heads, dim}),
                         .v = in.normal(type, {2, keys, heads, dim}),
                         .scale = 0.2f};
      const auto all = oracle::result(*be, op);
      const auto part = [&](int64_t begin, int64_t end, int64_t gap) {
        return oracle::result(
            *be, Attention{.y = in.uninitialized(type, {1, end - begin, heads, dim + gap}).slice(3, 0, dim),
                           .q = op.q.slice(0, 1, 2).slice(1, begin, end),
                           .k = op.k.slice(0, 1, 2),
                           .v = op.v.slice(0, 1, 2),
                           .scale = op.scale});
      };
      const auto of_all = [&](int64_t begin, int64_t end) {
        return std::vector<double>(all.begin() + vectors + begin * heads * dim,
                                   all.begin() + vectors + end * heads * dim);
      };
      CHECK(part(149, 150, 0) == of_all(149, 150));
      CHECK(part(11, 93, 0) == of_all(11, 93));
      CHECK(part(60, 77, 1) == of_all(60, 77));  // vectors of y at odd addresses
      const simt::OnCard on(89);
      CHECK(oracle::result(*make_cuda_backend(), op) == all);
    }
}

TEST_CASE("Attention passes a NaN on, in every type", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (DType type : kFloatTypes)
    for (int64_t dim : {104, 136}) {
      INFO(name_of(type) << ", " << dim);
      Inputs in(7);
      std::vector<double> k(size_t(40 * dim), 0.5);
      k[size_t(17 * dim + 3)] = NAN;
      const Attention op{.y = in.uninitialized(type, {1, 3, 1, dim}),
                         .q = in.normal(type, {1, 3, 1, dim}),
                         .k = in.values(type, {1, 40, 1, dim}, k),
                         .v = in.normal(type, {1, 40, 1, dim})};
      for (double y : oracle::result(*be, op)) CHECK(std::isnan(y));
    }
}

// The Error lines of elementwise.cu: one rounding in f32, one to the type.
TEST_CASE("Add's kernel matches the oracle, with repeated axes", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const Tolerance tolerance = {.rel = unit_roundoff(type) + (type == DType::f32 ? 0 : 0x1p-24),
                                 .abs = smallest(type)};
    for_add_cases(type, [&](Add op) {
      expect_matches_oracle_however_run(op, tolerance);
      if (type == DType::f32) return;
      Inputs in(7);
      op.b = Tensor(in.normal(DType::f32, {op.b.numel()}).data, DType::f32, op.b.dim, size_t(op.b.rank));
      INFO("b in f32");
      expect_matches_oracle_however_run(op, tolerance);
    });
  }
}

TEST_CASE("Convert's kernel moves bits of any type", "[simt][ops]") {
  for_move_cases([](const Convert& op) { expect_matches_oracle_however_run(op, {}); });
  Inputs in(8);
  INFO("an odd row, and four axes that no view joins");
  expect_matches_oracle_however_run(Convert{.y = in.uninitialized(DType::f16, {7, 5}).slice(1, 1, 4),
                                            .x = in.normal(DType::f16, {9, 3}).slice(0, 2, 9)},
                                    {});
  const Tensor y = in.uninitialized(DType::f32, {2, 4, 4, 4, 12}), x = in.normal(DType::f32, {3, 3, 3, 3, 16});
  expect_matches_oracle_however_run(Convert{.y = y.slice(1, 1, 4).slice(2, 0, 3).slice(3, 1, 3).slice(4, 0, 8),
                                            .x = x.slice(0, 1, 3).slice(2, 0, 3).slice(3, 1, 3).slice(4, 8, 16)},
                                    {});
}

TEST_CASE("Convert's kernel moves numbers that are half a byte", "[simt][ops]") {
  const auto be = make_cuda_backend();
  Arena arena(*be, 1 << 10);
  const std::vector<uint8_t> bytes = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
  const Tensor x = arena.make(DType::i4, {2, 8}), y = arena.make(DType::i4, {2, 8});
  be->upload(x, bytes.data());
  be->run(Convert{.y = y, .x = x});
  std::vector<uint8_t> got(8);
  be->download(got.data(), y);
  CHECK(got == bytes);
}

TEST_CASE("Convert's kernel rounds to the type of y", "[simt][ops]") {
  for_convert_cases([](const Convert& op, Tolerance tolerance) { expect_matches_oracle_however_run(op, tolerance); });
  const auto be = make_cuda_backend();
  for_rounding_cases([&](const Convert& op) { expect_exact_rounding(*be, op); });
}

TEST_CASE("Activate's kernel matches the oracle over the whole range", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const double rounding = type == DType::f32 ? 0 : unit_roundoff(type);
    for_activate_cases(type, [&](const Activate& op) {
      expect_matches_oracle_however_run(
          op, op.act == Activation::gelu
                  ? Tolerance{.rel = rounding, .sum = 0x1p-21, .abs = smallest(type)}
                  : Tolerance{.rel = rounding + 0x1p-21, .abs = std::max(smallest(type), 0x1p-118)});
    });
  }
}

TEST_CASE("ScaleInput's kernel matches the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_scale_input_cases(type, [&](const ScaleInput& op) {
      expect_matches_oracle_however_run(
          op, {.rel = unit_roundoff(type) + (type == DType::f32 ? 0 : 0x1p-24), .abs = smallest(type)});
    });
  }
}

TEST_CASE("Embed's kernel takes rows of the table", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_embed_cases(type, [](const Embed& op) { expect_matches_oracle_however_run(op, {}); });
    Inputs in(9);
    INFO("rows of more than a block, and odd ones");
    expect_matches_oracle_however_run(Embed{.y = in.uninitialized(type, {3, 2304}).slice(1, 0, 2200),
                                            .ids = in.integers({3}, 5),
                                            .table = in.normal(type, {5, 2304}).slice(1, 104, 2304)},
                                      {});
    expect_matches_oracle_however_run(
        Embed{.y = in.uninitialized(type, {3, 77}), .ids = in.integers({3}, 5), .table = in.normal(type, {5, 77})}, {});
  }
}

TEST_CASE("SchedulerStep's kernel matches the oracle", "[simt][ops]") {
  const auto expect = [](const SchedulerStep& op) { expect_matches_oracle_however_run(op, {.sum = 4 * 0x1p-24}); };
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_scheduler_step_cases(type, expect);
  }
  for_unread_history_cases(expect);
}

TEST_CASE("ToPixels' kernel rounds half to even and counts what is not finite", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_to_pixels_cases(type, [](const ToPixels& op) { expect_matches_oracle_however_run(op, {}); });
    Inputs in(10);
    INFO("something to count in every warp of several blocks");
    std::vector<double> values(6000, 0.25);
    for (size_t i = 0; i < values.size(); i += 13) values[i] = i % 2 ? NAN : -INFINITY;
    expect_matches_oracle_however_run(ToPixels{.y = in.uninitialized(DType::u8, {1, 20, 100, 3}),
                                               .x = in.values(type, {1, 20, 100, 3}, values),
                                               .bad = in.uninitialized(DType::i32, {1})},
                                      {});
  }
}

namespace {

// The Error lines of cache_attention.cu and, for more than 8 rows in 16 bits, of cache_attention_flash.cu.
Tolerance cache_attention_tolerance(const CacheAttention& op, int64_t length) {
  const DType type = op.q.dtype;
  const double dim = double(op.q.dim[2]), u = type == DType::f32 ? 0 : unit_roundoff(type);
  const double chains = 0x1p-23 * (std::sqrt(dim) + std::sqrt(double(length)) + 8);
  return {.rel = u, .sum = chains + (op.q.dim[0] > 8 ? u * (1 + 5 / std::sqrt(dim)) : 0), .abs = smallest(type)};
}

}  // namespace

TEST_CASE("CacheAttention's kernels match the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_cache_attention_cases(type, [&](const CacheAttention& op, int64_t length) {
      expect_matches_oracle_however_run(op, cache_attention_tolerance(op, length));
    });
  }
}

TEST_CASE("A row of CacheAttention has the same bits beside any other rows of its class", "[simt][ops]") {
  const auto be = make_cuda_backend();
  const simt::AllowRaces to_save_time;
  for (auto [type, dim] : {std::pair{DType::f32, 40}, {DType::f16, 64}, {DType::bf16, 128}, {DType::f16, 40}}) {
    Inputs in(12);
    const CacheAttention all = cache_attention(in, type, 300, 300, 1, dim);
    fill_cache(all);
    struct {
      int64_t begin, end;
      std::vector<std::pair<int64_t, int64_t>> parts;
    } classes[] = {{130, 138, {{130, 131}, {132, 135}, {131, 138}}},
                   {200, 300, {{200, 209}, {231, 257}, {234, 300}}},
                   {0, 300, {{0, 129}, {100, 300}, {130, 270}}}};
    for (const auto& [begin, end, parts] : classes) {
      const auto expected = oracle::result(*be, chunk_of(in, all, begin, end));
      for (auto [first, last] : parts) {
        INFO(name_of(type) << ", heads of " << dim << ", rows " << first << " to " << last);
        CHECK(oracle::result(*be, chunk_of(in, all, first, last)) ==
              std::vector<double>(expected.begin() + (first - begin) * dim, expected.begin() + (last - begin) * dim));
      }
    }
  }
}

TEST_CASE("CacheAttention makes NaN of a length that its tensors have no room for", "[simt][ops]") {
  const auto be = make_cuda_backend();
  for (int64_t rows : {3, 20})
    for (int64_t ranks : {40, 300})
      for (int64_t length : {int64_t(-5), rows - 1, ranks + 1, int64_t(1) << 30}) {
        INFO(rows << " rows, " << ranks << " ranks, length " << length);
        Inputs in(13);
        CacheAttention op = cache_attention(in, DType::f16, rows, ranks - 4, 1, 32);
        op.length = in.values(DType::i32, {1}, {double(length)});
        for (double y : oracle::result(*be, op)) REQUIRE(std::isnan(y));
        const std::vector<double> before = oracle::read(op.k_cache), after = oracle::result(*be, op, "k_cache");
        for (size_t i = 0; i < before.size(); ++i)
          REQUIRE((before[i] == after[i] || (std::isnan(before[i]) && std::isnan(after[i]))));
      }
}

TEST_CASE("CacheAttention says what it takes, and what it cannot", "[simt][ops]") {
  const auto be = make_cuda_backend();
  Inputs in(14);
  // Bytes for each row, head and chunk: the weighted values, and largest score and sum of the weights.
  for (auto [rows, length, chunks] : {std::tuple{1, 60, 1}, {1, 61, 2}, {8, 700, 11}, {9, 252, 1}, {128, 500, 2}}) {
    const CacheAttention op = cache_attention(in, DType::f16, rows, length, 2, 32);
    CHECK(be->scratch_bytes(&op) == (chunks == 1 ? 0 : rows * 2 * chunks * (32 * 4 + 8)));
  }
  const CacheAttention prompt = cache_attention(in, DType::f16, 129, 129, 1, 8);
  CHECK(be->scratch_bytes(&prompt) == 0);
  const CacheAttention wide = cache_attention(in, DType::f32, 1, 1, 1, 130);
  CHECK(error_of([&] { oracle::result(*be, wide); }, ErrorKind::failed) ==
        "CacheAttention: head_dim is 130, the CUDA kernels have at most 128");
  CacheAttention mixed = cache_attention(in, DType::f32, 1, 5, 2, 32);
  mixed.v_cache = in.normal(DType::f16, {14, 2, 32});
  CHECK(error_of([&] { oracle::result(*be, mixed); }, ErrorKind::failed) ==
        "CacheAttention: v_cache is f16(14, 2, 32), the CUDA kernels have it in f32 as q");
}

TEST_CASE("PickToken's kernel matches the oracle and follows its rules", "[simt][ops]") {
  for_pick_token_cases([](const PickToken& op) { expect_matches_oracle_however_run(op, {}); });
  const auto be = make_cuda_backend();
  for_pick_token_rules([&](const PickToken& op, int id) {
    expect_matches_oracle_however_run(op, {});
    CHECK(oracle::result(*be, op, "id") == std::vector<double>{double(id)});
  });
  INFO("more ids than a thread owns at a time, the first of equals far from the last");
  Inputs in(11);
  std::vector<double> logits(70000, -1);
  for (size_t id : {1500u, 33000u, 66001u}) logits[id] = 5;
  const PickToken equal{.id = in.uninitialized(DType::i32, {1}),
                        .logits = in.values(DType::f32, {1, 70000}, logits),
                        .outside_ids = in.values(DType::i32, {2}, {66001, 1500}),
                        .outside = 4};
  expect_matches_oracle_however_run(equal, {});
  CHECK(oracle::result(*be, equal, "id") == std::vector<double>{33000});
}

// The Error line of token_reductions.cu.
TEST_CASE("The kernels of NormalizeTokens and MeanTokens match the oracle", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for_token_reduction_cases(type, [&](const auto& op) {
      const double sum = (double(op.x.dim[1]) / 8 + 10) * 0x1p-24;
      const double rounding = type == DType::f32 ? 0 : unit_roundoff(type);
      if constexpr (std::is_same_v<std::decay_t<decltype(op)>, MeanTokens>)
        expect_matches_oracle_however_run(op, {.rel = rounding, .sum = sum, .abs = smallest(type)});
      else
        expect_matches_oracle_however_run(op, {.rel = rounding + sum / 2 + 0x1p-23, .abs = smallest(type)});
    });
  }
}

// The Error line of sinusoid.cu; the oracle's magnitude is its factor.
TEST_CASE("Sinusoid's kernel matches the oracle and the published values", "[simt][ops]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const double rounding = type == DType::f32 ? 0 : unit_roundoff(type);
    for_sinusoid_cases(type, [&](const Sinusoid& op) {
      expect_matches_oracle_however_run(op, {.rel = rounding, .sum = 0x1p-22, .abs = 0x1p-22});
    });
  }
  expect_published_sinusoids(*make_cuda_backend());
}

TEST_CASE("CudaBackend says what it cannot do", "[simt]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  const Tensor t = in.uninitialized(DType::f32, {2, 8});
  for (const auto& [format, name] : {std::pair{WeightFormat::q8, "q8"}, {WeightFormat::q4, "q4"}}) {
    const Linear op{.y = in.uninitialized(DType::f32, {2, 8}),
                    .x = in.normal(DType::f32, {2, 64}),
                    .w = in.weight(format, {8, 64})};
    CHECK(error_of([&] { be->run(op); }, ErrorKind::failed) ==
          std::string("Linear: w is ") + name + "(8, 64) beside x in f32, the CUDA backend wants f16 or bf16 there");
  }
  const Conv2d large_kernel{.y = in.uninitialized(DType::f16, {1, 1, 1, 8}),
                            .x = in.normal(DType::f16, {1, 1, 17, 8}),
                            .w = in.normal(DType::f16, {8, 8, 1, 17})};
  CHECK(error_of([&] { oracle::mismatch(*be, large_kernel, {}); }, ErrorKind::failed) ==
        "Conv2d: w is f16(8, 8, 1, 17), the CUDA kernels have up to 16x16 taps");
  const Conv2d huge{.y = Tensor(nullptr, DType::f16, {1, 1 << 15, 1 << 16, 8}),
                    .x = Tensor(nullptr, DType::f16, {1, 1 << 15, 1 << 16, 8}),
                    .w = in.normal(DType::f16, {8, 8, 1, 1})};
  CHECK(error_of([&] { be->run(huge); }, ErrorKind::failed) ==
        "Conv2d: x is f16(1, 32768, 65536, 8), larger than the CUDA kernels count");
  const Weight blocks = in.weight(WeightFormat::q8, {8, 64, 1, 1});
  CHECK(be->packed_bytes(blocks, WeightUse::conv) == blocks.bytes());
  CHECK_FALSE(be->pack(blocks, WeightUse::conv));
  const Tensor q = in.normal(DType::f16, {1, 2, 1, 8}), head = in.normal(DType::f16, {1, 2, 1, 520});
  CHECK(error_of([&] { be->run(Attention{.y = q, .q = q, .k = q, .v = q, .scale = -1}); }, ErrorKind::failed) ==
        "Attention: scale is -1.000000, the CUDA backend wants one above 0");
  CHECK(error_of([&] { be->run(Attention{.y = head, .q = head, .k = head, .v = head}); }, ErrorKind::failed) ==
        "Attention: head_dim is 520, the CUDA backend has at most 512");
  const Tensor large(nullptr, DType::u8, {65537, 32769});
  CHECK(error_of([&] { be->run(Convert{.y = large, .x = large}); }, ErrorKind::failed) ==
        "Convert: 2147581953 pieces are more than the CUDA kernels count");
  CHECK(error_of([&] { be->upload(t.slice(1, 0, 4), t.data); }, ErrorKind::failed) ==
        "CudaBackend: upload of f32(2, 4), which is not contiguous");
}
