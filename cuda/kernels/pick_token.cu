// PickToken (ops.h): the largest logit under the rules, the lowest id of equals.
//
// Work    One block: the published vocabulary is 128 KiB, which lies in L2. A thread owns every kThreads-th vector of
//         logits, 32 ids at a time, and learns from the list of ids with a rule which of its own are in it: one bit
//         each, so that nothing is shared before the threads compare what they have.
// Limits  vocab below 2^31. Logits that are not whole aligned vectors go one by one.
// Error   None. The order of the comparisons does not matter: of two pairs of logit and id the same one always wins.
#include "../choose.h"
#include "../device/vec.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / kWarp;
constexpr int kOwned = 32;  // ids of a thread at a time: the bits of a word

struct Args {
  int32_t* id;
  int32_t* length;             // or null
  const float* logits;         // (vocab)
  const int32_t* outside_ids;  // (outside_count)
  int vocab, outside_count;
  float outside;
  int banned;
};

struct Best {
  float logit = -INFINITY;
  int id = 0;  // where all logits are -INFINITY
  int numbers = 1;

  __device__ void take(const Best& other) {
    numbers &= other.numbers;
    if (other.logit > logit || (other.logit == logit && other.id < id)) logit = other.logit, id = other.id;
  }
};

// Who calls: every lane of the warp. Who gets the best: every lane.
__device__ Best warp_best(Best best) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    const Best other{__shfl_xor_sync(kFullWarp, best.logit, lanes), __shfl_xor_sync(kFullWarp, best.id, lanes),
                     __shfl_xor_sync(kFullWarp, best.numbers, lanes)};
    best.take(other);
  }
  return best;
}

struct Shared {
  float logit[kWarps];
  int id[kWarps], numbers[kWarps];
};

template <int kSize>
__global__ void __launch_bounds__(kThreads) pick_token(const __grid_constant__ Args a) {
  constexpr int kVecs = kOwned / kSize;
  Best best;
  for (int64_t first = 0; first < a.vocab; first += kThreads * kOwned) {
    // Vector v of this thread holds ids first + (v * kThreads + thread) * kSize and the next ones.
    uint32_t is_outside = 0;
    for (int i = 0; i < a.outside_count; ++i) {
      const int64_t at = a.outside_ids[i] - first, vec = at / kSize;
      if (at >= 0 && at < kThreads * kOwned && vec % kThreads == threadIdx.x)
        is_outside |= 1u << (vec / kThreads * kSize + at % kSize);
    }
    for (int v = 0; v < kVecs; ++v) {
      const int64_t at = first + (int64_t(v) * kThreads + threadIdx.x) * kSize;
      if (at >= a.vocab) break;
      const auto logits = load_vec<Vec<float, kSize>>(a.logits + at);
      for (int i = 0; i < kSize; ++i) {
        const int id = int(at) + i;
        const float l = id == a.banned ? -INFINITY : is_outside >> (v * kSize + i) & 1 ? a.outside : logits.v[i];
        best.numbers &= l == l;
        if (l > best.logit) best.logit = l, best.id = id;  // ids ascend: of equals the first stays
      }
    }
  }

  Shared& of_warp = shared<Shared>();
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  best = warp_best(best);
  if (lane == 0) of_warp.logit[warp] = best.logit, of_warp.id[warp] = best.id, of_warp.numbers[warp] = best.numbers;
  __syncthreads();  // every warp's best is there to be compared
  if (warp != 0) return;
  static_assert(kWarps == kWarp);
  best = warp_best({of_warp.logit[lane], of_warp.id[lane], of_warp.numbers[lane]});
  if (lane != 0) return;
  *a.id = best.numbers ? best.id : -1;
  if (a.length) ++*a.length;
}

}  // namespace

void launch_op(const PickToken& op, const Queue& queue) {
  const int64_t vocab = op.logits.cols();
  if (vocab > INT32_MAX) fail("PickToken: logits is " + op.logits.str() + ", ids of the CUDA kernel have 31 bits");
  const Args args{.id = op.id.as<int32_t>(),
                  .length = op.length ? op.length.as<int32_t>() : nullptr,
                  .logits = op.logits.as<float>(),
                  .outside_ids = op.outside_ids ? op.outside_ids.as<int32_t>() : nullptr,
                  .vocab = int(vocab),
                  .outside_count = op.outside_ids ? int(op.outside_ids.dim[0]) : 0,
                  .outside = op.outside,
                  .banned = op.banned};
  if (vocab % 4 == 0 && has_16_byte_rows(op.logits))
    launch<Shared, pick_token<4>>(1, kThreads, queue, args);
  else
    launch<Shared, pick_token<1>>(1, kThreads, queue, args);
}

}  // namespace seedstory
