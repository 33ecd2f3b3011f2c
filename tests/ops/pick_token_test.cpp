#include <cmath>

#include "ops/harness.h"

using namespace seedstory;

constexpr Tolerance kExact{};

TEST_CASE("PickToken matches the oracle", "[ops]") {
  struct {
    int64_t vocab, outside;
    float value;
    int banned;
    const char* why;
  } cases[] = {
      {1, 0, 0, -1, "one id"},
      {37, 0, 0, 2, "no picture"},
      {37, 37, 0, -1, "all equal: the lowest id"},
      {37, 37, -INFINITY, 0, "nothing may be chosen"},
      {37, 9, 100, 5, "the picture's tokens are the largest"},
      {2066, 17, -INFINITY, 2, "nano"},
      {32330, 65, 0, -1, "the published vocabulary"},
  };
  for (auto [vocab, outside, value, banned, why] : cases)
    for (bool counts : {false, true}) {
      INFO(why);
      Inputs in(1);
      expect_matches_oracle(PickToken{.id = in.uninitialized(DType::i32, {1}),
                                      .length = counts ? in.integers({1}, 99) : Tensor{},
                                      .logits = in.normal(DType::f32, {1, vocab}),
                                      .outside_ids = outside ? in.slots(outside, vocab) : Tensor{},
                                      .outside = value,
                                      .banned = banned},
                            kExact);
    }
}

TEST_CASE("PickToken follows its rules, and the lowest of equals wins", "[ops]") {
  struct {
    std::vector<double> logits, outside_ids;
    float outside;
    int banned, id;
  } cases[] = {
      {{1, 3, 3, 2}, {}, 0, -1, 1},
      {{1, 3, 3, 2}, {}, 0, 1, 2},
      {{-1, -3, -3, -2}, {2, 1}, 0, -1, 1},
      {{-1, -3, -3, -2}, {2, 1}, 0, 1, 2},
      {{1, 9, 9, 2}, {1, 2}, -INFINITY, -1, 3},
      {{1, 9, 9, 2}, {1, 2, 1}, 0, 3, 0},
      {{-INFINITY, -INFINITY, 0}, {}, 0, 2, 0},
      {{-INFINITY, INFINITY, INFINITY}, {}, 0, -1, 1},
      {{0, NAN, 2}, {}, 0, -1, -1},
      {{0, NAN, 2}, {}, 0, 1, 2},
      {{0, 1, NAN}, {2}, 0, -1, 1},
      {{0, 1}, {}, 0, 7, 1},
  };
  for (const auto& [logits, outside_ids, outside, banned, id] : cases) {
    Inputs in(1);
    const PickToken op{.id = in.uninitialized(DType::i32, {1}),
                       .logits = in.values(DType::f32, {1, int64_t(logits.size())}, logits),
                       .outside_ids = outside_ids.empty()
                                          ? Tensor{}
                                          : in.values(DType::i32, {int64_t(outside_ids.size())}, outside_ids),
                       .outside = outside,
                       .banned = banned};
    for (const auto& backend : backends()) CHECK(oracle::result(*backend, op, "id") == std::vector<double>{double(id)});
  }
}

TEST_CASE("PickToken says what is wrong", "[ops]") {
  Inputs in(1);
  const PickToken good{.id = in.uninitialized(DType::i32, {1}),
                       .length = in.uninitialized(DType::i32, {1}),
                       .logits = in.uninitialized(DType::f32, {1, 9}),
                       .outside_ids = in.uninitialized(DType::i32, {3})};
  CHECK(complaint(good) == "");
  CHECK(complaint(good, &PickToken::length, {}) == "");
  CHECK(complaint(good, &PickToken::outside_ids, {}) == "");
  CHECK(complaint(good, &PickToken::logits, in.uninitialized(DType::f32, {9})) ==
        "PickToken: logits is f32(9), expected f32(1, vocab)");
  CHECK(complaint(good, &PickToken::logits, in.uninitialized(DType::f16, {1, 9})) ==
        "PickToken: logits is f16(1, 9), expected f32(1, 9)");
  CHECK(complaint(good, &PickToken::logits, in.uninitialized(DType::f32, {2, 9})) ==
        "PickToken: logits is f32(2, 9), expected (1, 9)");
  CHECK(complaint(good, &PickToken::logits, in.uninitialized(DType::f32, {1, 0})) ==
        "PickToken: logits is f32(1, 0), expected at least 1 in axis 1");
  CHECK(complaint(good, &PickToken::id, in.uninitialized(DType::i32, {2})) == "PickToken: id is i32(2), expected (1)");
  CHECK(complaint(good, &PickToken::length, in.uninitialized(DType::f32, {1})) ==
        "PickToken: length is f32(1), expected i32(1)");
  CHECK(complaint(good, &PickToken::outside_ids, in.uninitialized(DType::i32, {3, 1})) ==
        "PickToken: outside_ids is i32(3, 1), expected i32(n)");
  PickToken odd = good;
  odd.banned = -2;
  CHECK(complaint(odd) == "PickToken: banned is -2, expected at least -1");
}
