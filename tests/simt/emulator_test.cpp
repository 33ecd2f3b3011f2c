// The emulator itself: each word of gpu.cuh against a plain reference, and each mistake that it must not let pass.
#include <catch.h>

#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "../../cuda/cuda_backend.h"
#include "../../cuda/queue.h"
#include "buffer.h"
#include "gpu.cuh"
#include "said.h"

namespace seedstory {
namespace {

using simt::said;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// --- Threads and blocks

__global__ void number_threads(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] += int(1000 * block + thread);
}

TEST_CASE("Every thread of every block runs once", "[simt]") {
  simt::under_each_schedule([] {
    Buffer<int> out(std::vector<int>(12 * 30));
    launch<Nothing>(number_threads, dim3(2, 3, 2), dim3(5, 3, 2), nullptr, out.data());
    for (int i = 0; i < 12 * 30; ++i) REQUIRE(out[size_t(i)] == 1000 * (i / 30) + i % 30);
  });
}

__global__ void order_of_threads(int* out, int* next) {
  out[(*next)++] = int(threadIdx.x);
  __syncwarp(threadIdx.x < 32 ? 0xffffffffu : 0xfu);
}

TEST_CASE("A seed makes another order, the same one each time", "[simt]") {
  const simt::AllowRaces allow;
  const auto order = [](uint64_t seed) {
    simt::schedule = {.seed = seed};
    Buffer<int> out(std::vector<int>(36)), next({0});
    launch<Nothing>(order_of_threads, 1, 36, nullptr, out.data(), next.data());
    simt::schedule = {};
    return std::vector<int>(out.data(), out.data() + 36);
  };
  std::vector<int> ascending(36);
  std::iota(ascending.begin(), ascending.end(), 0);
  CHECK(order(0) == ascending);
  CHECK(order(1) != ascending);
  CHECK(order(1) == order(1));
  CHECK(order(1) != order(2));
}

TEST_CASE("Launches that no card could run are refused", "[simt]") {
  Buffer<int> out({0});
  const auto start = [&](dim3 grid, dim3 block) {
    return said([&] { launch<Nothing>(number_threads, grid, block, nullptr, out.data()); });
  };
  CHECK(contains(start(1, 1025), "a block of 1025 threads"));
  CHECK(contains(start(1, 0), "a block of 0 threads"));
  CHECK(contains(start(0, 32), "a grid without blocks"));
  CHECK(contains(start(dim3(1, 65536), 32), "y and z end at 65535"));
}

template <size_t kBytes>
std::string start_with_shared_memory() {
  struct Bytes {
    char v[kBytes];
  };
  Buffer<int> out({0});
  return said([&] { launch<Bytes>(number_threads, 1, 1, nullptr, out.data()); });
}

TEST_CASE("A block has as much shared memory as the card gives it", "[simt]") {
  for (int card : {80, 87}) {
    const simt::OnCard on(card);
    CHECK(start_with_shared_memory<163 * 1024>() == "");
    CHECK(start_with_shared_memory<163 * 1024 + 1>() == "simt: 166913 bytes of shared memory, a block can have 166912");
  }
  for (int card : {86, 89, 120}) {
    const simt::OnCard on(card);
    CHECK(start_with_shared_memory<99 * 1024>() == "");
    CHECK(start_with_shared_memory<99 * 1024 + 1>() == "simt: 101377 bytes of shared memory, a block can have 101376");
  }
  for (int card : {90, 100}) {
    const simt::OnCard on(card);
    CHECK(start_with_shared_memory<227 * 1024>() == "");
    CHECK(start_with_shared_memory<227 * 1024 + 1>() == "simt: 232449 bytes of shared memory, a block can have 232448");
  }
}

TEST_CASE("The launchers know how much shared memory a card gives a block", "[simt]") {
  for (int card : {80, 86, 87, 89, 90, 100, 103, 110, 120, 121}) {
    INFO(card);
    const simt::OnCard on(card);
    CHECK(size_t(max_shared_bytes(card)) == simt::max_shared_bytes());
  }
  CHECK(max_shared_bytes(999) == 99 * 1024);
}

TEST_CASE("Every kernel fits every card, or its launcher has another one for less memory", "[simt]") {
  make_cuda_backend();  // links the kernels in
  int choices = 0;
  for (const simt::Known& kernel : simt::known_kernels()) {
    INFO(kernel.name << ": " << kernel.shared_bytes);
    const bool is_choice = std::string(kernel.name).find("attention_wide") != std::string::npos;
    choices += is_choice && kernel.shared_bytes > 99 * 1024;
    CHECK(kernel.shared_bytes <= (is_choice ? 163 : 99) * 1024);
  }
  CHECK(choices == 4);  // the large tile: two types, aligned or not
}

// --- Shared memory and barriers

struct Line {
  float v[64];
};

template <bool kSync>
__global__ void reverse(float* out) {
  Line& line = shared<Line>();
  line.v[threadIdx.x] = float(threadIdx.x);
  if (kSync) __syncthreads();
  out[threadIdx.x] = line.v[63 - threadIdx.x];
}

TEST_CASE("A barrier lets every thread see what the others wrote", "[simt]") {
  simt::under_each_schedule([] {
    Buffer<float> out(std::vector<float>(64));
    launch<Line>(reverse<true>, 1, 64, nullptr, out.data());
    for (int i = 0; i < 64; ++i) REQUIRE(out[size_t(i)] == float(63 - i));
  });
}

TEST_CASE("Without the barrier a thread reads NaN", "[simt][caught]") {
  const simt::AllowRaces allow;
  simt::under_each_schedule([] {
    Buffer<float> out(std::vector<float>(64));
    launch<Line>(reverse<false>, 1, 64, nullptr, out.data());
    CHECK(std::any_of(out.data(), out.data() + 64, [](float v) { return std::isnan(v); }));
  });
}

__global__ void leave_a_value(float* out) {
  out[blockIdx.x] = shared<Line>().v[0];
  shared<Line>().v[0] = 1;
}

TEST_CASE("A block finds nothing of the block before it", "[simt][caught]") {
  Buffer<float> out({0, 0, 0});
  launch<Line>(leave_a_value, 3, 1, nullptr, out.data());
  for (size_t i = 0; i < 3; ++i) CHECK(std::isnan(out[i]));
}

__global__ void half_syncs() {
  if (threadIdx.x < 32) __syncthreads();
}
__global__ void two_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
__global__ void barrier_against_shuffle() {
  if (threadIdx.x % 32 < 16)
    __syncthreads();
  else
    __shfl_sync(~0u, 1, 0);
}

TEST_CASE("Barriers that the threads do not share are reported", "[simt][caught]") {
  simt::under_each_schedule([] {
    const auto start = [](void (*kernel)()) { return said([&] { launch<Nothing>(kernel, 1, 64, nullptr); }); };
    CHECK(contains(start(half_syncs), "exit"));  // "exits while its block waits", or "after 32 threads have exited"
    CHECK(contains(start(two_barriers), "__syncthreads while others wait in the one at emulator_test.cpp:"));
    const std::string deadlock = start(barrier_against_shuffle);
    CHECK(contains(deadlock, "deadlock: block (0, 0, 0): threads 0-15, 32-47: __syncthreads at emulator_test.cpp:"));
    CHECK(contains(deadlock, "threads 16-31, 48-63: __shfl_sync at emulator_test.cpp:"));
  });
}

TEST_CASE("After an error the next launch starts afresh", "[simt]") {
  CHECK(said([] { launch<Nothing>(two_barriers, 1, 64, nullptr); }) != "");
  Buffer<float> out(std::vector<float>(64));
  launch<Line>(reverse<true>, 1, 64, nullptr, out.data());
  CHECK(out[0] == 63);
}

// --- Warps

struct Shuffles {
  int from_lane, by_xor, down, up;
  unsigned odd;
  bool any, all;
};

__global__ void shuffles(Shuffles* out) {
  const int lane = int(threadIdx.x % 32), mine = 100 + lane;
  out[threadIdx.x] = {.from_lane = __shfl_sync(~0u, mine, 37),
                      .by_xor = __shfl_xor_sync(~0u, mine, 5),
                      .down = __shfl_down_sync(~0u, mine, 4),
                      .up = __shfl_up_sync(~0u, mine, 4),
                      .odd = __ballot_sync(~0u, lane & 1),
                      .any = __any_sync(~0u, lane == 7) != 0,
                      .all = __all_sync(~0u, lane == 7) != 0};
}

TEST_CASE("Shuffles and votes", "[simt]") {
  simt::under_each_schedule([] {
    Buffer<Shuffles> out(std::vector<Shuffles>(64));
    launch<Nothing>(shuffles, 1, 64, nullptr, out.data());
    for (int i = 0; i < 64; ++i) {
      const Shuffles& got = out[size_t(i)];
      const int lane = i % 32;
      REQUIRE(got.from_lane == 105);
      REQUIRE(got.by_xor == 100 + (lane ^ 5));
      REQUIRE(got.down == 100 + (lane < 28 ? lane + 4 : lane));
      REQUIRE(got.up == 100 + (lane < 4 ? lane : lane - 4));
      REQUIRE(got.odd == 0xaaaaaaaa);
      REQUIRE((got.any && !got.all));
    }
  });
}

__global__ void two_halves(int* out) {
  const bool low = threadIdx.x < 16;
  const unsigned mask = low ? 0xffffu : 0xffff0000u;
  out[threadIdx.x] = __shfl_sync(mask, int(threadIdx.x), low ? 3 : 19);
}

TEST_CASE("Parts of a warp can shuffle among themselves", "[simt]") {
  simt::under_each_schedule([] {
    Buffer<int> out(std::vector<int>(32));
    launch<Nothing>(two_halves, 1, 32, nullptr, out.data());
    for (int i = 0; i < 32; ++i) REQUIRE(out[size_t(i)] == (i < 16 ? 3 : 19));
  });
}

template <bool kSync>
__global__ void swap_within_warp(float* out) {
  Line& line = shared<Line>();
  line.v[threadIdx.x] = float(threadIdx.x);
  if (kSync) __syncwarp();
  out[threadIdx.x] = line.v[threadIdx.x ^ 1];
}

TEST_CASE("Lanes do not run in step: without __syncwarp a lane reads NaN", "[simt][caught]") {
  const simt::AllowRaces allow;
  simt::under_each_schedule([] {
    Buffer<float> out(std::vector<float>(32));
    launch<Line>(swap_within_warp<true>, 1, 32, nullptr, out.data());
    for (int i = 0; i < 32; ++i) REQUIRE(out[size_t(i)] == float(i ^ 1));
    launch<Line>(swap_within_warp<false>, 1, 32, nullptr, out.data());
    CHECK(std::any_of(out.data(), out.data() + 32, [](float v) { return std::isnan(v); }));
  });
}

__global__ void shuffle_in_a_branch() {
  if (threadIdx.x < 7) __shfl_xor_sync(~0u, 1, 1);
  __syncwarp();
}
__global__ void shuffle_after_exits() {
  if (threadIdx.x >= 16) return;
  __shfl_xor_sync(~0u, 1, 1);
}
__global__ void shuffle_in_two_places() {
  if (threadIdx.x < 16)
    __shfl_xor_sync(~0u, 1, 1);
  else
    __shfl_xor_sync(~0u, 1, 1);
}
__global__ void shuffle_without_self() {
  __shfl_xor_sync(0xffff0000u, 1, 1);
}
__global__ void shuffle_from_outside() {
  if (threadIdx.x < 16) __shfl_sync(0xffffu, 1, 16);
}
__global__ void two_masks() {
  __shfl_sync(threadIdx.x < 16 ? ~0u : 0xffff0000u, 1, 31);
}

TEST_CASE("Shuffles that the lanes do not share are reported", "[simt][caught]") {
  simt::under_each_schedule([] {
    const auto start = [](void (*kernel)()) { return said([&] { launch<Nothing>(kernel, 1, 32, nullptr); }); };
    CHECK(contains(start(shuffle_in_a_branch), "__shfl_xor_sync"));
    CHECK(contains(start(shuffle_in_a_branch), "meets other lanes of its warp at "));
    CHECK(contains(start(shuffle_after_exits), "exit"));
    CHECK(
        contains(start(shuffle_in_two_places), "__shfl_xor_sync meets other lanes of its warp at __shfl_xor_sync in"));
    CHECK(contains(start(shuffle_without_self), "a mask that leaves out the calling lane"));
    CHECK(contains(start(shuffle_from_outside), "reads from a lane outside its mask"));
    CHECK(contains(start(two_masks), "with another mask"));
  });
}

// --- Numbers

TEST_CASE("Conversions to and from the short types", "[simt]") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float wide = to_float(f16{uint16_t(bits)}), bwide = to_float(bf16{uint16_t(bits)});
    if (!std::isnan(wide)) REQUIRE(from_float<f16>(wide).bits == bits);
    if (!std::isnan(bwide)) REQUIRE(from_float<bf16>(bwide).bits == bits);
    // Halfway to the next value goes to the even one, a little more goes up. Finite neighbours only.
    const float next = to_float(f16{uint16_t(bits + 1)});
    if ((bits & 0x7fff) < 0x7bff) {
      const float half = wide + (next - wide) / 2;
      REQUIRE(from_float<f16>(half).bits == bits + (bits & 1));
      REQUIRE(from_float<f16>(std::nextafter(half, next)).bits == bits + 1);
    }
    const float bnext = to_float(bf16{uint16_t(bits + 1)});
    if ((bits & 0x7fff) < 0x7f7f) {
      const float half = bwide + (bnext - bwide) / 2;
      REQUIRE(from_float<bf16>(half).bits == bits + (bits & 1));
    }
  }
  CHECK(to_float(f16{0x3c00}) == 1.0f);
  CHECK(to_float(f16{0x0001}) == 0x1p-24f);
  CHECK(to_float(f16{0x7bff}) == 65504.0f);
  CHECK(to_float(bf16{0x3f80}) == 1.0f);
  CHECK(std::isinf(to_float(from_float<f16>(65520.0f))));
  CHECK(to_float(from_float<f16>(65519.0f)) == 65504.0f);
  CHECK(std::isnan(to_float(from_float<f16>(NAN))));
  CHECK(std::isnan(to_float(from_float<bf16>(NAN))));
}

