#include "cpu/cpu_backend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cpu/gemm/packed_weights.h"
#include "cpu/ops/execute.h"
#include "cpu/runtime/control_group.h"
#include "cpu/runtime/memory.h"
#include "cpu/runtime/parallel.h"
#include "cpu/simd/kernels.h"

namespace seedstory {
namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend(const cpu::Kernels& set, int threads, Products products) : context_(set, threads, products) {}

  std::string name() const override {
    const int threads = context_.pool.threads();
    return fmt::format("cpu ({}, {} thread{}{})", context_.kernels.name(), threads, threads == 1 ? "" : "s",
                       context_.products == Products::f32 ? ", q8 and q4 in f32" : "");
  }

  int64_t free_bytes() const override { return cpu::free_memory(); }
  void parallel_for(int64_t count, const std::function<void(int64_t)>& work) override {
    context_.pool.run(count, context_.pool.threads(), [&](int64_t i, int) { work(i); });
  }
  void* allocate(int64_t bytes) override {
    void* memory = cpu::allocate(bytes);
    if (!memory && bytes > 0) fail_resource(fmt::format("cpu: no memory for {} bytes", bytes));
    if (bytes >= cpu::kLargeBlock) touch(static_cast<char*>(memory), bytes);
    return memory;
  }
  void release(void* memory) override { cpu::release(memory); }

  void upload(const Tensor& t, const void* host) override {
    need_contiguous("upload", t);
    if (t.bytes() > 0) std::memcpy(t.data, host, size_t(t.bytes()));
  }
  void download(void* host, const Tensor& t) override {
    need_contiguous("download", t);
    if (t.bytes() > 0) std::memcpy(host, t.data, size_t(t.bytes()));
  }

  int64_t packed_bytes(const Weight& weight, WeightUse use) const override {
    return cpu::packed_bytes(weight, use, context_.kernels);
  }
  std::unique_ptr<PackedWeight> pack(const Weight& weight, WeightUse use) override {
    return cpu::pack_weight(weight, use, context_);
  }

  int64_t scratch_bytes(OpRef ref) const override {
    return std::visit([this](const auto* op) { return cpu::scratch_bytes(*op, context_); }, ref);
  }

 protected:
  void exec(OpRef ref) override {
    std::visit(
        [this](const auto* op) {
          need_f32(*op);
          cpu::execute(*op, context_);
        },
        ref);
  }

 private:
  // The system clears a page where it is first written. A token would wait for that, in each layer whose cache comes to
  // its next large page: here all threads do it.
  void touch(char* memory, int64_t bytes) {
    constexpr int64_t kPage = 4 << 10, kPagesAtOnce = 2048;
    cpu::parallel(context_.pool, cpu::ceil_div(bytes, kPage), kPagesAtOnce, [&](int64_t begin, int64_t end) {
      for (int64_t page = begin; page < end; ++page) memory[page * kPage] = 0;
    });
  }

  static void need_contiguous(const char* what, const Tensor& t) {
    if (!t.contiguous()) fail(fmt::format("cpu: {} of {}, which is not contiguous", what, t.str()));
  }

  // Weights of products are of any format, caches of any type; what only moves elements moves those of any type.
  template <class Op>
  static void need_f32([[maybe_unused]] const Op& op) {
    if constexpr (std::is_same_v<Op, Convert> || std::is_same_v<Op, Embed>) return;
    op.each([](const char* field, const Tensor& t, Access) {
      if (HasWeight<Op> && std::string_view(field).starts_with("w")) return;
      if (std::is_same_v<Op, CacheAttention> && std::string_view(field).ends_with("_cache")) return;
      if (t && t.dtype != DType::f32 && t.dtype != DType::i32 && t.dtype != DType::u8)
        fail(fmt::format("{}: {} is {}, the CPU computes in f32", Op::name, field, t.str()));
    });
  }

  cpu::ExecContext context_;
};

const cpu::Kernels& find_set(CpuSet set) {
  if (set == CpuSet::automatic) return *cpu::kernel_sets().front();
  std::vector<const char*> here;
  for (const cpu::Kernels* kernels : cpu::kernel_sets()) {
    if (kernels->set == set) return *kernels;
    here.push_back(kernels->name());
  }
  fail_resource(fmt::format("--cpu {}: this processor has {}", name_of(kCpuSets, set), fmt::join(here, ", ")));
}

}  // namespace

int cpu_cores() {
  return cpu::usable_cores();
}

CpuSet cpu_set(CpuSet set) {
  return find_set(set).set;
}

WeightFormat cpu_product_type(CpuSet set) {
  return find_set(set).bf16x2 ? WeightFormat::bf16 : WeightFormat::f32;
}

std::unique_ptr<Backend> cpu::make_backend(int threads, const Kernels& set, Products products) {
  if (threads < 0) fail_usage(fmt::format("--threads {}: at least 1, or 0 for one a core", threads));
  return std::make_unique<CpuBackend>(set, threads == 0 ? cpu_cores() : threads, products);
}

std::unique_ptr<Backend> make_cpu_backend(int threads, CpuSet set, Products products) {
  return cpu::make_backend(threads, find_set(set), products);
}

}  // namespace seedstory
