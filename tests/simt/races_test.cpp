// The race detector: each thing that orders two accesses, and the same kernel without it.
#include <catch.h>

#include "buffer.h"
#include "gpu.cuh"
#include "said.h"

namespace seedstory {
namespace {

using Catch::Contains;
using simt::said;

struct Words {
  alignas(16) uint32_t v[256];
};

// What a kernel has between two accesses.
enum class Order { none, syncwarp, half_syncwarp, shuffle, shuffle_half_syncwarp, syncthreads };
template <Order kOrder>
__device__ void order() {
  if (kOrder == Order::syncwarp) __syncwarp();
  if (kOrder == Order::shuffle || kOrder == Order::shuffle_half_syncwarp) __shfl_xor_sync(~0u, 1, 1);
  if (kOrder == Order::half_syncwarp || kOrder == Order::shuffle_half_syncwarp)
    __syncwarp(threadIdx.x % 32 < 16 ? 0xffffu : 0xffff0000u);
  if (kOrder == Order::syncthreads) __syncthreads();
}

// What is said of a race, "" where there is none: the same under every schedule, but for who comes first.
using Kernel = void (*)(uint32_t* words);
std::string race_in(Kernel kernel, unsigned threads = 64, unsigned blocks = 1) {
  std::string first;
  bool is_first = true;
  for (int resident : {1, 2})
    for (simt::Schedule each : simt::kSchedules) {
      simt::schedule = each;
      simt::schedule.resident = resident;
      INFO(simt::schedule.str());
      Buffer<uint32_t> words(std::vector<uint32_t>(256, 0));
      const std::string error = said([&] { launch<Words>(kernel, blocks, threads, nullptr, words.data()); });
      if (is_first) first = error;
      is_first = false;
      CHECK(error.empty() == first.empty());
    }
  simt::schedule = {};
  return first;
}

// Thread i writes word i and reads word i ^ kOther.
template <Order kOrder, unsigned kOther>
__global__ void read_after_write(uint32_t* words) {
  uint32_t* const v = shared<Words>().v;
  v[threadIdx.x] = threadIdx.x;
  order<kOrder>();
  words[threadIdx.x] = v[threadIdx.x ^ kOther];
}
// Thread i reads word i ^ kOther, which is thread i's own as well, and writes word i.
template <Order kOrder, unsigned kOther>
__global__ void write_after_read(uint32_t* words) {
  const uint32_t read = words[threadIdx.x ^ kOther];
  order<kOrder>();
  words[threadIdx.x] = read;
}

TEST_CASE("What orders a write and a read of another thread", "[simt][caught]") {
  struct {
    Kernel kernel;
    bool races;
    const char* why;
  } cases[] = {
      {read_after_write<Order::none, 0>, false, "one's own word"},
      {read_after_write<Order::none, 1>, true, "a neighbour's"},
      {read_after_write<Order::shuffle, 1>, true, "a shuffle orders no memory"},
      {read_after_write<Order::syncwarp, 1>, false, "__syncwarp does"},
      {read_after_write<Order::half_syncwarp, 1>, false, "of half a warp, within it"},
      {read_after_write<Order::half_syncwarp, 16>, true, "of half a warp, in the other half"},
      {read_after_write<Order::shuffle_half_syncwarp, 16>, true, "the same, and all lanes have written"},
      {read_after_write<Order::syncwarp, 32>, true, "of another warp"},
      {read_after_write<Order::syncthreads, 32>, false, "__syncthreads, for the block"},
      {write_after_read<Order::none, 1>, true, "the read came first"},
      {write_after_read<Order::shuffle, 1>, true, "a shuffle after the read"},
      {write_after_read<Order::syncwarp, 1>, false, "__syncwarp after the read"},
      {write_after_read<Order::syncwarp, 32>, true, "of another warp after the read"},
      {write_after_read<Order::syncthreads, 32>, false, "__syncthreads after the read"},
  };
  for (const auto& [kernel, races, why] : cases) {
    INFO(why);
    CHECK((race_in(kernel) != "") == races);
  }
}

TEST_CASE("A race is told with its kernel, both threads and both lines", "[simt]") {
  Buffer<uint32_t> words(std::vector<uint32_t>(64, 0));
  const std::string shared_race =
      said([&] { launch<Words, read_after_write<Order::syncwarp, 32>>(dim3(2, 3), 64, nullptr, words.data()); });
  CHECK_THAT(shared_race, Catch::StartsWith("races_test.cpp:"));
  CHECK_THAT(shared_race, Contains(": race in read_after_write<"));
  CHECK_THAT(shared_race, Contains(", 32u>: block (0, 0, 0) thread 32 writes byte 128 of shared memory, which "
                                   "block (0, 0, 0) thread 0 read at races_test.cpp:"));
  CHECK_THAT(shared_race, Catch::EndsWith("; nothing orders the two"));
  CHECK_THAT(
      said([&] { launch<Words, write_after_read<Order::none, 1>>(dim3(2, 3), 64, nullptr, words.data()); }),
      Contains(
          "block (0, 0, 0) thread 1 reads byte 0 of 256 of device memory, which block (0, 0, 0) thread 0 wrote at"));
}

// Each thread has a byte of a word.
__global__ void bytes_of_words(uint32_t* words) {
  auto* const bytes = reinterpret_cast<uint8_t*>(shared<Words>().v);
  bytes[threadIdx.x] = uint8_t(threadIdx.x);
  __syncthreads();
  if (threadIdx.x % 4 == 0) words[threadIdx.x] = shared<Words>().v[threadIdx.x / 4];
  __syncthreads();
  if (threadIdx.x % 4 == 3) bytes[threadIdx.x ^ 1] = 1;
}
// Two of them have one byte in common.
__global__ void halves_that_overlap(uint32_t* words) {
  auto* const bytes = reinterpret_cast<char*>(words) + threadIdx.x * 4;
  const uint16_t half = 1;
  std::memcpy(bytes + (threadIdx.x % 2 == 0 ? 2 : -1), &half, 2);
}

TEST_CASE("Races are of bytes, not of words", "[simt][caught]") {
  CHECK(race_in(bytes_of_words) == "");
  CHECK_THAT(race_in(halves_that_overlap), Contains("writes byte 3 of 1024 of device memory"));
}

// All threads read a word, then a thread of the last warp, which has met its own, writes it.
template <Order kOrder>
__global__ void write_after_many_reads(uint32_t* words) {
  words[64 + threadIdx.x] = words[0];
  order<kOrder>();
  if (threadIdx.x == 40) words[0] = 1;
}

TEST_CASE("Reads of other warps are not forgotten", "[simt][caught]") {
  CHECK_THAT(race_in(write_after_many_reads<Order::syncwarp>), Contains("race in a kernel"));
  CHECK(race_in(write_after_many_reads<Order::syncthreads>) == "");
}

// --- Asynchronous copies and ldmatrix

// Each thread copies 16 bytes and reads what its neighbour has copied.
template <bool kWait, bool kBarrier>
__global__ void copy_then_read(uint32_t* words) {
  uint32_t* const v = shared<Words>().v;
  copy_async(v + threadIdx.x * 4, words + threadIdx.x * 4, 16);
  copy_async_commit();
  if (kWait) copy_async_wait<0>();
  if (kBarrier) __syncthreads();
  words[128 + threadIdx.x] = v[(threadIdx.x ^ 1) * 4];
  copy_async_wait<0>();
}
// Its own, which a barrier does not make arrive.
__global__ void copy_own_without_wait(uint32_t* words) {
  uint32_t* const v = shared<Words>().v;
  copy_async(v + threadIdx.x * 4, words + threadIdx.x * 4, 16);
  copy_async_commit();
  __syncthreads();
  words[128 + threadIdx.x] = v[threadIdx.x * 4];
  copy_async_wait<0>();
}
// Writes what a copy is still reading.
__global__ void overwrite_source(uint32_t* words) {
  copy_async(shared<Words>().v + threadIdx.x * 4, words + threadIdx.x * 4, 16);
  copy_async_commit();
  __syncthreads();
  words[(threadIdx.x ^ 1) * 4] = 1;
  copy_async_wait<0>();
}

TEST_CASE("A copy is on its way until it is waited for, and its owner's until a barrier", "[simt][caught]") {
  CHECK(race_in(copy_then_read<true, true>, 32) == "");
  CHECK_THAT(race_in(copy_then_read<false, true>, 32), Contains("is still copying to at races_test.cpp:"));
  CHECK_THAT(race_in(copy_then_read<true, false>, 32), Contains("race in a kernel"));
  CHECK_THAT(race_in(copy_own_without_wait, 32), Contains("is still copying to"));
  CHECK_THAT(race_in(overwrite_source, 32), Contains("of device memory"));
}

template <bool kTransposed, Order kOrder>
__global__ void load_own_rows(uint32_t* words) {
  uint32_t* const row = shared<Words>().v + threadIdx.x * 4;
  for (int i = 0; i < 4; ++i) row[i] = threadIdx.x;
  order<kOrder>();
  uint32_t got[4];
  kTransposed ? ldmatrix_trans(got, row) : ldmatrix(got, row);
  words[threadIdx.x] = got[0];
}

TEST_CASE("ldmatrix reads for the lanes that get the values", "[simt][caught]") {
  CHECK_THAT(race_in(load_own_rows<false, Order::none>, 32), Contains("reads byte"));
  CHECK_THAT(race_in(load_own_rows<true, Order::none>, 32), Contains("reads byte"));
  CHECK(race_in(load_own_rows<false, Order::syncwarp>, 32) == "");
  CHECK(race_in(load_own_rows<true, Order::syncwarp>, 32) == "");
}

// --- Between blocks

__global__ void own_words(uint32_t* words) {
  words[blockIdx.x * blockDim.x + threadIdx.x] += 1;
}
__global__ void same_words(uint32_t* words) {
  words[threadIdx.x] = 1;
}
__global__ void count(uint32_t* words) {
  atomic_add(words, 1);
}
__global__ void count_and_read(uint32_t* words) {
  atomic_add(words, 1);
  words[1 + blockIdx.x * blockDim.x + threadIdx.x] = words[0];
}

// Block 0 writes, block 1 waits for it and reads.
template <bool kBarrierBefore, bool kBarrierAfter, bool kWriteAfter = false>
__global__ void hand_over(uint32_t* words) {
  uint32_t* const flag = words + 255;
  if (blockIdx.x == 0) {
    words[threadIdx.x] = threadIdx.x;
    if (kBarrierBefore) __syncthreads();
    if (threadIdx.x == 0) store_release(flag, 1);
    if (kWriteAfter && threadIdx.x == 0) words[0] = 1;
  } else {
    if (threadIdx.x == 0)
      while (load_acquire(flag) == 0) {
      }
    if (kBarrierAfter)
      __syncthreads();
    else
      __shfl_sync(~0u, 1, 0);  // all of the warp come after the load, but not ordered by it
    words[64 + threadIdx.x] = words[threadIdx.x];
  }
}
// The flag is an ordinary word.
__global__ void hand_over_plainly(uint32_t* words) {
  if (blockIdx.x == 0) {
    words[0] = 1;
    words[1] = 1;
  } else if (words[1] == 1) {
    words[2] = words[0];
  }
}

TEST_CASE("What orders blocks", "[simt][caught]") {
  CHECK(race_in(own_words, 64, 3) == "");
  CHECK_THAT(race_in(same_words, 64, 3), Contains("of device memory, which block ("));
  CHECK(race_in(count, 64, 3) == "");
  CHECK(race_in(count_and_read, 1, 1) == "");
  CHECK_THAT(race_in(count_and_read, 64, 2), Contains("race in a kernel"));
  CHECK_THAT(race_in(hand_over_plainly, 1, 2), Contains("race in a kernel"));
  for (uint64_t seed : {0, 1, 2, 3}) {
    const auto said_of = [&](Kernel kernel) {
      simt::schedule = {.seed = seed, .resident = 2};
      Buffer<uint32_t> words(std::vector<uint32_t>(256, 0));
      const std::string error = said([&] { launch<Words>(kernel, 2, 32, nullptr, words.data()); });
      simt::schedule = {};
      return error;
    };
    CHECK(said_of(hand_over<true, true>) == "");
    CHECK_THAT(said_of(hand_over<false, true>), Contains("race in a kernel"));
    CHECK_THAT(said_of(hand_over<true, false>), Contains("race in a kernel"));
    CHECK_THAT(said_of(hand_over<true, true, true>), Contains("race in a kernel"));
  }
}

TEST_CASE("A launch is ordered with those before it", "[simt]") {
  Buffer<uint32_t> words(std::vector<uint32_t>(256, 0));
  for (int i = 0; i < 3; ++i) launch<Words>(same_words, 1, 64, nullptr, words.data());
  launch<Words>(own_words, 4, 64, nullptr, words.data());
  CHECK(words[0] == 2);
}

}  // namespace
}  // namespace seedstory
