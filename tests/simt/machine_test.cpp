// What CudaBackend says of the machine: cards that are not there, too little memory, faults. A machine without them has
// to be an emulated one; the rest of CudaBackend is tested in backend_test.cpp.
#include <cstdlib>

#include "../../cuda/cuda_backend.h"
#include "ops/harness.h"
#include "seedstory/arena.h"
#include "simt.h"

using namespace seedstory;

namespace {

// As the machine is, again.
struct RestoreMachine {
  ~RestoreMachine() {
    simt::driver_version = simt::kRuntimeVersion;
    simt::device_count = 1;
    simt::compute_capability = 80;
    unsetenv("CUDA_VISIBLE_DEVICES");
  }
};

}  // namespace

TEST_CASE("CudaBackend says what is missing for a card", "[simt]") {
  const RestoreMachine restore;
  const auto make = [] { make_cuda_backend(); };
  CHECK(error_of([] { make_cuda_backend(1); }, ErrorKind::resource) ==
        "cuda: there is no device 1; this machine has one, 0");
  CHECK(error_of([] { make_cuda_backend(-1); }, ErrorKind::resource) ==
        "cuda: there is no device -1; this machine has one, 0");
  simt::device_count = 3;
  CHECK(error_of([] { make_cuda_backend(3); }, ErrorKind::resource) ==
        "cuda: there is no device 3; this machine has 3, 0 to 2");
  simt::compute_capability = 75;
  CHECK(error_of(make, ErrorKind::resource) == "cuda: SIMT emulator has compute capability 7.5, the kernels need 8.0");
  CHECK(cuda_devices().at(2) ==
        "SIMT emulator, compute capability 7.5, 108 multiprocessors, 1.0 GiB of 1.0 GiB free; the kernels need 8.0");

  simt::device_count = 0;
  CHECK(error_of(make, ErrorKind::resource) == "cuda: the NVIDIA driver shows no GPU");
  setenv("CUDA_VISIBLE_DEVICES", "", 1);
  CHECK(error_of(make, ErrorKind::resource) == "cuda: the NVIDIA driver shows no GPU; CUDA_VISIBLE_DEVICES is ''");
  simt::driver_version = 12080;
  CHECK(error_of(make, ErrorKind::resource) ==
        "cuda: the NVIDIA driver knows CUDA 12.8, this program needs CUDA 13.0; install a newer driver");
  simt::driver_version = 0;
  CHECK(error_of(make, ErrorKind::resource) == "cuda: there is no NVIDIA driver here (libcuda.so.1)");
  CHECK(error_of([] { cuda_devices(); }, ErrorKind::resource) == "cuda: there is no NVIDIA driver here (libcuda.so.1)");
}

TEST_CASE("CudaBackend knows its free memory and says when it is too little", "[simt]") {
  const auto be = make_cuda_backend();
  CHECK(be->name() == "cuda (SIMT emulator, 1024 MiB)");
  const int64_t before = be->free_bytes();
  CHECK(before <= int64_t(simt::kDeviceBytes));
  void* memory = be->allocate(1 << 20);
  CHECK(be->free_bytes() == before - (1 << 20));
  be->release(memory);
  CHECK(be->free_bytes() == before);
  CHECK(error_of([&] { be->allocate(int64_t(3) << 30); }, ErrorKind::resource) ==
        "cuda: not enough memory: 3.0 GiB more were asked for, 1.0 GiB are free on cuda (SIMT emulator, 1024 MiB)");
}

TEST_CASE("A fault on the card is said at the next wait, with --cuda-sync by the op", "[simt]") {
  Inputs in(1);
  for (const bool sync : {false, true}) {
    const auto be = make_cuda_backend(0, sync);
    Arena arena(*be, 1 << 20);
    const Tensor a = arena.make(DType::f32, {1, 8}), y = arena.make(DType::f32, {1, 8});
    const std::vector<float> values(8, 1);
    be->upload(a, values.data());
    const auto fault = [&] {
      simt::fault = 700;
      be->run(Add{.y = y, .a = a, .b = a});
    };
    if (sync) {
      CHECK(error_of(fault, ErrorKind::resource) == "cuda: Add: an illegal memory access was encountered");
    } else {
      CHECK(error_of(fault, ErrorKind::resource) == "");
      CHECK(error_of([&] { be->finish(); }, ErrorKind::resource) ==
            "cuda: finish what was asked for: an illegal memory access was encountered");
    }
  }
}
