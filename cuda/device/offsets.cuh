// Tensors of one shape that are walked together, each by its own strides, as PyTorch's TensorIterator does it.
#pragma once

#include "seedstory/tensor.h"
#include "vec.cuh"

namespace seedstory {

template <int kTensors>
struct Offsets {
  static constexpr int kOuterAxes = Tensor::kMaxRank - 1;

  int64_t rows, cols;                    // cols along the last axis
  int step[kTensors];                    // elements from column to column: 1, or 0 where one is repeated
  int axes;                              // before the last; those that lie behind each other in every tensor are one
  uint32_t dim[kOuterAxes];              // innermost first
  int64_t stride[kTensors][kOuterAxes];  // in elements
  uint32_t pieces, pieces_of_row;        // what a thread takes: some elements of a row (in_pieces)

  // Elements from the start of each tensor to its piece of kSize elements.
  template <int kSize>
  __device__ void of_piece(uint32_t piece, int64_t (&at)[kTensors]) const {
    const int64_t col = int64_t(piece % pieces_of_row) * kSize;
    uint32_t row = piece / pieces_of_row;
    for (int t = 0; t < kTensors; ++t) at[t] = step[t] * col;
#pragma unroll
    for (int axis = 0; axis < kOuterAxes; ++axis) {
      if (axis >= axes) break;
      const int64_t i = row % dim[axis];
      row /= dim[axis];
      for (int t = 0; t < kTensors; ++t) at[t] += i * stride[t][axis];
    }
  }
};

// Of tensors with the same dimensions; a stride may be 0.
template <int kTensors>
Offsets<kTensors> offsets_of(const Tensor (&tensors)[kTensors]) {
  const int last = tensors[0].rank - 1;
  Offsets<kTensors> o{.rows = 1,
                      .cols = tensors[0].dim[last],
                      .step = {},
                      .axes = 0,
                      .dim = {},
                      .stride = {},
                      .pieces = 0,
                      .pieces_of_row = 0};
  for (int t = 0; t < kTensors; ++t) o.step[t] = int(tensors[t].stride[last]);
  for (int axis = last - 1; axis >= 0; --axis) {
    const int64_t dim = tensors[0].dim[axis];
    if (dim == 1) continue;
    bool goes_on = true;  // one step of this axis is all of the one inside
    for (int t = 0; t < kTensors; ++t)
      goes_on &= tensors[t].stride[axis] ==
                 (o.axes == 0 ? o.step[t] * o.cols : o.stride[t][o.axes - 1] * int64_t(o.dim[o.axes - 1]));
    if (goes_on && o.axes == 0) {
      o.cols *= dim;
      continue;
    }
    o.rows *= dim;
    if (goes_on) {
      o.dim[o.axes - 1] *= uint32_t(dim);
      continue;
    }
    o.dim[o.axes] = uint32_t(dim);
    for (int t = 0; t < kTensors; ++t) o.stride[t][o.axes] = tensors[t].stride[axis];
    ++o.axes;
  }
  return o;
}

// Whether each row of each tensor is whole vectors of `size` elements, in which the tensor can be moved.
template <int kTensors>
bool in_vectors(const Offsets<kTensors>& o, const Tensor (&tensors)[kTensors], int64_t size) {
  if (o.cols % size != 0) return false;
  for (int t = 0; t < kTensors; ++t) {
    if (o.step[t] == 0) continue;
    if (reinterpret_cast<uintptr_t>(tensors[t].data) % uintptr_t(size * size_of(tensors[t].dtype)) != 0) return false;
    for (int axis = 0; axis < o.axes; ++axis)
      if (o.stride[t][axis] % size != 0) return false;
  }
  return true;
}

// Cuts the rows into pieces of kMost elements where all tensors can be moved so, else of one, and calls
// start.operator()<that many>().
template <int kMost, int kTensors, class Start>
void in_pieces(Offsets<kTensors>& o, const Tensor (&tensors)[kTensors], const char* op, Start&& start) {
  const int64_t size = in_vectors(o, tensors, kMost) ? kMost : 1, pieces = o.rows * (o.cols / size);
  if (pieces >= int64_t(1) << 31)
    fail(std::string(op) + ": " + std::to_string(pieces) + " pieces are more than the CUDA kernels count");
  o.pieces = uint32_t(pieces), o.pieces_of_row = uint32_t(o.cols / size);
  if (size == kMost)
    start.template operator()<kMost>();
  else
    start.template operator()<1>();
}

}  // namespace seedstory
