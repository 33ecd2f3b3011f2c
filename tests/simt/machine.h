// The emulated device from inside: what simt.cpp schedules and instructions.cpp works on.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "fiber.h"
#include "races.h"
#include "simt.h"

namespace simt {

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
extern Machine machine;

inline Thread& self() {
  if (!machine.current) throw Error("simt: device code called outside of a kernel");
  return *machine.current;
}
inline int lane() {
  return self().number % kWarp;
}
inline Block& block() {
  return *self().block;
}
inline Warp& warp() {
  return block().warps[size_t(self().number / kWarp)];
}

std::string str(Where where);
std::string str(Index i);
bool same_line(Where a, Where b);
Index block_index(uint64_t number);
// Throws: the line, block and thread, and the message.
[[noreturn]] void report(Where where, const std::string& message);
// Ends the launch from where no exception may pass: the call of a sanitizer.
[[noreturn]] void stop(const Error& error);

// Lets another thread run; comes back when this one has been made runnable and is picked.
void yield();
// What this thread waited for has happened: others may go on too.
void resume_self();

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

}  // namespace simt
