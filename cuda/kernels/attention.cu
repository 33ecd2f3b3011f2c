// Attention (ops.h):  y <- softmax(scale q kT) v per picture and head, for f16 and bf16 on the tensor cores.
// docs/kernels/attention.md tells the story; heads of more than 128 are attention_wide.cu, f32 is attention_f32.cu.
//
// Work    FlashAttention-2 (Dao 2023, arXiv:2307.08691). A block takes 128 queries of a head, a warp 32 of them, and
//         goes over the keys 64 at a time: scores, their weights and y's sums stay in the warp's registers, the weights
//         as the operand of the second product. Tiles of K and V come by turns through a ring in shared memory.
//         4 queries keys dim flops and queries keys exponentials a head.
// Limits  Up to 128 numbers a head, more in attention_wide.cu; scale above 0. Vectors that do not start at multiples of
//         16 bytes take a path that loads and stores element by element.
// Error   Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): a weight is rounded to
//         T, which is T's unit roundoff (f16 2^-11, bf16 2^-8), and the sums' f32 roundings at random with the
//         exponential's 2^-22, 2^-23 (sqrt(dim) + sqrt(keys) + 8); then the last place of T. In f16 weights are up to
//         2^15, so that those that underflow are below 2^-39 of the largest.
// Bits    Keys are added in order, 64 after 64, each 16 by 16: a query's bits depend on its q, on k and v and the
//         number of keys, not on other queries, pictures, strides or the tile.
#include "../choose.h"
#include "../device/online_softmax.cuh"
#include "../device/vec.cuh"
#include "../launch_op.h"
#include "attention.h"

namespace seedstory {
namespace {

constexpr int kKeys = 64;  // in a tile, whatever the head: the order of keys is the same for all
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;

// For heads of up to kDim numbers.
template <int kDim>
struct Tile {
  static constexpr int chunks = kDim / 8;  // of 16 bytes, in a head's vector
  // A row in shared memory. ldmatrix reads one chunk of 8 rows at once: an odd number of chunks from row to row puts
  // them into different banks, and an address is a base and a constant, which it is not where chunks are swizzled.
  static constexpr int stride = chunks | 1;
  // Blocks of 16 queries in a warp. Two use a fragment of K or V twice, which halves what the tensor cores ask of
  // shared memory. Rejected: two at 128, which would hold 128 registers of y beside 64 of scores.
  static constexpr int blocks = kDim <= 104 ? 2 : 1;
  static constexpr int rows = kWarps * blocks * 16;
  static constexpr bool q_in_registers = kDim != 104;  // there y and the scores leave no room for 56 registers of q
  // Two blocks an SM of an A100: 3 stages of 128, 4 of less.
  static constexpr int stages = kDim <= 104 ? 4 : 3;
};

// Chunks of a tile's rows, and one that is read behind the last row of an odd number (load_keys).
template <class Tile>
constexpr int room_of(int rows) {
  return rows * Tile::stride + Tile::chunks % 2;
}

template <class T, class Tile>
struct Shared {
  Vec<T> q[room_of<Tile>(Tile::rows)];              // at the end y, on its way out
  Vec<T> ring[Tile::stages][room_of<Tile>(kKeys)];  // K, V, K, V ...
};

// The i-th row that lanes copy, each 16 bytes. Where four lanes are a row, the next four are 4 rows further: two rows
// that are 5 chunks apart would meet in a bank.
template <class Tile>
__device__ int row_of(int i) {
  return Tile::chunks == 4 ? i / 8 * 8 + i % 2 * 4 + i / 2 % 4 : i;
}

// Starts to bring kRows tokens of a head from token `first` on. What lies outside is zero. Who calls: the whole block;
// a thread knows its own pieces to be there after its copy_async_wait, the others' after the next __syncthreads.
template <int kRows, class Tile, bool kAligned, class T>
__device__ void fetch(Vec<T>* to, const T* head, int64_t token_stride, int tokens, int dim, int first) {
  constexpr int kLanes = Tile::chunks <= 4 ? 4 : Tile::chunks <= 8 ? 8 : 16;  // to a row, so that nothing is divided
  constexpr int kRowsAtOnce = kThreads / kLanes;
  static_assert(kRows % kRowsAtOnce == 0);
  const int chunk = int(threadIdx.x) % kLanes, first_row = row_of<Tile>(int(threadIdx.x) / kLanes);
  if (chunk >= Tile::chunks) return;
  const int col = chunk * Vec<T>::size, inside = min(max(dim - col, 0), Vec<T>::size);
#pragma unroll
  for (int i = 0; i < kRows / kRowsAtOnce; ++i) {
    const int row = i * kRowsAtOnce + first_row, size = first + row < tokens ? inside : 0;
    const T* const from = size > 0 ? head + int64_t(first + row) * token_stride + col : head;
    fetch_piece<kAligned>(to + row * Tile::stride + chunk, from, size);
  }
}

// Of a head with an odd number of chunks the last step of q kT has one. What is read as the second one is not used: the
// next row's first, or the one that room_of adds.

// 16 numbers of 16 queries from `row` on, as mma's a: matrices 0 and 1 are rows 0-7 and 8-15 of the first chunk.
template <class Tile, bool kHalf, class T>
__device__ void load_queries(uint32_t (&to)[4], const Vec<T>* q, int row, int step) {
  const int lane = int(threadIdx.x) % kWarp;
  ldmatrix(to, q + (row + lane % 16) * Tile::stride + step * 2 + lane / 16);
  if (kHalf) to[2] = to[3] = 0;
}

// 16 numbers of 16 keys from `key` on, as mma's b twice: matrices 0 and 1 are both chunks of keys 0-7.
template <class Tile, bool kHalf, class T>
__device__ void load_keys(uint32_t (&to)[4], const Vec<T>* k, int key, int step) {
  const int lane = int(threadIdx.x) % kWarp;
  ldmatrix(to, k + (key + lane / 16 * 8 + lane % 8) * Tile::stride + step * 2 + lane / 8 % 2);
  if (kHalf) to[1] = to[3] = 0;
}

// The maximum of what the four lanes hold that share a row of mma's d.
__device__ float quad_max(float v) {
  v = fmaxf(v, __shfl_xor_sync(kFullWarp, v, 1));
  return fmaxf(v, __shfl_xor_sync(kFullWarp, v, 2));
}
__device__ float quad_sum(float v) {
  v += __shfl_xor_sync(kFullWarp, v, 1);
  return v + __shfl_xor_sync(kFullWarp, v, 2);
}

// What a warp knows of 16 queries; a lane, of the rows lane / 4 and + 8.
template <int kChunks>
struct Queries {
  OnlineSoftmax softmax[2];  // the maximum of the row, the sum of the lane's own weights
  float y[kChunks][4] = {};  // not yet divided by the sum

