// GroupNorm (ops.h):  y <- act((s - mean) / sqrt(var + eps) * w + b),  s = x + shift
//
// Work    Two launches. A picture is cut into pieces of pixels, its channels into slabs of whole groups; a block has
//         one piece of one slab. The first launch leaves mean and sum of squared differences of each piece and group in
//         scratch; the shift only moves the means. In the second a block merges the pieces of its groups, a few KiB,
//         and then each element is one fma and the activation. x is read twice, y written once, in whole sectors.
//         Memory is the limit: some 10 flops for every 3 * sizeof(T) bytes.
// Limits  Pixels at one stride. 16-byte accesses where a pixel is whole vectors, 16-byte aligned, else element by
//         element. A slab is at most 256 of them: groups of 128 channels and fewer always fit.
// Error   Against f64, of the magnitude that counts the cancellation of s - mean: 2^-21, and the rounding of y to f16
//         or bf16. Differences are from a running mean (Welford 1962), so that they do not cancel far from zero.
// Bits    Pieces and slabs are a function of a picture's shape, type and alignment: never of the card, or of how many
//         pictures there are.
#include "../choose.h"
#include "../device/activate.cuh"
#include "../device/reduce.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kBatch = 4;        // vectors that a thread has on their way: 16 KiB a block
constexpr int kMostGroups = 64;  // of a slab: 128 bytes of a channel each in 16 bits

// Of a piece. (2, 128, 128, 320) is 64 pieces of 4 slabs a picture: 512 blocks, of which one of the second launch reads
// 4 KiB of moments beside its 40 KiB of x. (1, 1024, 1024, 128) is 256 pieces of 2.
int64_t piece_pixels(int64_t pixels) {
  return std::max(int64_t(256), ceil_div(pixels, 256));
}
int64_t pieces_of(int64_t pixels) {
  return ceil_div(pixels, piece_pixels(pixels));
}

using Moments = Vec<float, 2>;  // mean; sum of squared differences from it

template <class T>
struct Args {
  T* y;                                         // (pictures, pixels, channels)
  const T* x;                                   // (pictures, pixels, channels)
  const float *w, *b;                           // (channels)
  const float* shift;                           // (pictures, channels) or null
  Moments* moments;                             // (pictures, groups, pieces)
  int64_t y_picture, x_picture, shift_picture;  // elements from picture to picture
  int64_t y_stride, x_stride;                   // elements from pixel to pixel
  int pixels, piece;                            // of a picture, of a piece
  int groups, width;                            // channels of a group
  int slab;                                     // groups of a block, of the last one fewer
  float eps;
  Activation act;
};

template <class T>
__device__ int pixels_of_piece(const Args<T>& a, int piece) {
  return min(a.piece, a.pixels - piece * a.piece);
}

// What a block has: piece blockIdx.x, slab blockIdx.y, picture blockIdx.z. Its threads take `step` pixels at a time:
//
//   thread  0 .. vectors - 1   vectors .. 2 vectors - 1   ..   the rest, fewer than `vectors`, have nothing to do
//   row     0                  1                          ..   step
template <class T, class V>
struct Part {
  int group, groups;      // first of the slab, how many
  int channel, channels;  // first of the slab, how many
  int64_t begin;          // of the piece
  int pixels;             // of the piece
  int step;
  int row;     // of the thread: its first pixel in the piece
  int column;  // of the thread: its first channel in the slab

  __device__ explicit Part(const Args<T>& a) {
    group = int(blockIdx.y) * a.slab, groups = min(a.slab, a.groups - group);
    channel = group * a.width, channels = groups * a.width;
    begin = int64_t(blockIdx.x) * a.piece, pixels = pixels_of_piece(a, int(blockIdx.x));
    const int vectors = channels / V::size;
    step = kThreads / vectors;
    row = int(threadIdx.x) / vectors, column = int(threadIdx.x) % vectors * V::size;
  }
};

