#include "ops/cases/linear.h"

#include "cpu/gemm/gemm.h"
#include "ops/kernel_set.h"

using namespace seedstory;

TEST_CASE("Linear matches the oracle", "[ops]") {
  for_linear_cases(DType::f32,
                   [](const Linear& op, int64_t k) { expect_matches_oracle(op, linear_tolerance(DType::f32, k)); });
}

namespace {

void expect_takes_bf16_weights(const KernelSet& set) {
  struct {
    int64_t rows, k, n;
    const char* why;
  } cases[] = {
      {1, 256, 688, "decode"},
      {7, 160, 100, "few rows, a last panel that is not whole"},
      {13, 300, 72, "just enough rows to widen a panel"},
      {130, 520, 264, "blocks in every direction"},
  };
  for (auto [rows, k, n, why] : cases) {
    for (DType compute_type : {DType::f32, DType::bf16}) {
      Tolerance tolerance = linear_tolerance(DType::f32, k);
      // x as the sum of two numbers in bf16, or as one
      if (set.kernels.bf16x2) tolerance.sum += compute_type == DType::f32 ? 0x1p-16 : 0x1p-9;
      INFO(why << ", x may be " << name_of(compute_type));
      Inputs in(1);
      expect_matches_oracle(Linear{.y = in.uninitialized(DType::f32, {rows, n}),
                                   .x = in.normal(DType::f32, {rows, k}),
                                   .w = in.normal(DType::bf16, {n, k}),
                                   .bias = in.normal(DType::f32, {n}),
                                   .compute_type = compute_type},
                            tolerance, set.backends);
    }
  }
}

// A packed weight gives rows from a multiple of Weight::kRowStep on.
void expect_reads_rows(const KernelSet& set) {
  for (const auto& format : kWeightFormats)
    for (auto [begin, end] : {std::pair{0, 200}, {0, 7}, {0, 64}, {64, 128}, {64, 200}, {128, 131}, {192, 200}}) {
      INFO(format.name << " rows " << begin << " to " << end);
      Inputs in(1);
      const Weight w = in.weight(format.value, {200, 64});
      const Tensor x = in.normal(DType::f32, {9, 64});
      const Linear part{.y = in.uninitialized(DType::f32, {9, end - begin}), .x = x, .w = w.rows(begin, end)};
      const auto expected = oracle::result(*set.backends[0], part, "y", oracle::Weights::as_they_are);
      for (const auto& backend : set.backends) {
        const oracle::Packed packed(*backend, w, WeightUse::linear);
        Linear op = part;
        op.w = packed.weight().rows(begin, end);
        backend->run(op);
        CHECK(oracle::read(op.y) == expected);
      }
    }
}

}  // namespace

TEST_CASE("Linear takes bf16 weights beside f32", "[ops]") {
  expect_takes_bf16_weights(best_set());
}

TEST_CASE("Linear computes in bf16 where a machine does", "[ops]") {
  expect_takes_bf16_weights(emulated_bf16_set());
}

TEST_CASE("Linear takes weights of every format beside f32", "[ops]") {
  struct {
    int64_t rows, k, n;
    const char* why;
  } cases[] = {{1, 32, 16, "one block, one panel"},
               {1, 256, 688, "decode"},
               {7, 160, 100, "few rows, a last panel that is not whole"},
               {12, 320, 8, "half a panel"},
               {130, 544, 264, "blocks in every direction"},
               {0, 64, 64, "no rows"}};
  for (const auto& format : kWeightFormats) {
    if (format.value == WeightFormat::bf16) continue;  // which may be computed in bf16
    for (auto [rows, k, n, why] : cases) {
      INFO(format.name << ": " << why);
      Inputs in(1);
      // An integer times its scale is exact in f32.
      expect_product(best_set(),
                     Linear{.y = in.uninitialized(DType::f32, {rows, n}),
                            .x = in.normal(DType::f32, {rows, k}),
                            .w = in.weight(format.value, {n, k}),
                            .bias = in.normal(DType::f32, {n})},
                     linear_tolerance(DType::f32, k));
    }
  }
}

