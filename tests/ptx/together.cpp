// What the lanes of a warp do together: shuffles, votes, the tensor cores.
#include "warp.h"

namespace ptx {
namespace {

// ISA, "shfl.sync". c holds the last lane of a segment in its low bits and the segment's mask from bit 8 on.
int source_lane(Mode mode, int lane, uint32_t b, uint32_t c, bool& in_range) {
  const int by = int(b & 31), clamp = int(c & 31), segment = int(c >> 8 & 31);
  const int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
  int source = 0;
  switch (mode) {
    case Mode::up:
      source = lane - by;
      in_range = source >= last;
      break;
    case Mode::down:
      source = lane + by;
      in_range = source <= last;
      break;
    case Mode::bfly:
      source = lane ^ by;
      in_range = source <= last;
      break;
    default:
      source = first | (by & ~segment);
      in_range = source <= last;
  }
  return in_range ? source : lane;
}

void shuffle(Warp& w, const Instruction& s, uint32_t mask) {
  uint32_t brought[kWarp], in_range = 0;
  std::memcpy(brought, w.slots<uint32_t>(s.r[1]), sizeof brought);
  const auto* const b = w.slots<uint32_t>(s.r[2]);
  const auto* const c = w.slots<uint32_t>(s.r[3]);
  uint32_t got[kWarp];
  each_lane(mask, [&](int lane) {
    bool ok = false;
    const int source = source_lane(s.mode, lane, b[lane], c[lane], ok);
    if (!(mask >> source & 1))
      throw simt::Error("lane " + std::to_string(lane) + " shuffles from a lane outside of the mask");
    got[lane] = brought[source];
    in_range |= uint32_t(ok) << lane;
  });
  auto* const d = w.slots<uint32_t>(s.r[0]);
  each_lane(mask, [&](int lane) { d[lane] = got[lane]; });
  if (s.has_last) w.predicates[s.r[5]] = (w.predicates[s.r[5]] & ~mask) | in_range;
}

void vote(Warp& w, const Instruction& s, uint32_t mask) {
  const uint32_t votes = (s.approximate ? ~w.predicates[s.r[1]] : w.predicates[s.r[1]]) & mask;
  if (s.mode == Mode::ballot) {
    auto* const d = w.slots<uint32_t>(s.r[0]);
    return each_lane(mask, [&](int lane) { d[lane] = votes; });
  }
  const bool yes = s.mode == Mode::any ? votes != 0 : s.mode == Mode::all ? votes == mask : votes == mask || !votes;
  uint32_t& p = w.predicates[s.r[0]];
  p = yes ? p | mask : p & ~mask;
}

// ISA, "Matrix fragments for mma.m16n8k16 with floating point type": with g = lane / 4 and t = lane % 4, element i of
// a is at row g (i < 2, 4 <= i < 6) or g + 8, column 2 t + i % 2, + 8 from i = 4 on; of b at row 2 t + i % 2, + 8 from
// i = 2 on, column g; of c and d at row g (i < 2) or g + 8, column 2 t + i % 2. k is added in order.
// As seedstory::f16_to_f32, but without a branch: 32 lanes at once.
float wide_f16(uint32_t bits) {
  const uint32_t sign = (bits & 0x8000) << 16, rest = (bits & 0x7fff) << 13;
  const auto scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) * 0x1p112f);
  return std::bit_cast<float>(sign | ((bits & 0x7c00) == 0x7c00 ? 0x7f800000 | rest : scaled));
}

// The columns of a row of d.
using Row = float __attribute__((vector_size(32)));

