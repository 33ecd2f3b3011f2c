// CudaBackend: one GPU, one in-order queue, one launch per op. Kernels come in by launch_op and nothing else; of a
// library that was asked for, by the launch_op of its class.
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "cuda_backend.h"
#include "graph.h"
#include "kernels/block_panels.h"
#include "kernels/conv2d_weights.h"
#include "kernels/linear_int8.h"
#include "launch_op.h"
#include "library/cublaslt.h"
#include "library/cudnn.h"
#include "pinned_ring.h"

namespace seedstory {
namespace {

// A launcher that launch_op.h declares is one that is there.
template <class Op>
concept HasKernel = requires(const Op& op, const Queue& queue) {
  launch_op(op, queue);
};

// NVIDIA's libraries, where --kernels asks for them.
struct Libraries {
  CublasLt cublaslt;
  Cudnn cudnn;
  explicit Libraries(Stream stream) : cudnn(stream) {}

  CublasLt& of(const Linear&) { return cublaslt; }
  CublasLt& of(const GatedLinear&) { return cublaslt; }
  Cudnn& of(const Conv2d&) { return cudnn; }
};

template <class Op>
concept HasLibrary = requires(Libraries& libraries, const Op& op) {
  libraries.of(op);
};

template <class... Ops>
struct WithoutKernel {
  static std::vector<const char*> names() {
    std::vector<const char*> names;
    ((HasKernel<Ops> ? void() : names.push_back(Ops::name)), ...);
    return names;
  }
};

constexpr int kLeastCapability = 80;  // cp.async, ldmatrix, mma of bf16

// 13000: 13.0
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string gib_text(size_t bytes) {
  const size_t tenths = (bytes * 10 + (size_t(1) << 29)) >> 30;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

// How many the driver shows, at least one.
int count_devices() {
  int devices = 0, driver = 0, runtime = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && devices > 0) return devices;
  if (error == cudaErrorInsufficientDriver || error == cudaErrorStubLibrary) {
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    if (driver == 0 || error == cudaErrorStubLibrary)
      fail_resource("cuda: there is no NVIDIA driver here (libcuda.so.1)");
    fail_resource("cuda: the NVIDIA driver knows CUDA " + version_text(driver) + ", this program needs CUDA " +
                  version_text(runtime) + "; install a newer driver");
  }
  if (error == cudaSuccess || error == cudaErrorNoDevice) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    fail_resource("cuda: the NVIDIA driver shows no GPU" +
                  (visible ? std::string("; CUDA_VISIBLE_DEVICES is '") + visible + "'" : std::string()));
  }
  check(error, "look for a GPU");
  return 0;
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(int device, bool sync, Kernels kernels, Products products)
      : device_(device), sync_(sync), products_(products) {
    const int devices = count_devices();
    if (device < 0 || device >= devices)
      fail_resource("cuda: there is no device " + std::to_string(device) + "; this machine has " +
                    (devices == 1 ? "one, 0" : std::to_string(devices) + ", 0 to " + std::to_string(devices - 1)));
    check(cudaSetDevice(device), "use device " + std::to_string(device));
    cudaDeviceProp card;
    check(cudaGetDeviceProperties(&card, device), "ask for the card's properties");
    queue_.multiprocessors = card.multiProcessorCount;
    queue_.compute_capability = card.major * 10 + card.minor;
    if (queue_.compute_capability < kLeastCapability)
      fail_resource(std::string("cuda: ") + card.name + " has compute capability " +
                    capability_text(queue_.compute_capability) + ", the kernels need " +
                    capability_text(kLeastCapability));
    name_ = std::string("cuda (") + card.name + ", " + std::to_string(card.totalGlobalMem >> 20) + " MiB)";
    check(cudaStreamCreate(&queue_.stream), "make a stream");
    if (kernels != Kernels::library) return;  // auto: no card has a measured table
    libraries_ = std::make_unique<Libraries>(queue_.stream);
    name_ += " with " + libraries_->cublaslt.name() + " and " + libraries_->cudnn.name();
  }
  ~CudaBackend() override {
    release(queue_.scratch);  // waits
    libraries_.reset();
    cudaStreamDestroy(queue_.stream);
  }
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string name() const override { return name_; }
  int64_t rows_at_once() const override { return kCudaRowsAtOnce; }

  int64_t free_bytes() const override {
    size_t free = 0, all = 0;
    check(cudaMemGetInfo(&free, &all), "ask for the free memory");
    return int64_t(free);
  }
  void* allocate(int64_t bytes) override {
    refuse_in_repeat("CudaBackend: allocate");
    return device_memory(bytes);
  }
  void release(void* memory) override {
    cudaStreamSynchronize(queue_.stream);  // the queue may still use it; what went wrong there, the next check() says
    cudaFree(memory);
  }

