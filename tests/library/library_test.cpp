// CudaBackend with --kernels library: the op tables through cuBLASLt and cuDNN. Without a card these are stand-ins
// (tests/library/stand_in.h), which hold descriptors and arguments to what NVIDIA documents; on a card the real ones.
#include <map>
#include <set>

#include "../../cuda/cuda_backend.h"
#include "../../cuda/library/shared_library.h"
#include "ops/cases/conv2d.h"
#include "ops/cases/gated_linear.h"
#include "ops/cases/linear.h"
#include "seedstory/arena.h"

using namespace seedstory;

namespace {

constexpr DType kFloatTypes[] = {DType::f32, DType::f16, DType::bf16};

std::unique_ptr<Backend> with_library() {
  return make_cuda_backend(0, false, Kernels::library);
}

// The Error lines of cublaslt.cu and cudnn.cu: one more rounding to y's type, of something that is no larger than the
// magnitude; behind it an activation whose slope is at most 1.13, and a product of two such.
Tolerance with_rounding(Tolerance tolerance, DType y) {
  if (y != DType::f32) tolerance.sum += 2.3 * unit_roundoff(y);
  return tolerance;
}

// What the stand-ins have kernels for is known; a card's libraries may choose otherwise.
bool is_stand_in(const Backend& be) {
  return be.name().find("SIMT emulator") != std::string::npos;
}

// How often each of the kernels was chosen.
using Chosen = std::map<std::string, int>;

template <class Op>
void expect_matches_oracle_by(Backend& be, Chosen& chosen, const Op& op, Tolerance tolerance, oracle::Weights weights) {
  const std::string kernels = be.kernels_of(&op);
  INFO("by " << kernels);
  ++chosen[kernels];
  CHECK(oracle::mismatch(be, op, with_rounding(tolerance, op.y.dtype), weights) == "");
}

std::set<std::string> names(const Chosen& chosen) {
  std::set<std::string> names;
  for (const auto& [name, count] : chosen) names.insert(name);
  return names;
}

}  // namespace

TEST_CASE("Linear by the library matches the oracle", "[library]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const auto be = with_library();
    Chosen chosen;
    for_linear_cases(type, [&](const Linear& op, int64_t k) {
      expect_matches_oracle_by(*be, chosen, op, linear_tolerance(type, k), oracle::Weights::as_they_are);
    });
    if (!is_stand_in(*be)) continue;
    CHECK(names(chosen) == std::set<std::string>{"cuBLASLt", "cuBLASLt + ours", "ours"});
    CHECK(chosen["ours"] == 1);  // no rows
  }
}

TEST_CASE("Linear by the library takes sizes and rows of any alignment, and gives f32 beside 16 bits", "[library]") {
  const auto be = with_library();
  Chosen chosen;
  for (DType type : kFloatTypes)
    for (DType wide : {type, DType::f32})
      for (Activation act : {Activation::none, Activation::gelu})
        for (auto [rows, k, n, k_gap, n_gap] : {std::tuple{17, 33, 65, 0, 0},
                                                {40, 61, 67, 3, 5},
                                                {130, 33, 131, 7, 5},
                                                {1, 64, 72, 0, 0},
                                                {3, 65, 66, 1, 1}}) {
          INFO(name_of(type) << " to " << name_of(wide) << ", " << rows << " x " << k << " x " << n);
          Inputs in(5);
          const Linear op{.y = in.uninitialized(wide, {rows, n + n_gap}).slice(1, n_gap, n + n_gap),
                          .x = in.normal(type, {rows, k + k_gap}).slice(1, k_gap, k + k_gap),
                          .w = in.normal(type, {n, k + k_gap}).slice(1, 0, k),
                          .bias = in.normal(DType::f32, {n}),
                          .residual = in.normal(wide, {rows, n + n_gap}).slice(1, 0, n),
                          .act = act};
          expect_matches_oracle_by(*be, chosen, op, linear_tolerance(wide, k), oracle::Weights::as_they_are);
        }
  if (is_stand_in(*be)) CHECK(names(chosen) == std::set<std::string>{"cuBLASLt", "cuBLASLt + ours"});
}

