// Blocks that talk to each other through device memory, and what several resident blocks show of it.
#include <catch.h>

#include <numeric>

#include "buffer.h"
#include "gpu.cuh"
#include "said.h"

namespace seedstory {
namespace {

using simt::Landing;
using simt::said;

constexpr int kThreads = 64;

// Under each schedule, with one, two and four resident blocks.
template <class F>
void with_resident_blocks(F&& f) {
  for (int resident : {1, 2, 4})
    simt::under_each_schedule([&] {
      simt::schedule.resident = resident;
      INFO(simt::schedule.str());
      f();
    });
}

// A sum over k in parts, one a block (split-k): who comes last adds them up, in order of the parts.
struct LastBlock {
  uint32_t came_before;
};
__global__ void split_sum(float* out, float* parts, uint32_t* done, const float* in, int each) {
  const int block = int(blockIdx.x), blocks = int(gridDim.x);
  float sum = 0;
  for (int i = 0; i < each; ++i) sum += in[(block * each + i) * kThreads + int(threadIdx.x)];
  parts[block * kThreads + int(threadIdx.x)] = sum;
  __syncthreads();  // the whole block's part is there before its arrival is counted
  if (threadIdx.x == 0) shared<LastBlock>().came_before = atomic_add(done, 1);
  __syncthreads();  // everyone knows how many blocks came before
  if (shared<LastBlock>().came_before != uint32_t(blocks - 1)) return;
  sum = 0;
  for (int part = 0; part < blocks; ++part) sum += parts[part * kThreads + int(threadIdx.x)];
  out[threadIdx.x] = sum;
  if (threadIdx.x == 0) *done = 0;  // for the next launch
}

TEST_CASE("The last block adds up what all blocks have left", "[simt]") {
  const int blocks = 7, each = 3;
  std::vector<float> values(blocks * each * kThreads);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i * 37 % 101);
  Buffer<float> in(values), parts(std::vector<float>(blocks * kThreads)), out(std::vector<float>(kThreads, 0));
  Buffer<uint32_t> done({0});
  with_resident_blocks([&] {
    std::fill_n(parts.data(), blocks * kThreads, NAN);
    launch<LastBlock>(split_sum, blocks, kThreads, nullptr, out.data(), parts.data(), done.data(), in.data(), each);
    for (int t = 0; t < kThreads; ++t) {
      float want = 0;
      for (int i = 0; i < blocks * each; ++i) want += values[size_t(i * kThreads + t)];
      REQUIRE(out[size_t(t)] == want);
    }
    REQUIRE(done[0] == 0);
  });
}

// Each block adds its number to what the block before it has made; `flags` pass the turn on.
__global__ void chain(float* made, uint32_t* flags) {
  const unsigned block = blockIdx.x;
  if (block > 0 && threadIdx.x == 0)
    while (load_acquire(&flags[block - 1]) == 0) {
    }
  __syncthreads();  // thread 0 has seen that the block before is ready
  const float before = block > 0 ? made[(block - 1) * kThreads + threadIdx.x] : 0;
  made[block * kThreads + threadIdx.x] = before + float(block);
  __syncthreads();  // the whole block is ready
  if (threadIdx.x == 0) store_release(&flags[block], 1);
}

// Whether every block found what the one before had made, and what the emulator said.
std::pair<bool, std::string> run_chain(int blocks) {
  Buffer<float> made(std::vector<float>(size_t(blocks) * kThreads, NAN));
  Buffer<uint32_t> flags(std::vector<uint32_t>(size_t(blocks), 0));
  const std::string error = said([&] { launch<Nothing>(chain, blocks, kThreads, nullptr, made.data(), flags.data()); });
  bool right = true;
  for (int i = 0; i < blocks * kThreads; ++i) {
    const int block = i / kThreads;
    right = right && made[size_t(i)] == float(block * (block + 1) / 2);
  }
  return {right, error};
}

TEST_CASE("A block waits for the one before it", "[simt]") {
  for (uint64_t seed : {0, 1, 2, 3, 4}) {
    simt::schedule = {.seed = seed, .resident = 5};
    const auto [right, error] = run_chain(5);
    CHECK(error == "");
    CHECK(right);
  }
  // In order, the block that is waited for has always been there before.
  for (int resident : {1, 2}) {
    simt::schedule = {.resident = resident};
    CHECK(run_chain(5).first);
  }
  simt::schedule = {};
}

// All blocks meet: none goes on before each has arrived.
__global__ void grid_barrier(uint32_t* arrived, int* here, int* found) {
  here[blockIdx.x] = 1;
  atomic_add(arrived, 1);
  while (load_acquire(arrived) < gridDim.x) {
  }
  found[blockIdx.x] = 0;
  for (unsigned block = 0; block < gridDim.x; ++block) found[blockIdx.x] += here[block];
}

// Reads what another block writes, as if blocks ran in order.
__global__ void rely_on_order(float* made) {
  const float before = blockIdx.x > 0 ? made[blockIdx.x - 1] : 0;
  made[blockIdx.x] = before + 1;
}

TEST_CASE("Blocks that wait for one that is not resident are a deadlock, said in one line", "[simt][caught]") {
  const auto start = [](int blocks) {
    Buffer<uint32_t> arrived({0});
    Buffer<int> here(std::vector<int>(size_t(blocks), 0)), found(std::vector<int>(size_t(blocks), 0));
    const std::string error =
        said([&] { launch<Nothing>(grid_barrier, blocks, 1, nullptr, arrived.data(), here.data(), found.data()); });
    if (error.empty()) CHECK(std::count(found.data(), found.data() + blocks, blocks) == blocks);
    return error;
  };
  for (uint64_t seed : {0, 1, 2}) {
    INFO(seed);
    simt::schedule = {.seed = seed, .resident = 4};
    CHECK(start(4) == "");
    CHECK(start(3) == "");
    const std::string deadlock = start(6);
    CHECK_THAT(deadlock, Catch::StartsWith("deadlock: 4 of 6 blocks are resident, 2 wait for room: block ("));
    CHECK_THAT(deadlock, Catch::Contains("threads 0: load_acquire at blocks_test.cpp:"));
    CHECK(std::count(deadlock.begin(), deadlock.end(), '\n') == 0);
  }
  simt::schedule = {};
  CHECK_THAT(start(2), Catch::StartsWith("deadlock: 1 of 2 blocks are resident, 1 waits for room: block (0, 0, 0): "));
}

TEST_CASE("A kernel that relies on the order of blocks shows under a seed", "[simt][caught]") {
  const simt::AllowRaces allow;
  Buffer<float> made(std::vector<float>(8));
  const auto last = [&](uint64_t seed, int resident) {
    simt::schedule = {.seed = seed, .resident = resident};
    std::fill_n(made.data(), 8, NAN);
    launch<Nothing>(rely_on_order, 8, 1, nullptr, made.data());
    simt::schedule = {};
    return made[7];
  };
  CHECK(last(0, 1) == 8);
  CHECK(std::isnan(last(1, 1)));
  CHECK(std::isnan(last(1, 4)));
}

TEST_CASE("Words between blocks refuse what is not device memory", "[simt][caught]") {
  uint32_t host = 0;
  Buffer<int> here({0});
  CHECK_THAT(said([&] { launch<Nothing>(grid_barrier, 1, 1, nullptr, &host, here.data(), here.data()); }),
             Catch::Contains("atomic_add outside of device memory"));
}

}  // namespace
}  // namespace seedstory
