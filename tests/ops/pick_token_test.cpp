#include "ops/cases/pick_token.h"

using namespace seedstory;

constexpr Tolerance kExact{};

TEST_CASE("PickToken matches the oracle", "[ops]") {
  for_pick_token_cases([](const PickToken& op) { expect_matches_oracle(op, kExact); });
}

TEST_CASE("PickToken follows its rules, and the lowest of equals wins", "[ops]") {
  for_pick_token_rules([](const PickToken& op, int id) {
    for (const auto& backend : backends()) CHECK(oracle::result(*backend, op, "id") == std::vector<double>{double(id)});
  });
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
