// The weight of a product: its numbers as they are stored, and what a backend made of them.
#pragma once

#include <string>

#include "seedstory/choice.h"
#include "seedstory/tensor.h"

namespace seedstory {

// How the numbers of a weight are held.
enum class WeightFormat { f32, f16, bf16, q8, q4 };

// By WeightFormat. With blocks a number is an integer times its block's scale, f16: llama.cpp's Q8_0 and Q4_0 in
// meaning. A block is `block` numbers along k.
struct WeightFormatChoice : Choice<WeightFormat> {
  DType values;
  int block;  // numbers that share a scale; 0: none
};
inline constexpr int kWeightBlock = 32;
inline constexpr WeightFormatChoice kWeightFormats[] = {
    {{WeightFormat::f32, "f32", "32 bits a number"}, DType::f32, 0},
    {{WeightFormat::f16, "f16", "16 bits, 11 of them significant"}, DType::f16, 0},
    {{WeightFormat::bf16, "bf16", "16 bits, 8 of them significant"}, DType::bf16, 0},
    {{WeightFormat::q8, "q8", "8.5 bits: -127 to 127, a scale for 32 along k"}, DType::i8, kWeightBlock},
    {{WeightFormat::q4, "q4", "4.5 bits: -8 to 7, a scale for 32 along k"}, DType::i4, kWeightBlock},
};

constexpr const WeightFormatChoice& row_of(WeightFormat format) {
  return row_of(kWeightFormats, format);
}
constexpr const char* name_of(WeightFormat format) {
  return row_of(format).name;
}

// A number, with its share of the scale.
constexpr double bits_of(WeightFormat format) {
  const auto& row = row_of(format);
  return double(bits_of(row.values)) + (row.block == 0 ? 0 : double(bits_of(DType::f16)) / row.block);
}

// How a weight will be used; lets a backend bring it into its own order once, at load. An op that multiplies with a
// weight `w` says which it is: `weight_use()`.
enum class WeightUse { linear, gated_linear, conv, upsample_conv };

// What a backend made of a weight (Backend::pack). Belongs to who asked for it, and is gone before the weight's memory.
struct PackedWeight {
  virtual ~PackedWeight() = default;
};

// Where the parts of an arena, a weight or a recording begin: full lines and TMA want 128 bytes, cudaMalloc gives 256.
inline constexpr int64_t kAlign = 256;
constexpr int64_t aligned(int64_t bytes) {
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

// A view, as Tensor is. k is axis 1. A weight that is packed is read through `packed` alone: its numbers are not where
// its shape says any more.
struct Weight {
  // Packed rows may be taken from multiples of this on.
  static constexpr int64_t kRowStep = 64;

  Tensor values;  // (n, k) or (n, k, kh, kw), as PyTorch stores it; contiguous for q8 and q4
  Tensor scales;  // f16 (n, k / 32) or (n, k / 32, kh, kw): of 32 k at one place of the kernel; absent without blocks
  const PackedWeight* packed = nullptr;
  int64_t first_row = 0;  // of what `packed` is made of

  Weight() = default;
  Weight(const Tensor& values, const Tensor& scales = {}) : values(values), scales(scales) {}

  // Laid out in a block of memory that begins at a multiple of kAlign: the values, then the scales. k must be a
  // multiple of the format's block.
  Weight(void* block, WeightFormat format, const int64_t* dims, size_t rank)
      : values(block, row_of(format).values, dims, rank) {
    if (row_of(format).block == 0) return;
    if (rank < 2 || dims[1] % kWeightBlock != 0)
      fail("Weight: " + values.str() + " in " + name_of(format) + ", expected a multiple of 32 in axis 1");
    scales = Tensor(static_cast<char*>(block) + aligned(values.bytes()), DType::f16, dims, rank);
    scales = scales_shaped(scales);
  }

  explicit operator bool() const { return bool(values); }

  // f32 for a type that no weight has; check() of the op refuses it.
  WeightFormat format() const {
    for (const auto& row : kWeightFormats)
      if (row.values == values.dtype) return row.value;
    return WeightFormat::f32;
  }

  // Of a block that holds it.
  int64_t bytes() const { return scales ? aligned(values.bytes()) + scales.bytes() : values.bytes(); }

  // Rows [begin, end).
  Weight rows(int64_t begin, int64_t end) const {
    if (packed && begin % kRowStep != 0)
      fail("Weight: rows from " + std::to_string(begin) + " on of the packed " + str() + ", expected a multiple of " +
           std::to_string(kRowStep));
    Weight out = *this;
    out.values = values.slice(0, begin, end);
    if (scales) out.scales = scales.slice(0, begin, end);
    out.first_row += begin;
    return out;
  }

  std::string str() const {  // "q8(64, 256)"
    const std::string text = values.str();
    return (scales ? name_of(format()) : name_of(values.dtype)) + text.substr(text.find('('));
  }

 private:
  static Tensor scales_shaped(const Tensor& like) {
    int64_t dims[Tensor::kMaxRank];
    for (int axis = 0; axis < like.rank; ++axis) dims[axis] = like.dim[axis] / (axis == 1 ? kWeightBlock : 1);
    return Tensor(like.data, DType::f16, dims, size_t(like.rank));
  }
};

}  // namespace seedstory
