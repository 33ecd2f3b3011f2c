// A backend that keeps what it is asked for and does none of it. What is measured, planned or counted is then what the
// model's own code does, and nothing is listed by hand.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "seedstory/backend.h"

namespace seedstory {

inline Cost cost_of(const AnyOp& op) {
  return std::visit([](const auto& o) { return o.cost(); }, op);
}

// Whole engines and sessions can be made on it. Memory is counted and not there: addresses are distinct and must not be
// followed, and download() leaves the host's numbers as they are.
class RecordingBackend : public Backend {
 public:
  // What depends on the machine is `machine`'s, if there is one; it must outlive this.
  explicit RecordingBackend(const Backend* machine = nullptr) : machine_(machine) {}

  std::string name() const override { return "recording"; }
  bool is_dry() const override { return true; }

  void* allocate(int64_t bytes) override {
    refuse_in_repeat("RecordingBackend: allocate");
    char* const block = next_;
    next_ += aligned(bytes + 1);  // also nothing has an address of its own
    blocks_[block] = bytes;
    held_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, held_bytes_);
    return block;
  }
  void release(void* block) override {
    held_bytes_ -= blocks_[block];
    blocks_.erase(block);
  }
  void upload(const Tensor& t, const void*) override {
    refuse_in_repeat("RecordingBackend: upload");
    ++traffic_.uploads, traffic_.uploaded_bytes += t.bytes();
  }
  void download(void*, const Tensor& t) override {
    refuse_in_repeat("RecordingBackend: download");
    ++traffic_.downloads, traffic_.downloaded_bytes += t.bytes();
  }

  // Calls `work` each time, and refuses what no record could hold.
  void repeat(Repeat&, const std::function<void()>& work) override { run_inside_repeat(work); }

  int64_t rows_at_once() const override { return machine_ ? machine_->rows_at_once() : Backend::rows_at_once(); }
  int64_t packed_bytes(const Weight& weight, WeightUse use) const override {
    return machine_ ? machine_->packed_bytes(weight, use) : Backend::packed_bytes(weight, use);
  }
  std::unique_ptr<PackedWeight> pack(const Weight&, WeightUse) override { return std::make_unique<PackedWeight>(); }

  // The ops since the last call, in the order in which they were run.
  std::vector<AnyOp> take_ops() { return std::exchange(ops_, {}); }

  // What passed between the host and here since the last call, as it is from the third time on where work repeats.
  struct Traffic {
    int64_t uploads = 0, uploaded_bytes = 0, downloads = 0, downloaded_bytes = 0;
    int64_t launches = 0;  // ops on their own: those of repeat() are in its record
  };
  Traffic take_traffic() { return std::exchange(traffic_, {}); }

  // The most that one of the ops since the last call takes on the machine beside its tensors.
  int64_t take_scratch_bytes() { return std::exchange(scratch_bytes_, 0); }

  int64_t held_bytes() const { return held_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }

 protected:
  void exec(OpRef op) override {
    std::visit([this](const auto* o) { ops_.emplace_back(*o); }, op);
    if (!is_in_repeat()) ++traffic_.launches;
    if (machine_) scratch_bytes_ = std::max(scratch_bytes_, machine_->scratch_bytes(op));
  }

 private:
  const Backend* machine_;
  char* next_ = reinterpret_cast<char*>(int64_t(1) << 46);  // far from the addresses of an Arena that counts
  std::map<const void*, int64_t> blocks_;                   // to their bytes
  std::vector<AnyOp> ops_;
  Traffic traffic_;
  int64_t held_bytes_ = 0, peak_bytes_ = 0, scratch_bytes_ = 0;
};

}  // namespace seedstory
