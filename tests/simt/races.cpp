#include "races.h"

#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "memory.h"
#include "simt.h"

extern "C" const char __executable_start;

namespace simt {
namespace {

constexpr uint32_t kBlocks = 1u << (32 - kThreadBits);

constexpr uint32_t kMostTime = (1u << 30) - 1;

uint32_t next_block = 1;
uint32_t first_thread = 0;  // of this launch: what threads before it did is before
std::map<const void*, Acquired> released;

void raise_to(uint32_t& a, uint32_t b) {
  a = std::max(a, b);
}

bool knows(const Acquired& acquired, const Access& a) {
  if (const auto at = acquired.blocks.find(a.thread >> kThreadBits); at != acquired.blocks.end())
    if (a.time < at->second) return true;
  const auto at = acquired.threads.find(a.thread);
  return at != acquired.threads.end() && a.time <= at->second;
}

// What is before the accesses that a thread makes now.
struct Before {
  const ThreadClock& t;
  bool shared;
  uint32_t barrier = t.block->barrier;

  bool operator()(const Access& a) const {
    if (a.thread == t.thread) return !a.in_flight;
    if (a.thread < first_thread) return true;
    const bool same_block = (a.thread ^ t.thread) >> kThreadBits == 0;
    if (same_block && a.time < barrier && !a.in_flight) return true;
    return shared && !same_block ? true : by_less(a, same_block);
  }

 private:
  bool by_less(const Access& a, bool same_block) const {  // than a barrier
    if (a.in_flight) return false;
    if (same_block && same_warp(a) && a.time <= t.seen[a.thread % 32]) return true;
    if (t.acquired.empty() && t.block->acquired.empty()) return false;
    return knows(t.acquired, a) || knows(t.block->acquired, a);
  }

