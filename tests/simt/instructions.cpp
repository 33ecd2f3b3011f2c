// What a thread calls: barriers, shuffles, the tensor cores, copies, words between blocks; and each access to memory,
// for the races.
#include <cxxabi.h>

#include <bit>
#include <cstring>

#include "machine.h"
#include "memory.h"

extern "C" const char __executable_start, _end;  // the linker's: the program and its variables

namespace simt {
namespace {

// Copies wait in the kernel's own memory order: a piece lands whole.
void land(const AsyncCopy& copy) {
  std::memcpy(copy.to, copy.from, size_t(copy.bytes));
  std::memset(static_cast<char*>(copy.to) + copy.bytes, 0, size_t(16 - copy.bytes));
}

// --- Races

// "linear<f16, Tile<16, 64, 16, 16>, true>" of "seedstory::SimtKernel<&(seedstory::linear<...>(Args<f16>))>".
std::string name_of_kernel() {
  if (!machine.kernel) return "a kernel";
  int status = 0;
  char* const whole = abi::__cxa_demangle(machine.kernel, nullptr, nullptr, &status);
  std::string name = status == 0 ? whole : machine.kernel;
  std::free(whole);
  for (const char* part : {"(anonymous namespace)::", "seedstory::", "SimtKernel<&(", "void "})
    for (size_t at; (at = name.find(part)) != std::string::npos;) name.erase(at, std::strlen(part));
  size_t end = 0;
  for (int depth = 0; end < name.size() && (depth > 0 || name[end] != '('); ++end)
    depth += (name[end] == '<') - (name[end] == '>');
  return name.substr(0, end);
}

std::string who(uint32_t thread) {
  return "block " + str(block_index((thread >> kThreadBits) - machine.first_number)) + " thread " +
         std::to_string(thread % kMaxThreads);
}

void note(const ThreadClock& t, Shadow& shadow, size_t size, size_t begin, size_t bytes, Touched now) {
  const auto race = touch(t, shadow, size, begin, std::min(bytes, size - begin), now);
  if (!race) return;
  const bool writes = now.how == Touch::write || now.how == Touch::atomic_write;
  const Access& before = race->before;
  stop(Error(line_of(now.place) + ": race in " + name_of_kernel() + ": " + who(t.thread) +
             (writes ? " writes" : " reads") + " byte " + std::to_string(race->byte) + " of " +
             (now.shared ? "shared memory" : std::to_string(size) + " of device memory") + ", which " +
             who(before.thread) +
             (before.in_flight     ? " is still copying to"
              : race->before_wrote ? " wrote"
                                   : " read") +
             " at " + line_of(before.place) + "; nothing orders the two"));
}

void note_shared(Thread& t, const void* p, size_t bytes, Touched now) {
  if (!find_races) return;
  Block& b = *t.block;
  now.shared = true;
  note(t.clock, b.shadow, kMaxSharedBytes, size_t(static_cast<const char*>(p) - b.shared), bytes, now);
}

void note_device(Thread& t, const void* p, size_t bytes, Touched now) {
  Allocation* const a = find_races && bytes > 0 ? find_allocation(p) : nullptr;
  if (a) note(t.clock, a->shadow, a->bytes, size_t(static_cast<const char*>(p) - a->begin), bytes, now);
}

// The running thread has waited for it.
void arrive(Thread& t, const AsyncCopy& copy) {
  if (schedule.landing == Landing::late) land(copy);
  if (!find_races) return;
  note_device(t, copy.from, size_t(copy.bytes), {Touch::read, copy.place});
  Block& b = *t.block;
  land(t.clock, b.shadow, kMaxSharedBytes, size_t(static_cast<char*>(copy.to) - b.shared), 16);
}

bool in_shared(const void* p, size_t bytes) {
  const char* at = static_cast<const char*>(p);
  return at >= block().shared && at + bytes <= block().shared + machine.shared_bytes;
}

void need_device_memory(const void* p, const char* name, Where where) {
  need_aligned(p, 4, name, where);
  if (!in_device_memory(p, 4)) report(where, std::string(name) + " outside of device memory");
}

}  // namespace

void touched(const void* p, size_t bytes, Touch how, const void* from) {
  if (!machine.current) return;
  Thread& t = *machine.current;
  const char* const at = static_cast<const char*>(p);
  if (size_t(at - t.fiber->stack) < t.fiber->stack_bytes) return;
  const Touched now = {how, place_of(from)};
  if (size_t(at - t.block->shared) < machine.shared_bytes) return note_shared(t, p, bytes, now);
  if (at < &__executable_start || at >= &_end) note_device(t, p, bytes, now);
}

void* shared_memory() {
  return block().shared;
}

void barrier(Where where) {
  Block& b = block();
  const int threads = int(b.threads.size());
  if (b.live < threads)
    report(where, "__syncthreads after " + std::to_string(threads - b.live) + " threads of the block have exited");
  if (b.at_barrier == 0) b.barrier = {"__syncthreads", where};
  if (!same_line(b.barrier.where, where))
    report(where, "__syncthreads while others wait in the one at " + str(b.barrier.where));
  if (++b.at_barrier < threads) {
    self().wait = b.barrier;
    return yield();
  }
  b.at_barrier = 0;
  meet_at_barrier(b.clock);
  for (Warp& w : b.warps) w.runnable = w.alive;
  warp().runnable &= ~(1u << lane());
  resume_self();
}

void warp_barrier(uint32_t mask, Where where) {
  meet(
      mask, "__syncwarp", where, self().clock,
      [](ThreadClock* const* lanes, uint32_t mask) { meet_in_warp(lanes, mask); }, true);
}

uint64_t shuffle(uint32_t mask, uint64_t bits, int source, const char* name, Where where) {
  struct Lane {
    uint64_t brings, gets;
    int source;
  } mine = {bits, 0, source < 0 || source >= kWarp ? lane() : source};
  const bool member = mask >> lane() & 1;  // else meet() says so
  if (member && !(mask >> mine.source & 1)) report(where, std::string(name) + " reads from a lane outside its mask");
  meet(mask, name, where, mine, [](Lane* const* lanes, uint32_t mask) {
    for (int i = 0; i < kWarp; ++i)
      if (mask >> i & 1) lanes[i]->gets = lanes[lanes[i]->source]->brings;
  });
  return mine.gets;
}

uint32_t ballot(uint32_t mask, bool vote, Where where) {
  struct Lane {
    bool vote;
    uint32_t votes;
  } mine = {vote, 0};
  meet(mask, "__ballot_sync", where, mine, [](Lane* const* lanes, uint32_t mask) {
    uint32_t votes = 0;
    for (int i = 0; i < kWarp; ++i)
      if (mask >> i & 1) votes |= uint32_t(lanes[i]->vote) << i;
    for (int i = 0; i < kWarp; ++i)
      if (mask >> i & 1) lanes[i]->votes = votes;
  });
  return mine.votes;
}

// Thread t gets of each matrix, 8 rows of 8 two-byte elements, elements 2 (t % 4) and 2 (t % 4) + 1 of row t / 4; or,
// transposed, of column t / 4. PTX ISA, "ldmatrix".
void load_matrices(uint32_t (&to)[4], const void* row, bool transposed, Where where) {
  struct Lane {
    uint32_t* to;
    const void* row;
  } mine = {to, row};
  need_aligned(row, 16, "ldmatrix", where);
  if (!in_shared(row, 16)) report(where, "ldmatrix reads outside of shared memory");
  const Touched now = {Touch::read, place_of(__builtin_return_address(0))};
  Thread* const threads = &self() - lane();
  const auto load = [&](Lane* const* lanes, bool transposed) {
    for (int m = 0; m < 4; ++m) {
      uint16_t matrix[8][8];
      for (int r = 0; r < 8; ++r) {
        const auto* const row = static_cast<const char*>(lanes[m * 8 + r]->row);
        std::memcpy(matrix[r], row, 16);
        // Who reads is who gets it; transposed, a word goes to two lanes, and one of them stands for both.
        for (int w = 0; w < 4; ++w) note_shared(threads[transposed ? w * 8 + r / 2 : r * 4 + w], row + w * 4, 4, now);
      }
      for (int t = 0; t < kWarp; ++t) {
        const int major = t / 4, minor = t % 4 * 2;
        const uint16_t low = transposed ? matrix[minor][major] : matrix[major][minor];
        const uint16_t high = transposed ? matrix[minor + 1][major] : matrix[major][minor + 1];
        lanes[t]->to[m] = low | uint32_t(high) << 16;
      }
    }
  };
  if (transposed)
    meet(~0u, "ldmatrix.trans", where, mine, [&](Lane* const* lanes, uint32_t) { load(lanes, true); });
  else
    meet(~0u, "ldmatrix", where, mine, [&](Lane* const* lanes, uint32_t) { load(lanes, false); });
}

// As seedstory::f16_to_float, but without a branch or a table: 32 lanes at once.
template <bool kF16>
float wide(uint32_t bits) {
  if (!kF16) return std::bit_cast<float>(bits << 16);
  const uint32_t sign = (bits & 0x8000) << 16, rest = (bits & 0x7fff) << 13;
  const auto scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) * 0x1p112f);
  return std::bit_cast<float>(sign | ((bits & 0x7c00) == 0x7c00 ? 0x7f800000 | rest : scaled));
}

