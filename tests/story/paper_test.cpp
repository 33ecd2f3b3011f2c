// The static roofline, by hand.
#include "bench/paper.h"

#include <catch.h>

#include "load/published.h"
#include "tiny_model.h"

using namespace seedstory;

namespace {

// 1 GHz, ten multiprocessors, 1024 flops a cycle of each: an mma is 4 cycles.
constexpr Card kCard{"card", 1, 10.24, 1, 86, 10, 1024};

PaperTime time_of(const Card& card, int resident, Asked block, Asked step, int64_t blocks, double steps) {
  return launch_time(
      {.kernel = "kernel", .variant = {}, .blocks = blocks, .steps = steps},
      {.arch = "", .kernel = "", .resident = resident, .resident_of_86 = resident, .block = block, .step = step}, card);
}

Tensor f16(std::initializer_list<int64_t> dims) {
  return {reinterpret_cast<void*>(4096), DType::f16, dims};
}

}  // namespace

TEST_CASE("A launch takes what the unit that is asked for most takes, on the multiprocessor with most blocks") {
  struct {
    const char* bound;
    Asked step;
    double cycles;
  } cases[] = {{"tensor cores", {.mma = 100, .issued = 100, .exp = 1, .shared = 300, .loaded = 4, .stored = 4}, 400},
               {"issue slots", {.mma = 100, .issued = 2000, .exp = 1, .shared = 300, .loaded = 4, .stored = 4}, 500},
               {"exponentials", {.mma = 100, .issued = 100, .exp = 300, .shared = 300, .loaded = 4, .stored = 4}, 600},
               {"shared memory", {.mma = 100, .issued = 100, .exp = 1, .shared = 700, .loaded = 4, .stored = 4}, 700},
               {"L2", {.mma = 100, .issued = 100, .exp = 1, .shared = 300, .loaded = 1500, .stored = 100}, 800}};
  for (const auto& [bound, step, cycles] : cases) {
    INFO(bound);
    for (const auto& [blocks, waves] : {std::pair<int64_t, double>{20, 2}, {21, 3}}) {
      const PaperTime time = time_of(kCard, 2, {}, step, blocks, 10);
      CHECK(time.us == Approx(waves * 10 * cycles / 1e3));
      CHECK(time.bound == bound);
    }
  }
}

TEST_CASE("A block's beginning and end hide behind another block's steps, if there is another") {
  const Asked block{.mma = 0, .issued = 0, .exp = 0, .shared = 1000, .loaded = 0, .stored = 0};
  const Asked step{.mma = 100, .issued = 0, .exp = 0, .shared = 350, .loaded = 0, .stored = 0};
  CHECK(time_of(kCard, 2, block, step, 20, 10).us == Approx(2 * 4.5));  // 1000 + 10 * 350 of shared memory
  CHECK(time_of(kCard, 2, block, step, 20, 100).us == Approx(2 * 40.0));
  CHECK(time_of(kCard, 1, block, step, 20, 10).us == Approx(2 * (1.0 + 4.0)));
  CHECK(time_of(kCard, 2, block, step, 10, 10).us == Approx(1.0 + 4.0));  // one block each
}

TEST_CASE("A card of 8.6 or 8.9 has as many blocks at a time as fit into its 100 KiB") {
  const KernelCounts counts{.arch = "",
                            .kernel = "",
                            .resident = 2,
                            .resident_of_86 = 1,
                            .block = {.mma = 0, .issued = 0, .exp = 0, .shared = 1000, .loaded = 0, .stored = 0},
                            .step = {.mma = 100, .issued = 0, .exp = 0, .shared = 0, .loaded = 0, .stored = 0}};
  Card card = kCard;
  for (const auto& [capability, cycles] : {std::pair{80, 4000.0}, {86, 5000.0}, {89, 5000.0}}) {
    card.capability = capability;
    CHECK(launch_time({.kernel = "kernel", .variant = {}, .blocks = 20, .steps = 10}, counts, card).us ==
          Approx(2 * cycles / 1e3));
  }
}

