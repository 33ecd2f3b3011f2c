// An op's own memory.
#pragma once

#include <cstdint>
#include <memory>

#include "cpu/runtime/memory.h"
#include "seedstory/error.h"

namespace seedstory::cpu {

// Memory for the inside of one op. Grows to the largest request and stays, so that a step that ran before allocates
// nothing. The contents are undefined.
class Scratch {
 public:
  void* bytes(int64_t count) {
    if (count > size_) {
      memory_.reset();
      size_ = 0;
      memory_.reset(allocate(count));
      if (!memory_) fail_resource("cpu: no memory for " + std::to_string(count) + " bytes of scratch");
      size_ = count;
    }
    return memory_.get();
  }
  float* floats(int64_t count) { return static_cast<float*>(bytes(count * int64_t(sizeof(float)))); }

 private:
  struct Free {
    void operator()(void* p) const { release(p); }
  };
  std::unique_ptr<void, Free> memory_;
  int64_t size_ = 0;
};

}  // namespace seedstory::cpu