struct MmaLane {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

template <bool kF16>
void multiply(MmaLane* const* lanes) {
  float left[16][16], right[16][8], sum[16][8];
  float low[6][kWarp], high[6][kWarp];  // of the registers: a's four, b's two
  for (int i = 0; i < 6; ++i) {
    uint32_t pairs[kWarp];
    for (int t = 0; t < kWarp; ++t) pairs[t] = i < 4 ? lanes[t]->a[i] : lanes[t]->b[i - 4];
    for (int t = 0; t < kWarp; ++t) low[i][t] = wide<kF16>(pairs[t] & 0xffff);
    for (int t = 0; t < kWarp; ++t) high[i][t] = wide<kF16>(pairs[t] >> 16);
  }
  for (int t = 0; t < kWarp; ++t) {
    const int g = t / 4, p = t % 4 * 2;
    for (int i = 0; i < 4; ++i) {
      left[g + i % 2 * 8][p + i / 2 * 8] = low[i][t];
      left[g + i % 2 * 8][p + i / 2 * 8 + 1] = high[i][t];
      sum[g + i / 2 * 8][p + i % 2] = lanes[t]->d[i];
    }
    for (int i = 0; i < 2; ++i) {
      right[p + i * 8][g] = low[4 + i][t];
      right[p + i * 8 + 1][g] = high[4 + i][t];
    }
  }
  for (int m = 0; m < 16; ++m)
    for (int k = 0; k < 16; ++k)
      for (int n = 0; n < 8; ++n) sum[m][n] += left[m][k] * right[k][n];
  for (int t = 0; t < kWarp; ++t)
    for (int i = 0; i < 4; ++i) lanes[t]->d[i] = sum[t / 4 + i / 2 * 8][t % 4 * 2 + i % 2];
}

// d <- a b + d with a 16x16, b 16x8, d 16x8 over the warp. Who holds what: PTX ISA, "mma.m16n8k16 with floating point
// type". The card adds in an order of its own; this one adds k after k.
void multiply_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], bool f16, Where where) {
  MmaLane mine = {d, a, b};
  meet(~0u, "mma", where, mine,
       [&](MmaLane* const* lanes, uint32_t) { f16 ? multiply<true>(lanes) : multiply<false>(lanes); });
}