TEST_CASE("An A100's L2 gives all multiprocessors together 5120 bytes a cycle, a Hopper's mma.sync 0.629 of its rate") {
  Card card = kCard;
  card.multiprocessors = 100, card.teraflops = 102.4;
  const Asked step{.mma = 0, .issued = 0, .exp = 0, .shared = 0, .loaded = 2000, .stored = 0};
  CHECK(time_of(card, 2, {}, step, 200, 10).us == Approx(2 * 10 * 1.0));
  card.capability = 80;
  CHECK(time_of(card, 2, {}, step, 200, 10).us == Approx(200 * 10 * 2000 * 32.0 / 5120 / 1e3));
  card.capability = 90;
  const Asked products{.mma = 100, .issued = 0, .exp = 0, .shared = 0, .loaded = 0, .stored = 0};
  CHECK(time_of(card, 2, {}, products, 200, 10).us == Approx(2 * 10 * 0.4 / 0.629));
}

TEST_CASE("A row of a product takes the time of its weight's bytes") {
  const Card a100{"a100", 80, 312, 2.04, 80, 108, 2048};
  const Linear op{.y = f16({1, 12288}), .x = f16({1, 4096}), .w = f16({12288, 4096})};
  const PaperTime time = paper_time(op, a100);
  CHECK(time.bound == "memory");
  CHECK(time.kernels == "linear_gemv<f16, true, false>");
  CHECK(time.us == Approx(2.0 * (12288 * 4096 + 4096 + 12288) / 2.04e6));
}

TEST_CASE("What was not counted is named and has no time") {
  const Card a100{"a100", 80, 312, 2.04, 80, 108, 2048};
  const auto expect_named = [&](const AnyOp& op, const std::string& what) {
    CHECK(paper_time(op, a100).us == 0);
    CHECK(paper_time(op, a100).kernels == what);
  };
  expect_named(Add{.y = f16({8, 8}), .a = f16({8, 8}), .b = f16({8, 8})}, "Add");
  // A group of more channels than a block can take.
  expect_named(GroupNorm{.y = f16({1, 4, 4, 2064}), .x = f16({1, 4, 4, 2064}), .groups = 1, .eps = 1e-5f}, "GroupNorm");
  // 12 bytes a row: element by element.
  expect_named(Linear{.y = f16({4, 64}), .x = f16({4, 6}), .w = f16({64, 6})}, "linear_gemv<f16, false, false>");
}

TEST_CASE("The stages of the paper are their ops, those without counts at their limit") {
  const ModelDir model = published_sizes();
  const Card a100{"a100", 80, 312, 2.04, 80, 108, 2048};
  const Limits limits{.flops = 312e12, .bytes = 2.04e12, .source = ""};
  const auto entries = run_paper(a100, model, limits, {.types = StageTypes::of_card(WeightFormat::f16)});
  double frame_us = 0, shown_us = 0, limit_us = 0, counted_us = 0;
  for (const PaperEntry& e : entries) {
    INFO(e.name);
    if (!e.stage) {
      CHECK((e.us == 0 || e.share() <= 1 + 1e-9));
      frame_us += double(e.calls) * (e.us > 0 ? e.us : e.limit_us);
      limit_us += double(e.calls) * e.limit_us;
      counted_us += double(e.calls) * e.counted * e.limit_us;
    } else if (e.name == "frame") {
      shown_us = e.us;
      CHECK(e.limit_us == Approx(limit_us));
      CHECK(e.counted == Approx(counted_us / limit_us));
      CHECK(e.counted > 0.95);
    }
  }
  CHECK(shown_us == Approx(frame_us));
}

TEST_CASE("A card whose architecture has no counts is refused") {
  const Card b200{"b200", 180, 2250, 7.7, 100, 148, 8192};
  const ModelDir model = published_sizes();
  try {
    run_paper(b200, model, {.flops = 1, .bytes = 1, .source = ""}, {});
    FAIL("it was not");
  } catch (const Error& error) {
    CHECK(error.kind == ErrorKind::usage);
    CHECK(std::string(error.what()) == "--card b200: has compute capability 10.0, kernels were counted for 8.0 to 9.0");
  }
}