// --- The tensor cores and their feeding

struct Matrices {
  alignas(16) uint16_t v[4][8][8];
};

template <bool kTransposed>
__global__ void load_four(uint32_t* out) {
  Matrices& m = shared<Matrices>();
  for (int i = 0; i < 8; ++i) m.v[threadIdx.x / 8][threadIdx.x % 8][i] = uint16_t(threadIdx.x * 8 + i);
  __syncwarp();
  uint32_t r[4];
  const void* row = m.v[threadIdx.x / 8][threadIdx.x % 8];
  kTransposed ? ldmatrix_trans(r, row) : ldmatrix(r, row);
  for (int i = 0; i < 4; ++i) out[threadIdx.x * 4 + i] = r[i];
}

TEST_CASE("ldmatrix hands out four matrices, as they are or transposed", "[simt]") {
  for (bool transposed : {false, true})
    simt::under_each_schedule([=] {
      Buffer<uint32_t> out(std::vector<uint32_t>(128));
      launch<Matrices>(transposed ? load_four<true> : load_four<false>, 1, 32, nullptr, out.data());
      for (uint32_t t = 0; t < 32; ++t)
        for (uint32_t m = 0; m < 4; ++m) {
          const auto at = [&](uint32_t row, uint32_t col) { return m * 64 + row * 8 + col; };
          const uint32_t i = t / 4, j = t % 4 * 2;
          const uint32_t low = transposed ? at(j, i) : at(i, j), high = transposed ? at(j + 1, i) : at(i, j + 1);
          REQUIRE(out[t * 4 + m] == (low | high << 16));
        }
    });
}

