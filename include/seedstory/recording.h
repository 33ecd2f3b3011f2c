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
class RecordingBackend final : public Backend {
 public:
  std::string name() const override { return "recording"; }
  bool is_dry() const override { return true; }

  void* allocate(int64_t bytes) override {
    refuse_in_repeat("allocate");
    char* const block = next_;
    next_ += (bytes + 64) / 64 * 64;  // also nothing has an address of its own
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
    refuse_in_repeat("upload");
    ++traffic_.uploads, traffic_.uploaded_bytes += t.bytes();
  }
  void download(void*, const Tensor& t) override {
    refuse_in_repeat("download");
    ++traffic_.downloads, traffic_.downloaded_bytes += t.bytes();
  }

  // Calls `work` each time, and refuses what no record could hold.
  void repeat(Repeat&, const std::function<void()>& work) override {
    struct Inside {
      explicit Inside(bool& flag) : flag(flag) { flag = true; }
      ~Inside() { flag = false; }
      bool& flag;
    } inside(repeats_);
    work();
  }

  void pack(const Tensor& weight, WeightUse use) override { weights_[begin(weight)] = {weight.bytes(), use}; }
  void unpack(const Tensor& weight) override { weights_.erase(begin(weight)); }

  // The ops since the last call, in the order in which they were run.
  std::vector<AnyOp> take_ops() { return std::exchange(ops_, {}); }

  // What passed between the host and here since the last call.
  struct Traffic {
    int64_t uploads = 0, uploaded_bytes = 0, downloads = 0, downloaded_bytes = 0;
  };
  Traffic take_traffic() { return std::exchange(traffic_, {}); }

  // How the weight that `t` is, or is some rows of, was prepared; none: it is no weight.
  WeightUse use_of(const Tensor& t) const {
    auto at = weights_.upper_bound(begin(t));
    if (at == weights_.begin()) return WeightUse::none;
    --at;
    return begin(t) < at->first + at->second.bytes ? at->second.use : WeightUse::none;
  }

  int64_t held_bytes() const { return held_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }

 protected:
  void exec(OpRef op) override {
    std::visit([this](const auto* o) { ops_.emplace_back(*o); }, op);
  }

 private:
  struct Weight {
    int64_t bytes;
    WeightUse use;
  };
  void refuse_in_repeat(const char* what) const {
    if (repeats_) fail(std::string("RecordingBackend: ") + what + " inside of repeat()");
  }
  static const char* begin(const Tensor& t) { return static_cast<const char*>(t.data); }

  char* next_ = reinterpret_cast<char*>(int64_t(1) << 46);  // far from the addresses of an Arena that counts
  std::map<const void*, int64_t> blocks_;                   // to their bytes
  std::map<const char*, Weight> weights_;
  std::vector<AnyOp> ops_;
  Traffic traffic_;
  bool repeats_ = false;
  int64_t held_bytes_ = 0, peak_bytes_ = 0;
};

}  // namespace seedstory
