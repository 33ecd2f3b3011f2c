// A stack to run on: what a CUDA thread is under the emulator. Only simt.cpp uses it.
#pragma once

#include <cstddef>
#include <vector>

namespace simt {

// One OS thread hops between fibers; nothing here may be used from two.
struct Fiber {
  void* sp = nullptr;          // where it stands while it is not running
  char* stack = nullptr;       // lowest address; null for the fiber that main() runs on
  size_t stack_bytes = 0;      // known for main()'s only after the first switch, and only under ASan
  void* fake_stack = nullptr;  // ASan's
};

// `count` fibers with stacks of their own and a guard page below each. The stacks live as long as the program.
std::vector<Fiber> make_fibers(int count);

// Makes `fiber` start at entry() when next switched to; whatever it was doing is forgotten, destructors and all.
void reset(Fiber& fiber, void (*entry)(), bool was_abandoned);

// Runs `to` until somebody switches back to `from`.
void switch_fiber(Fiber& from, Fiber& to);
// The same, and `from` will not be switched to again before its next reset().
[[noreturn]] void leave_fiber(Fiber& from, Fiber& to);

// The first words of an entry function.
void fiber_entered();

}  // namespace simt
