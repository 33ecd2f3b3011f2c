#include "ops/cases/packed_weights.h"

#include "ops/kernel_set.h"

using namespace seedstory;

TEST_CASE("A packed weight takes packed_bytes() and no byte more", "[ops]") {
  for (const KernelSet* set : {&best_set(), &emulated_bf16_set()})
    for (const auto& format : kWeightFormats) {
      Backend& backend = *set->backends[1];
      for (const int64_t n : {1, 16, 17, 72}) {
        expect_fills_its_block(backend, format.value, {n, 64}, WeightUse::linear);
        expect_fills_its_block(backend, format.value, {n, 96, 3, 3}, WeightUse::conv);
        expect_fills_its_block(backend, format.value, {n, 32, 3, 3}, WeightUse::upsample_conv);
        expect_fills_its_block(backend, format.value, {2 * n, 64}, WeightUse::gated_linear);
      }
    }
}