TEST_CASE("GatedLinear by the library matches the oracle", "[library]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const auto be = with_library();
    Chosen chosen;
    for_gated_linear_cases(type, [&](const GatedLinear& op, int64_t k) {
      expect_matches_oracle_by(*be, chosen, op, linear_tolerance(type, k), oracle::Weights::as_they_are);
    });
    if (!is_stand_in(*be)) continue;
    CHECK(names(chosen) == std::set<std::string>{"cuBLASLt + ours", "ours"});
    CHECK(chosen["ours"] == 2);  // an empty sum, no rows
  }
}

TEST_CASE("Conv2d by the library matches the oracle", "[library]") {
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    const auto be = with_library();
    for (oracle::Weights weights : {oracle::Weights::packed, oracle::Weights::as_they_are}) {
      Chosen chosen, doubled;
      for_conv2d_cases(type, [&](const Conv2d& op, Tolerance tolerance) {
        expect_matches_oracle_by(*be, chosen, op, tolerance, weights);
      });
      for_doubled_cases(type, [&](const Conv2d& op, Tolerance tolerance) {
        expect_matches_oracle_by(*be, doubled, op, tolerance, weights);
      });
      if (is_stand_in(*be)) CHECK(names(chosen) == std::set<std::string>{"cuDNN", "cuDNN + ours", "ours"});
      CHECK(names(doubled) == std::set<std::string>{"ours"});
    }
  }
}

// What was chosen for one op is not taken for another that differs in nothing but where its tensors lie, or where it
// pads.
TEST_CASE("The library's kernels are chosen anew for other strides, addresses and paddings", "[library]") {
  const auto be = with_library();
  Chosen chosen;
  Inputs in(3);
  for (DType type : kFloatTypes) {
    INFO(name_of(type));
    for (auto [gap, from] : {std::tuple{0, 0}, {16, 0}, {16, 8}, {16, 1}, {32, 0}}) {
      INFO("gap " << gap << ", from " << from);
      const auto wide = [&, gap = gap, from = from](int64_t rows, int64_t cols) {
        return in.normal(type, {rows, cols + gap}).slice(1, from, from + cols);
      };
      const Linear linear{.y = wide(9, 32), .x = wide(9, 48), .w = wide(32, 48), .residual = wide(9, 32)};
      expect_matches_oracle_by(*be, chosen, linear, linear_tolerance(type, 48), oracle::Weights::as_they_are);
      const auto picture = [&, gap = gap, from = from](int64_t channels) {
        return in.normal(type, {1, 4, 4, channels + gap}).slice(3, from, from + channels);
      };
      const Conv2d conv{.y = picture(24),
                        .x = picture(16),
                        .w = in.normal(type, {24, 16, 3, 3}),
                        .bias = in.normal(DType::f32, {24}),
                        .residual = picture(24),
                        .pad_begin = 1,
                        .pad_end = 1};
      expect_matches_oracle_by(*be, chosen, conv, conv2d_tolerance(type, 16 * 9), oracle::Weights::packed);
    }
    for (int pad_begin : {0, 1, 2}) {
      INFO("padding " << pad_begin << " and " << 2 - pad_begin);
      Conv2d conv = square_conv2d(in, type, 1, 6, 16, 8, 3, 1, pad_begin, 2 - pad_begin);
      expect_matches_oracle_by(*be, chosen, conv, conv2d_tolerance(type, 16 * 9), oracle::Weights::packed);
    }
  }
  if (is_stand_in(*be)) CHECK(chosen["ours"] == 0);
}

