// CacheAttention of many rows in f16 and bf16, on the tensor cores, as FlashAttention does it (Dao 2023,
// arXiv:2307.08691). docs/kernels/cache-attention.md tells the story.
//
// Work    A block has up to 128 rows of a head, 16 a warp, and a chunk of ranks. Keys and values come in tiles of
//         kKeys through two stages in shared memory; a thread rotates the keys that it has brought. Scores, weights
//         and sums stay in registers. 4 flops for each pair of a row and a rank it sees, and head_dim; keys and values
//         are read once for the rows of a block.
// Limits  head_dim a multiple of 16, at most 128; rows 16-byte aligned. cache_attention.cu has the others. A weight of
//         0 times a value that is not finite is NaN: of the new tokens' values those of a tile reach its earlier rows.
// Error   Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores), u the roundoff of T:
//         weights are rounded, u; q and the rotated keys are rounded, at random along head_dim, 5 u / sqrt(head_dim);
//         and the chains in f32 of cache_attention.cu.
// Bits    As in cache_attention.cu; chunks and tiles begin at ranks that are multiples of their length.
#include "../choose.h"
#include "../device/online_softmax.cuh"
#include "../device/swizzle.cuh"
#include "cache_attention.h"

namespace seedstory {
namespace {

constexpr int kKeys = 64;      // of a tile
constexpr int kWarpRows = 16;  // mma's
// One block an SM, and ptxas is told so: it would spill for two. Rejected for that reason: 12 warps of 168 registers.
constexpr int kMostWarps = 8;
constexpr int kPanel = 8;  // 16-byte chunks: rows of 128 bytes, which swizzled() keeps free of bank conflicts

// Rows of kDim elements. Those from head_dim on are 0 in q and finite in keys.
template <class T, int kRows, int kDim>
struct Tile {
  Vec<T> panels[kDim / 64][kRows * kPanel];

  __device__ Vec<T>* at(int row, int chunk) { return &panels[chunk / kPanel][swizzled<kPanel>(row, chunk % kPanel)]; }
};

// Where a lane of ldmatrix finds its row: four addresses, from which the other rows and panels are a constant away.
template <class T, int kRows, int kDim>
struct LaneRows {
  const Vec<T>* pairs[kPanel / 2];  // of chunks

  __device__ LaneRows(Tile<T, kRows, kDim>& tile, int row, int second) {
    for (int pair = 0; pair < kPanel / 2; ++pair) pairs[pair] = tile.at(row, pair * 2 + second);
  }
  // `rows` further, a multiple of 8.
  __device__ const Vec<T>* at(int rows, int pair) const {
    return pairs[pair % 4] + pair / 4 * (kRows * kPanel) + rows * kPanel;
  }
};

template <class T, int kDim>
union Shared {
  Tile<T, kMostWarps * kWarpRows, kDim> rows;  // q at the start, y at the end
  struct {
    Tile<T, kKeys, kDim> keys, values;
  } stages[2];
};

// What a block has.
struct Part {
  int head;
  int row, rows;   // of the op, the first and how many
  int first_rank;  // of the new tokens
  int rank;        // of its first row
  int begin, end;  // of the ranks it goes over

