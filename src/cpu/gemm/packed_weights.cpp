#include "cpu/gemm/packed_weights.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "seedstory/float16.h"

namespace seedstory::cpu {
namespace {

constexpr int64_t kMostTaps = 256;  // of k that sum_taps() widens at a time: 16 KiB on the stack

int64_t depth_of(const Weight& w) {
  return w.values.dim[0] == 0 ? 0 : w.values.numel() / w.values.dim[0];
}

// A stored row is (channels, taps); the sum of Conv2d has taps outside, channels inside. A Linear has one tap.
struct DepthOrder {
  int64_t taps, channels;

  explicit DepthOrder(const Tensor& t) : taps(t.rank == 4 ? t.dim[2] * t.dim[3] : 1), channels(t.dim[1]) {}
};

template <class T>
void reorder(const T* row, DepthOrder order, T* to) {
  for (int64_t tap = 0; tap < order.taps; ++tap)
    for (int64_t c = 0; c < order.channels; ++c) *to++ = row[c * order.taps + tap];
}

// The panels of a weight without their memory, and how many bytes they take.
struct Layout {
  Panels panels;
  bool sums_taps;  // the four kernels of an upsampling one
  int64_t value_bytes, scale_bytes;

  int64_t bytes() const { return scale_bytes == 0 ? value_bytes : aligned(value_bytes) + scale_bytes; }
};

Layout layout_of(const Weight& w, WeightUse use, const Kernels& kernels) {
  const int64_t depth = depth_of(w);
  Layout out{};
  Panels& p = out.panels;
  p.kernels = &kernels, p.format = w.format();
  p.bf16x2 = p.format == WeightFormat::bf16 && kernels.bf16x2 && depth % 2 == 0;
  p.parts = use == WeightUse::gated_linear ? 2 : 1;
  p.rows = w.values.dim[0] / p.parts, p.depth = depth;
  out.sums_taps = use == WeightUse::upsample_conv && (p.format == WeightFormat::f32 || p.format == WeightFormat::bf16);
  if (out.sums_taps) {
    p.parts = 4, p.depth = depth / 9 * 4;
    if (!p.bf16x2) p.format = WeightFormat::f32;
  }
  const int64_t numbers = p.panels() * kNR * p.depth, block = row_of(p.format).block;
  out.value_bytes = numbers * bits_of(row_of(p.format).values) / 8;
  out.scale_bytes = block == 0 ? 0 : numbers / block * size_of(DType::f16);
  return out;
}

// The place of (k, row) in a panel: numbers of 16 bits and more as they are, or in pairs.
struct PanelOrder {
  bool bf16x2;

  int64_t operator()(int64_t k, int64_t row) const {
    return bf16x2 ? k / 2 * 2 * kNR + row * 2 + k % 2 : k * kNR + row;
  }
};

// A panel of rows of T; rows from `count` on are zeros.
template <class T>
void write_panel(const T* rows, int64_t count, int64_t depth, PanelOrder place, T* panel) {
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t r = 0; r < kNR; ++r) panel[place(k, r)] = r < count ? rows[r * depth + k] : T{};
}

// Of integers, in the order of Int8Kernels.
void write_panel_q8(const uint8_t* rows, int64_t count, int64_t depth, uint8_t* panel) {
  for (int64_t k = 0; k < depth; k += 4)
    for (int64_t r = 0; r < kNR; ++r)
      for (int64_t i = k; i < k + 4; ++i) *panel++ = uint8_t((r < count ? rows[r * depth + i] : 0) + kQ8Offset);
}

void write_panel_q4(const uint8_t* rows, int64_t count, int64_t depth, uint8_t* panel) {
  for (int64_t k = 0; k < depth; k += 8)
    for (int64_t r = 0; r < kNR; ++r)
      for (int64_t i = k; i < k + 4; ++i) {
        const auto nibble = [&](int64_t k) { return ((r < count ? rows[r * depth + k] : 0) + kQ4Offset) & 15; };
        *panel++ = uint8_t(nibble(i) | nibble(i + 4) << 4);
      }
}

// Stored rows of a weight that is not packed, one number an element, in the order of the sum.
template <class T>
void read_rows(const Tensor& t, int64_t first, int64_t count, T* to) {
  const DepthOrder order(t);
  const int64_t depth = order.taps * order.channels;
  std::vector<T> numbers;
  for (int64_t row = first; row < first + count; ++row, to += depth) {
    const char* at = static_cast<const char*>(t.data) + row * t.stride[0] * bits_of(t.dtype) / 8;
    if (t.dtype == DType::i4) {
      numbers.resize(size_t(depth));
      for (int64_t i = 0; i < depth; ++i) numbers[size_t(i)] = T(uint8_t(at[i / 2]) >> (i % 2 * 4) & 15);
      reorder(numbers.data(), order, to);
    } else {
      reorder(reinterpret_cast<const T*>(at), order, to);
    }
  }
}

// f(part, panel of it, its first stored row, how many rows it has) for every panel, on all threads.
template <class F>
void for_panels(const Panels& p, int64_t stored_parts, ThreadPool& pool, F&& f) {
  const int64_t a_part = p.part_panels();
  parallel(pool, stored_parts * a_part, 1 + 16 * 1024 / (kNR * p.depth + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i / a_part, first = i % a_part * kNR;
      f(i, part * p.rows + first, std::min(kNR, p.rows - first));
    }
  });
}

