// The weights of Linear and Conv2d as matrices in panels (microkernel.h), in the memory where they were uploaded.
#pragma once

#include <functional>
#include <map>

#include "cpu/runtime/exec_context.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "seedstory/tensor.h"

namespace seedstory::cpu {

// A matrix (n, depth) as sixteen of its rows side by side: panel i is [k][16], rows 16 i to 16 i + 15.
struct Panels {
  const void* whole = nullptr;  // the panels whose sixteen rows are all there, one after another
  DType type = DType::f32;      // of `whole`: f32 or bf16
  int64_t whole_count = 0;
  bool bf16x2 = false;         // bf16 in the order of Bf16Kernels
  const void* last = nullptr;  // the panel of the rows left over, the others 0, in pairs or f32; null where none are
  int64_t last_count = 0;      // how many those are
  int64_t depth = 0;

  int64_t count() const { return whole_count + (last ? 1 : 0); }

  // Numbers [k, k + depth) of a panel in f32, [k][16]: where they lie, or in `buffer`. k and depth even where pairs
  // are.
  const float* in_f32(int64_t panel, int64_t k, int64_t depth, float* buffer) const;
};

// A panel's numbers in the order of Bf16Kernels, rounded to bf16; depth even.
void interleave_k2(int64_t depth, const float* panel, uint16_t* to);

// Where a weight (n, ..) has its depth in the order of Conv2d's sum: taps outside, channels inside. A Linear has one
// tap.
struct DepthOrder {
  int64_t taps = 1, channels = 0;

  // The place in a stored row (channels, taps) of the k-th number of the sum.
  int64_t stored(int64_t k) const { return k % channels * taps + k / channels; }
};
DepthOrder depth_order(const Tensor& w);

// Brings weights into panels in place: a prepared weight takes no memory but its own. The rows past the last whole
// panel stay rows (their depth in the order of the sum), since a panel of them would be longer.
class PackedWeights {
 public:
  void pack(const Tensor& w, ExecContext&);
  void unpack(const Tensor& w);

  // Memory for what an op makes of a weight: of a whole prepared one it stays, and is new once; else it stays until the
  // next call.
  struct Derived {
    void* memory;
    bool is_new;
  };
  Derived derived(const Tensor& w, int64_t bytes);

  // The panels of a weight, or of some rows of one, prepared or not. Each of its `parts`, which lie one above the
  // other, begins a panel. What has to be copied for it stays until the next call: all of a weight that is not prepared
  // or whose parts are no multiple of a panel.
  Panels panels(const Tensor& w, int64_t parts, ExecContext&);

 private:
  // The prepared weight that w is rows of, and the first of them; else null.
  const Tensor* whole_of(const Tensor& w, int64_t& first) const;
  Panels copied(int64_t n, int64_t depth, int64_t first, bool bf16x2,
                const std::function<void(int64_t row, float* to)>& read, ExecContext&);

  std::map<const char*, Tensor> packed_;    // by the address of the weight
  std::map<const char*, Scratch> derived_;  // the same
  Scratch copy_, derived_of_unpacked_;
};

}  // namespace seedstory::cpu