  // Blocks that see more ranks start earlier.
  template <class T>
  __device__ explicit Part(const CacheAttentionArgs<T>& a) {
    const int most = int(blockDim.x) / kWarp * kWarpRows;
    head = int(blockIdx.z);
    row = int(gridDim.x - 1 - blockIdx.x) * most, rows = min(most, a.rows - row);
    first_rank = a.first_rank(), rank = first_rank + row;
    begin = int(blockIdx.y) * a.chunk, end = min(begin + a.chunk, rank + rows);
  }
};

// f(row, chunk) for what the thread has of `rows` rows in pairs of chunks, of which the other is half a head on.
template <int kDim, class F>
__device__ void each_pair(int rows, int half, F&& f) {
  constexpr int kPairs = kDim / 16;
#pragma unroll 2
  for (int i = int(threadIdx.x); i < rows * kPairs; i += int(blockDim.x))
    if (i % kPairs * 8 < half) f(i / kPairs, i % kPairs);
}

// Two chunks of 16 bits turned by a row of the RoPE table, times `scale`.
template <class T>
__device__ void rotate_chunks(Vec<T>* low, Vec<T>* high, const Vec<T>& from_low, const Vec<T>& from_high,
                              const float* table, int half, float scale) {
  float x[8], y[8];
  for (int i = 0; i < 8; ++i) x[i] = to_float(from_low.v[i]), y[i] = to_float(from_high.v[i]);
  rotate(x, y, table, half);
  Vec<uint32_t> out_low, out_high;
  for (int i = 0; i < 4; ++i) {
    out_low.v[i] = pack<T>(x[2 * i] * scale, x[2 * i + 1] * scale);
    out_high.v[i] = pack<T>(y[2 * i] * scale, y[2 * i + 1] * scale);
  }
  store_vec(low, out_low);
  store_vec(high, out_high);
}

// Who calls: the block, before and after a barrier.
template <class S>
__device__ void clear(S& memory) {
  auto* const vecs = reinterpret_cast<Vec<uint32_t>*>(&memory);
  for (int i = int(threadIdx.x); i < int(sizeof(S) / 16); i += int(blockDim.x)) store_vec(vecs + i, Vec<uint32_t>{});
}

template <class T>
__device__ void write_cache(const CacheAttentionArgs<T>& a, const Part& part) {
  const int vecs = a.dim / Vec<T>::size;
  for (int i = int(threadIdx.x); i < part.rows * vecs; i += int(blockDim.x)) {
    const int row = i / vecs, at = i % vecs * Vec<T>::size, slot = a.slots[part.rank + row];
    store_vec(a.k_cache.at(slot, part.head) + at, load_vec<Vec<T>>(a.k.at(part.row + row, part.head) + at));
    store_vec(a.v_cache.at(slot, part.head) + at, load_vec<Vec<T>>(a.v.at(part.row + row, part.head) + at));
  }
}

// The warp's rows of q, rotated, as mma's a.
template <class T, int kDim>
__device__ void load_queries(const CacheAttentionArgs<T>& a, const Part& part, Shared<T, kDim>& tile,
                             uint32_t (&q_frag)[kDim / 16][4]) {
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp, half = a.dim / 2;
  if (a.dim < kDim) {
    clear(tile);
    __syncthreads();  // elements from head_dim on are 0, and stay so: nothing is written there
  }
  each_pair<kDim>(part.rows, half, [&](int row, int chunk) {
    const T* const from = a.q.at(part.row + row, part.head) + chunk * 8;
    rotate_chunks(tile.rows.at(row, chunk), tile.rows.at(row, chunk + half / 8), load_vec<Vec<T>>(from),
                  load_vec<Vec<T>>(from + half), a.rope + max(part.rank + row, 0) * a.rope_stride + chunk * 8, half,
                  a.scale);
  });
  __syncthreads();  // the block's rows are there
  for (int step = 0; step < kDim / 16; ++step)
    ldmatrix(q_frag[step], tile.rows.at(warp * kWarpRows + lane % 16, step * 2 + lane / 16));
  __syncthreads();  // they have been read: the stages may take their place
}

// Starts to bring the tile of ranks from `first` on. A rank that the block does not see is 0.
template <int kDim, class T, class Stage>
__device__ void fetch(const CacheAttentionArgs<T>& a, const Part& part, int first, Stage& stage) {
  const int half = a.dim / 2;
  each_pair<kDim>(kKeys, half, [&](int row, int chunk) {
    const int rank = min(first + row, part.end - 1), bytes = rank == first + row ? 16 : 0;
    const int slot = a.slot(rank, part.first_rank);
    const T* const key = a.key(rank, slot, part.first_rank, part.head) + chunk * 8;
    const T* const value = a.value(rank, slot, part.first_rank, part.head) + chunk * 8;
    copy_async(stage.keys.at(row, chunk), key, bytes);
    copy_async(stage.keys.at(row, chunk + half / 8), key + half, bytes);
    copy_async(stage.values.at(row, chunk), value, bytes);
    copy_async(stage.values.at(row, chunk + half / 8), value + half, bytes);
  });
}

// The keys that this thread has brought.
template <int kDim, class T, class Stage>
__device__ void rotate_keys(const CacheAttentionArgs<T>& a, const Part& part, int first, Stage& stage) {
  const int half = a.dim / 2;
  each_pair<kDim>(kKeys, half, [&](int row, int chunk) {
    Vec<T>*const low = stage.keys.at(row, chunk), *const high = stage.keys.at(row, chunk + half / 8);
    if (first + row < part.end)
      rotate_chunks(low, high, load_vec<Vec<T>>(low), load_vec<Vec<T>>(high),
                    a.rope + (first + row) * a.rope_stride + chunk * 8, half, 1);
  });
}

// What a warp makes of its rows: a lane holds, as mma's d, of rows lane / 4 and 8 further.
template <class T, int kDim>
struct Rows {
  uint32_t q_frag[kDim / 16][4];
  OnlineSoftmax softmax[2];
  float sums[kDim / 8][4] = {};
  float scores[kKeys / 8][4];