// a is (16, 16) and b is (8, 16), both with k contiguous, as Linear has them.
template <class T>
struct Operands {
  alignas(16) T a[16][16];
  alignas(16) T b[8][16];
};

template <class T>
__global__ void multiply(const T* a, const T* b, float* d) {
  Operands<T>& in = shared<Operands<T>>();
  const int lane = int(threadIdx.x);
  for (int i = lane; i < 256; i += 32) in.a[i / 16][i % 16] = a[i];
  for (int i = lane; i < 128; i += 32) in.b[i / 16][i % 16] = b[i];
  __syncwarp();
  uint32_t a_frag[4], both[4];
  ldmatrix(a_frag, &in.a[lane % 16][lane / 16 * 8]);
  ldmatrix(both, &in.b[lane % 8][lane / 8 % 2 * 8]);  // matrices 2 and 3 are 0 and 1 again
  const uint32_t b_frag[2] = {both[0], both[1]};
  const int row = lane / 4, col = lane % 4 * 2;
  float sum[4] = {d[row * 8 + col], d[row * 8 + col + 1], d[(row + 8) * 8 + col], d[(row + 8) * 8 + col + 1]};
  mma<T>(sum, a_frag, b_frag);
  for (int i = 0; i < 4; ++i) d[(row + i / 2 * 8) * 8 + col + i % 2] = sum[i];
}

