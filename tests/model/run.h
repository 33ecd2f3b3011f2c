// Runs pieces of model code on a backend, from host numbers to host numbers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/activation_bytes.h"
#include "model/weights.h"

namespace seedstory {

inline std::vector<float> download(Backend& be, const Tensor& t) {
  return values_of(be, t);
}

// Runs step(backend, arena) -> Tensor in an arena of just the size that a dry run counts; the result on the host.
template <class F>
std::vector<float> run_sized(Backend& be, F&& step) {
  std::vector<float> result;
  with_scratch(be, [&](Backend& any, Arena& arena) {
    const Tensor out = step(any, arena);
    if (&any == &be) result = download(be, out);
  });
  return result;
}

inline Tensor put(Backend& be, Arena& arena, const std::vector<float>& values, std::initializer_list<int64_t> dims) {
  const Tensor t = arena.make(DType::f32, dims);
  if (t.numel() != int64_t(values.size())) fail("test: " + std::to_string(values.size()) + " values for " + t.str());
  be.upload(t, values.data());
  return t;
}

inline Tensor put(Backend& be, Arena& arena, const std::vector<int32_t>& values) {
  const Tensor t = arena.make(DType::i32, {int64_t(values.size())});
  be.upload(t, values.data());
  return t;
}

// (n, c, h, w) to (n, h, w, c) and back, as (n, c, pixels).
inline std::vector<float> to_nhwc(const std::vector<float>& in, int64_t n, int64_t c) {
  std::vector<float> out(in.size());
  const int64_t pixels = int64_t(in.size()) / (n * c);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < c; ++j)
      for (int64_t p = 0; p < pixels; ++p) out[size_t((i * pixels + p) * c + j)] = in[size_t((i * c + j) * pixels + p)];
  return out;
}
inline std::vector<float> to_nchw(const std::vector<float>& in, int64_t n, int64_t c) {
  std::vector<float> out(in.size());
  const int64_t pixels = int64_t(in.size()) / (n * c);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < c; ++j)
      for (int64_t p = 0; p < pixels; ++p) out[size_t((i * c + j) * pixels + p)] = in[size_t((i * pixels + p) * c + j)];
  return out;
}

// Keeps what a backend is asked to show, feature maps as NCHW, for as long as it lives.
class Probes {
 public:
  explicit Probes(Backend& be) : be_(be) {
    be.on_probe = [this](std::string_view name, const Tensor& t, Layout layout) {
      std::vector<float> values = download(be_, t);
      seen[std::string(name)] = layout == Layout::nhwc ? to_nchw(values, t.dim[0], t.dim[3]) : values;
    };
  }
  ~Probes() { be_.on_probe = nullptr; }

  std::map<std::string, std::vector<float>> seen;

 private:
  Backend& be_;
};

}  // namespace seedstory
