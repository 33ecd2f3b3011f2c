// Ops that move bytes and compute nothing: Copy, Embed and ScatterRows. Any type.
#include <cstring>

#include "cpu/execute.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

char* bytes_of_row(const Tensor& t, int64_t row) {
  return static_cast<char*>(t.data) + row_offset(t, row) * size_of(t.dtype);
}

}  // namespace

template <>
void execute(const Copy& op, Crew& crew) {
  const size_t row_bytes = size_t(op.x.cols() * size_of(op.x.dtype));
  if (op.x.contiguous() && op.y.contiguous()) {
    parallel_rows(crew.pool, op.x.bytes(), 1, [&](int64_t begin, int64_t end) {
      std::memcpy(static_cast<char*>(op.y.data) + begin, static_cast<const char*>(op.x.data) + begin,
                  size_t(end - begin));
    });
    return;
  }
  parallel_rows(crew.pool, op.x.rows(), op.x.cols(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      std::memcpy(bytes_of_row(op.y, row), bytes_of_row(op.x, row), row_bytes);
  });
}

template <>
void execute(const Embed& op, Crew&) {
  const auto* ids = op.ids.as<int32_t>();
  const size_t row_bytes = size_t(op.y.cols() * size_of(op.y.dtype));
  for (int64_t row = 0; row < op.y.dim[0]; ++row)
    std::memcpy(bytes_of_row(op.y, row), bytes_of_row(op.table, ids[row]), row_bytes);
}

template <>
void execute(const ScatterRows& op, Crew&) {
  const auto* slots = op.slots.as<int32_t>();
  const size_t row_bytes = size_t(op.x.cols() * size_of(op.x.dtype));
  for (int64_t row = 0; row < op.x.dim[0]; ++row)
    std::memcpy(bytes_of_row(op.y, slots[row]), bytes_of_row(op.x, row), row_bytes);
}

}  // namespace seedstory::cpu
