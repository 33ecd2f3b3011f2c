// CacheAttention (ops.h): causal attention over a cache whose keys are rotated by rank as they are read.
//
// Work   A thread takes one head, or some where few queries come: it writes their part of the new keys and values to
//        the cache, rotates their queries, and goes over the tiles of kKeyTile ranks, head by head: a tile's keys are
//        rotated and packed once, its values packed if several queries want them, then each block of queries takes it
//        into its softmax (attend.h). A cache in 16 bits is widened on the way, which is exact.
// Error  Against f64, of the weighted magnitude of v times (1 + the magnitude of the scores): the chains over head_dim
//        and ranks, 2^-23 (sqrt(head_dim) + sqrt(length) + 6). What a cache in 16 bits rounds is what the op says.
// Bits   Tiles begin at multiples of kKeyTile ranks, and a row's sums run over ranks in order: a query gives the same
//        bits alone and in any chunk.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/ops/attend.h"
#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/rows.h"
#include "seedstory/float16.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kPackValuesFrom = 4;       // queries
constexpr int64_t kWorthAThread = 8 * 1024;  // elements of the keys: some 4 us

// Heads that take a tile of keys in turn. A token reads each key once, and the angles of a tile with it: for the next
// head they are still in L2. Many queries have no such need, and more buffers.
int64_t heads_at_once(const CacheAttention& op, int threads) {
  constexpr int64_t kMost = 4, kGroupsAThread = 2;
  return op.q.dim[0] < kPackValuesFrom ? std::clamp<int64_t>(op.q.dim[1] / (threads * kGroupsAThread), 1, kMost) : 1;
}

// One thread's part of the scratch memory.
struct Buffers {
  float* q;        // [row][dim], rotated
  float* out;      // [row][padded_dim]
  float* row_max;  // [row]
  float* row_sum;  // [row]
  float* rotated;  // [16][dim]
  float* k;        // [key / 16][dim][16]
  float* v;        // [column / 16][kKeyTile][16]
  float* scores;   // [kScoresSize]

  static int64_t size(int64_t rows, int64_t dim, int64_t padded_dim) {
    return rows * (dim + padded_dim + 2) + (kNR + kKeyTile) * dim + kKeyTile * padded_dim + kScoresSize;
  }
  Buffers(float* p, int64_t rows, int64_t dim, int64_t padded_dim) {
    k = p;
    v = k + kKeyTile * dim;
    scores = v + kKeyTile * padded_dim;
    out = scores + kScoresSize;
    q = out + rows * padded_dim;
    rotated = q + rows * dim;
    row_max = rotated + kNR * dim;
    row_sum = row_max + rows;
  }
};

// A cache's vector of one slot and head, whatever its type.
void* cached(const Tensor& cache, int64_t slot, int64_t head) {
  return static_cast<char*>(cache.data) + (slot * cache.stride[0] + head * cache.stride[1]) * size_of(cache.dtype);
}

void round_into(DType type, const float* x, int64_t dim, void* to) {
  if (type == DType::f32)
    std::copy_n(x, dim, static_cast<float*>(to));
  else
    std::transform(x, x + dim, static_cast<uint16_t*>(to), type == DType::bf16 ? f32_to_bf16 : f32_to_f16);
}

// The vector in f32: where it is, or in `to`.
const float* widened(const Kernels& kernels, DType type, const void* x, int64_t dim, float* to) {
  if (type == DType::f32) return static_cast<const float*>(x);
  const auto* bits = static_cast<const uint16_t*>(x);
  const int64_t whole = dim / kNR * kNR;
  (type == DType::bf16 ? kernels.widen_bf16 : kernels.widen_f16)(whole, bits, to);
  std::transform(bits + whole, bits + dim, to + whole, type == DType::bf16 ? bf16_to_f32 : f16_to_f32);
  return to;
}

void prefetch(const void* bytes, int64_t count) {
  constexpr int64_t kLine = 64;
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(static_cast<const char*>(bytes) + i);
}

// The head's part of the new tokens into the slots of their ranks, which begin at `first`.
void write_cache(const CacheAttention& op, int64_t head, int64_t first) {
  const int64_t rows = op.q.dim[0], dim = op.q.dim[2];
  const auto* slots = op.slots.as<int32_t>() + first;
  for (int64_t row = 0; row < rows; ++row) {
    round_into(op.k_cache.dtype, vector_of(op.k, row, head), dim, cached(op.k_cache, slots[row], head));
    round_into(op.v_cache.dtype, vector_of(op.v, row, head), dim, cached(op.v_cache, slots[row], head));
  }
}

void pack_value(const float* value, int64_t key, int64_t dim, int64_t padded_dim, const Buffers& to) {
  for (int64_t c = 0; c < padded_dim; c += kNR) {
    float* panel = to.v + c * kKeyTile + key * kNR;
    const int64_t columns = std::min(kNR, dim - c);
    std::copy_n(value + c, columns, panel);
    std::fill(panel + columns, panel + kNR, 0.0f);
  }
}

// One call on one thread.
class Heads {
 public:
  // `at` holds the rows of some heads, one behind the other.
  Heads(const CacheAttention& op, const Kernels& kernels, int64_t length, const Buffers& at)
      : op_(op), kernels_(kernels), length_(length), at_(at) {}