  // A weight passes through host memory on its way here: from the disk, perhaps to another type, to pinned memory.
  void parallel_for(int64_t count, const std::function<void(int64_t)>& work) override {
    const int64_t threads = std::min<int64_t>(count, std::max(1u, std::thread::hardware_concurrency()));
    std::atomic<int64_t> next = 0;
    std::exception_ptr thrown;
    std::mutex throwing;
    const auto run = [&] {
      try {
        check(cudaSetDevice(device_), "use device " + std::to_string(device_));  // a thread begins with device 0
        for (int64_t i; (i = next++) < count;) work(i);
      } catch (...) {
        const std::lock_guard lock(throwing);
        if (!thrown) thrown = std::current_exception();
        next = count;
      }
    };
    {
      std::vector<std::jthread> others;
      for (int64_t i = 1; i < threads; ++i) others.emplace_back(run);
      run();
    }
    if (thrown) std::rethrow_exception(thrown);
  }

  void upload(const Tensor& t, const void* host) override {
    refuse_in_repeat("CudaBackend: upload");
    need_contiguous(t, "upload");
    PinnedRing& ring = t.bytes() <= small_.buffer_bytes() ? small_ : large_;
    ring.upload(static_cast<char*>(t.data), static_cast<const char*>(host), t.bytes(), queue_.stream);
  }
  void download(void* host, const Tensor& t) override {
    refuse_in_repeat("CudaBackend: download");
    need_contiguous(t, "download");
    if (t.bytes() == 0) return;
    check(cudaMemcpyAsync(host, t.data, size_t(t.bytes()), cudaMemcpyDeviceToHost, queue_.stream),
          "download " + t.str());
    check(cudaStreamSynchronize(queue_.stream), "download " + t.str());
  }

  int64_t packed_bytes(const Weight& weight, WeightUse use) const override {
    switch (packing_of(weight, use)) {
      case Packing::none:
        return weight.bytes();
      case Packing::blocks:
        return std::max(weight.bytes(), block_panels_shape(weight, use).bytes());
      case Packing::int8:
        return packed_int8_bytes(weight);
      case Packing::conv_rows:
        return std::max(weight.bytes(), bytes_of(conv_rows_shape(weight, use, weight.values.dtype)));
    }
    return 0;
  }
  std::unique_ptr<PackedWeight> pack(const Weight& weight, WeightUse use) override {
    const Packing packing = packing_of(weight, use);
    if (packing == Packing::none || weight.values.numel() == 0) return nullptr;
    const bool is_in_place = packing == Packing::conv_rows && is_conv_rows(weight, use);
    const Weight from = is_in_place ? weight : copy_of(weight);
    std::unique_ptr<PackedWeight> packed;
    if (packing == Packing::blocks) {
      packed = std::make_unique<PackedBlocks>(pack_blocks(from, use, weight.values.data, queue_), weight.values.dim[0]);
    } else if (packing == Packing::int8) {
      packed = pack_int8(weight, from.scales, queue_);
    } else {
      Tensor rows = conv_rows_shape(weight, use, weight.values.dtype);
      rows.data = weight.values.data;
      if (!is_in_place) pack_conv(from, use, rows, queue_);
      packed = std::make_unique<PackedConv>(rows);
    }
    if (!is_in_place) release(from.values.data);
    return packed;
  }

  int64_t scratch_bytes(OpRef ref) const override {
    return std::visit([this](const auto* op) { return scratch_bytes_of(*op); }, ref);
  }

  std::string kernels_of(OpRef ref) const override {
    return std::visit(
        [this]<class Op>(const Op* op) {
          std::string name;
          if constexpr (HasLibrary<Op>)
            if (libraries_) name = libraries_->of(*op).kernels_of(*op);
          return name.empty() ? "ours" : name;
        },
        ref);
  }

  void finish() override {
    refuse_in_repeat("CudaBackend: finish");
    check(cudaStreamSynchronize(queue_.stream), "finish what was asked for");
  }

  // The first time the work runs, and scratch memory grows to what it takes; the second time it is recorded.
  void repeat(Repeat& made, const std::function<void()>& work) override {
    if (on_probe) return work();  // whoever listens may download
    if (sync_ || is_in_repeat()) return run_inside_repeat(work);
    if (!made.record) {
      made.record = std::make_unique<Graph>(queue_.stream);
      return run_inside_repeat(work);
    }
    auto& graph = static_cast<Graph&>(*made.record);
    if (!graph.is_recorded(queue_.scratch)) graph.record(queue_.scratch, [&] { run_inside_repeat(work); });
    graph.launch();
  }

  std::vector<const char*> lacking() const override { return OverOps<WithoutKernel>::names(); }

