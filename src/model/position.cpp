// PyTorch's bicubic interpolation, for grids of positions.
#include "model/position.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "seedstory/error.h"

namespace seedstory {
namespace {

// One axis of one output position: four taps and their weights.
struct Taps {
  std::array<int64_t, 4> at;
  std::array<double, 4> weight;
};

Taps cubic_taps(int64_t i, int64_t from, int64_t to) {
  constexpr double a = -0.75;
  const double src = (double(i) + 0.5) * double(from) / double(to) - 0.5, floor = std::floor(src), t = src - floor;
  const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };       // |x| <= 1
  const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };  // 1 < |x| < 2
  Taps taps{.at = {}, .weight = {far(1 + t), near(t), near(1 - t), far(2 - t)}};
  for (int tap = 0; tap < 4; ++tap) taps.at[tap] = std::clamp(int64_t(floor) - 1 + tap, int64_t{0}, from - 1);
  return taps;
}

}  // namespace

std::vector<float> resize_grid(const std::vector<float>& table, int64_t from, int64_t to, int64_t dim) {
  if (from == to) return table;
  std::vector<float> out(size_t(to * to * dim));
  std::vector<double> sum(static_cast<size_t>(dim));
  for (int64_t row = 0; row < to; ++row)
    for (int64_t col = 0; col < to; ++col) {
      const Taps y = cubic_taps(row, from, to), x = cubic_taps(col, from, to);
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int v = 0; v < 4; ++v)
        for (int u = 0; u < 4; ++u) {
          const float* in = &table[size_t((y.at[v] * from + x.at[u]) * dim)];
          for (int64_t d = 0; d < dim; ++d) sum[size_t(d)] += y.weight[v] * x.weight[u] * in[d];
        }
      std::copy(sum.begin(), sum.end(), &out[size_t((row * to + col) * dim)]);
    }
  return out;
}

int64_t grid_side(int64_t positions, const char* what) {
  const int64_t side = std::llround(std::sqrt(double(positions)));
  if (positions <= 0 || side * side != positions)
    fail_input(std::string(what) + ": " + std::to_string(positions) + " positions are no square grid");
  return side;
}

std::vector<float> rope_table(int64_t positions, int64_t head_dim, double theta) {
  std::vector<float> table(size_t(positions * head_dim));
  const int64_t path = head_dim / 2;
  for (int64_t j = 0; j < path; ++j) {
    const double frequency = std::pow(theta, -2.0 * double(j) / double(head_dim));
    for (int64_t p = 0; p < positions; ++p) {
      table[size_t(p * head_dim + j)] = float(std::cos(double(p) * frequency));
      table[size_t(p * head_dim + path + j)] = float(std::sin(double(p) * frequency));
    }
  }
  return table;
}

}  // namespace seedstory
