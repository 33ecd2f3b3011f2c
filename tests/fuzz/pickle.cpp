// The pickle of a torch file, without the archive round it.
#include "io/pickle.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  seedstory::take_or_refuse([&] { const seedstory::Pickle pickle({data, size}, "data.pkl"); });
  return 0;
}
