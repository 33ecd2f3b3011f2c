#pragma once

#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_pick_token_cases(Run&& run) {
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
      run(PickToken{.id = in.uninitialized(DType::i32, {1}),
                    .length = counts ? in.integers({1}, 99) : Tensor{},
                    .logits = in.normal(DType::f32, {1, vocab}),
                    .outside_ids = outside ? in.slots(outside, vocab) : Tensor{},
                    .outside = value,
                    .banned = banned});
    }
}

// run(op, id): the rules one by one, and the lowest of equals wins.
template <class Run>
void for_pick_token_rules(Run&& run) {
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
    run(op, id);
  }
}

}  // namespace seedstory
