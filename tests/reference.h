// The small reference networks of tests/data/reference, and what it takes to hold ours against them.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "golden.h"
#include "model/run.h"

namespace seedstory {

inline std::filesystem::path reference_file(const std::string& name) {
  return std::filesystem::path(SEEDSTORY_SOURCE_DIR) / "tests/data/reference" / name;
}

// One file: `weights.*`, `in.*`, `out.*` (see scripts/golden/make_reference.py). Feature maps are NCHW.
class Reference {
 public:
  explicit Reference(const std::string& name)
      : file_(open_weights(reference_file(name + ".safetensors"))), weights_(strip_prefix(file_, "weights.")) {}

  std::shared_ptr<const TensorSource> weights() const { return weights_; }
  Tensor in(const std::string& name) const { return golden_tensor(*file_, "in." + name); }
  Tensor out(const std::string& name) const { return golden_tensor(*file_, "out." + name); }

 private:
  std::shared_ptr<const TensorSource> file_, weights_;
};

// An arena whose memory is NaN until something writes it.
class NanArena : public Arena {
 public:
  NanArena(Backend& backend, int64_t bytes) : Arena(backend, bytes) {
    Scope scope(*this);
    const std::vector<float> nans(size_t(bytes / 4), std::numeric_limits<float>::quiet_NaN());
    backend.upload(make(DType::f32, {bytes / 4}), nans.data());
  }
};

// A host tensor in the backend's memory: as it is, or a feature map as NHWC.
inline Tensor put(Backend& be, Arena& arena, const Tensor& host) {
  const Tensor t = arena.like(host);
  be.upload(t, host.data);
  return t;
}
inline Tensor put_map(Backend& be, Arena& arena, const Tensor& host) {
  const float* x = host.as<float>();
  const auto nhwc = to_nhwc({x, x + host.numel()}, host.dim[0], host.dim[1]);
  return put(be, arena, nhwc, {host.dim[0], host.dim[2], host.dim[3], host.dim[1]});
}
// A feature map of the backend's as NCHW.
inline std::vector<float> download_map(Backend& be, const Tensor& t) {
  return to_nchw(download(be, t), t.dim[0], t.dim[3]);
}

inline void expect_close(const std::string& what, const Tensor& want, const std::vector<float>& got, double limit) {
  INFO(what << ", expected " << want.str());
  REQUIRE(int64_t(got.size()) == want.numel());
  CHECK(relative_error(want, got.data()) <= limit);
}

}  // namespace seedstory
