// What tests/simt/kernels_test.cpp asks of the emulator, on a card: it has its own schedule, and nobody looks for races
// (compute-sanitizer does). CMake puts this folder in the place of tests/simt.
#pragma once

#include <string>

namespace simt {

struct Schedule {
  std::string str() const { return "on the card"; }
};
inline constexpr Schedule schedule;

template <class F>
void under_each_schedule(F&& f) {
  f();
}

struct AllowRaces {
  AllowRaces() {}
};

// The card stays what it is: its launchers' other choices are left to the emulator.
struct OnCard {
  explicit OnCard(int) {}
};
inline int multiprocessors;

}  // namespace simt
