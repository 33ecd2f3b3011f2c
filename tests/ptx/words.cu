// A kernel for each word of gpu.cuh and cuda/device. tests/ptx runs them on fibers and as the PTX that nvcc makes of
// them: the inline assembly of cuda/native/gpu.cuh against the emulator, word by word.
#include "../../cuda/device/activate.cuh"
#include "../../cuda/device/online_softmax.cuh"
#include "../../cuda/device/reduce.cuh"
#include "../../cuda/device/swizzle.cuh"
#include "words.h"

namespace seedstory {
namespace {

struct Room {
  alignas(16) uint32_t rows[32][4];
  float partial[1];
};

__device__ uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}
__device__ float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

template <bool kTransposed>
struct Ldmatrix {
  static constexpr int in = 4, out = 4;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    uint32_t(&row)[4] = shared<Room>().rows[threadIdx.x];
    for (int i = 0; i < 4; ++i) row[i] = in[i];
    __syncwarp();
    uint32_t got[4];
    kTransposed ? ldmatrix_trans(got, row) : ldmatrix(got, row);
    for (int i = 0; i < 4; ++i) out[i] = got[i];
  }
};

// Of eighths up to 4, so that every order of the sums and every way to round them gives the same: a card's tensor cores
// do not say theirs.
template <class T>
struct Mma {
  static constexpr int in = 10, out = 4;
  static __device__ float low(uint32_t two_f16) {
    f16 x;
    memcpy(&x, &two_f16, 2);
    return to_float(x);
  }
  static __device__ uint32_t pair(uint32_t two_f16) { return pack<T>(low(two_f16), low(two_f16 >> 16)); }
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    const uint32_t a[4] = {pair(in[0]), pair(in[1]), pair(in[2]), pair(in[3])}, b[2] = {pair(in[4]), pair(in[5])};
    float d[4] = {low(in[6]), low(in[7]), low(in[8]), low(in[9])};
    mma<T>(d, a, b);
    for (int i = 0; i < 4; ++i) out[i] = bits_of(d[i]);
  }
};

struct MmaS8 {
  static constexpr int in = 10, out = 4;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    const uint32_t a[4] = {in[0], in[1], in[2], in[3]}, b[2] = {in[4], in[5]};
    const int32_t c[4] = {int32_t(in[6]), int32_t(in[7]), int32_t(in[8]), int32_t(in[9])};
    int32_t d[4];
    mma_s8(d, a, b, c);
    for (int i = 0; i < 4; ++i) out[i] = uint32_t(d[i]);
  }
};

// Three groups of one piece each, waited for one after the other: lane i brings i % 17 bytes of it.
struct CopyAsync {
  static constexpr int in = 4, out = 4;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    uint32_t(&row)[4] = shared<Room>().rows[threadIdx.x];
    copy_async(row, in, int(threadIdx.x) % 17);
    copy_async_commit();
    copy_async_commit();
    copy_async_wait<1>();
    __syncthreads();
    for (int i = 0; i < 4; ++i) out[i] = shared<Room>().rows[threadIdx.x ^ 1][i];
  }
};

template <class V>
struct MoveVec {
  static constexpr int in = 4, out = 4;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    for (int i = 0; i < int(16 / sizeof(V)); ++i)
      store_vec(reinterpret_cast<char*>(out) + size_t(i) * sizeof(V),
                load_vec<V>(reinterpret_cast<const char*>(in) + size_t(i) * sizeof(V)));
  }
};

// Through shared memory, so that the generic store finds its space.
struct StoreShared {
  static constexpr int in = 4, out = 4;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    uint32_t(&row)[4] = shared<Room>().rows[threadIdx.x];
    store_vec(row, load_vec<Vec<uint32_t>>(in));
    __syncwarp();
    store_vec(out, load_vec<Vec<uint32_t>>(shared<Room>().rows[31 - threadIdx.x]));
  }
};

// All lanes add to one word, the first lane's. Who comes when is not said; that the last one finds the others is.
struct AtomicAdd {
  static constexpr int in = 1, out = 2;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    uint32_t* const sum = out - threadIdx.x * 2;
    if (threadIdx.x == 0) *sum = 0;
    __syncthreads();
    const uint32_t before = atomic_add(sum, in[0]);
    __syncthreads();
    out[1] = uint32_t(__any_sync(kFullWarp, before + in[0] == *sum));
    if (threadIdx.x > 0) out[0] = 0;
  }
};

// To a lane's neighbour.
struct ReleaseAcquire {
  static constexpr int in = 1, out = 2;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    store_release(out, in[0]);
    __syncthreads();
    out[1] = load_acquire(out - threadIdx.x * 2 + (threadIdx.x ^ 1) * 2);
  }
};

template <class T>
struct Round {
  static constexpr int in = 1, out = 2;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    const T rounded = from_float<T>(float_of(in[0]));
    out[0] = 0;
    memcpy(out, &rounded, sizeof(T));
    out[1] = bits_of(to_float(rounded));
  }
};

template <class T>
struct Pack {
  static constexpr int in = 2, out = 1;
  static __device__ void run(uint32_t* out, const uint32_t* in) { out[0] = pack<T>(float_of(in[0]), float_of(in[1])); }
};