 public:
  bool same_warp(const Access& a) const { return (a.thread ^ t.thread) >> 5 == 0; }
};

// A read that is before this one adds nothing: what races with it races with this one. Of the others two are kept,
// if possible of two warps: a write that races with neither is of a warp that has met both, and then with none at all.
void note_read(Cell& cell, const Access& now, const Before& before) {
  if (cell.read.thread != now.thread && !before(cell.read))
    if (!before.same_warp(cell.read) || before.same_warp(cell.other) || before(cell.other)) cell.other = cell.read;
  cell.read = now;
}

}  // namespace

void Acquired::join(const Acquired& other) {
  for (const auto& [block, time] : other.blocks) raise_to(blocks[block], time);
  for (const auto& [thread, time] : other.threads) raise_to(threads[thread], time);
}

Shadow& Shadow::operator=(Shadow&& from) noexcept {
  std::swap(words_, from.words_);
  std::swap(splits_, from.splits_);
  return *this;
}
Shadow::~Shadow() {
  std::free(words_);
}

void Shadow::make(size_t size) {
  words_ = static_cast<Word*>(std::calloc(size / 4 + 1, sizeof(Word)));
  if (!words_) throw std::bad_alloc();
}

std::array<Cell, 4>& Shadow::split(Word& word) {
  if (word.split == 0) {
    if (splits_.empty()) splits_.emplace_back();  // 0 is none
    word.split = uint32_t(splits_.size());
    splits_.push_back({word.whole, word.whole, word.whole, word.whole});
  }
  return splits_[word.split];
}

uint32_t number_blocks(uint64_t count) {
  if (count >= kBlocks) throw Error("simt: a grid of " + std::to_string(count) + " blocks; races are found in fewer");
  if (next_block + count > kBlocks) {
    clear_shadows();
    next_block = 1;
  }
  const uint32_t first = next_block;
  next_block += uint32_t(count);
  first_thread = first << kThreadBits;
  released.clear();
  return first;
}

void start(BlockClock& block, uint32_t number) {
  block = {.number = number};
}
void start(ThreadClock& thread, BlockClock& block, int number) {
  thread.block = &block;
  thread.thread = block.number << kThreadBits | uint32_t(number);
  thread.time = 1;
  thread.seen.fill(0);
  thread.acquired = {};
}

void meet_at_barrier(BlockClock& block) {
  block.barrier = ++block.time;
  for (ThreadClock* t : block.acquirers) {
    block.acquired.join(t->acquired);
    t->acquired = {};
  }
  block.acquirers.clear();
}

void meet_in_warp(ThreadClock* const* lanes, uint32_t mask) {
  std::array<uint32_t, 32> seen = {};
  Acquired acquired;
  const auto each = [&](auto f) {
    for (uint32_t left = mask; left != 0; left &= left - 1) f(*lanes[std::countr_zero(left)]);
  };
  each([&](const ThreadClock& t) {
    for (size_t i = 0; i < 32; ++i) raise_to(seen[i], t.seen[i]);
    raise_to(seen[t.thread % 32], t.now());
    if (!t.acquired.empty()) acquired.join(t.acquired);
  });
  BlockClock& block = *lanes[std::countr_zero(mask)]->block;
  ++block.time;
  each([&](ThreadClock& t) {
    t.seen = seen;
    t.time = block.time;
    if (acquired.empty()) return;
    t.acquired = acquired;
    block.acquirers.push_back(&t);
  });
}

void acquire(ThreadClock& t, const void* from) {
  const auto at = released.find(from);
  if (at == released.end()) return;
  t.acquired.join(at->second);
  t.block->acquirers.push_back(&t);
}

// With what the thread did goes all that is before it.
void release(ThreadClock& t, const void* to, bool adds) {
  Acquired& all = released[to];
  if (!adds) all = {};
  all.join(t.acquired);
  all.join(t.block->acquired);
  raise_to(all.blocks[t.block->number], t.block->barrier);
  const uint32_t warp = t.thread & ~31u;
  for (uint32_t i = 0; i < 32; ++i)
    if (t.seen[i] >= t.block->barrier) raise_to(all.threads[warp + i], t.seen[i]);
  all.threads[t.thread] = t.now();
  t.time = ++t.block->time;
}

std::optional<Race> touch(const ThreadClock& t, Shadow& shadow, size_t size, size_t begin, size_t bytes, Touched what) {
  const bool writes = what.how == Touch::write || what.how == Touch::atomic_write;
  const bool atomic = what.how == Touch::atomic_read || what.how == Touch::atomic_write;
  const Access now = {t.thread, t.now() & kMostTime, atomic, what.in_flight, what.place};
  const Before before = {t, what.shared};
  std::optional<Race> race;
  const auto check = [&](const Access& a, size_t byte, bool wrote) {
    if (before(a) || (atomic && a.atomic)) [[likely]]
      return;
    if (!race) race = {a, wrote, byte};
  };
  shadow.each(size, begin, bytes, [&](Cell& cell, size_t byte) {
    check(cell.write, byte, true);
    if (!writes) return note_read(cell, now, before);
    check(cell.read, byte, false);
    check(cell.other, byte, false);
    cell = {.write = now};
  });
  return race;
}

void land(const ThreadClock& t, Shadow& shadow, size_t size, size_t begin, size_t bytes) {
  shadow.each(size, begin, bytes, [&](Cell& cell, size_t) {
    cell.write.time = t.now() & kMostTime;
    cell.write.in_flight = 0;
  });
}

// --- Lines

uint32_t place_of(const void* return_address) {
  return uint32_t(static_cast<const char*>(return_address) - &__executable_start);
}

// As addr2line says: of the functions that were inlined there the innermost one that is not of gpu.cuh.
static std::string ask_for_line(uint32_t place) {
  const char* const address = &__executable_start + place - 1;  // in the call, not behind it
  uintptr_t loaded_at = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* to) {
        *static_cast<uintptr_t*>(to) = info->dlpi_addr;
        return 1;  // the first is the program
      },
      &loaded_at);
  char program[4096] = {}, command[4200], line[4096];
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) return "?";
  std::snprintf(command, sizeof command, "addr2line -i -e '%s' 0x%zx 2>/dev/null", program,
                size_t(reinterpret_cast<uintptr_t>(address) - loaded_at));
  std::string found = "an unknown line";
  FILE* const pipe = popen(command, "r");
  if (!pipe) return found;
  bool done = false;
  while (std::fgets(line, sizeof line, pipe)) {
    if (done || std::strchr(line, '?')) continue;
    const char* const slash = std::strrchr(line, '/');
    found = slash ? slash + 1 : line;
    found.resize(std::min(found.find_first_of(" \n"), found.size()));
    done = found.compare(0, 8, "gpu.cuh:") != 0;
  }
  pclose(pipe);
  return found;
}

std::string line_of(uint32_t place) {
  static std::map<uint32_t, std::string> lines;
  std::string& line = lines[place];
  if (line.empty()) line = ask_for_line(place);
  return line;
}

}  // namespace simt
