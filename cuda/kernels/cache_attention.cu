// CacheAttention (ops.h, which says what ranks, slots and the length are): causal attention over a cache of keys that
// are rotated by their rank as they are read. docs/kernels/cache-attention.md tells the story.
//
// Work    A warp has a row of q, a head and a chunk of ranks. Lanes of a group share a key and its value; each group
//         walks ranks of its own with a softmax of its own, and the groups become one at the end. A second launch
//         merges the chunks. One row: 4 flops of the products and 3 of the rotation for 2 elements of the cache. Memory
//         is the limit of a long cache, issue slots of a short one, whose few blocks leave multiprocessors idle: of 353
//         ranks they allow 0.67 of memory's rate on an A100, 0.49 on an H100 (computed, seedstory bench --paper). 2 to
//         8 rows of a head are a block, whose warps share the chunk in shared memory, its keys rotated once. More rows
//         of f16 and bf16 go to cache_attention_flash.cu.
// Limits  head_dim at most 128. 16-byte accesses where half a head is whole vectors and rows are 16-byte aligned, else
//         element by element.
// Error   Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): 2^-23 (sqrt(head_dim) +
//         sqrt(length) + 8); then the last place of T. The roots are of the chains over head_dim and ranks in f32, the
//         8 is of exp2_approx (2), the rotations and the merges.
// Bits    A row's order of sums is a function of its rank, of head_dim, type and alignment, and of the class of its
//         call: up to kFewRows rows, up to kSomeRows, more. Never of the other rows, of the length, or of the card.
#include <bit>

#include "../choose.h"
#include "../device/online_softmax.cuh"
#include "../launch_op.h"
#include "cache_attention.h"

namespace seedstory {
namespace {

// Of a row alone, four heads of a chunk in a block: a row of the RoPE table, as many bytes as a key and its value in 16
// bits, comes from L2 once for them.
constexpr int kWarps = 4;
constexpr int kBatch = 4;  // keys and values that a group has on their way: 8 KiB a warp
constexpr int kMostDim = 128;

// Ranks of a chunk. A row alone, in 32 heads of a cache of 1000 tokens, is 512 warps: one block an SM; what a chunk of
// 64 leaves to be merged is 3 % of what it reads in 16 bits. The 65 rows of a picture are one block of each head and
// chunk (of cache_attention_flash.cu, in 16 bits). More rows fill a card without.
constexpr int64_t kFewRows = 8, kFewRowsChunk = 64;
constexpr int64_t kSomeRows = 128, kSomeRowsChunk = 256;
int64_t chunk_of(const CacheAttention& op) {
  const int64_t rows = op.q.dim[0], ranks = op.slots.dim[0];
  return std::min(ranks, rows <= kFewRows ? kFewRowsChunk : rows <= kSomeRows ? kSomeRowsChunk : ranks);
}
int64_t chunks_of(const CacheAttention& op) {
  return op.slots.dim[0] == 0 ? 0 : ceil_div(op.slots.dim[0], chunk_of(op));
}

// What a lane has of a head's vector: kPairs vectors of its first half, and those half a head on, which RoPE turns with
// them. Of the pairs that a lane does not have, a Share is undefined and nothing reads it, a FloatShare is 0 and adds
// nothing to a product. Neighbours have neighbours:
//
//   lanes of a group   0 1 2 .. 0 1 2 ..  0 1 2 .. 0 1 2 ..
//   pair, side         0, 0     1, 0      0, 1     1, 1
template <class V, int kPairs>
struct Share {
  V v[kPairs][2];
};
template <int kSize, int kPairs>
struct FloatShare {
  float v[kPairs][2][kSize] = {};
};

struct Place {
  int lanes;  // of a group: a power of two
  int half;   // of a head
  int first;  // element of the lane

