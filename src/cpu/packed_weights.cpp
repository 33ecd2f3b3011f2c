#include "cpu/packed_weights.h"

#include <bit>
#include <cstring>
#include <vector>

#include "cpu/execute.h"
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
  bool pairs;

  int64_t operator()(int64_t k, int64_t row) const {
    return pairs ? k / 2 * 2 * kPanel + row * 2 + k % 2 : k * kPanel + row;
  }
};

bool in_pairs(DType type, int64_t depth) {
  return type == DType::bf16 && kernels().pairs && depth % 2 == 0;
}

template <class T>
void pack_in_place(T* w, int64_t n, int64_t depth, DepthOrder order, PanelOrder place, ThreadPool& pool) {
  parallel(pool, ceil_div(n, kPanel), 1 + 16 * 1024 / (kPanel * depth + 1), [&](int64_t begin, int64_t end) {
    std::vector<T> rows(size_t(kPanel * depth));
    for (int64_t panel = begin; panel < end; ++panel) {
      T* at = w + panel * kPanel * depth;
      const int64_t count = std::min(kPanel, n - panel * kPanel);
      for (int64_t r = 0; r < count; ++r) reorder(at + r * depth, order, depth, &rows[size_t(r * depth)]);
      if (count < kPanel) {
        std::copy_n(rows.data(), count * depth, at);
        continue;
      }
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t r = 0; r < kPanel; ++r) at[place(k, r)] = rows[size_t(r * depth + k)];
    }
  });
}

// The number at (row, k) of a prepared matrix (n, depth).
template <class T>
T packed_at(const T* w, int64_t n, int64_t depth, PanelOrder place, int64_t row, int64_t k) {
  const int64_t panel = row / kPanel;
  if (row >= n / kPanel * kPanel) return w[row * depth + k];
  return w[panel * kPanel * depth + place(k, row % kPanel)];
}

}  // namespace

DepthOrder depth_order(const Tensor& w) {
  return w.rank == 4 ? DepthOrder{.taps = w.dim[2] * w.dim[3], .channels = w.dim[1]}
                     : DepthOrder{.taps = 1, .channels = w.dim[1]};
}

const float* Panels::in_f32(int64_t panel, int64_t k, int64_t count, float* room) const {
  const bool left_over = panel == whole_count;
  const void* from = left_over ? last : whole;
  const int64_t at = ((left_over ? 0 : panel) * this->depth + k) * kPanel;
  if (type == DType::f32 || (left_over && !pairs)) return static_cast<const float*>(from) + at;
  const auto* bits = static_cast<const uint16_t*>(from) + at;
  if (!pairs) {
    kernels().widen(count * kPanel, bits, room);
    return room;
  }
  for (int64_t pair = 0; pair < count / 2; ++pair, bits += 2 * kPanel)
    for (int64_t row = 0; row < kPanel; ++row) {
      uint32_t both;
      std::memcpy(&both, bits + 2 * row, sizeof both);
      room[2 * pair * kPanel + row] = std::bit_cast<float>(both << 16);
      room[(2 * pair + 1) * kPanel + row] = std::bit_cast<float>(both & 0xffff0000);
    }
  return room;
}

void pair_up(int64_t depth, const float* panel, uint16_t* to) {
  for (int64_t pair = 0; pair < depth / 2; ++pair, panel += 2 * kPanel, to += 2 * kPanel)
    for (int64_t row = 0; row < kPanel; ++row) {
      const uint32_t both = f32_to_bf16(panel[row]) | uint32_t{f32_to_bf16(panel[kPanel + row])} << 16;
      std::memcpy(to + 2 * row, &both, sizeof both);
    }
}

void PackedWeights::prepare(const Tensor& w, Crew& crew) {
  if (!w.contiguous() || w.numel() == 0) return;
  const PanelOrder place{in_pairs(w.dtype, depth_of(w))};
  if (w.dtype == DType::f32)
    pack_in_place(static_cast<float*>(w.data), w.dim[0], depth_of(w), depth_order(w), place, crew.pool);
  else if (w.dtype == DType::bf16)
    pack_in_place(static_cast<uint16_t*>(w.data), w.dim[0], depth_of(w), depth_order(w), place, crew.pool);
  else
    return;
  prepared_[static_cast<const char*>(w.data)] = w;
}

