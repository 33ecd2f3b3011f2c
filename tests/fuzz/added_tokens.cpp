// added_tokens.json beside the test tokeniser.
#include "fuzz.h"
#include "text/tokenizer.h"

using namespace seedstory;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(text_of(data, size));
  take_or_refuse([&] {
    const Tokenizer tokenizer(SEEDSTORY_SOURCE_DIR "/tests/data/tokenizer/tokenizer.model", file.path(), false);
    tokenizer.decode(tokenizer.encode_tags("a fox<img><img_00000></img> in the snow"));
  });
  return 0;
}