TEST_CASE("Linear reads some rows of a packed weight", "[ops]") {
  expect_reads_rows(best_set());
  Inputs in(1);
  const Weight w = in.normal(DType::f32, {200, 64});
  const oracle::Packed packed(*backends()[0], w, WeightUse::linear);
  CHECK_THROWS_WITH(packed.weight().rows(8, 72),
                    "Weight: rows from 8 on of the packed f32(200, 64), expected a multiple of 64");
}

TEST_CASE("Linear reads some rows of a packed weight in bf16", "[ops]") {
  expect_reads_rows(emulated_bf16_set());
}

TEST_CASE("Linear says what is wrong", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  const Linear good{.y = f32({3, 8}), .x = f32({3, 16}), .w = f32({8, 16}), .bias = f32({8}), .residual = f32({3, 8})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &Linear::x, {}) == "Linear: x is absent, expected (rows, k)");
  CHECK(complaint(good, &Linear::x, f32({16})) == "Linear: x is f32(16), expected (rows, k)");
  CHECK(complaint(good, &Linear::x, in.uninitialized(DType::i32, {3, 16})) ==
        "Linear: x is i32(3, 16), expected f32, f16 or bf16");
  CHECK(complaint(good, &Linear::w, Weight()) == "Linear: w is absent, expected (n, k)");
  CHECK(complaint(good, &Linear::w, Weight(f32({8, 15}))) == "Linear: w is f32(8, 15), expected (8, 16)");
  CHECK(complaint(good, &Linear::w, Weight(in.uninitialized(DType::f16, {8, 16}))) == "");
  CHECK(complaint(good, &Linear::w, Weight(in.uninitialized(DType::bf16, {8, 16}))) == "");
  CHECK(complaint(good, &Linear::w, Weight(in.uninitialized(DType::i32, {8, 16}))) ==
        "Linear: w is i32(8, 16), expected f32, f16, bf16, q8 or q4");
  CHECK(complaint(good, &Linear::y, {}) == "Linear: y is absent, expected f32(3, 8)");
  CHECK(complaint(good, &Linear::y, f32({3, 9})) == "Linear: y is f32(3, 9), expected (3, 8)");
  CHECK(complaint(good, &Linear::bias, f32({7})) == "Linear: bias is f32(7), expected (8)");
  CHECK(complaint(good, &Linear::residual, f32({2, 8})) == "Linear: residual is f32(2, 8), expected (3, 8)");
  Tensor turned = f32({3, 16});
  turned.stride[0] = 1, turned.stride[1] = 3;
  CHECK(complaint(good, &Linear::x, turned) ==
        "Linear: x is f32(3, 16) with stride 3 in its last axis, expected stride 1");
}

TEST_CASE("Linear says what is wrong with blocks", "[ops]") {
  Inputs in(1);
  const Linear good{.y = in.uninitialized(DType::f32, {3, 8}),
                    .x = in.uninitialized(DType::f32, {3, 96}),
                    .w = in.weight(WeightFormat::q8, {8, 96})};
  const auto scales = [&](DType type, std::initializer_list<int64_t> dims) {
    return complaint(good, &Linear::w, Weight(good.w.values, in.uninitialized(type, dims)));
  };
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &Linear::w, in.weight(WeightFormat::q4, {8, 96})) == "");
  CHECK(complaint(good, &Linear::w, in.weight(WeightFormat::q4, {8, 64})) ==
        "Linear: w is i4(8, 64), expected (8, 96)");
  CHECK(complaint(good, &Linear::w, Weight(good.w.values)) == "Linear: w.scales is absent, expected f16(8, 3)");
  CHECK(scales(DType::f32, {8, 3}) == "Linear: w.scales is f32(8, 3), expected f16(8, 3)");
  CHECK(scales(DType::f16, {8, 2}) == "Linear: w.scales is f16(8, 2), expected (8, 3)");
  CHECK(complaint(good, &Linear::w, Weight(in.uninitialized(DType::f32, {8, 96}), good.w.scales)) ==
        "Linear: w.scales is f16(8, 3), expected absent beside f32(8, 96)");
  Weight gaps = good.w;
  gaps.values.stride[0] = 128;
  CHECK(complaint(good, &Linear::w, gaps) == "Linear: w is q8(8, 96) with gaps, expected contiguous");
  Linear op = good;
  op.x = in.uninitialized(DType::f32, {3, 40});
  op.w = Weight(in.uninitialized(DType::i8, {8, 40}), in.uninitialized(DType::f16, {8, 1}));
  CHECK(complaint(op) == "Linear: k of w is 40, expected a multiple of 32");
  op.x = in.uninitialized(DType::bf16, {3, 16});
  op.w = in.uninitialized(DType::f32, {8, 16});
  CHECK(complaint(op) == "Linear: w is f32(8, 16), expected bf16(8, 16)");
  CHECK_THROWS_WITH(Weight(nullptr, WeightFormat::q4, op.x.dim, 2),
                    "Weight: i4(3, 16) in q4, expected a multiple of 32 in axis 1");
}