void PackedWeights::forget(const Tensor& w) {
  prepared_.erase(static_cast<const char*>(w.data));
  made_.erase(static_cast<const char*>(w.data));
}

PackedWeights::Made PackedWeights::made_of(const Tensor& w, int64_t bytes) {
  const char* address = static_cast<const char*>(w.data);
  const auto prepared = prepared_.find(address);
  const bool is_whole = prepared != prepared_.end() && prepared->second.bytes() == w.bytes();
  if (!is_whole) return {made_of_unprepared_.bytes(bytes), true};
  const auto [made, is_new] = made_.try_emplace(address);
  return {made->second.bytes(bytes), is_new};
}

const Tensor* PackedWeights::whole_of(const Tensor& w, int64_t& first) const {
  const char* address = static_cast<const char*>(w.data);
  auto found = prepared_.upper_bound(address);
  if (found == prepared_.begin()) return nullptr;
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

Panels PackedWeights::panels(const Tensor& w, int64_t parts, Crew& crew) {
  const int64_t n = w.dim[0], depth = depth_of(w);
  int64_t first = 0;
  const Tensor* whole = whole_of(w, first);
  const bool f32 = w.dtype == DType::f32;
  const auto at = [&](int64_t offset) { return static_cast<const char*>(w.data) + offset * size_of(w.dtype); };
  const PanelOrder place{in_pairs(w.dtype, depth)};
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
  if (const int64_t part = n / parts, padded = ceil_div(part, kPanel) * kPanel; parts > 1 && part != padded)
    return copied(
        parts * padded, depth, 0, place.pairs,
        [&](int64_t row, float* to) {
          if (row % padded >= part)
            std::fill_n(to, depth, 0.0f);
          else if (const int64_t from = row / padded * part + row % padded; whole)
            packed_row(from, to);
          else
            stored_row(from, to);
        },
        crew);
  if (!whole) return copied(n, depth, 0, place.pairs, stored_row, crew);
  if (first % kPanel != 0) return copied(n, depth, 0, place.pairs, packed_row, crew);
  const int64_t whole_panels = std::min(ceil_div(n, kPanel), (whole->dim[0] - first) / kPanel);
  Panels out{.whole = w.data, .type = w.dtype, .whole_count = whole_panels, .pairs = place.pairs, .depth = depth};
  if (whole_panels * kPanel < n) {
    out.last = copied(n, depth, whole_panels, place.pairs, packed_row, crew).whole;
    out.last_count = n - whole_panels * kPanel;
  }
  return out;
}

// Panels from the first-th on, copied.
Panels PackedWeights::copied(int64_t n, int64_t depth, int64_t first, bool pairs,
                             const std::function<void(int64_t row, float* to)>& read, Crew& crew) {
  const int64_t panels = ceil_div(n, kPanel) - first, numbers = kPanel * depth;
  float* to = copy_.floats(panels * numbers + 1);
  parallel(crew.pool, panels, 1 + 16 * 1024 / (numbers + 1), [&](int64_t begin, int64_t end) {
    std::vector<float> room(size_t(2 * numbers));
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t count = std::min(kPanel, n - (first + panel) * kPanel);
      const float* rows[kPanel];
      for (int64_t r = 0; r < count; ++r) {
        rows[r] = &room[size_t(r * depth)];
        read((first + panel) * kPanel + r, &room[size_t(r * depth)]);
      }
      float* packed = pairs ? room.data() + numbers : to + panel * numbers;
      kernels().pack_panel(rows, count, depth, packed);
      if (pairs) pair_up(depth, packed, reinterpret_cast<uint16_t*>(to) + panel * numbers);
    }
  });
  return {.whole = to, .type = pairs ? DType::bf16 : DType::f32, .whole_count = panels, .pairs = pairs, .depth = depth};
}

}  // namespace seedstory::cpu
