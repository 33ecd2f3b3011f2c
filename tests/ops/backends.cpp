#include "ops/harness.h"
#include "ops/kernel_set.h"

namespace seedstory {

const std::vector<std::unique_ptr<Backend>>& backends() {
  return best_set().backends;
}

}  // namespace seedstory