  // Scores of a tile become weights, rounded, as mma's a for four steps of 16 keys. What y holds is scaled to the new
  // maximum.
  template <class T>
  __device__ void weigh(const float (&score)[kKeys / 8][4], float scale, uint32_t (&weight)[kKeys / 16][4]) {
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float top = -INFINITY;
      for (int j = 0; j < kKeys / 8; ++j) top = fmaxf(top, fmaxf(score[j][half * 2], score[j][half * 2 + 1]));
      factor[half] = softmax[half].raise(quad_max(top) * scale);
      const float offset = softmax[half].offset() + kHeadroom;
      for (int j = 0; j < kKeys / 8; ++j) {
        const float low = exp2_approx(fmaf(score[j][half * 2], scale, offset));
        const float high = exp2_approx(fmaf(score[j][half * 2 + 1], scale, offset));
        softmax[half].sum += low + high;
        weight[j / 2][j % 2 * 2 + half] = pack<T>(low, high);
      }
    }
    // Mostly the maximum stays, for all of the warp's rows; a factor of 1 would change nothing.
    if (__any_sync(kFullWarp, factor[0] != 1 || factor[1] != 1))
      for (int chunk = 0; chunk < kChunks; ++chunk)
        for (int i = 0; i < 4; ++i) y[chunk][i] *= factor[i / 2];
  }
};

// In the last tile what was zero in shared memory is no key: `left` are.
template <int kBlocks>
__device__ void mask(float (&score)[kBlocks][kKeys / 8][4], int left) {
  const int first = int(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int j = 0; j < kKeys / 8; ++j)
    for (int i = 0; i < 4; ++i)
      for (int b = 0; b < kBlocks; ++b)
        if (j * 8 + first + i % 2 >= left) score[b][j][i] = -INFINITY;
}

// Divides y by the sums and sends it out, 16 bytes at once: through the warp's own rows of q, which nobody else reads.
template <class Tile, bool kAligned, class T>
__device__ void finish(const AttentionArgs<T>& a, Vec<T>* q, Queries<Tile::chunks> (&queries)[Tile::blocks]) {
  const int lane = int(threadIdx.x) % kWarp, warp_row = int(threadIdx.x) / kWarp * Tile::blocks * 16;
  __syncwarp();  // all lanes have read their q
#pragma unroll
  for (int b = 0; b < Tile::blocks; ++b)
    for (int half = 0; half < 2; ++half) {
      const float by = 1 / quad_sum(queries[b].softmax[half].sum);
      Vec<T>* const row = q + (warp_row + b * 16 + half * 8 + lane / 4) * Tile::stride;
      for (int chunk = 0; chunk < Tile::chunks; ++chunk) {
        const float* const y = &queries[b].y[chunk][half * 2];
        store_vec(&row[chunk].v[lane % 4 * 2], Vec<T, 2>{from_float<T>(y[0] * by), from_float<T>(y[1] * by)});
      }
    }
  __syncwarp();  // the warp's rows are there
  T* const y = a.y.of(blockIdx.z, blockIdx.y);
  for (int i = lane; i < Tile::blocks * 16 * Tile::chunks; i += kWarp) {
    const int row = warp_row + row_of<Tile>(i / Tile::chunks), chunk = i % Tile::chunks, col = chunk * Vec<T>::size;
    const int query = int(blockIdx.x) * Tile::rows + row;
    if (query >= a.queries) break;
    T* const to = y + query * a.y.token_stride + col;
    const auto piece = load_vec<Vec<T>>(&q[row * Tile::stride + chunk]);
    if (kAligned && col + Vec<T>::size <= a.dim)
      store_vec(to, piece);
    else
      for (int j = 0; j < Vec<T>::size && col + j < a.dim; ++j) to[j] = piece.v[j];
  }
}

template <class T, class Tile, bool kAligned>
__global__ void __launch_bounds__(kThreads, 2) attention(const __grid_constant__ AttentionArgs<T> a) {
  auto& tile = shared<Shared<T, Tile>>();
  const int lane = int(threadIdx.x) % kWarp, warp_row = int(threadIdx.x) / kWarp * Tile::blocks * 16;
  const T *const k = a.k.of(blockIdx.z, blockIdx.y), *const v = a.v.of(blockIdx.z, blockIdx.y);
  const int tiles = int(ceil_div(a.keys, kKeys));

  // K of tile 0, V of tile 0, K of tile 1 ...
  const auto fetch_stage = [&](int i) {
    if (i < 2 * tiles)
      fetch<kKeys, Tile, kAligned>(tile.ring[i % Tile::stages], i % 2 ? v : k,
                                   i % 2 ? a.v.token_stride : a.k.token_stride, a.keys, a.dim, i / 2 * kKeys);
    copy_async_commit();  // also an empty group: then the count in the wait below is right to the end
  };
  fetch<Tile::rows, Tile, kAligned>(tile.q, a.q.of(blockIdx.z, blockIdx.y), a.q.token_stride, a.queries, a.dim,
                                    int(blockIdx.x) * Tile::rows);
  for (int i = 0; i < Tile::stages - 1; ++i) fetch_stage(i);
  const auto next_stage = [&](int i) {
    copy_async_wait<Tile::stages - 2>();
    // Everyone's pieces of stage i are there to be read; and everyone has read the stage before, which is the one that
    // the next line overwrites.
    __syncthreads();
    fetch_stage(i + Tile::stages - 1);
    return tile.ring[i % Tile::stages];
  };

  Queries<Tile::chunks> queries[Tile::blocks];
  // Where q does not stay in registers its steps are not unrolled either: ptxas would spill.
  constexpr int kSteps = Tile::q_in_registers ? Tile::chunks / 2 : 1;
  uint32_t q_frag[kSteps][Tile::blocks][4];
  for (int i = 0; i < tiles; ++i) {
    const Vec<T>* const k_tile = next_stage(2 * i);
    if (Tile::q_in_registers && i == 0)
      for (int step = 0; step < kSteps; ++step)
        for (int b = 0; b < Tile::blocks; ++b)
          load_queries<Tile, false>(q_frag[step][b], tile.q, warp_row + b * 16, step);

    float score[Tile::blocks][kKeys / 8][4] = {};
    const auto add_step = [&]<bool kHalf>(int step) {
      uint32_t(&q)[Tile::blocks][4] = q_frag[Tile::q_in_registers ? step : 0];
      if (!Tile::q_in_registers)
        for (int b = 0; b < Tile::blocks; ++b) load_queries<Tile, kHalf>(q[b], tile.q, warp_row + b * 16, step);
      for (int j = 0; j < kKeys / 8; j += 2) {
        uint32_t k_frag[4];
        load_keys<Tile, kHalf>(k_frag, k_tile, j * 8, step);
        const uint32_t keys[2][2] = {{k_frag[0], k_frag[1]}, {k_frag[2], k_frag[3]}};
        for (int b = 0; b < Tile::blocks; ++b)
          for (int n = 0; n < 2; ++n) mma<T>(score[b][j + n], q[b], keys[n]);
      }
    };
#pragma unroll kSteps
    for (int step = 0; step < Tile::chunks / 2; ++step) add_step.template operator()<false>(step);
    if constexpr (Tile::chunks % 2 != 0) add_step.template operator()<true>(Tile::chunks / 2);
    if (a.keys - i * kKeys < kKeys) mask(score, a.keys - i * kKeys);

    uint32_t weight[Tile::blocks][kKeys / 16][4];
#pragma unroll
    for (int b = 0; b < Tile::blocks; ++b) queries[b].template weigh<T>(score[b], a.scale, weight[b]);

    const Vec<T>* const v_tile = next_stage(2 * i + 1);
#pragma unroll
    for (int step = 0; step < kKeys / 16; step += 2)
      for (int chunk = 0; chunk < Tile::chunks; ++chunk) {
        // 8 numbers of 32 values, each matrix transposed: mma's b for two steps.
        uint32_t v_frag[4];
        ldmatrix_trans(v_frag, v_tile + (step * 16 + lane) * Tile::stride + chunk);
        const uint32_t values[2][2] = {{v_frag[0], v_frag[1]}, {v_frag[2], v_frag[3]}};
        for (int b = 0; b < Tile::blocks; ++b)
          for (int n = 0; n < 2; ++n) mma<T>(queries[b].y[chunk], weight[b][step + n], values[n]);
      }
  }
  finish<Tile, kAligned>(a, tile.q, queries);
}

template <class T>
void launch_tensor_core(const Attention& op, const Queue& queue) {
  const AttentionArgs<T> args(op);
  const auto start = [&]<int kDim, bool kAligned>() {
    using Of = Tile<kDim>;
    launch<Shared<T, Of>, attention<T, Of, kAligned>>(attention_grid(op, Of::rows), kThreads, queue, args);
  };
  if (!has_16_byte_rows(op.q) || !has_16_byte_rows(op.k) || !has_16_byte_rows(op.v) || !has_16_byte_rows(op.y))
    return start.template operator()<128, false>();
  // A head is padded with zeros to the next of these, in shared memory and registers alone. 32 is what small models
  // have, nano among them; 64 is the UNet's; 104 the ViT's: 13 chunks, not 16. Rejected: 96, which no network has here.
  with_at_least<32, 64, 104, 128>(args.dim, "Attention: numbers of a head",
                                  [&]<int kDim>() { start.template operator()<kDim, true>(); });
}

}  // namespace

void launch_op(const Attention& op, const Queue& queue) {
  if (op.y.numel() == 0) return;
  const auto need_at_most = [](const char* what, int64_t value, int64_t most) {
    if (value > most)
      fail(std::string("Attention: ") + what + " is " + std::to_string(value) + ", the CUDA backend has at most " +
           std::to_string(most));
  };
  need_at_most("n", op.q.dim[0], 65535);
  need_at_most("queries", op.q.dim[1], 1 << 30);
  need_at_most("keys", op.k.dim[1], 1 << 30);
  need_at_most("heads", op.q.dim[2], 65535);
  need_at_most("head_dim", op.q.dim[3], 512);
  // A maximum of scores is one of scaled scores then, and the scale goes into the exponential.
  if (!(op.scale > 0)) fail("Attention: scale is " + std::to_string(op.scale) + ", the CUDA backend wants one above 0");
  with_float_type(op.q.dtype, op.name, [&]<class T>() {
    if constexpr (sizeof(T) == 4)
      launch_attention_f32(op, queue);
    else if (op.q.dim[3] > 128)
      launch_attention_wide(op, queue);
    else
      launch_tensor_core<T>(op, queue);
  });
}

}  // namespace seedstory
