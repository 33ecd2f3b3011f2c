// Lanes, warps, blocks and memory: who runs when, who sees what, and each mistake that must not pass.
#include <catch.h>

#include <bit>

#include "lanes.h"
#include "seedstory/float16.h"
#include "warp.h"

namespace ptx {
namespace {

std::vector<Brought> lanes(size_t count, uint64_t (*a)(uint64_t), uint64_t (*b)(uint64_t) = nullptr) {
  std::vector<Brought> brought(count);
  for (uint64_t i = 0; i < count; ++i) brought[i] = {a(i), b ? b(i) : 0, i};
  return brought;
}
uint64_t self(uint64_t i) {
  return i;
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// --- Lanes that part

TEST_CASE("Lanes part at a branch and meet behind it", "[ptx]") {
  simt::under_each_schedule([] {
    // a lane loops as often as its number; then all are together again for the shuffle.
    const auto got = results(R"(
      mov.u32 %r0, 0;
$L_loop:
      setp.ge.u32 %p1, %r0, %r1;
      @%p1 bra $L_done;
      add.u32 %r0, %r0, 1;
      bra.uni $L_loop;
$L_done:
      shfl.sync.bfly.b32 %r0, %r0, 1, 31, -1;
)",
                             lanes(32, self));
    for (uint64_t i = 0; i < 32; ++i) REQUIRE(got[i] == (i ^ 1));
  });
}

TEST_CASE("Lanes that branch away reach a shuffle late, and it waits", "[ptx]") {
  // Odd lanes jump ahead of the even ones, to code that lies behind the shuffle, and come back to it.
  const auto got = results(R"(
      and.b32 %r4, %r1, 1;
      setp.eq.u32 %p1, %r4, 1;
      mov.u32 %r0, 100;
      @%p1 bra $L_far;
$L_near:
      shfl.sync.idx.b32 %r0, %r0, 1, 31, -1;
      bra.uni $L_end;
$L_far:
      mov.u32 %r0, 200;
      bra.uni $L_near;
$L_end:
)",
                           lanes(32, self));
  for (uint64_t v : got) REQUIRE(v == 200);
}

TEST_CASE("A shuffle that lanes of its mask never reach is reported", "[ptx][caught]") {
  const char* const body = R"(
      setp.lt.u32 %p1, %r1, 7;
      mov.u32 %r0, 0;
      @!%p1 bra $L_end;
      shfl.sync.bfly.b32 %r0, %r1, 1, 31, -1;
$L_end:
)";
  CHECK(contains(said([&] { results(body, lanes(32, self)); }), "waits for lanes of its warp that are elsewhere"));
  const char* const masks =
      "selp.b32 %r4, -1, 3, %p1; setp.lt.u32 %p1, %r1, 7; selp.b32 %r4, -1, 3, %p1;"
      "shfl.sync.bfly.b32 %r0, %r1, 1, 31, %r4;";
  CHECK(contains(said([&] { results(masks, lanes(32, self)); }), "lanes bring different masks"));
  CHECK(contains(said([&] { results("shfl.sync.bfly.b32 %r0, %r1, 1, 31, 1;", lanes(32, self)); }),
                 "a mask that leaves out the lane itself"));
  CHECK(contains(said([&] {
                   results(
                       "setp.lt.u32 %p1, %r1, 16; mov.u32 %r0, 0; @!%p1 bra $L_end;"
                       "shfl.sync.idx.b32 %r0, %r1, 16, 31, 65535; $L_end:",
                       lanes(32, self));
                 }),
                 "shuffles from a lane outside of the mask"));
}

// --- shfl: the ISA's pseudo-code, mode by mode, whole warps and segments of 8

