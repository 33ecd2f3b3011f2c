#include "request/request.h"

namespace seedstory {

uint64_t frame_seed(const StoryRequest& request, int64_t index) {
  return request.seed + (request.seed_per_frame ? uint64_t(index) : 0);
}

}  // namespace seedstory
