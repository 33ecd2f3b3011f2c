// GroupNorm (ops.h):  y <- act((s - mean) / sqrt(var + eps) * w + b),  s = x + shift
//
// Work   Few channels are taken as more of them: pixels that lie side by side count as one, so that Lanes are full.
//        Channels lie side by side, so a picture is cut into pieces of kPixels pixels, and a piece gives each of its
//        channels a centre and the sums of the differences from it and of their squares. The pieces are merged per
//        group in f64, in order (Chan et al. 1979). What is left is a factor and an offset a channel. x is read twice,
//        y written once; the shift only moves the means.
// Error  Against f64, of the magnitude that counts the cancellation of s - mean: 2^-21.
// Bits   The pieces are cut by pixel, never by thread.
#include <cmath>
#include <numeric>

#include "cpu/ops/execute.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/simd/rows.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kPixels = 64;  // a strip of sixteen channels is 4 KiB: the second read is from L1

// How many pixels to take as one: as few as fill whole Lanes.
int64_t pixels_in_one(const GroupNorm& op, int64_t run) {
  const int64_t channels = op.x.dim[3], fold = kNR / std::gcd(channels, kNR);
  return run % fold == 0 && op.x.stride[2] == channels && op.y.stride[2] == channels ? fold : 1;
}

// Pictures cut into pieces, and where what is between the passes lies in scratch.
struct Pieces {
  int64_t pixels, run, fold, lanes, places, pieces_a_run, pieces;
  float* sums = nullptr;    // [picture][piece][centre, first, second][lane]
  float* affine = nullptr;  // [picture][scale, offset][lane]

  explicit Pieces(const GroupNorm& op) {
    const int64_t width = op.x.dim[2];
    // Pixels are one run of lines where the views allow it, else one a row of the picture.
    const auto is_run = [&](const Tensor& t) { return t.dim[1] == 1 || t.stride[1] == width * t.stride[2]; };
    pixels = op.x.dim[1] * width, run = is_run(op.x) && is_run(op.y) ? pixels : width;
    fold = pixels_in_one(op, run), lanes = op.x.dim[3] * fold, places = run / fold;
    pieces_a_run = (places + kPixels - 1) / kPixels, pieces = pixels / run * pieces_a_run;
  }

  int64_t places_of(int64_t piece) const { return std::min(kPixels, places - piece % pieces_a_run * kPixels); }
  float* sums_of(int64_t picture, int64_t piece) const { return sums + (picture * pieces + piece) * 3 * lanes; }
  float* affine_of(int64_t picture) const { return affine + picture * 2 * lanes; }

  // body(picture, piece, its first pixel, counted over all pictures)
  template <class Body>
  void for_each(int64_t pictures, ThreadPool& pool, Body&& body) const {
    parallel_rows(pool, pictures * pieces, kPixels * lanes, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t picture = i / pieces, piece = i % pieces;
        body(picture, piece, picture * pixels + piece / pieces_a_run * run + piece % pieces_a_run * kPixels * fold);
      }
    });
  }
};

void sum_pieces(const GroupNorm& op, const Pieces& cut, ExecContext& context) {
  cut.for_each(op.x.dim[0], context.pool, [&](int64_t picture, int64_t piece, int64_t first) {
    float* out = cut.sums_of(picture, piece);
    context.kernels.channel_sums({.channels = cut.lanes,
                                  .pixels = cut.places_of(piece),
                                  .x = row_of(op.x, first),
                                  .stride = op.x.stride[2] * cut.fold,
                                  .centre = out,
                                  .first = out + cut.lanes,
                                  .second = out + 2 * cut.lanes});
  });
}

// Some channels of a picture, [begin, end), and what is added to each of them.
struct Group {
  int64_t picture, begin, end;
  const float* shift;  // or null

  double shift_of(int64_t c) const { return shift ? double(shift[c]) : 0; }
};