TEST_CASE("Shuffles find their lanes", "[ptx]") {
  struct {
    const char* mode;
    const char* b;
    const char* c;
    int64_t (*from)(int64_t lane);
  } cases[] = {
      {"up", "3", "0", [](int64_t l) { return l < 3 ? l : l - 3; }},
      {"down", "3", "31", [](int64_t l) { return l > 28 ? l : l + 3; }},
      {"bfly", "5", "31", [](int64_t l) { return l ^ 5; }},
      {"idx", "7", "31", [](int64_t) { return int64_t(7); }},
      {"up", "3", "6144", [](int64_t l) { return l % 8 < 3 ? l : l - 3; }},    // 0x1800: segments of 8
      {"down", "3", "6151", [](int64_t l) { return l % 8 > 4 ? l : l + 3; }},  // 0x1807
      {"idx", "2", "6175", [](int64_t l) { return l / 8 * 8 + 2; }},           // 0x181f
  };
  for (const auto& [mode, b, c, from] : cases) {
    INFO(mode << " " << b << " " << c);
    const std::string text = std::string("shfl.sync.") + mode + ".b32 %r0, %r1, " + b + ", " + c + ", -1;";
    const auto got = results(text, lanes(32, [](uint64_t i) { return 100 + i; }));
    for (int64_t l = 0; l < 32; ++l) REQUIRE(int64_t(got[size_t(l)]) == 100 + from(l));
  }
  const auto in_range = results("shfl.sync.up.b32 %r4|%p0, %r1, 3, 0, -1;", lanes(32, self));
  for (uint64_t l = 0; l < 32; ++l) REQUIRE(in_range[l] == (l >= 3));
}

TEST_CASE("Votes", "[ptx]") {
  const auto vote = [](const std::string& how) {
    return results("setp.lt.u32 %p1, %r1, 4; vote.sync." + how, lanes(32, self))[9];
  };
  CHECK(vote("ballot.b32 %r0, %p1, -1;") == 0xf);
  CHECK(vote("ballot.b32 %r0, !%p1, -1;") == 0xfffffff0);
  CHECK(vote("any.pred %p0, %p1, -1;") == 1);
  CHECK(vote("all.pred %p0, %p1, -1;") == 0);
  CHECK(vote("uni.pred %p0, %p1, -1;") == 0);
}

// --- The tensor cores

TEST_CASE("ldmatrix hands out rows, or columns", "[ptx]") {
  for (bool transposed : {false, true}) {
    // Thread i writes row i of 32 rows of 8 elements: element (i, j) is 8 i + j.
    const std::string text = std::string(R"(
      mov.u32 %r4, room;
      shl.b32 %r5, %r1, 4;
      add.u32 %r4, %r4, %r5;
      mul.lo.u32 %r6, %r1, 524296;
      add.u32 %r7, %r6, 65536;
      add.u32 %r8, %r6, 196610;
      add.u32 %r9, %r6, 327684;
      add.u32 %r10, %r6, 458758;
      st.shared.v4.b32 [%r4], {%r7, %r8, %r9, %r10};
      bar.warp.sync -1;
      ldmatrix.sync.aligned.m8n8.x4)") +
                             (transposed ? ".trans" : "") + R"(.shared.b16 {%r11, %r12, %r13, %r14}, [%r4];
      mov.b64 %rd0, {%r11, %r14};
)";
    const auto got = results(text, lanes(32, self), 512);
    for (uint64_t t = 0; t < 32; ++t) {
      const auto at = [](uint64_t m, uint64_t row, uint64_t col) { return m * 64 + row * 8 + col; };
      const auto pair = [&](uint64_t m) {
        const uint64_t i = t / 4, j = t % 4 * 2;
        return transposed ? at(m, j, i) | at(m, j + 1, i) << 16 : at(m, i, j) | at(m, i, j + 1) << 16;
      };
      REQUIRE(got[t] == (pair(0) | pair(3) << 32));
    }
  }
}

// run_for(element) is that element of d in each lane: `here` is in one place of d, `elsewhere` in all others.
template <class RunFor>
void expect_in_one_place(RunFor&& run_for, int lane, int element, uint32_t here, uint32_t elsewhere) {
  for (int i = 0; i < 4; ++i) {
    const auto got = run_for(i);
    for (int t = 0; t < 32; ++t) REQUIRE(uint32_t(got[size_t(t)]) == (t == lane && i == element ? here : elsewhere));
  }
}