template <class T>
void check_multiply() {
  std::mt19937 random(1);
  std::vector<T> a(256), b(128);
  std::vector<float> c(128);
  // Small integers: every sum is exact, so the order does not matter.
  const auto draw = [&] { return float(int(random() % 17) - 8); };
  for (T& v : a) v = from_float<T>(draw());
  for (T& v : b) v = from_float<T>(draw());
  for (float& v : c) v = draw();
  Buffer<T> da(a), db(b);
  Buffer<float> d(c);
  launch<Operands<T>>(multiply<T>, 1, 32, nullptr, da.data(), db.data(), d.data());
  for (size_t m = 0; m < 16; ++m)
    for (size_t n = 0; n < 8; ++n) {
      float want = c[m * 8 + n];
      for (size_t k = 0; k < 16; ++k) want += to_float(a[m * 16 + k]) * to_float(b[n * 16 + k]);
      REQUIRE(d[m * 8 + n] == want);
    }
}

TEST_CASE("mma multiplies what ldmatrix loads", "[simt]") {
  simt::under_each_schedule([] {
    check_multiply<f16>();
    check_multiply<bf16>();
  });
}

// a is (16, 32) and b is (8, 32), as above but in bytes.
struct Int8Operands {
  alignas(16) int8_t a[16][32];
  alignas(16) int8_t b[8][32];
};