struct MmaS8Lane {
  int32_t* d;
  const uint32_t* a;
  const uint32_t* b;
  const int32_t* c;
};

// d <- a b + c with a 16x32, b 32x8, d and c 16x8 over the warp. Who holds what: PTX ISA, "mma.m16n8k32". Sums wrap.
void multiply_m16n8k32(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const int32_t (&c)[4],
                       Where where) {
  MmaS8Lane mine = {d, a, b, c};
  meet(~0u, "mma_s8", where, mine, [](MmaS8Lane* const* lanes, uint32_t) {
    const auto byte = [](uint32_t four, int i) { return int32_t(int8_t(four >> 8 * i)); };
    int32_t left[16][32], right[32][8];
    uint32_t sum[16][8];
    for (int t = 0; t < kWarp; ++t) {
      const int g = t / 4, p = t % 4 * 2, q = t % 4 * 4;
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) left[g + i % 2 * 8][q + i / 2 * 16 + j] = byte(lanes[t]->a[i], j);
        sum[g + i / 2 * 8][p + i % 2] = uint32_t(lanes[t]->c[i]);
      }
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j) right[q + i * 16 + j][g] = byte(lanes[t]->b[i], j);
    }
    for (int m = 0; m < 16; ++m)
      for (int k = 0; k < 32; ++k)
        for (int n = 0; n < 8; ++n) sum[m][n] += uint32_t(left[m][k] * right[k][n]);
    for (int t = 0; t < kWarp; ++t)
      for (int i = 0; i < 4; ++i) lanes[t]->d[i] = int32_t(sum[t / 4 + i / 2 * 8][t % 4 * 2 + i % 2]);
  });
}

