// What the kernels execute, counted: the figures of docs/kernels that no card is needed for.
#include <ctime>

#include "../../cuda/cuda_backend.h"
#include "ops/harness.h"
#include "ptx.h"

namespace seedstory {
namespace {

using ptx::Class;

ptx::Counts counts_of_linear(const std::string& kernel, int64_t rows, int64_t k, int64_t n) {
  const auto be = make_cuda_backend();
  Inputs in(1);
  const Linear op{.y = in.uninitialized(DType::f16, {rows, n}),
                  .x = in.normal(DType::f16, {rows, k}),
                  .w = in.normal(DType::f16, {n, k})};
  ptx::clear_counts();
  oracle::result(*be, op);
  return ptx::counts(kernel);
}

TEST_CASE("Linear's main loop executes what its schedule says", "[ptx]") {
  struct {
    const char* kernel;
    int64_t rows, n;                // of one block
    uint64_t warps, mma, ldmatrix;  // of a warp for 16 of k
    double instructions;            // a mma at most: the issue limit of docs/kernels/linear.md
  } cases[] = {
      {"linear<f16, Tile<128, 128, 64, 32>, true>", 128, 128, 8, 16, 6, 7.1},
      {"linear<f16, Tile<16, 64, 16, 16>, true>", 16, 64, 4, 2, 2, 33},
  };
  for (const auto& [kernel, rows, n, warps, mma, ldmatrix, instructions] : cases) {
    INFO(kernel);
    const ptx::Counts less = counts_of_linear(kernel, rows, 512, n), more = counts_of_linear(kernel, rows, 1024, n);
    const auto grown = [&](Class c) { return more[c] - less[c]; };
    const uint64_t steps = 512 / 16;
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

TEST_CASE("AddRmsNorm reads and writes a row once, in 16 bytes", "[ptx]") {
  const auto be = make_cuda_backend();
  Inputs in(1);
  ptx::clear_counts();
  oracle::result(*be, AddRmsNorm{.y = in.uninitialized(DType::f16, {3, 2048}),
                                 .h = in.normal(DType::f16, {3, 2048}),
                                 .r = in.normal(DType::f16, {3, 2048}),
                                 .w = in.normal(DType::f32, {2048})});
  const ptx::Counts counts = ptx::counts("add_rms_norm<f16, Vec<f16, 8>, 1>");
  const uint64_t warps = 3 * 8;
  CHECK(counts[Class::exp] == warps);  // one rsqrt a thread
  // h and r in, h and y out, 16 bytes each; w in 8 floats.
  CHECK(counts[Class::global] == warps * (4 + 8));
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
  const ptx::Counts counts = counts_of_linear("linear<f16, Tile<128, 128, 64, 32>, true>", 512, 2048, 512);
  const double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
  WARN(double(counts.total) / seconds / 1e6
       << " M warp instructions a second of one core, the backend around them included");
}

}  // namespace
}  // namespace seedstory