template <class T>
void fill(const Tensor& from, const Panels& p, int64_t depth, T* to, ThreadPool& pool) {
  for_panels(p, p.parts, pool, [&](int64_t panel, int64_t first, int64_t count) {
    std::vector<T> rows(size_t(kNR * depth));
    read_rows(from, first, count, rows.data());
    write_panel(rows.data(), count, depth, PanelOrder{p.bf16x2}, to + panel * kNR * depth);
  });
}

// Integers of q8 or q4.
void fill_integers(const Tensor& from, const Panels& p, uint8_t* to, ThreadPool& pool) {
  const bool q8 = p.format == WeightFormat::q8;
  const int64_t panel_bytes = kNR * p.depth * bits_of(from.dtype) / 8;
  for_panels(p, p.parts, pool, [&](int64_t panel, int64_t first, int64_t count) {
    std::vector<uint8_t> rows(size_t(kNR * p.depth));
    read_rows(from, first, count, rows.data());
    (q8 ? write_panel_q8 : write_panel_q4)(rows.data(), count, p.depth, to + panel * panel_bytes);
  });
}

// f(tap) for each of a 3x3 kernel's taps that one place of a kernel of 2x2 is the sum of.
template <class F>
void for_taps(int parity, int64_t place, F&& f) {
  const Taps rows(parity / 2, place / 2), columns(parity % 2, place % 2);
  for (int64_t row = rows.begin; row < rows.end; ++row)
    for (int64_t column = columns.begin; column < columns.end; ++column) f(row * 3 + column);
}

// Panel (9 channels) of a 3x3 kernel -> one of its four, (4 channels), tap after tap.
template <class TapPanel>
void sum_places(const Kernels& kernels, int64_t channels, int parity, float* sums, TapPanel&& tap_panel) {
  const int64_t tap = channels * kNR;
  std::fill_n(sums, 4 * tap, 0.0f);
  for (int64_t place = 0; place < 4; ++place, sums += tap)
    for_taps(parity, place, [&](int64_t i) { kernels.add(tap, sums, tap_panel(i), sums); });
}

