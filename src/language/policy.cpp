// Which tokens stay when a picture leaves the window.
#include "language/policy.h"

namespace seedstory {

// Golden rule 3 (the published code's slices, clamped and as a set): a token a stays if a > e of the newest evicted
// picture, or it is one of the first tokens, or (mm_sink) it lies in a span round any evicted picture.
bool SinkPolicy::keeps(int64_t token) const {
  if (evicted_.empty() || token > evicted_.back().end || token < kFirstTokens) return true;
  if (policy_ != Policy::mm_sink) return false;
  for (const Picture& p : evicted_) {
    if (token >= p.begin - spans_.before_begin && token < p.begin + spans_.after_begin) return true;
    if (token >= p.end - spans_.before_end && token < p.end + spans_.after_end) return true;
  }
  return false;
}

std::vector<int64_t> SinkPolicy::add_picture(int64_t begin, int64_t end, const std::vector<int64_t>& kept) {
  if (policy_ != Policy::dense) {
    while (!in_window_.empty() && int64_t(in_window_.size()) + 1 > window_) {
      evicted_.push_back(in_window_.front());
      in_window_.erase(in_window_.begin());
    }
  }
  in_window_.push_back({begin, end});
  std::vector<int64_t> stay;
  for (int64_t token : kept)
    if (keeps(token)) stay.push_back(token);
  return stay;
}

}  // namespace seedstory