 protected:
  void exec(OpRef ref) override {
    std::visit(
        [this]<class Op>(const Op* op) {
          if constexpr (HasKernel<Op>) {
            need_scratch(scratch_bytes_of(*op));
            if (!is_launched_by_library(*op)) launch_op(*op, queue_);
            if (sync_) check(cudaStreamSynchronize(queue_.stream), op->name);
          } else {
            fail(std::string(Op::name) + ": has no CUDA kernel yet");
          }
        },
        ref);
  }

 private:
  // A library may have no kernel for the op after all: then ours gets what it takes.
  template <class Op>
  int64_t scratch_bytes_of(const Op& op) const {
    int64_t bytes = seedstory::scratch_bytes(op);
    if constexpr (HasLibrary<Op>)
      if (libraries_) bytes = std::max(bytes, libraries_->of(op).scratch_bytes(op));
    return bytes;
  }
  template <class Op>
  bool is_launched_by_library(const Op& op) {
    if constexpr (HasLibrary<Op>) return libraries_ && libraries_->of(op).launch_op(op, queue_);
    return false;
  }

  void* device_memory(int64_t bytes) const {
    void* memory = nullptr;
    if (bytes <= 0) return memory;
    const cudaError_t error = cudaMalloc(&memory, size_t(bytes));
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      fail_resource("cuda: not enough memory: " + gib_text(size_t(bytes)) + " more were asked for, " +
                    gib_text(size_t(free_bytes())) + " are free on " + name_);
    }
    check(error, "allocate " + std::to_string(bytes) + " bytes");
    return memory;
  }

  // Grows at the first op that takes more than those before: the largest counts, and later steps allocate nothing.
  void need_scratch(int64_t bytes) {
    if (bytes <= scratch_bytes_) return;
    release(std::exchange(queue_.scratch, nullptr));
    scratch_bytes_ = 0;
    queue_.scratch = device_memory(bytes);
    scratch_bytes_ = bytes;
  }

  // What a weight is packed as.
  enum class Packing { none, blocks, int8, conv_rows };
  Packing packing_of(const Weight& weight, WeightUse use) const {
    if (use == WeightUse::linear || use == WeightUse::gated_linear) {
      if (products_ == Products::int8 && weight.format() == WeightFormat::q8) return Packing::int8;
      return weight.scales ? Packing::blocks : Packing::none;
    }
    return weight.scales ? Packing::none : Packing::conv_rows;
  }

  // In a block of its own, which is the caller's.
  Weight copy_of(const Weight& weight) {
    const Weight copy(allocate(weight.bytes()), weight.format(), weight.values.dim, size_t(weight.values.rank));
    for (const auto& [to, from] : {std::pair{&copy.values, &weight.values}, {&copy.scales, &weight.scales}})
      if (*to)
        check(cudaMemcpyAsync(to->data, from->data, size_t(from->bytes()), cudaMemcpyDeviceToDevice, queue_.stream),
              "copy " + from->str());
    return copy;
  }

  static void need_contiguous(const Tensor& t, const char* what) {
    if (!t.contiguous()) fail(std::string("CudaBackend: ") + what + " of " + t.str() + ", which is not contiguous");
  }

  int device_;
  bool sync_;
  Products products_;
  std::string name_;
  Queue queue_;
  std::unique_ptr<Libraries> libraries_;  // null: ours alone
  PinnedRing small_{64, 64 << 10};        // ids, lengths, a feature: many of them between two waits of the queue
  PinnedRing large_{4, 16 << 20};         // pieces of weights: two are on their way while the next are filled
  int64_t scratch_bytes_ = 0;             // of queue_.scratch
};

}  // namespace

std::vector<std::string> cuda_devices() {
  std::vector<std::string> lines;
  const int devices = count_devices();
  for (int device = 0; device < devices; ++device) {
    cudaDeviceProp card;
    size_t free = 0, all = 0;
    check(cudaSetDevice(device), "use device " + std::to_string(device));
    check(cudaGetDeviceProperties(&card, device), "ask for the card's properties");
    check(cudaMemGetInfo(&free, &all), "ask for the free memory");
    const int capability = card.major * 10 + card.minor;
    lines.push_back(std::string(card.name) + ", compute capability " + capability_text(capability) + ", " +
                    std::to_string(card.multiProcessorCount) + " multiprocessors, " + gib_text(free) + " of " +
                    gib_text(all) + " free" + (capability < kLeastCapability ? "; the kernels need 8.0" : ""));
  }
  return lines;
}

std::unique_ptr<Backend> make_cuda_backend(int device, bool sync, Kernels kernels, Products products) {
  return std::make_unique<CudaBackend>(device, sync, kernels, products);
}

}  // namespace seedstory
