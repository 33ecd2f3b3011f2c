// What a packed weight takes of its block.
#pragma once

#include <algorithm>

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
  std::vector<unsigned char> seen(size_t(bytes + kBehind), kUntouched);
  const Tensor block(backend.allocate(bytes + kBehind), DType::u8, {bytes + kBehind});
  backend.upload(block, seen.data());
  Weight there(block.data, format, dims.begin(), dims.size());
  backend.upload(there.values, here.values.data);
  if (there.scales) backend.upload(there.scales, here.scales.data);
  const auto packed = backend.pack(there, use);
  backend.finish();
  backend.download(seen.data(), block);
  CHECK(packed);
  const auto behind = seen.begin() + bytes;
  CHECK(std::count(behind, seen.end(), kUntouched) == kBehind);
  CHECK(std::count(behind - std::min<int64_t>(bytes, 4), behind, kUntouched) < 4);
  backend.release(block.data);
}

}  // namespace seedstory
