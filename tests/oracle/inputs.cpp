// What an op is tested with: numbers in blocks of memory with known ends, and their float formats.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>

#include "oracle/oracle.h"

namespace seedstory::oracle {
namespace {

// The live blocks of all Inputs: a view knows only its address, a transfer must know the block around it.
std::map<const char*, int64_t>& live_blocks() {
  static std::map<const char*, int64_t> blocks;
  return blocks;
}

// A float format of `exponent` and `mantissa` bits, from double with one rounding to nearest even.
uint16_t encode(double value, int exponent, int mantissa) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const int bias = (1 << (exponent - 1)) - 1;
  const uint16_t infinity = uint16_t(((1 << exponent) - 1) << mantissa);
  if (std::isnan(value)) return uint16_t(sign | infinity | 1 << (mantissa - 1));
  double size = std::fabs(value);
  if (std::isinf(size)) return sign | infinity;
  if (size == 0) return sign;
  int e = std::ilogb(size);
  e = std::max(e, 1 - bias);  // subnormals share the exponent of the smallest normal number
  const double units = std::nearbyint(std::ldexp(size, mantissa - e));  // in units of the last place
  uint32_t bits = uint32_t(units);
  if (bits >= uint32_t(1) << (mantissa + 1)) bits >>= 1, ++e;
  if (bits >= uint32_t(1) << mantissa) bits = (bits - (uint32_t(1) << mantissa)) | uint32_t(e + bias) << mantissa;
  return sign | uint16_t(std::min<uint32_t>(bits, infinity));
}

double decode(uint16_t bits, int exponent, int mantissa) {
  const int bias = (1 << (exponent - 1)) - 1;
  const int e = bits >> mantissa & ((1 << exponent) - 1), m = bits & ((1 << mantissa) - 1);
  double size;
  if (e == (1 << exponent) - 1)
    size = m ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else
    size = e == 0 ? std::ldexp(m, 1 - bias - mantissa) : std::ldexp(m + (1 << mantissa), e - bias - mantissa);
  return bits & 0x8000 ? -size : size;
}

template <class T>
T load(const void* from) {
  T v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
void store(void* to, T v) {
  std::memcpy(to, &v, sizeof v);
}

}  // namespace

double get(DType type, const void* from) {
  switch (type) {
    case DType::f32:
      return load<float>(from);
    case DType::f16:
      return decode(load<uint16_t>(from), 5, 10);
    case DType::bf16:
      return decode(load<uint16_t>(from), 8, 7);
    case DType::i32:
      return load<int32_t>(from);
    case DType::u8:
      return load<uint8_t>(from);
    case DType::i8:
      return load<int8_t>(from);
    case DType::i4:
      break;  // has no address of its own
  }
  return 0;
}

void put(DType type, void* to, double value) {
  switch (type) {
    case DType::f32:
      return store(to, float(value));
    case DType::f16:
      return store(to, encode(value, 5, 10));
    case DType::bf16:
      return store(to, encode(value, 8, 7));
    case DType::i32:
      return store(to, int32_t(value));
    case DType::u8:
      return store(to, uint8_t(value));
    case DType::i8:
      return store(to, int8_t(value));
    case DType::i4:
      break;
  }
}

namespace {

// f(linear index, address) for each element in row-major order.
template <class F>
void for_elements(const Tensor& t, F&& f) {
  if (t.dtype == DType::i4) fail("Inputs: " + t.str() + " has no elements with an address");
  const int64_t size = size_of(t.dtype);
  for (int64_t i = 0; i < t.numel(); ++i) {
    int64_t offset = 0, rest = i;
    for (int axis = t.rank - 1; axis >= 0; --axis) {
      offset += rest % t.dim[axis] * t.stride[axis];
      rest /= t.dim[axis];
    }
    f(i, static_cast<char*>(t.data) + offset * size);
  }
}

}  // namespace

std::vector<double> read(const Tensor& t) {
  std::vector<double> out(size_t(t.numel()));
  for_elements(t, [&](int64_t i, const char* at) { out[size_t(i)] = get(t.dtype, at); });
  return out;
}

std::vector<double> rounded_to_int8(const Tensor& x) {
  std::vector<double> numbers = read(x);
  for (size_t begin = 0; begin < numbers.size(); begin += 32) {
    double largest = 0;
    for (size_t i = begin; i < begin + 32; ++i) largest = std::max(largest, std::fabs(numbers[i]));
    const float factor = 127 / float(largest), scale = float(largest) / 127;
    for (size_t i = begin; i < begin + 32; ++i)
      numbers[i] = largest < 0x1p-100 ? 0 : double(float(std::nearbyint(numbers[i] * double(factor)) * double(scale)));
  }
  return numbers;
}

void write(const Tensor& t, const std::vector<double>& values) {
  for_elements(t, [&](int64_t i, char* at) { put(t.dtype, at, values[size_t(i)]); });
}

std::vector<double> read(const Weight& w) {
  if (!w.scales) return read(w.values);
  const int64_t *d = w.values.dim, taps = w.values.rank == 4 ? d[2] * d[3] : 1, k = d[1];
  const std::vector<double> scales = read(w.scales);
  const auto* bytes = static_cast<const uint8_t*>(w.values.data);
  std::vector<double> out;
  for (int64_t row = 0; row < d[0]; ++row)
    for (int64_t c = 0; c < k; ++c)
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int64_t i = (row * k + c) * taps + tap;
        int integer = bytes[w.format() == WeightFormat::q8 ? i : i / 2];
        if (w.format() == WeightFormat::q8 && integer >= 128) integer -= 256;
        if (w.format() == WeightFormat::q4) {
          integer = i % 2 ? integer / 16 : integer % 16;
          if (integer >= 8) integer -= 16;
        }
        out.push_back(integer * scales[size_t((row * (k / 32) + c / 32) * taps + tap)]);
      }
  return out;
}