// The ISA's figures for m16n8k16: one element of a and one of b is 1, the rest 0, so d is 1 in one place.
TEST_CASE("mma finds its elements", "[ptx]") {
  struct {
    int a_lane, a_element, b_lane, b_element, d_lane, d_element;
    const char* why;
  } cases[] = {
      {0, 0, 0, 0, 0, 0, "row 0, k 0, column 0"},
      {0, 1, 0, 1, 0, 0, "k 1 is the upper half"},
      {0, 2, 0, 0, 0, 2, "row 8"},
      {1, 4, 1, 2, 0, 0, "k 10"},
      {1, 6, 1, 2, 0, 2, "row 8, k 10"},
      {29, 7, 5, 3, 28, 2, "row 15, k 11, column 1: even columns are elements 0 and 2"},
  };
  for (const char* type : {"f16", "bf16"}) {
    const uint64_t one = type[0] == 'b' ? seedstory::f32_to_bf16(1) : seedstory::f32_to_f16(1);
    for (const auto& [al, ae, bl, be, dl, de, why] : cases) {
      INFO(type << ": " << why);
      const int column = bl / 4;
      std::vector<Brought> brought(32);
      // %rd1, %rd2: a; %rd3: b.
      (ae < 4 ? brought[size_t(al)].a : brought[size_t(al)].b) |= one << 16 * (ae % 4);
      brought[size_t(bl)].c |= one << 16 * be;
      const std::string t = type;
      const auto run_for = [&](int element) {
        return results(
            "mov.b64 {%r4, %r5}, %rd1; mov.b64 {%r6, %r7}, %rd2; mov.b64 {%r8, %r9}, %rd3;"
            "mov.f32 %f4, 0f40000000; mov.f32 %f5, %f4; mov.f32 %f6, %f4; mov.f32 %f7, %f4;"
            "mma.sync.aligned.m16n8k16.row.col.f32." +
                t + "." + t +
                ".f32 {%f4, %f5, %f6, %f7},"
                "{%r4, %r5, %r6, %r7}, {%r8, %r9}, {%f4, %f5, %f6, %f7}; mov.f32 %f0, %f" +
                std::to_string(4 + element) + ";",
            brought);
      };
      expect_in_one_place(run_for, dl + column / 2, de + column % 2, std::bit_cast<uint32_t>(3.0f),
                          std::bit_cast<uint32_t>(2.0f));
    }
  }
}

// The same of m16n8k32, by bytes: -128 times -128, added to 2.
TEST_CASE("mma of int8 finds its elements", "[ptx]") {
  struct {
    int a_lane, a_byte, b_lane, b_byte, d_lane, d_element;
    const char* why;
  } cases[] = {
      {0, 0, 0, 0, 0, 0, "row 0, k 0, column 0"},
      {0, 3, 0, 3, 0, 0, "k 3 is the highest byte"},
      {1, 2, 1, 2, 0, 0, "k 6"},
      {0, 4, 0, 0, 0, 2, "row 8"},
      {1, 9, 1, 5, 0, 0, "k 21"},
      {1, 13, 1, 5, 0, 2, "row 8, k 21"},
      {31, 15, 7, 7, 28, 2, "row 15, k 31, column 1: even columns are elements 0 and 2"},
  };
  for (const auto& [al, ab, bl, bb, dl, de, why] : cases) {
    INFO(why);
    const int column = bl / 4;
    std::vector<Brought> brought(32);
    // %rd1, %rd2: a; %rd3: b.
    (ab < 8 ? brought[size_t(al)].a : brought[size_t(al)].b) |= uint64_t(0x80) << 8 * (ab % 8);
    brought[size_t(bl)].c |= uint64_t(0x80) << 8 * bb;
    const auto run_for = [&](int element) {
      return results(
          "mov.b64 {%r4, %r5}, %rd1; mov.b64 {%r6, %r7}, %rd2; mov.b64 {%r8, %r9}, %rd3; mov.u32 %r10, 2;"
          "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r11, %r12, %r13, %r14}, {%r4, %r5, %r6, %r7},"
          "{%r8, %r9}, {%r10, %r10, %r10, %r10}; mov.u32 %r0, %r" +
              std::to_string(11 + element) + ";",
          brought);
    };
    expect_in_one_place(run_for, dl + column / 2, de + column % 2, 128 * 128 + 2, 2);
  }
}

// --- Barriers