template <class T>
struct FmaPair {
  static constexpr int in = 3, out = 1;
  static __device__ void run(uint32_t* out, const uint32_t* in) { out[0] = fma_pair<T>(in[0], in[1], in[2]); }
};

struct PermuteBytes {
  static constexpr int in = 2, out = 3;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    out[0] = permute_bytes<0x4140>(in[0], in[1]);
    out[1] = permute_bytes<0x4342>(in[0], in[1]);
    out[2] = permute_bytes<0x0527>(in[0], in[1]);
  }
};

struct Exp2Approx {
  static constexpr int in = 1, out = 1;
  static __device__ void run(uint32_t* out, const uint32_t* in) { out[0] = bits_of(exp2_approx(float_of(in[0]))); }
};

// Four scores in two parts, and four more in another softmax.
struct OnlineSoftmaxes {
  static constexpr int in = 8, out = 4;
  static __device__ void add(OnlineSoftmax& softmax, const uint32_t* scores) {
    softmax.raise(fmaxf(float_of(scores[0]), float_of(scores[1])));
    for (int i = 0; i < 2; ++i) softmax.sum += exp2_approx(float_of(scores[i]) + softmax.offset());
  }
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    OnlineSoftmax left, right;
    add(left, in), add(left, in + 2), add(right, in + 4), add(right, in + 6);
    const OnlineSoftmax::Factors factors = left.merge(right);
    out[0] = bits_of(left.max), out[1] = bits_of(left.sum);
    out[2] = bits_of(factors.mine), out[3] = bits_of(factors.other);
  }
};

struct Shuffles {
  static constexpr int in = 1, out = 7;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    const uint32_t mine = in[0];
    out[0] = __shfl_sync(kFullWarp, mine, 5);
    out[1] = __shfl_xor_sync(kFullWarp, mine, 6);
    out[2] = __shfl_down_sync(kFullWarp, mine, 3);
    out[3] = __shfl_up_sync(kFullWarp, mine, 3);
    out[4] = __ballot_sync(kFullWarp, mine & 1);
    out[5] = uint32_t(__any_sync(kFullWarp, mine % 64 == 7) != 0);
    out[6] = uint32_t(__all_sync(kFullWarp, mine % 64 != 7) != 0);
  }
};

struct Sums {
  static constexpr int in = 1, out = 2;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    out[0] = bits_of(warp_sum(float_of(in[0])));
    out[1] = bits_of(block_sum(float_of(in[0]), shared<Room>().partial));
  }
};

struct Swizzles {
  static constexpr int in = 1, out = 2;
  static __device__ void run(uint32_t* out, const uint32_t* in) {
    out[0] = uint32_t(swizzled<4>(int(in[0] % 64), int(in[0] / 64 % 4)));
    out[1] = uint32_t(swizzled<8>(int(in[0] % 64), int(in[0] / 64 % 8)));
  }
};

template <Activation kAct>
struct Activated {
  static constexpr int in = 1, out = 1;
  static __device__ void run(uint32_t* out, const uint32_t* in) { out[0] = bits_of(activate(kAct, float_of(in[0]))); }
};

template <class W>
__global__ void word(uint32_t* out, const uint32_t* in) {
  W::run(out + threadIdx.x * W::out, in + threadIdx.x * W::in);
}

template <class W>
WordTest entry(const char* name, bool exact = true) {
  return {name, W::in, W::out, exact,
          [](uint32_t* out, const uint32_t* in) { launch<Room, word<W>>(1, 32, nullptr, out, in); }};
}

}  // namespace

std::span<const WordTest> all_words() {
  static const WordTest words[] = {
      entry<Ldmatrix<false>>("ldmatrix"),
      entry<Ldmatrix<true>>("ldmatrix_trans"),
      entry<Mma<f16>>("mma<f16>"),
      entry<Mma<bf16>>("mma<bf16>"),
      entry<MmaS8>("mma_s8"),
      entry<CopyAsync>("copy_async"),
      entry<MoveVec<Vec<uint16_t, 1>>>("2 bytes"),
      entry<MoveVec<Vec<uint32_t, 1>>>("4 bytes"),
      entry<MoveVec<Vec<uint32_t, 2>>>("8 bytes"),
      entry<MoveVec<Vec<uint32_t>>>("16 bytes"),
      entry<StoreShared>("16 bytes of shared memory"),
      entry<AtomicAdd>("atomic_add"),
      entry<ReleaseAcquire>("load_acquire and store_release"),
      entry<Round<float>>("from_float<float>"),
      entry<Round<f16>>("from_float<f16>"),
      entry<Round<bf16>>("from_float<bf16>"),
      entry<Pack<f16>>("pack<f16>"),
      entry<Pack<bf16>>("pack<bf16>"),
      entry<FmaPair<f16>>("fma_pair<f16>"),
      entry<FmaPair<bf16>>("fma_pair<bf16>"),
      entry<PermuteBytes>("permute_bytes"),
      entry<Exp2Approx>("exp2_approx", false),
      entry<OnlineSoftmaxes>("OnlineSoftmax", false),
      entry<Shuffles>("shuffles and votes"),
      entry<Sums>("warp_sum and block_sum"),
      entry<Swizzles>("swizzled"),
      entry<Activated<Activation::gelu>>("gelu", false),
      entry<Activated<Activation::silu>>("silu", false),
  };
  return words;
}

}  // namespace seedstory
