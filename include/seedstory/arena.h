// Arenas own memory; tensors are views into them.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <vector>

#include "seedstory/backend.h"

namespace seedstory {

// One block of backend memory, handed out from the front. `Scope` gives back everything made since it was opened, so
// that a network's layers share one set of rows.
//
// An arena made with no backend only counts: its tensors have addresses but no memory, and peak_bytes() after a run of
// the real model code over a DryBackend is the size of the block that the real run needs.
class Arena {
 public:
  Arena() = default;  // counts
  Arena(Backend& backend, int64_t bytes)
      : backend_(&backend), base_(static_cast<char*>(backend.allocate(bytes))), size_(bytes) {}
  ~Arena() {
    if (backend_) backend_->release(base_);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  Tensor make(DType type, std::initializer_list<int64_t> dims) {
    Tensor t(nullptr, type, dims);
    t.data = take(t.bytes());
    return t;
  }
  Tensor make(DType type, const int64_t* dims, int rank) {
    Tensor t(nullptr, type, dims, size_t(rank));
    t.data = take(t.bytes());
    return t;
  }
  Tensor like(const Tensor& t) { return make(t.dtype, t.dim, t.rank); }

  // Memory without a shape.
  void* take(int64_t bytes) {
    const int64_t begin = used_;
    used_ += aligned(bytes);
    peak_ = std::max(peak_, used_);
    if (backend_ && used_ > size_)
      fail("Arena: " + std::to_string(used_) + " bytes asked of a block of " + std::to_string(size_));
    return base_ + begin;
  }

  int64_t peak_bytes() const { return peak_; }

  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), used_(arena.used_) {}
    ~Scope() { arena_.used_ = used_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    int64_t used_;
  };

 private:
  Backend* backend_ = nullptr;
  char* base_ = reinterpret_cast<char*>(kAlign);  // a counting arena's addresses are never read
  int64_t size_ = 0, used_ = 0, peak_ = 0;
};

}  // namespace seedstory