void copy_async(void* to, const void* from, int bytes, Where where) {
  Thread& t = self();
  need_aligned(to, 16, "copy_async", where);
  need_aligned(from, 16, "copy_async", where);
  if (bytes < 0 || bytes > 16) report(where, "copy_async of " + std::to_string(bytes) + " bytes");
  if (!in_shared(to, 16)) report(where, "copy_async writes outside of shared memory");
  if (bytes > 0 && !in_device_memory(from, size_t(bytes))) report(where, "copy_async reads outside of device memory");
  const AsyncCopy copy = {to, from, bytes, t.group, where, place_of(__builtin_return_address(0))};
  note_device(t, from, size_t(bytes), {Touch::read, copy.place});
  note_shared(t, to, 16, {.how = Touch::write, .place = copy.place, .in_flight = true});
  if (schedule.landing == Landing::early)
    land(copy);
  else
    std::memset(to, kUnwritten, 16);
  t.in_flight.push_back(copy);
}

void copy_async_commit() {
  ++self().group;
}

void copy_async_wait(int groups_left) {
  Thread& t = self();
  auto at = t.in_flight.begin();
  for (; at != t.in_flight.end() && at->group < t.group - groups_left; ++at) arrive(t, *at);
  t.in_flight.erase(t.in_flight.begin(), at);
}

uint32_t atomic_add(uint32_t* to, uint32_t by, Where where) {
  need_device_memory(to, "atomic_add", where);
  note_device(self(), to, 4, {Touch::atomic_write, place_of(__builtin_return_address(0))});
  acquire(self().clock, to);
  release(self().clock, to, true);
  const uint32_t before = *to;
  *to += by;
  resume_self();
  return before;
}

uint32_t load_acquire(const uint32_t* from, Where where) {
  need_device_memory(from, "load_acquire", where);
  self().wait = {"load_acquire", where};
  machine.polling.push_back(&self());
  yield();
  note_device(self(), from, 4, {Touch::atomic_read, place_of(__builtin_return_address(0))});
  acquire(self().clock, from);
  return *from;
}

void store_release(uint32_t* to, uint32_t value, Where where) {
  need_device_memory(to, "store_release", where);
  note_device(self(), to, 4, {Touch::atomic_write, place_of(__builtin_return_address(0))});
  release(self().clock, to, false);
  *to = value;
  resume_self();
}

void fail_unaligned(size_t bytes, const char* name, Where where) {
  report(where, std::string(name) + " at an address that is no multiple of " + std::to_string(bytes));
}

}  // namespace simt
