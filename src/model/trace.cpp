// Keeps the first tensor of each name.
#include "model/trace.h"

#include "model/weights.h"

namespace seedstory {
namespace {

// (n, h, w, c) -> (n, c, h, w), as PyTorch keeps feature maps.
std::vector<float> to_nchw(const std::vector<float>& from, const Tensor& t) {
  const int64_t n = t.dim[0], pixels = t.dim[1] * t.dim[2], channels = t.dim[3];
  std::vector<float> to(from.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t c = 0; c < channels; ++c)
        to[(i * channels + c) * pixels + p] = from[(i * pixels + p) * channels + c];
  return to;
}

}  // namespace

void Trace::record(Backend& backend, const std::string& name, const Tensor& t, Layout layout) {
  if (names_.count(name)) return;
  std::vector<float> host = values_of(backend, t);
  if (layout == Layout::rows) return record_host(name, Tensor(host.data(), DType::f32, t.dim, size_t(t.rank)));
  host = to_nchw(host, t);
  record_host(name, Tensor(host.data(), DType::f32, {t.dim[0], t.dim[3], t.dim[1], t.dim[2]}));
}

// A view to read.
Tensor Trace::Entry::view() const {
  return Tensor(const_cast<char*>(bytes.data()), type, shape.data(), shape.size());
}

void Trace::record_host(const std::string& name, const Tensor& t) {
  if (!names_.insert(name).second) return;
  const auto* bytes = static_cast<const char*>(t.data);
  entries_.push_back({name, t.dtype, shape_of(t), {bytes, bytes + t.bytes()}});
}

Trace::Listening::Listening(Trace* trace, Backend& backend) : backend_(backend) {
  if (trace)
    backend.on_probe = [trace, &backend](std::string_view name, const Tensor& t, Layout layout) {
      trace->record(backend, std::string(name), t, layout);
    };
}

Trace::Listening::~Listening() {
  backend_.on_probe = nullptr;
}

}  // namespace seedstory
