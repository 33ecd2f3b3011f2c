#include "simt.h"

#include <cxxabi.h>

#include <algorithm>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "fiber.h"
#include "memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#endif
#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#endif

simt::Index threadIdx, blockIdx, blockDim, gridDim;

extern "C" const char __executable_start, _end;  // the linker's: the program and its variables

namespace simt {
namespace {

constexpr int kWarp = 32;
constexpr int kMaxThreads = 1024;

// What a thread is waiting for.
struct Wait {
  const char* name = nullptr;  // "__syncthreads"
  Where where = {};
};

struct AsyncCopy {
  void* to;
  const void* from;
  int bytes;
  int group;
  Where where;
  uint32_t place;
};

struct Block;

struct Thread {
  Fiber* fiber = nullptr;
  Block* block = nullptr;
  int number = 0;  // in the block
  Index index;
  bool exited = false;
  Wait wait;
  std::vector<AsyncCopy> in_flight;  // oldest first
  int group = 0;                     // that the next copy belongs to
  ThreadClock clock;
};

// Lanes of one warp that must come together before any goes on.
struct Meeting {
  uint32_t mask = 0, arrived = 0;
  Wait what;
  void* brought[kWarp] = {};  // what the caller's `finish` reads and writes, on the lane's own stack
};

struct Warp {
  uint32_t runnable = 0, alive = 0;
  std::vector<Meeting> meetings;
};

// A place on the device that one block after the other is resident in.
struct Block {
  Index index;
  std::vector<Fiber> fibers;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  int live = 0;  // threads that have not exited
  int at_barrier = 0;
  Wait barrier;
  std::unique_ptr<void, decltype(&std::free)> arena = {nullptr, std::free};
  char* shared = nullptr;  // in it
  BlockClock clock;
  Shadow shadow;           // of shared memory
  bool abandoned = false;  // a launch ended in an error: fibers stand in the middle of things
};

struct Machine {
  Fiber main;
  std::vector<Block> blocks;
  int resident = 0;                         // of `blocks`, in this launch
  uint64_t blocks_in_all = 0, waiting = 0;  // of the launch; of these, those that are not resident yet
  Thread* current = nullptr;
  std::deque<Thread*> polling;  // could run, but only look whether others have got on; the first has looked longest ago
  int64_t polls_in_vain = 0;    // since anything else happened
  uint64_t random = 0;
  std::exception_ptr error;
  size_t shared_bytes = 0;
  void (*body)(void*) = nullptr;
  void* arg = nullptr;
  const char* kernel = nullptr;
  uint32_t first_number = 0;  // of the launch's blocks
};
Machine machine;

Thread& self() {
  if (!machine.current) throw Error("simt: device code called outside of a kernel");
  return *machine.current;
}
int lane() {
  return self().number % kWarp;
}
Block& block() {
  return *self().block;
}
Warp& warp() {
  return block().warps[size_t(self().number / kWarp)];
}

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}
std::string str(Where where) {
  return std::string(base_name(where.file)) + ":" + std::to_string(where.line);
}
std::string str(Index i) {
  return "(" + std::to_string(i.x) + ", " + std::to_string(i.y) + ", " + std::to_string(i.z) + ")";
}
bool same_line(Where a, Where b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(base_name(a.file), base_name(b.file)) == 0);
}

[[noreturn]] void report(Where where, const std::string& message) {
  throw Error(str(where) + ": block " + str(blockIdx) + " thread " + std::to_string(self().number) + ": " + message);
}

uint64_t next_random() {  // xorshift64
  uint64_t& x = machine.random;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return x;
}

int random_below(int count) {
  return count == 1 ? 0 : int((next_random() >> 32) * uint64_t(count) >> 32);
}

// --- Who runs next

// Of warps from `first` on, the first that has any thread that can run, and of that lanes from `turn` on.
Thread* pick_in(Block& b, size_t first, int turn) {
  const size_t warps = b.warps.size();
  for (size_t i = 0, w = first; i < warps; ++i, w = w + 1 == warps ? 0 : w + 1)
    if (const uint32_t runnable = b.warps[w].runnable)
      return &b.threads[w * kWarp + size_t(std::countr_zero(std::rotr(runnable, turn)) + turn) % kWarp];
  return nullptr;
}