  // f(pair, element) for the pairs that the lane has.
  template <int kSize, int kPairs, class F>
  __device__ void each(F&& f) const {
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) {
      const int at = first + pair * lanes * kSize;
      if (at < half) f(pair, at);
    }
  }
  template <class V, int kPairs, class T>
  __device__ void load(Share<V, kPairs>& to, const T* from) const {
    each<V::size, kPairs>([&](int pair, int at) {
      to.v[pair][0] = load_vec<V>(from + at);
      to.v[pair][1] = load_vec<V>(from + half + at);
    });
  }
  template <class V, int kPairs, class T>
  __device__ void store(T* to, const Share<V, kPairs>& from) const {
    each<V::size, kPairs>([&](int pair, int at) {
      store_vec(to + at, from.v[pair][0]);
      store_vec(to + half + at, from.v[pair][1]);
    });
  }
  template <int kSize, int kPairs>
  __device__ void load(FloatShare<kSize, kPairs>& to, const float* from) const {
    each<kSize, kPairs>([&](int pair, int at) {
      load_floats(to.v[pair][0], from + at);
      load_floats(to.v[pair][1], from + half + at);
    });
  }
  template <int kSize, int kPairs>
  __device__ void store(float* to, const FloatShare<kSize, kPairs>& from) const {
    each<kSize, kPairs>([&](int pair, int at) {
      store_floats(to + at, from.v[pair][0]);
      store_floats(to + half + at, from.v[pair][1]);
    });
  }

  // `table`: the row of the vector's rank.
  template <class V, int kPairs>
  __device__ FloatShare<V::size, kPairs> rotated(const Share<V, kPairs>& x, const float* table) const {
    FloatShare<V::size, kPairs> out;
    each<V::size, kPairs>([&](int pair, int at) {
      for (int side = 0; side < 2; ++side)
        for (int i = 0; i < V::size; ++i) out.v[pair][side][i] = to_float(x.v[pair][side].v[i]);
      rotate(out.v[pair][0], out.v[pair][1], table + at, half);
    });
    return out;
  }
};

// What a lane has of a row of q and of what becomes of it.
template <class V, int kPairs>
struct Row {
  static constexpr int kSize = V::size;

  Place place;
  FloatShare<kSize, kPairs> q, sums = {};
  OnlineSoftmax softmax = {};

  template <class T>
  __device__ Row(const CacheAttentionArgs<T>& a, const Place& of_lane, int row, int head, int rank) : place(of_lane) {
    Share<V, kPairs> in;
    place.load(in, a.q.at(row, head));
    q = place.rotated(in, a.rope + max(rank, 0) * a.rope_stride);
    for (auto& pair : q.v)
      for (auto& side : pair)
        for (float& x : side) x *= a.scale;
  }

  // kBatch ranks, `apart` from one another, that begin with `first`; key(i) and value(i) of those before `end`.
  template <class Key, class Value>
  __device__ void attend(int first, int apart, int end, Key&& key, Value&& value) {
    float scores[kBatch] = {}, top = -INFINITY;
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const bool exists = first + i * apart < end;
      if (exists) scores[i] = product(key(i));
      for (int other = place.lanes / 2; other > 0; other /= 2)
        scores[i] += __shfl_xor_sync(kFullWarp, scores[i], other);
      if (exists) top = fmaxf(top, scores[i]);
    }
    raise(top);
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (first + i * apart < end) add(scores[i], value(i));
  }

 private:
  __device__ float product(const FloatShare<kSize, kPairs>& key) const {
    float sum = 0;
    for (int pair = 0; pair < kPairs; ++pair)
      for (int side = 0; side < 2; ++side)
        for (int i = 0; i < kSize; ++i) sum = fmaf(q.v[pair][side][i], key.v[pair][side][i], sum);
    return sum;
  }

  __device__ void raise(float top) {
    const float factor = softmax.raise(top);
    for (auto& pair : sums.v)
      for (auto& side : pair)
        for (float& sum : side) sum *= factor;
  }

  __device__ void add(float score, const Share<V, kPairs>& value) {
    const float weight = exp2_approx(score + softmax.offset());
    softmax.sum += weight;
    place.each<kSize, kPairs>([&](int pair, int) {
      for (int side = 0; side < 2; ++side)
        for (int i = 0; i < kSize; ++i)
          sums.v[pair][side][i] = fmaf(weight, to_float(value.v[pair][side].v[i]), sums.v[pair][side][i]);
    });
  }
};

// The weighted values of each group of a warp, to be added up: head_dim of them one after the other, which are no more
// than its lanes hold.
template <class V, int kPairs>
struct Shared {
  alignas(16) float sums[kWarps][kWarp * kPairs * 2 * V::size];
};