TEST_CASE("bar.sync lets every thread see what the others wrote, and its absence shows", "[ptx][caught]") {
  const auto reversed = [](const char* sync) {
    return results(
        std::string("mov.u32 %r4, room; shl.b32 %r5, %r1, 2; add.u32 %r6, %r4, %r5; st.shared.u32 [%r6], %r1;") + sync +
            "sub.u32 %r7, 63, %r1; shl.b32 %r7, %r7, 2; add.u32 %r7, %r4, %r7; ld.shared.u32 %r0, [%r7];",
        lanes(64, self), 256);
  };
  simt::under_each_schedule([&] {
    const auto with = reversed("bar.sync 0;"), without = reversed("");
    for (uint64_t i = 0; i < 64; ++i) REQUIRE(with[i] == 63 - i);
    CHECK(without != with);
  });
}

TEST_CASE("Barriers that threads do not share are reported", "[ptx][caught]") {
  const auto branched = [](const char* limit, const char* then) {
    return said([&] {
      results(std::string("setp.lt.u32 %p1, %r1, ") + limit + "; mov.u32 %r0, 0; @!%p1 bra $L_end;" + then + "$L_end:",
              lanes(64, self));
    });
  };
  CHECK(contains(branched("32", "bar.sync 0;"), "32 threads have exited while their block waits in bar.sync"));
  CHECK(contains(branched("16", "bar.sync 0;"), "waits for lanes of its warp that are elsewhere"));
  CHECK(contains(branched("16", "ret;") + branched("16", "bar.sync 0; bar.sync 0;"), "waits for lanes of its warp"));
}

// --- Memory

TEST_CASE("Accesses outside of a space, or askew, are reported", "[ptx][caught]") {
  struct {
    const char* body;
    const char* says;
  } cases[] = {
      {"ld.shared.u32 %r0, [room+64];", "an access outside of shared memory by lane 0: byte 64 of 64"},
      {"ld.shared.u32 %r0, [room+60];", ""},
      {"ld.shared.u32 %r0, [room+-4];", "an access outside of shared memory"},
      {"mov.u64 %rd4, room; cvta.shared.u64 %rd4, %rd4; ld.u32 %r0, [%rd4+64];", "an access outside of shared memory"},
      {"mov.u64 %rd4, room; cvta.shared.u64 %rd4, %rd4; ld.u32 %r0, [%rd4+60];", ""},
      {"mov.u64 %rd4, depot; ld.local.u32 %r0, [%rd4+64];", "an access outside of local memory"},
      {"mov.u64 %rd4, depot; cvta.local.u64 %rd4, %rd4; st.u32 [%rd4+60], 7; ld.u32 %r0, [%rd4+60];", ""},
      {"ld.param.u32 %r0, [in+8];", "an access outside of the parameters"},
      {"mov.u64 %rd4, in; st.param.u32 [%rd4], %r1; mov.u32 %r0, 0;", "a store to the parameters"},
      {"ld.param.u64 %rd4, [in]; ld.global.u32 %r0, [%rd4+24];", "an access outside of device memory by lane 0"},
      {"ld.param.u64 %rd4, [in]; ld.global.u32 %r0, [%rd4+-4];", "an access outside of device memory by lane 0"},
      {"mov.u64 %rd4, 0; st.global.u32 [%rd4], %r1; mov.u32 %r0, 0;", "an access outside of device memory"},
      {"ld.param.u64 %rd4, [in]; ld.global.v2.u32 {%r0, %r4}, [%rd4+4];", "no multiple of 8 by lane 0"},
      {"ld.param.u64 %rd4, [in]; cvta.to.shared.u64 %rd0, %rd4;", "the address is in another space"},
      {"ld.param.u64 %rd4, [in]; cvta.to.global.u64 %rd4, %rd4; ld.global.u64 %rd0, [%rd4];", ""},
      {"mov.u32 %r4, room; cp.async.cg.shared.global [%r4], [%rd4], 16, 32; mov.u32 %r0, 0;",
       "cp.async reads 32 bytes"},
      {"mov.u32 %r4, room; mov.u64 %rd4, 8; cp.async.cg.shared.global [%r4], [%rd4], 16; mov.u32 %r0, 0;",
       "cp.async from an address that is no multiple of 16"},
      {"mov.u32 %r4, room; mov.u64 %rd4, 16; cp.async.cg.shared.global [%r4], [%rd4], 16; mov.u32 %r0, 0;",
       "cp.async from outside of device memory"},
  };
  for (const auto& [body, says] : cases) {
    INFO(body);
    const std::string error = said([&] { results(body, {{}}, 64); });
    if (says[0] == '\0')
      CHECK(error == "");
    else
      CHECK(contains(error, says));
  }
}

