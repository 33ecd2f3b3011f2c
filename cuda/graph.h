// Work that repeats, as a CUDA graph: its launches are recorded once and then started by one call.
#pragma once

#include <functional>
#include <utility>

#include "gpu.cuh"
#include "seedstory/backend.h"

namespace seedstory {

class Graph final : public Repeat::Record {
 public:
  explicit Graph(Stream stream) : stream_(stream) {}
  ~Graph() override { forget(); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Recorded with this scratch memory, which its kernels have the address of.
  bool is_recorded(const void* scratch) const { return exec_ && scratch_ == scratch; }

  // `work` launches and does nothing else; nothing of it runs.
  void record(const void* scratch, const std::function<void()>& work) {
    forget();
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "begin a graph");
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      cudaStreamEndCapture(stream_, &graph);
      if (graph) cudaGraphDestroy(graph);
      throw;
    }
    check(cudaStreamEndCapture(stream_, &graph), "end a graph");
    const cudaError_t error = cudaGraphInstantiate(&exec_, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "make a graph");
    scratch_ = scratch;
  }

  void launch() { check(cudaGraphLaunch(exec_, stream_), "launch a graph"); }

 private:
  void forget() {
    if (!exec_) return;
    cudaStreamSynchronize(stream_);  // it may still run; what went wrong there, the next check() says
    cudaGraphExecDestroy(std::exchange(exec_, nullptr));
  }

  Stream stream_;
  cudaGraphExec_t exec_ = nullptr;
  const void* scratch_ = nullptr;
};

}  // namespace seedstory
