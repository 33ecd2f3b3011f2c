// CudaBackend and the card that is here.
#include "../../cuda/cuda_backend.h"
#include "ops/harness.h"

using namespace seedstory;

TEST_CASE("CudaBackend names its card and counts its memory", "[gpu]") {
  const std::vector<std::string> cards = cuda_devices();
  for (const std::string& card : cards) WARN(card);
  const auto be = make_cuda_backend();
  const std::string name = be->name().substr(0, be->name().rfind(", "));
  CHECK(name == "cuda (" + cards.at(0).substr(0, cards.at(0).find(", compute capability")));

  const int64_t bytes = 256 << 20, before = be->free_bytes();
  void* memory = be->allocate(bytes);
  CHECK(be->free_bytes() <= before - bytes);
  be->release(memory);
  CHECK(be->free_bytes() > before - bytes);
}

TEST_CASE("CudaBackend says when a card has too little memory, and goes on", "[gpu]") {
  const auto be = make_cuda_backend();
  std::string said;
  try {
    be->allocate(int64_t(1) << 50);
  } catch (const Error& error) {
    CHECK(error.kind == ErrorKind::resource);
    said = error.what();
  }
  CHECK(said.find("cuda: not enough memory: 1048576.0 GiB more were asked for, ") == 0);
  be->release(be->allocate(1 << 20));
  be->finish();
}
