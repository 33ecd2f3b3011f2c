#include "cpu/gemm/packed_weights.h"

#include <bit>
#include <cstring>
#include <vector>

#include "seedstory/float16.h"

namespace seedstory::cpu {
namespace {

int64_t depth_of(const Tensor& w) {
  return w.dim[0] == 0 ? 0 : w.numel() / w.dim[0];
}

// to[k] <- row[order.stored(k)]
template <class From, class To>
void reorder(const From* row, DepthOrder order, int64_t depth, To* to) {
  const int64_t channels = order.taps == 1 ? depth : order.channels;
  for (int64_t tap = 0; tap < order.taps; ++tap)
    for (int64_t c = 0; c < channels; ++c)
      if constexpr (std::is_same_v<From, To>)
        to[tap * channels + c] = row[c * order.taps + tap];
      else
        to[tap * channels + c] = bf16_to_f32(row[c * order.taps + tap]);
}

// The place of (k, row) in a panel.
struct PanelOrder {
  bool bf16x2;

  int64_t operator()(int64_t k, int64_t row) const {
    return bf16x2 ? k / 2 * 2 * kNR + row * 2 + k % 2 : k * kNR + row;
  }
};

bool is_bf16x2(DType type, int64_t depth) {
  return type == DType::bf16 && kernels().bf16x2 && depth % 2 == 0;
}

template <class T>
void pack_in_place(T* w, int64_t n, int64_t depth, DepthOrder order, PanelOrder place, ThreadPool& pool) {
  parallel(pool, ceil_div(n, kNR), 1 + 16 * 1024 / (kNR * depth + 1), [&](int64_t begin, int64_t end) {
    std::vector<T> rows(size_t(kNR * depth));
    for (int64_t panel = begin; panel < end; ++panel) {
      T* at = w + panel * kNR * depth;
      const int64_t count = std::min(kNR, n - panel * kNR);
      for (int64_t r = 0; r < count; ++r) reorder(at + r * depth, order, depth, &rows[size_t(r * depth)]);
      if (count < kNR) {
        std::copy_n(rows.data(), count * depth, at);
        continue;
      }
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t r = 0; r < kNR; ++r) at[place(k, r)] = rows[size_t(r * depth + k)];
    }
  });
}

// The number at (row, k) of a prepared matrix (n, depth).
template <class T>
T packed_at(const T* w, int64_t n, int64_t depth, PanelOrder place, int64_t row, int64_t k) {
  const int64_t panel = row / kNR;
  if (row >= n / kNR * kNR) return w[row * depth + k];
  return w[panel * kNR * depth + place(k, row % kNR)];
}

}  // namespace

DepthOrder depth_order(const Tensor& w) {
  return w.rank == 4 ? DepthOrder{.taps = w.dim[2] * w.dim[3], .channels = w.dim[1]}
                     : DepthOrder{.taps = 1, .channels = w.dim[1]};
}

const float* Panels::in_f32(int64_t panel, int64_t k, int64_t count, float* buffer) const {
  const bool left_over = panel == whole_count;
  const void* from = left_over ? last : whole;
  const int64_t at = ((left_over ? 0 : panel) * this->depth + k) * kNR;
  if (type == DType::f32 || (left_over && !bf16x2)) return static_cast<const float*>(from) + at;
  const auto* bits = static_cast<const uint16_t*>(from) + at;
  if (!bf16x2) {
    kernels().widen_bf16(count * kNR, bits, buffer);
    return buffer;
  }
  for (int64_t pair = 0; pair < count / 2; ++pair, bits += 2 * kNR)
    for (int64_t row = 0; row < kNR; ++row) {
      uint32_t both;
      std::memcpy(&both, bits + 2 * row, sizeof both);
      buffer[2 * pair * kNR + row] = std::bit_cast<float>(both << 16);
      buffer[(2 * pair + 1) * kNR + row] = std::bit_cast<float>(both & 0xffff0000);
    }
  return buffer;
}

void interleave_k2(int64_t depth, const float* panel, uint16_t* to) {
  for (int64_t pair = 0; pair < depth / 2; ++pair, panel += 2 * kNR, to += 2 * kNR)
    for (int64_t row = 0; row < kNR; ++row) {
      const uint32_t both = f32_to_bf16(panel[row]) | uint32_t{f32_to_bf16(panel[kNR + row])} << 16;
      std::memcpy(to + 2 * row, &both, sizeof both);
    }
}

void PackedWeights::pack(const Tensor& w, ExecContext& context) {
  if (!w.contiguous() || w.numel() == 0) return;
  const PanelOrder place{is_bf16x2(w.dtype, depth_of(w))};
  if (w.dtype == DType::f32)
    pack_in_place(static_cast<float*>(w.data), w.dim[0], depth_of(w), depth_order(w), place, context.pool);
  else if (w.dtype == DType::bf16)
    pack_in_place(static_cast<uint16_t*>(w.data), w.dim[0], depth_of(w), depth_order(w), place, context.pool);
  else
    return;
  packed_[static_cast<const char*>(w.data)] = w;
}