TEST_CASE("An error names the kernel, the line, the block, the warp and the instruction", "[ptx]") {
  const std::string error = said([] { results("ld.shared.u32 %r0, [room];", lanes(64, self)); });
  CHECK(contains(error, "test, PTX line 32, block (0, 0, 0) warp 0: an access outside of shared memory by lane 0"));
  CHECK(contains(error, ": ld.shared.u32 %r0, [room]"));
}

TEST_CASE("Nothing is known to a thread that nobody has written", "[ptx][caught]") {
  CHECK(results("ld.shared.u32 %r0, [room];", {{}}, 64)[0] == 0xffffffff);
  CHECK(results("ld.local.u32 %r0, [depot];", {{}})[0] == 0xffffffff);
  CHECK(results("mov.u32 %r0, %r9;", {{}})[0] == 0xffffffff);
}

TEST_CASE("Loads extend, vectors are in order", "[ptx]") {
  CHECK(result("ld.param.u64 %rd4, [in]; ld.global.s8 %r0, [%rd4];", 0xfe) == 0xfffffffe);
  CHECK(result("ld.param.u64 %rd4, [in]; ld.global.u8 %r0, [%rd4];", 0xfe) == 0xfe);
  CHECK(result("ld.param.u64 %rd4, [in]; ld.global.s32 %rd0, [%rd4];", 0xfffffffe) == uint64_t(-2));
  CHECK(result("ld.param.u64 %rd4, [in]; ld.global.v2.u32 {%r4, %r0}, [%rd4];", 0x0000000700000006) == 7);
  CHECK(result("ld.param.u64 %rd4, [in]; st.global.v2.u32 [%rd4], {%r1, %r2}; ld.global.u64 %rd0, [%rd4];", 1, 2) ==
        0x200000001);
}

TEST_CASE("Atomics return what was there", "[ptx]") {
  const auto got = results(
      "mov.u32 %r4, 0; setp.eq.u32 %p1, %r1, 0; @%p1 st.shared.u32 [room], %r4; bar.sync 0;"
      "atom.shared.add.u32 %r0, [room], 2;",
      lanes(64, self), 16);
  std::vector<bool> seen(64);
  for (uint64_t v : got) {
    REQUIRE(v % 2 == 0);
    REQUIRE(v < 128);
    CHECK_FALSE(seen[v / 2]);
    seen[v / 2] = true;
  }
}

// --- Asynchronous copies

// Copies 8 bytes, of which `read` are read, and then; what is found in shared memory afterwards.
uint64_t copied(const char* read, const char* then) {
  const std::string start = "mov.u32 %r4, room; ld.param.u64 %rd4, [in]; cp.async.ca.shared.global [%r4], [%rd4], 8, ";
  return results(start + read + ";" + then + "ld.shared.u64 %rd0, [room]; cp.async.wait_all;",
                 {{.a = 0x1122334455667788}}, 16)[0];
}

TEST_CASE("Copies land when they are waited for, and bring zeros behind what is read", "[ptx]") {
  const char* const waits = "cp.async.commit_group; cp.async.wait_group 0;";
  simt::under_each_schedule([&] {
    CHECK(copied("8", waits) == 0x1122334455667788);
    CHECK(copied("4", waits) == 0x55667788);
    CHECK(copied("0", waits) == 0);
    CHECK(copied("8", "cp.async.commit_group; cp.async.commit_group; cp.async.wait_group 1;") == 0x1122334455667788);
  });
}

