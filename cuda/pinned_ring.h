// Host memory on its way to the card. What lies in pinned memory the card fetches by itself: an upload copies the
// caller's bytes there and returns, and nobody waits for the queue.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>

#include "gpu.cuh"

namespace seedstory {

// Buffers that are used in turn. Each is allocated when it is first needed.
class PinnedRing {
 public:
  PinnedRing(int buffers, int64_t bytes) : count_(buffers), bytes_(bytes), buffers_(new Buffer[size_t(buffers)]) {}
  // Nothing is on its way any more.
  ~PinnedRing() {
    for (Buffer& b : std::span(buffers_.get(), size_t(count_))) {
      if (b.fetched) cudaEventDestroy(b.fetched);
      if (b.memory) cudaFreeHost(b.memory);
    }
  }
  PinnedRing(const PinnedRing&) = delete;
  PinnedRing& operator=(const PinnedRing&) = delete;

  int64_t buffer_bytes() const { return bytes_; }

  // Starts to bring `bytes` from host memory to the card's. When it returns, `from` may be used again. Several threads
  // may call it, each for a place of its own.
  void upload(char* to, const char* from, int64_t bytes, Stream stream) {
    for (int64_t at = 0; at < bytes; at += bytes_) {
      Buffer& b = buffers_[next_++ % unsigned(count_)];
      const std::lock_guard lock(b.busy);
      make_free(b);
      const size_t size = size_t(std::min(bytes_, bytes - at));
      std::memcpy(b.memory, from + at, size);
      check(cudaMemcpyAsync(to + at, b.memory, size, cudaMemcpyHostToDevice, stream), "upload");
      check(cudaEventRecord(b.fetched, stream), "mark an upload");
    }
  }

 private:
  struct Buffer {
    std::mutex busy;
    void* memory = nullptr;
    cudaEvent_t fetched = nullptr;  // by the card
  };

  void make_free(Buffer& b) const {
    if (!b.memory)
      check(cudaMallocHost(&b.memory, size_t(bytes_)),
            "allocate " + std::to_string(bytes_) + " bytes of pinned host memory");
    if (!b.fetched)
      check(cudaEventCreateWithFlags(&b.fetched, cudaEventDisableTiming), "make an event");
    else
      check(cudaEventSynchronize(b.fetched), "wait for an upload");
  }

  int count_;
  int64_t bytes_;  // of a buffer
  std::unique_ptr<Buffer[]> buffers_;
  std::atomic<unsigned> next_ = 0;
};

}  // namespace seedstory