// [parity][panel]
void fill_upsample(const Tensor& from, const Panels& p, void* to, ThreadPool& pool) {
  const int64_t channels = p.depth / 4, depth = 9 * channels, panel_numbers = kNR * p.depth;
  for_panels(p, 1, pool, [&](int64_t panel, int64_t first, int64_t count) {
    std::vector<float> rows(size_t(kNR * depth)), whole(size_t(kNR * depth)), sums(static_cast<size_t>(panel_numbers));
    if (from.dtype == DType::f32) {
      read_rows(from, first, count, rows.data());
    } else {
      std::vector<uint16_t> halves(size_t(kNR * depth));
      read_rows(from, first, count, halves.data());
      std::transform(halves.begin(), halves.end(), rows.begin(), bf16_to_f32);
    }
    write_panel(rows.data(), count, depth, PanelOrder{false}, whole.data());
    for (int parity = 0; parity < 4; ++parity) {
      sum_places(*p.kernels, channels, parity, sums.data(),
                 [&](int64_t tap) { return &whole[size_t(tap * channels * kNR)]; });
      const int64_t at = (parity * p.part_panels() + panel) * panel_numbers;
      if (p.bf16x2)
        interleave_k2(p.depth, sums.data(), static_cast<uint16_t*>(to) + at);
      else
        std::copy(sums.begin(), sums.end(), static_cast<float*>(to) + at);
    }
  });
}

// Where panels and stored rows lie at the same places, `to` may be the weight's own memory.
void fill(const Weight& from, const Layout& layout, void* to, uint16_t* scales, ThreadPool& pool) {
  const Panels& p = layout.panels;
  if (layout.sums_taps) return fill_upsample(from.values, p, to, pool);
  switch (from.values.dtype) {
    case DType::f32:
      fill(from.values, p, p.depth, static_cast<float*>(to), pool);
      break;
    case DType::i4:
    case DType::i8:
      fill_integers(from.values, p, static_cast<uint8_t*>(to), pool);
      break;
    default:
      fill(from.values, p, p.depth, static_cast<uint16_t*>(to), pool);
  }
  if (scales) fill(from.scales, p, p.depth / kWeightBlock, scales, pool);
}

Panels filled(const Weight& from, const Layout& layout, void* block, ThreadPool& pool) {
  Panels out = layout.panels;
  out.values = block;
  uint16_t* scales = nullptr;
  if (layout.scale_bytes > 0)
    scales = reinterpret_cast<uint16_t*>(static_cast<char*>(block) + aligned(layout.value_bytes));
  out.scales = scales;
  fill(from, layout, block, scales, pool);
  return out;
}

std::vector<char> copied(Tensor& t) {
  std::vector<char> bytes(size_t(t.bytes()));
  if (!bytes.empty()) std::memcpy(bytes.data(), t.data, bytes.size());
  t.data = bytes.data();
  return bytes;
}

bool multiplies_int8(const Panels& p, const ExecContext& context) {
  return row_of(p.format).block > 0 && context.products == Products::int8;
}

struct CpuPackedWeight final : PackedWeight {
  Panels panels;
};

}  // namespace

const float* Panels::in_f32(int64_t panel, int64_t k, int64_t count, float* buffer) const {
  if (format == WeightFormat::f32) return static_cast<const float*>(values) + (panel * depth + k) * kNR;
  if (parity < 0)
    widen(panel, k, count, buffer);
  else
    sum_taps(panel, k, count, buffer);
  return buffer;
}

// Of the panel as it is in memory.
void Panels::widen(int64_t panel, int64_t k, int64_t count, float* to) const {
  const int64_t at = (panel * stored_depth() + k) * kNR;
  const auto* block_scales = scales ? scales + at / kWeightBlock : nullptr;
  const auto* halves = static_cast<const uint16_t*>(values) + (scales ? 0 : at);
  switch (format) {
    case WeightFormat::f32:
      break;  // needs none
    case WeightFormat::f16:
      return kernels->widen_f16(count * kNR, halves, to);
    case WeightFormat::q8:
      return kernels->widen_q8(count, static_cast<const uint8_t*>(values) + at, block_scales, to);
    case WeightFormat::q4:
      return kernels->widen_q4(count, static_cast<const uint8_t*>(values) + at / 2, block_scales, to);
    case WeightFormat::bf16:
      if (!bf16x2) return kernels->widen_bf16(count * kNR, halves, to);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t row = 0; row < kNR; ++row) to[i * kNR + row] = bf16_to_f32(halves[PanelOrder{true}(i, row)]);
  }
}

