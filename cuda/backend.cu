// CudaBackend: one GPU, one in-order queue, one launch per op. Kernels come in by launch_op and nothing else.
#include <string>
#include <utility>

#include "cuda_backend.h"
#include "kernels/conv2d_weights.h"
#include "launch_op.h"

namespace seedstory {
namespace {

// A launcher that launch_op.h declares is one that is there.
template <class Op>
concept HasKernel = requires(const Op& op, const Queue& queue) {
  launch_op(op, queue);
};

template <class... Ops>
struct WithoutKernel {
  static std::vector<const char*> names() {
    std::vector<const char*> names;
    ((HasKernel<Ops> ? void() : names.push_back(Ops::name)), ...);
    return names;
  }
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int device) {
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "look for a GPU");
    if (device < 0 || device >= devices)
      fail_resource("cuda: there is no device " + std::to_string(device) + "; this machine has " +
                    std::to_string(devices));
    check(cudaSetDevice(device), "use device " + std::to_string(device));
    cudaDeviceProp card;
    check(cudaGetDeviceProperties(&card, device), "ask for the card's properties");
    if (card.major < 8)
      fail_resource(std::string("cuda: ") + card.name + " has compute capability " + std::to_string(card.major) + "." +
                    std::to_string(card.minor) + ", the kernels need 8.0");
    name_ = std::string("cuda (") + card.name + ", " + std::to_string(card.totalGlobalMem >> 20) + " MiB)";
    queue_.multiprocessors = card.multiProcessorCount;
    queue_.compute_capability = card.major * 10 + card.minor;
    check(cudaStreamCreate(&queue_.stream), "make a stream");
  }
  ~CudaBackend() override {
    release(queue_.scratch);
    cudaStreamDestroy(queue_.stream);
  }
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string name() const override { return name_; }
  int64_t rows_at_once() const override { return 1024; }  // tiles of 128 rows for every multiprocessor

  void* allocate(int64_t bytes) override {
    void* memory = nullptr;
    if (bytes > 0) check(cudaMalloc(&memory, size_t(bytes)), "allocate " + std::to_string(bytes) + " bytes");
    return memory;
  }
  void release(void* memory) override {
    cudaStreamSynchronize(queue_.stream);  // the queue may still use it; what went wrong there, the next check() says
    cudaFree(memory);
  }

  void upload(const Tensor& t, const void* host) override {
    need_contiguous(t, "upload");
    if (t.bytes() == 0) return;
    check(cudaMemcpyAsync(t.data, host, size_t(t.bytes()), cudaMemcpyHostToDevice, queue_.stream), "upload " + t.str());
    check(cudaStreamSynchronize(queue_.stream), "upload " + t.str());
  }
  void download(void* host, const Tensor& t) override {
    need_contiguous(t, "download");
    if (t.bytes() == 0) return;
    check(cudaMemcpyAsync(host, t.data, size_t(t.bytes()), cudaMemcpyDeviceToHost, queue_.stream),
          "download " + t.str());
    check(cudaStreamSynchronize(queue_.stream), "download " + t.str());
  }

  int64_t packed_bytes(const Weight& weight, WeightUse use) const override {
    return packs(weight, use) ? std::max(weight.bytes(), bytes_of(conv_rows_shape(weight, use))) : weight.bytes();
  }
  std::unique_ptr<PackedWeight> pack(const Weight& weight, WeightUse use) override {
    if (!packs(weight, use) || weight.values.numel() == 0) return nullptr;
    Tensor rows = conv_rows_shape(weight, use);
    rows.data = weight.values.data;
    if (!is_conv_rows(weight, use)) {
      Weight copy = weight;
      copy.values.data = allocate(weight.bytes());
      launch_op(Convert{.y = copy.values, .x = weight.values}, queue_);
      pack_conv(copy, use, rows, queue_);
      release(copy.values.data);
    }
    return std::make_unique<PackedConv>(rows);
  }

  int64_t scratch_bytes(OpRef ref) const override {
    return std::visit([](const auto* op) { return seedstory::scratch_bytes(*op); }, ref);
  }

  void finish() override { check(cudaStreamSynchronize(queue_.stream), "finish what was asked for"); }

  std::vector<const char*> lacking() const override { return OverOps<WithoutKernel>::names(); }

 protected:
  void exec(OpRef ref) override {
    std::visit(
        [this](const auto* op) {
          if constexpr (HasKernel<std::decay_t<decltype(*op)>>) {
            need_scratch(seedstory::scratch_bytes(*op));
            launch_op(*op, queue_);
          } else {
            fail(std::string(op->name) + ": has no CUDA kernel yet");
          }
        },
        ref);
  }

 private:
  // Grows at the first op that takes more than those before: the largest counts, and later steps allocate nothing.
  void need_scratch(int64_t bytes) {
    if (bytes <= scratch_bytes_) return;
    release(std::exchange(queue_.scratch, nullptr));
    scratch_bytes_ = 0;
    queue_.scratch = allocate(bytes);
    scratch_bytes_ = bytes;
  }

  static bool packs(const Weight& weight, WeightUse use) {
    return (use == WeightUse::conv || use == WeightUse::upsample_conv) && has_conv_rows(weight);
  }

  static void need_contiguous(const Tensor& t, const char* what) {
    if (!t.contiguous()) fail(std::string("CudaBackend: ") + what + " of " + t.str() + ", which is not contiguous");
  }

  std::string name_;
  Queue queue_;
  int64_t scratch_bytes_ = 0;  // of queue_.scratch
};

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(int device) {
  return std::make_unique<CudaBackend>(device);
}

}  // namespace seedstory