// use(pixel, what load(pixel) gave) for this thread's pixels of the piece, one after the other; kBatch loads at a time.
template <class V, class T, class Load, class Use>
__device__ void for_pixels(const Part<T, V>& part, Load&& load, Use&& use) {
  if (part.row >= part.step) return;
  for (int first = part.row; first < part.pixels; first += kBatch * part.step) {
    V in[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (first + i * part.step < part.pixels) in[i] = load(first + i * part.step);
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (first + i * part.step < part.pixels) use(first + i * part.step, in[i]);
  }
}

// Of one channel and the pixels of one row of threads: row * channels + channel.
template <class V>
struct Sums {
  alignas(16) float mean[kThreads * V::size];
  alignas(16) float squares[kThreads * V::size];
};

template <class T, class V>
__global__ void __launch_bounds__(kThreads, 3) group_moments(const __grid_constant__ Args<T> a) {
  const Part<T, V> part(a);
  const int64_t picture = blockIdx.z;
  const T* const x = a.x + picture * a.x_picture + part.begin * a.x_stride + part.channel + part.column;

  float mean[V::size] = {}, squares[V::size] = {};
  int count = 0;
  for_pixels(
      part, [&](int pixel) { return load_vec<V>(x + int64_t(pixel) * a.x_stride); },
      [&](int, const V& in) {
        const float share = 1 / float(++count);
        for (int i = 0; i < V::size; ++i) {
          const float v = to_float(in.v[i]), d = v - mean[i];
          mean[i] += d * share;
          squares[i] += d * (v - mean[i]);
        }
      });

  Sums<V>& sums = shared<Sums<V>>();
  if (part.row < part.step)
    for (int i = 0; i < V::size; ++i) {
      sums.mean[part.row * part.channels + part.column + i] = mean[i];
      sums.squares[part.row * part.channels + part.column + i] = squares[i];
    }
  __syncthreads();  // every thread's sums are there to be merged

  const int lane = int(threadIdx.x) % kWarp, members = part.step * a.width;
  const int of_each = part.pixels / part.step, of_first = part.pixels % part.step;  // rows that have one more
  const float* const shift = a.shift ? a.shift + picture * a.shift_picture + part.channel : nullptr;
  for (int group = int(threadIdx.x) / kWarp; group < part.groups; group += kWarps) {
    // merge(pixels, their mean, sum of squared differences from it) for what this lane has of the group
    const auto for_members = [&](auto&& merge) {
      for (int i = lane; i < members; i += kWarp) {
        const int r = i / a.width, c = group * a.width + i % a.width, at = r * part.channels + c;
        merge(float(of_each + (r < of_first)), sums.mean[at] + (shift ? shift[c] : 0), sums.squares[at]);
      }
    };
    float total = 0, squared = 0;
    for_members([&](float n, float m, float) { total += n * m; });
    const float group_mean = warp_sum(total) / (float(part.pixels) * float(a.width));
    for_members([&](float n, float m, float s) { squared += s + n * (m - group_mean) * (m - group_mean); });
    squared = warp_sum(squared);
    if (lane == 0)
      store_vec(a.moments + (picture * a.groups + part.group + group) * gridDim.x + blockIdx.x,
                Moments{group_mean, squared});
  }
}

// Of each group of a slab.
struct Normal {
  float mean[kMostGroups];
  float scale[kMostGroups];
};

template <class T, class V>
__global__ void __launch_bounds__(kThreads, 3) group_scale(const __grid_constant__ Args<T> a) {
  const Part<T, V> part(a);
  const int64_t picture = blockIdx.z;
  Normal& normal = shared<Normal>();
  const int lane = int(threadIdx.x) % kWarp;
  for (int group = int(threadIdx.x) / kWarp; group < part.groups; group += kWarps) {
    const Moments* const moments = a.moments + (picture * a.groups + part.group + group) * gridDim.x;
    // merge(numbers, their moments) for this lane's pieces
    const auto for_pieces = [&](auto&& merge) {
      for (int piece = lane; piece < int(gridDim.x); piece += kWarp)
        merge(float(pixels_of_piece(a, piece)) * float(a.width), load_vec<Moments>(moments + piece));
    };
    const float count = float(a.pixels) * float(a.width);
    float total = 0, squared = 0;
    for_pieces([&](float n, const Moments& m) { total += n * m.v[0]; });
    const float mean = warp_sum(total) / count;
    for_pieces([&](float n, const Moments& m) { squared += m.v[1] + n * (m.v[0] - mean) * (m.v[0] - mean); });
    squared = warp_sum(squared);
    if (lane == 0) {
      normal.mean[group] = mean;
      normal.scale[group] = rsqrtf(squared / count + a.eps);
    }
  }
  __syncthreads();  // the slab's means and scales are there

  // A factor and an offset for each of the thread's channels.
  float scale[V::size], offset[V::size];
  const int channel = part.channel + part.column;
  load_floats(scale, a.w + channel);
  load_floats(offset, a.b + channel);
  for (int i = 0; i < V::size; ++i) {
    const int group = (part.column + i) / a.width;
    const float shift = a.shift ? a.shift[picture * a.shift_picture + channel + i] : 0;
    scale[i] *= normal.scale[group];
    offset[i] += (shift - normal.mean[group]) * scale[i];
  }

  const T* const x = a.x + picture * a.x_picture + part.begin * a.x_stride + channel;
  T* const y = a.y + picture * a.y_picture + part.begin * a.y_stride + channel;
  for_pixels(
      part, [&](int pixel) { return load_vec<V>(x + int64_t(pixel) * a.x_stride); },
      [&](int pixel, const V& in) {
        V out;
        for (int i = 0; i < V::size; ++i)
          out.v[i] = from_float<T>(activate(a.act, fmaf(to_float(in.v[i]), scale[i], offset[i])));
        store_vec(y + int64_t(pixel) * a.y_stride, out);
      });
}

// Groups of a slab, at most kMostGroups: as few as give each of its pixels 128 bytes in whole sectors of 32, or in
// elements where accesses are no longer. Of 10 channels in f16 that is 8 groups, 160 bytes.
int slab_of(int groups, int width, int element_bytes, bool vectors) {
  for (int slab = 1; slab < groups; ++slab) {
    const int bytes = slab * width * element_bytes;
    if (bytes >= 128 && (!vectors || bytes % 32 == 0)) return slab;
  }
  return groups;
}

// From pixel to pixel.
int64_t pixel_stride(const Tensor& t) {
  return t.slice(0, 0, 1).row_stride();
}

}  // namespace