// What these shapes are for a kernel, before any card says so (the UNet at 32 x 32 and 64 x 64, guidance pairs).
TEST_CASE("The large ops of the published model can come near to an A100's limit") {
  const Card a100{"a100", 80, 312, 2.04, 80, 108, 2048};
  const Limits limits{.flops = 312e12, .bytes = 2.04e12, .source = ""};
  const auto linear = [](int64_t rows, int64_t n, int64_t k) {
    return Linear{.y = f16({rows, n}), .x = f16({rows, k}), .w = f16({n, k}), .residual = f16({rows, n})};
  };
  const auto gated = [](int64_t rows, int64_t n, int64_t k) {
    return GatedLinear{.y = f16({rows, n / 2}), .x = f16({rows, k}), .w = f16({n, k}), .act = Activation::gelu};
  };
  GatedLinear token_gated = gated(1, 22016, 4096);
  token_gated.act = Activation::silu;
  const auto in_blocks = [](auto op, WeightFormat format) {
    op.w = Weight(nullptr, format, op.w.values.dim, size_t(op.w.values.rank));
    return op;
  };
  // A stride of 0: over a doubled x.
  const auto conv = [](int64_t size, int64_t in_c, int64_t out_c, int stride) {
    const int64_t out = stride == 0 ? 2 * size : size / stride;
    return Conv2d{.y = f16({2, out, out, out_c}),
                  .x = f16({2, size, size, in_c}),
                  .w = f16({out_c, in_c, 3, 3}),
                  .stride = std::max(stride, 1),
                  .pad_begin = 1,
                  .pad_end = 1,
                  .upsample2x = stride == 0};
  };
  const struct {
    const char* name;
    AnyOp op;
    double share;
  } rows[] = {
      {"gated feed-forward", gated(2048, 10240, 1280), 0.85},
      {"feed-forward", linear(2048, 1280, 5120), 0.85},
      {"projection", linear(2048, 1280, 1280), 0.85},
      {"q, k and v", linear(2048, 3840, 1280), 0.85},
      {"gated feed-forward, 64 x 64", gated(8192, 5120, 640), 0.85},
      {"feed-forward, 64 x 64", linear(8192, 640, 2560), 0.85},
      {"projection, 64 x 64", linear(8192, 640, 640), 0.85},
      {"q, k and v, 64 x 64", linear(8192, 1920, 640), 0.85},
      {"convolution, 128 x 128", conv(128, 320, 320, 1), 0.85},
      {"convolution, 64 x 64", conv(64, 640, 640, 1), 0.85},
      {"convolution, 32 x 32", conv(32, 1280, 1280, 1), 0.85},
      {"convolution, 128 x 128 to 64 x 64", conv(128, 320, 320, 2), 0.75},
      {"convolution, 64 x 64 to 32 x 32", conv(64, 640, 640, 2), 0.75},
      {"convolution, doubled to 64 x 64", conv(32, 1280, 1280, 0), 0.75},
      {"convolution, doubled to 128 x 128", conv(64, 640, 640, 0), 0.75},
      {"self-attention, 64 x 64",
       Attention{.y = f16({2, 4096, 10, 64}),
                 .q = f16({2, 4096, 10, 64}),
                 .k = f16({2, 4096, 10, 64}),
                 .v = f16({2, 4096, 10, 64})},
       0.6},
      {"a token's q, k and v", linear(1, 12288, 4096), 0.85},
      {"a token's projection", linear(1, 4096, 4096), 0.85},
      {"eight rows", linear(8, 4096, 11008), 0.85},
      {"a token's q, k and v, q8", in_blocks(linear(1, 12288, 4096), WeightFormat::q8), 0.85},
      {"a token's projection, q4", in_blocks(linear(1, 4096, 4096), WeightFormat::q4), 0.85},
      {"a token's feed-forward, q4", in_blocks(token_gated, WeightFormat::q4), 0.85},
      {"a prompt of 600, q8", in_blocks(linear(600, 12288, 4096), WeightFormat::q8), 0.68},
      {"a prompt of 600, q4", in_blocks(linear(600, 12288, 4096), WeightFormat::q4), 0.68},
      {"a prompt of 600 from feed-forward, q4", in_blocks(linear(600, 4096, 11008), WeightFormat::q4), 0.68},
  };
  for (const auto& [name, op, share] : rows) {
    INFO(name);
    const PaperTime time = paper_time(op, a100);
    REQUIRE(time.us > 0);
    CHECK(limits.seconds(cost_of(op)) * 1e6 / time.us >= share);
  }
}