__global__ void multiply_int8(const int8_t* a, const int8_t* b, const int32_t* c, int32_t* d) {
  Int8Operands& in = shared<Int8Operands>();
  const int lane = int(threadIdx.x);
  for (int i = lane; i < 512; i += 32) in.a[i / 32][i % 32] = a[i];
  for (int i = lane; i < 256; i += 32) in.b[i / 32][i % 32] = b[i];
  __syncwarp();
  uint32_t a_frag[4], both[4];
  ldmatrix(a_frag, &in.a[lane % 16][lane / 16 * 16]);
  ldmatrix(both, &in.b[lane % 8][lane / 8 % 2 * 16]);
  const int at = lane / 4 * 8 + lane % 4 * 2;
  const int32_t from[4] = {c[at], c[at + 1], c[at + 64], c[at + 65]};
  int32_t sum[4];
  mma_s8(sum, a_frag, {both[0], both[1]}, from);
  for (int i = 0; i < 4; ++i) d[at + i / 2 * 64 + i % 2] = sum[i];
}

TEST_CASE("mma_s8 multiplies what ldmatrix loads, and its sums wrap", "[simt]") {
  simt::under_each_schedule([] {
    std::mt19937 random(1);
    std::vector<int8_t> a(512), b(256);
    std::vector<int32_t> c(128);
    for (int8_t& v : a) v = int8_t(random());
    for (int8_t& v : b) v = int8_t(random());
    for (int32_t& v : c) v = int32_t(random());
    Buffer<int8_t> da(a), db(b);
    Buffer<int32_t> dc(c), d(std::vector<int32_t>(128));
    launch<Int8Operands>(multiply_int8, 1, 32, nullptr, da.data(), db.data(), dc.data(), d.data());
    for (size_t m = 0; m < 16; ++m)
      for (size_t n = 0; n < 8; ++n) {
        int64_t want = c[m * 8 + n];
        for (size_t k = 0; k < 32; ++k) want += a[m * 32 + k] * b[n * 32 + k];
        REQUIRE(d[m * 8 + n] == int32_t(want));
      }
  });
}