void PackedWeights::unpack(const Tensor& w) {
  packed_.erase(static_cast<const char*>(w.data));
  derived_.erase(static_cast<const char*>(w.data));
}

PackedWeights::Derived PackedWeights::derived(const Tensor& w, int64_t bytes) {
  const char* address = static_cast<const char*>(w.data);
  const auto packed = packed_.find(address);
  const bool is_whole = packed != packed_.end() && packed->second.bytes() == w.bytes();
  if (!is_whole) return {derived_of_unpacked_.bytes(bytes), true};
  const auto [made, is_new] = derived_.try_emplace(address);
  return {made->second.bytes(bytes), is_new};
}

const Tensor* PackedWeights::whole_of(const Tensor& w, int64_t& first) const {
  const char* address = static_cast<const char*>(w.data);
  auto found = packed_.upper_bound(address);
  if (found == packed_.begin()) return nullptr;
  const Tensor& whole = (--found)->second;
  const int64_t offset = address - found->first;
  if (offset >= whole.bytes()) return nullptr;
  const int64_t row_bytes = depth_of(whole) * size_of(whole.dtype);
  first = offset / row_bytes;
  if (offset % row_bytes != 0 || !w.contiguous() || w.dtype != whole.dtype || depth_of(w) != depth_of(whole) ||
      first + w.dim[0] > whole.dim[0])
    fail("cpu: " + w.str() + " is not whole rows of the prepared " + whole.str());
  return &whole;
}

Panels PackedWeights::panels(const Tensor& w, int64_t parts, ExecContext& context) {
  const int64_t n = w.dim[0], depth = depth_of(w);
  int64_t first = 0;
  const Tensor* whole = whole_of(w, first);
  const bool f32 = w.dtype == DType::f32;
  const auto at = [&](int64_t offset) { return static_cast<const char*>(w.data) + offset * size_of(w.dtype); };
  const PanelOrder place{is_bf16x2(w.dtype, depth)};
  const DepthOrder order = depth_order(w);
  const auto stored_row = [&](int64_t row, float* to) {
    if (f32)
      reorder(reinterpret_cast<const float*>(at(row * w.stride[0])), order, depth, to);
    else
      reorder(reinterpret_cast<const uint16_t*>(at(row * w.stride[0])), order, depth, to);
  };
  const auto packed_row = [&](int64_t row, float* to) {
    const auto at = [&](const auto* data, int64_t k) {
      return packed_at(data, whole->dim[0], depth, place, first + row, k);
    };
    for (int64_t k = 0; k < depth; ++k)
      to[k] = f32 ? at(static_cast<const float*>(whole->data), k)
                  : bf16_to_f32(at(static_cast<const uint16_t*>(whole->data), k));
  };
  if (const int64_t part = n / parts, padded = ceil_div(part, kNR) * kNR; parts > 1 && part != padded)
    return copied(
        parts * padded, depth, 0, place.bf16x2,
        [&](int64_t row, float* to) {
          if (row % padded >= part)
            std::fill_n(to, depth, 0.0f);
          else if (const int64_t from = row / padded * part + row % padded; whole)
            packed_row(from, to);
          else
            stored_row(from, to);
        },
        context);
  if (!whole) return copied(n, depth, 0, place.bf16x2, stored_row, context);
  if (first % kNR != 0) return copied(n, depth, 0, place.bf16x2, packed_row, context);
  const int64_t whole_panels = std::min(ceil_div(n, kNR), (whole->dim[0] - first) / kNR);
  Panels out{.whole = w.data, .type = w.dtype, .whole_count = whole_panels, .bf16x2 = place.bf16x2, .depth = depth};
  if (whole_panels * kNR < n) {
    out.last = copied(n, depth, whole_panels, place.bf16x2, packed_row, context).whole;
    out.last_count = n - whole_panels * kNR;
  }
  return out;
}

// Panels from the first-th on, copied.
Panels PackedWeights::copied(int64_t n, int64_t depth, int64_t first, bool bf16x2,
                             const std::function<void(int64_t row, float* to)>& read, ExecContext& context) {
  const int64_t panels = ceil_div(n, kNR) - first, numbers = kNR * depth;
  float* to = copy_.floats(panels * numbers + 1);
  parallel(context.pool, panels, 1 + 16 * 1024 / (numbers + 1), [&](int64_t begin, int64_t end) {
    std::vector<float> buffer(size_t(2 * numbers));
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t count = std::min(kNR, n - (first + panel) * kNR);
      const float* rows[kNR];
      for (int64_t r = 0; r < count; ++r) {
        rows[r] = &buffer[size_t(r * depth)];
        read((first + panel) * kNR + r, &buffer[size_t(r * depth)]);
      }
      float* packed = bf16x2 ? buffer.data() + numbers : to + panel * numbers;
      kernels().pack_panel(rows, count, depth, packed);
      if (bf16x2) interleave_k2(depth, packed, reinterpret_cast<uint16_t*>(to) + panel * numbers);
    }
  });
  return {
      .whole = to, .type = bf16x2 ? DType::bf16 : DType::f32, .whole_count = panels, .bf16x2 = bf16x2, .depth = depth};
}

}  // namespace seedstory::cpu
