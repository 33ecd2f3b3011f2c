// Single instructions, as the PTX ISA describes them: its tables of special values, its corner cases.
#include <catch.h>

#include <bit>
#include <cmath>

#include "lanes.h"

namespace ptx {
namespace {

constexpr uint64_t f(float x) {
  return std::bit_cast<uint32_t>(x);
}
constexpr uint64_t u32(int64_t x) {
  return uint32_t(x);
}
constexpr float kInf = INFINITY, kNan = NAN;

struct Case {
  const char* statement;
  uint64_t a, b, c, want;
};
template <size_t kCount>
void check(const Case (&cases)[kCount]) {
  for (const auto& [statement, a, b, c, want] : cases) {
    INFO(statement << " of " << a << ", " << b << ", " << c);
    CHECK(result(statement, a, b, c) == want);
  }
}

TEST_CASE("Integers wrap, clamp their shifts and keep their signs", "[ptx]") {
  check({{"add.s32 %r0, %r1, %r2;", 0x7fffffff, 1, 0, 0x80000000},
         {"add.s64 %rd0, %rd1, %rd2;", 0xffffffff, 1, 0, 0x100000000},
         {"sub.u32 %r0, %r1, %r2;", 1, 2, 0, 0xffffffff},
         {"add.s16 %rs0, %rs1, %rs2;", 0xffff, 2, 0, 1},
         {"mul.lo.s32 %r0, %r1, %r2;", 0x10000, 0x10001, 0, 0x10000},
         {"mul.hi.u32 %r0, %r1, %r2;", 0xffffffff, 0xffffffff, 0, 0xfffffffe},
         {"mul.hi.s32 %r0, %r1, %r2;", 0xffffffff, 2, 0, 0xffffffff},
         {"mul.hi.u64 %rd0, %rd1, %rd2;", 0xffffffffffffffff, 3, 0, 2},
         {"mul.wide.s32 %rd0, %r1, %r2;", u32(-3), 4, 0, uint64_t(-12)},
         {"mul.wide.u32 %rd0, %r1, %r2;", u32(-3), 4, 0, 0x3fffffff4},
         {"mul.wide.u16 %r0, %rs1, %rs2;", 0xffff, 0xffff, 0, 0xfffe0001},
         {"mad.lo.s32 %r0, %r1, %r2, %r3;", 3, u32(-4), 5, u32(-7)},
         {"mad.wide.s32 %rd0, %r1, %r2, %rd3;", u32(-1), 1, 0, uint64_t(-1)},
         {"div.s32 %r0, %r1, %r2;", u32(-7), 2, 0, u32(-3)},
         {"div.u32 %r0, %r1, %r2;", u32(-7), 2, 0, 0x7ffffffc},
         {"rem.s32 %r0, %r1, %r2;", u32(-7), 2, 0, u32(-1)},
         {"min.s32 %r0, %r1, %r2;", u32(-1), 1, 0, u32(-1)},
         {"min.u32 %r0, %r1, %r2;", u32(-1), 1, 0, 1},
         {"max.s64 %rd0, %rd1, %rd2;", uint64_t(-1), 1, 0, 1},
         {"neg.s32 %r0, %r1;", 0x80000000, 0, 0, 0x80000000},
         {"abs.s32 %r0, %r1;", u32(-5), 0, 0, 5},
         {"shl.b32 %r0, %r1, %r2;", 1, 31, 0, 0x80000000},
         {"shl.b32 %r0, %r1, %r2;", 1, 32, 0, 0},
         {"shl.b64 %rd0, %rd1, %r2;", 1, 32, 0, 0x100000000},
         {"shr.u32 %r0, %r1, %r2;", 0x80000000, 33, 0, 0},
         {"shr.s32 %r0, %r1, %r2;", 0x80000000, 33, 0, 0xffffffff},
         {"shr.s32 %r0, %r1, 4;", 0x80000000, 0, 0, 0xf8000000},
         {"shr.s64 %rd0, %rd1, 63;", uint64_t(-1), 0, 0, uint64_t(-1)},
         {"and.b32 %r0, %r1, -4;", 0xff, 0, 0, 0xfc},
         {"xor.b32 %r0, %r1, %r2;", 0xf0, 0xff, 0, 0x0f},
         {"not.b32 %r0, %r1;", 0, 0, 0, 0xffffffff},
         {"popc.b32 %r0, %r1;", 0xf0f0, 0, 0, 8},
         {"clz.b32 %r0, %r1;", 1, 0, 0, 31},
         {"clz.b64 %r0, %rd1;", 1, 0, 0, 63},
         {"brev.b32 %r0, %r1;", 1, 0, 0, 0x80000000}});
}

TEST_CASE("Bits are picked, permuted and looked up", "[ptx]") {
  check({{"lop3.b32 %r0, %r1, %r2, %r3, 0x80;", 0xff, 0x0f, 0x3c, 0x0c},  // a & b & c
         {"lop3.b32 %r0, %r1, %r2, %r3, 0x96;", 0xff, 0x0f, 0x3c, 0xcc},  // a ^ b ^ c
         {"lop3.b32 %r0, %r1, %r2, %r3, 0xea;", 0xf0, 0x3c, 0x01, 0x31},  // (a & b) | c
         {"prmt.b32 %r0, %r1, %r2, 0x5410;", 0x33221100, 0x77665544, 0, 0x55441100},
         {"prmt.b32 %r0, %r1, %r2, 0x0123;", 0x33221100, 0x77665544, 0, 0x00112233},
         {"prmt.b32 %r0, %r1, %r2, 0x8888;", 0x00000080, 0, 0, 0xffffffff},  // a sign, eight times
         {"prmt.b32 %r0, %r1, %r2, 0x4140;", 0x33221100, 0x77665564, 0, 0x64116400},
         {"bfe.u32 %r0, %r1, 4, 8;", 0xabcd, 0, 0, 0xbc},
         {"bfe.s32 %r0, %r1, 4, 8;", 0xabcd, 0, 0, 0xffffffbc},
         {"bfe.u32 %r0, %r1, 4, 0;", 0xabcd, 0, 0, 0},
         {"bfi.b32 %r0, %r1, %r2, 8, 4;", 0xff, 0, 0, 0xf00},
         {"shf.l.wrap.b32 %r0, %r1, %r2, %r3;", 0x80000000, 1, 1, 3},
         {"shf.r.wrap.b32 %r0, %r1, %r2, %r3;", 2, 1, 1, 0x80000001},
         {"shf.r.clamp.b32 %r0, %r1, %r2, %r3;", 2, 5, 40, 5},
         {"mov.b32 %r0, {%rs1, %rs2};", 0x1111, 0x2222, 0, 0x22221111},
         {"mov.b64 %rd0, {%r1, %r2};", 1, 2, 0, 0x200000001},
         {"mov.b32 {%rs0, _}, %r1;", 0x22221111, 0, 0, 0x1111},
         {"mov.b32 {_, %rs0}, %r1;", 0x22221111, 0, 0, 0x2222},
         {"mov.b64 {_, %r0}, %rd1;", 0x200000001, 0, 0, 2},
         {"mov.u32 %r0, %laneid;", 0, 0, 0, 0}});
}

TEST_CASE("f32 is IEEE's, with the ISA's own minimum, maximum and modifiers", "[ptx]") {
  check({{"add.f32 %f0, %f1, %f2;", f(1), f(0x1p-24f), 0, f(1)},
         {"add.rn.f32 %f0, %f1, %f2;", f(1), f(0x1.8p-24f), 0, f(1 + 0x1p-23f)},
         {"sub.f32 %f0, %f1, %f2;", f(1), f(3), 0, f(-2)},
         {"mul.f32 %f0, %f1, %f2;", f(3), f(-2), 0, f(-6)},
         {"mul.ftz.f32 %f0, %f1, %f2;", f(0x1p-140f), f(2), 0, f(0)},
         {"add.sat.f32 %f0, %f1, %f2;", f(1), f(3), 0, f(1)},
         {"add.sat.f32 %f0, %f1, %f2;", f(kNan), f(3), 0, f(0)},
         // The product is not rounded: (1 + e)^2 - 1 - 2 e = e^2.
         {"fma.rn.f32 %f0, %f1, %f1, %f2;", f(1 + 0x1p-12f), f(-1 - 0x1p-11f), 0, f(0x1p-24f)},
         {"fma.rm.f32 %f0, %f1, %f2, %f3;", f(1), f(1), f(0x1p-30f), f(1)},
         {"fma.rm.f32 %f0, %f1, %f2, %f3;", f(1), f(1), f(-0x1p-30f), f(1 - 0x1p-24f)},
         {"fma.rp.f32 %f0, %f1, %f2, %f3;", f(1), f(1), f(0x1p-30f), f(1 + 0x1p-23f)},
         {"div.rn.f32 %f0, %f1, %f2;", f(1), f(3), 0, f(1.0f / 3)},
         {"sqrt.rn.f32 %f0, %f1;", f(2), 0, 0, f(std::sqrt(2.0f))},
         {"rcp.rn.f32 %f0, %f1;", f(3), 0, 0, f(1.0f / 3)},
         {"min.f32 %f0, %f1, %f2;", f(kNan), f(2), 0, f(2)},
         {"max.f32 %f0, %f1, %f2;", f(2), f(kNan), 0, f(2)},
         {"min.f32 %f0, %f1, %f2;", f(0.0f), f(-0.0f), 0, f(-0.0f)},
         {"max.f32 %f0, %f1, %f2;", f(-0.0f), f(0.0f), 0, f(0.0f)},
         {"neg.f32 %f0, %f1;", f(0), 0, 0, f(-0.0f)},
         {"abs.f32 %f0, %f1;", f(-2), 0, 0, f(2)},
         {"copysign.f32 %f0, %f1, %f2;", f(-1), f(3), 0, f(-3)},  // a's sign, b's size
         {"mov.f32 %f0, 0fBF800000;", 0, 0, 0, f(-1)}});
}

TEST_CASE("Pairs of 16 bits are multiplied and added with one rounding each", "[ptx]") {
  check({{"fma.rn.f16x2 %r0, %r1, %r2, %r3;", 0x64806501, 0x3c003c00, 0xe480e480, 0x00005808},  // 1152, 1281; less 1152
         {"fma.rn.bf16x2 %r0, %r1, %r2, %r3;", 0x43004305, 0x3f803f80, 0xc380c300, 0xc30040a0},  // 128 - 256, 133 - 128
         // (1 + 2^-10)^2 + 2^-11 is 2^-20 more than a half between two numbers: the product is not rounded before.
         {"fma.rn.f16x2 %r0, %r1, %r1, %r2;", 0x3c013c01, 0x10001000, 0, 0x3c033c03},
         // 3 x 683 is a half between two numbers and goes to the even one, but for 2^-24 more, which f32 would lose.
         {"fma.rn.f16x2 %r0, %r1, %r2, %r3;", 0x42004200, 0x61566156, 0x00000001, 0x68006801},
         {"fma.rn.bf16x2 %r0, %r1, %r2, %r3;", 0x7f003f80, 0x7f003f80, 0x00003380, 0x7f803f80}});
}

TEST_CASE("Comparisons know NaN, and combine", "[ptx]") {
  check({{"setp.lt.s32 %p0, %r1, %r2;", u32(-1), 0, 0, 1},
         {"setp.lt.u32 %p0, %r1, %r2;", u32(-1), 0, 0, 0},
         {"setp.ge.s64 %p0, %rd1, %rd2;", uint64_t(-1), 0, 0, 0},
         {"setp.ne.b32 %p0, %r1, %r2;", 1, 2, 0, 1},
         {"setp.eq.f32 %p0, %f1, %f2;", f(kNan), f(kNan), 0, 0},
         {"setp.ne.f32 %p0, %f1, %f2;", f(kNan), f(1), 0, 0},
         {"setp.neu.f32 %p0, %f1, %f2;", f(kNan), f(1), 0, 1},
         {"setp.gtu.f32 %p0, %f1, %f2;", f(kNan), f(1), 0, 1},
         {"setp.gt.f32 %p0, %f1, %f2;", f(2), f(1), 0, 1},
         {"setp.nan.f32 %p0, %f1, %f2;", f(kNan), f(1), 0, 1},
         {"setp.num.f32 %p0, %f1, %f2;", f(kNan), f(1), 0, 0},
         {"setp.lt.s32 %p1|%p0, %r1, %r2;", 1, 2, 0, 0},  // the second is the opposite
         {"setp.eq.s32 %p1, %r1, 1; setp.lt.and.s32 %p0, %r1, %r2, %p1;", 1, 2, 0, 1},
         {"setp.eq.s32 %p1, %r1, 7; setp.lt.and.s32 %p0, %r1, %r2, %p1;", 1, 2, 0, 0},
         {"setp.eq.s32 %p1, %r1, 1; setp.lt.or.s32 %p0, %r2, %r1, %p1;", 1, 2, 0, 1},
         {"mov.pred %p0, -1;", 0, 0, 0, 1},
         {"mov.pred %p0, -1; mov.pred %p0, 0;", 0, 0, 0, 0},
         {"setp.eq.s32 %p1, %r1, 1; not.pred %p0, %p1;", 1, 0, 0, 0},
         {"setp.eq.s32 %p1, %r1, 1; setp.eq.s32 %p2, %r2, 1; or.pred %p0, %p1, %p2;", 1, 0, 0, 1},
         {"setp.eq.s32 %p1, %r1, 1; setp.eq.s32 %p2, %r2, 1; and.pred %p0, %p1, %p2;", 1, 0, 0, 0},
         {"setp.eq.s32 %p1, %r1, 1; selp.b32 %r0, %r2, %r3, %p1;", 1, 20, 30, 20},
         {"setp.eq.s32 %p1, %r1, 1; selp.f32 %f0, %f2, %f3, %p1;", 2, f(20), f(30), f(30)},
         {"setp.eq.s32 %p1, %r1, 1; mov.u32 %r0, 5; @%p1 mov.u32 %r0, 6;", 1, 0, 0, 6},
         {"setp.eq.s32 %p1, %r1, 1; mov.u32 %r0, 5; @!%p1 mov.u32 %r0, 6;", 1, 0, 0, 5}});
}

TEST_CASE("Conversions extend, round and clamp", "[ptx]") {
  check({{"cvt.s64.s32 %rd0, %r1;", u32(-2), 0, 0, uint64_t(-2)},
         {"cvt.u64.u32 %rd0, %r1;", u32(-2), 0, 0, 0xfffffffe},
         {"cvt.u32.u64 %r0, %rd1;", 0x500000007, 0, 0, 7},
         {"cvt.s32.s8 %r0, %r1;", 0x1ff, 0, 0, 0xffffffff},
         {"cvt.u32.u16 %r0, %rs1;", 0xffff, 0, 0, 0xffff},
         {"cvt.u16.u32 %rs0, %r1;", 0x12345678, 0, 0, 0x5678},
         {"cvt.rn.f32.s32 %f0, %r1;", u32(-3), 0, 0, f(-3)},
         {"cvt.rn.f32.u32 %f0, %r1;", 0xffffffff, 0, 0, f(0x1p32f)},
         {"cvt.rn.f32.s32 %f0, %r1;", 16777217, 0, 0, f(16777216)},  // to even
         {"cvt.rzi.s32.f32 %r0, %f1;", f(-2.7f), 0, 0, u32(-2)},
         {"cvt.rni.s32.f32 %r0, %f1;", f(2.5f), 0, 0, 2},
         {"cvt.rmi.s32.f32 %r0, %f1;", f(-2.2f), 0, 0, u32(-3)},
         {"cvt.rpi.s32.f32 %r0, %f1;", f(2.2f), 0, 0, 3},
         {"cvt.rzi.s32.f32 %r0, %f1;", f(1e20f), 0, 0, 0x7fffffff},
         {"cvt.rzi.u32.f32 %r0, %f1;", f(-1), 0, 0, 0},
         {"cvt.rzi.s32.f32 %r0, %f1;", f(kNan), 0, 0, 0},
         {"cvt.rzi.f32.f32 %f0, %f1;", f(-2.7f), 0, 0, f(-2)},
         {"cvt.sat.f32.f32 %f0, %f1;", f(7), 0, 0, f(1)},
         {"cvt.sat.f32.f32 %f0, %f1;", f(kNan), 0, 0, f(0)},
         {"cvt.rn.f16.f32 %rs0, %f1;", f(1 + 0x1p-11f), 0, 0, 0x3c00},  // to even
         {"cvt.rn.f16.f32 %rs0, %f1;", f(65520), 0, 0, 0x7c00},
         {"cvt.rn.bf16.f32 %rs0, %f1;", f(1 + 0x1.8p-8f), 0, 0, 0x3f81},
         {"cvt.f32.f16 %f0, %rs1;", 0x0001, 0, 0, f(0x1p-24f)},
         {"cvt.f32.bf16 %f0, %rs1;", 0xbf80, 0, 0, f(-1)},
         {"cvt.rn.f16x2.f32 %r0, %f1, %f2;", f(1), f(2), 0, 0x3c004000},  // the first is the upper half
         {"cvt.rn.bf16x2.f32 %r0, %f1, %f2;", f(1), f(2), 0, 0x3f804000}});
}

// relative: the ISA's bound. Some result must be off, or the error is not there.
void check_approximation(const char* statement, double relative, double (*exact)(double), float from, float to) {
  INFO(statement);
  int off = 0;
  for (int i = 0; i < 500; ++i) {
    const float x = from + (to - from) * float(i) / 500;
    const float got = std::bit_cast<float>(uint32_t(result(statement, f(x))));
    const double want = exact(double(x));
    INFO("of " << x);
    REQUIRE(std::fabs(double(got) - want) <= std::fabs(want) * relative);
    off += got != float(want);
  }
  CHECK(off > 250);
}

TEST_CASE("Approximations err, within the bounds of the ISA", "[ptx]") {
  check_approximation(
      "ex2.approx.ftz.f32 %f0, %f1;", 0x1p-22, [](double x) { return std::exp2(x); }, -20, 20);
  check_approximation(
      "rcp.approx.ftz.f32 %f0, %f1;", 0x1p-23, [](double x) { return 1 / x; }, 0.3f, 90);
  check_approximation(
      "rsqrt.approx.f32 %f0, %f1;", 0x1.13p-23, [](double x) { return 1 / std::sqrt(x); }, 0.3f, 90);
  check_approximation(
      "sqrt.approx.f32 %f0, %f1;", 0x1p-23, [](double x) { return std::sqrt(x); }, 0.3f, 90);
  check_approximation(
      "lg2.approx.f32 %f0, %f1;", 0x1p-22, [](double x) { return std::log2(x); }, 2.5f, 90);
  // The ISA's tables of special operands.
  check({{"ex2.approx.ftz.f32 %f0, %f1;", f(-kInf), 0, 0, f(0)},
         {"ex2.approx.ftz.f32 %f0, %f1;", f(kInf), 0, 0, f(kInf)},
         {"ex2.approx.ftz.f32 %f0, %f1;", f(-140), 0, 0, f(0)},  // a subnormal result is flushed
         {"rcp.approx.ftz.f32 %f0, %f1;", f(0), 0, 0, f(kInf)},
         {"rcp.approx.ftz.f32 %f0, %f1;", f(-0.0f), 0, 0, f(-kInf)},
         {"rcp.approx.ftz.f32 %f0, %f1;", f(0x1p-140f), 0, 0, f(kInf)},  // a subnormal operand as well
         {"rcp.approx.ftz.f32 %f0, %f1;", f(kInf), 0, 0, f(0)},
         {"rsqrt.approx.f32 %f0, %f1;", f(0), 0, 0, f(kInf)},
         {"rsqrt.approx.f32 %f0, %f1;", f(kInf), 0, 0, f(0)},
         {"lg2.approx.f32 %f0, %f1;", f(0), 0, 0, f(-kInf)}});
  const auto nan = [](const char* s, float x) { return std::isnan(std::bit_cast<float>(uint32_t(result(s, f(x))))); };
  CHECK(nan("rsqrt.approx.f32 %f0, %f1;", -1));
  CHECK(nan("lg2.approx.f32 %f0, %f1;", -1));
  CHECK(nan("ex2.approx.ftz.f32 %f0, %f1;", kNan));
}

TEST_CASE("What is not understood is named", "[ptx]") {
  struct {
    const char* statement;
    const char* says;
  } cases[] = {
      {"frobnicate.b32 %r0, %r1;", "opcode not known: frobnicate.b32"},
      {"add.relu.s32 %r0, %r1, %r2;", "opcode not known: add.relu.s32"},
      {"add.f64 %rd0, %rd1, %rd2;", "opcode not known: add.f64"},
      {"mul.s32 %r0, %r1, %r2;", "opcode not known: mul.s32"},
      {"cvt.f16.f32 %rs0, %f1;", "opcode not known: cvt.f16.f32"},
      {"ex2.f32 %f0, %f1;", "opcode not known: ex2.f32"},
      {"and.f32 %f0, %f1, %f2;", "opcode not known: and.f32"},
      {"ldmatrix.sync.aligned.m8n8.x3.shared.b16 {%r0, %r1, %r2}, [%r3];", "opcode not known: ldmatrix"},
      {"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f0}, {%r0}, {%r1}, {%f1};", "opcode not known: mma"},
      {"mma.sync.aligned.m16n8k16.row.row.f32.f16.f16.f32 {%f0}, {%r0}, {%r1}, {%f1};", "opcode not known: mma"},
      {"mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%r0}, {%r0}, {%r1}, {%r1};", "opcode not known: mma"},
      {"mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%r0}, {%r0}, {%r1}, {%r1};", "opcode not known: mma"},
      {"mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.s8.s32 {%r0, %r1, %r2, %r3}, {%r0, %r1, %r2, %r3}, "
       "{%r0, %r1}, {%r0, %r1, %r2, %r3};",
       "opcode not known: mma"},
      {"add.s32 %r0, %r1;", "2 operands, expected 3"},
      {"add.s32 %r0, %r1, %rd2;", "operand %rd2 has another size"},
      {"add.s32 %r0, %r1, %q2;", "operand not known: %q2"},
      {"add.f32 %f0, %f1, 1;", "operand not known: 1"},
      {"bar.sync 1;", "a barrier other than 0"},
      {"mov.b64 %rd0, nowhere;", "operand not known: nowhere"},
      {"bra $L_nowhere;", "no label $L_nowhere"},
      {"cp.async.cg.shared.global [%r1], [%rd1], 8;", "cp.async of 8 bytes"},
  };
  for (const auto& [statement, says] : cases) {
    INFO(statement);
    CHECK(said([&] { result(statement); }).find(says) != std::string::npos);
  }
}

}  // namespace
}  // namespace ptx
