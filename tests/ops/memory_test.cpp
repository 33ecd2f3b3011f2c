// The host's memory as the CPU backend hands it out.
#include "cpu/runtime/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "catch.h"
#include "cpu/cpu_backend.h"

using namespace seedstory;

TEST_CASE("A large block has its pages before anybody writes there", "[cpu]") {
  constexpr int64_t kPage = 4096, kBytes = cpu::kLargeBlock + 3 * kPage;
  const auto backend = make_cpu_backend(2);
  void* block = backend->allocate(kBytes);
  std::vector<unsigned char> there(size_t(kBytes / kPage));
  REQUIRE(mincore(block, size_t(kBytes), there.data()) == 0);
  backend->release(block);
  CHECK(std::all_of(there.begin(), there.end(), [](unsigned char page) { return page & 1; }));
}
