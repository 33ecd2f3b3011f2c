// A torch file: the zip archive, and the pickle in it.
#include "read_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  seedstory::read_tensors(seedstory::text_of(data, size));
  return 0;
}
