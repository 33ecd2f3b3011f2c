// Embed (ops.h):  y[i] <- table[ids[i]]
//
// Work    A block moves 4 KiB of a row: a thread 16 bytes, a warp an unbroken stretch. Memory is the limit.
// Limits  Rows that are not whole vectors of 16 bytes, aligned, go element by element.
// Error   None: bits are moved.
#include "../choose.h"
#include "../device/vec.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

template <class V>
struct Args {
  V* y;                            // (rows, size)
  const V* table;                  // (vocab, size)
  const int32_t* ids;              // (rows)
  int64_t y_stride, table_stride;  // V from row to row
  int64_t size;                    // of a row
};

template <class V>
__global__ void __launch_bounds__(kThreads) embed(const __grid_constant__ Args<V> a) {
  const int64_t row = blockIdx.x, i = int64_t(blockIdx.y) * kThreads + threadIdx.x;
  if (i >= a.size) return;
  store_vec(a.y + row * a.y_stride + i, load_vec<V>(a.table + a.ids[row] * a.table_stride + i));
}

}  // namespace

void launch_op(const Embed& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  const int64_t element = size_of(op.y.dtype);
  const auto start = [&]<class V>() {
    const int64_t elements = int64_t(sizeof(V)) / element;
    const Args<V> args{.y = static_cast<V*>(op.y.data),
                       .table = static_cast<const V*>(op.table.data),
                       .ids = op.ids.as<int32_t>(),
                       .y_stride = op.y.row_stride() / elements,
                       .table_stride = op.table.row_stride() / elements,
                       .size = op.y.cols() / elements};
    const dim3 grid(unsigned(op.y.rows()), unsigned(ceil_div(args.size, kThreads)));
    launch<NoShared, embed<V>>(grid, kThreads, queue, args);
  };
  if (op.y.cols() * element % 16 == 0 && has_16_byte_rows(op.y) && has_16_byte_rows(op.table))
    start.template operator()<Vec<uint8_t>>();
  else if (element == 4)
    start.template operator()<Vec<uint8_t, 4>>();
  else
    start.template operator()<Vec<uint8_t, 2>>();
}

}  // namespace seedstory
