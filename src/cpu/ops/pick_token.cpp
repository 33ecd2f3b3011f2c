// PickToken (ops.h): the largest logit under the rules.
//
// Work   One thread: a pass over the logits, with the few ids that have a rule in order beside it.
// Error  None.
#include <algorithm>
#include <limits>
#include <span>

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

// The ids of the rules, ascending, in `memory`.
std::span<const int32_t> ids_with_rules(const PickToken& op, void* memory) {
  auto* ids = static_cast<int32_t*>(memory);
  int32_t* end = ids;
  if (op.outside_ids) end = std::copy_n(op.outside_ids.as<int32_t>(), op.outside_ids.dim[0], ids);
  if (op.banned >= 0 && op.banned < op.logits.dim[1]) *end++ = op.banned;
  std::sort(ids, end);
  return {ids, end};
}

}  // namespace

template <>
int64_t scratch_bytes(const PickToken& op, const ExecContext&) {
  return ((op.outside_ids ? op.outside_ids.dim[0] : 0) + 1) * int64_t(sizeof(int32_t));
}

template <>
void execute(const PickToken& op, ExecContext& context) {
  const auto* logits = op.logits.as<float>();
  const int64_t vocab = op.logits.dim[1];
  Best best;
  int64_t next = 0;
  for (const int32_t id : ids_with_rules(op, context.scratch.bytes(scratch_bytes(op, context)))) {
    for (; next < id; ++next) best.take(next, logits[next]);
    best.take(id, id == op.banned ? kNever : op.outside);
    next = std::max<int64_t>(next, id + 1);
  }
  for (; next < vocab; ++next) best.take(next, logits[next]);
  *op.id.as<int32_t>() = best.numbers ? best.id : -1;
  if (op.length) ++*op.length.as<int32_t>();
}

}  // namespace seedstory::cpu