// add(pixels, their mean, sum of squared differences from it) for every channel of every piece
template <class Add>
void for_channels(const Group& group, const Pieces& cut, int64_t channels, Add&& add) {
  for (int64_t piece = 0; piece < cut.pieces; ++piece) {
    const float* sums = cut.sums_of(group.picture, piece);
    const auto n = double(cut.places_of(piece));
    const double of_one = 1 / n;
    for (int64_t side = 0; side < cut.lanes; side += channels)
      for (int64_t c = group.begin; c < group.end; ++c) {
        const double first = double(sums[cut.lanes + side + c]), miss = first * of_one;
        add(n, double(sums[side + c]) + miss + group.shift_of(c),
            double(sums[2 * cut.lanes + side + c]) - first * miss);
      }
  }
}

// A factor and an offset for each of the group's channels.
void merge_pieces(const GroupNorm& op, const Pieces& cut, const Group& group) {
  const int64_t channels = op.x.dim[3];
  const auto *w = op.w.as<float>(), *b = op.b.as<float>();
  const double count = double(cut.pixels * (group.end - group.begin));
  double total = 0, squares = 0;
  for_channels(group, cut, channels, [&](double n, double mean, double) { total += n * mean; });
  const double group_mean = total / count;
  for_channels(group, cut, channels, [&](double n, double mean, double of_piece) {
    squares += of_piece + n * (mean - group_mean) * (mean - group_mean);
  });
  const double scale = 1 / std::sqrt(squares / count + double(op.eps));
  float *scales = cut.affine_of(group.picture), *offsets = scales + cut.lanes;
  for (int64_t side = 0; side < cut.lanes; side += channels)
    for (int64_t c = group.begin; c < group.end; ++c) {
      scales[side + c] = float(scale * double(w[c]));
      offsets[side + c] = float(double(b[c]) + (group.shift_of(c) - group_mean) * scale * double(w[c]));
    }
}

void merge_groups(const GroupNorm& op, const Pieces& cut, ExecContext& context) {
  const int64_t group_channels = op.x.dim[3] / op.groups, groups = op.x.dim[0] * op.groups;
  parallel_rows(context.pool, groups, cut.pieces * group_channels * cut.fold * 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t picture = i / op.groups, first = i % op.groups * group_channels;
      const float* shift = op.shift ? row_of(op.shift, picture) : nullptr;
      merge_pieces(op, cut, {.picture = picture, .begin = first, .end = first + group_channels, .shift = shift});
    }
  });
}

void scale_pieces(const GroupNorm& op, const Pieces& cut, ExecContext& context) {
  cut.for_each(op.x.dim[0], context.pool, [&](int64_t picture, int64_t piece, int64_t first) {
    const float* scales = cut.affine_of(picture);
    context.kernels.scale_channels({.channels = cut.lanes,
                                    .pixels = cut.places_of(piece),
                                    .x = row_of(op.x, first),
                                    .x_stride = op.x.stride[2] * cut.fold,
                                    .scale = scales,
                                    .offset = scales + cut.lanes,
                                    .act = op.act,
                                    .y = row_of(op.y, first),
                                    .y_stride = op.y.stride[2] * cut.fold});
  });
}

}  // namespace

template <>
int64_t scratch_bytes(const GroupNorm& op, const ExecContext&) {
  if (op.x.numel() == 0) return 0;
  const Pieces cut(op);
  return op.x.dim[0] * (cut.pieces * 3 + 2) * cut.lanes * int64_t(sizeof(float));
}

template <>
void execute(const GroupNorm& op, ExecContext& context) {
  if (op.x.numel() == 0) return;
  Pieces cut(op);
  cut.sums = static_cast<float*>(context.scratch.bytes(scratch_bytes(op, context)));
  cut.affine = cut.sums_of(op.x.dim[0], 0);
  sum_pieces(op, cut, context);
  merge_groups(op, cut, context);
  scale_pieces(op, cut, context);
}

}  // namespace seedstory::cpu
