// The words of gpu.cuh on a card, against what the emulator made of them where this was built (write_words.cpp).
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "../../cuda/cuda_backend.h"
#include "../ptx/word_inputs.h"
#include "catch.h"

namespace seedstory {
namespace {

// By name and round.
using Results = std::map<std::pair<std::string, int>, std::vector<uint32_t>>;

Results of_the_emulator() {
  const char* const elsewhere = std::getenv("WORDS_OF_FIBERS");
  const std::string path = elsewhere ? elsewhere : SEEDSTORY_WORDS_FILE;
  std::ifstream file(path);
  INFO(path);
  REQUIRE(file);
  Results results;
  std::string name, round, values;
  while (std::getline(file, name, '\t') && std::getline(file, round, '\t') && std::getline(file, values)) {
    std::istringstream in(values);
    auto& result = results[{name, std::stoi(round)}];
    for (uint32_t v; in >> std::hex >> v;) result.push_back(v);
  }
  return results;
}

std::vector<uint32_t> on_the_card(Backend& card, const WordTest& word, const std::vector<uint32_t>& values) {
  std::vector<uint32_t> result(size_t(word.out) * 32);
  const Tensor in(card.allocate(int64_t(values.size()) * 4), DType::i32, {int64_t(values.size())});
  const Tensor out(card.allocate(int64_t(result.size()) * 4), DType::i32, {int64_t(result.size())});
  card.upload(in, values.data());
  card.finish();  // the word has a stream of its own
  word.launch(static_cast<uint32_t*>(out.data), static_cast<const uint32_t*>(in.data));
  card.download(result.data(), out);
  card.release(in.data);
  card.release(out.data);
  return result;
}

// FNV-1a.
uint32_t digest(uint32_t so_far, const std::vector<uint32_t>& values) {
  for (const uint32_t v : values) so_far = (so_far ^ v) * 16777619u;
  return so_far;
}

}  // namespace

// An approximation may differ in its last bits, and its digest with it.
TEST_CASE("Every word of gpu.cuh is the same on a card and on fibers", "[words]") {
  const auto card = make_cuda_backend();
  const Results expected = of_the_emulator();
  for (const WordTest& word : all_words()) {
    uint32_t ours = 2166136261u, emulators = ours;
    size_t wrong = 0;
    for (int round = 0; round < kWordRounds; ++round) {
      INFO(word.name);
      REQUIRE(expected.count({word.name, round}) == 1);
      const auto& want = expected.at({word.name, round});
      const auto got = on_the_card(*card, word, word_inputs(word, round));
      REQUIRE(got.size() == want.size());
      for (size_t i = 0; i < got.size(); ++i) wrong += !agree(word, got[i], want[i]);
      ours = digest(ours, got);
      emulators = digest(emulators, want);
    }
    std::printf("%-32s fibers %08x  card %08x  %s\n", word.name, unsigned(emulators), unsigned(ours),
                wrong > 0           ? "WRONG"
                : ours == emulators ? "same bits"
                                    : "within 2^-20");
    INFO(word.name << ": values that are wrong");
    CHECK(wrong == 0);
  }
}

}  // namespace seedstory
