// Every layout word of the emulator against CuTe: a second reading of the PTX ISA, by people who had the cards.
#include <catch.h>

#include "../../cuda/device/swizzle.cuh"
#include "gpu.cuh"
#include "layouts.h"

namespace seedstory {
namespace {

using namespace cute_layouts;

// What all lanes of one warp bring and take; the checks run on the host afterwards.
struct Warp {
  uint32_t a[32][4], b[32][2];
  float d[32][4];
};

template <class T>
__global__ void multiply(Warp* warp) {
  mma<T>(warp->d[threadIdx.x], warp->a[threadIdx.x], warp->b[threadIdx.x]);
}

template <class T, size_t kCount>
void put(uint32_t (&registers)[kCount], int i, float value) {
  registers[i / 2] |= uint32_t(from_float<T>(value).bits) << i % 2 * 16;
}

// One product at a time: element (row, k) of a and (k, col) of b are 1, so that exactly one element of d changes, and
// a wrong place of any of the three shows.
template <class T>
void check_mma(const MmaM16N8K16& cute) {
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (int col = 0; col < 8; ++col) {
        Warp warp = {};
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < 8; ++i) put<T>(warp.a[lane], i, cute.a[lane][i] == Place{row, k});
          for (int i = 0; i < 4; ++i) put<T>(warp.b[lane], i, cute.b[lane][i] == Place{k, col});
          for (int i = 0; i < 4; ++i) warp.d[lane][i] = float(100 * cute.d[lane][i].row + cute.d[lane][i].col);
        }
        launch<Warp>(multiply<T>, 1, 32, nullptr, &warp);
        for (int lane = 0; lane < 32; ++lane)
          for (int i = 0; i < 4; ++i) {
            const Place at = cute.d[lane][i];
            REQUIRE(warp.d[lane][i] == float(100 * at.row + at.col + (at == Place{row, col})));
          }
      }
}

TEST_CASE("mma holds a, b and d where CuTe has them", "[cute]") {
  check_mma<f16>(mma_f16());
  check_mma<bf16>(mma_bf16());
}

// The same in bytes: a lane's registers hold four elements each.
struct Int8Warp {
  uint32_t a[32][4], b[32][2];
  int32_t d[32][4];
};

__global__ void multiply_int8(Int8Warp* warp) {
  auto& d = warp->d[threadIdx.x];
  const int32_t c[4] = {d[0], d[1], d[2], d[3]};
  seedstory::mma_s8(d, warp->a[threadIdx.x], warp->b[threadIdx.x], c);
}

TEST_CASE("mma_s8 holds a, b and d where CuTe has them", "[cute]") {
  const MmaM16N8K32 cute = cute_layouts::mma_s8();
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 32; ++k)
      for (int col = 0; col < 8; ++col) {
        Int8Warp warp = {};
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < 16; ++i) warp.a[lane][i / 4] |= uint32_t(cute.a[lane][i] == Place{row, k}) << i % 4 * 8;
          for (int i = 0; i < 8; ++i) warp.b[lane][i / 4] |= uint32_t(cute.b[lane][i] == Place{k, col}) << i % 4 * 8;
          for (int i = 0; i < 4; ++i) warp.d[lane][i] = 100 * cute.d[lane][i].row + cute.d[lane][i].col;
        }
        launch<Int8Warp>(multiply_int8, 1, 32, nullptr, &warp);
        for (int lane = 0; lane < 32; ++lane)
          for (int i = 0; i < 4; ++i) {
            const Place at = cute.d[lane][i];
            REQUIRE(warp.d[lane][i] == 100 * at.row + at.col + (at == Place{row, col}));
          }
      }
}

struct Matrices {
  alignas(16) uint16_t element[256];
};
struct Loaded {
  uint32_t lane[32][4];
};

template <bool kTransposed>
__global__ void load_four(Loaded* out, LdmatrixX4 cute) {
  Matrices& matrices = shared<Matrices>();
  for (int i = int(threadIdx.x); i < 256; i += 32) matrices.element[i] = uint16_t(i);
  __syncwarp();
  const void* row = reinterpret_cast<const char*>(&matrices) + cute.row_bytes[threadIdx.x];
  kTransposed ? ldmatrix_trans(out->lane[threadIdx.x], row) : ldmatrix(out->lane[threadIdx.x], row);
}

TEST_CASE("ldmatrix brings each lane what CuTe says, plain and transposed", "[cute]") {
  for (bool transposed : {false, true}) {
    INFO((transposed ? "transposed" : "plain"));
    const LdmatrixX4 cute = transposed ? ldmatrix_x4_trans() : ldmatrix_x4();
    Loaded got = {};
    launch<Matrices>(transposed ? load_four<true> : load_four<false>, 1, 32, nullptr, &got, cute);
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 8; ++i) REQUIRE(int(got.lane[lane][i / 2] >> i % 2 * 16 & 0xffff) == cute.elements[lane][i]);
  }
}

TEST_CASE("swizzled() is CuTe's Swizzle of 64 and 128-byte rows", "[cute]") {
  for (int row = 0; row < 256; ++row) {
    for (int chunk = 0; chunk < 4; ++chunk) REQUIRE(swizzled<4>(row, chunk) * 16 == swizzled_64(row * 64 + chunk * 16));
    for (int chunk = 0; chunk < 8; ++chunk)
      REQUIRE(swizzled<8>(row, chunk) * 16 == swizzled_128(row * 128 + chunk * 16));
  }
}

}  // namespace
}  // namespace seedstory