__global__ void mma_by_half_a_warp() {
  float d[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  if (threadIdx.x < 16) mma<f16>(d, a, b);
}
__global__ void ldmatrix_askew() {
  uint32_t r[4];
  ldmatrix(r, reinterpret_cast<char*>(&shared<Matrices>()) + 8 * threadIdx.x);
}
__global__ void ldmatrix_past_the_end() {
  uint32_t r[4];
  ldmatrix(r, reinterpret_cast<char*>(&shared<Matrices>()) + 16 * (threadIdx.x + 1));
}

TEST_CASE("Tensor core instructions called wrongly are reported", "[simt][caught]") {
  const auto start = [](void (*kernel)()) { return said([&] { launch<Matrices>(kernel, 1, 32, nullptr); }); };
  CHECK(contains(start(mma_by_half_a_warp), "mma"));
  CHECK(contains(start(ldmatrix_askew), "ldmatrix at an address that is no multiple of 16"));
  CHECK(contains(start(ldmatrix_past_the_end), "thread 31: ldmatrix reads outside of shared memory"));
}

// --- Asynchronous copies

struct Ring {
  alignas(16) float v[3][32][4];
};

// Sums 16-byte pieces of `in` through a ring of three; what a wait or a barrier is left out for, the templates say.
template <int kGroupsLeft, bool kWaitForOthers, bool kSyncBeforeRefill>
__global__ void sum_pieces(float* out, const float* in, int pieces) {
  Ring& ring = shared<Ring>();
  const int lane = int(threadIdx.x);
  const auto fetch = [&](int piece) {
    if (piece < pieces) copy_async(ring.v[piece % 3][lane], in + (piece * 32 + lane) * 4, 16);
    copy_async_commit();
  };
  fetch(0);
  fetch(1);
  float sum = 0;
  for (int piece = 0; piece < pieces; ++piece) {
    copy_async_wait<kGroupsLeft>();
    if (kWaitForOthers) __syncthreads();
    if (kSyncBeforeRefill) fetch(piece + 2);
    sum += ring.v[piece % 3][31 - lane][piece % 4];
    if (!kSyncBeforeRefill) fetch(piece + 3);  // into what others may still be reading
  }
  copy_async_wait<0>();
  out[lane] = sum;
}

// Whether the sums come out right, and what the emulator said.
std::pair<bool, std::string> sums(void (*kernel)(float*, const float*, int)) {
  const int pieces = 7;
  std::vector<float> values(pieces * 128);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i * 37 % 101);
  Buffer<float> in(values), out(std::vector<float>(32));
  const std::string error = said([&] { launch<Ring>(kernel, 1, 32, nullptr, out.data(), in.data(), pieces); });
  bool right = true;
  for (int lane = 0; lane < 32; ++lane) {
    float want = 0;
    for (int piece = 0; piece < pieces; ++piece) want += values[size_t((piece * 32 + 31 - lane) * 4 + piece % 4)];
    right = right && out[size_t(lane)] == want;
  }
  return {right, error};
}

TEST_CASE("A pipeline of asynchronous copies", "[simt]") {
  simt::under_each_schedule([] {
    const auto [right, error] = sums(sum_pieces<1, true, true>);
    CHECK(error == "");
    CHECK(right);
  });
}

TEST_CASE("A wait for too few groups shows when copies land late", "[simt][caught]") {
  const simt::AllowRaces allow;
  for (uint64_t seed : {0, 1, 2}) {
    simt::schedule = {simt::Landing::late, seed};
    CHECK(!sums(sum_pieces<2, true, true>).first);
  }
  simt::schedule = {};
}

