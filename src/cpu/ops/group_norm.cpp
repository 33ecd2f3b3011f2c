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

// A picture cut into pieces.
struct Pieces {
  int64_t pixels, run, fold, lanes, places, pieces_a_run, pieces;

  explicit Pieces(const GroupNorm& op) {
    const int64_t width = op.x.dim[2];
    // Pixels are one run of lines where the views allow it, else one a row of the picture.
    const auto is_run = [&](const Tensor& t) { return t.dim[1] == 1 || t.stride[1] == width * t.stride[2]; };
    pixels = op.x.dim[1] * width, run = is_run(op.x) && is_run(op.y) ? pixels : width;
    fold = pixels_in_one(op, run), lanes = op.x.dim[3] * fold, places = run / fold;
    pieces_a_run = (places + kPixels - 1) / kPixels, pieces = pixels / run * pieces_a_run;
  }
};

}  // namespace

template <>
int64_t scratch_bytes(const GroupNorm& op, const ExecContext&) {
  if (op.x.numel() == 0) return 0;
  const Pieces cut(op);
  return op.x.dim[0] * (cut.pieces * 3 + 2) * cut.lanes * int64_t(sizeof(float));
}

template <>
void execute(const GroupNorm& op, ExecContext& context) {
  const int64_t pictures = op.x.dim[0], channels = op.x.dim[3];
  if (op.x.numel() == 0) return;
  const auto *w = op.w.as<float>(), *b = op.b.as<float>();
  const Pieces cut(op);
  const int64_t pixels = cut.pixels, run = cut.run, fold = cut.fold, lanes = cut.lanes, places = cut.places;
  const int64_t pieces_a_run = cut.pieces_a_run, pieces = cut.pieces;

  // sums: [picture][piece][centre, first, second][lane]
  auto* sums = static_cast<float*>(context.scratch.bytes(scratch_bytes(op, context)));
  float* affine = sums + pictures * pieces * 3 * lanes;  // [picture][scale, offset][lane]
  const auto places_of = [&](int64_t piece) { return std::min(kPixels, places - piece % pieces_a_run * kPixels); };

  // body(picture, piece, its first pixel, counted over all pictures)
  const auto for_pieces = [&](auto&& body) {
    parallel_rows(context.pool, pictures * pieces, kPixels * lanes, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t picture = i / pieces, piece = i % pieces;
        body(picture, piece, picture * pixels + piece / pieces_a_run * run + piece % pieces_a_run * kPixels * fold);
      }
    });
  };

  for_pieces([&](int64_t picture, int64_t piece, int64_t first) {
    float* out = sums + (picture * pieces + piece) * 3 * lanes;
    context.kernels.channel_sums({.channels = lanes,
                                  .pixels = places_of(piece),
                                  .x = row_of(op.x, first),
                                  .stride = op.x.stride[2] * fold,
                                  .centre = out,
                                  .first = out + lanes,
                                  .second = out + 2 * lanes});
  });

  const int64_t group_channels = channels / op.groups;
  parallel_rows(context.pool, pictures * op.groups, pieces * group_channels * fold * 4,
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    const int64_t picture = i / op.groups, c_begin = i % op.groups * group_channels;
                    const float* shift = op.shift ? row_of(op.shift, picture) : nullptr;
                    // add(pixels, their mean, sum of squared differences from it) for a channel of a piece
                    const auto for_channels = [&](auto&& add) {
                      for (int64_t piece = 0; piece < pieces; ++piece) {
                        const float* piece_sums = sums + (picture * pieces + piece) * 3 * lanes;
                        const auto n = double(places_of(piece));
                        const double of_one = 1 / n;
                        for (int64_t side = 0; side < lanes; side += channels)
                          for (int64_t c = c_begin; c < c_begin + group_channels; ++c) {
                            const double first = double(piece_sums[lanes + side + c]), miss = first * of_one;
                            add(n, double(piece_sums[side + c]) + miss + double(shift ? shift[c] : 0),
                                double(piece_sums[2 * lanes + side + c]) - first * miss);
                          }
                      }
                    };
                    const double count = double(pixels * group_channels);
                    double total = 0, squares = 0;
                    for_channels([&](double n, double mean, double) { total += n * mean; });
                    const double group_mean = total / count;
                    for_channels([&](double n, double mean, double of_piece) {
                      squares += of_piece + n * (mean - group_mean) * (mean - group_mean);
                    });
                    const double scale = 1 / std::sqrt(squares / count + double(op.eps));
                    float *scales = affine + picture * 2 * lanes, *offsets = scales + lanes;
                    for (int64_t side = 0; side < lanes; side += channels)
                      for (int64_t c = c_begin; c < c_begin + group_channels; ++c) {
                        scales[side + c] = float(scale * double(w[c]));
                        offsets[side + c] =
                            float(double(b[c]) + (double(shift ? shift[c] : 0) - group_mean) * scale * double(w[c]));
                      }
                  }
                });

  for_pieces([&](int64_t picture, int64_t piece, int64_t first) {
    const float* scales = affine + picture * 2 * lanes;
    context.kernels.scale_channels({.channels = lanes,
                                    .pixels = places_of(piece),
                                    .x = row_of(op.x, first),
                                    .x_stride = op.x.stride[2] * fold,
                                    .scale = scales,
                                    .offset = scales + lanes,
                                    .act = op.act,
                                    .y = row_of(op.y, first),
                                    .y_stride = op.y.stride[2] * fold});
  });
}

}  // namespace seedstory::cpu