// In order: the lowest lane of the same warp, so that a warp's threads meet soon; else the next warp that has any,
// first of the same block. Null where no thread can run.
Thread* pick_runnable() {
  const bool ordered = schedule.seed == 0;
  const Thread* const now = machine.current;
  int block = !ordered ? random_below(machine.resident) : now ? int(now->block - machine.blocks.data()) : 0;
  size_t first = ordered && now ? size_t(now->number) / kWarp : 0;
  for (int i = 0; i < machine.resident; ++i, first = 0, block = block + 1 == machine.resident ? 0 : block + 1) {
    Block& b = machine.blocks[size_t(block)];
    if (!ordered) first = size_t(random_below(int(b.warps.size())));
    if (Thread* const next = pick_in(b, first, ordered ? 0 : random_below(kWarp))) return next;
  }
  return nullptr;
}

// Who has polled looks again when nobody else can run; at random also before. Null where all of them have, and nothing
// came of it.
Thread* pick_polling() {
  constexpr int64_t kRounds = 10000;  // more flags than one thread looks at in turn
  const auto count = machine.polling.size();
  if (count == 0 || ++machine.polls_in_vain > kRounds * int64_t(count)) return nullptr;
  const auto at = machine.polling.begin() + (schedule.seed == 0 ? 0 : random_below(int(count)));
  Thread* const next = *at;
  machine.polling.erase(at);
  return next;
}

Thread* pick() {
  const bool poll = schedule.seed != 0 && !machine.polling.empty() && random_below(8) == 0;
  if (!poll)
    if (Thread* const next = pick_runnable()) return next;
  return pick_polling();
}

void make_current(Thread& thread) {
  machine.current = &thread;
  warp().runnable &= ~(1u << lane());
  thread.wait = {};
  ::threadIdx = thread.index;
  ::blockIdx = thread.block->index;
}

// "threads 0-15, 32: __syncthreads at linear.cu:80; threads 16-31: ...", for each thing that is waited for.
std::string who_waits(const Block& b) {
  std::string waits;
  std::vector<bool> told(b.threads.size());
  for (size_t i = 0; i < b.threads.size(); ++i) {
    const Thread& head = b.threads[i];
    if (head.exited || told[i]) continue;
    std::string who;
    for (size_t j = i; j < b.threads.size();) {
      const auto alike = [&](size_t k) {
        const Thread& t = b.threads[k];
        return !t.exited && t.wait.name == head.wait.name && t.wait.name && same_line(t.wait.where, head.wait.where);
      };
      if (!alike(j)) {
        ++j;
        continue;
      }
      size_t last = j;
      while (last + 1 < b.threads.size() && alike(last + 1)) ++last;
      for (size_t k = j; k <= last; ++k) told[k] = true;
      who += (who.empty() ? "" : ", ") + std::to_string(j) + (last > j ? "-" + std::to_string(last) : "");
      j = last + 1;
    }
    if (head.wait.name)
      waits += (waits.empty() ? "" : "; ") + ("threads " + who + ": " + head.wait.name) + " at " + str(head.wait.where);
  }
  return waits;
}

Error deadlock() {
  std::string text = "deadlock";
  if (machine.waiting > 0) {
    const std::string resident = std::to_string(machine.resident), waiting = std::to_string(machine.waiting);
    text += ": " + resident + " of " + std::to_string(machine.blocks_in_all) + " blocks are resident, " + waiting +
            (machine.waiting == 1 ? " waits" : " wait") + " for room";
  }
  for (int i = 0; i < machine.resident; ++i) {
    const Block& b = machine.blocks[size_t(i)];
    if (b.live > 0) text += (i == 0 ? ": block " : "; block ") + str(b.index) + ": " + who_waits(b);
  }
  return Error(text);
}

// Lets another thread run; comes back when this one has been made runnable and is picked.
void yield() {
  Thread& me = self();
  Thread* const next = pick();
  if (!next) throw deadlock();
  make_current(*next);
  if (next != &me) switch_fiber(*me.fiber, *next->fiber);
}

// What this thread waited for has happened: others may go on too.
void resume_self() {
  machine.polls_in_vain = 0;
  self().wait = {};
  if (schedule.seed == 0) return;
  warp().runnable |= 1u << lane();
  yield();
}

