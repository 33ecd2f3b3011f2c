// Which tokens a cache keeps: arithmetic from the history to slots, without a tensor.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model_config.h"

namespace seedstory {

// Tokens are named by their index in the whole history. Kept tokens stand in order; a token's position is its rank.
class SinkPolicy {
 public:
  // policy: dense, sink or mm_sink. window: pictures kept whole.
  SinkPolicy(Policy policy, int64_t window, const SinkSpans& spans) : policy_(policy), window_(window), spans_(spans) {}

  // A new picture with <img> at `begin` and </img> at `end` is about to be appended to the history: the oldest pictures
  // leave the window. Says which of `kept` (ascending) stay.
  std::vector<int64_t> add_picture(int64_t begin, int64_t end, const std::vector<int64_t>& kept);

 private:
  struct Picture {
    int64_t begin, end;
  };
  bool keeps(int64_t token) const;

  // Of the first window, StreamingLLM's and the published code's number.
  static constexpr int64_t kFirstTokens = 4;

  Policy policy_;
  int64_t window_;
  SinkSpans spans_;
  std::vector<Picture> evicted_, in_window_;  // oldest first
};

}  // namespace seedstory
