// A warp's registers, and what one instruction does to them.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

#include "program.h"
#include "simt.h"

namespace ptx {

// A copy on its way to shared memory.
struct Copy {
  char* to;
  const char* from;
  int read, bytes;  // what is not read is zero
  int group;
};

// Of a request, lane by lane.
using Addresses = std::array<uint64_t, kWarp>;
void count_shared(Traffic& traffic, const Addresses& addresses, uint32_t lanes, size_t bytes);
void count_global(Traffic& traffic, const Addresses& addresses, uint32_t lanes, size_t bytes);

struct Block;

struct Warp {
  Block* block = nullptr;
  int index = 0;
  std::vector<uint64_t> registers;
  std::vector<uint32_t> predicates;
  std::array<int, kWarp> pc = {};
  uint32_t alive = 0;       // lanes that have not exited
  uint32_t at_barrier = 0;  // wait for the block
  uint32_t held = 0;        // wait, at their pc, for other lanes of the warp
  std::vector<char> local;  // of all lanes, one after the other
  std::vector<Copy> in_flight[kWarp];
  int group[kWarp] = {};

  template <class T>
  T* slots(uint32_t at) {
    return reinterpret_cast<T*>(reinterpret_cast<char*>(registers.data()) + at);
  }
};

struct Block {
  const Entry* entry = nullptr;
  simt::Index at, grid, threads;
  std::vector<char> shared, params;
  std::vector<Warp> warps;
};

// Does one instruction that is no branch, barrier or exit, for the lanes of `mask`. Throws simt::Error.
void execute(Warp& warp, const Instruction& s, uint32_t mask);
// The part of it that is memory.
void execute_memory(Warp& warp, const Instruction& s, uint32_t mask);
// And the part that lanes do together: `mask` is all of them.
void execute_together(Warp& warp, const Instruction& s, uint32_t mask);

// Which error an approximation makes. The ISA bounds it; whether it errs up or down, and how far, is drawn from the
// operand's bits, so that the same operand errs the same way each time.
float with_error(double exact, double relative, float operand);

// f(lane) for each lane of the mask; all of them is the case that matters.
template <class F>
inline void each_lane(uint32_t mask, F&& f) {
  if (mask == ~0u) {
    for (int lane = 0; lane < kWarp; ++lane) f(lane);
  } else {
    for (uint32_t left = mask; left != 0; left &= left - 1) f(std::countr_zero(left));
  }
}

// Registers of up to 32 bits lie in 32, whatever the type.
template <class T>
using Slot = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <class T>
inline T unpack(Slot<T> slot) {
  if constexpr (std::is_integral_v<T>)
    return T(slot);
  else
    return std::bit_cast<T>(slot);
}
template <class T>
inline Slot<T> pack(T value) {
  if constexpr (std::is_integral_v<T>)
    return Slot<T>(std::make_unsigned_t<T>(value));
  else
    return std::bit_cast<Slot<T>>(value);
}

}  // namespace ptx