  // The warp's rows times the tile's keys.
  __device__ void score(Tile<T, kKeys, kDim>& keys) {
    const int lane = int(threadIdx.x) % kWarp;
    const LaneRows from(keys, lane / 16 * 8 + lane % 8, lane / 8 % 2);
#pragma unroll
    for (int i = 0; i < kKeys / 8; ++i)
      for (float& score : scores[i]) score = 0;
#pragma unroll
    for (int step = 0; step < kDim / 16; ++step)
#pragma unroll
      for (int i = 0; i < kKeys / 16; ++i) {
        uint32_t k_frag[4];
        ldmatrix(k_frag, from.at(i * 16, step));
        mma<T>(scores[2 * i], q_frag[step], {k_frag[0], k_frag[1]});
        mma<T>(scores[2 * i + 1], q_frag[step], {k_frag[2], k_frag[3]});
      }
  }

  // Ranks behind a row's own. `visible`: of the tile's, for the warp's first row.
  __device__ void mask(int visible) {
    const int lane = int(threadIdx.x) % kWarp, limit = visible + lane / 4 - lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < kKeys / 8; ++i)
#pragma unroll
      for (int j = 0; j < 4; ++j)
        if (i * 8 + j % 2 - j / 2 * 8 >= limit) scores[i][j] = -INFINITY;
  }

  // Scores become weights.
  __device__ void weigh() {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float top = -INFINITY;
#pragma unroll
      for (int i = 0; i < kKeys / 8; ++i) top = fmaxf(top, fmaxf(scores[i][2 * half], scores[i][2 * half + 1]));
      for (int lanes = 2; lanes > 0; lanes /= 2) top = fmaxf(top, __shfl_xor_sync(kFullWarp, top, lanes));
      const float factor = softmax[half].raise(top), offset = softmax[half].offset() + kHeadroom;
#pragma unroll
      for (int i = 0; i < kDim / 8; ++i) sums[i][2 * half] *= factor, sums[i][2 * half + 1] *= factor;
#pragma unroll
      for (int i = 0; i < kKeys / 8; ++i)
        for (int j = 2 * half; j < 2 * half + 2; ++j) {
          scores[i][j] = exp2_approx(scores[i][j] + offset);
          softmax[half].sum += scores[i][j];
        }
    }
  }

  // The weights times the tile's values. Two of mma's d next to each other are an a.
  __device__ void add(Tile<T, kKeys, kDim>& values) {
    const int lane = int(threadIdx.x) % kWarp;
    const LaneRows from(values, lane % 16, lane / 16);
#pragma unroll
    for (int step = 0; step < kKeys / 16; ++step) {
      const auto& low = scores[2 * step];
      const auto& high = scores[2 * step + 1];
      const uint32_t weights[4] = {pack<T>(low[0], low[1]), pack<T>(low[2], low[3]), pack<T>(high[0], high[1]),
                                   pack<T>(high[2], high[3])};
#pragma unroll
      for (int i = 0; i < kDim / 16; ++i) {
        uint32_t v_frag[4];
        ldmatrix_trans(v_frag, from.at(step * 16, i));
        mma<T>(sums[2 * i], weights, {v_frag[0], v_frag[1]});
        mma<T>(sums[2 * i + 1], weights, {v_frag[2], v_frag[3]});
      }
    }
  }
};

// y, 16 bytes at a time: the warp's rows go through its part of `tile`, which the block no longer reads.
template <class T, int kDim>
__device__ void write_rows(const CacheAttentionArgs<T>& a, const Part& part, const Rows<T, kDim>& rows,
                           Tile<T, kMostWarps * kWarpRows, kDim>& tile) {
  const int lane = int(threadIdx.x) % kWarp, first = int(threadIdx.x) / kWarp * kWarpRows;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float scale = 1 / rows.softmax[half].sum;
#pragma unroll
    for (int i = 0; i < kDim / 8; ++i)
      reinterpret_cast<uint32_t*>(tile.at(first + half * 8 + lane / 4, i))[lane % 4] =
          pack<T>(rows.sums[i][2 * half] * scale, rows.sums[i][2 * half + 1] * scale);
  }
  __syncwarp();  // the warp's rows are there to be written, by whichever lane
  const int vecs = a.dim / 8;
  for (int i = lane; i < kWarpRows * vecs; i += kWarp) {
    const int row = first + i / vecs, chunk = i % vecs;
    if (row < part.rows)
      store_vec(a.y.at(part.row + row, part.head) + chunk * 8, load_vec<Vec<T>>(tile.at(row, chunk)));
  }
}