Packed::Packed(Backend& backend, const Weight& here, WeightUse use)
    : backend_(backend), block_(backend.allocate(backend.packed_bytes(here, use))) {
  weight_ = Weight(block_, here.format(), here.values.dim, size_t(here.values.rank));
  // Rows may lie apart here.
  for (int64_t row = 0; row < here.values.dim[0]; ++row)
    for (auto [to, from] : {std::pair{&weight_.values, &here.values}, {&weight_.scales, &here.scales}})
      if (*to && to->numel() > 0) backend.upload(to->slice(0, row, row + 1), from->slice(0, row, row + 1).data);
  packed_ = backend.pack(weight_, use);
  weight_.packed = packed_.get();
}

Packed::~Packed() {
  packed_.reset();
  backend_.release(block_);
}

Inputs::~Inputs() {
  for (void* block : blocks_) {
    live_blocks().erase(static_cast<char*>(block));
    std::free(block);
  }
}

uint64_t Inputs::next() {  // splitmix64
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

double Inputs::uniform() {
  return (double(next() >> 12) + 0.5) * 0x1p-52;
}

Tensor Inputs::uninitialized(DType type, std::initializer_list<int64_t> dims) {
  Tensor t(nullptr, type, dims);
  // One byte at least: blocks are told apart by their addresses.
  const size_t bytes = size_t(std::max<int64_t>(t.bytes(), 1));
  if (posix_memalign(&t.data, kAlign, bytes) != 0) fail_resource("Inputs: no memory");
  std::memset(t.data, 0xff, bytes);
  blocks_.push_back(t.data);
  live_blocks()[static_cast<char*>(t.data)] = t.bytes();
  return t;
}

Tensor Inputs::normal(DType type, std::initializer_list<int64_t> dims, double scale) {
  const Tensor t = uninitialized(type, dims);
  for_elements(t, [&](int64_t, char* at) {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    put(type, at, scale * radius * std::cos(2 * 3.14159265358979323846 * uniform()));
  });
  return t;
}

Tensor Inputs::values(DType type, std::initializer_list<int64_t> dims, const std::vector<double>& values) {
  const Tensor t = uninitialized(type, dims);
  if (int64_t(values.size()) != t.numel()) fail("Inputs: " + std::to_string(values.size()) + " values for " + t.str());
  for_elements(t, [&](int64_t i, char* at) { put(type, at, values[size_t(i)]); });
  return t;
}

Tensor Inputs::integers(std::initializer_list<int64_t> dims, int64_t below) {
  const Tensor t = uninitialized(DType::i32, dims);
  for_elements(t, [&](int64_t, char* at) { put(DType::i32, at, double(next() % uint64_t(below))); });
  return t;
}

Tensor Inputs::slots(int64_t count, int64_t capacity) {
  std::vector<double> order(static_cast<size_t>(capacity));
  std::iota(order.begin(), order.end(), 0.0);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next() % i]);
  order.resize(size_t(count));
  return values(DType::i32, {count}, order);
}

