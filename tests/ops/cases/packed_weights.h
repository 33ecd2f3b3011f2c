// What a packed weight takes of its block.
#pragma once

#include <algorithm>
#include <cstring>

#include "ops/harness.h"

namespace seedstory {

// Packs a weight in a block that goes on behind packed_bytes(): the last byte of the block is written, none behind it.
inline void expect_fills_its_block(Backend& backend, WeightFormat format, std::initializer_list<int64_t> dims,
                                   WeightUse use) {
  constexpr int64_t kBehind = 4096;
  constexpr unsigned char kUntouched = 0xa5;
  Inputs in(1);
  const Weight here = in.weight(format, dims);
  INFO(here.str() << ", use " << int(use) << ", " << backend.name());
  const int64_t bytes = backend.packed_bytes(Weight(nullptr, format, dims.begin(), dims.size()), use);
  auto* block = static_cast<unsigned char*>(backend.allocate(bytes + kBehind));  // the host sees it
  std::memset(block, kUntouched, size_t(bytes + kBehind));
  Weight there(block, format, dims.begin(), dims.size());
  backend.upload(there.values, here.values.data);
  if (there.scales) backend.upload(there.scales, here.scales.data);
  const auto packed = backend.pack(there, use);
  backend.finish();
  CHECK(packed);
  CHECK(std::count(block + bytes, block + bytes + kBehind, kUntouched) == kBehind);
  CHECK(std::count(block + std::max<int64_t>(bytes - 4, 0), block + bytes, kUntouched) < 4);
  backend.release(block);
}

}  // namespace seedstory