// Waits for all lanes of `mask`; the last one runs finish(brought, mask) for all.
template <class T, class Finish>
void meet(uint32_t mask, const char* name, Where where, T& brought, Finish finish, bool any_line = false) {
  Warp& w = warp();
  const uint32_t me = 1u << lane();
  if (!(mask & me)) report(where, std::string(name) + " with a mask that leaves out the calling lane");
  if (mask & ~w.alive) report(where, std::string(name) + " waits for lanes that have exited");
  auto at = std::find_if(w.meetings.begin(), w.meetings.end(), [&](const Meeting& m) { return m.mask & mask; });
  if (at == w.meetings.end()) {
    w.meetings.push_back({.mask = mask, .what = {name, where}});
    at = w.meetings.end() - 1;
  }
  if (at->mask != mask || at->what.name != name || (!any_line && !same_line(at->what.where, where)))
    report(where, std::string(name) + " meets other lanes of its warp at " + at->what.name + " in " +
                      str(at->what.where) + (at->mask != mask ? ", with another mask" : ""));
  at->arrived |= me;
  at->brought[lane()] = &brought;
  if (at->arrived != mask) {
    self().wait = {name, where};
    return yield();
  }
  T* lanes[kWarp];
  for (int i = 0; i < kWarp; ++i) lanes[i] = static_cast<T*>(at->brought[i]);
  w.meetings.erase(at);
  finish(lanes, mask);
  w.runnable |= mask & ~me;
  resume_self();
}

void exit_checks() {
  const Thread& t = self();
  if (!t.in_flight.empty()) report(t.in_flight.front().where, "exits while this copy_async is in flight");
  for (const Meeting& m : warp().meetings)
    if (m.mask >> lane() & 1) report(m.what.where, std::string("exits while its warp waits for it in ") + m.what.name);
  const Block& b = block();
  if (b.at_barrier > 0) report(b.barrier.where, std::string("exits while its block waits for it in ") + b.barrier.name);
}

void thread_main() {
  fiber_entered();
  try {
    machine.body(machine.arg);
    exit_checks();
  } catch (...) {
    machine.error = std::current_exception();
  }
  Fiber& mine = *self().fiber;
  if (machine.error) leave_fiber(mine, machine.main);
  self().exited = true;
  warp().alive &= ~(1u << lane());
  machine.polls_in_vain = 0;
  if (--block().live == 0) leave_fiber(mine, machine.main);  // who has room for the next one
  Thread* const next = pick();
  if (!next) {
    machine.error = std::make_exception_ptr(deadlock());
    leave_fiber(mine, machine.main);
  }
  make_current(*next);
  leave_fiber(mine, *next->fiber);
}

// --- Blocks

// The arena: [poisoned][shared_bytes, NaN][poisoned].
constexpr size_t kGap = 4096;

void clear_shared(Block& b) {
  if (!b.shared) {
    b.arena.reset(std::aligned_alloc(1024, kGap + kMaxSharedBytes + kGap));
    b.shared = static_cast<char*>(b.arena.get()) + kGap;
#ifdef SIMT_ASAN
    __asan_poison_memory_region(b.arena.get(), kGap + kMaxSharedBytes + kGap);
#endif
  }
#ifdef SIMT_ASAN
  __asan_unpoison_memory_region(b.shared, machine.shared_bytes);
  __asan_poison_memory_region(b.shared + machine.shared_bytes, kMaxSharedBytes + kGap - machine.shared_bytes);
#endif
  std::memset(b.shared, kUnwritten, machine.shared_bytes);
}

