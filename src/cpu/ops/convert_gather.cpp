// Convert and Embed (ops.h): what moves numbers from one place to another, of any type.
//
// Error  Against f64: Convert one rounding of the product in f32, one to y's type.
#include <cstring>

#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/rows.h"
#include "seedstory/float16.h"

namespace seedstory::cpu {
namespace {

char* bytes_of_row(const Tensor& t, int64_t row) {
  return static_cast<char*>(t.data) + row_offset(t, row) * size_of(t.dtype);
}

float load(DType type, const char* row, int64_t i) {
  if (type == DType::f32) return reinterpret_cast<const float*>(row)[i];
  const uint16_t bits = reinterpret_cast<const uint16_t*>(row)[i];
  return type == DType::f16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}

void store(DType type, char* row, int64_t i, float value) {
  if (type == DType::f32)
    reinterpret_cast<float*>(row)[i] = value;
  else
    reinterpret_cast<uint16_t*>(row)[i] = type == DType::f16 ? f32_to_f16(value) : f32_to_bf16(value);
}

}  // namespace

template <>
void execute(const Convert& op, ExecContext& context) {
  const int64_t cols = op.x.cols();
  const bool moves = op.x.dtype == op.y.dtype && op.scale == 1;
  if (moves && op.x.contiguous() && op.y.contiguous()) {
    parallel_rows(context.pool, op.x.bytes(), 1, [&](int64_t begin, int64_t end) {
      std::memcpy(static_cast<char*>(op.y.data) + begin, static_cast<const char*>(op.x.data) + begin,
                  size_t(end - begin));
    });
    return;
  }
  parallel_rows(context.pool, op.x.rows(), cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      if (moves)
        std::memcpy(bytes_of_row(op.y, row), bytes_of_row(op.x, row), size_t(cols * size_of(op.x.dtype)));
      else
        for (int64_t i = 0; i < cols; ++i)
          store(op.y.dtype, bytes_of_row(op.y, row), i, load(op.x.dtype, bytes_of_row(op.x, row), i) * op.scale);
  });
}

template <>
void execute(const Embed& op, ExecContext&) {
  const auto* ids = op.ids.as<int32_t>();
  const size_t row_bytes = size_t(op.y.cols() * size_of(op.y.dtype));
  for (int64_t row = 0; row < op.y.dim[0]; ++row)
    std::memcpy(bytes_of_row(op.y, row), bytes_of_row(op.table, ids[row]), row_bytes);
}

}  // namespace seedstory::cpu
