// What bench asks of a device that works while the host goes on. How long that takes, only a card can say.
#include "bench/bench.h"

#include <catch.h>

#include <set>

#include "cpu/cpu_backend.h"
#include "io/file.h"
#include "load/published.h"
#include "tiny_model.h"

using namespace seedstory;

namespace {

// The CPU's ops on the CPU's memory, and what was asked in which call of repeat().
class Device final : public Backend {
 public:
  struct Call {
    std::set<const void*> written;  // addresses of the ops' first tensors
    int64_t ops = 0;
  };

  std::string name() const override { return "device"; }
  void* allocate(int64_t bytes) override { return cpu_->allocate(bytes); }
  void release(void* memory) override { cpu_->release(memory); }
  void upload(const Tensor& t, const void* host) override {
    CHECK(!inside_);
    cpu_->upload(t, host);
  }
  void download(void* host, const Tensor& t) override {
    CHECK(!inside_);
    cpu_->download(host, t);
  }
  void repeat(Repeat&, const std::function<void()>& work) override {
    calls.emplace_back();
    inside_ = true;
    work();
    inside_ = false;
  }

  std::vector<Call> calls;
  int64_t plain_ops = 0;

 protected:
  void exec(OpRef ref) override {
    std::visit(
        [&]<class Op>(const Op* op) {
          cpu_->run(*op);
          if (!inside_) {
            ++plain_ops;
            return;
          }
          bool is_first = true;
          op->each([&](const char*, const Tensor& t, Access) {
            if (std::exchange(is_first, false)) calls.back().written.insert(t.data);
          });
          ++calls.back().ops;
        },
        ref);
  }

 private:
  std::unique_ptr<Backend> cpu_ = make_cpu_backend(1);
  bool inside_ = false;
};

struct Benched {
  std::vector<Device::Call> calls;
  int64_t plain_ops;
  std::vector<BenchEntry> entries;
};

Benched bench_ops(const ModelDir& model, const std::string& filter, const Limits& limits, bool is_asynchronous) {
  Device device;
  auto entries = run_bench({{.backend = device, .types = {}, .limits = limits}}, model,
                           {.stages = false, .filter = filter, .repeat = 2, .is_asynchronous = is_asynchronous});
  return {std::move(device.calls), device.plain_ops, std::move(entries[0])};
}

Benched bench_ops(const std::string& filter, const Limits& limits, bool is_asynchronous) {
  TempDir dir;
  write_tiny_model(dir.path());
  return bench_ops(open_model({.dir = dir.path()}), filter, limits, is_asynchronous);
}

constexpr double kFast = 1e15;
const Limits kBoundByMemory{.flops = kFast, .bytes = 1, .source = {}},
    kBoundByArithmetic{.flops = 1, .bytes = kFast, .source = {}};

}  // namespace

TEST_CASE("bench times a device's ops as one record of many calls, launched a third time") {
  const Benched benched = bench_ops("ToPixels", kBoundByArithmetic, true);
  REQUIRE(benched.entries.size() == 1);
  CHECK(benched.entries[0].us > 0);
  CHECK(benched.plain_ops == 0);
  REQUIRE(benched.calls.size() % 3 == 0);
  CHECK(benched.calls.back().ops > 1);
  for (size_t i = 0; i < benched.calls.size(); i += 3) {
    CHECK(benched.calls[i].ops == benched.calls[i + 2].ops);
    CHECK(benched.calls[i].written == benched.calls[i + 2].written);
    CHECK(benched.calls[i].written.size() == 1);  // arithmetic bounds it: nothing has to be cold
  }
}

TEST_CASE("bench gives each call of a device's op its own operands where memory bounds it") {
  const Benched benched = bench_ops("ToPixels", kBoundByMemory, true);
  for (const Device::Call& call : benched.calls) CHECK(int64_t(call.written.size()) == call.ops);
  CHECK(benched.calls.back().ops > 1);
}

// The weights of a large model are in memory when a story's ops ask for them; a small one's are in the cache.
TEST_CASE("bench gives each call of a CPU's op its own operands where memory bounds it and the model is large") {
  const auto written = [](const Benched& benched) { return benched.calls.back().written.size(); };
  const std::string norm = "AddRmsNorm h(1,";
  CHECK(written(bench_ops(published_sizes(), norm, kBoundByMemory, false)) > 1);
  CHECK(written(bench_ops(published_sizes(), norm, kBoundByArithmetic, false)) == 1);
  CHECK(written(bench_ops(norm, kBoundByMemory, false)) == 1);
}

// Its step must stay below its table's end, and nothing sets it back inside of a record.
TEST_CASE("bench runs an op that counts once on each copy") {
  for (const bool is_asynchronous : {true, false}) {
    const Benched benched = bench_ops("SchedulerStep", kBoundByArithmetic, is_asynchronous);
    REQUIRE(!benched.calls.empty());
    for (const Device::Call& call : benched.calls) CHECK(int64_t(call.written.size()) == call.ops);
    CHECK(benched.calls.back().ops > 1);
  }
}