// The groups of a warp become one: all relative to the largest score. Leaves y, or a chunk to be merged. `of_groups`:
// the warp's, of Shared.
template <class T, class V, int kPairs>
__device__ void finish(const CacheAttentionArgs<T>& a, Row<V, kPairs>& row, int task, float* of_groups) {
  const int lane = int(threadIdx.x) % kWarp, group = lane / a.lanes;
  float top = row.softmax.max;
  for (int other = a.lanes; other < kWarp; other *= 2) top = fmaxf(top, __shfl_xor_sync(kFullWarp, top, other));
  const float factor = row.softmax.merge({.max = top, .sum = 0}).mine;
  float sum = row.softmax.sum;
  for (int other = a.lanes; other < kWarp; other *= 2) sum += __shfl_xor_sync(kFullWarp, sum, other);

  row.place.template each<V::size, kPairs>([&](int pair, int at) {
    for (int side = 0; side < 2; ++side)
      for (int i = 0; i < V::size; ++i)
        of_groups[group * a.dim + side * row.place.half + at + i] = row.sums.v[pair][side][i] * factor;
  });
  __syncwarp();  // every group's sums are there to be added up
  const int64_t part = int64_t(task) * gridDim.y + blockIdx.y;
  for (int at = lane; at < a.dim; at += kWarp) {
    float total = 0;
    for (int g = 0; g < kWarp / a.lanes; ++g) total += of_groups[g * a.dim + at];
    if (gridDim.y == 1)
      a.y.at(task % a.rows, task / a.rows)[at] = from_float<T>(total / sum);
    else
      a.sums[part * a.dim + at] = total;
  }
  if (gridDim.y > 1 && lane == 0) store_vec(a.states + part, SoftmaxState{top, sum});
}

template <class T, class V, int kPairs>
__global__ void __launch_bounds__(kWarps* kWarp) cache_attention(const __grid_constant__ CacheAttentionArgs<T> a) {
  const int lane = int(threadIdx.x) % kWarp, task = int(blockIdx.x) * kWarps + int(threadIdx.x) / kWarp;
  if (task >= a.rows * a.heads) return;
  const int head = task / a.rows, first_rank = a.first_rank(), rank = first_rank + task % a.rows;
  const int begin = int(blockIdx.y) * a.chunk, end = min(begin + a.chunk, rank + 1);
  if (begin > 0 && begin >= end) return;  // not the first chunk's: merge_chunks reads it also where a row has no rank
  const int group = lane / a.lanes, groups = kWarp / a.lanes;

  Row<V, kPairs> row(a, {.lanes = a.lanes, .half = a.dim / 2, .first = lane % a.lanes * V::size}, task % a.rows, head,
                     rank);
  int slots[kBatch];
  // Ranks behind the row's own are not attended. It stands in for them: slot() does not read `slots` for a new rank,
  // which it is, nor for the negative one of a row that has none.
  const auto load_slots = [&](int first) {
    for (int i = 0; i < kBatch; ++i) slots[i] = a.slot(min(first + i * groups, rank), first_rank);
  };
  load_slots(begin + group);
  // first - group is the same in all groups: they leave together, because attend() shuffles with the whole warp.
  for (int first = begin + group; first - group < end; first += kBatch * groups) {
    Share<V, kPairs> keys[kBatch], values[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int r = first + i * groups;
      if (r >= end) continue;
      row.place.load(keys[i], a.key(r, slots[i], first_rank, head));
      row.place.load(values[i], a.value(r, slots[i], first_rank, head));
      if (r != rank) continue;
      row.place.store(a.k_cache.at(a.slots[r], head), keys[i]);
      row.place.store(a.v_cache.at(a.slots[r], head), values[i]);
    }
    load_slots(first + kBatch * groups);  // on their way while this batch is worked on
    row.attend(
        first, groups, end,
        [&](int i) { return row.place.rotated(keys[i], a.rope + (first + i * groups) * a.rope_stride); },
        [&](int i) -> const auto& { return values[i]; });
  }
  finish(a, row, task, shared<Shared<V, kPairs>>().sums[int(threadIdx.x) / kWarp]);
}

