// Backends with different sets of kernels in one process.
#include <cmath>

#include "ops/harness.h"
#include "ops/kernel_set.h"

using namespace seedstory;

namespace {

// Two backends of every set that this machine has, and of the emulated one: all live at once.
std::vector<std::unique_ptr<Backend>> all_sets() {
  std::vector<std::unique_ptr<Backend>> list;
  for (const cpu::Kernels* set : cpu::kernel_sets())
    for (int threads : {1, 2}) list.push_back(make_cpu_backend(threads, set->set));
  for (int threads : {1, 2}) list.push_back(cpu::make_backend(threads, cpu::emulated_bf16()));
  return list;
}

// Each set gives its own bits twice, between the runs of the others; `one_result` where those are of all sets.
template <class Op>
void expect_own_bits(const std::vector<std::unique_ptr<Backend>>& backends, const Op& op, Tolerance tolerance,
                     bool one_result) {
  std::vector<std::vector<double>> first;
  for (const auto& backend : backends) {
    INFO(Op::name << " on " << backend->name());
    expect_matches_oracle(*backend, op, tolerance);
    first.push_back(oracle::result(*backend, op));
    if (one_result) CHECK(first.back() == first.front());
    if (first.size() % 2 == 0) CHECK(first.back() == first[first.size() - 2]);
  }
  for (size_t i = 0; i < backends.size(); ++i) {
    INFO(Op::name << " again on " << backends[i]->name());
    CHECK(oracle::result(*backends[i], op) == first[i]);
  }
}

Tolerance chain(int64_t roundings) {
  return {.sum = 0x1p-23 * std::sqrt(double(roundings)) + 0x1p-21};
}

}  // namespace

TEST_CASE("Backends with different sets of kernels live in one process", "[kernels]") {
  const auto sets = all_sets();
  for (size_t i = 0; i < cpu::kernel_sets().size(); ++i)
    CHECK(sets[2 * i]->name() == "cpu (" + std::string(cpu::kernel_sets()[i]->name()) + ", 1 thread)");
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.normal(DType::f32, dims); };
  const auto output = [&](std::initializer_list<int64_t> dims) { return in.uninitialized(DType::f32, dims); };
  expect_own_bits(sets, Linear{.y = output({33, 72}), .x = f32({33, 160}), .w = f32({72, 160}), .bias = f32({72})},
                  chain(160), true);
  expect_own_bits(
      sets,
      Conv2d{
          .y = output({1, 9, 9, 20}), .x = f32({1, 9, 9, 12}), .w = f32({20, 12, 3, 3}), .pad_begin = 1, .pad_end = 1},
      chain(108), true);
  const Attention attention{.y = output({1, 40, 2, 32}),
                            .q = f32({1, 40, 2, 32}),
                            .k = f32({1, 70, 2, 32}),
                            .v = f32({1, 70, 2, 32}),
                            .scale = 0.2f};
  expect_own_bits(sets, attention, chain(256), true);
  for (const WeightFormat format : {WeightFormat::q8, WeightFormat::q4}) {
    INFO("in integers");
    for (int64_t rows : {1, 40}) {
      Linear op{.y = output({rows, 72}), .x = f32({rows, 160}), .w = in.weight(format, {72, 160})};
      oracle::write(op.x, oracle::rounded_to_int8(op.x));  // what is rounded stays as it is
      expect_own_bits(sets, op, chain(160), true);
    }
  }
  INFO("in bf16, which some of them multiply");
  const Linear bf16{.y = output({33, 72}), .x = f32({33, 160}), .w = in.normal(DType::bf16, {72, 160})};
  Tolerance tolerance = chain(160);
  tolerance.sum += 0x1p-16;
  expect_own_bits(sets, bf16, tolerance, false);
  CHECK(oracle::result(*sets.back(), bf16) != oracle::result(*make_cpu_backend(1, CpuSet::portable), bf16));
}

TEST_CASE("A backend refuses a weight that is packed for another set of kernels", "[kernels]") {
  const auto portable = make_cpu_backend(1, CpuSet::portable), emulated = cpu::make_backend(1, cpu::emulated_bf16());
  Inputs in(1);
  const Weight w = in.normal(DType::bf16, {16, 32});
  const oracle::Packed packed(*emulated, w, WeightUse::linear);
  Linear op{.y = in.uninitialized(DType::f32, {1, 16}), .x = in.normal(DType::f32, {1, 32}), .w = packed.weight()};
  CHECK_THROWS_WITH(portable->run(op), "cpu: bf16(16, 32) is packed for avx512_bf16, expected portable");
  CHECK_NOTHROW(emulated->run(op));
  CHECK_NOTHROW(cpu::make_backend(3, cpu::emulated_bf16())->run(op));
}