TEST_CASE("A missing or short wait shows when copies land late", "[ptx][caught]") {
  CHECK(copied("8", "") == ~uint64_t(0));
  CHECK(copied("8", "cp.async.commit_group; cp.async.wait_group 1;") == ~uint64_t(0));
  CHECK(copied("8", "cp.async.wait_group 0;") == ~uint64_t(0));  // never committed
  simt::schedule.landing = simt::Landing::early;
  CHECK(copied("8", "") == 0x1122334455667788);
  simt::schedule = {};
  const std::string error = said([] {
    results("mov.u32 %r4, room; ld.param.u64 %rd4, [in]; cp.async.ca.shared.global [%r4], [%rd4], 8; mov.u32 %r0, 0;",
            {{}}, 16);
  });
  CHECK(contains(error, "exits while a cp.async is in flight"));
}

// --- Blocks that wait for each other

// Every block counts itself, and waits until all have.
TEST_CASE("Blocks meet where all of them are resident, else it is a deadlock", "[ptx]") {
  const std::vector<Entry> entries = parse(R"(
.entry meet(.param .u64 out)
{
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  .reg .pred %p<2>;
  ld.param.u64 %rd1, [out];
  mov.u32 %r1, %nctaid.x;
  atom.acq_rel.gpu.global.add.u32 %r2, [%rd1], 1;
$L_wait:
  ld.acquire.gpu.global.u32 %r3, [%rd1];
  setp.lt.u32 %p1, %r3, %r1;
  @%p1 bra $L_wait;
  mov.u32 %r4, %ctaid.x;
  mad.wide.u32 %rd2, %r4, 4, %rd1;
  st.global.u32 [%rd2+4], %r3;
  ret;
}
)");
  const auto start = [&](unsigned blocks) {
    auto* const out = static_cast<uint32_t*>(simt::allocate((1 + blocks) * 4));
    out[0] = 0;
    const simt::Argument arguments[] = {{&out, sizeof out}};
    const std::string error = said([&] { run(entries[0], {"meet", blocks, 1, 0, arguments}); });
    if (error.empty()) CHECK(std::count(out + 1, out + 1 + blocks, blocks) == blocks);
    simt::release(out);
    return error;
  };
  for (uint64_t seed : {0, 1, 2}) {
    simt::schedule = {.seed = seed, .resident = 4};
    CHECK(start(4) == "");
    CHECK(start(3) == "");
    CHECK(contains(start(6), "meet: deadlock: 4 of 6 blocks are resident, 2 wait for room: block ("));
  }
  simt::schedule = {};
  CHECK(start(1) == "");
}

// --- What requests take

TEST_CASE("Wavefronts and sectors of a request", "[ptx]") {
  struct {
    size_t bytes;
    uint64_t first, stride;  // from lane to lane
    uint32_t lanes;
    uint64_t wavefronts, least_wavefronts, sectors, least_sectors;
    const char* why;
  } cases[] = {
      {4, 1024, 4, ~0u, 1, 1, 4, 4, "neighbours"},
      {4, 1040, 4, ~0u, 1, 1, 5, 4, "neighbours, not from a sector's start"},
      {4, 1024, 0, ~0u, 1, 1, 1, 1, "one word for all"},
      {2, 1024, 2, ~0u, 1, 1, 2, 2, "two lanes a word"},
      {1, 1024, 1, ~0u, 1, 1, 1, 1, "four lanes a word"},
      {4, 1024, 8, ~0u, 2, 1, 8, 4, "every other word"},
      {4, 1024, 32, ~0u, 8, 1, 32, 4, "every eighth word"},
      {4, 1024, 128, ~0u, 32, 1, 32, 4, "a column of rows of 32 words"},
      {4, 1024, 132, ~0u, 1, 1, 32, 4, "the same with a word more"},
      {4, 1024, 128, 0xffff, 16, 1, 16, 2, "half of the lanes"},
      {8, 1024, 8, ~0u, 2, 2, 8, 8, "neighbours in halves"},
      {8, 1024, 16, ~0u, 4, 2, 16, 8, "every other pair"},
      {16, 1024, 16, ~0u, 4, 4, 16, 16, "neighbours in quarters"},
      {16, 1024, 16, 0xff00, 1, 1, 4, 4, "one quarter"},
      {16, 1024, 16, 0x8001, 2, 2, 2, 1, "a lane of two quarters"},
      {16, 1024, 32, ~0u, 8, 4, 32, 16, "every other 16 bytes"},
      {16, 1024, 48, ~0u, 4, 4, 32, 16, "an odd number of 16 bytes"},
      {16, 1024, 128, ~0u, 32, 4, 32, 16, "rows of 128 bytes"},
  };
  for (const auto& [bytes, first, stride, lanes, wavefronts, least_wavefronts, sectors, least_sectors, why] : cases) {
    INFO(bytes << " bytes: " << why);
    Addresses addresses;
    for (uint64_t i = 0; i < kWarp; ++i) addresses[i] = first + i * stride;
    Traffic shared, global;
    count_shared(shared, addresses, lanes, bytes);
    count_global(global, addresses, lanes, bytes);
    CHECK(shared.took == wavefronts);
    CHECK(shared.least == least_wavefronts);
    CHECK(global.took == sectors);
    CHECK(global.least == least_sectors);
    CHECK((shared.requests == 1 && global.requests == 1));
  }
}