// A chunk of a head for several rows, and what their warps leave.
template <class T, class V, int kPairs>
struct SharedChunk {
  alignas(16) float keys[kFewRowsChunk][kMostDim];  // rotated
  alignas(16) T values[kFewRowsChunk][kMostDim];
  alignas(16) float sums[kFewRows][kWarp * kPairs * 2 * V::size];
};

// Ranks from `begin` to `end`; new ones go to the cache. Who calls: the block.
template <class T, class V, int kPairs>
__device__ void bring(const CacheAttentionArgs<T>& a, const Place& place, int head, int first_rank, int begin, int end,
                      SharedChunk<T, V, kPairs>& to) {
#pragma unroll 2
  for (int r = begin + int(threadIdx.x) / place.lanes; r < end; r += int(blockDim.x) / place.lanes) {
    const int slot = a.slots[r];
    Share<V, kPairs> key, value;
    place.load(key, a.key(r, slot, first_rank, head));
    place.load(value, a.value(r, slot, first_rank, head));
    if (r >= first_rank) {
      place.store(a.k_cache.at(slot, head), key);
      place.store(a.v_cache.at(slot, head), value);
    }
    place.store(to.keys[r - begin], place.rotated(key, a.rope + r * a.rope_stride));
    place.store(to.values[r - begin], value);
  }
}

// Of 2 to kFewRows rows, a warp each. A row's order of sums is that of cache_attention.
template <class T, class V, int kPairs>
__global__ void __launch_bounds__(int(kFewRows) * kWarp)
    cache_attention_rows(const __grid_constant__ CacheAttentionArgs<T> a) {
  auto& chunk = shared<SharedChunk<T, V, kPairs>>();
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp, head = int(blockIdx.x);
  const int first_rank = a.first_rank(), rank = first_rank + warp;
  const int begin = int(blockIdx.y) * a.chunk, seen = min(begin + a.chunk, first_rank + a.rows);
  if (begin > 0 && begin >= seen) return;
  const Place place{.lanes = a.lanes, .half = a.dim / 2, .first = lane % a.lanes * V::size};
  bring(a, place, head, first_rank, begin, seen, chunk);
  __syncthreads();  // the chunk is there for all rows

  const int end = min(seen, rank + 1), group = lane / a.lanes, groups = kWarp / a.lanes;
  if (begin > 0 && begin >= end) return;
  Row<V, kPairs> row(a, place, warp, head, rank);
  // As in cache_attention, all groups leave together.
  for (int first = begin + group; first - group < end; first += kBatch * groups) {
    const auto at = [&](int i) { return first + i * groups - begin; };
    row.attend(
        first, groups, end,
        [&](int i) {
          FloatShare<V::size, kPairs> key;
          place.load(key, chunk.keys[at(i)]);
          return key;
        },
        [&](int i) {
          Share<V, kPairs> value;
          place.load(value, chunk.values[at(i)]);
          return value;
        });
  }
  finish(a, row, head * a.rows + warp, chunk.sums[warp]);
}

// y of a row and a head from its chunks, in their order. A thread has an element.
template <class T>
__global__ void __launch_bounds__(kMostDim) merge_chunks(const __grid_constant__ CacheAttentionArgs<T> a) {
  const int task = int(blockIdx.x), head = task / a.rows, row = task % a.rows, at = int(threadIdx.x);
  if (at >= a.dim) return;
  const int64_t first = int64_t(task) * a.chunks();
  // 1 also where rows have no rank: -chunk < first_rank + row < 0 truncates to 0. That chunk's sums are 0.
  const int seen = (a.first_rank() + row) / a.chunk + 1;
  OnlineSoftmax softmax;
  float sum = 0;
#pragma unroll 4
  for (int chunk = 0; chunk < seen; ++chunk) {
    const auto state = load_vec<SoftmaxState>(a.states + first + chunk);
    const OnlineSoftmax::Factors factors = softmax.merge({.max = state.v[0], .sum = state.v[1]});
    sum = sum * factors.mine + a.sums[(first + chunk) * a.dim + at] * factors.other;
  }
  a.y.at(row, head)[at] = from_float<T>(sum / softmax.sum);
}

