// What a packed weight takes of its block.
#include <algorithm>
#include <cstring>

#include "ops/harness.h"
#include "ops/kernel_set.h"

using namespace seedstory;

namespace {

// Packs a weight in a block that goes on behind packed_bytes(): the last byte of the block is written, none behind it.
void expect_fills_its_block(Backend& backend, WeightFormat format, std::initializer_list<int64_t> dims, WeightUse use) {
  constexpr int64_t kBehind = 4096;
  constexpr unsigned char kUntouched = 0xa5;
  Inputs in(1);
  const Weight here = in.weight(format, dims);
  INFO(here.str() << ", use " << int(use) << ", " << backend.name());
  const int64_t bytes = backend.packed_bytes(Weight(nullptr, format, dims.begin(), dims.size()), use);
  auto* block = static_cast<unsigned char*>(backend.allocate(bytes + kBehind));
  std::memset(block, kUntouched, size_t(bytes + kBehind));
  Weight there(block, format, dims.begin(), dims.size());
  backend.upload(there.values, here.values.data);
  if (there.scales) backend.upload(there.scales, here.scales.data);
  const auto packed = backend.pack(there, use);
  CHECK(packed);
  CHECK(std::count(block + bytes, block + bytes + kBehind, kUntouched) == kBehind);
  CHECK(std::count(block + std::max<int64_t>(bytes - 4, 0), block + bytes, kUntouched) < 4);
  backend.release(block);
}

}  // namespace

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
