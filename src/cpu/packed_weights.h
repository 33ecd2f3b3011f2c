// The weights of Linear and Conv2d as matrices in panels (multiply.h), in the memory where they were uploaded.
#pragma once

#include <functional>
#include <map>

#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "seedstory/tensor.h"

namespace seedstory::cpu {

struct Crew;

// A matrix (n, depth) as sixteen of its rows side by side: panel i is [k][16], rows 16 i to 16 i + 15.
struct Panels {
  const void* whole = nullptr;  // the panels whose sixteen rows are all there, one after another
  DType type = DType::f32;      // of `whole`: f32 or bf16
  int64_t whole_count = 0;
  bool pairs = false;          // bf16 in the order of PairKernels
  const void* last = nullptr;  // the panel of the rows left over, the others 0, in pairs or f32; null where none are
  int64_t last_count = 0;      // how many those are
  int64_t depth = 0;

  int64_t count() const { return whole_count + (last ? 1 : 0); }

  // Numbers [k, k + depth) of a panel in f32, [k][16]: where they lie, or in `room`. k and depth even where pairs are.
  const float* in_f32(int64_t panel, int64_t k, int64_t depth, float* room) const;
};

// A panel's numbers in the order of PairKernels, rounded to bf16; depth even.
void pair_up(int64_t depth, const float* panel, uint16_t* to);

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
  void prepare(const Tensor& w, Crew&);
  void forget(const Tensor& w);

  // Memory for what an op makes of a weight: of a whole prepared one it stays, and is new once; else it stays until the
  // next call.
  struct Made {
    void* memory;
    bool is_new;
  };
  Made made_of(const Tensor& w, int64_t bytes);

  // The panels of a weight, or of some rows of one, prepared or not. Each of its `parts`, which lie one above the
  // other, begins a panel. What has to be copied for it stays until the next call: all of a weight that is not prepared
  // or whose parts are no multiple of a panel.
  Panels panels(const Tensor& w, int64_t parts, Crew&);

 private:
  // The prepared weight that w is rows of, and the first of them; else null.
  const Tensor* whole_of(const Tensor& w, int64_t& first) const;
  Panels copied(int64_t n, int64_t depth, int64_t first, bool pairs,
                const std::function<void(int64_t row, float* to)>& read, Crew&);

  std::map<const char*, Tensor> prepared_;  // by the address of the weight
  std::map<const char*, Scratch> made_;     // the same
  Scratch copy_, made_of_unprepared_;
};

}  // namespace seedstory::cpu
