// Inside a step nothing allocates: the second run of an op asks the heap for nothing.
#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>

#include "ops/harness.h"
#include "ops/kernel_set.h"

using namespace seedstory;

namespace {

std::atomic<int64_t> allocations = 0;

void* counted_or_null(size_t bytes) {
  ++allocations;
  return std::malloc(bytes > 0 ? bytes : 1);
}

void* counted(size_t bytes) {
  if (void* memory = counted_or_null(bytes)) return memory;
  throw std::bad_alloc();
}

// Of the op on the backend, whose weight is packed.
template <class Op>
void expect_none(Backend& backend, Op op) {
  INFO(Op::name << " on " << backend.name());
  std::optional<oracle::Packed> packed;
  if constexpr (HasWeight<Op>) {
    packed.emplace(backend, op.w, op.weight_use());
    op.w = packed->weight();
  }
  backend.run(op);
  const int64_t before = allocations;
  backend.run(op);
  CHECK(allocations == before);
}

}  // namespace

void* operator new(size_t bytes) {
  return counted(bytes);
}
void* operator new[](size_t bytes) {
  return counted(bytes);
}
// A sanitizer has these of its own, whose memory the deletes below could not give back.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}

TEST_CASE("An op that ran before allocates nothing", "[ops]") {
  Inputs in(1);
  const auto f32 = [&](std::initializer_list<int64_t> dims) { return in.normal(DType::f32, dims); };
  const auto convolution = [&](int64_t out_c, bool upsample2x) {
    const int64_t side = upsample2x ? 32 : 16;
    return Conv2d{.y = f32({1, side, side, out_c}),
                  .x = f32({1, 16, 16, 32}),
                  .w = in.weight(WeightFormat::q8, {out_c, 32, 3, 3}),
                  .pad_begin = 1,
                  .pad_end = 1,
                  .upsample2x = upsample2x};
  };
  const Tensor id = in.integers({1}, 1);
  for (const KernelSet* set : {&best_set(), &emulated_bf16_set()})
    for (const auto& backend : set->backends) {
      for (const auto& format : kWeightFormats) {
        INFO(format.name);
        expect_none(*backend, Linear{.y = f32({40, 72}), .x = f32({40, 64}), .w = in.weight(format.value, {72, 64})});
        expect_none(*backend,
                    GatedLinear{.y = f32({40, 48}), .x = f32({40, 64}), .w = in.weight(format.value, {96, 64})});
      }
      for (int64_t out_c : {48, 3})
        for (bool upsample2x : {false, true}) {
          INFO(out_c << " channels" << (upsample2x ? ", doubled" : ""));
          expect_none(*backend, convolution(out_c, upsample2x));
        }
      for (DType compute_type : {DType::f32, DType::bf16})
        expect_none(*backend, Attention{.y = f32({1, 40, 2, 32}),
                                        .q = f32({1, 40, 2, 32}),
                                        .k = f32({1, 70, 2, 32}),
                                        .v = f32({1, 70, 2, 32}),
                                        .compute_type = compute_type});
      expect_none(
          *backend,
          GroupNorm{.y = f32({1, 9, 9, 32}), .x = f32({1, 9, 9, 32}), .w = f32({32}), .b = f32({32}), .groups = 4});
      expect_none(*backend,
                  PickToken{.id = id, .logits = f32({1, 50}), .outside_ids = in.integers({4}, 50), .banned = 2});
    }
}