// --- Launches

TEST_CASE("Launches that do not fit what nvcc made are refused", "[ptx]") {
  const std::vector<Entry> entries = parse(R"(
.entry few(.param .align 8 .b8 args[24], .param .u32 n)
.maxntid 64, 1, 1
{ ret; }
)");
  const char args[32] = {};
  const int n = 0;
  const auto start = [&](simt::Index block, size_t bytes, size_t count, size_t shared_bytes = 0) {
    const simt::Argument arguments[] = {{args, bytes}, {&n, sizeof n}};
    return said([&] { run(entries[0], {"few", 1, block, shared_bytes, {arguments, count}}); });
  };
  CHECK(start(64, 24, 2) == "");
  CHECK(start(65, 24, 2) == "few: a block of 65 threads, built for 64");
  CHECK(start(64, 32, 2) == "few: argument 0 has 32 bytes on the host, 24 for nvcc");
  CHECK(start(64, 24, 1) == "few: 1 arguments, nvcc has 2");
  CHECK(start(64, 24, 2, simt::max_shared_bytes()) == "");
  CHECK(start(64, 24, 2, simt::max_shared_bytes() + 1) == "few: too much shared memory");
  const simt::OnCard on(89);
  CHECK(start(64, 24, 2, 99 * 1024) == "");
  CHECK(start(64, 24, 2, 99 * 1024 + 1) == "few: too much shared memory");
}

TEST_CASE("Both sides name a kernel alike", "[ptx]") {
  CHECK(kernel_name("_ZN9seedstory41_GLOBAL__N__fde7f6b4_9_linear_cu_789204a06linearI6__halfNS0_4TileILi16ELi64ELi16ELi"
                    "16EEELb0EEEvNS0_4ArgsIT_EE") == "linear<f16, Tile<16, 64, 16, 16>, false>");
  CHECK(kernel_name("plain") == "plain");
}

TEST_CASE("Executed instructions are counted by class", "[ptx]") {
  use(R"(
.entry counted(.param .u64 out)
{
  .reg .b32 %r<4>;
  .reg .f32 %f<4>;
  .reg .pred %p<2>;
  mov.u32 %r1, 0;
$L_loop:
  add.s32 %r1, %r1, 1;
  ex2.approx.f32 %f1, %f2;
  add.f32 %f1, %f1, %f1;
  setp.lt.s32 %p1, %r1, 5;
  @%p1 bra $L_loop;
  ret;
}
)");
  simt::instead_of_fibers = nullptr;
  const uint64_t out = 0;
  const simt::Argument arguments[] = {{&out, sizeof out}};
  clear_counts();
  // Looked up by name, as a launch does.
  use("");
  simt::instead_of_fibers({"counted", 3, 64, 0, arguments});
  simt::instead_of_fibers = nullptr;
  const Counts c = counts("counted");
  const uint64_t warps = 3 * 2;
  CHECK(c[Class::exp] == warps * 5);
  CHECK(c[Class::floating] == warps * 5);
  CHECK(c[Class::integer] == warps * (1 + 5 + 5));
  CHECK(c[Class::control] == warps * (5 + 1));
  CHECK(c.total == warps * 27);
  CHECK(report() == "counted: 162, exp 30, float 30, integer 66, control 36\n");
}

}  // namespace
}  // namespace ptx
