// Products of integers: every instruction set gives the bits of the definition in kernels.h.
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/simd/kernels.h"
#include "ops/harness.h"
#include "seedstory/float16.h"

using namespace seedstory;
using namespace seedstory::cpu;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

// Rows of x by a matrix of integers and scales, as the definition reads.
struct Product {
  int bits;
  int64_t rows, panels, depth;
  std::vector<float> x;               // [row][k]
  std::vector<int> integers;          // [k][column]
  std::vector<uint16_t> scales = {};  // f16 [block][column]
  std::vector<uint8_t> b = {};        // packed
  std::vector<uint16_t> b_scales = {};

  int offset() const { return bits == 8 ? 128 : 8; }
  int64_t columns() const { return panels * kNR; }
  int64_t blocks() const { return depth / kWeightBlock; }

  void pack() {
    b.resize(size_t(depth * columns() * bits / 8));
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t column = 0; column < columns(); ++column) {
        const int code = integers[size_t(k * columns() + column)] + offset();
        uint8_t* panel = &b[size_t(column / kNR * depth * kNR * bits / 8)];
        const int64_t four = column % kNR * 4 + k % 4;
        if (bits == 8)
          panel[k / 4 * 64 + four] = uint8_t(code);
        else
          panel[k / 8 * 64 + four] |= uint8_t(code << (k % 8 < 4 ? 0 : 4));
      }
    for (int64_t panel = 0; panel < panels; ++panel)
      for (int64_t block = 0; block < blocks(); ++block)
        for (int64_t j = 0; j < kNR; ++j) b_scales.push_back(scales[size_t(block * columns() + panel * kNR + j)]);
  }
};

struct Rounded {
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> starts;

  explicit Rounded(size_t count) : values(count, 99), scales(count / 32, -7), starts(count / 32, -7) {}
};

Rounded rounded_by(const Kernels& set, const std::vector<float>& x, int offset) {
  Rounded out(x.size());
  set.round_int8(int64_t(x.size()), x.data(), offset, out.values.data(), out.scales.data(), out.starts.data());
  return out;
}

// The definition: a double holds the product of two floats.
Rounded rounded_by_definition(const std::vector<float>& x, int offset) {
  std::fesetround(FE_TONEAREST);
  Rounded out(x.size());
  for (size_t block = 0; block < out.scales.size(); ++block) {
    float largest = 0;
    bool finite = true;
    for (size_t i = 32 * block; i < 32 * (block + 1); ++i)
      largest = std::fmax(largest, std::fabs(x[i])), finite &= std::isfinite(x[i]);
    const bool counts = finite && largest >= 0x1p-100f;
    const float inverse = counts ? 127 / largest : 0;
    int sum = 0;
    for (size_t i = 32 * block; i < 32 * (block + 1); ++i) {
      out.values[i] = int8_t(counts ? std::nearbyint(double(x[i]) * double(inverse)) : 0);
      sum += out.values[i];
    }
    out.scales[block] = !finite ? kNan : counts ? largest / 127 : 0;
    out.starts[block] = -offset * sum;
  }
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (std::isnan(a[i]) != std::isnan(b[i]) || (!std::isnan(a[i]) && std::memcmp(&a[i], &b[i], sizeof a[i]) != 0))
      return false;
  return true;
}

// c <- fma(exact sum, scale of b * scale of a, c), block after block.
std::vector<float> by_definition(const Product& p, const Rounded& a, float from) {
  std::vector<float> c(size_t(p.rows * p.columns()), from);
  for (int64_t row = 0; row < p.rows; ++row)
    for (int64_t column = 0; column < p.columns(); ++column)
      for (int64_t block = 0; block < p.blocks(); ++block) {
        int sum = 0;
        for (int64_t k = block * 32; k < (block + 1) * 32; ++k)
          sum += a.values[size_t(row * p.depth + k)] * p.integers[size_t(k * p.columns() + column)];
        const float scale =
            f16_to_f32(p.scales[size_t(block * p.columns() + column)]) * a.scales[size_t(row * p.blocks() + block)];
        float& to = c[size_t(row * p.columns() + column)];
        to = std::fma(float(sum), scale, to);
      }
  return c;
}

// Over the depth in pieces of so many numbers.
std::vector<float> product_by(const Kernels& set, const Product& p, Rounded a, float from, int64_t piece) {
  std::vector<float> c(size_t(p.rows * p.columns()), from);
  for (int64_t k = 0; k < p.depth; k += piece) {
    const int64_t block = k / kWeightBlock;
    const auto multiply = p.bits == 8 ? set.int8->multiply_q8 : set.int8->multiply_q4;
    multiply({.rows = p.rows,
              .panels = p.panels,
              .depth = std::min(piece, p.depth - k),
              .a = {.values = a.values.data() + k,
                    .stride = p.depth,
                    .scales = a.scales.data() + block,
                    .starts = a.starts.data() + block,
                    .blocks = p.blocks()},
              .b = p.b.data() + k * kNR * p.bits / 8,
              .panel_bytes = p.depth * kNR * p.bits / 8,
              .b_scales = p.b_scales.data() + block * kNR,
              .panel_scales = p.blocks() * kNR,
              .c = c.data(),
              .c_stride = p.columns(),
              .accumulate = from != 0 || k > 0});
  }
  return c;
}

