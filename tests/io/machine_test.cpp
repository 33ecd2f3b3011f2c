// How busy a machine is beside this process.
#include "io/machine.h"

#include "catch.h"

using namespace seedstory;

TEST_CASE("The load of a machine is what went neither to this process nor to nobody", "[io]") {
  const CpuTimes begin{.all = 1000, .idle = 500, .stolen = 10, .own = 5};
  const Load load = load_between(begin, {.all = 1200, .idle = 550, .stolen = 30, .own = 85});
  CHECK(load.others == 0.25);  // 200 - 50 idle - 20 stolen - 80 own
  CHECK(load.stolen == 0.1);
  CHECK(load_between(begin, begin).others == 0);
  CHECK(load_between(begin, {.all = 1010, .idle = 505, .stolen = 10, .own = 35}).others == 0);  // clocks that differ
}

TEST_CASE("The kernel's ticks go on", "[io]") {
  const auto first = cpu_times();
  REQUIRE(first);
  CHECK(first->all > 0);
  CHECK(first->idle <= first->all);
  const auto second = cpu_times();
  CHECK(second->all >= first->all);
  CHECK(second->own >= first->own);
}