void start_block(Block& b, Index index, uint32_t number, Index size) {
  const int threads = int(size.x * size.y * size.z);
  clear_shared(b);
  if (b.fibers.empty()) b.fibers = make_fibers(kMaxThreads);
  b.index = index;
  b.threads.resize(size_t(threads));
  b.warps.assign(size_t(threads + kWarp - 1) / kWarp, Warp());
  b.live = threads;
  b.at_barrier = 0;
  start(b.clock, number);
  for (int i = 0; i < threads; ++i) {
    Thread& t = b.threads[size_t(i)];
    t.fiber = &b.fibers[size_t(i)];
    t.block = &b;
    t.number = i;
    t.index = {unsigned(i) % size.x, unsigned(i) / size.x % size.y, unsigned(i) / (size.x * size.y)};
    t.exited = false;
    t.wait = {};
    t.in_flight.clear();
    t.group = 0;
    start(t.clock, b.clock, i);
    reset(*t.fiber, thread_main, b.abandoned);
    Warp& w = b.warps[size_t(i / kWarp)];
    w.alive |= 1u << i % kWarp;
    w.runnable = w.alive;
  }
  b.abandoned = false;
}

// Lets threads run until a block has ended.
void run_threads() {
  make_current(*pick());
  switch_fiber(machine.main, *self().fiber);
  machine.current = nullptr;
  if (machine.error) std::rethrow_exception(std::exchange(machine.error, nullptr));
}

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

Index block_index(uint64_t number) {
  const Index& grid = ::gridDim;
  return {unsigned(number % grid.x), unsigned(number / grid.x % grid.y), unsigned(number / grid.x / grid.y)};
}

std::string who(uint32_t thread) {
  return "block " + str(block_index((thread >> kThreadBits) - machine.first_number)) + " thread " +
         std::to_string(thread % kMaxThreads);
}

// Ends the launch from where no exception may pass: the call of a sanitizer.
[[noreturn]] void stop(const Error& error) {
  machine.error = std::make_exception_ptr(error);
  leave_fiber(*self().fiber, machine.main);
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

std::string Schedule::str() const {
  return std::string("copies land ") + (landing == Landing::late ? "late" : "early") +
         (seed == 0 ? ", threads in order" : ", threads at random, seed " + std::to_string(seed)) +
         (resident == 1 ? "" : ", " + std::to_string(resident) + " blocks at a time");
}

void run(Index grid, Index block, size_t shared_bytes, void (*body)(void*), void* arg, const char* kernel) {
  if (machine.current) throw Error("simt: a launch from inside a kernel");
  const size_t threads = size_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads) throw Error("simt: a block of " + std::to_string(threads) + " threads");
  if (shared_bytes > kMaxSharedBytes)
    throw Error("simt: " + std::to_string(shared_bytes) + " bytes of shared memory, a block can have " +
                std::to_string(kMaxSharedBytes));
  if (grid.y > 65535 || grid.z > 65535) throw Error("simt: a grid of " + str(grid) + " blocks; y and z end at 65535");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) throw Error("simt: a grid without blocks");
  if (schedule.resident < 1) throw Error("simt: " + std::to_string(schedule.resident) + " resident blocks");
  machine.shared_bytes = shared_bytes;
  machine.body = body;
  machine.arg = arg;
  machine.kernel = kernel;
  machine.random = schedule.seed * 0x9e3779b97f4a7c15u;
  ::blockDim = block;
  ::gridDim = grid;
  std::vector<uint64_t> order(uint64_t(grid.x) * grid.y * grid.z);
  std::iota(order.begin(), order.end(), 0);
  if (schedule.seed != 0)
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next_random() % i]);
  if (machine.blocks.size() < size_t(schedule.resident)) machine.blocks.resize(size_t(schedule.resident));
  machine.resident = int(std::min(uint64_t(schedule.resident), uint64_t(order.size())));
  machine.polling.clear();
  machine.polls_in_vain = 0;
  for (Block& b : machine.blocks) {
    b.abandoned |= b.live > 0;
    b.live = 0;
  }
  machine.first_number = number_blocks(order.size());
  if (machine.first_number == 1)
    for (Block& b : machine.blocks) b.shadow = Shadow();
  size_t started = 0, ended = 0;
  while (ended < order.size()) {
    for (int i = 0; i < machine.resident && started < order.size(); ++i) {
      Block& b = machine.blocks[size_t(i)];
      if (b.live > 0) continue;
      const uint64_t at = order[started++];
      start_block(b, block_index(at), machine.first_number + uint32_t(at), block);
    }
    machine.blocks_in_all = order.size();
    machine.waiting = order.size() - started;
    run_threads();
    ++ended;
  }
}

std::vector<Known>& known_kernels() {
  static std::vector<Known> kernels;
  return kernels;
}

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
