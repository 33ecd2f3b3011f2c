// Linear (ops.h):  y <- act(x wT + bias) + residual
//
// Work    The weight lies in panels of sixteen columns of wT (multiply.h). A task is a block of rows by a block of
//         panels; its sums stay in the thread's L2 while the depth goes by in pieces whose panel fits L1, then bias,
//         activation and residual are applied on the way to y. With one row the weight is read once, in order.
// Error   Against f64, of the sum of magnitudes: a chain of k roundings, sqrt(k) 2^-24 and rarely twice that (Higham
//         and Mary 2019), and 2^-22 for the rest.
// Bits    An element is one chain over k: docs/decisions/0003-linear-summation-order.md says why not oneDNN's matmul.
#include "cpu/linear.h"

#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kRowBlock = 96;            // a multiple of every tile's rows; 96 x 256 of x are 96 KiB
constexpr int64_t kPanelBlock = 8;           // 128 columns: the sums of a task are 48 KiB
constexpr int64_t kDepthBlock = 256;         // a panel of it is 16 KiB, half of L1
constexpr double kWorthAThread = 64 * 1024;  // multiply-adds: some 3 us

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

void pack(const Tensor& w, float* panels, int threads) {
  const int64_t n = w.dim[0], depth = w.dim[1];
  parallel(threads, ceil_div(n, kPanel), 1 + 16 * 1024 / (kPanel * depth + 1), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t count = std::min(kPanel, n - panel * kPanel);
      const float* rows[kPanel];
      for (int64_t j = 0; j < count; ++j) rows[j] = row_of(w, panel * kPanel + j);
      kernels().pack_panel(rows, count, depth, panels + panel * kPanel * depth);
    }
  });
}

}  // namespace

void LinearWeights::prepare(const Tensor& w, Crew& crew) {
  if (w.rank != 2 || w.dtype != DType::f32 || w.numel() == 0) return;
  Packed& packed = packed_[static_cast<const char*>(w.data)];
  packed.w = w;
  pack(w, packed.panels.floats(ceil_div(w.dim[0], kPanel) * kPanel * w.dim[1]), crew.threads);
}

void LinearWeights::forget(const Tensor& w) {
  packed_.erase(static_cast<const char*>(w.data));
}

const float* LinearWeights::prepared(const Tensor& w) {
  const char* address = static_cast<const char*>(w.data);
  auto found = packed_.upper_bound(address);
  if (found == packed_.begin()) return nullptr;
  Packed& packed = (--found)->second;
  const Tensor& whole = packed.w;
  const int64_t row_bytes = whole.stride[0] * int64_t(sizeof(float)), offset = address - found->first;
  if (w.dim[1] != whole.dim[1] || (w.dim[0] > 1 && w.stride[0] != whole.stride[0])) return nullptr;
  if (offset % row_bytes != 0) return nullptr;
  const int64_t first = offset / row_bytes;
  if (first % kPanel != 0 || first + w.dim[0] > whole.dim[0]) return nullptr;
  return packed.panels.floats(0) + first * whole.dim[1];
}

void LinearWeights::execute(const Linear& op, Crew& crew) {
  const int64_t rows = op.x.dim[0], depth = op.x.dim[1], n = op.w.dim[0];
  if (rows == 0 || n == 0) return;
  const Kernels& run = kernels();
  const int64_t panel_stride = kPanel * depth;
  const float* panels = prepared(op.w);
  if (!panels) {
    float* packed = unprepared_.floats(ceil_div(n, kPanel) * panel_stride + 1);
    pack(op.w, packed, crew.threads);
    panels = packed;
  }
  const int64_t row_blocks = ceil_div(rows, kRowBlock), panel_blocks = ceil_div(n, kPanelBlock * kPanel);
  const double work = double(rows) * double(depth) * double(n);
  const int threads = work < 2 * kWorthAThread ? 1 : crew.threads;
  constexpr int64_t kSumsStride = kPanelBlock * kPanel;
  float* scratch = crew.scratch.floats(threads * kRowBlock * kSumsStride);

  parallel_tasks(threads, row_blocks * panel_blocks, [&](int64_t task, int thread) {
    const int64_t first_row = task / panel_blocks * kRowBlock, block_rows = std::min(kRowBlock, rows - first_row);
    const int64_t first_col = task % panel_blocks * kSumsStride, cols = std::min(kSumsStride, n - first_col);
    float* sums = scratch + thread * kRowBlock * kSumsStride;
    const float *x = row_of(op.x, first_row), *w = panels + first_col * depth;
    for (int64_t k = 0; k < depth || k == 0; k += kDepthBlock)
      run.multiply(block_rows, ceil_div(cols, kPanel), std::min(kDepthBlock, depth - k), x + k, op.x.stride[0],
                   w + k * kPanel, panel_stride, sums, kSumsStride, k > 0);
    for (int64_t row = 0; row < block_rows; ++row)
      run.finish(cols, sums + row * kSumsStride, op.bias ? op.bias.as<float>() + first_col : nullptr, op.act,
                 op.residual ? row_of(op.residual, first_row + row) + first_col : nullptr,
                 row_of(op.y, first_row + row) + first_col);
  });
}

}  // namespace seedstory::cpu