Weight Inputs::weight(WeightFormat format, std::initializer_list<int64_t> dims) {
  const auto& row = row_of(format);
  if (row.block == 0) return normal(row.values, dims);
  std::vector<int64_t> of_scales(dims);
  of_scales[1] /= row.block;
  Weight w(uninitialized(row.values, dims), Tensor(nullptr, DType::f16, of_scales.data(), of_scales.size()));
  auto* bytes = static_cast<uint8_t*>(w.values.data);
  for (int64_t i = 0; i < w.values.bytes(); ++i) bytes[i] = uint8_t(next());
  // A block's numbers are about as large as normal ones.
  const int64_t* d = w.scales.dim;
  const double scale = format == WeightFormat::q8 ? 1.0 / 73 : 1.0 / 4.6;
  w.scales = d[2] == 0 ? normal(DType::f16, {d[0], d[1]}, scale) : normal(DType::f16, {d[0], d[1], d[2], d[3]}, scale);
  return w;
}

Transfer::~Transfer() {
  for (const Block& block : blocks_) backend_.release(block.there);
}

const Transfer::Block& Transfer::block_of(const void* here) const {
  for (const Block& block : blocks_)
    if (here >= block.here && here <= block.here + block.bytes) return block;
  fail("Transfer: a tensor that was not transferred");
}

Tensor Transfer::there(const Tensor& here) {
  const char* address = static_cast<const char*>(here.data);
  auto found = live_blocks().upper_bound(address);
  if (found == live_blocks().begin()) fail("Transfer: a tensor that no Inputs made");
  --found;
  const auto [begin, bytes] = *found;
  const auto known = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& b) { return b.here == begin; });
  if (known == blocks_.end()) {
    blocks_.push_back({begin, bytes, backend_.allocate(bytes), {}});
    backend_.upload(Tensor(blocks_.back().there, DType::u8, {bytes}), begin);
  }
  const Block& block = block_of(address);
  Tensor t = here;
  t.data = static_cast<char*>(block.there) + (address - block.here);
  return t;
}

void Transfer::fetch() {
  for (Block& block : blocks_) {
    block.after.resize(size_t(block.bytes));
    backend_.download(block.after.data(), Tensor(block.there, DType::u8, {block.bytes}));
  }
}

Tensor Transfer::fetched(const Tensor& here) const {
  const Block& block = block_of(here.data);
  Tensor t = here;
  t.data = const_cast<char*>(block.after.data()) + (static_cast<const char*>(here.data) - block.here);
  return t;
}

std::string Transfer::damage(const std::vector<Tensor>& outputs) const {
  for (const Block& block : blocks_) {
    std::vector<bool> may_change(size_t(block.bytes), false);
    for (const Tensor& t : outputs) {
      if (t.numel() == 0 || &block_of(t.data) != &block) continue;
      for_elements(t, [&](int64_t, const char* at) {
        for (int64_t i = 0; i < size_of(t.dtype); ++i) may_change[size_t(at - block.here + i)] = true;
      });
    }
    for (size_t i = 0; i < may_change.size(); ++i)
      if (!may_change[i] && block.after[i] != block.here[i])
        return "wrote outside its outputs, at byte " + std::to_string(i) + " of a block of " +
               std::to_string(block.bytes);
  }
  return "";
}

std::string compare(const char* field, const Tensor& got, const Exact& exact, Tolerance tolerance) {
  const std::vector<double> values = read(got);
  double worst = 0;  // in units of what is allowed
  size_t at = 0, outside = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double want = exact.value[i];
    const double allowed = tolerance.rel * std::fabs(want) + tolerance.sum * exact.magnitude[i] + tolerance.abs;
    const double error = std::fabs(values[i] - want);
    double excess = error == 0 ? 0 : error / std::max(allowed, 1e-300);
    if (std::isnan(values[i]) != std::isnan(want)) excess = std::numeric_limits<double>::infinity();
    if (std::isinf(want)) excess = values[i] == want ? 0 : std::numeric_limits<double>::infinity();
    if (excess > 1) ++outside;
    if (excess > worst) worst = excess, at = i;
  }
  if (outside == 0) return "";
  std::string index;
  for (int axis = got.rank - 1, rest = int(at); axis >= 0; rest /= int(got.dim[axis--]))
    index = std::to_string(rest % got.dim[axis]) + (index.empty() ? "" : ", ") + index;
  char text[256];
  std::snprintf(text, sizeof text,
                "%s[%s] of %s is %.9g, expected %.9g: %.3g times what is allowed; %zu of %zu outside. ", field,
                index.c_str(), got.str().c_str(), values[at], exact.value[at], worst, outside, values.size());
  return text;
}

}  // namespace seedstory::oracle
