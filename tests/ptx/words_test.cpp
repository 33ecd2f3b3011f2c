// The words of gpu.cuh as nvcc compiles them, against the emulator's.
#include <catch.h>

#include <algorithm>
#include <vector>

#include "ptx.h"
#include "word_inputs.h"

namespace seedstory {
namespace {

std::vector<uint32_t> made(const WordTest& word, const std::vector<uint32_t>& values) {
  const size_t bytes = size_t(word.out) * 32 * 4;
  auto* const in = static_cast<uint32_t*>(simt::allocate(values.size() * 4));
  auto* const out = static_cast<uint32_t*>(simt::allocate(bytes));
  std::copy(values.begin(), values.end(), in);
  word.launch(out, in);
  std::vector<uint32_t> result(out, out + size_t(word.out) * 32);
  simt::release(in);
  simt::release(out);
  return result;
}

TEST_CASE("Every word of gpu.cuh is the same as PTX and on fibers", "[ptx]") {
  auto* const run_ptx = simt::instead_of_fibers;
  REQUIRE(run_ptx != nullptr);
  for (const WordTest& word : all_words())
    for (int round = 0; round < kWordRounds; ++round) {
      INFO(word.name);
      const std::vector<uint32_t> values = word_inputs(word, round);
      simt::instead_of_fibers = nullptr;
      const std::vector<uint32_t> fibers = made(word, values);
      simt::instead_of_fibers = run_ptx;
      simt::under_each_schedule([&] {
        const std::vector<uint32_t> ptx = made(word, values);
        for (size_t i = 0; i < ptx.size(); ++i) {
          INFO("lane " << i / size_t(word.out) << ", word " << i % size_t(word.out));
          REQUIRE(agree(word, ptx[i], fibers[i]));
        }
      });
    }
}

// Their values are those of any load, store or addition here, where memory has one order.
TEST_CASE("Every word between blocks has its order", "[ptx]") {
  for (const WordTest& word : all_words()) made(word, std::vector<uint32_t>(size_t(word.in) * 32));
  struct {
    const char* kernel;
    const char* instruction;
  } cases[] = {{"word<AtomicAdd>", "atom.acq_rel.gpu.global.add.u32 "},
               {"word<ReleaseAcquire>", "ld.acquire.gpu.global.u32 "},
               {"word<ReleaseAcquire>", "st.release.gpu.global.u32 "}};
  for (const auto& [kernel, instruction] : cases) {
    INFO(instruction);
    const auto accesses = ptx::memory_accesses(kernel);
    CHECK(std::any_of(accesses.begin(), accesses.end(),
                      [&](const ptx::MemoryAccess& a) { return a.text.find(instruction) != std::string::npos; }));
  }
}

}  // namespace
}  // namespace seedstory