template <bool kF16>
void multiply(Warp& w, const Instruction& s) {
  // Register by register, all lanes at once, into plain floats; then each to its place.
  float halves[12][kWarp], a[16][16];
  Row b[16], d[16];
  for (size_t i = 0; i < 12; ++i) {
    const auto* const pair = w.slots<uint32_t>(s.r[4 + i / 2]);
    for (int lane = 0; lane < kWarp; ++lane) {
      const uint32_t bits = pair[lane] >> i % 2 * 16 & 0xffff;
      halves[i][lane] = kF16 ? wide_f16(bits) : std::bit_cast<float>(bits << 16);
    }
  }
  for (int lane = 0; lane < kWarp; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 8; ++i) {
      const int row = i < 2 || (i >= 4 && i < 6) ? g : g + 8;
      a[row][t * 2 + i % 2 + (i >= 4 ? 8 : 0)] = halves[i][lane];
    }
    for (int i = 0; i < 4; ++i) b[t * 2 + i % 2 + (i >= 2 ? 8 : 0)][g] = halves[8 + i][lane];
    for (int i = 0; i < 4; ++i)
      d[i < 2 ? g : g + 8][t * 2 + i % 2] = std::bit_cast<float>(w.slots<uint32_t>(s.r[10 + size_t(i)])[lane]);
  }
  for (int row = 0; row < 16; ++row) {
    Row sum = d[row];
    for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k];
    d[row] = sum;
  }
  for (int lane = 0; lane < kWarp; ++lane)
    for (int i = 0; i < 4; ++i)
      w.slots<uint32_t>(s.r[size_t(i)])[lane] =
          std::bit_cast<uint32_t>(d[i < 2 ? lane / 4 : lane / 4 + 8][lane % 4 * 2 + i % 2]);
}

// ISA, "Matrix fragments for mma.m16n8k32": with g = lane / 4 and t = lane % 4, byte i of a is at row g (i < 4,
// 8 <= i < 12) or g + 8, column 4 t + i % 4, + 16 from i = 8 on; of b at row 4 t + i % 4, + 16 from i = 4 on, column g.
void multiply_s8(Warp& w, const Instruction& s) {
  int32_t a[16][32], b[32][8];
  uint32_t d[16][8];
  for (size_t lane = 0; lane < kWarp; ++lane) {
    const size_t g = lane / 4, t = lane % 4;
    const auto byte = [&](size_t first, size_t i) {
      return int32_t(int8_t(w.slots<uint32_t>(s.r[first + i / 4])[lane] >> i % 4 * 8));
    };
    for (size_t i = 0; i < 16; ++i) a[i / 4 % 2 ? g + 8 : g][4 * t + i % 4 + (i < 8 ? 0 : 16)] = byte(4, i);
    for (size_t i = 0; i < 8; ++i) b[4 * t + i % 4 + (i < 4 ? 0 : 16)][g] = byte(8, i);
    for (size_t i = 0; i < 4; ++i) d[i < 2 ? g : g + 8][2 * t + i % 2] = w.slots<uint32_t>(s.r[10 + i])[lane];
  }
  for (size_t row = 0; row < 16; ++row)
    for (size_t col = 0; col < 8; ++col)
      for (size_t k = 0; k < 32; ++k) d[row][col] += uint32_t(a[row][k] * b[k][col]);
  for (size_t lane = 0; lane < kWarp; ++lane)
    for (size_t i = 0; i < 4; ++i)
      w.slots<uint32_t>(s.r[i])[lane] = d[i < 2 ? lane / 4 : lane / 4 + 8][lane % 4 * 2 + i % 2];
}

}  // namespace

void execute_together(Warp& w, const Instruction& s, uint32_t mask) {
  switch (s.op) {
    case Op::shfl:
      return shuffle(w, s, mask);
    case Op::vote:
      return vote(w, s, mask);
    case Op::mma:
      if (s.type == Type::s8) return multiply_s8(w, s);
      return s.type == Type::f16 ? multiply<true>(w, s) : multiply<false>(w, s);
    case Op::ldmatrix:
      return execute_memory(w, s, mask);
    default:  // a barrier of the warp has been met
      return;
  }
}

}  // namespace ptx