TEST_CASE("What a library makes can be recorded, and its scratch memory is known before", "[library]") {
  const auto be = with_library();
  Arena arena(*be, 1 << 20);
  Inputs in(4);
  const auto there = [&](const Tensor& here) {
    const Tensor t = arena.make(here.dtype, here.dim, here.rank);
    be->upload(t, here.data);
    return t;
  };
  const Tensor x = there(in.normal(DType::f16, {12, 32})), bias = there(in.normal(DType::f32, {64}));
  const Linear linear{.y = there(in.uninitialized(DType::f16, {12, 64})),
                      .x = x,
                      .w = there(in.normal(DType::f16, {64, 32})),
                      .bias = bias};
  const GatedLinear gated{.y = there(in.uninitialized(DType::f16, {12, 32})), .x = x, .w = linear.w, .bias = bias};
  const Conv2d conv{.y = there(in.uninitialized(DType::f16, {1, 6, 8, 16})),
                    .x = there(in.normal(DType::f16, {1, 6, 8, 8})),
                    .w = there(in.normal(DType::f16, {16, 8, 3, 3})),
                    .bias = bias.slice(0, 0, 16),
                    .pad_begin = 1,
                    .pad_end = 1};
  CHECK(be->scratch_bytes(&linear) == (32 << 20) + 64 * 2);
  CHECK(be->scratch_bytes(&gated) == (32 << 20) + 12 * 64 * 2);
  CHECK(be->scratch_bytes(&conv) == 2304 + (64 << 20) + 6 * 8 * 16 * 2);

  const auto results = [&] {
    std::vector<uint16_t> values;
    for (const Tensor& y : {linear.y, gated.y, conv.y}) {
      std::vector<uint16_t> part(size_t(y.numel()));
      be->download(part.data(), y);
      values.insert(values.end(), part.begin(), part.end());
      const std::vector<uint16_t> none(part.size(), 0xffff);
      be->upload(y, none.data());
    }
    return values;
  };
  int calls = 0;
  Repeat made;
  const auto once = [&] {
    be->repeat(made, [&] {
      ++calls;
      be->run(linear), be->run(gated), be->run(conv);
    });
  };
  once();
  const auto expected = results();
  CHECK(std::count(expected.begin(), expected.end(), 0xffff) == 0);
  for (int i = 0; i < 3; ++i) {
    once();
    CHECK(results() == expected);
  }
  CHECK(calls == 2);
}

TEST_CASE("CudaBackend says whose kernels run an op", "[library]") {
  const auto be = with_library(), ours = make_cuda_backend(),
             automatic = make_cuda_backend(0, false, Kernels::automatic);
  CHECK_THAT(be->name(), Catch::Contains(" with cuBLASLt 1") && Catch::Contains(" and cuDNN 9."));
  CHECK(automatic->name() == ours->name());
  CHECK(be->name().find(ours->name()) == 0);
  Inputs in(1);
  const Tensor x = in.normal(DType::f16, {8, 64}), w = in.normal(DType::f16, {64, 64});
  Linear linear{.y = in.uninitialized(DType::f16, {8, 64}), .x = x, .w = w};
  CHECK(be->kernels_of(&linear) == "cuBLASLt");
  CHECK(ours->kernels_of(&linear) == "ours");
  CHECK(automatic->kernels_of(&linear) == "ours");
  linear.act = Activation::silu;
  CHECK(be->kernels_of(&linear) == "cuBLASLt + ours");
  const Activate activate{.y = x, .x = x};
  CHECK(be->kernels_of(&activate) == "ours");
}

TEST_CASE("A library that is not there is named", "[library]") {
  const std::string said = error_of(
      [] {
        SharedLibrary({"libseedstory-one.so.1", "libseedstory-two.so"});
      },
      ErrorKind::resource);
  CHECK_THAT(said, Catch::StartsWith("--kernels library: libseedstory-one.so.1: ") &&
                       Catch::Contains("; libseedstory-two.so: "));
  const SharedLibrary there({"libseedstory-one.so.1", "libm.so.6"});
  CHECK(there.file() == "libm.so.6");
  double (*cosine)(double) = nullptr;
  there.find("cos", cosine);
  CHECK(cosine(0) == 1);
  CHECK(error_of([&] { there.find("cublasLtCreate", cosine); }, ErrorKind::resource) ==
        "--kernels library: libm.so.6 has no cublasLtCreate");
}
