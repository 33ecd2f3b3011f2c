// What becomes of a product's sums, in one place for all products:
//
//   y <- act(sum + bias) + residual      or, with a gate,      y <- (value + bias) * act(gate + bias)
//
// in f32, rounded once. A thread takes a few neighbours of a row at once.
#pragma once

#include "activate.cuh"
#include "gemm.cuh"

namespace seedstory {

// Elements from the start of y and of the residual to a row.
struct RowOffsets {
  int64_t y, residual;
};

// What the end of a product gets beside the sums.
struct Epilogue {
  void* y;                            // (rows, cols), of T, or f32 where `wide`
  const float* bias;                  // (cols), with a gate (2 cols): values, then gates; or null
  const void* residual;               // (rows, cols), of y's type; or null
  int64_t y_stride, residual_stride;  // elements from row to row
  int64_t rows, cols;
  Activation act;
  bool wide;     // y and residual are f32, whatever T is
  bool aligned;  // rows of all three start at multiples of 16 bytes

  __device__ RowOffsets row(int64_t row) const { return {row * y_stride, row * residual_stride}; }
};

// bias and residual may be absent. Of so many rows, which lie where the caller says.
inline Epilogue epilogue(const Tensor& y, const Tensor& bias, const Tensor& residual, Activation act, int64_t rows) {
  return {.y = y.data,
          .bias = bias ? bias.as<float>() : nullptr,
          .residual = residual.data,
          .y_stride = 0,
          .residual_stride = 0,
          .rows = rows,
          .cols = y.cols(),
          .act = act,
          .wide = y.dtype == DType::f32,
          .aligned = has_16_byte_rows(y) && has_16_byte_rows(bias) && has_16_byte_rows(residual)};
}

// Of the rows of a matrix.
inline Epilogue epilogue(const Tensor& y, const Tensor& bias, const Tensor& residual, Activation act) {
  Epilogue e = epilogue(y, bias, residual, act, y.rows());
  e.y_stride = y.row_stride();
  if (residual) e.residual_stride = residual.row_stride();
  return e;
}

// bias[col, col + kSize); zero where there is none.
template <int kSize>
__device__ void load_bias(float (&to)[kSize], const float* bias, int64_t col, int64_t cols, bool aligned) {
  for (int i = 0; i < kSize; ++i) to[i] = 0;
  if (!bias) return;
  if (aligned && col + kSize <= cols) {
    const auto all = load_vec<Vec<float, kSize>>(bias + col);
    for (int i = 0; i < kSize; ++i) to[i] = all.v[i];
  } else {
    for (int i = 0; i < kSize && col + i < cols; ++i) to[i] = bias[col + i];
  }
}

// Columns [col, col + kSize) of a row of y <- value + residual.
template <class T, int kSize>
__device__ void store_row(const Epilogue& e, RowOffsets at, int64_t col, const float (&value)[kSize]) {
  T* const y = static_cast<T*>(e.y) + at.y + col;
  const T* const residual = e.residual ? static_cast<const T*>(e.residual) + at.residual + col : nullptr;
  if (e.aligned && col + kSize <= e.cols) {
    Vec<T, kSize> out;
    if (residual) {
      const auto r = load_vec<Vec<T, kSize>>(residual);
      for (int i = 0; i < kSize; ++i) out.v[i] = from_float<T>(value[i] + to_float(r.v[i]));
    } else {
      for (int i = 0; i < kSize; ++i) out.v[i] = from_float<T>(value[i]);
    }
    store_vec(y, out);
  } else {
    for (int i = 0; i < kSize && col + i < e.cols; ++i)
      y[i] = from_float<T>(residual ? value[i] + to_float(residual[i]) : value[i]);
  }
}

// What a thread does with its neighbours in a row, [col, col + kSize) of y, in as many rows as it has.
template <class T, bool kGate, int kSize>
class Columns {
 public:
  __device__ Columns(const Epilogue& e, int64_t col) : col_(col) {
    load_bias(bias_, e.bias, col, e.cols, e.aligned);
    if constexpr (kGate)
      load_bias(gate_bias_, e.bias ? e.bias + e.cols : nullptr, col, e.cols, e.aligned && e.cols % kSize == 0);
  }

