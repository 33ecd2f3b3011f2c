// Loads, stores, atomics, asynchronous copies; every access within bounds and aligned.
#include <algorithm>

#include "warp.h"

namespace ptx {
namespace {

std::string lane_of(int lane) {
  return " by lane " + std::to_string(lane);
}

uint64_t address_of(Warp& w, const Instruction& s, uint32_t base, int lane) {
  if (s.from == Type::u32) return uint32_t(w.slots<uint32_t>(base)[lane] + uint32_t(s.offset));
  return w.slots<uint64_t>(base)[lane] + uint64_t(s.offset);
}

// A piece of memory that starts at a small address of its own.
char* inside(char* begin, size_t size, uint64_t start, uint64_t address, size_t bytes, const char* what, int lane) {
  if (address < start || address - start + bytes > size)
    throw simt::Error(std::string("an access outside of ") + what + lane_of(lane) + ": byte " +
                      std::to_string(int64_t(address - start)) + " of " + std::to_string(size));
  return begin + (address - start);
}

Space space_of(Space space, uint64_t address) {
  if (space != Space::generic) return space;
  switch (address & kWindow) {
    case kSharedWindow:
      return Space::shared;
    case kLocalWindow:
      return Space::local;
    case kParamWindow:
      return Space::param;
    default:
      return Space::global;
  }
}

// Where lane `lane` finds `bytes` bytes. Device memory has been looked at already where `checked`.
char* place(Warp& w, Space space, uint64_t address, size_t bytes, int lane, bool checked = false) {
  if (address % bytes != 0)
    throw simt::Error("an address that is no multiple of " + std::to_string(bytes) + lane_of(lane));
  Block& block = *w.block;
  if (space == Space::generic) {
    space = space_of(space, address);
    address = space == Space::global ? address : address & ~kWindow;
  }
  switch (space) {
    case Space::shared:
      return inside(block.shared.data(), block.shared.size(), kSharedStart, address, bytes, "shared memory", lane);
    case Space::param:
      return inside(block.params.data(), block.params.size(), kParamStart, address, bytes, "the parameters", lane);
    case Space::local: {
      const auto size = size_t(block.entry->local_bytes);
      return inside(w.local.data() + size_t(lane) * size, size, kLocalStart, address, bytes, "local memory", lane);
    }
    default: {
      char* const p = reinterpret_cast<char*>(address);
      if (!checked && !simt::in_device_memory(p, bytes))
        throw simt::Error("an access outside of device memory" + lane_of(lane));
      return p;
    }
  }
}

void count(const Warp& w, const Instruction& s, Space space, const Addresses& addresses, uint32_t mask, size_t bytes) {
  const Entry& entry = *w.block->entry;
  const auto at = size_t(&s - entry.code.data());
  if (space == Space::shared) count_shared(entry.shared[at], addresses, mask, bytes);
  if (space == Space::global) count_global(entry.global[at], addresses, mask, bytes);
}

// Whether all of the warp's addresses lie in one allocation: one question in place of 32.
bool in_one_allocation(const Addresses& addresses, uint32_t mask, size_t bytes) {
  uint64_t least = ~uint64_t(0), most = 0;
  each_lane(mask, [&](int i) {
    least = std::min(least, addresses[size_t(i)]);
    most = std::max(most, addresses[size_t(i)]);
  });
  return (most & kWindow) == 0 && simt::in_device_memory(reinterpret_cast<char*>(least), most - least + bytes);
}

void places(Warp& w, const Instruction& s, uint32_t base, size_t bytes, uint32_t mask, char* (&to)[kWarp]) {
  Addresses addresses;
  each_lane(mask, [&](int i) { addresses[size_t(i)] = address_of(w, s, base, i); });
  const bool may_be_global = s.space == Space::global || s.space == Space::generic;
  const bool checked = may_be_global && in_one_allocation(addresses, mask, bytes);
  each_lane(mask, [&](int i) { to[i] = place(w, s.space, addresses[size_t(i)], bytes, i, checked); });
  count(w, s, space_of(s.space, addresses[size_t(std::countr_zero(mask))]), addresses, mask, bytes);
}

// T is what lies in memory.
template <class T>
void load(Warp& w, const Instruction& s, uint32_t mask) {
  char* from[kWarp];
  places(w, s, s.r[4], sizeof(T) * s.count, mask, from);
  const auto value = [&](int lane, size_t i) {
    T v;
    std::memcpy(&v, from[lane] + i * sizeof(T), sizeof(T));
    return v;
  };
  for (size_t i = 0; i < s.count; ++i) {
    if (s.register_bytes == 8) {
      auto* const d = w.slots<uint64_t>(s.r[i]);
      each_lane(mask, [&](int lane) { d[lane] = uint64_t(int64_t(value(lane, i))); });
    } else {
      auto* const d = w.slots<uint32_t>(s.r[i]);
      const uint32_t kept = s.register_bytes == 2 ? 0xffff : ~0u;
      each_lane(mask, [&](int lane) { d[lane] = uint32_t(int64_t(value(lane, i))) & kept; });
    }
  }
}

template <class T>
void store(Warp& w, const Instruction& s, uint32_t mask) {
  if (s.space == Space::param) throw simt::Error("a store to the parameters");
  char* to[kWarp];
  places(w, s, s.r[4], sizeof(T) * s.count, mask, to);
  for (size_t i = 0; i < s.count; ++i)
    each_lane(mask, [&](int lane) {
      const T v = s.register_bytes == 8 ? T(w.slots<uint64_t>(s.r[i])[lane]) : T(w.slots<uint32_t>(s.r[i])[lane]);
      std::memcpy(to[lane] + i * sizeof(T), &v, sizeof(T));
    });
}

template <class F>
void with_memory_type(Type type, F&& f) {
  if (type == Type::s8) return f.template operator()<int8_t>();
  if (type == Type::s16) return f.template operator()<int16_t>();
  if (type == Type::s32) return f.template operator()<int32_t>();
  switch (bytes_of(type)) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    default:
      return f.template operator()<uint64_t>();
  }
}

// d <- [a];  [a] <- [a] op b, lane after lane.
template <class T>
void atomic(Warp& w, const Instruction& s, uint32_t mask) {
  char* at[kWarp];
  places(w, s, s.r[4], sizeof(T), mask, at);
  each_lane(mask, [&](int lane) {
    T old;
    std::memcpy(&old, at[lane], sizeof(T));
    const T b = unpack<T>(w.slots<Slot<T>>(s.r[1])[lane]);
    T now = b;
    if (s.mode == Mode::add) now = T(old + b);
    if (s.mode == Mode::min) now = std::min(old, b);
    if (s.mode == Mode::max) now = std::max(old, b);
    if (s.mode == Mode::cas) now = old == b ? unpack<T>(w.slots<Slot<T>>(s.r[2])[lane]) : old;
    std::memcpy(at[lane], &now, sizeof(T));
    w.slots<Slot<T>>(s.r[0])[lane] = pack<T>(old);
  });
}

void atomics(Warp& w, const Instruction& s, uint32_t mask) {
  switch (s.type) {
    case Type::f32:
      return atomic<float>(w, s, mask);
    case Type::s32:
      return atomic<int32_t>(w, s, mask);
    case Type::b32:
    case Type::u32:
      return atomic<uint32_t>(w, s, mask);
    case Type::b64:
    case Type::u64:
      return atomic<uint64_t>(w, s, mask);
    default:
      throw simt::Error("an atomic of a type not known");
  }
}

void land(const Copy& copy) {
  if (copy.read > 0) std::memcpy(copy.to, copy.from, size_t(copy.read));
  std::memset(copy.to + copy.read, 0, size_t(copy.bytes - copy.read));
}

// Late, the destination is NaN until the thread has waited.
void start_copy(Warp& w, const Instruction& s, uint32_t mask) {
  const auto bytes = size_t(s.immediate);
  const auto* const read = w.slots<uint32_t>(s.r[5]);
  Addresses tos, froms;
  uint32_t reading = 0;
  each_lane(mask, [&](int i) {
    const uint64_t to = s.from == Type::u32 ? w.slots<uint32_t>(s.r[0])[i] : w.slots<uint64_t>(s.r[0])[i];
    const uint64_t from = w.slots<uint64_t>(s.r[4])[i];
    tos[size_t(i)] = to;
    froms[size_t(i)] = from;
    reading |= uint32_t(read[i] > 0) << i;
    if (read[i] > bytes)
      throw simt::Error("cp.async reads " + std::to_string(int32_t(read[i])) + " bytes" + lane_of(i));
    if (from % bytes != 0)
      throw simt::Error("cp.async from an address that is no multiple of " + std::to_string(bytes) + lane_of(i));
    char* const source = reinterpret_cast<char*>(from);
    if (read[i] > 0 && !simt::in_device_memory(source, read[i]))
      throw simt::Error("cp.async from outside of device memory" + lane_of(i));
    const Copy copy = {place(w, Space::shared, to, bytes, i), source, int(read[i]), int(bytes), w.group[i]};
    if (simt::schedule.landing == simt::Landing::early) return land(copy);
    std::memset(copy.to, 0xff, bytes);
    w.in_flight[i].push_back(copy);
  });
  count(w, s, Space::shared, tos, mask, bytes);
  if (reading != 0) count(w, s, Space::global, froms, reading, bytes);
}

void wait_copies(Warp& w, const Instruction& s, uint32_t mask) {
  each_lane(mask, [&](int i) {
    std::vector<Copy>& copies = w.in_flight[i];
    auto at = copies.begin();
    for (; at != copies.end() && (s.has_last || at->group < w.group[i] - s.immediate); ++at) land(*at);
    copies.erase(copies.begin(), at);
  });
}

// ISA, "ldmatrix": row r of matrix m is where lane 8 m + r says; lane t gets elements 2 (t % 4) and + 1 of row t / 4,
// transposed: of column t / 4.
void load_matrices(Warp& w, const Instruction& s) {
  uint16_t element[4][8][8];
  Addresses addresses;
  const int rows = s.count * 8;
  for (int lane = 0; lane < rows; ++lane) {
    addresses[size_t(lane)] = address_of(w, s, s.r[4], lane);
    std::memcpy(element[lane / 8][lane % 8], place(w, Space::shared, addresses[size_t(lane)], 16, lane), 16);
  }
  count(w, s, Space::shared, addresses, uint32_t((uint64_t(1) << rows) - 1), 16);
  for (int m = 0; m < s.count; ++m) {
    auto* const d = w.slots<uint32_t>(s.r[size_t(m)]);
    for (int t = 0; t < kWarp; ++t) {
      const int i = t / 4, j = t % 4 * 2;
      const uint32_t low = s.transposed ? element[m][j][i] : element[m][i][j];
      const uint32_t high = s.transposed ? element[m][j + 1][i] : element[m][i][j + 1];
      d[t] = low | high << 16;
    }
  }
}

}  // namespace

void execute_memory(Warp& w, const Instruction& s, uint32_t mask) {
  switch (s.op) {
    case Op::ld:
      return with_memory_type(s.type, [&]<class T>() { load<T>(w, s, mask); });
    case Op::st:
      return with_memory_type(s.type, [&]<class T>() { store<T>(w, s, mask); });
    case Op::atom:
      return atomics(w, s, mask);
    case Op::cp_async:
      return start_copy(w, s, mask);
    case Op::cp_async_commit:
      return each_lane(mask, [&](int i) { ++w.group[i]; });
    case Op::cp_async_wait:
      return wait_copies(w, s, mask);
    default:
      return load_matrices(w, s);
  }
}

}  // namespace ptx
