// GroupNorm (ops.h):  y <- act((s - mean) / sqrt(var + eps) * w + b),  s = x + shift
//
// Work   Channels lie side by side, so a picture is cut into pieces of kPixels pixels, and a piece gives each of its
//        channels a centre and the sums of the differences from it and of their squares. The pieces are merged per
//        group in f64, in order (Chan et al. 1979). What is left is a factor and an offset a channel. x is read twice,
//        y written once; the shift only moves the means.
// Error  Against f64, of the magnitude that counts the cancellation of s - mean: 2^-21.
// Bits   The pieces are cut by pixel, never by thread.
#include <cmath>

#include "cpu/execute.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kPixels = 64;  // a strip of sixteen channels is 4 KiB: the second read is from L1

// Number of pixels, mean and sum of squared differences from it, as pieces come in.
struct Moments {
  double count = 0, mean = 0, squares = 0;
  void add(double n, double piece_mean, double piece_squares) {
    const double total = count + n, apart = piece_mean - mean;
    squares += piece_squares + apart * apart * count * n / total;
    mean += apart * n / total;
    count = total;
  }
};

}  // namespace

void execute(const GroupNorm& op, Crew& crew) {
  const int64_t pictures = op.x.dim[0], width = op.x.dim[2], pixels = op.x.dim[1] * width, channels = op.x.dim[3];
  if (op.x.numel() == 0) return;
  const auto *w = op.w.as<float>(), *b = op.b.as<float>();
  // Pixels are one run of lines where the views allow it, else one a row of the picture.
  const auto is_run = [&](const Tensor& t) { return t.dim[1] == 1 || t.stride[1] == width * t.stride[2]; };
  const bool runs = is_run(op.x) && is_run(op.y);
  const int64_t run = runs ? pixels : width, pieces_a_run = (run + kPixels - 1) / kPixels;
  const int64_t pieces = pixels / run * pieces_a_run;

  // sums: [picture][piece][centre, first, second][channel]
  float* sums = crew.scratch.floats(pictures * (pieces * 3 + 2) * channels);
  float* affine = sums + pictures * pieces * 3 * channels;  // [picture][scale, offset][channel]
  const auto pixels_of = [&](int64_t piece) { return std::min(kPixels, run - piece % pieces_a_run * kPixels); };

  // body(picture, piece, its first pixel, counted over all pictures)
  const auto for_pieces = [&](auto&& body) {
    parallel_rows(crew.threads, pictures * pieces, kPixels * channels, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t picture = i / pieces, piece = i % pieces;
        body(picture, piece, picture * pixels + piece / pieces_a_run * run + piece % pieces_a_run * kPixels);
      }
    });
  };

  for_pieces([&](int64_t picture, int64_t piece, int64_t first) {
    float* out = sums + (picture * pieces + piece) * 3 * channels;
    kernels().channel_sums(channels, pixels_of(piece), row_of(op.x, first), op.x.stride[2], out, out + channels,
                           out + 2 * channels);
  });

  const int64_t group_channels = channels / op.groups;
  parallel_rows(crew.threads, pictures * op.groups, pieces * group_channels * 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t picture = i / op.groups, c_begin = i % op.groups * group_channels;
      const float* shift = op.shift ? row_of(op.shift, picture) : nullptr;
      Moments moments;
      for (int64_t piece = 0; piece < pieces; ++piece) {
        const float* piece_sums = sums + (picture * pieces + piece) * 3 * channels;
        const auto n = double(pixels_of(piece));
        for (int64_t c = c_begin; c < c_begin + group_channels; ++c) {
          const double miss = double(piece_sums[channels + c]) / n;
          const double mean = double(piece_sums[c]) + miss + double(shift ? shift[c] : 0);
          moments.add(n, mean, double(piece_sums[2 * channels + c]) - miss * miss * n);
        }
      }
      const double scale = 1 / std::sqrt(moments.squares / moments.count + double(op.eps));
      float *scales = affine + picture * 2 * channels, *offsets = scales + channels;
      for (int64_t c = c_begin; c < c_begin + group_channels; ++c) {
        scales[c] = float(scale * double(w[c]));
        offsets[c] = float(double(b[c]) + (double(shift ? shift[c] : 0) - moments.mean) * scale * double(w[c]));
      }
    }
  });

  for_pieces([&](int64_t picture, int64_t piece, int64_t first) {
    const float* scales = affine + picture * 2 * channels;
    kernels().scale_channels(channels, pixels_of(piece), row_of(op.x, first), op.x.stride[2], scales, scales + channels,
                             op.act, row_of(op.y, first), op.y.stride[2]);
  });
}

}  // namespace seedstory::cpu