  // Everything of heads from `begin` to `end`.
  void attend_to_cache(int64_t begin, int64_t end) const {
    for (int64_t head = begin; head < end; ++head) start(head, (head - begin) * rows_);
    for (int64_t first = 0; first < length_; first += kKeyTile)
      for (int64_t head = begin; head < end; ++head) take_tile(head, first, (head - begin) * rows_);
    for (int64_t head = begin; head < end; ++head)
      for (int64_t row = 0; row < rows_; ++row) {
        const int64_t place = (head - begin) * rows_ + row;
        kernels_.divide(dim_, at_.out + place * padded_dim_, at_.row_sum[place], vector_of(op_.y, row, head));
      }
  }

 private:
  // `place` is the head's first row in the buffers.
  Queries queries(int64_t place, int64_t count) const {
    return {.kernels = kernels_,
            .rows = count,
            .q = at_.q + place * dim_,
            .q_stride = dim_,
            .scale = op_.scale,
            .out = at_.out + place * padded_dim_,
            .row_max = at_.row_max + place,
            .row_sum = at_.row_sum + place,
            .scores = at_.scores};
  }

  void start(int64_t head, int64_t place) const {
    const int64_t before = length_ - rows_;
    write_cache(op_, head, before);
    for (int64_t row = 0; row < rows_; ++row)
      kernels_.apply_rope(dim_ / 2, vector_of(op_.q, row, head),
                          op_.rope.as<float>() + (before + row) * op_.rope.stride[0], at_.q + (place + row) * dim_);
    begin(queries(place, rows_), padded_dim_);
  }

  // A row of the cache begins another page, where the processor foresees nothing: what is read kNR ranks later is asked
  // for here.
  void pack_keys(int64_t head, int64_t first, int64_t keys) const {
    const Tensor& cache = op_.k_cache;
    const auto* slots = op_.slots.as<int32_t>();
    for (int64_t key = 0; key < keys; key += kNR) {
      const int64_t count = std::min(kNR, keys - key);
      const float* rows[kNR];
      for (int64_t j = 0; j < count; ++j) {
        const int64_t rank = first + key + j;
        float* rotated = at_.rotated + j * dim_;
        rows[j] = rotated;
        if (rank + kNR < length_) prefetch(cached(cache, slots[rank + kNR], head), dim_ * size_of(cache.dtype));
        kernels_.apply_rope(dim_ / 2, widened(kernels_, cache.dtype, cached(cache, slots[rank], head), dim_, rotated),
                            op_.rope.as<float>() + rank * op_.rope.stride[0], rotated);
      }
      kernels_.pack_panel(rows, count, dim_, at_.k + key * dim_);
    }
  }

  // The keys from rank `first` on into the softmax of a head's queries.
  void take_tile(int64_t head, int64_t first, int64_t place) const {
    const float* v_rows[kKeyTile];
    const bool pack = rows_ >= kPackValuesFrom;
    const KeyTile tile{.keys = std::min(kKeyTile, length_ - first),
                       .k = at_.k,
                       .v = pack ? at_.v : nullptr,
                       .v_panel_stride = kKeyTile * kNR,
                       .v_rows = v_rows,
                       .dim = dim_,
                       .padded_dim = padded_dim_};
    pack_keys(head, first, tile.keys);
    for (int64_t key = 0; key < tile.keys; ++key) {
      v_rows[key] =
          widened(kernels_, op_.v_cache.dtype, cached(op_.v_cache, op_.slots.as<int32_t>()[first + key], head), dim_,
                  pack ? at_.rotated : at_.v + key * padded_dim_);
      if (pack) pack_value(v_rows[key], key, dim_, padded_dim_, at_);
    }
    for (int64_t row = 0; row < rows_; row += kQueryBlock) {
      const int64_t visible_keys = length_ - rows_ + row + 1 - first;  // by the first query of the block
      attend(queries(place + row, std::min(kQueryBlock, rows_ - row)), tile, visible_keys, true);
    }
  }

  const CacheAttention& op_;
  const Kernels& kernels_;
  const int64_t length_;
  const Buffers& at_;
  const int64_t rows_ = op_.q.dim[0], dim_ = op_.q.dim[2], padded_dim_ = ceil_div(dim_, kNR) * kNR;
};

// Floats of a thread.
int64_t buffer_size(const CacheAttention& op, int threads) {
  const int64_t dim = op.q.dim[2];
  return Buffers::size(heads_at_once(op, threads) * op.q.dim[0], dim, ceil_div(dim, kNR) * kNR);
}

}  // namespace

template <>
int64_t scratch_bytes(const CacheAttention& op, const ExecContext& context) {
  const int threads = context.pool.threads();
  return threads * buffer_size(op, threads) * int64_t(sizeof(float));
}

template <>
void execute(const CacheAttention& op, ExecContext& context) {
  const int64_t rows = op.q.dim[0], heads = op.q.dim[1], dim = op.q.dim[2], length = *op.length.as<int32_t>();
  if (length < rows || length > op.slots.dim[0])
    fail(fmt::format("CacheAttention: length is {}, expected {} to {}", length, rows, op.slots.dim[0]));
  if (op.q.numel() == 0) return;
  const int64_t at_once = heads_at_once(op, context.pool.threads()), size = buffer_size(op, context.pool.threads());
  float* scratch = context.scratch.floats(context.pool.threads() * size);
  const int threads = length * heads * dim < kWorthAThread ? 1 : context.pool.threads();
  context.pool.run(ceil_div(heads, at_once), threads, [&](int64_t group, int thread) {
    const Buffers at(scratch + thread * size, at_once * rows, dim, ceil_div(dim, kNR) * kNR);
    Heads(op, context.kernels, length, at).attend_to_cache(group * at_once, std::min(heads, (group + 1) * at_once));
  });
}

}  // namespace seedstory::cpu
