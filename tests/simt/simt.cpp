#include "simt.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <numeric>
#include <utility>
#include <vector>

#include "fiber.h"
#include "machine.h"

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

namespace simt {

Machine machine;

namespace {

const char* base_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

}  // namespace

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

Index block_index(uint64_t number) {
  const Index& grid = ::gridDim;
  return {unsigned(number % grid.x), unsigned(number / grid.x % grid.y), unsigned(number / grid.x / grid.y)};
}

[[noreturn]] void stop(const Error& error) {
  machine.error = std::make_exception_ptr(error);
  leave_fiber(*self().fiber, machine.main);
}

namespace {

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

}  // namespace

void yield() {
  Thread& me = self();
  Thread* const next = pick();
  if (!next) throw deadlock();
  make_current(*next);
  if (next != &me) switch_fiber(*me.fiber, *next->fiber);
}

void resume_self() {
  machine.polls_in_vain = 0;
  self().wait = {};
  if (schedule.seed == 0) return;
  warp().runnable |= 1u << lane();
  yield();
}

namespace {

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

}  // namespace

std::string Schedule::str() const {
  return std::string("copies land ") + (landing == Landing::late ? "late" : "early") +
         (seed == 0 ? ", threads in order" : ", threads at random, seed " + std::to_string(seed)) +
         (resident == 1 ? "" : ", " + std::to_string(resident) + " blocks at a time");
}

// CUDA C++ Programming Guide, "Compute Capabilities". The launchers' own rule is in cuda/queue.h.
size_t max_shared_bytes() {
  const int major = compute_capability / 10;
  if (compute_capability == 86 || compute_capability == 89 || major == 12) return 99 * 1024;
  return major <= 8 ? 163 * 1024 : kMaxSharedBytes;
}

void run(Index grid, Index block, size_t shared_bytes, void (*body)(void*), void* arg, const char* kernel) {
  if (machine.current) throw Error("simt: a launch from inside a kernel");
  const size_t threads = size_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads) throw Error("simt: a block of " + std::to_string(threads) + " threads");
  if (shared_bytes > max_shared_bytes())
    throw Error("simt: " + std::to_string(shared_bytes) + " bytes of shared memory, a block can have " +
                std::to_string(max_shared_bytes()));
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

}  // namespace simt
