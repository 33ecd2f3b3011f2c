// A backend runs ops: one in-order queue, its own memory, nothing known of any model.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "seedstory/ops.h"

namespace seedstory {

// How a traced tensor is to be written down: as it is, or as a feature map in PyTorch's NCHW.
enum class Layout { rows, nhwc };

// What a backend made of work that is repeated, to run it again in less time (Backend::repeat). Belongs to one work and
// one backend, and is gone before what the work's tensors lie in.
struct Repeat {
  struct Record {
    virtual ~Record() = default;
  };
  std::unique_ptr<Record> record;  // null: nothing yet
};

class Backend {
 public:
  virtual ~Backend();
  virtual std::string name() const = 0;  // for people: "cpu (avx2, 2 threads)"

  // False: nothing runs here, so no weight needs to be read for it.
  virtual bool is_dry() const { return false; }

  // A prompt passes through the LLM in pieces of so many rows: enough to be bound by arithmetic, few enough that
  // activations stay small.
  virtual int64_t rows_at_once() const { return 128; }

  // What allocate() can still hand out, as far as the machine says.
  virtual int64_t free_bytes() const { return std::numeric_limits<int64_t>::max(); }
  virtual void* allocate(int64_t bytes) = 0;  // at a multiple of kAlign, contents undefined; throws ErrorKind::resource
  virtual void release(void* memory) = 0;

  // work(i) for every i of [0, count), on the threads that it has on the host while it runs nothing. What is thrown
  // there comes out here.
  virtual void parallel_for(int64_t count, const std::function<void(int64_t)>& work);

  // Between host memory and this backend's; `t` must be contiguous. After upload() `host` may be used again, and the
  // ops that follow see the bytes; it need not wait for the queue. download() waits until the bytes are there. Inside
  // of share() several threads may upload, each to a place of its own.
  virtual void upload(const Tensor& t, const void* host) = 0;
  virtual void download(void* host, const Tensor& t) = 0;

  // Of the block of memory that a weight lies in which is to be packed: what is asked before anything is there, so only
  // its format and shape count. At least weight.bytes().
  virtual int64_t packed_bytes(const Weight& weight, WeightUse use) const;

  // The weight's bytes are final, laid out at the start of a block of packed_bytes(). May bring them into a faster
  // order anywhere in it: from here on only ops of that use may be called with the weight, or with some of its rows
  // (Weight::rows), as long as what comes back lives and is the weight's `packed`. Null: it stays as it is. Never
  // needed for correctness.
  virtual std::unique_ptr<PackedWeight> pack(const Weight& weight, WeightUse use);

  // Memory beside the op's tensors that it takes to run. A backend keeps it from op to op: the largest counts.
  virtual int64_t scratch_bytes(OpRef) const { return 0; }

  // Runs `work`, which asks the same ops at the same addresses each time, so that what it does depends on the contents
  // of tensors alone: a step counter, a length, ids. A backend may therefore record the ops of one call in `made` and
  // only launch the record at later ones, where `work` is not called. While somebody listens to probes it is. Inside of
  // it nothing is allocated, uploaded or downloaded; a backend that records refuses that. This one has nothing to gain
  // and runs it.
  virtual void repeat(Repeat& made, const std::function<void()>& work);

  // Waits until all that was asked for is done. run() need not: what the host measures or reports after it comes after
  // this.
  virtual void finish() {}

  // Whose kernels run the op: "ours", or a library's name where the backend was asked for one that has it (kernels.h).
  virtual std::string kernels_of(OpRef) const { return "ours"; }

  // The ops that run() refuses here, whatever their tensors: those with no kernel yet.
  virtual std::vector<const char*> lacking() const;

  template <class Op>
  void run(const Op& op) {
    op.check();
    exec(&op);
  }

  // A named place in a model's computation, for --trace and tests. Costs nothing while nobody listens.
  void probe(std::string_view name, const Tensor& t, Layout layout = Layout::rows) {
    if (on_probe) on_probe(name, t, layout);
  }
  std::function<void(std::string_view name, const Tensor& t, Layout layout)> on_probe;

 protected:
  virtual void exec(OpRef op) = 0;  // checked

  // For a repeat() that records: calls `work`, inside of which refuse_in_repeat() throws.
  void run_inside_repeat(const std::function<void()>& work);
  void refuse_in_repeat(const char* what) const;  // "CudaBackend: upload"
  bool is_in_repeat() const { return in_repeat_; }

 private:
  bool in_repeat_ = false;
};

// Runs nothing and hands out no memory: the real model code over it sizes an arena (see arena.h).
class DryBackend final : public Backend {
 public:
  std::string name() const override;
  bool is_dry() const override { return true; }
  void* allocate(int64_t bytes) override;
  void release(void*) override {}
  void upload(const Tensor&, const void*) override {}
  void download(void*, const Tensor&) override {}

 protected:
  void exec(OpRef) override {}
};

}  // namespace seedstory