  // The sums of a row; `gates` are read where there is a gate.
  __device__ void finish(const Epilogue& e, RowOffsets at, const float* sums, const float* gates) const {
    float value[kSize];
    for (int i = 0; i < kSize; ++i) {
      value[i] = sums[i] + bias_[i];
      if constexpr (kGate)
        value[i] *= activate(e.act, gates[i] + gate_bias_[i]);
      else
        value[i] = activate(e.act, value[i]);
    }
    if (sizeof(T) == 4 || e.wide)
      store_row<float>(e, at, col_, value);
    else
      store_row<T>(e, at, col_, value);
  }

 private:
  int64_t col_;
  float bias_[kSize], gate_bias_[kGate ? kSize : 1];
};

// Shared memory that a tile's sums go through, so that a thread gets neighbours: half of the tile's rows at once where
// all would take more than the ring did. 8 more columns than the tile's: what lanes of mma hold of 8 rows then falls
// into different banks.
template <class Tile>
struct alignas(16) TileOfSums {
  static constexpr int cols = Tile::cols + 8;
  static constexpr bool all = Tile::rows * cols * 4 <= kStages * (Tile::rows + Tile::cols) * kChunks * 16;
  static constexpr int rows = all ? Tile::rows : Tile::rows / 2;
  static_assert(rows % Tile::warp_rows == 0);
  float at[rows][cols];
};

// Ends a product of T: a block's sums into the tile of y whose first element is (first_row, first_col). With kGate the
// first half of the tile's columns are values, the second half their gates, and y's tile is half as wide.
// offsets_of(row) gives the RowOffsets of a row. Who calls: the whole block, after a barrier since `through` was used
// for something else.
//
// A lane has 4 columns, the same in all of its rows: 16 bytes of shared memory from lane to lane, 8 bytes of y, and one
// load of bias.
template <class T, class Tile, bool kGate, class OffsetsOf>
__device__ void finish(const Epilogue& e, const Sums<Tile>& sum, TileOfSums<Tile>& through, int64_t first_row,
                       int64_t first_col, OffsetsOf&& offsets_of) {
  const int lane = int(threadIdx.x) % kWarp;
  constexpr int kSize = 4, kCols = kGate ? Tile::cols / 2 : Tile::cols, kRows = TileOfSums<Tile>::rows;
  constexpr int kLanes = kCols / kSize, kRowsAtOnce = Tile::threads / kLanes;  // lanes for a row of the tile
  const int at = int(threadIdx.x) % kLanes * kSize;
  const int64_t col = first_col + at;
  const bool has_columns = int(threadIdx.x) < kRowsAtOnce * kLanes && col < e.cols;  // 40 lanes do not divide 256
  const Columns<T, kGate, kSize> columns(e, col);

#pragma unroll  // as a loop it would cost the main loop of 128 x 160 registers (ptxas, sm_90a)
  for (int first = 0; first < Tile::rows; first += kRows) {
    if (first > 0) __syncthreads();  // everyone has read the rows before
    const int warp_first = warp_row<Tile>() - first;
    if (warp_first >= 0 && warp_first < kRows) {
#pragma unroll
      for (int i = 0; i < Tile::warp_rows / 16; ++i)
#pragma unroll
        for (int j = 0; j < Tile::warp_cols / 8; ++j)
          for (int half = 0; half < 2; ++half)
            store_vec(&through.at[warp_first + i * 16 + half * 8 + lane / 4][warp_col<Tile>() + j * 8 + lane % 4 * 2],
                      Vec<float, 2>{sum[i][j][half * 2], sum[i][j][half * 2 + 1]});
    }
    __syncthreads();  // every sum is there to be finished, by whoever
    if (!has_columns) continue;
    const int rows = int(min(int64_t(kRows), e.rows - first_row - first));
    for (int row = int(threadIdx.x) / kLanes; row < rows; row += kRowsAtOnce) {
      const auto sums = load_vec<Vec<float>>(&through.at[row][at]);
      Vec<float> gates;
      if constexpr (kGate) gates = load_vec<Vec<float>>(&through.at[row][kCols + at]);
      columns.finish(e, offsets_of(first_row + first + row), sums.v, gates.v);
    }
  }
}

}  // namespace seedstory