template <class T>
CacheAttentionArgs<T> args_of(const CacheAttention& op, const Queue& queue) {
  const int64_t dim = op.q.dim[2], parts = op.q.dim[0] * op.q.dim[1] * chunks_of(op);
  auto* const sums = static_cast<float*>(queue.scratch);
  return {.y = Heads<T>(op.y),
          .q = Heads<const T>(op.q),
          .k = Heads<const T>(op.k),
          .v = Heads<const T>(op.v),
          .k_cache = Heads<T>(op.k_cache),
          .v_cache = Heads<T>(op.v_cache),
          .slots = op.slots.as<int32_t>(),
          .length = op.length.as<int32_t>(),
          .rope = op.rope.as<float>(),
          .rope_stride = op.rope.row_stride(),
          .rows = int(op.q.dim[0]),
          .heads = int(op.q.dim[1]),
          .dim = int(dim),
          .ranks = int(op.slots.dim[0]),
          .scale = op.scale * 1.44269504f,  // log2(e)
          .lanes = 1,
          .chunk = int(chunk_of(op)),
          .sums = sums,
          .states = reinterpret_cast<SoftmaxState*>(sums + parts * dim)};
}

template <class T, class V, int kPairs>
void launch_rows(CacheAttentionArgs<T>& args, const Queue& queue) {
  // At most a warp: half of kMostDim is 8 vectors of 16 bits, 16 of f32, or 64 elements, of which a lane has two.
  args.lanes = int(std::bit_ceil(unsigned(ceil_div(args.dim / 2, V::size * kPairs))));
  if (args.rows > 1 && args.rows <= kFewRows) {
    const dim3 grid(unsigned(args.heads), unsigned(ceil_div(args.ranks, args.chunk)));
    launch<SharedChunk<T, V, kPairs>, cache_attention_rows<T, V, kPairs>>(grid, dim3(unsigned(args.rows * kWarp)),
                                                                          queue, args);
    return;
  }
  const dim3 grid(unsigned(ceil_div(int64_t(args.rows) * args.heads, kWarps)),
                  unsigned(ceil_div(args.ranks, args.chunk)));
  launch<Shared<V, kPairs>, cache_attention<T, V, kPairs>>(grid, kWarps * kWarp, queue, args);
}

template <class T>
void launch_all(const CacheAttention& op, const Queue& queue) {
  CacheAttentionArgs<T> args = args_of<T>(op, queue);
  bool vectors = args.dim / 2 % Vec<T>::size == 0;
  for (const Tensor* t : {&op.y, &op.q, &op.k, &op.v, &op.k_cache, &op.v_cache, &op.rope})
    vectors = vectors && has_16_byte_rows(*t);
  const bool flash = sizeof(T) == 2 && vectors && args.rows > kFewRows;
  if constexpr (sizeof(T) == 2)
    if (flash) launch_flash_cache_attention(args, queue);
  if (!flash && vectors) launch_rows<T, Vec<T>, 1>(args, queue);
  if (!flash && !vectors) launch_rows<T, Vec<T, 1>, 2>(args, queue);
  if (args.chunk < args.ranks)
    launch<NoShared, merge_chunks<T>>(dim3(unsigned(args.rows * args.heads)), kMostDim, queue, args);
}

}  // namespace

int64_t scratch_bytes(const CacheAttention& op) {
  const int64_t chunks = chunks_of(op);
  return chunks <= 1 ? 0
                     : op.q.dim[0] * op.q.dim[1] * chunks *
                           (op.q.dim[2] * int64_t(sizeof(float)) + int64_t(sizeof(SoftmaxState)));
}

void launch_op(const CacheAttention& op, const Queue& queue) {
  if (op.q.numel() == 0) return;
  const int64_t dim = op.q.dim[2];
  if (dim > kMostDim)
    fail("CacheAttention: head_dim is " + std::to_string(dim) + ", the CUDA kernels have at most " +
         std::to_string(kMostDim));
  for (const auto& [field, cache] : {std::pair{"k_cache", &op.k_cache}, std::pair{"v_cache", &op.v_cache}})
    if (cache->dtype != op.q.dtype)
      fail("CacheAttention: " + std::string(field) + " is " + cache->str() + ", the CUDA kernels have it in " +
           name_of(op.q.dtype) + " as q");
  with_float_type(op.q.dtype, op.name, [&]<class T>() { launch_all<T>(op, queue); });
}

}  // namespace seedstory