TEST_CASE("A wait without the barrier after it shows", "[simt][caught]") {
  const simt::AllowRaces allow;
  for (uint64_t seed : {0, 1, 2}) {
    simt::schedule = {simt::Landing::late, seed};
    CHECK(!sums(sum_pieces<1, false, true>).first);
  }
  simt::schedule = {};
}

TEST_CASE("A buffer refilled while others read it shows when copies land early", "[simt][caught]") {
  const simt::AllowRaces allow;
  for (uint64_t seed : {0, 1, 2}) {
    simt::schedule = {simt::Landing::early, seed};
    CHECK(!sums(sum_pieces<1, true, false>).first);
  }
  simt::schedule = {};
}

__global__ void copy_one(const float* in, int offset, int bytes, bool wait) {
  copy_async(&shared<Ring>().v[0][0][offset], in, bytes);
  if (wait) copy_async_commit(), copy_async_wait<0>();
}
__global__ void copy_past_the_end(const float* in) {
  copy_async(&shared<Ring>() + 1, in, 16);
}

__global__ void copy_short(const float* in, float* out) {
  copy_async(shared<Ring>().v[0][0], in, 12);
  copy_async_commit();
  copy_async_wait<0>();
  for (int i = 0; i < 4; ++i) out[i] = shared<Ring>().v[0][0][i];
}

TEST_CASE("A copy of fewer than 16 bytes leaves zeros behind", "[simt]") {
  simt::under_each_schedule([] {
    Buffer<float> in({1, 2, 3}), out(std::vector<float>(4));  // 12 bytes: the last 4 must not be read
    launch<Ring>(copy_short, 1, 1, nullptr, in.data(), out.data());
    CHECK(std::vector<float>(out.data(), out.data() + 4) == std::vector<float>{1, 2, 3, 0});
  });
}

TEST_CASE("Asynchronous copies called wrongly are reported", "[simt][caught]") {
  Buffer<float> in({1, 2, 3, 4, 5});
  const auto start = [](const float* from, int offset, int bytes, bool wait) {
    return said([&] { launch<Ring>(copy_one, 1, 1, nullptr, from, offset, bytes, wait); });
  };
  CHECK(start(in.data(), 0, 16, true) == "");
  CHECK(contains(start(in.data(), 1, 16, true), "copy_async at an address that is no multiple of 16"));
  CHECK(contains(start(in.data() + 1, 0, 16, true), "copy_async at an address that is no multiple of 16"));
  CHECK(contains(start(in.data() + 4, 0, 16, true), "copy_async reads outside of device memory"));
  CHECK(start(in.data() + 4, 0, 4, true) == "");
  CHECK(contains(start(in.data(), 0, 17, true), "copy_async of 17 bytes"));
  CHECK(contains(start(in.data(), 0, 16, false), "exits while this copy_async is in flight"));
  CHECK(contains(said([&] { launch<Ring>(copy_past_the_end, 1, 1, nullptr, in.data()); }),
                 "copy_async writes outside of shared memory"));
}

// --- Memory

struct alignas(16) Four {
  float v[4];
};

__global__ void copy_four(float* to, const float* from) {
  store_vec(to, load_vec<Four>(from));
}

TEST_CASE("A vector access at an odd address is reported", "[simt][caught]") {
  Buffer<float> in({1, 2, 3, 4, 5, 6, 7, 8}), out(std::vector<float>(8));
  launch<Nothing>(copy_four, 1, 1, nullptr, out.data() + 4, in.data() + 4);
  CHECK(out[7] == 8);
  CHECK(contains(said([&] { launch<Nothing>(copy_four, 1, 1, nullptr, out.data(), in.data() + 1); }),
                 "load_vec at an address that is no multiple of 16"));
  CHECK(contains(said([&] { launch<Nothing>(copy_four, 1, 1, nullptr, out.data() + 2, in.data()); }),
                 "store_vec at an address that is no multiple of 16"));
}

TEST_CASE("Fresh device memory is NaN", "[simt][caught]") {
  auto* memory = static_cast<float*>(simt::allocate(3 * sizeof(float)));
  CHECK((std::isnan(memory[0]) && std::isnan(memory[2])));
  simt::release(memory);
}

}  // namespace
}  // namespace seedstory
