// A view of numbers that somebody else owns: an arena, a mapped file, a test.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "seedstory/error.h"

namespace seedstory {

// i4: two's complement, two numbers a byte, the first in the lower half.
enum class DType : uint8_t { f32, f16, bf16, i32, u8, i8, i4 };

constexpr int64_t bits_of(DType type) {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 32;
    case DType::f16:
    case DType::bf16:
      return 16;
    case DType::u8:
    case DType::i8:
      return 8;
    case DType::i4:
      return 4;
  }
  return 0;
}

// In bytes; an i4 has no size of its own.
constexpr int64_t size_of(DType type) {
  if (type == DType::i4) fail("size_of: i4 is half a byte");
  return bits_of(type) / 8;
}

constexpr const char* name_of(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
    case DType::i8:
      return "i8";
    case DType::i4:
      return "i4";
  }
  return "?";
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::i8;
};

// Row-major, outermost dimension first. The last axis is contiguous (stride 1) for every op; outer strides are free, so
// that one head of a projection or one half of a concatenation is a tensor too. A tensor without dimensions is
// "absent": ops use it for optional arguments.
struct Tensor {
  static constexpr int kMaxRank = 5;

  void* data = nullptr;  // in the backend's memory
  DType dtype = DType::f32;
  int rank = 0;
  int64_t dim[kMaxRank] = {};
  int64_t stride[kMaxRank] = {};  // in elements

  Tensor() = default;
  Tensor(void* data, DType dtype, std::initializer_list<int64_t> dims)
      : Tensor(data, dtype, dims.begin(), dims.size()) {}
  Tensor(void* data, DType dtype, const int64_t* dims, size_t count) : data(data), dtype(dtype), rank(int(count)) {
    if (count > kMaxRank) fail("Tensor: rank " + std::to_string(count) + ", at most 5 are supported");
    int64_t step = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      dim[axis] = dims[axis];
      stride[axis] = step;
      step *= dims[axis];
    }
  }

  explicit operator bool() const { return rank != 0; }

  int64_t numel() const {
    int64_t n = rank == 0 ? 0 : 1;
    for (int axis = 0; axis < rank; ++axis) n *= dim[axis];
    return n;
  }
  int64_t bytes() const { return (numel() * bits_of(dtype) + 7) / 8; }
  int64_t cols() const { return dim[rank - 1]; }                       // length of the last axis
  int64_t rows() const { return cols() == 0 ? 0 : numel() / cols(); }  // everything before it

  bool contiguous() const {
    int64_t step = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      if (dim[axis] != 1 && stride[axis] != step) return false;
      step *= dim[axis];
    }
    return true;
  }

  // Elements from row to row when all axes but the last are seen as one; fails if they cannot be.
  int64_t row_stride() const {
    int64_t step = 0, extent = 1;
    for (int axis = rank - 2; axis >= 0; --axis) {
      if (dim[axis] == 1) continue;
      if (step == 0)
        step = stride[axis];
      else if (stride[axis] != step * extent)
        fail("Tensor: " + str() + " has no single row stride");
      extent *= dim[axis];
    }
    return step == 0 ? cols() : step;
  }

  // The same numbers under other dimensions; the tensor must be contiguous.
  Tensor reshape(std::initializer_list<int64_t> dims) const {
    Tensor out(data, dtype, dims);
    if (!contiguous() || out.numel() != numel()) fail("Tensor: " + str() + " cannot be seen as " + out.str());
    return out;
  }

  // Elements [begin, end) of one axis.
  Tensor slice(int axis, int64_t begin, int64_t end) const {
    if (axis < 0 || axis >= rank || begin < 0 || end < begin || end > dim[axis])
      fail("Tensor: no [" + std::to_string(begin) + ", " + std::to_string(end) + ") in axis " + std::to_string(axis) +
           " of " + str());
    Tensor out = *this;
    const int64_t bits = begin * stride[axis] * bits_of(dtype);
    if (bits % 8 != 0) fail("Tensor: a slice of " + str() + " from " + std::to_string(begin) + " on begins in a byte");
    out.data = static_cast<char*>(data) + bits / 8;
    out.dim[axis] = end - begin;
    return out;
  }

  // Axis `axis` of length a*b seen as two axes (a, b).
  Tensor split(int axis, int64_t b) const {
    if (rank == kMaxRank || b <= 0 || dim[axis] % b != 0) fail("Tensor: axis of " + str() + " cannot be split");
    Tensor out = *this;
    out.rank = rank + 1;
    for (int i = rank; i > axis; --i) {
      out.dim[i] = dim[i - 1];
      out.stride[i] = stride[i - 1];
    }
    out.dim[axis] = dim[axis] / b;
    out.dim[axis + 1] = b;
    out.stride[axis + 1] = stride[axis];
    out.stride[axis] = stride[axis] * b;
    return out;
  }

  template <class T>
  T* as() const {
    if (dtype != DTypeOf<T>::value) fail("Tensor: " + str() + " read as " + name_of(DTypeOf<T>::value));
    return static_cast<T*>(data);
  }

  std::string str() const {  // "f32(2, 64)"
    std::string s = std::string(name_of(dtype)) + "(";
    for (int axis = 0; axis < rank; ++axis) s += (axis ? ", " : "") + std::to_string(dim[axis]);
    return s + ")";
  }
};

inline bool same_shape(const Tensor& a, const Tensor& b) {
  if (a.rank != b.rank) return false;
  for (int axis = 0; axis < a.rank; ++axis)
    if (a.dim[axis] != b.dim[axis]) return false;
  return true;
}

}  // namespace seedstory
