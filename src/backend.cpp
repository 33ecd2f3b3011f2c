// What a backend does that has nothing better to do.
#include "seedstory/backend.h"

#include <utility>

namespace seedstory {

Backend::~Backend() = default;

void Backend::parallel_for(int64_t count, const std::function<void(int64_t)>& work) {
  for (int64_t i = 0; i < count; ++i) work(i);
}

int64_t Backend::packed_bytes(const Weight& weight, WeightUse) const {
  return weight.bytes();
}

std::unique_ptr<PackedWeight> Backend::pack(const Weight&, WeightUse) {
  return nullptr;
}

void Backend::repeat(Repeat&, const std::function<void()>& work) {
  work();
}

void Backend::run_inside_repeat(const std::function<void()>& work) {
  struct Inside {
    explicit Inside(bool& flag) : flag(flag), before(std::exchange(flag, true)) {}
    ~Inside() { flag = before; }
    bool& flag;
    bool before;
  } inside(in_repeat_);
  work();
}

void Backend::refuse_in_repeat(const char* what) const {
  if (in_repeat_) fail(std::string(what) + " inside of repeat()");
}

std::vector<const char*> Backend::lacking() const {
  return {};
}

std::string DryBackend::name() const {
  return "dry run";
}

void* DryBackend::allocate(int64_t) {
  fail("DryBackend: has no memory");
}

}  // namespace seedstory