// For merge_chunks.
template <class T, int kDim>
__device__ void write_sums(const CacheAttentionArgs<T>& a, const Part& part, const Rows<T, kDim>& rows) {
  const int lane = int(threadIdx.x) % kWarp, first = int(threadIdx.x) / kWarp * kWarpRows;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = first + half * 8 + lane / 4;
    if (row >= part.rows) continue;
    const int64_t at = (int64_t(part.head) * a.rows + part.row + row) * gridDim.y + blockIdx.y;
    if (lane % 4 == 0) store_vec(a.states + at, SoftmaxState{rows.softmax[half].max, rows.softmax[half].sum});
#pragma unroll
    for (int i = 0; i < kDim / 8; ++i)
      if (i * 8 < a.dim)
        store_vec(a.sums + at * a.dim + i * 8 + lane % 4 * 2,
                  Vec<float, 2>{rows.sums[i][2 * half], rows.sums[i][2 * half + 1]});
  }
}

template <class T, int kDim>
__global__ void __launch_bounds__(kMostWarps* kWarp, 1)
    flash_cache_attention(const __grid_constant__ CacheAttentionArgs<T> a) {
  Shared<T, kDim>& tile = shared<Shared<T, kDim>>();
  const Part part(a);
  if (part.begin > 0 && part.begin >= part.end) return;
  if (blockIdx.y == 0 && part.rank >= 0) write_cache(a, part);

  Rows<T, kDim> rows;
  load_queries(a, part, tile, rows.q_frag);
  const int row = int(threadIdx.x) / kWarp * kWarpRows, rank = part.rank + row;  // of the warp's first
  if (part.begin < part.end) fetch<kDim>(a, part, part.begin, tile.stages[0]);
  copy_async_commit();
  for (int first = part.begin; first < part.end; first += kKeys) {
    auto& stage = tile.stages[(first - part.begin) / kKeys % 2];
    copy_async_wait<0>();
    rotate_keys<kDim>(a, part, first, stage);
    __syncthreads();  // everyone's keys and values are there; and everyone has read the stage that is filled next
    if (first + kKeys < part.end)
      fetch<kDim>(a, part, first + kKeys, tile.stages[(first - part.begin) / kKeys % 2 ^ 1]);
    copy_async_commit();
    if (row >= part.rows || first >= rank + kWarpRows) continue;  // nothing that one of the warp's rows sees
    rows.score(stage.keys);
    if (first + kKeys > rank + 1) rows.mask(rank + 1 - first);
    rows.weigh();
    rows.add(stage.values);
  }

  for (OnlineSoftmax& softmax : rows.softmax)
    for (int lanes = 2; lanes > 0; lanes /= 2) softmax.sum += __shfl_xor_sync(kFullWarp, softmax.sum, lanes);
  if (gridDim.y > 1) return write_sums(a, part, rows);
  __syncthreads();  // everyone has read the last stage, where the rows go
  write_rows(a, part, rows, tile.rows);
}

}  // namespace

template <class T>
void launch_flash_cache_attention(const CacheAttentionArgs<T>& args, const Queue& queue) {
  const int64_t warps = std::min(int64_t(kMostWarps), ceil_div(args.rows, kWarpRows));
  const dim3 grid(unsigned(ceil_div(args.rows, warps * kWarpRows)), unsigned(ceil_div(args.ranks, args.chunk)),
                  unsigned(args.heads));
  with_at_least<64, 128>(args.dim, "CacheAttention: head_dim", [&]<int kDim>() {
    launch<Shared<T, kDim>, flash_cache_attention<T, kDim>>(grid, dim3(unsigned(warps * kWarp)), queue, args);
  });
}

template void launch_flash_cache_attention(const CacheAttentionArgs<f16>&, const Queue&);
template void launch_flash_cache_attention(const CacheAttentionArgs<bf16>&, const Queue&);

}  // namespace seedstory