std::vector<float> normal(uint64_t seed, int64_t count, double scale = 1) {
  Inputs in(seed);
  const Tensor t = in.normal(DType::f32, {count}, scale);
  return {t.as<float>(), t.as<float>() + count};
}

Product random_product(int bits, int64_t rows, int64_t panels, int64_t depth) {
  Product p{.bits = bits, .rows = rows, .panels = panels, .depth = depth, .x = normal(1, rows * depth), .integers = {}};
  Inputs in(2);
  const int most = bits == 8 ? 127 : 7, least = bits == 8 ? -127 : -8;
  const Tensor drawn = in.integers({depth * p.columns()}, most - least + 1);
  for (int64_t i = 0; i < drawn.numel(); ++i) p.integers.push_back(least + drawn.as<int32_t>()[i]);
  for (float scale : normal(3, p.blocks() * p.columns(), 0.02)) p.scales.push_back(f32_to_f16(scale));
  p.pack();
  return p;
}

void expect_definition(const Product& p) {
  const Rounded a = rounded_by_definition(p.x, p.offset());
  const auto expected = by_definition(p, a, 0), more = by_definition(p, a, 3);
  for (const Kernels* set : kernel_sets()) {
    INFO(set->name() << ", " << set->int8->name << ", " << p.bits << " bits, " << p.rows << " rows, " << p.panels
                     << " panels");
    const Rounded here = rounded_by(*set, p.x, p.offset());
    CHECK(here.values == a.values);
    CHECK(same_bits(here.scales, a.scales));
    CHECK(here.starts == a.starts);
    CHECK(same_bits(product_by(*set, p, here, 0, p.depth), expected));
    CHECK(same_bits(product_by(*set, p, here, 3, 64), more));
  }
}

}  // namespace

TEST_CASE("Products of integers are those of their definition on every instruction set", "[kernels]") {
  for (int bits : {8, 4})
    for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 13})
      for (int64_t panels : {1, 2, 3, 4, 5, 7}) expect_definition(random_product(bits, rows, panels, 160));
}

TEST_CASE("Products of integers hold at the ends of their range", "[kernels]") {
  for (int bits : {8, 4})
    for (int integer : {bits == 8 ? 127 : 7, bits == 8 ? -127 : -8, bits == 8 ? -128 : -8, 0})
      for (float x : {1.0f, -1.0f, 0.0f, -0.0f, 0x1p-100f, 0x1.fp-101f, 0x1p-149f, 3.4e38f, -3.4e38f})
        for (float scale : {65504.0f, 0x1p-24f, 1.0f}) {
          Product p{
              .bits = bits, .rows = 7, .panels = 2, .depth = 64, .x = std::vector<float>(7 * 64, x), .integers = {}};
          p.integers.assign(size_t(p.depth * p.columns()), integer);
          p.scales.assign(size_t(p.blocks() * p.columns()), f32_to_f16(scale));
          p.pack();
          INFO(integer << " times " << x << ", scale " << scale);
          expect_definition(p);
        }
}

TEST_CASE("A number that is not finite makes every product of its row NaN", "[kernels]") {
  for (int bits : {8, 4})
    for (float bad : {kNan, -kNan, kInfinity, -kInfinity})
      for (int64_t k : {0, 15, 16, 31, 40, 95}) {
        Product p = random_product(bits, 5, 3, 96);
        p.x[size_t(2 * p.depth + k)] = bad;
        expect_definition(p);
        for (const Kernels* set : kernel_sets()) {
          INFO(set->name() << ", " << bad << " at " << k);
          const auto c = product_by(*set, p, rounded_by(*set, p.x, p.offset()), 0, p.depth);
          for (int64_t i = 0; i < p.rows * p.columns(); ++i) CHECK(std::isnan(c[size_t(i)]) == (i / p.columns() == 2));
        }
      }
}

TEST_CASE("Numbers are rounded to int8 half to even", "[kernels]") {
  std::vector<float> x(32, 0.0f);
  x[0] = 127, x[1] = 0.5f, x[2] = 1.5f, x[3] = -0.5f, x[4] = -2.5f, x[5] = 126.5f, x[31] = -127;
  for (const Kernels* set : kernel_sets()) {
    INFO(set->name());
    const Rounded got = rounded_by(*set, x, 8);
    CHECK(std::vector<int>(got.values.begin(), got.values.begin() + 6) == std::vector<int>{127, 0, 2, 0, -2, 126});
    CHECK(got.values[31] == -127);
    CHECK(got.scales[0] == 1);
    CHECK(got.starts[0] == -8 * 126);
  }
}
