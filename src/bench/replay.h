// One op of a recording, again, on a real backend with buffers of its own.
#pragma once

#include <string>
#include <vector>

#include "seedstory/recording.h"

namespace seedstory {

// What tells ops apart: "Linear x(64, 256) w(1024, 256) bias(1024) gelu". A * is a view whose rows do not follow each
// other.
std::string describe(const AnyOp& op);

class Replay {
 public:
  // Tensors overlap as they did in the recording, and its packed weight is packed. ErrorKind::resource: no memory.
  Replay(Backend& backend, const AnyOp& op);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  void refill();  // harmless numbers everywhere but in weights: ops that write over their input must not run dry
  // What the op counts on begins again, as a table has an end: before each run of one that is_counting().
  void rewind();
  bool is_counting() const { return !counters_.empty(); }
  int64_t bytes() const;  // of its tensors and its weight
  void run();

 private:
  struct Block {
    const char* begin;  // in the recording
    const char* end;
    void* allocated;
    char* memory;  // what stands for `begin`
    DType dtype;
  };
  void make_weight();
  void find_blocks();
  void allocate();
  void fill(char* memory, int64_t bytes, DType type);
  void fill_indices();
  void fill_indices(const Tensor& t);

  Backend& backend_;
  AnyOp op_;
  std::vector<Block> blocks_;
  void* weight_ = nullptr;  // its block, beside those of the other tensors
  int64_t weight_bytes_ = 0;
  std::unique_ptr<PackedWeight> packed_;
  std::vector<Tensor> counters_;  // what the op counts on
};

}  // namespace seedstory
