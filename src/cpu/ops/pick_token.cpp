// PickToken (ops.h): the largest logit under the rules.
//
// Work   One thread: a pass over the logits, with the few ids that have a rule in order beside it.
// Error  None.
#include <algorithm>
#include <limits>
#include <vector>

#include "cpu/ops/execute.h"

namespace seedstory::cpu {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

struct Best {
  int32_t id = 0;
  float logit = kNever;  // the lowest id wins where all are this
  bool numbers = true;

  void take(int64_t i, float l) {
    numbers &= l == l;
    if (l > logit) id = int32_t(i), logit = l;
  }
};

// The ids of the rules, ascending.
std::vector<int32_t> ids_with_rules(const PickToken& op) {
  std::vector<int32_t> ids;
  if (op.outside_ids) ids.assign(op.outside_ids.as<int32_t>(), op.outside_ids.as<int32_t>() + op.outside_ids.dim[0]);
  if (op.banned >= 0 && op.banned < op.logits.dim[1]) ids.push_back(op.banned);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

template <>
void execute(const PickToken& op, ExecContext&) {
  const auto* logits = op.logits.as<float>();
  const int64_t vocab = op.logits.dim[1];
  Best best;
  int64_t next = 0;
  for (const int32_t id : ids_with_rules(op)) {
    for (; next < id; ++next) best.take(next, logits[next]);
    best.take(id, id == op.banned ? kNever : op.outside);
    next = std::max<int64_t>(next, id + 1);
  }
  for (; next < vocab; ++next) best.take(next, logits[next]);
  *op.id.as<int32_t>() = best.numbers ? best.id : -1;
  if (op.length) ++*op.length.as<int32_t>();
}

}  // namespace seedstory::cpu