int64_t scratch_bytes(const GroupNorm& op) {
  return op.x.dim[0] * op.groups * pieces_of(op.x.dim[1] * op.x.dim[2]) * int64_t(sizeof(Moments));
}

void launch_op(const GroupNorm& op, const Queue& queue) {
  if (op.x.numel() == 0) return;
  const Tensor &x = op.x, &y = op.y;
  with_float_type(x.dtype, op.name, [&]<class T>() {
    Args<T> args{.y = static_cast<T*>(y.data),
                 .x = static_cast<const T*>(x.data),
                 .w = op.w.as<float>(),
                 .b = op.b.as<float>(),
                 .shift = op.shift ? op.shift.as<float>() : nullptr,
                 .moments = static_cast<Moments*>(queue.scratch),
                 .y_picture = y.stride[0],
                 .x_picture = x.stride[0],
                 .shift_picture = op.shift ? op.shift.stride[0] : 0,
                 .y_stride = pixel_stride(y),
                 .x_stride = pixel_stride(x),
                 .pixels = int(x.dim[1] * x.dim[2]),
                 .piece = int(piece_pixels(x.dim[1] * x.dim[2])),
                 .groups = op.groups,
                 .width = int(x.dim[3]) / op.groups,
                 .eps = op.eps,
                 .act = op.act};
    const auto start = [&]<class V>() {
      args.slab = slab_of(args.groups, args.width, int(sizeof(T)), V::size > 1);
      if (args.slab * args.width > kThreads * V::size)
        fail("GroupNorm: groups of " + std::to_string(args.width) + " channels of " + x.str() +
             " are more than the CUDA kernels have");
      const dim3 grid(unsigned(pieces_of(args.pixels)), unsigned(ceil_div(args.groups, args.slab)), unsigned(x.dim[0]));
      launch<Sums<V>, group_moments<T, V>>(grid, kThreads, queue, args);
      launch<Normal, group_scale<T, V>>(grid, kThreads, queue, args);
    };
    const bool vectors = x.dim[3] % Vec<T>::size == 0 && has_16_byte_rows(y) && has_16_byte_rows(x) &&
                         has_16_byte_rows(op.w) && has_16_byte_rows(op.b);
    if (vectors)
      start.template operator()<Vec<T>>();
    else
      start.template operator()<Vec<T, 1>>();
  });
}

}  // namespace seedstory