// The contract of Linear: a token alone, in a prompt, or in a batch gives the same bits.
TEST_CASE("Linear gives a row the same bits whatever the rows and threads", "[ops]") {
  struct {
    int64_t k, n;
  } cases[] = {{160, 64}, {256, 688}, {688, 256}, {192, 100}, {1000, 33}, {4096, 72}};
  for (const auto& format : kWeightFormats)
    for (auto [k, n] : cases) {
      if (format.value != WeightFormat::f32 && (k % kWeightBlock != 0 || k > 256)) continue;
      const Activation act = k == 256 ? Activation::gelu : Activation::none;
      Inputs in(1);
      const Linear all{.y = in.uninitialized(DType::f32, {80, n}),
                       .x = in.normal(DType::f32, {80, k}),
                       .w = in.weight(format.value, {n, k}),
                       .bias = in.normal(DType::f32, {n}),
                       .act = act};
      const auto expected = oracle::result(*backends()[0], all);
      for (const auto& backend : backends())
        for (auto weights : {oracle::Weights::packed, oracle::Weights::as_they_are})
          for (auto [begin, end] : {std::pair{0, 80}, {0, 1}, {79, 80}, {3, 5}, {10, 17}, {20, 52}, {31, 80}}) {
            INFO(format.name << ", k " << k << ", n " << n << ", rows " << begin << " to " << end << ", "
                             << backend->name());
            Linear part = all;
            part.x = all.x.slice(0, begin, end);
            part.y = all.y.slice(0, begin, end);
            CHECK(oracle::result(*backend, part, "y", weights) ==
                  std::vector<double>(expected.begin() + begin * n, expected.begin() + end * n));
          }
    }
}

TEST_CASE("A product is cut so that its threads finish together", "[kernels]") {
  struct Kind {
    const char* name;
    bool bf16x2, int8;
  };
  for (int threads : {1, 2, 3, 4, 8, 16, 64})
    for (int64_t rows : {1, 17, 32, 128, 512, 1000, 4096})
      for (int64_t panels : {1, 3, 4, 6, 10, 40, 129})
        for (const auto& [name, bf16x2, int8] :
             {Kind{"f32", false, false}, {"bf16", true, false}, {"q8", false, true}}) {
          INFO(rows << " rows, " << panels << " panels, " << threads << " threads, " << name);
          const cpu::TileSizes step = cpu::tile_step({.bf16x2 = bf16x2, .int8 = int8});
          const cpu::TileSizes to = cpu::choose_tiles(rows, panels, 1, step, threads);
          REQUIRE((to.rows >= 1 && to.rows <= cpu::kMC));
          REQUIRE((to.panels >= 1 && to.panels <= step.panels));
          const int64_t down = cpu::ceil_div(rows, to.rows), across = cpu::ceil_div(panels, to.panels);
          // What the busiest thread does, next to an even share of everything.
          const double most = double(cpu::ceil_div(down * across, threads) * to.rows * to.panels);
          const double share = double(rows * panels) / threads;
          if (rows >= 64 * threads) CHECK(most <= 1.34 * share);
        }
}