void Panels::sum_taps(int64_t panel, int64_t k, int64_t count, float* to) const {
  const int64_t channels = depth / 4;
  alignas(64) float widened[kMostTaps * kNR];
  for (const int64_t end = k + count; k < end;) {
    const int64_t place = k / channels, c = k % channels;
    const int64_t some = std::min({channels - c, end - k, kMostTaps});
    std::fill_n(to, some * kNR, 0.0f);
    for_taps(parity, place, [&](int64_t tap) {
      widen(panel, tap * channels + c, some, widened);
      kernels->add(some * kNR, to, widened, to);
    });
    k += some, to += some * kNR;
  }
}

void interleave_k2(int64_t depth, const float* panel, uint16_t* to) {
  for (int64_t pair = 0; pair < depth / 2; ++pair, panel += 2 * kNR, to += 2 * kNR)
    for (int64_t row = 0; row < kNR; ++row) {
      const uint32_t both = f32_to_bf16(panel[row]) | uint32_t{f32_to_bf16(panel[kNR + row])} << 16;
      std::memcpy(to + 2 * row, &both, sizeof both);
    }
}

int64_t packed_bytes(const Weight& weight, WeightUse use, const Kernels& kernels) {
  return std::max(weight.bytes(), layout_of(weight, use, kernels).bytes());
}

std::unique_ptr<PackedWeight> pack_weight(const Weight& weight, WeightUse use, ExecContext& context) {
  if (weight.values.numel() == 0) return nullptr;
  const Layout layout = layout_of(weight, use, context.kernels);
  Weight from = weight;
  std::vector<char> values, scales;
  const bool in_place = !layout.sums_taps && (layout.panels.parts == 1 || layout.panels.rows % kNR == 0);
  if (!in_place) values = copied(from.values);
  if (from.scales) scales = copied(from.scales);  // the last panel's zeros may reach where they lie
  auto made = std::make_unique<CpuPackedWeight>();
  made->panels = filled(from, layout, weight.values.data, context.pool);
  return made;
}

Panels panel_shape(const Weight& weight, WeightUse use, const ExecContext& context) {
  Panels out = layout_of(weight, use, context.kernels).panels;
  out.int8 = multiplies_int8(out, context);
  return out;
}

int64_t room_bytes(const Weight& weight, WeightUse use, const Kernels& kernels) {
  return weight.packed ? 0 : layout_of(weight, use, kernels).bytes();
}

Panels panels_of(const Weight& weight, WeightUse use, Scratch& room, ExecContext& context) {
  const auto made = [&] {
    const Layout layout = layout_of(weight, use, context.kernels);
    return filled(weight, layout, room.bytes(layout.bytes()), context.pool);
  };
  Panels out = weight.packed ? static_cast<const CpuPackedWeight*>(weight.packed)->panels : made();
  out.int8 = multiplies_int8(out, context);
  if (!weight.packed) return out;
  if (out.kernels != &context.kernels)
    fail("cpu: " + weight.str() + " is packed for " + out.kernels->name() + ", expected " + context.kernels.name());
  const int64_t rows = weight.values.dim[0], all = out.rows * (use == WeightUse::gated_linear ? 2 : 1);
  if (weight.first_row == 0 && rows == all) return out;
  if (out.parts > 1) fail("cpu: rows of " + weight.str() + ", which is packed as a whole");
  const int64_t at = weight.first_row / kNR * kNR * out.stored_depth();
  out.values = static_cast<const char*>(out.values) + at * bits_of(row_of(out.format).values) / 8;
  if (out.scales) out.scales += at / kWeightBlock;
  out.rows = rows;
  return out;
}

Panels parity_panels(const Panels& upsample, int parity) {
  Panels out = upsample;
  if (upsample.parts == 1) {
    out.parity = parity, out.depth = upsample.depth / 9 * 4;
    return out;
  }
  const int64_t numbers = upsample.part_panels() * kNR * upsample.depth;
  out.parts = 1;
  out.values = static_cast<const char*>(upsample.values) + parity * numbers * bits_of(row_of(out.format).values) / 8;
  return out;
}

}  // namespace seedstory::cpu
